"""Reach: bring the tool centre point to a position.

Randomised: goal in a box of 0.26 x 0.40 x 0.25 m in front of the robot (nominal: its
middle); the hand's start by
`start_offset_mm` of the split (seen: +-40 mm along x, y, z).
Success: TCP within 10 mm of the goal for 5 consecutive steps.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from envs.cell import rewards
from envs.cell.draw import Draw
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from envs.cell.task import Task
from robots.spec import Vec3

GOAL_LOW_M: Vec3 = (0.24, -0.30, 0.12)
GOAL_HIGH_M: Vec3 = (0.50, 0.10, 0.37)
REACHED_M = 0.010
SCALE_M = 0.08


class Reach(Task):
    """Bring the TCP to a position."""

    name = "Reach"
    verb = "reach"
    parts = False
    max_steps = 60
    weights = MappingProxyType({"reach": 1.0})
    tolerance = (REACHED_M, REACHED_M, REACHED_M)
    goals = ("hand x [m]", "hand y [m]", "hand z [m]")
    norm = True

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """A uniform goal in the box."""
        shares = 0.5 + spread * (rng.random(3) - 0.5)
        x, y, z = (
            lo + f * (hi - lo) for f, lo, hi in zip(shares.tolist(), GOAL_LOW_M, GOAL_HIGH_M, strict=True)
        )
        return replace(draw, goal_m=(x, y, z))

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """TCP position as measured."""
        return list(now.hand.position_m)

    def desired(self, cell: Cell) -> list[float]:
        """The goal."""
        return list(cell.draw.goal_m)

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """Closeness to the goal."""
        return {"reach": rewards.closeness(math.dist(now.hand.position_m, cell.draw.goal_m), SCALE_M)}

    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """One key pose, at the goal."""
        return [KeyPose("reach", cell.draw.goal_m, 0.0, False)]

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """Distance to the goal."""
        return {"distance_m": math.dist(now.hand.position_m, cell.draw.goal_m)}
