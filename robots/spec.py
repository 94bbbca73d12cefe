"""Frozen specifications: shapes, links, joints and arms. Pure data, validated when made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Vec3 = tuple[float, float, float]
Rgba = tuple[float, float, float, float]
ZERO: Vec3 = (0.0, 0.0, 0.0)

_SIZES = {"box": 3, "cylinder": 2, "capsule": 2, "sphere": 1}


@dataclass(frozen=True)
class Shape:
    """A primitive solid in the frame of its link or body.

    `size_m` is (x, y, z) full lengths for a box, (radius, length) along local z for a cylinder or
    capsule (length between the cap centres), (radius,) for a sphere.
    """

    kind: Literal["box", "cylinder", "capsule", "sphere"]
    size_m: tuple[float, ...]
    xyz_m: Vec3 = ZERO
    rpy_rad: Vec3 = ZERO
    rgba: Rgba = (0.6, 0.6, 0.6, 1.0)
    collides: bool = True
    visible: bool = True

    def __post_init__(self) -> None:
        if self.kind not in _SIZES:
            raise ValueError(f"shape kind {self.kind!r}: allowed are {', '.join(sorted(_SIZES))}")
        if len(self.size_m) != _SIZES[self.kind] or min(self.size_m) <= 0.0:
            raise ValueError(
                f"{self.kind} size_m {self.size_m}: {_SIZES[self.kind]} positive lengths are needed"
            )


@dataclass(frozen=True)
class Link:
    """A rigid link: mass, centre of mass in the link frame, and its shapes in the link frame."""

    mass_kg: float
    com_m: Vec3 = ZERO
    shapes: tuple[Shape, ...] = ()

    def __post_init__(self) -> None:
        if self.mass_kg < 0.0:
            raise ValueError(f"link mass_kg {self.mass_kg}: must not be negative")


@dataclass(frozen=True)
class Joint:
    """A revolute joint and the link that it moves.

    The joint frame sits at `xyz_m`, `rpy_rad` (fixed-axis roll, pitch, yaw) in the parent's joint
    frame; the link turns about `axis` (unit vector, joint frame). The link frame is the turned joint frame.
    """

    name: str
    xyz_m: Vec3
    axis: Vec3
    lower_rad: float
    upper_rad: float
    speed_rad_s: float
    torque_nm: float
    link: Link
    rpy_rad: Vec3 = ZERO

    def __post_init__(self) -> None:
        if not self.lower_rad < self.upper_rad:
            raise ValueError(
                f"{self.name}: lower_rad {self.lower_rad} must be below upper_rad {self.upper_rad}"
            )
        if min(self.speed_rad_s, self.torque_nm) <= 0.0:
            raise ValueError(f"{self.name}: speed_rad_s and torque_nm must be positive")
        if abs(sum(a * a for a in self.axis) - 1.0) > 1e-9:
            raise ValueError(f"{self.name}: axis {self.axis} must be a unit vector")


@dataclass(frozen=True)
class ArmSpec:
    """A serial arm: base link, joints from base to wrist, and the flange (z points out of the flange).

    `mount_m` is where its foot stands in a cell, against where the smaller arms stand: a long forearm needs
    room behind it to get below a machine's lintel.
    """

    name: str
    title: str
    base: Link
    joints: tuple[Joint, ...]
    flange_xyz_m: Vec3
    flange_rpy_rad: Vec3
    home_rad: tuple[float, ...]
    payload_kg: float
    reach_m: float
    solver: Literal["spherical_wrist", "offset_wrist", "redundant"]
    mount_m: Vec3 = ZERO

    def __post_init__(self) -> None:
        if len(self.home_rad) != len(self.joints):
            raise ValueError(
                f"{self.name}: home_rad needs {len(self.joints)} angles, has {len(self.home_rad)}"
            )
        for joint, q in zip(self.joints, self.home_rad, strict=True):
            if not joint.lower_rad <= q <= joint.upper_rad:
                raise ValueError(f"{self.name}: home of {joint.name} is outside its limits")
