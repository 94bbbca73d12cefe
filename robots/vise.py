"""A power vise: one jaw moves and presses the part on the fixed jaw; an end stop says where along it.

Bed, fixed jaw and end stop do not move: they belong to the machine's frame (`machine_body.py`).
"""

from __future__ import annotations

from robots.machine_body import JAW, MachineSpec
from robots.scene_types import Node, Surface
from robots.spec import Link, Shape, Vec3
from robots.workholding import Workholding
from robots.world import World

JAW_KG = 0.6
_WIDTH_M, _DEPTH_M, _LIFT_M = 0.060, 0.024, 0.0008


def moving_jaw(spec: MachineSpec) -> Node:
    """The jaw on the robot's side, sliding along x towards the fixed jaw from where it stands open."""
    (cx, cy, cz), height = spec.chuck_m, spec.jaw_height_m
    face = (_DEPTH_M, _WIDTH_M, height - _LIFT_M), (-_DEPTH_M / 2, 0.0, (height + _LIFT_M) / 2)
    slide = (0.030, 0.040, 0.010), (-_DEPTH_M - 0.015, 0.0, 0.006)
    shapes = tuple(Shape("box", size, at, rgba=JAW) for size, at in (face, slide))
    jaw = Link(JAW_KG, (-_DEPTH_M / 2, 0.0, height / 2), shapes)
    at = (cx - spec.jaw_radius_m, cy, cz)
    friction = Surface(spec.jaw_friction)
    return Node("jaw", "prismatic", -1, at, jaw, (1.0, 0.0, 0.0), upper=spec.jaw_stroke_m, surface=friction)


class Vise(Workholding):
    """One moving jaw against a fixed one."""

    joints = (0,)

    def __init__(self, world: World, spec: MachineSpec, offset_m: Vec3):
        body = world.add_articulated("vise", Link(0.0), [moving_jaw(spec)], xyz_m=offset_m)
        super().__init__(world, spec, body)

    def closed_m(self, across_m: float) -> float:
        """How far the jaw has travelled when it presses a part of `across_m` on the fixed jaw."""
        return self.spec.jaw_radius_m + self.spec.half_m - across_m

    def _read_m(self) -> float:
        return self.world.joint_position(self.body, 0)
