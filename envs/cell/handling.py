"""Pieces of plans that tasks share: fetch a part, pass through the door, carry, set down, leave."""

from __future__ import annotations

import math
from dataclasses import replace

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
# Height of the hand that carries a part over trays and other parts, and before the robot's own foot.
CARRY_Z_M = 0.20
# Nearer than this to the axis of the robot's foot no hand points down; it passes at `PASS_M`.
FOOT_M, PASS_M = 0.22, 0.28
# A part is set down from a hand this close to above its place, at this speed.
OVER_M = 0.002
SET_DOWN_M_S = 0.15
# So far above its place a part may be let go.
LET_GO_M = 0.0006
RISE_M = 0.06
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
    close = KeyPose("close", grip, yaw, True, frame="part", wait="gripped", symmetry=symmetry)
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


def over(cell: Cell, now: Snapshot, to: Vec3, *, close: bool) -> list[KeyPose]:
    """Way points to above `to`: out of or into the machine, and round the robot's foot."""
    if through := route(cell, now, to, close=close):
        return through
    at = now.command_m
    return [
        KeyPose("pass", (x, y, max(at[2], CARRY_Z_M)), now.command_yaw_rad, close)
        for x, y in around(at, to, cell.layout.base_m)
    ]


def around(at: Vec3, to: Vec3, foot: Vec3) -> list[tuple[float, float]]:
    """A way point (x, y) where the straight way comes too near the robot's foot; none where it does not."""
    dx, dy = to[0] - at[0], to[1] - at[1]
    length = math.hypot(dx, dy)
    if length < 1e-9:
        return []
    share = ((foot[0] - at[0]) * dx + (foot[1] - at[1]) * dy) / length**2
    nx, ny = at[0] + share * dx - foot[0], at[1] + share * dy - foot[1]
    near = math.hypot(nx, ny)
    if not 0.0 < share < 1.0 or near >= FOOT_M:
        return []
    # On the side of the machine, whatever side the straight way would take.
    c, s = (nx / near, ny / near) if nx > 0.0 else (1.0, 0.0)
    return [(foot[0] + PASS_M * c, foot[1] + PASS_M * s)]


def deliver(
    cell: Cell, now: Snapshot, to_m: Vec3, *, within_m: float, turn_rad: float | None = None
) -> list[KeyPose]:
    """Key poses that fetch the named part, set it down and leave.

    Args:
        cell: The cell.
        now: Its state.
        to_m: Where the middle of the part's bottom belongs (world).
        within_m: How far from there it may be let go.
        turn_rad: The part's turn about the vertical there; None for any.
    """
    part = now.parts[0]
    off_m = math.hypot(part.bottom_m[0] - to_m[0], part.bottom_m[1] - to_m[1])
    rests = off_m < within_m and part.bottom_m[2] - to_m[2] < LET_GO_M
    settled = abs(now.command_m[2] - now.hand.position_m[2]) < LET_GO_M
    if rests and (settled or not now.held):
        return leave(now)
    if now.held:
        return carry(cell, now, to_m, turn_rad)
    keys = fetch(cell, now)
    grasp = keys[-1]
    (x, y, _), yaw = grasp.position_m, grasp.yaw_rad
    goal = (to_m[0], to_m[1], to_m[2] + part.kind.grip_height_m)
    yaw_there = yaw if turn_rad is None else yaw + turned_by(now, turn_rad)
    symmetry = 0 if turn_rad is None else part.kind.symmetry
    keys.append(KeyPose("lift", (x, y, max(CARRY_Z_M, grasp.position_m[2])), yaw, True, frame="part"))
    passing = around((x, y, 0.0), goal, cell.layout.base_m)
    keys += [KeyPose("pass", (u, v, CARRY_Z_M), yaw, True) for u, v in passing]
    above = max(CARRY_Z_M, goal[2] + RISE_M)
    return [
        *keys,
        KeyPose("above", (goal[0], goal[1], above), yaw_there, True),
        KeyPose("place", goal, yaw_there, True, SET_DOWN_M_S, wait="settled"),
        KeyPose("release", goal, yaw_there, False, wait="open", symmetry=symmetry),
        KeyPose("retreat", (goal[0], goal[1], goal[2] + RISE_M), yaw_there, False),
    ]


def turned_by(now: Snapshot, turn_rad: float) -> float:
    """The smallest turn that brings the part to one of its equal ways at `turn_rad`."""
    part = now.parts[0]
    if not part.kind.symmetry:
        return 0.0
    return plan.wrap(turn_rad - part.yaw_rad, 2 * math.pi / part.kind.symmetry)


def carry(cell: Cell, now: Snapshot, to_m: Vec3, turn_rad: float | None) -> list[KeyPose]:
    """From wherever the held part is: up, over, down; its axis is aimed, not the hand's."""
    part, at, hand = now.parts[0], now.command_m, now.hand.position_m
    x = to_m[0] - (part.bottom_m[0] - hand[0])
    y = to_m[1] - (part.bottom_m[1] - hand[1])
    down = to_m[2] + (hand[2] - part.bottom_m[2]) + LET_GO_M / 3
    here = now.command_yaw_rad
    yaw = here if turn_rad is None else here + turned_by(now, turn_rad)
    high = max(CARRY_Z_M, down + RISE_M)
    place = KeyPose("place", (x, y, down), yaw, True, SET_DOWN_M_S, wait="settled")
    symmetry = 0 if turn_rad is None else part.kind.symmetry
    rest = [replace(place, name="release", close=False, wait="open", symmetry=symmetry)]
    rest.append(KeyPose("retreat", (x, y, down + RISE_M), yaw, False))
    aside = math.hypot(at[0] - x, at[1] - y)
    low = at[2] < high - 0.01
    if aside < (3 * OVER_M if low else OVER_M) and abs(yaw - here) < 0.02:
        return [place, *rest]
    above = KeyPose("above", (x, y, high), yaw, True)
    if low and aside > 0.01:
        return [KeyPose("lift", (at[0], at[1], high), here, True), above, place, *rest]
    return [*over(cell, now, above.position_m, close=True), above, place, *rest]


def leave(now: Snapshot) -> list[KeyPose]:
    """Open, then straight up."""
    part, at, yaw = now.parts[0], now.command_m, now.command_yaw_rad
    up = KeyPose("retreat", (at[0], at[1], part.grip_m[2] + RISE_M), yaw, False)
    wide = now.hand.opening_m > part.kind.grip_across_m + 0.010
    return [up] if wide else [KeyPose("release", at, yaw, False, wait="open", symmetry=0), up]
