"""What a World is built from and gives back: plain frozen data, nothing of the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from robots.spec import ZERO, Link, Vec3

Quat = tuple[float, float, float, float]
IDENTITY: Quat = (0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class EngineSpec:
    """Engine parameters, all set explicitly; the manifest of a run records them."""

    rate_hz: int = 240
    solver_iterations: int = 50
    gravity_m_s2: float = 9.81
    contact_erp: float = 0.2
    joint_erp: float = 0.2
    friction_erp: float = 0.2
    residual_threshold: float = 1e-5
    linear_slop_m: float = 1e-5

    def __post_init__(self) -> None:
        if not 60 <= self.rate_hz <= 4000:
            raise ValueError(f"rate_hz {self.rate_hz}: allowed are 60 to 4000")
        if not 20 <= self.solver_iterations <= 1000:
            raise ValueError(f"solver_iterations {self.solver_iterations}: allowed are 20 to 1000")


@dataclass(frozen=True)
class Surface:
    """Contact properties; the engine multiplies the friction of the two bodies that touch.

    An anchored contact sticks at a place, not just at no speed: joints carry a hand along arcs, where a part
    steps along tangents, and without it the part would creep outwards by some 3 mm/s at full speed.
    """

    friction: float = 0.5
    spinning_friction_m: float = 0.0
    rolling_friction_m: float = 0.0
    restitution: float = 0.0
    anchored: bool = False


@dataclass(frozen=True)
class Node:
    """One moving or fixed link of an articulated body; `parent` is a node index, -1 the base."""

    name: str
    kind: str
    parent: int
    xyz_m: Vec3
    link: Link
    axis: Vec3 = (0.0, 0.0, 1.0)
    rpy_rad: Vec3 = ZERO
    lower: float = 0.0
    upper: float = -1.0
    surface: Surface = field(default_factory=Surface)


@dataclass(frozen=True)
class Contact:
    """A touching or nearly touching point: `distance_m` < 0 is penetration; force on A along `normal`."""

    body_a: str
    link_a: int
    body_b: str
    link_b: int
    point_m: Vec3
    normal: Vec3
    distance_m: float
    force_n: float


@dataclass(frozen=True)
class CameraSpec:
    """A pinhole camera in world coordinates; `fov_deg` is vertical."""

    name: str
    eye_m: Vec3
    target_m: Vec3
    up: Vec3 = (0.0, 0.0, 1.0)
    fov_deg: float = 50.0
    near_m: float = 0.05
    far_m: float = 4.0


@dataclass(frozen=True)
class Light:
    """A distant light: direction towards it, its colour (1 is the usual brightness), and how it spreads."""

    direction: Vec3 = (0.6, -0.8, 1.6)
    colour: Vec3 = (1.0, 1.0, 1.0)
    ambient: float = 0.55
    diffuse: float = 0.50


@dataclass(frozen=True)
class Cover:
    """A surface: (n, n, 3) float32 shares in [0, 1] of the light given back, repeated every `tile_m`.

    It lies along the world's x and y, turned by `turn_rad`, and wraps down upright faces.
    """

    pixels: npt.NDArray[np.float32]
    tile_m: float
    turn_rad: float = 0.0


@dataclass(frozen=True)
class Picture:
    """rgb (h, w, 3) uint8; depth_m (h, w) float32 along the axis; segmentation (h, w) int32 body ids."""

    rgb: npt.NDArray[np.uint8]
    depth_m: npt.NDArray[np.float32]
    segmentation: npt.NDArray[np.int32]


@lru_cache(maxsize=4096)
def quaternion(rpy_rad: Vec3) -> Quat:
    """Quaternion (x, y, z, w) of fixed-axis roll, pitch, yaw."""
    (sr, cr), (sp, cp), (sy, cy) = ((math.sin(a / 2), math.cos(a / 2)) for a in rpy_rad)
    return (
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
        cr * cp * cy + sr * sp * sy,
    )
