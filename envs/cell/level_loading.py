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
from envs.cell.turning import tilt_of
from robots.spec import Vec3
from robots.workholding import Clamp

LEVEL_RAD = math.pi / 2
CLEAR_OF_TRAY_M = 0.06
# A part at 1.5 rad/s holds in the fingers; arms that must turn far for the wrist to pitch keep up.
TILT_RAD_S = 1.5
SEAT_M_S, LEAVE_M_S = 0.12, 0.25
# Nearer than this to level, the part is lined up.
LAST_RAD = 0.1
# The hand goes in with the part's middle this close to the axis, and turned so far; on the way in it takes off
# this share of what is left at every step.
ON_AXIS_M, TURNED_RAD, TRIM = 0.0008, 0.006, 0.3
STILL_M, STILL_RAD = 0.0008, 0.004
# A part this close to the stop is between the jaws; this close to its seat it may be clamped.
JAWS_M, BETWEEN_M, SEATED_M = 0.020, 0.003, 0.0015
# The hand goes so much farther than where the part bears, and stays once the gap is closed to this.
PRESS_M, TOUCH_M = 0.0002, 0.00002
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
    if out := _back_out(cell, now):
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
    part, at, tilt, hand = now.parts[0], now.command_m, now.command_tilt_rad, now.hand
    droop = LEVEL_RAD - math.atan2(-part.up[0], part.up[2])
    off_y, off_z = home[1] - part.bottom_m[1], home[2] - part.bottom_m[2]
    hold_m = part.bottom_m[0] - hand.position_m[0]
    here = _before_door(cell, (at[1], at[2]), now.command_yaw_rad, tilt)
    if part.bottom_m[0] > home[0] - JAWS_M and max(abs(off_y), abs(off_z)) < 2 * ON_AXIS_M:
        # Between the jaws: they centre it, the hand keeps to its line, and stays once the part bears.
        seat, *rest = _seat_and_leave(cell, home, hold_m, here)
        if home[0] - part.bottom_m[0] < TOUCH_M:
            seat = replace(seat, position_m=at)
        return [pull, *rest] if cell.plc.wants_removal else [seat, *rest]
    settled = math.dist(hand.position_m, at) < STILL_M and abs(tilt_of(hand.rotation) - tilt) < STILL_RAD
    level = _before_door(cell, (at[1] + off_y, at[2] + off_z), to_yaw, tilt + droop)
    # In the machine it goes on from where it is, out of the jaws; else from before the door.
    x = at[0] if part.bottom_m[0] < home[0] - JAWS_M - 0.005 else cell.layout.door_x_m
    level = replace(level, position_m=(x, *level.position_m[1:]), speed_m_s=SEAT_M_S)
    rest = _seat_and_leave(cell, home, hold_m, level)
    turned = abs(to_yaw - now.command_yaw_rad) < TURNED_RAD and abs(droop) < TURNED_RAD
    if max(abs(off_y), abs(off_z)) < ON_AXIS_M and turned:
        y, z = at[1] + TRIM * off_y, at[2] + TRIM * off_z
        x = rest[0].position_m[0]
        return [replace(rest[0], position_m=(x, y, z), tilt_rad=tilt + TRIM * droop), *rest[1:]]
    # Corrected from rest: what lags behind would be corrected twice.
    return [level, *rest] if settled or x != at[0] else [replace(level, position_m=at, tilt_rad=tilt), *rest]


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
    here = KeyPose("release", at, now.command_yaw_rad, False, wait="open", tilt_rad=now.command_tilt_rad)
    out = replace(here, name="exit", position_m=(cell.layout.door_x_m, at[1], at[2]), wait="none")
    back_x = part.grip_m[0] - BACK_M
    if at[0] <= back_x + 0.004:
        return [out]
    back = replace(out, name="retreat", position_m=(back_x, at[1], at[2]), speed_m_s=LEAVE_M_S)
    wide = now.hand.opening_m > part.kind.grip_across_m + 0.010
    return [back, out] if wide else [here, back, out]


def _back_out(cell: Cell, now: Snapshot) -> list[KeyPose]:
    """A tilted hand without a part goes out of the machine, then turns down."""
    at, tilt, door_x = now.command_m, now.command_tilt_rad, cell.layout.door_x_m
    if tilt < 0.1 and at[0] <= door_x + INSIDE_M:
        return []
    out = KeyPose("retreat", (door_x, at[1], at[2]), now.command_yaw_rad, False, tilt_rad=tilt)
    down = replace(out, name="door", tilt_rad=0.0, turn_rad_s=TILT_RAD_S)
    return [out, down] if at[0] > door_x + INSIDE_M else [replace(down, position_m=at)]
