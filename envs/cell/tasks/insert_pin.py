"""InsertPin: put the named pin into the hole of a plate, gently, let go, stand clear.

The hole is 22 mm deep with a lead-in of 1.5 mm at 45 degrees and a floor. Its diameter is the pin's nominal
diameter (28, 32 or 36 mm) and the clearance: option `clearance_mm` of 0.5 (usual), 1.0, 0.2 or 0.1 mm on the
diameter. The pin's own deviation comes on top: +0.05 mm leaves half of 0.1 mm.
Randomised: two to four candidates of different colour, size and slot, the named one a shaft; pose, size, mass
and friction by the split (seen: +-20 mm, any yaw, +-0.05 mm, +-10 %, combined friction 0.20-0.35); fixture
offset of the plate (seen: +-1 mm along x and y); the hand's start (+-40 mm).
Success: the pin stands upright (2 degrees) in the hole, its bottom within 1 mm of the floor and of the axis,
let go, hand at least 40 mm away, peak force at the wrist in the whole episode (read every 50 ms) <= 50 N, for
5 consecutive steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from envs.cell import plate
from envs.cell.draw import Draw
from envs.cell.handling import CARRY_Z_M, LET_GO_M, RISE_M, around, fetch, leave, over
from envs.cell.placing import GAP_M, LEAN_RAD, PlaceTask
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from envs.cell.stations import station
from robots.spec import Vec3

WITHIN_M = 0.001
# The heaviest pin weighs 5.9 N, a quick lift reads 30 N; a jammed pin slips in the fingers at 48 to 84 N.
FORCE_N = 50.0
_N = 0.01  # forces are observed in 100 N
# Height above the plate at which a pin is lined up with the hole, and how exactly.
OVER_M = 0.003
ON_AXIS_M = 0.0001
NEAR_M_S, DOWN_M_S = 0.25, 0.04
# A pin is let go this high above the floor of the hole.
FLOAT_M = 0.0003
# This near to the axis a pin below the plate's top is in the hole.
IN_M = 0.002
# What tells of a jam, how far up that is eased, and how deep a pin must be to stay when it is let go.
JAM_N, LAG_M, EASE_M, CAUGHT_M = 30.0, 0.0015, 0.003, 0.004
# A hand that lags less than this stands still.
STILL_M = 0.00005


class InsertPin(PlaceTask):
    """Put the named pin into the hole of the plate."""

    name = "InsertPin"
    verb = "insert"
    target = "hole of the plate"
    families = ("shaft", "stud")
    stations = ("plate",)
    options: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"clearance_mm": (0.5, 1.0, 0.2, 0.1)}  # on the diameter
    )
    WITHIN_M = WITHIN_M
    weights = MappingProxyType({**PlaceTask.weights, "insert": 2.0, "gentle": 1.0})
    tolerance = (WITHIN_M, GAP_M, LEAN_RAD, 0.5, 0.5, FORCE_N * _N)
    goals = (*PlaceTask.goals, "peak force [100 N]")

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """The hole: its diameter, and where the fixture offset puts it."""
        hole = draw.candidates[0].kind.chuck_across_m + self.chosen["clearance_mm"] * 1e-3
        at = station("plate").place_m(draw.chuck_offset_m)
        return replace(draw, station="plate", goal_m=at, hole_m=hole)

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """As for every part that is put down, and the peak force so far (100 N)."""
        return [*super().achieved(cell, now), cell.peak_force_n * _N]

    def desired(self, cell: Cell) -> list[float]:
        """There, no gap, upright, all conditions true, no force."""
        return [*super().desired(cell), 0.0]

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """As for every part that is put down; how deep it is in; whether it went gently."""
        off, gap, _ = self.lies(cell, now)
        deep = min(1.0, max(0.0, 1.0 - gap / plate.DEPTH_M)) if off < cell.draw.hole_m / 2 else 0.0
        gentle = float(cell.peak_force_n <= FORCE_N)
        return {**super().terms(cell, now), "insert": deep, "gentle": gentle}

    # -- plan -------------------------------------------------------------------------------------
    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Fetch, carry, line up above the hole, go down slowly, let go, leave."""
        part, to = now.parts[0], self.destination_m(cell, now)
        off = math.hypot(part.bottom_m[0] - to[0], part.bottom_m[1] - to[1])
        rests = off < WITHIN_M and part.bottom_m[2] - to[2] < LET_GO_M
        if rests:
            return leave(now)
        if now.held:
            return self._insert(now, cell, to)
        keys = settled(now, fetch(cell, now))
        return [*keys, *_afterwards(cell, now, keys[-1], to)]

    def _insert(self, now: Snapshot, cell: Cell, to: Vec3) -> list[KeyPose]:
        """From wherever the held pin is to the floor of the hole; its axis is aimed, not the hand's."""
        part, at, hand, yaw = now.parts[0], now.command_m, now.hand.position_m, now.command_yaw_rad
        x, y = to[0] - (part.bottom_m[0] - hand[0]), to[1] - (part.bottom_m[1] - hand[1])
        below = hand[2] - part.bottom_m[2]
        down = KeyPose("insert", (x, y, to[2] + below + FLOAT_M), yaw, True, DOWN_M_S)
        mouth = KeyPose("line up", (x, y, to[2] + plate.DEPTH_M + OVER_M + below), yaw, True, NEAR_M_S)
        high = max(CARRY_Z_M, mouth.position_m[2])
        above = KeyPose("above", (x, y, high), yaw, True)
        rest = [down, *_let_go(down)]
        off = math.hypot(part.bottom_m[0] - to[0], part.bottom_m[1] - to[1])
        height = part.bottom_m[2] - to[2]
        if height < plate.DEPTH_M and off < IN_M:
            if jammed(now):
                # Free, a pin that is well in straightens itself; otherwise it is lifted out to line up again.
                free = height < plate.DEPTH_M - CAUGHT_M
                return [KeyPose("ease", (x, y, hand[2] + EASE_M), yaw, not free), *rest]
            return rest
        aside = math.hypot(at[0] - x, at[1] - y)
        if height < plate.DEPTH_M + OVER_M + 0.001 and aside < 0.003:
            return rest if off < ON_AXIS_M else [mouth, *rest]
        low = at[2] < high - 0.01
        if aside < (0.003 if low else 0.0005):
            return [mouth, *rest]
        if low and aside > 0.01:
            return [KeyPose("lift", (at[0], at[1], high), yaw, True), above, mouth, *rest]
        return [*over(cell, now, above.position_m, close=True), above, mouth, *rest]


