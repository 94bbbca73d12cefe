"""Which of the project's code a result depends on, as hashes: another hash, maybe another result.

A git commit is too coarse for that: a new page of documentation changes it, and no result.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from configs.strict_yaml import read_yaml
from experiments.guard import ROOT

_PACKAGES = ("robots", "envs", "agents", "configs")
# Found by name at run time, so that no import tells of them; a split's file is told by its own hash.
_CELL_DATA = ("robots/**/*.py", "configs/parts/*.yaml", "configs/factors/*.yaml")
_LOT_DATA = tuple(
    f"configs/{folder}/*.yaml" for folder in ("machines", "machining", "materials", "processes")
)

_SHIFT_DATA = ("configs/shift/**/*.yaml", "configs/shift/**/*.json", "configs/decider/*.yaml")


@cache
def cell_hash(task: str) -> str:
    """Return the hash of what makes a cell's episodes: the task, the cell, robots, parts.

    Args:
        task: The task's module, such as "load_chuck"; one from outside has no file here.
    """
    return _digest(_closure(("envs.cell.core", f"envs.cell.tasks.{task}")) | _files(_CELL_DATA))


@cache
def lot_hash() -> str:
    """Return the hash of what makes lots of parts on a machine tool."""
    return _digest(_closure(("envs.machining.env",)) | _files(_LOT_DATA))


@cache
def shift_hash() -> str:
    """Return the hash of what makes shifts: the cell's hours, machine tools, all who may decide."""
    modules = ["envs.shift.shift", "envs.shift.cycles", "agents.crews"]
    for path in sorted(_files(("configs/decider/*.yaml",))):
        modules.append(str(read_yaml(path.read_text(encoding="utf-8"), str(path))["class"]).partition(":")[0])
    return _digest(_closure(modules) | _files((*_SHIFT_DATA, *_LOT_DATA)))


@cache
def policy_hash(module: str) -> str:
    """Return the hash of the code of a policy: its module and what that imports of the project."""
    return _digest(_closure((module,)))


def files_hash(paths: Iterable[Path]) -> str:
    """Return the hash of some files and their names, such as those of a trained policy."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\n")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _files(patterns: Iterable[str]) -> set[Path]:
    return {path for pattern in patterns for path in ROOT.glob(pattern)}


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _closure(modules: Iterable[str]) -> set[Path]:
    """Return the files of modules and of all that they import, directly or not, within functions too."""
    found: set[Path] = set()
    queue = list(modules)
    while queue:
        path = _file(queue.pop())
        if path is None or path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                queue += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                queue += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def _file(module: str) -> Path | None:
    if module.partition(".")[0] not in _PACKAGES:
        return None
    path = ROOT.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)
