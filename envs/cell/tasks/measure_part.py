"""MeasurePart: set the named part on the gauge's anvil, let go, stand clear.

Randomised: two to four candidates of different colour, any family, size and slot; pose, size, mass and
friction by the split (seen: +-20 mm, any yaw, +-0.05 mm, +-10 %, combined friction 0.20-0.35); the hand's
start (+-40 mm).
Success: the part stands upright within 2 mm of the gauge's axis, gap below it <= 1 mm, let go, hand at least
40 mm away, for 5 consecutive steps; the gauge reads then.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.cell.draw import Draw
from envs.cell.placing import GAP_M, LEAN_RAD, PlaceTask
from envs.cell.stations import station


class MeasurePart(PlaceTask):
    """Set the named part on the gauge."""

    name = "MeasurePart"
    verb = "measure"
    target = " on the gauge"
    stations = ("gauge",)
    WITHIN_M = 0.002
    tolerance = (WITHIN_M, GAP_M, LEAN_RAD, 0.5, 0.5)

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """The gauge's anvil."""
        return replace(draw, station="gauge", goal_m=station("gauge").at_m)
