"""What stands where in a cell, and the cameras that look at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from robots.scene_types import CameraSpec
from robots.spec import ZERO, Rgba, Shape, Vec3

TABLES: dict[str, Rgba] = {
    "grey": (0.73, 0.75, 0.73, 1.0),
    "green": (0.47, 0.60, 0.47, 1.0),
    "wood": (0.80, 0.67, 0.47, 1.0),
}
_TRAY: Rgba = (0.20, 0.27, 0.40, 1.0)
_NEST: Rgba = (0.27, 0.33, 0.47, 1.0)
# The table carries robot and tray; the machine stands beside it.
TABLE_X_M, TABLE_Y_M = (-0.24, 0.36), (-0.56, 0.34)


@dataclass(frozen=True)
class Layout:
    """Where things stand, in world coordinates: the arm at or near the origin, the table's top at z = 0."""

    base_m: Vec3 = ZERO
    tray_m: Vec3 = (0.185, -0.355, 0.03)
    slot_pitch_m: float = 0.13
    start_m: Vec3 = (0.21, -0.20, 0.26)
    travel_z_m: float = 0.27
    door_x_m: float = 0.245

    @property
    def slots_m(self) -> tuple[Vec3, ...]:
        """Middle of each slot, on the tray's surface; slot 1 is nearest to the machine."""
        x, y, z = self.tray_m
        h = self.slot_pitch_m / 2
        return ((x + h, y + h, z), (x - h, y + h, z), (x + h, y - h, z), (x - h, y - h, z))


@lru_cache(maxsize=32)
def scenery(layout: Layout, table: str, back_m: float = TABLE_Y_M[1]) -> dict[str, tuple[Shape, ...]]:
    """Fixed bodies, world coordinates, nearest to the cameras first: what hides the rest is drawn first.

    Bodies of their own are only compared with what is near them. The floor is there for what falls; it is
    not drawn, as every pixel that is covered costs time. `back_m` is how far the table reaches along y.
    """
    x, y, z = layout.tray_m
    side, wall = layout.slot_pitch_m * 2 + 0.05, 0.008
    nests = [
        Shape("box", (0.09, 0.09, 0.001), (at_x, at_y, z + 0.0003), rgba=_NEST, collides=False)
        for at_x, at_y, _ in layout.slots_m
    ]
    rims = []
    for sx, sy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        size = (wall if sx else side, wall if sy else side, 0.010)
        at = (x + sx * (side - wall) / 2, y + sy * (side - wall) / 2, z + 0.005)
        rims.append(Shape("box", size, at, rgba=_TRAY, collides=False))
    (left, right), front, back = TABLE_X_M, TABLE_Y_M[0], back_m
    left += min(0.0, layout.base_m[0])
    top = (right - left, back - front, 0.04), ((left + right) / 2, (front + back) / 2, -0.02)
    return {
        "tray": (*nests, *rims, Shape("box", (side, side, z), (x, y, z / 2), rgba=_TRAY)),
        "table": (Shape("box", *top, rgba=TABLES[table]),),
        "floor": (Shape("box", (4.0, 4.0, 0.10), (0.30, 0.0, -0.55), visible=False),),
    }


CAMERAS: dict[str, CameraSpec] = {
    "cell": CameraSpec("cell", (-0.42, -0.98, 0.86), (0.32, -0.10, 0.20), fov_deg=52.0),
    "tray": CameraSpec("tray", (0.185, -0.355, 0.80), (0.185, -0.3549, 0.0), (1.0, 0.0, 0.0), fov_deg=32.0),
    "chuck": CameraSpec("chuck", (0.36, -0.20, 0.55), (0.50, 0.0, 0.17), fov_deg=36.0),
    "front": CameraSpec("front", (-0.55, 0.15, 0.75), (0.45, -0.05, 0.20), fov_deg=40.0),
}
# Where a level spindle is, and a part comes to it from the side.
LEVEL_CAMERAS = CAMERAS | {
    "chuck": CameraSpec("chuck", (0.36, -0.34, 0.74), (0.60, 0.0, 0.42), fov_deg=36.0),
}
# Where people look from; "left" shows the places that the robot hides from "cell".
VIEWS: dict[str, CameraSpec] = {
    "cell": CAMERAS["cell"],
    "left": CameraSpec("left", (-0.88, 0.46, 1.00), (0.24, 0.01, 0.21), fov_deg=46.0),
}
