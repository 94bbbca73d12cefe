"""SortParts: put the named part where the order says: outfeed, rework or scrap.

Randomised: two to four candidates of different colour, any family, size and slot; the place; pose, size, mass
and friction by the split (seen: +-20 mm, any yaw, +-0.05 mm, +-10 %, combined friction 0.20-0.35); the
hand's start (+-40 mm).
Success: the part stands upright (2 degrees) within 10 mm of the middle of its place, gap below it <= 1 mm,
let go, hand at least 40 mm away, for 5 consecutive steps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from envs.cell.draw import Draw
from envs.cell.placing import PlaceTask
from envs.cell.stations import station

PLACES = ("outfeed", "rework", "scrap")


class SortParts(PlaceTask):
    """Put the named part into the named place."""

    name = "SortParts"
    verb = "sort"
    stations = PLACES
    view = "left"

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """One of the places, each as likely."""
        name = PLACES[int(rng.integers(len(PLACES)))]
        if draw.asked in PLACES:
            name = draw.asked
        return replace(draw, station=name, goal_m=station(name).at_m)

    def target_of(self, draw: Draw) -> str:
        """The place's word."""
        return station(draw.station).word
