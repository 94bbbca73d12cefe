"""How a part sits in a machine: gaps to what its workholding pushes it against."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from envs.cell.kept import kept
from envs.cell.plan import wrap
from robots.machine_body import MachineSpec, stood
from robots.spec import Vec3

if TYPE_CHECKING:
    from envs.cell.part_state import PartState


def face_gap_m(part: PartState, axis: int, wall_m: float, across_m: float, height_m: float) -> float:
    """Largest gap between a square part's face towards +x (axis 0) or +y (axis 1) and an upright wall.

    Args:
        part: The part.
        axis: The wall's normal.
        wall_m: Where the wall is along it (world).
        across_m: The part's true size across.
        height_m: How far up the wall reaches from the part's bottom.
    """
    turn = wrap(part.yaw_rad, math.pi / 2)
    corner = across_m / 2 * (math.cos(turn) - abs(math.sin(turn)))
    return wall_m - part.bottom_m[axis] - corner - min(0.0, height_m * part.up[axis])


@kept
def vise_gaps_m(spec: MachineSpec, part: PartState, across_m: float) -> tuple[float, float, float]:
    """A part's largest gaps to the fixed jaw, the end stop and the bed of a vise (world)."""
    jaw_x, stop_y = spec.stops_m
    return (
        face_gap_m(part, 0, jaw_x, across_m, spec.jaw_height_m),
        face_gap_m(part, 1, stop_y, across_m, spec.stop_height_m),
        part.seat_gap_m(spec.chuck_m[2]),
    )


def upright(spec: MachineSpec, part: PartState) -> PartState:
    """The part as it would be if the machine, with it, were turned about `chuck_m` until its axis is up.

    So what is measured at a chuck is measured in one way; an upright machine's parts stay as they are.
    """
    if not spec.level:
        return part
    x, y, z = spec.chuck_m

    def about(point: Vec3) -> Vec3:
        dx, dy, dz = stood((point[0] - x, point[1] - y, point[2] - z))
        return (x + dx, y + dy, z + dz)

    return part._replace(
        middle_m=about(part.middle_m),
        up=stood(part.up),
        grip_m=about(part.grip_m),
        bottom_m=about(part.bottom_m),
    )


@kept
def chuck_gaps_m(spec: MachineSpec, part: PartState) -> tuple[float, float]:
    """A part's total run-out against a chuck's axis, and its largest gap to the back stop."""
    part, axis = upright(spec, part), spec.chuck_m
    return part.run_out_m(axis), part.seat_gap_m(axis[2])


def sensed_gap_m(spec: MachineSpec, part: PartState, across_m: float) -> float:
    """What the seat's sensors measure of an `upright` part: the gap to the stop, or the larger in a vise."""
    if spec.workholding == "vise":
        return max(vise_gaps_m(spec, part, across_m)[1:])
    return part.seat_gap_m(spec.chuck_m[2])
