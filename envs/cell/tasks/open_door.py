"""OpenDoor: open the machine's door by its handle, let go and draw back.

The door of `manual_lathe` has no drive: it slides 0.40 m along +y against the dry friction of its rail. Its
handle is an upright bar, 20 mm thick, with a free top end.
Randomised: how far the door is ajar, 0 to 20 mm (nominal: 10 mm); friction of the rail, 8 to 25 N (nominal:
16.5 N); the machine by `fixture_offset_mm` (seen: +-1 mm along x and y); friction of fingers on the handle
(seen: 0.20-0.35); the hand's start (seen: +-40 mm along x, y, z); wording.
Success: door at most 20 mm short of its travel (its sensor says OPEN), gripper open, TCP at least 40 mm away
from the bar, for 5 consecutive steps.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from envs.cell import rewards
from envs.cell.draw import Draw
from envs.cell.handling import ALIGNED_M, AT_PART_M, CLEARANCE_M, LOW_ALIGNED_M, over
from envs.cell.plan import KeyPose, wrap
from envs.cell.scene import Cell, Snapshot
from envs.cell.task import Task
from robots.machine_body import DOOR_TRAVEL_M, HANDLE_ABOVE_M, HANDLE_BELOW_M, HANDLE_RADIUS_M
from robots.machine_tool import OPEN_WITHIN_M, MachineTool
from robots.spec import Vec3

AJAR_M = (0.0, 0.020)
FRICTION_N = (8.0, 25.0)
CLEAR_M = 0.040
# Fingers this far open have let go of the bar.
WIDE_M = 2 * HANDLE_RADIUS_M + 0.010
# A hand this close to the grip point holds the bar.
HOLDS_M = 0.012
# How far short of its stop the door is pulled, and from where it counts as pulled.
SHORT_M, PULLED_M = 0.004, 0.010
PULL_M_S = 0.25
# With fingers along y the bar pushes against one of them: the pull does not hang on friction.
GRIP_YAW_RAD = 0.0
# From this height above the grip point open fingers pass over the bar; below it they may stand beside it.
TIPS_OVER_M = HANDLE_ABOVE_M + 0.020
BESIDE_M = (0.035, 0.080)
# So too a hand turned otherwise, or one so far below the grip point that its palm is beside the bar.
PALM_M, WIDE_BESIDE_M = -0.040, (0.080, 0.080)
RISE_M = HANDLE_ABOVE_M + CLEAR_M + 0.010


class OpenDoor(Task):
    """Open the machine's door by its handle."""

    name = "OpenDoor"
    verb = "open"
    thing = "door"
    parts = False
    machines = ("manual_lathe",)
    handle = True
    max_steps = 200
    weights = MappingProxyType({"reach": 1.0, "grasp": 1.0, "pull": 3.0, "leave": 1.0})
    tolerance = (OPEN_WITHIN_M, 0.5, 0.5)
    goals = ("door's opening [m]", "handle let go", "hand away")
    view = "left"

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """How far the door is ajar and the friction of its rail, uniform."""
        ajar, friction = (0.5 + spread * (rng.random(2) - 0.5)).tolist()
        return replace(
            draw, door_ajar_m=_between(AJAR_M, ajar), door_friction_n=_between(FRICTION_N, friction)
        )

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """The door's opening (m), handle let go, hand away."""
        released = not now.closed and now.hand.opening_m > WIDE_M
        away = from_bar_m(now.hand.position_m, _machine(cell).handle_m) >= CLEAR_M
        return [_machine(cell).door_m, float(released), float(away)]

    def desired(self, cell: Cell) -> list[float]:
        """The door's travel, all conditions true."""
        return [DOOR_TRAVEL_M, 1.0, 1.0]

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """Hand to handle, gripped, share of the door's travel, let go and away."""
        machine = _machine(cell)
        handle, hand = machine.handle_m, now.hand.position_m
        opened = machine.door == "OPEN"
        let_go = opened and not now.closed
        return {
            "reach": 1.0 if opened else rewards.closeness(math.dist(hand, handle), 0.08),
            "grasp": float(opened or holds(now, handle)),
            "pull": min(1.0, max(0.0, machine.door_m / (DOOR_TRAVEL_M - OPEN_WITHIN_M))),
            "leave": rewards.closeness(max(0.0, CLEAR_M - from_bar_m(hand, handle)), 0.03) if let_go else 0.0,
        }

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """The door's opening."""
        return {"door_m": achieved[0]}

    # -- plan -------------------------------------------------------------------------------------
    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Down round the handle, close, pull, let go, up."""
        x, y, z = handle = _machine(cell).handle_m
        to_go = DOOR_TRAVEL_M - _machine(cell).door_m
        if to_go < PULLED_M:
            return _leave(now, handle)
        end = (x, y + to_go - SHORT_M, z)
        pull = KeyPose("pull", end, GRIP_YAW_RAD, True, PULL_M_S)
        rest = [
            pull,
            KeyPose("release", end, GRIP_YAW_RAD, False, wait="open"),
            KeyPose("retreat", (x, end[1], z + RISE_M), GRIP_YAW_RAD, False),
        ]
        if holds(now, handle):
            # The hand pulls along the rail from where it is, however it stands at the bar.
            at = now.command_m
            return [replace(pull, position_m=(at[0], end[1], at[2])), *rest[1:]]
        return [*_fetch(cell, now, handle), *rest]


def holds(now: Snapshot, handle_m: Vec3) -> bool:
    """Whether the gripper has closed on the handle."""
    return now.gripped and math.dist(now.hand.position_m, handle_m) < HOLDS_M


def from_bar_m(point_m: Vec3, handle_m: Vec3) -> float:
    """Distance of a point from the axis of the handle's bar."""
    up = point_m[2] - handle_m[2]
    past = max(0.0, up - HANDLE_ABOVE_M, -up - HANDLE_BELOW_M)
    return math.hypot(point_m[0] - handle_m[0], point_m[1] - handle_m[1], past)


