"""The arms on hand: one file with a `SPEC` in `robots/models/` adds one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from pathlib import Path

from robots.spec import ArmSpec

ARMS: tuple[str, ...] = tuple(
    sorted(
        module.name
        for module in pkgutil.iter_modules([str(Path(__file__).parent / "models")])
        if not module.name.startswith("_")
    )
)


@cache
def arm_spec(name: str) -> ArmSpec:
    """Return the specification of an arm by its name in `ARMS`.

    Raises:
        ValueError: there is no such arm, or its file holds no `ArmSpec` of that name.
    """
    if name not in ARMS:
        close = difflib.get_close_matches(str(name), ARMS, n=1, cutoff=0.4)
        hint = f"; the nearest is {close[0]!r}" if close else ""
        raise ValueError(f"robot {name!r}: allowed are {', '.join(ARMS)}{hint}")
    spec = getattr(importlib.import_module(f"robots.models.{name}"), "SPEC", None)
    if not isinstance(spec, ArmSpec) or spec.name != name:
        raise ValueError(f"robots/models/{name}.py: SPEC must be an ArmSpec named {name!r}")
    return spec
