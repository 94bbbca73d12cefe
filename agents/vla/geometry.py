"""From pixels to the world and back by a (3, 4) pinhole projection: (column, row, 1) ~ P (x, y, z, 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Height of the surface on which parts stand when they are taken (m): the tray's.
SURFACE_M = 0.030


def project(lens: NDArray, point_m: Sequence[float]) -> tuple[float, float]:
    """Pixel (column, row) of a world point."""
    u, v, w = (np.asarray(lens, float) @ np.array([*point_m, 1.0])).tolist()
    return u / w, v / w


def at_height(lens: NDArray, pixel: Sequence[float], z_m: float) -> tuple[float, float, float]:
    """The world point at a height that a pixel (column, row) shows.

    Raises:
        ValueError: If the line of sight runs level, so that no point of it is at that height.
    """
    p = np.asarray(lens, float)
    u, v = pixel
    # u (p3 . X) = p1 . X and v (p3 . X) = p2 . X, two equations in x and y.
    rows = np.stack([u * p[2] - p[0], v * p[2] - p[1]])
    try:
        x, y = np.linalg.solve(rows[:, :2], -(rows[:, 2] * z_m + rows[:, 3])).tolist()
    except np.linalg.LinAlgError:
        raise ValueError(f"pixel {tuple(pixel)} shows no point at height {z_m} m") from None
    return x, y, z_m


def heading(lens: NDArray) -> float:
    """What a turn about the vertical is told against (rad).

    For a camera that looks down it is the direction of its columns on the floor, so that turning the camera
    turns nothing else; for others it is the world's x.
    """
    if not looks_down(lens):
        return 0.0
    p = np.asarray(lens, float)[:, :3]
    right = np.cross(p[1], p[2])  # the line on which row and depth stay: along the columns
    return math.atan2(right[1], right[0])


def looks_down(lens: NDArray) -> bool:
    """Whether a camera looks straight down, so that a turn of its picture is a turn about the vertical."""
    forward = np.asarray(lens, float)[2, :3]
    return bool(forward[2] < -0.95 * np.linalg.norm(forward))


def anchor(position_m: tuple[float, float, float], height_m: float, stage: str) -> tuple[float, float, float]:
    """The point whose pixel is learned: where the hand takes a part; or, under it, where a part is to stand.

    The latter can be seen wherever the camera is; the hand that puts it down hangs in the air.
    """
    x, y, _ = position_m
    return position_m if stage == "take" else (x, y, height_m + SURFACE_M)


def wrap(angle_rad: float, period_rad: float) -> float:
    """The equivalent angle within half a period of zero."""
    return angle_rad - period_rad * round(angle_rad / period_rad)
