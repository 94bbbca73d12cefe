"""What a machine tool is made of: its specification, frame, chuck jaws and door; a vise is in `vise.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from robots.scene_types import Node, Surface
from robots.spec import Link, Rgba, Shape, Vec3

_CAST = (0.80, 0.82, 0.84, 1.0)
_SKIN = (0.93, 0.94, 0.95, 1.0)
_TRIM = (0.13, 0.33, 0.53, 1.0)
_DARK = (0.20, 0.22, 0.25, 1.0)
_STEEL = (0.53, 0.55, 0.58, 1.0)
JAW = (0.36, 0.38, 0.42, 1.0)
_CHIP = (0.75, 0.72, 0.60, 1.0)


DOOR_TRAVEL_M = 0.40
OPENING_Y_M = 0.19
# The middle of the door's leaf before that of the machine's front.
_DOOR_BACK_M = 0.022
# A hand door's handle: a bar so far before the leaf that the hand stays out of the light curtain.
HANDLE_X_M, HANDLE_Y_M, HANDLE_Z_M = 0.073, -0.16, 0.24
HANDLE_RADIUS_M = 0.010
# The bar above and below where it is gripped, and the bracket under it.
HANDLE_ABOVE_M, HANDLE_BELOW_M, _BRACKET_M = 0.022, 0.035, 0.016
BACK_X_M = 0.80
# Jaws are set up for the job this far outside the part.
JAWS_OPEN_M = 0.002


@dataclass(frozen=True)
class Chip:
    """A chip on the seat, from its middle along x and y; whether an air blow takes it away."""

    x_m: float
    y_m: float
    blown_away: bool = True
    thickness_m: float = 0.0003
    side_m: float = 0.004

    def shapes(self, *, level: bool = False) -> tuple[Shape, ...]:
        """What it is made of, about where it lies, or sticks to the stop of a level spindle."""
        size, at = (self.side_m, self.side_m, self.thickness_m), (0.0, 0.0, self.thickness_m / 2)
        if level:
            size, at = (self.thickness_m, self.side_m, self.side_m), laid(at)
        return (Shape("box", size, at, rgba=_CHIP),)


@dataclass(frozen=True)
class MachineSpec:
    """A machine tool with a chuck, its axis up or level, or a vise on a table, in world coordinates.

    A "level" spindle points along -x, towards the robot: everything about its chuck is that of an upright one
    laid down by `laid`.

    `chuck_m` is where the middle of a seated part's bottom belongs. `jaw_radius_m` is how far from there the
    faces of moving jaws stand open: they are set up for the job, `JAWS_OPEN_M` outside the part, and travel
    `jaw_stroke_m` inwards. A vise's fixed jaw (+x) and end stop (+y) stand half a nominal part from there.

    `jaw_wear_m` is worn off the face of a chuck's first jaw: what it clamps is two thirds of that off axis.

    `soft_force_n` is a jaw's; `clamp_force_n` the static clamping force, all jaws together, as the maker
    states it (20 kN: a small power chuck at a fifth of its pressure, as for slender parts).
    `clamp_friction` is that of hardened jaws on steel: what they hold is the product of the two.

    A "hand" door has no drive but a handle; `door_friction_n` is the dry friction of its rail.

    `rate_hz` is how many physics steps a second clamping in it needs, where that is more than the task's.
    """

    workholding: Literal["chuck", "vise"] = "chuck"
    chuck_m: Vec3 = (0.50, 0.0, 0.16)
    jaw_radius_m: float = 0.022
    jaw_stroke_m: float = 0.0035
    jaw_height_m: float = 0.016
    jaw_width_m: float = 0.014
    jaw_friction: float = 0.30
    jaw_wear_m: float = 0.0
    seat_friction: float = 0.30
    soft_force_n: float = 15.0
    settle_force_n: float = 80.0
    clamp_force_n: float = 20_000.0
    clamp_friction: float = 0.15
    jaw_speed_m_s: float = 0.015
    settle_speed_m_s: float = 0.001
    door_speed_m_s: float = 0.30
    cycle_s: float = 20.0
    front_x_m: float = 0.355
    door_drive: Literal["power", "hand"] = "power"
    door_friction_n: float = 15.0
    stop_height_m: float = 0.012
    spindle: Literal["upright", "level"] = "upright"
    rate_hz: int = 0
    skin: Rgba = _SKIN
    trim: Rgba = _TRIM

    def __post_init__(self) -> None:
        if self.workholding not in ("chuck", "vise"):
            raise ValueError(f"workholding {self.workholding!r}: allowed are chuck, vise")
        if self.spindle not in ("upright", "level"):
            raise ValueError(f"spindle {self.spindle!r}: allowed are 'upright', 'level'")
        if self.level and self.workholding == "vise":
            raise ValueError("spindle 'level': only with workholding 'chuck'")
        if not 0.002 <= self.jaw_stroke_m <= 0.004:
            raise ValueError(f"jaw_stroke_m {self.jaw_stroke_m}: allowed are 0.002 to 0.004")
        if not 0.0 < self.soft_force_n < self.settle_force_n < self.clamp_force_n:
            raise ValueError("soft_force_n, settle_force_n, clamp_force_n: each must be above the one before")
        if self.door_drive not in ("power", "hand"):
            raise ValueError(f"door_drive {self.door_drive!r}: allowed are 'power', 'hand'")
        if not 0.0 < self.door_friction_n <= 100.0:
            raise ValueError(f"door_friction_n {self.door_friction_n}: allowed are above 0 to 100")

    @property
    def level(self) -> bool:
        """Whether the spindle's axis is level."""
        return self.spindle == "level"

    @property
    def holding_force_n(self) -> float:
        """The force, in any direction, up to which a clamped part stays where it is."""
        return self.clamp_force_n * self.clamp_friction

    @property
    def half_m(self) -> float:
        """Half the nominal size across of the part that the jaws are set up for."""
        return self.jaw_radius_m - JAWS_OPEN_M

    @property
    def stops_m(self) -> tuple[float, float]:
        """A vise's datum faces: x of the fixed jaw's and y of the end stop's."""
        return self.chuck_m[0] + self.half_m, self.chuck_m[1] + self.half_m

    def seated_m(self, across_m: float) -> Vec3:
        """Where the middle of a seated part's bottom is: a vise shifts it by half of what it is oversize."""
        (x, y, z), off = self.chuck_m, across_m / 2 - self.half_m
        return (x - off, y - off, z) if self.workholding == "vise" else self.chuck_m


