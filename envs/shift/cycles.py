"""Handling resampled from recorded full-physics cycles: fast enough for maps and long runs.

A file in `configs/shift/cycles` holds one skill's cycles, in groups by task, by how blanks lie (in nests or
loose) and by the strength of the disturbances. Skills are recorded on the same seeds, and a blank meets the
cycle whose seed comes first in an order that follows from the blank's key alone: so skills that were recorded
on the same seeds meet the same blank, and one that was recorded on more of them does as often as it can. A
strength between two that were recorded is the one or the other, in proportion.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from configs.records import unknown
from envs.ledger import write_text_whole
from envs.shift import draws
from envs.shift.handling import RESULTS, Blank, Conditions, Outcome, Skill

TASKS = ("load", "unload")
# More groups than one choice of cycles can be of.
_MOST_GROUPS = 64
MOVED = ("fixture_offset", "miscalibration")
# What a group is of, besides its rows.
KEYS = ("task", "nested", "strength", "stress", "novel")


class Row(NamedTuple):
    """A recorded cycle: of which episode and part, and its outcome."""

    seed: int
    family: str
    size: str
    duration_s: float
    result: str
    gap_mm: float
    runout_mm: float
    energy_j: float
    seat_ok: int
    gripped: int
    doubted_s: float = -1.0


@dataclass(frozen=True)
class Group:
    """Cycles under the same conditions.

    Attributes:
        task: "load" or "unload".
        nested: Whether blanks lay in nests.
        strength: Of the disturbances, 0 for none.
        stress: Which these were.
        rows: The cycles, in order of their seeds.
        novel: Whether the parts were of families and sizes that nobody has programmed or shown.
    """

    task: str
    nested: bool
    strength: int
    stress: str
    rows: tuple[Row, ...]
    novel: bool = False

    @property
    def moved(self) -> bool:
        """Whether fixture and camera were off, besides oil and chips."""
        return any(name in self.stress for name in MOVED)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task is {self.task!r}: allowed are {', '.join(TASKS)}")
        if not self.rows:
            raise ValueError(f"{self.task} at strength {self.strength} has no cycles: allowed is one or more")
        for row in self.rows:
            if row.result not in RESULTS:
                raise ValueError(f"result is {row.result!r}: allowed are {', '.join(RESULTS)}")
            numbers = (row.duration_s, row.gap_mm, row.runout_mm, row.energy_j)
            if not all(math.isfinite(n) for n in numbers) or row.duration_s <= 0.0 or row.energy_j < 0.0:
                raise ValueError(f"the cycle of seed {row.seed} has {numbers}: allowed are finite numbers")


@dataclass(frozen=True)
class Table:
    """A skill's recorded cycles."""

    skill: Skill
    groups: tuple[Group, ...]

    @property
    def n(self) -> dict[str, int]:
        """Number of cycles by group, such as "load loose 3 moved"."""
        lies, off = {True: "nested", False: "loose"}, {True: " moved", False: ""}
        return {
            f"{g.task} {'novel' if g.novel else lies[g.nested]} {g.strength}{off[g.moved]}": len(g.rows)
            for g in self.groups
        }


def read_table(text: str, source: str) -> Table:
    """Return a table from JSON.

    Raises:
        ValueError: for what is not one, in one line.
    """
    try:
        data = json.loads(text)
        groups = tuple(
            Group(**{k: v for k, v in g.items() if k != "rows"}, rows=tuple(Row(*row) for row in g["rows"]))
            for g in data["groups"]
        )
        return Table(Skill(**data["skill"]), groups)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{source}: not a table of cycles: {error}") from None


def write_table(table: Table, path: str | os.PathLike[str]) -> None:
    """Save a table; the file is whole or not there at all."""
    groups = []
    for group in table.groups:
        head = json.dumps({k: getattr(group, k) for k in KEYS})[:-1]
        rows = ",\n   ".join(json.dumps(list(row)) for row in group.rows)
        groups.append(f'  {head}, "rows": [\n   {rows}]}}')
    text = f'{{"skill": {json.dumps(asdict(table.skill))},\n "groups": [\n' + ",\n".join(groups) + "]}\n"
    write_text_whole(path, text)


def recorded_skills() -> tuple[str, ...]:
    """Return the skills whose cycles ship."""
    found = (p.name for p in (files("configs") / "shift" / "cycles").iterdir())
    return tuple(sorted(n[:-5] for n in found if n.endswith(".json")))


