"""How a part is loaded into a chuck whose axis is level.

Fetched with the tool down, it is tilted before the door until it is level, its bottom ahead, pushed on the
stop, clamped hard while it is held, then let go. Lateral means across the spindle's axis.
"""

from __future__ import annotations

import math
from dataclasses import replace

from envs.cell import plan
from envs.cell.handling import fetch, lift
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from envs.cell.seating import upright
from robots.arm import HandState
from robots.spec import Vec3
from robots.workholding import Clamp

LEVEL_RAD = math.pi / 2
CLEAR_OF_TRAY_M = 0.06
# A part at 1.5 rad/s holds in the fingers; arms that must turn far for the wrist to pitch keep up.
TILT_RAD_S = 1.5
SEAT_M_S, LEAVE_M_S = 0.12, 0.25
# Nearer than this to level, the part is lined up.
LAST_RAD = 0.1
# The hand goes in with the part's middle this close to the axis, this straight, and turned so far; on the way
# it takes off this share of what is left at every step.
ON_AXIS_M, ASKEW_RAD, TURNED_RAD, TRIM = 0.0002, 0.001, 0.006, 0.3
# Straighter than this between the jaws, it is left alone: friction lets what is still corrected overshoot.
STRAIGHT_RAD = 0.0003
CENTRED_M = 0.00001
STILL_M, STILL_RAD_S = 0.0008, 0.02
# A part this close to the stop is between the jaws, so far off at most; this close to its seat it may be
# clamped.
JAWS_M, IN_JAWS_M, BETWEEN_M, SEATED_M = 0.020, 0.0016, 0.003, 0.0015
# The hand goes hardly farther than where the part bears, as what is pressed on the stop turns in the fingers;
# slowly at last; and it stays once the gap is this small.
PRESS_M, TOUCH_M, SLOW_M, TOUCH_M_S = 0.0, 0.00004, 0.004, 0.02
# What a part that is clamped gently is pressed on the stop with, and how far the hand yields to more.
THRUST_N, YIELD_M_N = 8.0, 2e-6
BACK_M = 0.040
# So far inside the way point before the door a hand is in the machine.
INSIDE_M = 0.02


def load(cell: Cell, now: Snapshot, home_m: Vec3) -> list[KeyPose]:
    """Key poses that remain; `home_m` is where the middle of the seated part's bottom is."""
    machine = cell.machine
    assert machine is not None
    part = upright(machine.spec, now.parts[0])
    off_m = math.hypot(part.bottom_m[0] - home_m[0], part.bottom_m[1] - home_m[1])
    # Whoever holds it: jaws that stand hold it up.
    seated = off_m < BETWEEN_M and part.bottom_m[2] - home_m[2] < SEATED_M and not cell.plc.wants_removal
    if machine.grip == Clamp.HARD and seated:
        return _leave(cell, now)
    if now.held:
        return _carry(cell, now, home_m)
    if out := back_out(cell, now):
        return out
    keys = fetch(cell, now)
    return [*keys, *_loading(cell, now, keys[-1], home_m)]


def _before_door(cell: Cell, lateral_m: tuple[float, float], yaw: float, tilt: float) -> KeyPose:
    at = (cell.layout.door_x_m, *lateral_m)
    return KeyPose("tilt", at, yaw, True, tilt_rad=tilt, turn_rad_s=TILT_RAD_S)


def _carry(cell: Cell, now: Snapshot, home: Vec3) -> list[KeyPose]:
    """From wherever the held part is to the stop."""
    at, yaw, tilt, door_x = now.command_m, now.command_yaw_rad, now.command_tilt_rad, cell.layout.door_x_m
    part = now.parts[0]
    low = part.bottom_m[2] < cell.layout.tray_m[2] + CLEAR_OF_TRAY_M - 0.005
    to_yaw = yaw
    if part.kind.symmetry:
        to_yaw += plan.wrap(-part.yaw_rad, 2 * math.pi / part.kind.symmetry)
    inside = at[0] > door_x + INSIDE_M
    pull = KeyPose("pull", (door_x, at[1], at[2]), yaw, True, SEAT_M_S, tilt_rad=tilt)
    pull = replace(pull, pan_rad=now.command_pan_rad)
    if tilt < LEVEL_RAD - LAST_RAD and inside:
        return [pull]
    if tilt < LEVEL_RAD - LAST_RAD:
        door = KeyPose("door", (door_x, home[1], home[2]), to_yaw, True, turn_rad_s=TILT_RAD_S)
        level = _before_door(cell, (home[1], home[2]), to_yaw, LEVEL_RAD)
        keys = [level, *_seat_and_leave(cell, home, part.kind.grip_height_m, level)]
        if math.dist(at, door.position_m) < (0.02 if tilt > 0.1 else 0.005):
            return keys
        return [lift(now, 0.04), door, *keys] if low else [door, *keys]
    return _line_up(cell, now, home, to_yaw, pull)