def laid(vector: Vec3) -> Vec3:
    """A vector turned by a quarter about -y: what pointed up points along -x, towards the robot."""
    return (-vector[2], vector[1], vector[0])


def stood(vector: Vec3) -> Vec3:
    """A vector turned back from `laid`."""
    return (vector[2], vector[1], -vector[0])


@lru_cache(maxsize=16)
def frame(spec: MachineSpec) -> tuple[Shape, ...]:
    """Column, bed and front of the machine; its windows collide but are not drawn (they are glass)."""
    cy, fx = spec.chuck_m[1], spec.front_x_m
    y, back, top = 0.36, BACK_X_M, 0.72

    def box(
        size: Vec3,
        at: Vec3,
        rgba: tuple[float, float, float, float],
        *,
        glass: bool = False,
        solid: bool = True,
    ) -> Shape:
        return Shape("box", size, (at[0], at[1] + cy, at[2]), rgba=rgba, visible=not glass, collides=solid)

    deep, mid = back - fx, (back + fx) / 2
    side = y - OPENING_Y_M
    # Near the cameras first: the renderer shades every pixel that is nearer than what it drew before.
    parts = [
        box((0.02, 2 * y, 0.07), (fx, 0, top - 0.035), spec.trim),
        box((0.02, 2 * y, 0.06), (fx, 0, 0.03), spec.trim),
    ]
    for s in (-1, 1):
        pane = (0.02, side, top - 0.13), (fx, s * (OPENING_Y_M + side / 2), (top - 0.01) / 2)
        jamb = (0.015, 0.02, top - 0.13), (fx, s * (OPENING_Y_M + 0.01), (top - 0.01) / 2)
        parts += [
            box((0.03, 0.03, top), (fx, s * (y - 0.01), top / 2), spec.skin, solid=False),
            box(*jamb, spec.trim, solid=False),
            box((deep, 0.02, 0.08), (mid, s * y, 0.09), spec.skin, solid=False),
            box((deep, 0.02, 0.05), (mid, s * y, top - 0.025), spec.trim, solid=False),
            box((0.03, 0.03, top), (back - 0.03, s * (y - 0.01), top / 2), spec.skin, solid=False),
            box(*pane, spec.skin, glass=True),
            box((deep, 0.02, top), (mid, s * y, top / 2), spec.skin, glass=True),
        ]
    parts += [
        *_stand(spec),
        box((deep, 2 * y, 0.05), (mid, 0, 0.025), _CAST),
        box((0.04, 2 * y, top), (back, 0, top / 2), spec.skin),
    ]
    return tuple(parts)


