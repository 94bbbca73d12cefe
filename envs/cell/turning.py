"""How a tool is turned: rotations are row-major (9,), world axes; tilt 0 is down, a quarter along +x."""

from __future__ import annotations

import math
from collections.abc import Sequence

from robots.spec import Vec3

Flat = tuple[float, ...]
# Sine of the tilt above which a tool has a pan.
PANS = 0.7


def tool_down(yaw_rad: float) -> Flat:
    """Rotation of a tool that points down, turned by yaw about the vertical."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return (c, s, 0.0, s, -c, 0.0, 0.0, 0.0, -1.0)


def tool_rotation(yaw_rad: float, tilt_rad: float, pan_rad: float = 0.0) -> Flat:
    """Rotation of a tool turned by yaw while it points down, then tilted about -y, then panned about z."""
    a, b, _, d, e, _, _, _, _ = tool_down(yaw_rad)
    c, s = math.cos(tilt_rad), math.sin(tilt_rad)
    u, v = math.cos(pan_rad), math.sin(pan_rad)
    x, y = (c * a, c * b, s), (d, e, 0.0)
    ahead = (u * x[0] - v * y[0], u * x[1] - v * y[1], u * x[2])
    aside = (v * x[0] + u * y[0], v * x[1] + u * y[1], v * x[2])
    return (*ahead, *aside, s * a, s * b, -c)


def turns_of(r: Flat) -> tuple[float, float, float]:
    """Yaw, tilt and pan of a tool; one that points about down has no pan."""
    pan = math.atan2(r[5], r[2]) if math.hypot(r[2], r[5]) > PANS else 0.0
    c, s = math.cos(pan), math.sin(pan)
    tilt = math.atan2(c * r[2] + s * r[5], -r[8])
    yaw = math.atan2(c * r[3] - s * r[0], math.cos(tilt) * (c * r[0] + s * r[3]) + math.sin(tilt) * r[6])
    return yaw, tilt, pan


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