def jammed(now: Snapshot) -> bool:
    """Whether the pin does not follow: the wrist is pushed up, or the command runs ahead of the hand."""
    return now.hand.force_n[2] < -JAM_N or now.hand.position_m[2] - now.command_m[2] > LAG_M


def settled(now: Snapshot, keys: list[KeyPose]) -> list[KeyPose]:
    """The same, but the hand stands still before it closes: moving, it would press the part on the tray."""
    first = keys[0]
    lag = abs(now.hand.position_m[2] - now.command_m[2])
    if first.name == "close" and not now.closed and lag > STILL_M:
        return [replace(first, name="settle", close=False, wait="none"), *keys]
    return keys


def _let_go(down: KeyPose) -> list[KeyPose]:
    """Open, then straight up."""
    x, y, z = down.position_m
    return [
        KeyPose("release", down.position_m, down.yaw_rad, False, wait="open", symmetry=0),
        KeyPose("retreat", (x, y, z + RISE_M), down.yaw_rad, False),
    ]


def _afterwards(cell: Cell, now: Snapshot, grasp: KeyPose, to: Vec3) -> list[KeyPose]:
    """Key poses after the grasp, as far as they can be known before it."""
    (x, y, z), yaw, kind = grasp.position_m, grasp.yaw_rad, now.parts[0].kind
    goal = (to[0], to[1], to[2] + kind.grip_height_m + FLOAT_M)
    passing = around((x, y, 0.0), goal, cell.layout.base_m)
    down = KeyPose("insert", goal, yaw, True, DOWN_M_S)
    return [
        KeyPose("lift", (x, y, max(CARRY_Z_M, z)), yaw, True, frame="part"),
        *(KeyPose("pass", (u, v, CARRY_Z_M), yaw, True) for u, v in passing),
        KeyPose("above", (goal[0], goal[1], CARRY_Z_M), yaw, True),
        KeyPose("line up", (goal[0], goal[1], goal[2] + plate.DEPTH_M + OVER_M), yaw, True, NEAR_M_S),
        down,
        *_let_go(down),
    ]
