"""Where a loose part is, and how it sits on an axis that points up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from envs.cell.parts import PartType
from envs.cell.plan import wrap
from robots.scene_types import Quat
from robots.spec import Vec3


class PartState(NamedTuple):
    """A loose part now: middle, up direction, yaw, grip point and middle of the bottom (m, world)."""

    kind: PartType
    middle_m: Vec3
    up: Vec3
    yaw_rad: float
    grip_m: Vec3
    bottom_m: Vec3

    @classmethod
    def of(cls, kind: PartType, at: Vec3, q: Quat, *, level: bool = False) -> PartState:
        """From the pose of the body; `level`: its yaw is that before it was tilted, as it may lie level."""
        x, y, z, w = q
        up = (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y))
        yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        if level:
            yaw = wrap(2 * math.atan2(z, w), 2 * math.pi)
        h = kind.height_m / 2
        g = kind.grip_height_m - h
        return cls(
            kind,
            at,
            up,
            yaw,
            (at[0] + g * up[0], at[1] + g * up[1], at[2] + g * up[2]),
            (at[0] - h * up[0], at[1] - h * up[1], at[2] - h * up[2]),
        )

    def seat_gap_m(self, seat_z_m: float) -> float:
        """Largest gap between the part's bottom face and the back stop."""
        tilt = math.hypot(self.up[0], self.up[1])
        return self.bottom_m[2] - seat_z_m + tilt * self.kind.chuck_across_m / 2

    def run_out_m(self, axis_m: Sequence[float]) -> float:
        """Total run-out against a vertical axis: twice the largest eccentricity over the part's length."""
        (x, y, _), (up_x, up_y, _), h = self.bottom_m, self.up, self.kind.height_m
        bx, by = x - axis_m[0], y - axis_m[1]
        return 2 * max(math.hypot(bx, by), math.hypot(bx + h * up_x, by + h * up_y))
