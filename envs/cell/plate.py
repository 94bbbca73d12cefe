"""The plate with a hole that pins go into, made of boxes: the engine has no hollow solids.

The walls of the hole are flats tangent to its circle, so that a cylinder of its diameter just fits; a pin
0.1 mm too big does not go in (`tests/physics/test_plate.py`). The engine makes a body of at most 16 shapes,
so the plate is three bodies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

from robots.spec import Rgba, Shape

# Diameter of holes that the plate is wide enough for.
LEAST_M, MOST_M = 0.010, 0.050
FLOOR_M, DEPTH_M = 0.012, 0.022
TOP_M = FLOOR_M + DEPTH_M
# Lead-in: 45 degrees, this wide and deep.
LEAD_M = 0.0015
SIDE_M = 0.100
FLATS = 16
# What is round the lead-in guides nothing: fewer boxes do.
_RIM = 12
BODIES = ("plate", "plate_lead", "plate_floor")
_STEEL: Rgba = (0.53, 0.55, 0.58, 1.0)
_LEAD: Rgba = (0.73, 0.75, 0.78, 1.0)
_DARK: Rgba = (0.20, 0.21, 0.23, 1.0)


@lru_cache(maxsize=32)
def bored_plate(hole_m: float) -> Mapping[str, tuple[Shape, ...]]:
    """The plate's bodies by name, about the hole's axis on the table.

    Args:
        hole_m: Diameter of the hole.

    Raises:
        ValueError: the plate is not made for such a hole.
    """
    if not LEAST_M <= hole_m <= MOST_M:
        raise ValueError(f"hole_m {hole_m}: allowed are {LEAST_M} to {MOST_M}")
    radius = hole_m / 2
    walls, lead, floor = BODIES
    inside = 2 * radius + 0.004
    return {
        walls: _ring(radius, 0.0, TOP_M - LEAD_M, FLATS),
        lead: _slope(radius),
        floor: (
            *_ring(radius + LEAD_M, TOP_M - LEAD_M, TOP_M, _RIM),
            Shape("box", (inside, inside, FLOOR_M), (0.0, 0.0, FLOOR_M / 2), rgba=_DARK),
        ),
    }


def _ring(radius: float, low: float, high: float, flats: int) -> tuple[Shape, ...]:
    """Walls round a hole from one height to another.

    They overlap, so wide that they leave no gap outside; along its flat a wall comes no nearer to the axis
    than `radius`.
    """
    outer = SIDE_M / 2
    width, middle = 2 * outer * math.tan(math.pi / flats), (radius + outer) / 2
    shapes = []
    for k in range(flats):
        turn = 2 * math.pi * k / flats
        at = (middle * math.cos(turn), middle * math.sin(turn), (low + high) / 2)
        size = (outer - radius, width, high - low)
        shapes.append(Shape("box", size, at, (0.0, 0.0, turn), rgba=_STEEL))
    return tuple(shapes)


def _slope(radius: float) -> tuple[Shape, ...]:
    """The lead-in: boxes on their edges, each with its upper face from the wall to the plate's top."""
    face, thick = LEAD_M * math.sqrt(2.0), LEAD_M / math.sqrt(2.0)
    # Half of the face along it, half of the thickness behind it.
    r = radius + (LEAD_M + LEAD_M / 2) / 2
    z = TOP_M - (LEAD_M + LEAD_M / 2) / 2
    width = 2 * (radius + LEAD_M) * math.tan(math.pi / FLATS)
    shapes = []
    for k in range(FLATS):
        turn = 2 * math.pi * k / FLATS
        at = (r * math.cos(turn), r * math.sin(turn), z)
        shapes.append(Shape("box", (face, width, thick), at, (0.0, -math.pi / 4, turn), rgba=_LEAD))
    return tuple(shapes)
