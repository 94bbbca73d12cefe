"""What every solver shares: the error, the interface, frames by plain matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robots.spec import ArmSpec, Vec3

Array = NDArray[np.float64]
Flat = tuple[
    float, float, float, float, float, float, float, float, float, float, float, float
]  # rotation row by row (9), then position in m (3)

_RIGID_TOL = 1e-6
_SQUARE_TOL = 1e-9


class Unreachable(ValueError):
    """No joint vector within the limits brings the flange to the pose asked for."""


class Solver(Protocol):
    """Scalar kinematics of one arm: plain floats in and out, for use in a control loop."""

    def forward_flat(self, q: Sequence[float]) -> Flat:
        """Return base to flange as 12 floats: rotation row by row, then position in m."""

    def solve(
        self,
        px: float,
        py: float,
        pz: float,
        r00: float,
        r01: float,
        r02: float,
        r10: float,
        r11: float,
        r12: float,
        r20: float,
        r21: float,
        r22: float,
        near: Sequence[float],
    ) -> list[float]:
        """Return joint angles in rad for a flange position (m) and rotation (rows)."""

    def solve_all(self, flat: Flat, near: Sequence[float]) -> list[list[float]]:
        """Return every branch within the limits, each joint at its turn nearest `near`."""


def rotation_rpy(rpy: Vec3) -> Array:
    """Return the (3, 3) rotation of fixed-axis roll, pitch, yaw in rad, exact at quarter turns."""
    (cr, sr), (cp, sp), (cy, sy) = (_cos_sin(a) for a in rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def _cos_sin(angle: float) -> tuple[float, float]:
    c, s = math.cos(angle), math.sin(angle)
    # cos(pi/2) is 6e-17 in floats; a true zero keeps axis-aligned frames axis-aligned.
    return (0.0 if abs(c) < 1e-15 else c), (0.0 if abs(s) < 1e-15 else s)


def rotation_axis(axis: Vec3, angle_rad: float) -> Array:
    """Return the (3, 3) rotation about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sin, cos = math.sin(angle_rad), math.cos(angle_rad)
    return np.asarray(np.eye(3) + sin * cross + (1.0 - cos) * (cross @ cross), dtype=np.float64)


def rigid(rotation: Array, xyz_m: ArrayLike) -> Array:
    """Return the (4, 4) transform of a (3, 3) rotation and a position in m."""
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = xyz_m
    return pose


def chain_frames(spec: ArmSpec, q: Sequence[float]) -> Array:
    """Return base to each link frame, then base to flange: (n + 1, 4, 4)."""
    pose = np.eye(4)
    frames = []
    for joint, angle in zip(spec.joints, q, strict=True):
        rotation = rotation_rpy(joint.rpy_rad) @ rotation_axis(joint.axis, angle)
        pose = pose @ rigid(rotation, joint.xyz_m)
        frames.append(pose)
    frames.append(pose @ rigid(rotation_rpy(spec.flange_rpy_rad), spec.flange_xyz_m))
    return np.array(frames)


def joint_list(spec: ArmSpec, q: ArrayLike, what: str) -> list[float]:
    """Return joint angles as floats.

    Raises:
        ValueError: the length is not the arm's, or an angle is not finite.
    """
    array = np.asarray(q, dtype=np.float64)
    if array.shape != (len(spec.joints),):
        raise ValueError(
            f"{what} has shape {array.shape}: {spec.name} needs ({len(spec.joints)},) angles in rad"
        )
    values: list[float] = array.tolist()
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{what} {values}: every angle must be finite")
    return values


def is_square(r: Sequence[float]) -> bool:
    """Return whether a rotation, row by row, is orthonormal to 1e-9 and no reflection."""
    a, b, c, d, e, f, g, h, i = r
    return (
        abs(a * a + b * b + c * c - 1.0) < _SQUARE_TOL
        and abs(d * d + e * e + f * f - 1.0) < _SQUARE_TOL
        and abs(g * g + h * h + i * i - 1.0) < _SQUARE_TOL
        and abs(a * d + b * e + c * f) < _SQUARE_TOL
        and abs(d * g + e * h + f * i) < _SQUARE_TOL
        and abs(g * a + h * b + i * c) < _SQUARE_TOL
        and a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g) > 0.0
    )


def squared_rotation(flat: Sequence[float]) -> Flat:
    """Return the nearest pose with an exact rotation, for a pose rigid to within rounding.

    Raises:
        ValueError: the pose is not finite, or is further than 1e-6 from a rigid one.
    """
    if not all(map(math.isfinite, flat)):
        raise ValueError(f"pose {[float(v) for v in flat]}: every entry must be finite")
    given = np.array(flat[:9], dtype=np.float64).reshape(3, 3)
    u, _, vt = np.linalg.svd(given)
    rotation = u @ vt
    if np.linalg.det(rotation) < 0.0 or np.abs(rotation - given).max() > _RIGID_TOL:
        raise ValueError("pose is not rigid: its rotation part must be orthonormal, determinant +1")
    out: Flat = (*rotation.ravel().tolist(), float(flat[9]), float(flat[10]), float(flat[11]))
    return out
