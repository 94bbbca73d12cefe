"""From pixels to the world and back by a (3, 4) pinhole projection: (column, row, 1) ~ P (x, y, z, 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# Height (m) of what parts stand on where a camera shows them taken: the tray, a machine's stop.
SURFACES_M = {"tray": 0.030, "chuck": 0.160}
# What is nearer to the edge of a picture is not looked at through it.
EDGE_PX = 4


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


def scale(lens: NDArray, point_m: Sequence[float]) -> float:
    """Pixels per metre of a level surface at a world point, in the mean over directions."""
    x, y, z = point_m
    at = np.array(project(lens, point_m))
    along = [np.array(project(lens, p)) - at for p in ((x + 1e-3, y, z), (x, y + 1e-3, z))]
    return 1e3 * math.sqrt(abs(float(np.linalg.det(np.stack(along)))))


def shown_by(lenses: Mapping[str, NDArray], point_m: Sequence[float], size: int) -> str | None:
    """The camera in whose picture a world point is largest; None where it is in none, or at their edges.

    Args:
        lenses: (3, 4) projections by camera.
        point_m: The point.
        size: Side of the pictures in pixels.
    """
    found = {}
    for camera, lens in lenses.items():
        u, v = project(lens, point_m)
        if min(u, v) >= EDGE_PX and max(u, v) < size - EDGE_PX:
            found[camera] = scale(lens, point_m)
    return max(found, key=lambda camera: found[camera]) if found else None


def wrap(angle_rad: float, period_rad: float) -> float:
    """The equivalent angle within half a period of zero."""
    return angle_rad - period_rad * round(angle_rad / period_rad)
