"""Orders: part types, quantities, due dates, rush orders, part types that nobody has programmed.

Order i is a function of (seed, i); times are working time, without the hours between blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

from envs.machining.machine import nominal_load
from envs.machining.process import Process, process
from envs.shift import draws
from envs.shift.disturbances import Disturbed
from envs.shift.spec import Orders, PartType, ShiftSpec

WEEK_H = 40.0
# What a part takes beside cutting, for planning: door, unloading, loading. The same for every way of working.
PLANNED_HANDLING_S = 20.0
# New types differ from one that is ordered by its size and by these ratios of dimensions.
_RATIOS = (0.80, 0.90, 1.10, 1.20)
_SIZES = ("small", "medium", "large")
_KINDS = ("size", "geometry", "family")


@dataclass(frozen=True)
class Order:
    """An order.

    Attributes:
        name: Of the order.
        type: What is ordered.
        quantity: Good parts.
        release_s: When it becomes known, in working time.
        due_s: When it is due, in working time.
    """

    name: str
    type: PartType
    quantity: int
    release_s: float
    due_s: float

    @property
    def planned_s(self) -> float:
        """Planned run time of all of it."""
        return self.quantity * planned_part_s(self.type)


@cache
def process_of(part: PartType) -> Process:
    """Return what is cut: the type's dimensions in its process.

    Raises:
        ValueError: for an unknown process.
    """
    base = process(part.process)
    figures = replace(
        base.part, size_mm=part.size_mm, length_mm=part.length_mm, stock_mm=part.stock_mm,
        tolerance_um=part.tolerance_um, ra_limit_um=part.ra_limit_um,
    )  # fmt: skip
    return replace(base, name=part.name, part=figures)


@cache
def planned_part_s(part: PartType) -> float:
    """Return a part's planned run time: cutting by the handbook, and a usual handling."""
    return 60.0 * float(nominal_load(process_of(part)).cutting_min[0]) + PLANNED_HANDLING_S


class OrderStream:
    """The orders that come, one after another: the same for every way of working.

    The first is there at the beginning; the others come so much later that the load is right. Where an order
    is more work than comes in the hours, a run has one or, unless it is the first of all, none.

    Args:
        spec: The shift.
        disturbed: Its disturbances.
        first: Whether nothing was left from before.
    """

    def __init__(self, spec: ShiftSpec, disturbed: Disturbed, *, first: bool = True) -> None:
        self.orders: Orders = spec.orders
        self.disturbed, self.seed = disturbed, disturbed.seed
        self._next, self._at_s = 0, 0.0
        mean_s = sum(map(planned_part_s, self.orders.types)) / len(self.orders.types)
        self._work_s = self.orders.lot_size * mean_s
        hours_s = 3600.0 * spec.hours
        number = self.orders.load * hours_s / self._work_s
        self._gap_s = hours_s / (number - 1.0) if number > 1.0 else math.inf
        if not first and draws.uniform(self.seed, "order_comes", 0) >= number:
            self._at_s = math.inf
        weekly = 3600.0 * WEEK_H * self.orders.load / self._work_s
        new = self.orders.new_types_per_week + disturbed.value("new_types")
        self.new_share = min(1.0, new / weekly)
        self.rush_share = min(1.0, self.orders.rush_share + disturbed.value("rush_orders"))

    def next(self) -> Order:
        """Return the next order; the first is there from the beginning."""
        i, seed, orders = self._next, self.seed, self.orders
        part = self._type(i)
        quantity = max(1, round(orders.lot_size * (0.5 + draws.uniform(seed, "lot_size", i))))
        work_s = quantity * planned_part_s(part)
        rush = draws.uniform(seed, "rush_orders", i) < self.rush_share
        slack_s = 3600.0 * orders.rush_h if rush else work_s + 3600.0 * orders.slack_h
        order = Order(f"order-{i}", part, quantity, self._at_s, self._at_s + work_s + slack_s)
        size = quantity / orders.lot_size
        self._at_s += self._gap_s * size * (0.5 + draws.uniform(seed, "order_gap", i))
        self._next += 1
        return order

    def _type(self, i: int) -> PartType:
        types, seed = self.orders.types, self.seed
        base = types[int(draws.uniform(seed, "order_type", i) * len(types))]
        if draws.uniform(seed, "new_types", i) >= self.new_share:
            return base
        kind = _KINDS[draws.choice(self.orders.new_kinds, seed, "new_kind", i)]
        ratio = _RATIOS[int(draws.uniform(seed, "new_ratio", i) * len(_RATIOS))]
        size = _SIZES[int(draws.uniform(seed, "new_size", i) * len(_SIZES))]
        blank_kg, chips_kg = base.blank_kg * ratio**2, base.chips_kg * ratio
        return replace(
            base, name=f"new-{seed & 0xFFFFFF:x}-{i}", size=size, size_mm=base.size_mm * ratio,
            length_mm=base.length_mm * ratio, blank_kg=blank_kg, chips_kg=min(chips_kg, 0.5 * blank_kg),
            known=kind,
        )  # fmt: skip
