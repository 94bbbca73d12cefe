"""Ways of working: which agent fills which role, which skill handles the parts, and what that costs besides.

A mode is a file in `configs/compare/modes`, or anywhere. Any role can be filled by any decider, so every
ablation is such a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from configs.figures import Figure, within
from configs.records import check_keys, record
from configs.strict_yaml import read_yaml
from envs.costing import annuity_eur_per_year
from envs.prices import Region
from experiments.errors import unknown, user_input

MODES = ("manual", "automated_basic", "automated", "autonomous")
PARTS = ("cell", "taught", "handling", "process", "supervision")
UNITS = ("eur", "operator_h", "engineer_h")
_SECTIONS = ("capital", "running", "one_offs", "new_part_type")
_KEYS = dict.fromkeys(
    ("words", "roles", "handling", "learned_handling", "needs_people", "machines_per_operator", *_SECTIONS),
    True,
)


@dataclass(frozen=True)
class Entry:
    """Something that a way of working costs besides the shift itself.

    Attributes:
        what: In words.
        unit: "eur", "operator_h" or "engineer_h".
        part: What it is for: "cell", "taught" (only where handling is taught), "handling" (only of a learned
            policy), "process" or "supervision".
        figure: How much, with source and standing.
    """

    what: str
    unit: str
    part: str
    figure: Figure


@dataclass(frozen=True)
class Mode:
    """A way of working.

    Attributes:
        name: Its file's name.
        words: What it is.
        roles: Decider by role.
        handling: Skills that handle parts, a name in the table of recorded cycles or an agent's: one, or
            several trained policies that are compared as one way of working.
        learned_handling: Whether these are learned policies, whose data and computer are to be paid for.
        needs_people: Whether it cannot run a shift without a person.
        machines_per_operator: At which it works best, found on validation shifts; None for the shift's own.
        capital: Bought once.
        running: Every year.
        one_offs: Once, before the first part.
        new_part_type: Once for each part type that is new here.
    """

    name: str
    words: str
    roles: Mapping[str, str]
    handling: tuple[str, ...]
    learned_handling: bool
    needs_people: bool
    machines_per_operator: int | None = None
    capital: tuple[Entry, ...] = ()
    running: tuple[Entry, ...] = ()
    one_offs: tuple[Entry, ...] = ()
    new_part_type: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Finance:
    """How money that is not spent in the shift becomes euros an hour.

    Attributes:
        life_years: Write-off of capital and of one-offs.
        scheduled_h_per_year: Scheduled hours.
        engineer_wage_ratio: An engineer's hour over an operator's.
        interest_per_year: Cost of capital where it is made.
        freight_eur_per_kg: From there to the customer.
    """

    life_years: float
    scheduled_h_per_year: float
    engineer_wage_ratio: float
    interest_per_year: float
    freight_eur_per_kg: float

    def __post_init__(self) -> None:
        within("life_years", self.life_years, above=True)
        within("scheduled_h_per_year", self.scheduled_h_per_year, 0.0, 8784.0, above=True)
        within("engineer_wage_ratio", self.engineer_wage_ratio, above=True)
        within("interest_per_year", self.interest_per_year, 0.0, 1.0)
        within("freight_eur_per_kg", self.freight_eur_per_kg)


@dataclass(frozen=True)
class Burden:
    """What a way of working costs besides the shift itself.

    Attributes:
        capital_eur_per_h: Of a scheduled hour, capital's yearly payment.
        running_eur_per_h: Of a scheduled hour, licences and upkeep.
        one_offs_eur_per_h: Of a scheduled hour, one-offs spread like capital.
        one_offs_eur: The same one-offs, all at once.
        new_part_type_eur: For each new part type.
    """

    capital_eur_per_h: float
    running_eur_per_h: float
    one_offs_eur_per_h: float
    one_offs_eur: float
    new_part_type_eur: float


def burden(mode: Mode, region: Region, finance: Finance) -> Burden:
    """Return what a mode costs besides the shift itself, at a region's wages.

    What a learned policy takes is left out where none handles the parts.
    """

    def eur(entries: tuple[Entry, ...]) -> float:
        wage = region.labour_eur_per_h
        price = {
            "eur": 1.0,
            "operator_h": wage,
            "engineer_h": wage * finance.engineer_wage_ratio,
        }
        due = [entry for entry in entries if is_due(entry, mode)]
        return sum(entry.figure.value * price[entry.unit] for entry in due)

    def per_h(capital_eur: float) -> float:
        yearly = annuity_eur_per_year(
            capital_eur=capital_eur,
            life_years=finance.life_years,
            interest_per_year=finance.interest_per_year,
        )
        return yearly / finance.scheduled_h_per_year

    return Burden(
        capital_eur_per_h=per_h(eur(mode.capital)),
        running_eur_per_h=eur(mode.running) / finance.scheduled_h_per_year,
        one_offs_eur_per_h=per_h(eur(mode.one_offs)),
        one_offs_eur=eur(mode.one_offs),
        new_part_type_eur=eur(mode.new_part_type),
    )


def is_due(entry: Entry, mode: Mode) -> bool:
    """Return whether a mode pays for it: data only for a learned policy, nests only for a taught one."""
    return entry.part != ("taught" if mode.learned_handling else "handling")


def mode_names() -> tuple[str, ...]:
    """Return the modes that ship, from the least to the most able, then any others."""
    found = {
        p.name[:-5] for p in (files("configs") / "compare" / "modes").iterdir() if p.name[-5:] == ".yaml"
    }
    return (*(name for name in MODES if name in found), *sorted(found - set(MODES)))


@cache
def load_mode(name: str) -> Mode:
    """Return a mode by its name, or from a YAML file.

    Raises:
        UserError: for a name, key, role, agent or figure that is wrong, in one line.
    """
    data, source = _read("modes", "mode", name)
    with user_input():
        values = check_keys(data, _KEYS, source)
        roles = _roles(values["roles"], source)
        _check_kinds(values, source)
        sections: dict[str, Any] = {key: _entries(values[key], f"{source}: {key}") for key in _SECTIONS}
    plain = {
        key: values[key] for key in ("words", "learned_handling", "needs_people", "machines_per_operator")
    }
    return Mode(Path(name).stem, roles=roles, handling=tuple(values["handling"]), **plain, **sections)


@cache
def load_finance(name: str, region: str) -> Finance:
    """Return how capital is reckoned in a region.

    Raises:
        UserError: for a file or region that is wrong, in one line.
    """
    data, source = _read("finance", "finance", name)
    shared = ("life_years", "scheduled_h_per_year", "engineer_wage_ratio")
    local = ("interest_per_year", "freight_eur_per_kg")
    with user_input():
        values = check_keys(data, dict.fromkeys((*shared, "regions"), True), source)
        regions = values["regions"]
        stem = Path(region).stem
        if not isinstance(regions, Mapping) or stem not in regions:
            raise unknown(f"region in {source}", stem, regions if isinstance(regions, Mapping) else ())
        here = check_keys(regions[stem], dict.fromkeys(local, True), f"{source}: {stem}")
        numbers = {key: record(Figure, values[key], f"{source}: {key}").value for key in shared}
        numbers |= {key: record(Figure, here[key], f"{source}: {stem}: {key}").value for key in local}
        return Finance(**numbers)


def _read(folder: str, what: str, name: str) -> tuple[Any, str]:
    inside = files("configs") / "compare" / folder
    known = sorted(p.name[:-5] for p in inside.iterdir() if p.name.endswith(".yaml"))
    if name in known:
        source = f"configs/compare/{folder}/{name}.yaml"
        text = (inside / f"{name}.yaml").read_text(encoding="utf-8")
    elif name.endswith(".yaml") and Path(name).is_file():
        source, text = name, Path(name).read_text(encoding="utf-8")
    else:
        raise unknown(what, name, [*known, "FILE.yaml"])
    with user_input():
        return read_yaml(text, source), source


def _check_kinds(values: Mapping[str, Any], source: str) -> None:
    skills = values["handling"]
    if not isinstance(skills, list) or not skills or not all(isinstance(skill, str) for skill in skills):
        raise ValueError(f"{source}: handling is {skills!r}: allowed is a list of skills, one or more")
    if not isinstance(values["words"], str):
        raise ValueError(f"{source}: words is {values['words']!r}: allowed is text")
    machines = values["machines_per_operator"]
    if machines is not None and (type(machines) is not int or machines < 1):
        raise ValueError(f"{source}: machines_per_operator is {machines!r}: allowed is null, or 1 or more")
    for key in ("learned_handling", "needs_people"):
        if not isinstance(values[key], bool):
            raise ValueError(f"{source}: {key} is {values[key]!r}: allowed are true and false")


def _roles(data: Any, source: str) -> dict[str, str]:
    from agents.crews import names
    from envs.shift.decision import ROLES

    if not isinstance(data, Mapping):
        raise ValueError(f"{source}: roles is {data!r}: allowed is a mapping from role to agent")
    for role in data:
        if role not in ROLES:
            raise unknown("role", role, ROLES)
    for role in ROLES:
        if role not in data:
            raise ValueError(f"{source}: role {role!r} is filled by nobody: allowed are {', '.join(names())}")
        if data[role] not in names():
            raise unknown(f"agent of role {role!r}", data[role], names())
    return {role: data[role] for role in ROLES}


def _entries(data: Any, where: str) -> tuple[Entry, ...]:
    if not isinstance(data, list):
        raise ValueError(f"{where} is {data!r}: allowed is a list")
    found = []
    for item in data:
        keys = ("what", "unit", "part", "value", "year", "source", "standing")
        check_keys(item, {**dict.fromkeys(keys, True), "low": False, "high": False}, where)
        if item["unit"] not in UNITS:
            raise unknown(f"unit in {where}", item["unit"], UNITS)
        if item["part"] not in PARTS:
            raise unknown(f"part in {where}", item["part"], PARTS)
        figure = record(Figure, {k: v for k, v in item.items() if k not in ("what", "unit", "part")}, where)
        found.append(Entry(str(item["what"]), item["unit"], item["part"], figure))
    return tuple(found)
