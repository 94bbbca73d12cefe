"""From actions in [-1, 1] to joint set-points: hand deltas (ee, ee_yaw) or joint deltas."""

from __future__ import annotations

import math
from collections.abc import Sequence

from envs.cell.plan import Stride
from robots.arm import Arm
from robots.kinematics import Unreachable
from robots.spec import Vec3

CONTROLS = ("ee_yaw", "ee", "joint")
JOINT_STEP_RAD = 0.10
# The hand stays in this box (m, world); the fingers' tips are 15 mm below the TCP.
BOX_LOW_M: Vec3 = (-0.20, -0.60, 0.035)
BOX_HIGH_M: Vec3 = (0.62, 0.45, 0.60)
Flat = tuple[float, ...]


def tool_down(yaw_rad: float) -> Flat:
    """Rotation (row-major) of a tool that points down, turned by yaw about the vertical."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return (c, s, 0.0, s, -c, 0.0, 0.0, 0.0, -1.0)


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
        self.yaw_rad = 0.0
        self.blocked = 0

    def begin(self, arm: Arm) -> None:
        """Starts from where the arm is commanded to be."""
        self.arm, self.blocked = arm, 0
        self.sync()

    def sync(self) -> None:
        """Takes the commanded pose back from the joints, after a limit shortened a move."""
        self.position_m, self.rotation = self.arm.tcp(self.arm.q_command)
        r = self.rotation
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
        yaw = self.yaw_rad
        if self.kind == "ee_yaw":
            yaw += self.stride.step_rad * action[3]
            rotation = tool_down(yaw)
        else:
            rotation = _turned(self.rotation, [self.stride.step_rad * a for a in action[3:6]])
        try:
            q = self.arm.solve(position, rotation)
        except Unreachable:
            self.blocked += 1
            return self.arm.q_command
        self.position_m, self.rotation = position, rotation
        self.yaw_rad = yaw if self.kind == "ee_yaw" else math.atan2(rotation[3], rotation[0])
        return q


def _turned(r: Flat, vector_rad: Sequence[float]) -> Flat:
    """`r` turned by a rotation vector in world axes, kept orthonormal (Rodrigues)."""
    angle = math.sqrt(sum(v * v for v in vector_rad))
    if angle < 1e-12:
        return r
    x, y, z = (v / angle for v in vector_rad)
    c, s = math.cos(angle), math.sin(angle)
    t = 1.0 - c
    m = (
        (t * x * x + c, t * x * y - s * z, t * x * z + s * y),
        (t * x * y + s * z, t * y * y + c, t * y * z - s * x),
        (t * x * z - s * y, t * y * z + s * x, t * z * z + c),
    )
    rows = [[sum(m[i][k] * r[3 * k + j] for k in range(3)) for j in range(3)] for i in range(3)]
    a, b = rows[0], rows[1]
    n = math.sqrt(sum(v * v for v in a))
    a = [v / n for v in a]
    dot = sum(p * q for p, q in zip(a, b, strict=True))
    b = [q - dot * p for p, q in zip(a, b, strict=True)]
    n = math.sqrt(sum(v * v for v in b))
    b = [v / n for v in b]
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return (*a, *b, *cross)
