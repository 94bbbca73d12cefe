"""A three-jaw power chuck: three jaws that move as one and centre what is between them."""

from __future__ import annotations

from robots.machine_body import MachineSpec, jaws
from robots.spec import Link, Vec3
from robots.workholding import Clamp as Clamp
from robots.workholding import Workholding
from robots.world import World


class Chuck(Workholding):
    """Jaws coupled by gear constraints."""

    joints = (0, 1, 2)

    def __init__(self, world: World, spec: MachineSpec, offset_m: Vec3):
        body = world.add_articulated("chuck", Link(0.0), jaws(spec), xyz_m=offset_m)
        super().__init__(world, spec, body)
        for other in (1, 2):
            world.gear(self.body, 0, other, -1.0, 20_000.0, erp=1.0)

    def closed_m(self, across_m: float) -> float:
        """How far the jaws have travelled when they stand on a part that is `across_m` between them."""
        return self.spec.jaw_radius_m - across_m / 2

    def _read_m(self) -> float:
        a, b, c = self.world.joint_states(self.body, self.joints)
        return (a[0] + b[0] + c[0]) / 3.0
