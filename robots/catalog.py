"""The arms and machines on hand: one file with a `SPEC` in `models/` or `machines/` adds one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

from robots.machine_body import MachineSpec
from robots.spec import ArmSpec


def _names(folder: str) -> tuple[str, ...]:
    found = pkgutil.iter_modules([str(Path(__file__).parent / folder)])
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))


ARMS: tuple[str, ...] = _names("models")
MACHINES: tuple[str, ...] = _names("machines")


def _spec(what: str, folder: str, name: str, allowed: tuple[str, ...]) -> Any:
    if name not in allowed:
        close = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0.4)
        hint = f"; the nearest is {close[0]!r}" if close else ""
        raise ValueError(f"{what} {name!r}: allowed are {', '.join(allowed)}{hint}")
    return getattr(importlib.import_module(f"robots.{folder}.{name}"), "SPEC", None)


@cache
def arm_spec(name: str) -> ArmSpec:
    """Return the specification of an arm by its name in `ARMS`.

    Raises:
        ValueError: there is no such arm, or its file holds no `ArmSpec` of that name.
    """
    spec = _spec("robot", "models", name, ARMS)
    if not isinstance(spec, ArmSpec) or spec.name != name:
        raise ValueError(f"robots/models/{name}.py: SPEC must be an ArmSpec named {name!r}")
    return spec


@cache
def machine_spec(name: str) -> MachineSpec:
    """Return the specification of a machine by its name in `MACHINES`.

    Raises:
        ValueError: there is no such machine, or its file holds no `MachineSpec`.
    """
    spec = _spec("machine", "machines", name, MACHINES)
    if not isinstance(spec, MachineSpec):
        raise ValueError(f"robots/machines/{name}.py: SPEC must be a MachineSpec")
    return spec
