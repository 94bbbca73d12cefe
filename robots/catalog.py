"""The arms and machines on hand: one file with a `SPEC` in `models/` or `machines/` adds one."""

from __future__ import annotations

import difflib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

from configs import extensions
from robots.machine_body import MachineSpec
from robots.spec import ArmSpec


def _names(folder: str, kind: str) -> tuple[str, ...]:
    """Built-in names, then those from outside."""
    found = pkgutil.iter_modules([str(Path(__file__).parent / folder)])
    own = sorted(module.name for module in found)
    return (*(name for name in own if not name.startswith("_")), *extensions.added(kind, own))


ARMS: tuple[str, ...] = _names("models", "arms")
MACHINES: tuple[str, ...] = _names("machines", "machines")


def _spec(what: str, folder: str, kind: str, name: str, allowed: tuple[str, ...]) -> tuple[Any, str]:
    """The `SPEC` of a file, and the file's name for an error."""
    if name not in allowed:
        close = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0.4)
        hint = f"; the nearest is {close[0]!r}" if close else ""
        raise ValueError(f"{what} {name!r}: allowed are {', '.join(allowed)}{hint}")
    file = extensions.added(kind).get(name)
    module = extensions.module(f"robots.{folder}.{name}", file)
    return getattr(module, "SPEC", None), str(file or f"robots/{folder}/{name}.py")


@cache
def arm_spec(name: str) -> ArmSpec:
    """Return the specification of an arm by its name in `ARMS`.

    Raises:
        ValueError: there is no such arm, or its file holds no `ArmSpec` of that name.
    """
    spec, file = _spec("robot", "models", "arms", name, ARMS)
    if not isinstance(spec, ArmSpec) or spec.name != name:
        raise ValueError(f"{file}: SPEC must be an ArmSpec named {name!r}")
    return spec


@cache
def machine_spec(name: str) -> MachineSpec:
    """Return the specification of a machine by its name in `MACHINES`.

    Raises:
        ValueError: there is no such machine, or its file holds no `MachineSpec`.
    """
    spec, file = _spec("machine", "machines", "machines", name, MACHINES)
    if not isinstance(spec, MachineSpec):
        raise ValueError(f"{file}: SPEC must be a MachineSpec")
    return spec
