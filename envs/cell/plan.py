"""Key poses: how a task is done, and how to follow them.

A task's `plan` gives the key poses that remain from the true state as it is now. Followed afresh at every
step it is the skilled expert; recorded once at the nominal layout and replayed it is the taught program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from envs.cell.turning import Flat, rotation_between, tool_rotation
from robots.machine_tool import REQUESTS
from robots.spec import Vec3

Wait = Literal["none", "settled", "open", "gripped", "soft clamp", "hard clamp", "unclamped"]
MachineWait = Literal["door open", "door closed", "cycle running", "cycle done"]


@dataclass(frozen=True, slots=True)
class KeyPose:
    """One pose of a plan, in world coordinates.

    Attributes:
        name: approach, grasp, close, lift, door, above, seat, release, retreat, exit...
        position_m: TCP position.
        yaw_rad: Turn of the tool about the vertical, while it points down.
        tilt_rad: Tilt after that turn: 0 points down, a quarter of a turn along +x (only with control "ee").
        pan_rad: Turn of the tilted tool about the vertical (only with control "ee").
        turn_rad_s: Top speed of turning on the way there (only with control "ee").
        close: Whether the gripper is told to close.
        speed_m_s: Top speed on the way there.
        frame: What the pose belongs to: "part" poses move with the part, "world" poses do not.
        request: What the machine is asked for on the way, where the robot commands it.
        symmetry: Equal ways to turn the tool there, all the way round, fingers apart; 0 for any.
        wait: Signal that must come before the next pose; "settled" is the hand's own, at rest on the pose.
    """

    name: str
    position_m: Vec3
    yaw_rad: float
    close: bool
    speed_m_s: float = 1.0
    frame: Literal["part", "world"] = "world"
    wait: Wait | MachineWait = "none"
    request: str = "none"
    tilt_rad: float = 0.0
    pan_rad: float = 0.0
    turn_rad_s: float = 4.0
    symmetry: int = 1


@dataclass(frozen=True, slots=True)
class Stride:
    """How far one action of size 1 moves the commanded pose in a control period."""

    step_m: float = 0.030
    step_rad: float = 0.20
    period_s: float = 0.05
    commands: bool = False  # whether an action ends with a request to the machine

    def ee_action(self, key: KeyPose, position_m: Sequence[float], rotation: Flat) -> list[float]:
        """The `ee` action (dx, dy, dz, rotation vector, gripper) from a commanded pose towards a key pose."""
        d = [b - a for a, b in zip(position_m, key.position_m, strict=True)]
        turn = rotation_between(rotation, tool_rotation(key.yaw_rad, key.tilt_rad, key.pan_rad))
        limit_m = min(self.step_m, key.speed_m_s * self.period_s)
        limit_rad = min(self.step_rad, key.turn_rad_s * self.period_s)
        shares = [limit_m / abs(v) for v in d if v] + [limit_rad / abs(v) for v in turn if v]
        share = min([1.0, *shares])
        asked = [request_value(key.request)] if self.commands else []
        return [
            *(v * share / self.step_m for v in d),
            *(v * share / self.step_rad for v in turn),
            -1.0 if key.close else 1.0,
            *asked,
        ]

    def action(self, key: KeyPose, position_m: Sequence[float], yaw_rad: float) -> list[float]:
        """The `ee_yaw` action (dx, dy, dz, dyaw, gripper) from a commanded pose towards a key pose."""
        d = [b - a for a, b in zip(position_m, key.position_m, strict=True)]
        turn = wrap(key.yaw_rad - yaw_rad, 2 * math.pi)
        longest = max(abs(d[0]), abs(d[1]), abs(d[2]))
        limit = min(self.step_m, key.speed_m_s * self.period_s)
        # Position and turn arrive together, so that the path in between is the straight one.
        share = min(
            1.0,
            limit / longest if longest > limit else 1.0,
            self.step_rad / abs(turn) if abs(turn) > self.step_rad else 1.0,
        )
        scale = share / self.step_m
        asked = [request_value(key.request)] if self.commands else []
        return [
            d[0] * scale,
            d[1] * scale,
            d[2] * scale,
            turn * share / self.step_rad,
            -1.0 if key.close else 1.0,
            *asked,
        ]


# Requests from -1 to 1: equal shares of the range, none in the middle, so that a zero asks for nothing.
_SHARES = (*REQUESTS[1:4], REQUESTS[0], *REQUESTS[4:])


def request_value(what: str) -> float:
    """The number in [-1, 1] that stands for a request to the machine."""
    return (2 * _SHARES.index(what) + 1) / len(_SHARES) - 1.0


def request_of(value: float) -> str:
    """The request that a number in [-1, 1] stands for."""
    return _SHARES[min(len(_SHARES) - 1, int((value + 1.0) / 2 * len(_SHARES)))]


def wrap(angle_rad: float, period_rad: float) -> float:
    """The equivalent angle within half a period of zero."""
    return angle_rad - period_rad * round(angle_rad / period_rad)


def nearest_turn(target_rad: float, symmetry: int, near_rad: float) -> float:
    """Of the equal ways to turn a tool of two fingers to a part, the one nearest to `near_rad`.

    Args:
        target_rad: One way.
        symmetry: Equal ways round the part (0 for any angle); the fingers themselves count double.
        near_rad: Where the tool is.
    """
    if symmetry == 0:
        return near_rad
    return near_rad + wrap(target_rad - near_rad, 2 * math.pi / math.lcm(symmetry, 2))


def retime(keys: Sequence[KeyPose], speed_m_s: float) -> list[KeyPose]:
    """The same key poses at a lower top speed."""
    return [replace(key, speed_m_s=min(key.speed_m_s, speed_m_s)) for key in keys]
