"""Folders outside the packages that add to them: `MONOZUKURI_PATH` names them.

The variable holds folders, separated as in PATH. It is read once, on the first import; processes that are
started inherit it. Each folder mirrors the project: `tasks/*.py`, `arms/*.py`, `machines/*.py`, `agents/*.py`
with `agents/*.yaml`, `parts/*.yaml`, `factors/*.yaml`; for lots on a machine tool `processes/*.yaml`,
`machines/*.yaml`, `materials/*.yaml`, `regions/*.yaml`. Python files join the package that their kind lives
in, so `tasks/turn_part.py` is imported as `envs.cell.tasks.turn_part`, when it is first needed. Nothing is
taken from any other place, and nothing replaces what is built in.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType

VARIABLE = "MONOZUKURI_PATH"
KINDS = ("tasks", "arms", "machines", "agents", "parts", "factors", "processes", "materials", "regions")
# What a file may be called: a Python name, or with hyphens where it is data.
_NAMES = {".py": re.compile(r"_?[a-z][a-z0-9_]*"), ".yaml": re.compile(r"[a-z][a-z0-9_-]*")}


class ExtensionError(ValueError):
    """What is wrong with a folder or file from outside, in one line that names it."""


@cache
def roots() -> tuple[Path, ...]:
    """The folders that the variable names.

    Raises:
        ExtensionError: for one that does not exist or holds nothing that can be added.
    """
    named = [Path(text).expanduser() for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    for root in named:
        if not root.is_dir():
            raise ExtensionError(f"{VARIABLE}: {root} is not a folder")
        inside = [path.name for path in sorted(root.iterdir()) if path.is_dir()]
        for name in inside:
            near = difflib.get_close_matches(name, KINDS, 1, 0.8)
            if near and name not in KINDS:
                raise ExtensionError(f"{root / name}: unknown folder; did you mean {near[0]!r}?")
        if not set(inside) & set(KINDS):
            raise ExtensionError(f"{VARIABLE}: {root} holds none of the folders {', '.join(KINDS)}")
    # Absolute, as processes may work elsewhere; once each, in the order given.
    return tuple(dict.fromkeys(root.resolve() for root in named))


def added(kind: str, own: Iterable[str] = (), suffix: str = ".py") -> Mapping[str, Path]:
    """Files from outside by name; those that begin with an underscore are helpers and left out.

    Args:
        kind: One of `KINDS`.
        own: Names that are built in.
        suffix: ".py" or ".yaml".

    Raises:
        ExtensionError: for a name that is built in, given twice, or none.
    """
    taken, found = set(own), dict[str, Path]()
    for root in roots():
        for path in sorted((root / kind).glob(f"*{suffix}")):
            name = path.stem
            if not _NAMES[suffix].fullmatch(name):
                raise ExtensionError(f"{path}: a name of small letters, digits and underscores is needed")
            if name in taken:
                raise ExtensionError(f"{path}: {name!r} is built in; another name is needed")
            if name in found:
                raise ExtensionError(f"{path}: {name!r} is taken by {found[name]}; another name is needed")
            found[name] = path
    return MappingProxyType({name: path for name, path in found.items() if not name.startswith("_")})


def search_path(kind: str, package: Iterable[str]) -> list[str]:
    """Folders in which a package looks for modules besides its own, `package`.

    Raises:
        ExtensionError: for a module that the package has already.
    """
    added(kind, (module.name for module in iter_modules(list(package))))
    return [str(root / kind) for root in roots() if (root / kind).is_dir()]


def module(name: str, file: Path | None) -> ModuleType:
    """Imports a module; whatever fails in a `file` from outside is told in one line.

    Raises:
        ExtensionError: for a file from outside that cannot be imported.
    """
    if file is None:
        return import_module(name)
    try:
        return import_module(name)
    except Exception as error:
        told = next(iter(str(error).splitlines()), "")
        raise ExtensionError(f"{file}: {type(error).__name__}: {told}") from error
