"""PickPart: take the named part out of the tray and hold it at a position.

Randomised: two to four candidates of different colour, any family, size and slot; pose, size, mass and
friction by the split (seen: +-20 mm, any yaw, +-0.05 mm, +-10 %, combined friction 0.20-0.35); goal 0.13 to
0.25 m above the table over the tray's middle, +-0.08 m along x and y (nominal: the middle); the hand's start.
Success: middle of the part within 10 mm of the goal, held by the fingers, for 5 consecutive steps.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from envs.cell import rewards
from envs.cell.draw import Draw
from envs.cell.handling import fetch
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from envs.cell.task import Task

WITHIN_M = 0.010
GOAL_SPREAD_M = 0.08
GOAL_HEIGHT_M = (0.13, 0.25)


class PickPart(Task):
    """Lift the named part to a position."""

    name = "PickPart"
    verb = "pick up"
    max_steps = 160
    weights = MappingProxyType({"reach": 1.0, "grasp": 1.0, "carry": 2.0})
    tolerance = (WITHIN_M, WITHIN_M, WITHIN_M, 0.5)
    goals = ("part x [m]", "part y [m]", "part z [m]", "held")
    norm = True

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """Above the tray."""
        dx, dy, dz = (spread * rng.uniform(-1.0, 1.0, 3)).tolist()
        low, high = GOAL_HEIGHT_M
        z = (low + high + dz * (high - low)) / 2
        return replace(draw, goal_m=(0.185 + GOAL_SPREAD_M * dx, -0.355 + GOAL_SPREAD_M * dy, z))

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """Middle of the named part, and whether the fingers hold it."""
        return [*now.parts[0].middle_m, float(now.held)]

    def desired(self, cell: Cell) -> list[float]:
        """The goal, held."""
        return [*cell.draw.goal_m, 1.0]

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """Hand to part, held, part to goal (once held)."""
        part = now.parts[0]
        return {
            "reach": rewards.closeness(math.dist(now.hand.position_m, part.grip_m), 0.08),
            "grasp": float(now.held),
            "carry": rewards.closeness(math.dist(part.middle_m, cell.draw.goal_m), 0.10) if now.held else 0.0,
        }

    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Fetch, then straight to the goal."""
        part, goal = now.parts[0], cell.draw.goal_m
        # Where the hand must be for the part's middle to be at the goal.
        offset = [h - m for h, m in zip(now.hand.position_m, part.middle_m, strict=True)]
        rise = part.kind.grip_height_m - part.kind.height_m / 2
        if not now.held:
            keys = fetch(cell, now)
            to = (goal[0], goal[1], goal[2] + rise)
            return [*keys, KeyPose("lift", to, keys[-1].yaw_rad, True)]
        to = (goal[0] + offset[0], goal[1] + offset[1], goal[2] + offset[2])
        return [KeyPose("lift", to, now.command_yaw_rad, True)]

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """Distance of the part from the goal."""
        return {"distance_m": math.dist(now.parts[0].middle_m, cell.draw.goal_m)}
