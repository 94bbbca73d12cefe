"""Pieces of plans that tasks share: fetch a part, pass through the door, carry, set down, leave."""

from __future__ import annotations

import math

from envs.cell import plan
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from robots.spec import Vec3

# Lateral error up to which the hand goes straight down to a part, and at which it closes.
ALIGNED_M = 0.004
AT_PART_M = 0.0025
# Once round the part, open fingers leave room to line up without rising again.
LOW_ALIGNED_M = 0.010
CLEARANCE_M = 0.065
# So far past the way point before the door a position counts as inside the machine.
INSIDE_M = 0.07


def fetch(cell: Cell, now: Snapshot) -> list[KeyPose]:
    """Key poses that bring the hand round the named part and close it."""
    part, at = now.parts[0], now.command_m
    grip, symmetry = part.grip_m, part.kind.symmetry
    offset = math.pi / 2 if symmetry == 6 else 0.0  # fingers move along the tool's y: a flat must face it
    yaw = plan.nearest_turn(part.yaw_rad + offset, symmetry, now.command_yaw_rad)
    if abs(plan.wrap(yaw, 2 * math.pi)) > 1.7:  # stay off the wrist's far turns
        yaw = plan.wrap(yaw, math.pi)
    above = (grip[0], grip[1], grip[2] + CLEARANCE_M)
    lateral = math.hypot(at[0] - grip[0], at[1] - grip[1])
    turned = abs(plan.wrap(yaw - now.command_yaw_rad, 2 * math.pi)) < 0.05
    low = at[2] < above[2] - 0.01
    lined_up = lateral < (LOW_ALIGNED_M if low else ALIGNED_M) and turned
    grasp = KeyPose("grasp", grip, yaw, False, frame="part")
    close = KeyPose("close", grip, yaw, True, frame="part", wait="gripped")
    if (
        lined_up
        and lateral < ALIGNED_M
        and abs(at[2] - grip[2]) < AT_PART_M
        and math.dist(now.hand.position_m, grip) < 0.006
    ):
        return [close]
    if lined_up and now.hand.opening_m > part.kind.grip_across_m + 0.012:
        return [grasp, close]
    keys = [KeyPose("approach", above, yaw, False, frame="part"), grasp, close]
    if low and lateral > LOW_ALIGNED_M:
        keys.insert(0, KeyPose("clear", (at[0], at[1], above[2]), now.command_yaw_rad, False))
        return keys
    return [*route(cell, now, above), *keys]


def route(cell: Cell, now: Snapshot, to: Vec3, *, close: bool = False) -> list[KeyPose]:
    """Way points through the door, where hand and goal are on different sides of it."""
    if cell.machine_spec is None:
        return []
    at, door_x, z = now.command_m, cell.layout.door_x_m, cell.layout.travel_z_m
    _, cy, _ = cell.machine_spec.chuck_m
    inside, goes_in = at[0] > door_x + INSIDE_M, to[0] > door_x + INSIDE_M
    if inside == goes_in:
        return []
    yaw = now.command_yaw_rad
    door = KeyPose("door", (door_x, cy, z), yaw, close)
    if goes_in:
        if abs(at[1] - cy) < 0.03 and at[2] > z - 0.02:
            return []
        return [door]
    if at[2] < z - 0.02:
        return [KeyPose("retreat", (at[0], at[1], z), yaw, close), door]
    return [door]


def lift(now: Snapshot, height_m: float = CLEARANCE_M) -> KeyPose:
    """Straight up, holding."""
    at = now.command_m
    return KeyPose("lift", (at[0], at[1], at[2] + height_m), now.command_yaw_rad, True)