def _stand(spec: MachineSpec) -> list[Shape]:
    if spec.workholding == "vise":
        return _vise_stand(spec)
    return _headstock(spec) if spec.level else _chuck_stand(spec)


def _headstock(spec: MachineSpec) -> list[Shape]:
    """Stop plate, chuck and headstock of a lathe with a level spindle, turret on a slant bed below."""
    (cx, cy, cz), back, on_edge = spec.chuck_m, BACK_X_M, (0.0, math.pi / 2, 0.0)
    head = (back - cx - 0.045, 0.24, cz + 0.08)
    return [
        Shape("cylinder", (0.018, 0.0015), (cx + 0.00075, cy, cz), on_edge, rgba=_DARK, collides=False),
        Shape("cylinder", (0.090, 0.045), (cx + 0.0235, cy, cz), on_edge, rgba=_STEEL, collides=False),
        Shape("box", (0.10, 0.18, 0.18), (cx + 0.05, cy, cz), rgba=_STEEL, visible=False),
        Shape("box", head, (cx + 0.045 + head[0] / 2, cy, 0.05 + head[2] / 2), rgba=_CAST),
        Shape("box", (0.10, 0.40, 0.06), (cx - 0.01, cy, 0.08), (0.0, -0.6, 0.0), rgba=_DARK, collides=False),
    ]


def _chuck_stand(spec: MachineSpec) -> list[Shape]:
    """Seat, chuck and turret of a lathe. The seat is flat: parts bear on it as on a chuck's stop pads."""
    (cx, cy, cz), back = spec.chuck_m, BACK_X_M
    stand, seat = (0.105, cz - 0.075), (0.18, 0.18, cz - 0.06)
    return [
        Shape("cylinder", (0.018, 0.0015), (cx, cy, cz - 0.00075), rgba=_DARK, collides=False),
        Shape("cylinder", (0.090, 0.030), (cx, cy, cz - 0.0160), rgba=_STEEL, collides=False),
        Shape("cylinder", stand, (cx, cy, 0.05 + (cz - 0.075) / 2), rgba=_DARK, collides=False),
        Shape("box", seat, (cx, cy, cz - (cz - 0.06) / 2), rgba=_STEEL, visible=False),
        Shape("box", (0.06, 0.06, 0.16), (back - 0.14, cy, 0.50), rgba=_STEEL, collides=False),
        Shape("box", (0.20, 0.22, 0.14), (back - 0.12, cy, 0.62), rgba=_CAST, collides=False),
    ]


def _vise_stand(spec: MachineSpec) -> list[Shape]:
    """Fixed jaw, end stop and bed of a vise, table under it, spindle head behind."""
    (cx, cy, cz), (jaw_x, stop_y), back = spec.chuck_m, spec.stops_m, BACK_X_M
    jaw, stop, head_x = spec.jaw_height_m, spec.stop_height_m, back - 0.09
    table_z, bed_x = cz - 0.050, (jaw_x + 0.030 + cx - 0.085) / 2
    table = (0.24, 0.36, table_z - 0.05)
    return [
        Shape("box", (0.020, 0.010, stop), (cx, stop_y + 0.005, cz + stop / 2), rgba=spec.trim),
        Shape("box", (0.024, 0.060, jaw), (jaw_x + 0.012, cy, cz + jaw / 2), rgba=JAW),
        Shape("box", (jaw_x + 0.030 - cx + 0.085, 0.074, 0.050), (bed_x, cy, cz - 0.025), rgba=_STEEL),
        Shape("box", table, (cx, cy, 0.05 + table[2] / 2), rgba=_DARK),
        Shape("cylinder", (0.030, 0.09), (head_x, cy, 0.455), rgba=_STEEL),
        Shape("box", (0.14, 0.20, 0.22), (head_x, cy, 0.61), rgba=_CAST),
    ]