def _line_up(cell: Cell, now: Snapshot, home: Vec3, to_yaw: float, pull: KeyPose) -> list[KeyPose]:
    """With the part about level: its axis, as it lies in the fingers, on the spindle's, then in."""
    part, at, hand, machine = now.parts[0], now.command_m, now.hand, cell.machine
    tilt, pan = now.command_tilt_rad, now.command_pan_rad
    up_x, up_y, up_z = part.up
    droop, veer = LEVEL_RAD - math.atan2(-up_x, up_z), math.atan2(up_y, -up_x)
    off_y, off_z = home[1] - part.bottom_m[1], home[2] - part.bottom_m[2]
    off_m, askew = max(abs(off_y), abs(off_z)), max(abs(droop), abs(veer))
    settled = math.dist(hand.position_m, at) < STILL_M and max(map(abs, hand.dq_rad_s)) < STILL_RAD_S
    hold_m, gap_m = part.bottom_m[0] - hand.position_m[0], home[0] - part.bottom_m[0]
    here = replace(_before_door(cell, (at[1], at[2]), now.command_yaw_rad, tilt), pan_rad=pan)
    if gap_m < (JAWS_M if cell.plc.wants_removal or off_m > 2 * ON_AXIS_M else SLOW_M) and (
        off_m < IN_JAWS_M or cell.plc.wants_removal
    ):
        # Between the jaws: they centre it, the hand keeps to its line, and stays once the part bears.
        seat, *rest = _seat_and_leave(cell, home, hold_m, here)
        if gap_m < TOUCH_M:
            seat = replace(seat, position_m=at)
        elif gap_m < SLOW_M:
            # A hand at rest is a little off where it is told to be.
            x = at[0] + gap_m + PRESS_M if settled else seat.position_m[0]
            seat = replace(seat, position_m=(x, at[1], at[2]), speed_m_s=TOUCH_M_S)
        if machine is not None and machine.clamp != Clamp.HARD:
            # What stop and jaws turn in the fingers is turned back, and where they hold it, kept on the axis.
            up_rad, aside_rad = (TRIM * droop, TRIM * veer) if askew > STRAIGHT_RAD else (0.0, 0.0)
            x, y, z = seat.position_m
            y, z = y + TRIM * (home[1] - part.grip_m[1]), z + TRIM * (home[2] - part.grip_m[2])
            yaw = now.command_yaw_rad + TRIM * (to_yaw - now.command_yaw_rad)
            if machine.clamp == Clamp.SOFT:
                # What jams between stop and fingers tilts as they let go: the hand yields.
                excess_n = _thrust_n(hand) - THRUST_N
                x = at[0] - YIELD_M_N * (excess_n if gap_m > TOUCH_M else max(0.0, excess_n))
            seat = replace(seat, yaw_rad=yaw, tilt_rad=tilt + up_rad, pan_rad=pan + aside_rad)
            seat = replace(seat, position_m=(x, y, z))
        return [pull, *rest] if cell.plc.wants_removal else [seat, *rest]
    level = replace(
        _before_door(cell, (at[1] + off_y, at[2] + off_z), to_yaw, tilt + droop), pan_rad=pan + veer
    )
    # In the machine it goes on from where it is, out of the jaws; else from before the door.
    x = at[0] if gap_m > JAWS_M + 0.005 else cell.layout.door_x_m
    level = replace(level, position_m=(x, *level.position_m[1:]), speed_m_s=SEAT_M_S)
    rest = _seat_and_leave(cell, home, hold_m, level)
    turned = abs(to_yaw - now.command_yaw_rad) < TURNED_RAD
    if turned and (
        (off_m < ON_AXIS_M and askew < ASKEW_RAD)
        or (at[0] > cell.layout.door_x_m + 0.001 and off_m < 5 * ON_AXIS_M and askew < 5 * ASKEW_RAD)
    ):
        # One step ahead only, or what is left across would be spread over the whole way.
        seat, step_m = rest[0], SEAT_M_S * cell.period_s
        to = (min(seat.position_m[0], at[0] + step_m), at[1] + TRIM * off_y, at[2] + TRIM * off_z)
        trimmed = replace(seat, position_m=to, tilt_rad=tilt + TRIM * droop, pan_rad=pan + TRIM * veer)
        return [trimmed, *rest[1:]]
    # Corrected from rest: what lags behind would be corrected twice.
    held = replace(here, name="tilt", position_m=at)
    return [level, *rest] if settled or x != at[0] else [held, *rest]


