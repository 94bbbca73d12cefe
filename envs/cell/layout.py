"""What stands where in a cell, and the cameras that look at it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from robots.scene_types import CameraSpec
from robots.spec import ZERO, Rgba, Shape, Vec3

_TABLE: Rgba = (0.73, 0.75, 0.73, 1.0)
_TRAY: Rgba = (0.20, 0.27, 0.40, 1.0)
_NEST: Rgba = (0.27, 0.33, 0.47, 1.0)
# What a surface is laid on is white, a nest a little darker.
_BARE: Rgba = (1.0, 1.0, 1.0, 1.0)
_BARE_NEST: Rgba = (0.80, 0.80, 0.80, 1.0)
# The table carries robot and tray; the machine stands beside it.
TABLE_X_M, TABLE_Y_M = (-0.24, 0.36), (-0.56, 0.34)


@dataclass(frozen=True)
class Layout:
    """Where things stand, in world coordinates: the arm at or near the origin, the table's top at z = 0."""

    base_m: Vec3 = ZERO
    tray_m: Vec3 = (0.185, -0.355, 0.03)
    tray_turn_rad: float = 0.0
    slot_pitch_m: float = 0.13
    start_m: Vec3 = (0.21, -0.20, 0.26)
    travel_z_m: float = 0.27
    door_x_m: float = 0.245

    @property
    def slots_m(self) -> tuple[Vec3, ...]:
        """Middle of each slot, on the tray's surface; slot 1 is nearest to the machine."""
        x, y, z = self.tray_m
        c, s, h = math.cos(self.tray_turn_rad), math.sin(self.tray_turn_rad), self.slot_pitch_m / 2
        corners = ((h, h), (-h, h), (h, -h), (-h, -h))
        return tuple((x + c * u - s * v, y + s * u + c * v, z) for u, v in corners)

    def moved(self, x_m: float, y_m: float, turn_rad: float) -> Layout:
        """The same with the tray elsewhere."""
        x, y, z = self.tray_m
        return replace(self, tray_m=(x + x_m, y + y_m, z), tray_turn_rad=turn_rad)


@lru_cache(maxsize=32)
def scenery(
    base_m: Vec3, slot_pitch_m: float, tray_z_m: float, back_m: float, *, bare: tuple[bool, bool]
) -> dict[str, tuple[Shape, ...]]:
    """Fixed bodies, nearest to the cameras first: what hides the rest is drawn first.

    The tray is about its middle on the table, the others are in world coordinates. Bodies of their own are
    only compared with what is near them. The floor is there for what falls; it is not drawn, as every pixel
    that is covered costs time.

    Args:
        base_m: Where the arm stands.
        slot_pitch_m: From slot to slot.
        tray_z_m: Height of the tray's surface.
        back_m: How far the table reaches along y.
        bare: Whether table and tray are white, for surfaces to be laid on.
    """
    side, wall, h, z = slot_pitch_m * 2 + 0.05, 0.008, slot_pitch_m / 2, tray_z_m
    tray, nest = (_BARE, _BARE_NEST) if bare[1] else (_TRAY, _NEST)
    nests = [
        Shape("box", (0.09, 0.09, 0.001), (u, v, z + 0.0003), rgba=nest, collides=False)
        for u, v in ((h, h), (-h, h), (h, -h), (-h, -h))
    ]
    rims = []
    for sx, sy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        size = (wall if sx else side, wall if sy else side, 0.010)
        at = (sx * (side - wall) / 2, sy * (side - wall) / 2, z + 0.005)
        rims.append(Shape("box", size, at, rgba=tray, collides=False))
    (left, right), front, back = TABLE_X_M, TABLE_Y_M[0], back_m
    left += min(0.0, base_m[0])
    top = (right - left, back - front, 0.04), ((left + right) / 2, (front + back) / 2, -0.02)
    return {
        "tray": (*nests, *rims, Shape("box", (side, side, z), (0.0, 0.0, z / 2), rgba=tray)),
        "table": (Shape("box", *top, rgba=_BARE if bare[0] else _TABLE),),
        "floor": (Shape("box", (4.0, 4.0, 0.10), (0.30, 0.0, -0.55), visible=False),),
    }


CAMERAS: dict[str, CameraSpec] = {
    "cell": CameraSpec("cell", (-0.42, -0.98, 0.86), (0.32, -0.10, 0.20), fov_deg=52.0),
    "tray": CameraSpec("tray", (0.185, -0.355, 0.80), (0.185, -0.3549, 0.0), (1.0, 0.0, 0.0), fov_deg=32.0),
    "chuck": CameraSpec("chuck", (0.36, -0.20, 0.55), (0.50, 0.0, 0.17), fov_deg=36.0),
    "front": CameraSpec("front", (-0.55, 0.15, 0.75), (0.45, -0.05, 0.20), fov_deg=40.0),
    "stations": CameraSpec("stations", (0.08, 0.20, 0.98), (0.08, 0.2001, 0.0), (1.0, 0.0, 0.0), fov_deg=36),
}
# A camera that hangs on the post of another is moved with it, and is as far off its calibration.
POSTS = {"stations": "front"}
# Where a level spindle is, and a part comes to it from the side.
LEVEL_CAMERAS = CAMERAS | {
    "chuck": CameraSpec("chuck", (0.36, -0.34, 0.74), (0.60, 0.0, 0.42), fov_deg=36.0),
}
# Where people look from; "left" shows the places that the robot hides from "cell".
VIEWS: dict[str, CameraSpec] = {
    "cell": CAMERAS["cell"],
    "left": CameraSpec("left", (-0.88, 0.46, 1.00), (0.24, 0.01, 0.21), fov_deg=46.0),
}
