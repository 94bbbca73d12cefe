"""TurnPart: set the named plug down again in the middle of its slot, turned as the work order says.

A square head looks the same after a quarter turn, so the turn is judged modulo 90 degrees. The state
observation states the goal; the instruction does not, so agents that see pictures cannot know the angle.
Randomised: two to four candidates of different colour, any size and slot, the named one a plug; the turn
(factor `turn_deg`; seen: 15 to 40 degrees, nominal: 30); pose, size, mass and friction by the split.
Success: the plug stands upright (2 degrees) within 8 mm of the middle of its slot, within 3 degrees of the
turn, gap below it <= 1 mm, let go, hand at least 40 mm away, for 5 consecutive steps.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from envs.cell import rewards
from envs.cell.draw import Draw
from envs.cell.handling import deliver
from envs.cell.layout import Layout
from envs.cell.placing import GAP_M, LEAN_RAD, PlaceTask
from envs.cell.plan import KeyPose, wrap
from envs.cell.scene import Cell, Snapshot

TURN_RAD = math.radians(3.0)


class TurnPart(PlaceTask):
    """Turn the named plug in its slot."""

    name = "TurnPart"
    verb = "turn"
    families = ("plug",)
    factors = ("turn_deg",)
    WITHIN_M = 0.008
    tolerance = (WITHIN_M, GAP_M, LEAN_RAD, 0.5, 0.5, TURN_RAD)
    weights = MappingProxyType({**PlaceTask.weights, "turn": 1.0})

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """Its place is the middle of the slot that it lies in."""
        return replace(draw, goal_m=Layout().slots_m[draw.candidates[0].slot - 1])

    def target_rad(self, cell: Cell) -> float:
        """Where the part must point (world)."""
        return cell.draw.candidates[0].yaw_rad + math.radians(cell.draw.extra["turn_deg"])

    def error_rad(self, cell: Cell, now: Snapshot) -> float:
        """Turn that is left to do, modulo what looks the same."""
        part = now.parts[0]
        return wrap(self.target_rad(cell) - part.yaw_rad, 2 * math.pi / part.kind.symmetry)

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """As for every part that is put down, and the turn left (rad)."""
        return [*super().achieved(cell, now), self.error_rad(cell, now)]

    def desired(self, cell: Cell) -> list[float]:
        """There, no gap, upright, all conditions true, no turn left."""
        return [*super().desired(cell), 0.0]

    def placed(self, cell: Cell, now: Snapshot) -> bool:
        """Whether it stands there, turned, whoever holds it."""
        return super().placed(cell, now) and abs(self.error_rad(cell, now)) <= TURN_RAD

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """As for every part that is put down; how far it is turned."""
        return {
            **super().terms(cell, now),
            "turn": rewards.closeness(abs(self.error_rad(cell, now)), math.radians(15.0)),
        }

    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Fetch, lift and turn, set down, leave; what is not turned yet may not be let go."""
        turned = abs(self.error_rad(cell, now)) < TURN_RAD / 2
        within_m = self.WITHIN_M / 2 if turned else 0.0
        return deliver(cell, now, cell.draw.goal_m, within_m=within_m, turn_rad=self.target_rad(cell))

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """As for every part that is put down, and the turn left in degrees."""
        return {**super().metrics(cell, now, achieved), "turn_left_deg": math.degrees(achieved[-1])}
