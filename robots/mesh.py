"""Shapes to one low-polygon triangle mesh per link, coloured through a shared palette texture.

The software renderer pays per triangle and per object, and a body costs a fixed time to make: so all the
shapes of a link become one mesh, and its colours are texture coordinates into a palette of 16^3 colours.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any

from robots.spec import Rgba, Shape, Vec3

Rotation = tuple[Vec3, Vec3, Vec3]

LEVELS = 16
_PALETTE_PX = 64


@lru_cache(maxsize=1)
def palette_png() -> bytes:
    """The palette of all LEVELS^3 colours as a PNG, the one format that the engine takes for sure."""
    step, rows = 255 // (LEVELS - 1), bytearray()
    for index in range(LEVELS**3):
        if index % _PALETTE_PX == 0:
            rows.append(0)
        rows += bytes(step * c for c in (index // LEVELS**2, index // LEVELS % LEVELS, index % LEVELS))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", _PALETTE_PX, _PALETTE_PX, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def palette_uv(rgba: Rgba) -> tuple[float, float]:
    """The texture coordinate of the palette colour nearest to `rgba`."""
    r, g, b = (min(LEVELS - 1, max(0, round(c * (LEVELS - 1)))) for c in rgba[:3])
    index = (r * LEVELS + g) * LEVELS + b
    u, v = (index % _PALETTE_PX + 0.5) / _PALETTE_PX, (index // _PALETTE_PX + 0.5) / _PALETTE_PX
    return u, 1.0 - v  # the picture's first row is at v = 1


@lru_cache(maxsize=4096)
def rotation(rpy_rad: Vec3) -> Rotation:
    """Rotation matrix rows of fixed-axis roll, pitch, yaw."""
    (sr, cr), (sp, cp), (sy, cy) = ((math.sin(a), math.cos(a)) for a in rpy_rad)
    return (
        (cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr),
        (sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr),
        (-sp, cp * sr, cp * cr),
    )


def _turn(m: Rotation, v: Vec3) -> Vec3:
    x, y, z = v
    return (
        m[0][0] * x + m[0][1] * y + m[0][2] * z,
        m[1][0] * x + m[1][1] * y + m[1][2] * z,
        m[2][0] * x + m[2][1] * y + m[2][2] * z,
    )


@dataclass
class Mesh:
    """Triangles with normals and palette coordinates, as the engine takes them."""

    vertices: list[Vec3] = field(default_factory=list)
    normals: list[Vec3] = field(default_factory=list)
    uvs: list[tuple[float, float]] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)

    def face(self, shape: Shape, corners: list[Vec3], normals: list[Vec3]) -> None:
        """Adds a convex polygon given in the frame of `shape`, counter-clockwise from outside."""
        m, at, first = rotation(shape.rpy_rad), shape.xyz_m, len(self.vertices)
        uv = palette_uv(shape.rgba)
        for corner, normal in zip(corners, normals, strict=True):
            x, y, z = _turn(m, corner)
            self.vertices.append((x + at[0], y + at[1], z + at[2]))
            self.normals.append(_turn(m, normal))
            self.uvs.append(uv)
        for i in range(1, len(corners) - 1):
            self.indices += (first, first + i, first + i + 1)


def _box(mesh: Mesh, shape: Shape) -> None:
    half = [s / 2 for s in shape.size_m]
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (-1.0, 1.0):
            corners: list[Vec3] = []
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner = [0.0, 0.0, 0.0]
                corner[axis], corner[u], corner[v] = side * half[axis], a * half[u], b * half[v]
                corners.append((corner[0], corner[1], corner[2]))
            normal = (side * (axis == 0), side * (axis == 1), side * (axis == 2))
            mesh.face(shape, corners if side > 0 else corners[::-1], [normal] * 4)


def _revolve(mesh: Mesh, shape: Shape, profile: list[tuple[float, float]]) -> None:
    """Turns a (radius, z) polyline about local z; flat rings where the radius alone changes."""
    largest = max(r for r, _ in profile)
    sides = 8 if largest < 0.03 else 10 if largest < 0.06 else 14
    angles = [2 * math.pi * i / sides for i in range(sides)]
    for (r0, z0), (r1, z1) in pairwise(profile):
        slope = math.hypot(r1 - r0, z1 - z0)
        out, up = (z1 - z0) / slope, (r0 - r1) / slope
        for a, b in zip(angles, [*angles[1:], 2 * math.pi], strict=True):
            (ca, sa), (cb, sb) = (math.cos(a), math.sin(a)), (math.cos(b), math.sin(b))
            ring: list[Vec3] = [(r0 * ca, r0 * sa, z0), (r0 * cb, r0 * sb, z0)]
            ring += [(r1 * cb, r1 * sb, z1), (r1 * ca, r1 * sa, z1)]
            normals: list[Vec3] = [(out * ca, out * sa, up), (out * cb, out * sb, up)]
            normals += [normals[1], normals[0]]
            keep = [0, 1, 2] if r1 == 0 else [0, 2, 3] if r0 == 0 else [0, 1, 2, 3]
            mesh.face(shape, [ring[k] for k in keep], [normals[k] for k in keep])


def _profile(shape: Shape) -> list[tuple[float, float]]:
    radius = shape.size_m[0]
    half = shape.size_m[1] / 2 if len(shape.size_m) > 1 else 0.0
    if shape.kind == "cylinder":
        return [(0.0, -half), (radius, -half), (radius, half), (0.0, half)]
    arc = [math.radians(a) for a in (0, 45, 90)]
    cap = [(radius * math.sin(a), radius * math.cos(a)) for a in arc]
    cap[0] = (0.0, radius)
    lower = [(r, -half - z) for r, z in cap]
    return lower + [(r, half + z) for r, z in reversed(cap) if half > 0 or z != cap[-1][1]]


def merge(shapes: tuple[Shape, ...]) -> Mesh | None:
    """One mesh of all visible `shapes` in their link frame; None if none is visible."""
    mesh = Mesh()
    for shape in shapes:
        if shape.visible:
            if shape.kind == "box":
                _box(mesh, shape)
            else:
                _revolve(mesh, shape, _profile(shape))
    return mesh if mesh.indices else None


class _Slot:
    """The lists that describe one mesh to the engine; filled anew for another mesh, never replaced."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        self.lists: tuple[list[Any], ...] = ([], [], [], [])

    def fill(self, merged: Mesh) -> None:
        """Takes the numbers of a mesh."""
        rows, n = self.rows, len(merged.vertices)
        rows.extend([] for _ in range(3 * n - len(rows)))
        _integers.extend(range(len(_integers), n))
        for row, values in zip(rows, chain(merged.vertices, merged.normals, merged.uvs), strict=False):
            row[:] = values
        for k in range(3):
            self.lists[k][:] = rows[k * n : (k + 1) * n]
        self.lists[3][:] = [_integers[i] for i in merged.indices]


# pybullet 3.2.7 keeps a reference to every list, row and index that it reads, so that fresh ones would pile
# up (0.5 MB a reset with a machine in sight). It is handed those of a few slots, the least used one refilled.
_SLOTS = 320
# A triangle too small to be seen.
SPECK: Mapping[str, Any] = MappingProxyType(
    {"vertices": [[0.0, 0.0, 0.0], [1e-6, 0.0, 0.0], [0.0, 1e-6, 0.0]], "indices": [0, 1, 2]}
)
_slots: dict[tuple[Shape, ...], _Slot] = {}
_integers: list[int] = []


def mesh_arguments(shapes: tuple[Shape, ...]) -> dict[str, Any] | None:
    """What `createVisualShape` takes for all visible `shapes` of a link; None if none is visible."""
    slot = _slots.pop(shapes, None)
    if slot is None:
        merged = merge(shapes)
        if merged is None:
            return None
        slot = _Slot() if len(_slots) < _SLOTS else _slots.pop(next(iter(_slots)))
        slot.fill(merged)
    _slots[shapes] = slot
    arguments = dict(zip(("vertices", "normals", "uvs", "indices"), slot.lists, strict=True))
    return {**arguments, "rgbaColor": (1.0, 1.0, 1.0, 1.0)}
