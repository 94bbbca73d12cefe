"""How an episode looks: surfaces, light, cameras, paint, things lying about; nothing of it is touched."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

import numpy as np

from envs.cell.textures import TILE_M, surface
from envs.cell.variation import Split
from robots.machine_body import MachineSpec
from robots.scene_types import Cover, Light
from robots.spec import ZERO, ArmSpec, Rgba, Shape, Vec3

# Cameras are drawn for as many as any cell has.
N_CAMERAS = 4
TRAY_VIVID = 0.10
# Paint: the arm's own colour, or skin and trim of a machine, is replaced by these.
PAINTS: Mapping[str, Rgba] = MappingProxyType(
    {
        "white": (0.93, 0.94, 0.95, 1.0),
        "blue": (0.20, 0.40, 0.73, 1.0),
        "orange": (0.93, 0.47, 0.13, 1.0),
        "green": (0.27, 0.53, 0.33, 1.0),
        "dark": (0.27, 0.28, 0.31, 1.0),
        "ochre": (0.80, 0.60, 0.27, 1.0),
    }
)
# Where things lie about on the table: beside the robot and before the tray, out of everybody's way.
HEAPS_M = ((-0.21, -0.07), (-0.53, -0.16))
HEAP_HIGH_M = 0.05
_THINGS = (5, 9)


@dataclass(frozen=True)
class CameraShift:
    """A camera against its usual mount, as its calibration knows it."""

    eye_m: Vec3 = ZERO
    zoom: float = 1.0  # field of view over the usual


@dataclass(frozen=True)
class Look:
    """What only cameras tell apart.

    Attributes:
        surfaces: Of table, tray, floor and wall, such as "checks-3"; "" leaves them as they are.
        turn_rad: How surfaces lie.
        light: The light.
        cameras: Their mounts.
        clutter: A heap of things on the table; "" for none.
        arm: Name of a paint, "own" for its own.
        machine: Name of a paint, "own" for its own.
        backdrop: A machine that only stands there, where a task has none; "" for none.
    """

    surfaces: tuple[str, str, str, str] = ("", "", "", "")
    turn_rad: float = 0.0
    light: Light = field(default_factory=Light)
    cameras: tuple[CameraShift, ...] = (CameraShift(),) * N_CAMERAS
    clutter: str = ""
    arm: str = "own"
    machine: str = "own"
    backdrop: str = ""

    def cover(self, which: int) -> Cover | None:
        """The surface of table (0), tray (1), floor (2) or wall (3)."""
        name = self.surfaces[which]
        if not name:
            return None
        pixels = surface(name, TRAY_VIVID) if which == 1 else surface(name)
        return Cover(pixels, TILE_M * (1.0, 0.6, 2.0, 4.0)[which], self.turn_rad + which)


def draw_look(rng: np.random.Generator, split: Split) -> Look:
    """Draws how an episode looks, from a generator of its own."""
    names = [split.choose(rng, "textures") for _ in range(4)]
    azimuth, height = (math.radians(split.draw(rng, f)[0]) for f in ("light_deg", "light_height_deg"))
    gain, warmth = (split.draw(rng, f)[0] for f in ("light_gain", "light_warmth"))
    cameras = []
    for _ in range(N_CAMERAS):
        far = split.draw(rng, "camera_pose_mm")[0] * 1e-3
        z, turn = rng.uniform(-1.0, 1.0), rng.uniform(0.0, 2 * math.pi)
        flat = math.sqrt(1.0 - z * z)
        eye = (far * flat * math.cos(turn), far * flat * math.sin(turn), far * z)
        cameras.append(CameraShift(eye, 1.0 + split.draw(rng, "camera_zoom_pct")[0] / 100))
    plain = {"none": ""}
    turn_rad = float(rng.uniform(-math.pi, math.pi))
    clutter, arm, machine, backdrop = (
        split.choose(rng, c) for c in ("clutter", "arm", "machine", "backdrop")
    )
    surfaces = tuple(plain.get(n, n) for n in names)
    return Look(
        (surfaces[0], surfaces[1], surfaces[2], surfaces[3]),
        turn_rad,
        lit(azimuth, height, gain, warmth),
        tuple(cameras),
        plain.get(clutter, clutter),
        arm,
        machine,
        plain.get(backdrop, backdrop),
    )


def lit(azimuth_rad: float, height_rad: float, gain: float, warmth: float) -> Light:
    """Light from a direction about the vertical (0 is the usual) and above the horizon."""
    c, s = math.cos(azimuth_rad), math.sin(azimuth_rad)
    up = math.hypot(0.4, 0.8) * math.tan(height_rad)
    colour = (gain, gain * (1 - warmth / 2), gain * (1 - warmth))
    return Light((c * 0.4 + s * 0.8, s * 0.4 - c * 0.8, up), colour)


# --- Paint -----------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def painted(spec: ArmSpec, paint: str) -> ArmSpec:
    """The arm with the colour that most of its shapes have replaced."""
    if paint == "own":
        return spec
    links = (spec.base, *(joint.link for joint in spec.joints))
    counted = Counter(shape.rgba for link in links for shape in link.shapes)
    own = counted.most_common(1)[0][0]

    def coat(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        return tuple(replace(s, rgba=PAINTS[paint]) if s.rgba == own else s for s in shapes)

    joints = tuple(replace(j, link=replace(j.link, shapes=coat(j.link.shapes))) for j in spec.joints)
    return replace(spec, base=replace(spec.base, shapes=coat(spec.base.shapes)), joints=joints)


def livery(spec: MachineSpec, paint: str) -> MachineSpec:
    """A machine in other paint."""
    return spec if paint == "own" else replace(spec, skin=PAINTS[paint], trim=PAINTS["dark"])


# --- Things lying about ----------------------------------------------------------------------------


@lru_cache(maxsize=64)
def heap(name: str) -> tuple[Shape, ...]:
    """Boxes, tins and bars on the table (world), which nothing touches; the name's number says which."""
    rng = np.random.default_rng([zlib.crc32(b"heap"), int(name.partition("-")[2])])
    (x0, x1), (y0, y1) = HEAPS_M
    n = int(rng.integers(*_THINGS))
    shapes = []
    for k in range(n):
        # One below the other along y, so that they do not lie in each other.
        at = (float(rng.uniform(x0, x1)), y0 + (k + float(rng.uniform(0.3, 0.7))) * (y1 - y0) / n)
        high, wide = float(rng.uniform(0.008, HEAP_HIGH_M)), float(rng.uniform(0.02, 0.05))
        r, g, b = rng.uniform(0.1, 0.95, 3).tolist()
        turn = (0.0, 0.0, float(rng.uniform(-math.pi, math.pi)))
        size: tuple[float, ...] = (wide * float(rng.uniform(1.0, 2.5)), wide * 0.6, high)
        tin = rng.random() < 0.35
        size = (wide / 2, high) if tin else size
        xyz = (at[0], at[1], high / 2)
        kind: Literal["cylinder", "box"] = "cylinder" if tin else "box"
        shapes.append(Shape(kind, size, xyz, turn, rgba=(r, g, b, 1.0), collides=False))
    return tuple(shapes)