def _machine(cell: Cell) -> MachineTool:
    assert cell.machine is not None
    return cell.machine


def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + share * (limits[1] - limits[0])


def _fetch(cell: Cell, now: Snapshot, handle: Vec3) -> list[KeyPose]:
    """Key poses that bring the hand round the bar from above and close it."""
    at = now.command_m
    above = (handle[0], handle[1], handle[2] + CLEARANCE_M)
    grasp = KeyPose("grasp", handle, GRIP_YAW_RAD, False)
    close = replace(grasp, name="close", close=True, wait="gripped")
    lateral = math.hypot(at[0] - handle[0], at[1] - handle[1])
    turned = abs(wrap(now.command_yaw_rad - GRIP_YAW_RAD, 2 * math.pi)) < 0.05
    low = at[2] < handle[2] + TIPS_OVER_M
    if lateral < (LOW_ALIGNED_M if low else ALIGNED_M) and turned:
        there = lateral < ALIGNED_M and abs(at[2] - handle[2]) < AT_PART_M
        if there and math.dist(now.hand.position_m, handle) < 0.006:
            return [close]
        if now.hand.opening_m > WIDE_M:
            return [grasp, close]
    keys = [KeyPose("approach", above, GRIP_YAW_RAD, False), grasp, close]
    beside = BESIDE_M if turned and at[2] > handle[2] + PALM_M else WIDE_BESIDE_M
    if low and abs(at[0] - handle[0]) < beside[0] and abs(at[1] - handle[1]) < beside[1]:
        return [KeyPose("clear", (at[0], at[1], above[2]), now.command_yaw_rad, False), *keys]
    return [*over(cell, now, above, close=False), *keys]


def _leave(now: Snapshot, handle: Vec3) -> list[KeyPose]:
    """Open, then straight up."""
    at, yaw = now.command_m, now.command_yaw_rad
    up = KeyPose("retreat", (at[0], at[1], handle[2] + RISE_M), yaw, False)
    if from_bar_m(at, handle) > CLEAR_M or (not now.closed and now.hand.opening_m > WIDE_M):
        return [up]
    return [KeyPose("release", at, yaw, False, wait="open"), up]
