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
(_X0, _Y0, _Z0), (_X1, _Y1, _Z1) = BOX_LOW_M, BOX_HIGH_M


def _in_box(x: float, y: float, z: float) -> Vec3:
    if _X0 <= x <= _X1 and _Y0 <= y <= _Y1 and _Z0 <= z <= _Z1:  # as it mostly is
        return x, y, z
    return min(_X1, max(_X0, x)), min(_Y1, max(_Y0, y)), min(_Z1, max(_Z0, z))


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
        position = _in_box(at[0] + step * action[0], at[1] + step * action[1], at[2] + step * action[2])
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
