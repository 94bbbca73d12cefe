"""What one shift leaves to the next: heat and wear, the order in hand, programs, blanks, what waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from envs.shift.lathe import Heat
from envs.shift.orders import Order
from envs.shift.spec import PartType, ShiftSpec

# At most so many open orders are handed on: a cell that falls behind for ever sheds the rest.
MOST_ORDERS = 4


@dataclass(frozen=True)
class Left:
    """An order that was handed on, and the good parts that it still lacks."""

    order: Order
    left: int


@dataclass(frozen=True)
class ShiftState:
    """The cell between two shifts.

    Attributes:
        heat: Of the machine tool, with its edge's wear.
        setup: Part type that it is set up for; None for none.
        programs: Names of part types that the robot has a program of.
        families: Families that it has a program of.
        trusted: Names of part types that a skill without teaching was let handle.
        blanks: In the infeed tray.
        sister_tools: In the turret.
        rework: Parts that wait for rework.
        orders: Open orders, the one in hand first.
        moved: Which of fixture and camera are off.
        until_failure_h: Running hours until machine, robot and sensors fail next.
        others: Calls an hour and minutes of a call of this cell, which the other cells share.
    """

    heat: Heat = field(default_factory=Heat)
    setup: PartType | None = None
    programs: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()
    blanks: int = 0
    sister_tools: int = 0
    rework: int = 0
    orders: tuple[Left, ...] = ()
    moved: frozenset[str] = frozenset()
    until_failure_h: tuple[float, float, float] | None = None
    others: tuple[float, float] | None = None


def fresh_state(spec: ShiftSpec) -> ShiftState:
    """Return a cell that was just set up for the first part type: cold machine, full tray, full turret."""
    types = spec.orders.types
    return ShiftState(
        setup=types[0],
        programs=frozenset(t.name for t in types if t.known == "taught"),
        families=frozenset(t.family for t in types if t.known == "taught"),
        blanks=spec.cell.infeed_places,
        sister_tools=spec.cell.sister_tools,
    )
