"""From actions in [-1, 1] to joint set-points: hand deltas (ee, ee_yaw) or joint deltas."""

from __future__ import annotations

import math
from collections.abc import Sequence

from envs.cell.plan import Stride
from envs.cell.turning import Flat, tool_down, turned, turns_of
from robots.arm import Arm
from robots.kinematics import Unreachable
from robots.spec import Vec3

CONTROLS = ("ee_yaw", "ee", "joint")
JOINT_STEP_RAD = 0.10
# The hand stays in this box (m, world); the fingers' tips are 15 mm below the TCP.
BOX_LOW_M: Vec3 = (-0.20, -0.60, 0.035)
BOX_HIGH_M: Vec3 = (0.62, 0.45, 0.60)


def action_size(control: str, joints: int) -> int:
    """Numbers in an action."""
    return {"ee_yaw": 5, "ee": 7, "joint": joints + 1}[control]


class HandControl:
    """Keeps the commanded pose and turns one action into joint set-points."""

    def __init__(self, kind: str, stride: Stride):
        if kind not in CONTROLS:
            raise ValueError(f"unknown control {kind!r}: allowed are {', '.join(CONTROLS)}")
        self.kind, self.stride = kind, stride
        self.position_m: Vec3 = (0.0, 0.0, 0.0)
        self.rotation: Flat = tool_down(0.0)
        self.yaw_rad = self.tilt_rad = self.pan_rad = 0.0
        self.blocked = 0

    def begin(self, arm: Arm) -> None:
        """Starts from where the arm is commanded to be."""
        self.arm, self.blocked = arm, 0
        self.sync()

    def sync(self) -> None:
        """Takes the commanded pose back from the joints, after a limit shortened a move."""
        self.position_m, self.rotation = self.arm.tcp(self.arm.q_command)
        self._read_turn()

    def _read_turn(self) -> None:
        r = self.rotation
        if self.kind == "ee":
            self.yaw_rad, self.tilt_rad, self.pan_rad = turns_of(r)
        else:
            self.yaw_rad = math.atan2(r[3], r[0])

    def target(self, action: Sequence[float]) -> list[float]:
        """Joint set-points after one action; the arm holds where the pose cannot be reached."""
        if self.kind == "joint":
            q = self.arm.q_command
            return [a + JOINT_STEP_RAD * d for a, d in zip(q, action, strict=False)]
        step, at = self.stride.step_m, self.position_m
        position = (
            min(BOX_HIGH_M[0], max(BOX_LOW_M[0], at[0] + step * action[0])),
            min(BOX_HIGH_M[1], max(BOX_LOW_M[1], at[1] + step * action[1])),
            min(BOX_HIGH_M[2], max(BOX_LOW_M[2], at[2] + step * action[2])),
        )
        yaw = self.yaw_rad + self.stride.step_rad * action[3]
        if self.kind == "ee_yaw":
            rotation = tool_down(yaw)
        else:
            rotation = turned(self.rotation, [self.stride.step_rad * a for a in action[3:6]])
        try:
            q = self.arm.solve(position, rotation)
        except Unreachable:
            self.blocked += 1
            return self.arm.q_command
        self.position_m, self.rotation = position, rotation
        if self.kind == "ee_yaw":
            self.yaw_rad = yaw
        else:
            self._read_turn()
        return q
