"""Whether an arm can tilt its tool level before a machine whose spindle is level, and reach the chuck so."""

from __future__ import annotations

import math

from envs.cell.layout import Layout
from envs.cell.turning import tool_rotation
from robots import kinematics
from robots.gripper import GripperSpec
from robots.kinematics import Unreachable
from robots.machine_body import MachineSpec
from robots.spec import ArmSpec

# A hand holds a part this far from the stop at least.
HOLD_M = 0.010
TILTS = 24
# An arm that has to turn a joint farther than this for one of the tilts jumps to another branch.
JUMP_RAD = 0.5


def check(arm: ArmSpec, gripper: GripperSpec, machine: MachineSpec, layout: Layout) -> None:
    """Goes the way that a plan goes: down before the door, tilted there by and by, in to the chuck.

    Raises:
        ValueError: in one line, where the arm cannot.
    """
    solve, (bx, by, bz) = kinematics.solver(arm).solve, layout.base_m
    _, y, z = machine.chuck_m
    tilts = [math.pi / 2 * k / TILTS for k in range(TILTS + 1)]
    way = [(layout.door_x_m, tilt) for tilt in tilts] + [(machine.chuck_m[0] - HOLD_M, math.pi / 2)]
    q = list(arm.home_rad)
    try:
        for k, (x, tilt) in enumerate(way):
            out, before = gripper.tcp_m, q
            a, b, c, d, e, f, g, h, i = tool_rotation(0.0, tilt)
            q = solve(x - bx - out * c, y - by - out * f, z - bz - out * i, a, b, c, d, e, f, g, h, i, before)
            if 0 < k <= TILTS and max(abs(to - at) for to, at in zip(q, before, strict=True)) > JUMP_RAD:
                raise Unreachable(f"a tilt of {math.degrees(tilt):.0f} degrees asks for another posture")
    except Unreachable as error:
        raise ValueError(
            f"robot {arm.name!r}: cannot bring its tool level to a machine whose spindle is level ({error})"
        ) from None