def jaws(spec: MachineSpec) -> list[Node]:
    """The three jaws, each sliding inwards from where it stands open."""
    depth, lift = 0.030, 0.0008
    height = spec.jaw_height_m
    block = (depth, spec.jaw_width_m, height - lift), (depth / 2, 0.0, (height + lift) / 2)
    foot = (0.030, 0.024, 0.010), (0.043, 0.0, 0.005)

    def turned(vector: Vec3) -> Vec3:
        return laid(vector) if spec.level else vector

    def box(size: Vec3, at: Vec3, *, solid: bool) -> Shape:
        lying = (size[2], size[1], size[0]) if spec.level else size
        return Shape("box", lying, turned(at), rgba=JAW, collides=solid)

    jaw = Link(0.6, turned((depth / 2, 0.0, height / 2)), (box(*block, solid=True), box(*foot, solid=False)))
    nodes = []
    for k in range(3):
        angle = 2.0 * math.pi * k / 3.0
        c, s = math.cos(angle), math.sin(angle)
        radius = spec.jaw_radius_m + (spec.jaw_wear_m if k == 0 else 0.0)
        x, y, z = (a + b for a, b in zip(spec.chuck_m, turned((radius * c, radius * s, 0.0)), strict=True))
        nodes.append(
            Node(
                f"jaw_{k + 1}",
                "prismatic",
                -1,
                (x, y, z),
                jaw,
                axis=turned((-1.0, 0.0, 0.0)),
                rpy_rad=(-angle, 0.0, 0.0) if spec.level else (0.0, 0.0, angle),
                upper=spec.jaw_stroke_m,
                surface=Surface(spec.jaw_friction),
            )
        )
    return nodes


def door(spec: MachineSpec) -> list[Node]:
    """The door, sliding open along y; its window collides but is not drawn. A hand door's handle follows."""
    z0, z1, width = 0.065, 0.645, 2 * OPENING_Y_M + 0.02
    middle = (z0 + z1) / 2
    panel = Shape("box", (0.012, width, z1 - z0), rgba=spec.skin, visible=False)
    rails = tuple(
        Shape("box", size, at, rgba=_CAST, collides=False)
        for size, at in (
            ((0.012, width, 0.05), (0.0, 0.0, (z1 - z0) / 2 - 0.025)),
            ((0.012, width, 0.10), (0.0, 0.0, -(z1 - z0) / 2 + 0.05)),
            ((0.012, 0.03, z1 - z0), (0.0, width / 2 - 0.015, 0.0)),
            ((0.012, 0.03, z1 - z0), (0.0, -width / 2 + 0.015, 0.0)),
        )
    )
    by_hand = spec.door_drive == "hand"
    grip = Shape("box", (0.02, 0.02, 0.20), (-0.02, width / 2 - 0.04, 0.0), rgba=_DARK, collides=False)
    leaf = Link(6.0, shapes=(panel, *rails, *(_bracket(middle) if by_hand else (grip,))))
    at = (spec.front_x_m - _DOOR_BACK_M, spec.chuck_m[1], middle)
    nodes = [Node("door", "prismatic", -1, at, leaf, axis=(0.0, 1.0, 0.0), upper=DOOR_TRAVEL_M)]
    return [*nodes, _handle(middle)] if by_hand else nodes


def handle_at(spec: MachineSpec) -> Vec3:
    """Where a hand door's handle is gripped with the door closed (world)."""
    return (spec.front_x_m - _DOOR_BACK_M - HANDLE_X_M, spec.chuck_m[1] + HANDLE_Y_M, HANDLE_Z_M)


def _bracket(middle_z_m: float) -> tuple[Shape, ...]:
    """What carries a handle: a foot on the leaf's edge and an arm to below the bar."""
    z = HANDLE_Z_M - HANDLE_BELOW_M - _BRACKET_M / 2 - middle_z_m
    long = HANDLE_X_M + HANDLE_RADIUS_M
    return (
        Shape("box", (long, 0.020, _BRACKET_M), (-long / 2, HANDLE_Y_M, z), rgba=_STEEL),
        Shape("box", (0.006, 0.030, 0.06), (-0.009, HANDLE_Y_M, z), rgba=_STEEL, collides=False),
    )


def _handle(middle_z_m: float) -> Node:
    """The handle, its frame where it is gripped: an upright bar with a free top end."""
    length = HANDLE_ABOVE_M + HANDLE_BELOW_M
    at = (0.0, 0.0, (HANDLE_ABOVE_M - HANDLE_BELOW_M) / 2)
    bar = Link(0.2, shapes=(Shape("cylinder", (HANDLE_RADIUS_M, length), at, rgba=_DARK),))
    place = (-HANDLE_X_M, HANDLE_Y_M, HANDLE_Z_M - middle_z_m)
    # Spinning friction stands for the width of a pad's contact patch.
    return Node("handle", "fixed", 0, place, bar, surface=Surface(0.5, 0.005))
