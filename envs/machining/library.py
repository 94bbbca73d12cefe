"""Materials, machines and tables from `configs/` and from outside, checked when they are read.

Each block says where its numbers are from: `source`, and `standing`, S for seen in a source, C for computed
from one, M for memory or our own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from configs import data
from configs.records import record, unknown
from envs.machining._check import choice
from envs.machining.lives import LifeFit, fit_milling_lives
from envs.machining.spec import Machine, Material, Sourced

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Group:
    """One group of VDI 3323."""

    group: int
    iso_513: str
    label: str
    kc11: float
    mc: float
    hardness_hb: float | None = None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A handbook's pair; `vendor` names our material that it should agree with."""

    name: str
    kc11: float
    mc: float
    vendor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Life:
    """Minutes to 0.3 mm of flank wear in one measured case."""

    case: int
    depth_mm: float
    feed_mm: float
    material: str
    life_min: float

    def __post_init__(self) -> None:
        choice("material", self.material, ("cast_iron", "steel"))


@dataclass(frozen=True, kw_only=True)
class Groups(Sourced):
    """The table of VDI 3323."""

    groups: tuple[Group, ...]


@dataclass(frozen=True, kw_only=True)
class Pairs(Sourced):
    """The handbook's pairs."""

    pairs: tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True)
class Lives(Sourced):
    """The measured lives."""

    cases: tuple[Life, ...]

    def fit(self) -> LifeFit:
        """Return the law fitted to them."""
        feeds, depths, lives = zip(*((c.feed_mm, c.depth_mm, c.life_min) for c in self.cases), strict=True)
        return fit_milling_lives(lives, feeds, depths, np.array([c.material == "steel" for c in self.cases]))


@dataclass(frozen=True, kw_only=True)
class Exponents(Sourced):
    """Taylor's extended exponents: v T^n f^feed d^depth = C."""

    n: float
    feed: float
    depth: float


@dataclass(frozen=True, kw_only=True)
class Reference(Sourced):
    """Feed and depth at which the printed constants hold."""

    feed_mm: float
    depth_mm: float


@dataclass(frozen=True, kw_only=True)
class ChipBreaking(Sourced):
    """Feeds between which a chip breaks, by the kind of cut."""

    finishing_mm: tuple[float, float]
    medium_mm: tuple[float, float]
    roughing_mm: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A cutting material's Taylor pair: C in m/min in steel and in softer materials."""

    name: str
    n: float
    c_steel: float
    c_other: float | None = None


@dataclass(frozen=True, kw_only=True)
class ToolLife:
    """Tool life in turning."""

    exponents: Exponents
    reference: Reference
    chip_breaking: ChipBreaking
    tools: tuple[Tool, ...]
    tools_source: str
    tools_standing: str

    def __post_init__(self) -> None:
        choice("tools_standing", self.tools_standing, ("S", "C", "M"))

    def tool(self, name: str) -> Tool:
        """Return a tool by name.

        Raises:
            ValueError: for a name that is not there, with the nearest that is.
        """
        found = {tool.name: tool for tool in self.tools}
        if name not in found:
            raise unknown("tool", name, found)
        return found[name]


@cache
def materials() -> Mapping[str, Material]:
    """Return all materials by name, that of the file."""
    return _folder(Material, "materials")


@cache
def machines() -> Mapping[str, Machine]:
    """Return all machines by name, that of the file."""
    return _folder(Machine, "machines")


def material(name: str) -> Material:
    """Return a material.

    Raises:
        ValueError: for a name that is not there, with the nearest that is.
    """
    return _named("material", name, materials())


def machine(name: str) -> Machine:
    """Return a machine.

    Raises:
        ValueError: for a name that is not there, with the nearest that is.
    """
    return _named("machine", name, machines())


@cache
def vdi_groups() -> Groups:
    """Return the groups of VDI 3323 with their Kienzle pairs."""
    return _file(Groups, "machining", "vdi3323")


@cache
def handbook_pairs() -> Pairs:
    """Return the handbook's Kienzle pairs for turning."""
    return _file(Pairs, "machining", "handbook")


@cache
def nasa_lives() -> Lives:
    """Return the measured milling lives."""
    return _file(Lives, "machining", "nasa_lives")


@cache
def tool_life() -> ToolLife:
    """Return the constants of tool life in turning."""
    return _file(ToolLife, "machining", "tool_life")


def _file(kind: type[T], folder: str, name: str) -> T:
    read = data.read(folder, name)
    return record(kind, read.content, read.source)


def _folder(kind: type[T], folder: str) -> Mapping[str, T]:
    return MappingProxyType({name: _file(kind, folder, name) for name in data.names(folder)})


def _named(what: str, name: str, known: Mapping[str, T]) -> T:
    if name not in known:
        raise unknown(what, name, known)
    return known[name]
