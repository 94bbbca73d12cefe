"""Data files by name: those of `configs/`, then those that folders outside the packages add."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from configs import extensions


class Data(NamedTuple):
    """What a file holds, what to call it in an error, and the hash of its text."""

    content: Any
    source: str
    sha256: str


def names(folder: str, others: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return what there is in `configs/<folder>`, then from outside, without `.yaml`.

    Args:
        folder: Such as "processes".
        others: Names that one from outside may not have either.

    Raises:
        ExtensionError: for a file from outside whose name is taken.
    """
    own = tuple(_own(folder))
    return (*own, *_outside(folder, (*own, *others)))


def read(folder: str, name: str) -> Data:
    """Read the file of one of `names(folder)`.

    Raises:
        ValueError: for a name that is not there, with the nearest that is, or what is not strict YAML.
    """
    from configs.records import unknown
    from configs.strict_yaml import read_yaml

    own = _own(folder)
    outside = _outside(folder, tuple(own))
    if name not in own and name not in outside:
        raise unknown(_ONE.get(folder, folder), name, [*own, *outside])
    file: Traversable = own[name] if name in own else outside[name]
    source = f"configs/{folder}/{name}.yaml" if name in own else str(file)
    text = file.read_text(encoding="utf-8")
    return Data(read_yaml(text, source), source, hashlib.sha256(text.encode()).hexdigest())


# What one of a folder's files is called.
_ONE = {"processes": "process", "materials": "material", "machines": "machine", "splits/process": "split"}


def _own(folder: str) -> dict[str, Traversable]:
    at = files("configs").joinpath(*folder.split("/"))
    found = {f.name.removesuffix(".yaml"): f for f in at.iterdir() if f.name.endswith(".yaml")}
    return dict(sorted(found.items()))


def _outside(folder: str, own: tuple[str, ...]) -> dict[str, Path]:
    return dict(extensions.added(folder, own, ".yaml")) if folder in extensions.KINDS else {}