@cache
def load_table(name: str | Path) -> Table:
    """Return the cycles of a skill that ships, or of a JSON file of the same form.

    Raises:
        ValueError: for a skill without recorded cycles, or a file that is none.
    """
    if str(name).endswith(".json"):
        path = Path(name)
        if not path.is_file():
            raise ValueError(f"{path} is not a file")
        return read_table(path.read_text(encoding="utf-8"), str(path))
    if name not in recorded_skills():
        raise unknown("skill", name, recorded_skills())
    file = files("configs") / "shift" / "cycles" / f"{name}.json"
    return read_table(file.read_text(encoding="utf-8"), f"configs/shift/cycles/{name}.json")


class RecordedHandling:
    """Handling that resamples recorded cycles.

    Args:
        skills: Names of skills that ship, JSON files, or tables; the usual one first.

    Raises:
        ValueError: for a skill without recorded cycles.
    """

    def __init__(self, *skills: str | Path | Table) -> None:
        tables = [s if isinstance(s, Table) else load_table(s) for s in skills or ("integrator",)]
        self.tables: Mapping[str, Table] = MappingProxyType({t.skill.name: t for t in tables})
        self.skills: Mapping[str, Skill] = MappingProxyType({t.skill.name: t.skill for t in tables})
        self._rows: dict[tuple[Any, ...], tuple[tuple[int, Row], ...]] = {}

    def load(self, skill: str, blank: Blank, conditions: Conditions) -> Outcome:
        """The recorded loading that this blank meets."""
        return self._outcome(skill, "load", blank, conditions)

    def unload(self, skill: str, blank: Blank, conditions: Conditions) -> Outcome:
        """The recorded unloading that this blank meets."""
        return self._outcome(skill, "unload", blank, conditions)

    def _outcome(self, skill: str, task: str, blank: Blank, conditions: Conditions) -> Outcome:
        if skill not in self.tables:
            raise unknown("skill", skill, self.tables)
        between = draws.uniform(blank.key, f"{task} strength", blank.attempt)
        strength = self._strength(skill, task, conditions, between)
        moved = any(name in conditions.strengths for name in MOVED)
        rows = self._of(skill, task, strength, blank, nested=conditions.nested, moved=moved)
        order = draws.key(blank.key, f"{task} cycle", blank.attempt)
        _, row = min(rows, key=lambda numbered: draws.key(order, "place", numbered[0]))
        return Outcome(
            row.duration_s, row.result, row.gap_mm, row.runout_mm, row.energy_j, bool(row.seat_ok),
            bool(row.gripped), f"{task}:{row.seed}:{strength}", row.doubted_s,
        )  # fmt: skip

    def _strength(self, skill: str, task: str, conditions: Conditions, between: float) -> int:
        """The recorded strength that stands for the asked one."""
        wanted = conditions.strength
        there = sorted({g.strength for g in self.tables[skill].groups if g.task == task})
        if not there:
            raise ValueError(f"skill {skill!r} has no recorded cycles of task {task!r}")
        low = max((s for s in there if s <= wanted), default=there[0])
        high = min((s for s in there if s >= wanted), default=there[-1])
        if low == high:
            return low
        return high if between < (wanted - low) / (high - low) else low

    def _of(
        self, skill: str, task: str, strength: int, blank: Blank, *, nested: bool, moved: bool
    ) -> tuple[tuple[int, Row], ...]:
        """Cycles that fit: of the strength, then novelty, how it lies, what has moved, and the part type.

        Each has a number: its seed's, and which of those with that seed it is.
        """
        key = (skill, task, strength, blank.novel, nested, moved, blank.family, blank.size)
        if key not in self._rows:
            groups = [g for g in self.tables[skill].groups if (g.task, g.strength) == (task, strength)]
            fit = [g for g in groups if g.novel == blank.novel] or groups
            # What starts in the machine does not care how blanks lie in the tray.
            fit = [g for g in fit if g.nested == nested] or fit
            fit = [g for g in fit if g.moved == moved] or fit
            rows = tuple(row for g in fit for row in g.rows)
            family = tuple(r for r in rows if r.family == blank.family) or rows
            fitting = tuple(r for r in family if r.size == blank.size) or family
            met: Counter[int] = Counter()
            numbered = []
            for r in fitting:
                numbered.append((r.seed * _MOST_GROUPS + met[r.seed], r))
                met[r.seed] += 1
            self._rows[key] = tuple(numbered)
        return self._rows[key]


def merged(table: Table, more: Iterable[Group]) -> Table:
    """Return a table with other groups added; a group under the same conditions is replaced."""
    groups = {(g.task, g.novel, g.nested, g.strength, g.moved): g for g in (*table.groups, *more)}
    return Table(table.skill, tuple(groups[k] for k in sorted(groups)))


def as_row(values: Mapping[str, Any]) -> Row:
    """Return a row from its values by name, rounded to what matters."""
    short: dict[str, Any] = {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}
    return Row(**short)