def _thrust_n(hand: HandState) -> float:
    """Force on the hand out of the spindle, along -x (world)."""
    return -sum(r * f for r, f in zip(hand.rotation[:3], hand.force_n, strict=True))


def _loading(cell: Cell, now: Snapshot, close: KeyPose, home: Vec3) -> list[KeyPose]:
    """Key poses after the grasp, as far as they can be known before it."""
    part, (x, y, z), yaw = now.parts[0], close.position_m, close.yaw_rad
    to_yaw = yaw
    if part.kind.symmetry:
        to_yaw += plan.wrap(-part.yaw_rad, 2 * math.pi / part.kind.symmetry)
    level = _before_door(cell, (home[1], home[2]), to_yaw, LEVEL_RAD)
    return [
        KeyPose("lift", (x, y, z + CLEAR_OF_TRAY_M), yaw, True, frame="part"),
        KeyPose("door", (cell.layout.door_x_m, home[1], home[2]), to_yaw, True, turn_rad_s=TILT_RAD_S),
        level,
        *_seat_and_leave(cell, home, part.kind.grip_height_m, level),
    ]


def _seat_and_leave(cell: Cell, home: Vec3, hold_m: float, level: KeyPose) -> list[KeyPose]:
    """In along the axis to the stop and, clamped hard, open and out; `hold_m` from hand to bottom."""
    _, y, z = level.position_m
    at = (home[0] - hold_m + PRESS_M, y, z)
    seat = replace(level, name="seat", position_m=at, speed_m_s=SEAT_M_S, wait="hard clamp")
    retreat = (at[0] - BACK_M, y, z)
    return [
        seat,
        replace(seat, name="release", close=False, wait="open"),
        replace(seat, name="retreat", position_m=retreat, close=False, speed_m_s=LEAVE_M_S, wait="none"),
        replace(level, name="exit", close=False),
    ]


def _leave(cell: Cell, now: Snapshot) -> list[KeyPose]:
    """Open, then out along the axis."""
    part, at = now.parts[0], now.command_m
    yaw, tilt, pan = now.command_yaw_rad, now.command_tilt_rad, now.command_pan_rad
    here = KeyPose("release", at, yaw, False, wait="open", tilt_rad=tilt, pan_rad=pan)
    out = replace(here, name="exit", position_m=(cell.layout.door_x_m, at[1], at[2]), wait="none")
    back_x = part.grip_m[0] - BACK_M
    if at[0] <= back_x + 0.004:
        return [out]
    back = replace(out, name="retreat", position_m=(back_x, at[1], at[2]), speed_m_s=LEAVE_M_S)
    wide = now.hand.opening_m > part.kind.grip_across_m + 0.010
    return [back, out] if wide else [here, back, out]


def back_out(cell: Cell, now: Snapshot) -> list[KeyPose]:
    """A tilted hand without a part goes out of the machine, then turns down."""
    at, tilt, door_x = now.command_m, now.command_tilt_rad, cell.layout.door_x_m
    if tilt < 0.1 and at[0] <= door_x + INSIDE_M:
        return []
    out = KeyPose("retreat", (door_x, at[1], at[2]), now.command_yaw_rad, False, tilt_rad=tilt)
    out = replace(out, pan_rad=now.command_pan_rad)
    down = replace(out, name="door", tilt_rad=0.0, pan_rad=0.0, turn_rad_s=TILT_RAD_S)
    return [out, down] if at[0] > door_x + INSIDE_M else [replace(down, position_m=at)]
