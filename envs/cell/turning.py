"""How a tool is turned: rotations are row-major (9,), world axes; tilt 0 is down, a quarter along +x."""

from __future__ import annotations

import math
from collections.abc import Sequence

from robots.spec import Vec3

Flat = tuple[float, ...]


def tool_down(yaw_rad: float) -> Flat:
    """Rotation of a tool that points down, turned by yaw about the vertical."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return (c, s, 0.0, s, -c, 0.0, 0.0, 0.0, -1.0)


def tool_rotation(yaw_rad: float, tilt_rad: float) -> Flat:
    """Rotation of a tool that is turned by yaw while it points down and then tilted about -y."""
    a, b, _, d, e, _, _, _, _ = tool_down(yaw_rad)
    c, s = math.cos(tilt_rad), math.sin(tilt_rad)
    return (c * a, c * b, s, d, e, 0.0, s * a, s * b, -c)


def tilt_of(r: Flat) -> float:
    """The tilt of a tool."""
    return math.atan2(r[2], -r[8])


def yaw_of(r: Flat) -> float:
    """The yaw of a tool, its tilt taken back."""
    tilt = tilt_of(r)
    return math.atan2(r[3], math.cos(tilt) * r[0] + math.sin(tilt) * r[6])


def turned(r: Flat, vector_rad: Sequence[float]) -> Flat:
    """`r` turned by a rotation vector in world axes, kept orthonormal (Rodrigues)."""
    angle = math.sqrt(sum(v * v for v in vector_rad))
    if angle < 1e-12:
        return r
    x, y, z = (v / angle for v in vector_rad)
    c, s = math.cos(angle), math.sin(angle)
    t = 1.0 - c
    m = (
        (t * x * x + c, t * x * y - s * z, t * x * z + s * y),
        (t * x * y + s * z, t * y * y + c, t * y * z - s * x),
        (t * x * z - s * y, t * y * z + s * x, t * z * z + c),
    )
    rows = [[sum(m[i][k] * r[3 * k + j] for k in range(3)) for j in range(3)] for i in range(3)]
    a, b = rows[0], rows[1]
    n = math.sqrt(sum(v * v for v in a))
    a = [v / n for v in a]
    dot = sum(p * q for p, q in zip(a, b, strict=True))
    b = [q - dot * p for p, q in zip(a, b, strict=True)]
    n = math.sqrt(sum(v * v for v in b))
    b = [v / n for v in b]
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return (*a, *b, *cross)

def rotation_between(a: Flat, b: Flat) -> Vec3:
    """The rotation vector (world axes) that turns `a` into `b` by the shortest way."""
    m = [[sum(b[3 * i + k] * a[3 * j + k] for k in range(3)) for j in range(3)] for i in range(3)]
    x, y, z = m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]
    sine, cosine = math.sqrt(x * x + y * y + z * z) / 2, (m[0][0] + m[1][1] + m[2][2] - 1.0) / 2
    angle = math.atan2(sine, cosine)
    if sine < 1e-9:
        # No turn, or half a turn about an axis that the diagonal tells.
        if cosine > 0.0:
            return (x / 2, y / 2, z / 2)
        k = max(range(3), key=lambda i: m[i][i])
        axis = [m[i][k] + float(i == k) for i in range(3)]
        length = math.sqrt(sum(v * v for v in axis))
        x, y, z = (v / length * 2 * angle for v in axis)
        return (x / 2, y / 2, z / 2)
    scale = angle / (2 * sine)
    return (x * scale, y * scale, z * scale)
