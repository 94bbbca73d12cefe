"""What a shift is made of: a file in `configs/shift`, its blocks are in `spec_blocks`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from configs.records import record, unknown
from configs.strict_yaml import read_yaml
from envs.prices import names
from envs.shift.spec_blocks import (
    FACTORS,
    KNOWN,
    STRONGEST,
    Block,
    Breakdowns,
    Cell,
    Orders,
    PartType,
    People,
    Rest,
    Strengths,
    Work,
    WorkTime,
)

__all__ = [
    "FACTORS",
    "KNOWN",
    "STRONGEST",
    "Block",
    "Breakdowns",
    "Cell",
    "Orders",
    "PartType",
    "People",
    "Rest",
    "ShiftSpec",
    "Strengths",
    "Work",
    "WorkTime",
    "load_shift",
    "shift_names",
]


# No disturbance beyond strength 0.
CALM = Strengths()


@dataclass(frozen=True, kw_only=True)
class ShiftSpec:
    """A shift, or several in a row.

    Attributes:
        name: Of its file.
        sha256: Of its file.
        words: What it is.
        split: Of `configs/splits/process`: what varies between machines, bars and days.
        unit: The machine, as the ledger calls it.
        prices: A file in `configs/prices`: what deciders are told that things cost.
        region: A file in `configs/regions`, likewise.
        blocks: Hours worked, one after another: one of 8 h is a shift, five a week.
        cell: The cell.
        people: Operators.
        orders: What is ordered.
        breakdowns: Failures.
        work: Times of people's work.
        strengths: Of the disturbances.
    """

    name: str
    sha256: str
    words: str
    split: str
    prices: str
    region: str
    blocks: tuple[Block, ...]
    cell: Cell
    people: People
    orders: Orders
    breakdowns: Breakdowns
    work: Work
    strengths: Strengths = CALM
    unit: str = "lathe"

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ValueError("blocks is empty: allowed are one or more")
        for folder, name in (("prices", self.prices), ("regions", self.region)):
            if name not in names(folder):
                raise unknown(folder, name, names(folder))

    @property
    def hours(self) -> float:
        """Planned operation time, all blocks together."""
        return sum(block.hours for block in self.blocks)

    @property
    def cells(self) -> int:
        """Cells that share the operators, this one among them."""
        return max(1, self.people.operators) * self.people.machines_per_operator

    def with_strengths(self, **strengths: int) -> ShiftSpec:
        """Return the shift with some disturbances at other strengths; `all` stands for every factor.

        Raises:
            ValueError: for an unknown factor or strength.
        """
        every = strengths.pop("all", None)
        values = {} if every is None else dict.fromkeys(FACTORS, every)
        for name in strengths:
            if name not in FACTORS:
                raise unknown("disturbance", name, FACTORS)
        return replace(self, strengths=replace(self.strengths, **values | strengths))

    def with_people(self, **values: Any) -> ShiftSpec:
        """Return the shift with other figures of `People`, such as `operators=0`.

        Raises:
            ValueError: for an unknown figure or a value out of range.
        """
        return replace(self, people=_replaced(self.people, values))

    def with_orders(self, **values: Any) -> ShiftSpec:
        """Return the shift with other figures of `Orders`, such as `lot_size=1`.

        Raises:
            ValueError: for an unknown figure or a value out of range.
        """
        return replace(self, orders=_replaced(self.orders, values))

    def with_cell(self, **values: Any) -> ShiftSpec:
        """Return the shift with other figures of `Cell`, such as `infeed_places=200`.

        Raises:
            ValueError: for an unknown figure or a value out of range.
        """
        return replace(self, cell=_replaced(self.cell, values))

    def with_blocks(self, *blocks: Block) -> ShiftSpec:
        """Return the shift with other hours."""
        return replace(self, blocks=blocks)

    def day(self) -> ShiftSpec:
        """Return the shift with the first of its days only: the fewest blocks that make up all, repeated."""
        n = len(self.blocks)
        lengths = (k for k in range(1, n + 1) if n % k == 0)
        k = next(k for k in lengths if self.blocks[:k] * (n // k) == self.blocks)
        return replace(self, blocks=self.blocks[:k])


def _replaced(block: Any, values: Mapping[str, Any]) -> Any:
    known = [f.name for f in fields(block)]
    for name in values:
        if name not in known:
            raise unknown(type(block).__name__.lower(), name, known)
    return replace(block, **values)


def shift_names() -> tuple[str, ...]:
    """Return the shifts that ship."""
    found = (p.name for p in (files("configs") / "shift").iterdir())
    return tuple(sorted(n[:-5] for n in found if n.endswith(".yaml") and n not in _NO_SHIFTS))


_NO_SHIFTS = ("disturbances.yaml",)


@cache
def load_shift(name: str | Path = "default") -> ShiftSpec:
    """Return a shift: a name in `configs/shift`, or a path to a YAML file of the same form.

    Raises:
        ValueError: for what is not such a file, in one line.
    """
    if str(name).endswith(".yaml"):
        path = Path(name)
        if not path.is_file():
            raise ValueError(f"{path} is not a file")
        text, source = path.read_text(encoding="utf-8"), str(path)
    elif name in shift_names():
        source = f"configs/shift/{name}.yaml"
        text = (files("configs") / "shift" / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        raise unknown("shift", name, shift_names())
    data = read_yaml(text, source)
    if isinstance(data, dict):
        digest = hashlib.sha256(text.encode()).hexdigest()
        data = {"name": Path(str(name)).stem, "sha256": digest, **data}
    return record(ShiftSpec, data, source)
