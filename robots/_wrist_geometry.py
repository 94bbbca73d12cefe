"""A spherical-wrist arm reduced to the few lengths, signs and angles that its closed form needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robots._chain import rotation_rpy
from robots.spec import ArmSpec, Vec3

_AXES: tuple[Vec3, ...] = (
    (0.0, 0.0, 1.0),
    (0.0, 1.0, 0.0),
    (0.0, 1.0, 0.0),
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (1.0, 0.0, 0.0),
)
# Which of roll, pitch, yaw a joint frame may have and still keep the structure.
_FREE_RPY = ((2,), (1,), (1,), (0, 1), (1,), (0, 1))


@dataclass(frozen=True)
class Geometry:
    """The arm as a plane two-link arm that turns about z, with a roll-pitch-roll wrist on its end.

    Angles are `sign * q + offset`. Lengths in m: J1 axis at `base`, J2 at (`a1`, `base` z) in the
    turned plane, `upper` from J2 to J3, `fore` from J3 to the wrist centre, `tool` from the wrist
    centre to the flange (flange frame). `flange` is the J6-to-flange rotation, row by row.
    """

    sign: tuple[float, ...]
    offset: tuple[float, ...]
    base: Vec3
    a1: float
    upper: tuple[float, float]
    fore: tuple[float, float]
    tool: Vec3
    flange: tuple[float, ...]


def geometry(spec: ArmSpec) -> Geometry:
    """Reduce a spec to its `Geometry`.

    Raises:
        ValueError: the arm does not have the structure that this module solves.
    """
    if len(spec.joints) != 6:
        raise ValueError(f"{spec.name}: a spherical-wrist arm has 6 joints, not {len(spec.joints)}")
    signs = []
    for joint, axis, free in zip(spec.joints, _AXES, _FREE_RPY, strict=True):
        sign = sum(a * b for a, b in zip(joint.axis, axis, strict=True))
        turned = [i for i in range(3) if i not in free and abs(joint.rpy_rad[i]) > 1e-12]
        if abs(abs(sign) - 1.0) > 1e-12 or turned:
            raise ValueError(
                f"{spec.name} {joint.name}: axis {joint.axis}, rpy_rad {joint.rpy_rad} do not fit "
                "the spherical-wrist structure z, y, y, x, y, x"
            )
        signs.append(math.copysign(1.0, sign))
    j1, j2, j3, j4, j5, j6 = spec.joints
    pitch4, pitch6 = (rotation_rpy((0.0, j.rpy_rad[1], 0.0)) for j in (j4, j6))
    fore = pitch4.T @ j4.xyz_m + j5.xyz_m
    hand = pitch6.T @ j6.xyz_m
    aside = (j2.xyz_m[1], j3.xyz_m[1], fore[1], j5.xyz_m[1], j5.xyz_m[2], hand[1], hand[2])
    if max(map(abs, aside)) > 1e-12:
        raise ValueError(f"{spec.name}: J2 to J6 must lie in one plane and meet in a wrist centre")
    flange = rotation_rpy(spec.flange_rpy_rad)
    tool = flange.T @ (hand + spec.flange_xyz_m)
    pitches = (j1.rpy_rad[2], j2.rpy_rad[1], j3.rpy_rad[1] + j4.rpy_rad[1])
    return Geometry(
        sign=tuple(signs),
        offset=(*pitches, j4.rpy_rad[0], j5.rpy_rad[1] + j6.rpy_rad[1], j6.rpy_rad[0]),
        base=(j1.xyz_m[0], j1.xyz_m[1], j1.xyz_m[2] + j2.xyz_m[2]),
        a1=j2.xyz_m[0],
        # The J3 offset lives in the J2 frame; only J4's pitch was folded into the J3 angle.
        upper=(j3.xyz_m[0], j3.xyz_m[2]),
        fore=(float(fore[0]), float(fore[2])),
        tool=(float(tool[0]), float(tool[1]), float(tool[2])),
        flange=tuple(flange.ravel().tolist()),
    )
