"""MeasurePart: set the named part on the gauge's anvil, let go, stand clear, and have it measured.

Randomised: two to four candidates of different colour, any family, size and slot; pose, size, mass and
friction by the split (seen: +-20 mm, any yaw, +-0.05 mm, +-10 %, combined friction 0.20-0.35); the hand's
start (+-40 mm); the gauge's error (normal, 0.5 um).
Success: the part stands upright within 2 mm of the gauge's axis, gap below it <= 1 mm, let go, hand at least
40 mm away, the gauge has read, for 5 consecutive steps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.cell.draw import Draw
from envs.cell.placing import GAP_M, LEAN_RAD, PlaceTask
from envs.cell.scene import Cell, Snapshot
from envs.cell.stations import station
from robots.gauge import REPEATABILITY_UM


class MeasurePart(PlaceTask):
    """Set the named part on the gauge."""

    name = "MeasurePart"
    verb = "measure"
    into = "on"
    target = "gauge"
    stations = ("gauge",)
    WITHIN_M = station("gauge").within_m
    tolerance = (WITHIN_M, GAP_M, LEAN_RAD, 0.5, 0.5, 0.5)
    goals = (*PlaceTask.goals, "measured")
    view = "left"

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """The gauge's anvil, and its error this time."""
        error_um = REPEATABILITY_UM * float(rng.standard_normal())
        return replace(draw, station="gauge", goal_m=station("gauge").at_m, gauge_error_um=error_um)

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """As set down, and whether the gauge has read."""
        return [*super().achieved(cell, now), float(now.measured_mm > 0.0)]

    def desired(self, cell: Cell) -> list[float]:
        """Set down and measured."""
        return [*super().desired(cell), 1.0]

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """As set down, and the reading (0 where there is none)."""
        return {**super().metrics(cell, now, achieved), "measured_mm": now.measured_mm}
