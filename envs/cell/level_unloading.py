"""How a part is taken out of a chuck whose axis is level.

The empty hand is tilted before the door, goes in along the axis, closes, waits until the jaws let go, comes
out along the axis and turns down again; what follows is as with any other machine.
"""

from __future__ import annotations

import math
from dataclasses import replace

from envs.cell import plan
from envs.cell.handling import ALIGNED_M, AT_PART_M, deliver
from envs.cell.level_loading import INSIDE_M, LEVEL_RAD, SEAT_M_S, TILT_RAD_S, back_out
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from envs.cell.seating import upright
from robots.spec import Vec3
from robots.workholding import Clamp

# A part is in the chuck within so much of the axis and of the stop.
IN_CHUCK_M = 0.01
# A tool is turned where it should be within so much.
TURNED_RAD = 0.02


def unload(cell: Cell, now: Snapshot, to_m: Vec3, within_m: float) -> list[KeyPose]:
    """Key poses that remain.

    Args:
        cell: The cell.
        now: Its state.
        to_m: Where the middle of the part's bottom belongs (world).
        within_m: How far from there it may be let go.
    """
    machine, at, tilt = cell.machine, now.command_m, now.command_tilt_rad
    assert machine is not None
    held_by_machine = machine.clamp != Clamp.OPEN or machine.chuck != "OPEN"
    if now.held and (tilt > 0.1 or at[0] > cell.layout.door_x_m + INSIDE_M):
        grasp = _level(now, at, now.command_yaw_rad)
        grasp = replace(grasp, tilt_rad=tilt, pan_rad=now.command_pan_rad)
        out = _out(cell, now, grasp, to_m, now.parts[0].kind.grip_height_m)
        return out if held_by_machine else out[1:] if at[0] > cell.layout.door_x_m + 0.002 else out[2:]
    if not now.held and _in_chuck(cell, now):
        return _fetch(cell, now, to_m)
    if not now.held and (out := back_out(cell, now)):
        return out
    return deliver(cell, now, to_m, within_m=within_m)


def _in_chuck(cell: Cell, now: Snapshot) -> bool:
    machine = cell.machine
    assert machine is not None
    part, (x, y, z) = upright(machine.spec, now.parts[0]), machine.spec.chuck_m
    aside = math.hypot(part.bottom_m[0] - x, part.bottom_m[1] - y)
    return aside < IN_CHUCK_M and abs(part.bottom_m[2] - z) < IN_CHUCK_M


def _level(now: Snapshot, at: Vec3, yaw: float) -> KeyPose:
    return KeyPose("level", at, yaw, now.closed, tilt_rad=LEVEL_RAD, turn_rad_s=TILT_RAD_S)


def _fetch(cell: Cell, now: Snapshot, to_m: Vec3) -> list[KeyPose]:
    """From wherever the empty hand is: before the door, level, in, closed on the part, and out with it."""
    part, at, tilt, door_x = now.parts[0], now.command_m, now.command_tilt_rad, cell.layout.door_x_m
    grip, symmetry = part.grip_m, part.kind.symmetry
    offset = math.pi / 2 if symmetry == 6 else 0.0  # fingers move along the tool's y: a flat must face it
    yaw = plan.nearest_turn(part.yaw_rad + offset, symmetry, now.command_yaw_rad)
    before: Vec3 = (door_x, grip[1], grip[2])
    level = replace(_level(now, before, yaw), close=False)
    grasp = replace(level, name="grasp", position_m=grip, frame="part", speed_m_s=2 * SEAT_M_S)
    close = replace(grasp, name="close", close=True, wait="gripped")
    rest = [close, *_out(cell, now, close, to_m, part.kind.grip_height_m)]
    aside = math.hypot(at[1] - grip[1], at[2] - grip[2])
    turned = abs(plan.wrap(yaw - now.command_yaw_rad, 2 * math.pi)) < TURNED_RAD
    straight = abs(tilt - LEVEL_RAD) < TURNED_RAD and abs(now.command_pan_rad) < TURNED_RAD
    if straight and turned and aside < ALIGNED_M:
        there = abs(at[0] - grip[0]) < AT_PART_M and math.dist(now.hand.position_m, grip) < 0.006
        if there:
            return rest
        if now.hand.opening_m > part.kind.grip_across_m + 0.012:
            return [grasp, *rest]
    keys = [level, grasp, *rest]
    if at[0] > door_x + INSIDE_M:  # askew inside: out the way it came
        back = (door_x, at[1], at[2])
        pull = KeyPose(
            "retreat", back, now.command_yaw_rad, False, tilt_rad=tilt, pan_rad=now.command_pan_rad
        )
        return [pull, *keys]
    if tilt < 0.1 and math.dist(at, before) > 0.005:
        return [KeyPose("door", before, yaw, False, turn_rad_s=TILT_RAD_S), *keys]
    return keys


def _out(cell: Cell, now: Snapshot, grasp: KeyPose, to: Vec3, hold_m: float) -> list[KeyPose]:
    """From closed on the part: wait until it is let go, out along the axis, turned down, and set down."""
    (_, y, z), door_x = grasp.position_m, cell.layout.door_x_m
    hold = replace(grasp, name="hold", close=True, wait="unclamped", speed_m_s=SEAT_M_S)
    pull = replace(hold, name="pull", position_m=(door_x, y, z), frame="world", wait="none")
    down = replace(pull, name="turn down", tilt_rad=0.0, pan_rad=0.0, turn_rad_s=TILT_RAD_S)
    at = (to[0], to[1], to[2] + hold_m)
    there = KeyPose("place", at, grasp.yaw_rad, True, wait="settled")
    return [
        hold,
        pull,
        down,
        replace(there, name="above", position_m=(to[0], to[1], max(z, at[2])), wait="none"),
        there,
        replace(there, name="release", close=False, wait="open"),
        replace(there, name="retreat", position_m=(to[0], to[1], at[2] + 0.06), close=False, wait="none"),
    ]
