"""Setting a part down by feel: slowly where something may stand in the way, sideways where it is pushed.

A place is known to a millimetre or two, a hole asks for tenths. So the wrist's force decides: on a chamfer it
points to the middle of the hole, and the hand gives way to it (admittance, Hogan 1985); on a flat rim it says
nothing, and the part is lifted a little and set down beside, round the place that was seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

Vec3 = tuple[float, float, float]
# What stands round a place, such as the rim of a hole, is felt so high above it.
RIM_M = 0.0210
# A period's way down: before that; at it, so near, where a period adds 25 N at most; from there until a part
# is in a hole by so much; and in the hole.
DOWN_M, TOUCH_M, NEAR_M, CREEP_M, IN_M, DEEP_M = 0.0005, 0.00005, 0.0006, 0.0001, 0.0025, 0.0012
# Pushed up harder a part is felt. Pushed aside harder than the second, less what friction does, hands give
# way: so much for each newton, and no farther in a period than the last.
PRESS_N, ASIDE_N, FRICTION, GIVE_M_N, GIVE_M = 8.0, 2.0, 0.1, 0.00002, 0.0003
# Felt no higher above its place a part is let go; where heights are guessed, a place may be so much lower.
FELT_M, DEEPER_M = 0.016, 0.012
# So many periods it gives way and backs off a little; then it is lifted more, and set down beside.
PATIENCE, BACK_M, EASE_M = 6, 0.00015, 0.0005
_BESIDE_M = (
    *((0.0, 0.0), (0.0008, 0.0), (-0.0008, 0.0), (0.0, 0.0008), (0.0, -0.0008)),
    *((0.0012, 0.0012), (-0.0012, 0.0012), (-0.0012, -0.0012), (0.0012, -0.0012)),
)


@dataclass(frozen=True)
class Lowering:
    """How far the setting down has come.

    Attributes:
        place_m: Where the hand is to be when the part stands.
        rim_m: Height of the hand at which something may be in the way.
        deeper_m: How much lower than it looked the place may be.
        n_given: Periods in a row that the hand gave way without going down.
        n_beside: How often it was set down beside.
    """

    place_m: Vec3
    rim_m: float
    deeper_m: float = 0.0
    n_given: int = 0
    n_beside: int = 0

    def feel(self, at_m: Vec3, force_n: Sequence[float]) -> tuple[str, Lowering, Vec3]:
        """What to do now: go "on" or "aside" to a position, or let "go" where the hand is.

        Args:
            at_m: Where the hand is commanded to be.
            force_n: What pushes the hand, in the world.
        """
        x, y, z = at_m
        felt = force_n[2] > PRESS_N
        above = z - self.place_m[2]
        if (felt and above <= FELT_M) or above < -self.deeper_m:
            return "go", self, at_m
        given = _given(force_n)
        if not felt:
            return "on", replace(self, n_given=0), (x + given[0], y + given[1], z - self._down_m(z))
        if any(given) and self.n_given < PATIENCE:
            return "on", replace(self, n_given=self.n_given + 1), (x + given[0], y + given[1], z + BACK_M)
        n = self.n_beside + 1
        dx, dy = _BESIDE_M[n % len(_BESIDE_M)]
        beside = (self.place_m[0] + dx, self.place_m[1] + dy, z + EASE_M)
        return "aside", replace(self, rim_m=z, n_given=0, n_beside=n), beside

    def _down_m(self, z_m: float) -> float:
        """How far down in this period; where the place is known, no farther than to it."""
        above, left = z_m - self.rim_m, z_m - self.place_m[2]
        if above > NEAR_M:
            return min(DOWN_M, max(above - NEAR_M, TOUCH_M))
        if above > -IN_M:
            return TOUCH_M if above > -NEAR_M else CREEP_M
        return min(DEEP_M, max(left, CREEP_M)) if self.deeper_m == 0.0 else DOWN_M


def begun(place_m: Vec3, deeper_m: float = 0.0) -> Lowering:
    """Before the first millimetre."""
    return Lowering(place_m, place_m[2] + RIM_M, deeper_m)


def _given(force_n: Sequence[float]) -> tuple[float, float]:
    """How far the hand gives way to what pushes it aside."""
    aside = math.hypot(force_n[0], force_n[1])
    more = aside - FRICTION * abs(force_n[2])
    if more < ASIDE_N:
        return 0.0, 0.0
    share = min(GIVE_M_N * more, GIVE_M) / aside
    return share * force_n[0], share * force_n[1]


def world_force(yaw_rad: float, flange_n: Sequence[float]) -> Vec3:
    """What pushes a hand that points straight down, from flange axes to the world's."""
    (fx, fy, fz), c, s = flange_n, math.cos(yaw_rad), math.sin(yaw_rad)
    return c * fx + s * fy, s * fx - c * fy, -fz
