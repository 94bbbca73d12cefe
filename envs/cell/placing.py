"""What tasks share that put the named part somewhere, let go and leave."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import ClassVar

from envs.cell import rewards
from envs.cell.handling import deliver
from envs.cell.kept import kept
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, PartState, Snapshot
from envs.cell.task import Task
from robots.spec import Vec3

# How far a bottom may stand off what it should rest on, and how far a part may lean.
GAP_M = 0.001
LEAN_RAD = math.radians(2.0)
# How far the hand must be from the part in the end.
CLEAR_M = 0.04


def leans_rad(part: PartState) -> float:
    """Angle between a part's axis and the vertical."""
    return math.acos(min(1.0, max(-1.0, part.up[2])))


@kept
def placed_at(part: PartState, to: Vec3) -> tuple[float, float, float]:
    """How a part is placed: distance (m, level), gap below it (m), lean (rad)."""
    x, y, z = part.bottom_m
    return math.hypot(x - to[0], y - to[1]), z - to[2], leans_rad(part)


class PlaceTask(Task):
    """Put the named part at `destination_m`: within `WITHIN_M`, upright, resting, let go, the hand away."""

    places = True
    WITHIN_M = 0.010
    weights = MappingProxyType({"reach": 1.0, "grasp": 1.0, "carry": 2.0, "place": 2.0, "leave": 1.0})
    tolerance: ClassVar[tuple[float, ...]] = (WITHIN_M, GAP_M, LEAN_RAD, 0.5, 0.5)
    goals: ClassVar[tuple[str, ...]] = ("off the place [m]", "gap [m]", "lean [rad]", "let go", "hand away")

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """Distance from the place (m, level), gap below the part (m), lean (rad), let go, hand away."""
        part, hand = now.parts[0], now.hand
        released = not now.closed and hand.opening_m > part.kind.grip_across_m + 0.004
        away = math.dist(hand.position_m, part.grip_m) > CLEAR_M
        return [*self.lies(cell, now), float(released), float(away)]

    def lies(self, cell: Cell, now: Snapshot) -> tuple[float, float, float]:
        """How the named part lies where it belongs in the end; the first three numbers of the goal."""
        return placed_at(now.parts[0], self.destination_m(cell, now))

    def desired(self, cell: Cell) -> list[float]:
        """There, no gap, upright, all conditions true."""
        return [0.0, 0.0, 0.0, 1.0, 1.0]

    def placed(self, cell: Cell, now: Snapshot) -> bool:
        """Whether the part stands where it belongs, whoever holds it."""
        (off, gap, lean), (within, gap_m, lean_rad, *_) = self.lies(cell, now), self.tolerance
        return off <= within and abs(gap) <= gap_m and lean <= lean_rad

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """Hand to part, held, part to place, standing there, let go and away."""
        part, placed = now.parts[0], self.placed(cell, now)
        has = placed or now.held
        near_m = math.dist(now.hand.position_m, part.grip_m)
        gone = placed and not now.closed
        return {
            "reach": 1.0 if placed else rewards.closeness(near_m, 0.08),
            "grasp": float(has),
            "carry": self._carried(cell, now) if has else 0.0,
            "place": float(placed),
            "leave": rewards.closeness(max(0.0, CLEAR_M - near_m), 0.03) if gone else 0.0,
        }

    def _carried(self, cell: Cell, now: Snapshot) -> float:
        return rewards.closeness(math.dist(now.parts[0].bottom_m, self.destination_m(cell, now)), 0.15)

    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Fetch, carry, set down, leave."""
        return deliver(cell, now, self.destination_m(cell, now), within_m=self.WITHIN_M / 2)

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """Distance from the place and gap in m, lean in degrees."""
        return {"off_m": achieved[0], "gap_m": achieved[1], "lean_deg": math.degrees(achieved[2])}
