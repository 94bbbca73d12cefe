"""What moves in a cell: arms, grippers, machines and sensors, and the one door to the engine."""

from robots._chain import Unreachable
from robots.catalog import ARMS, arm_spec
from robots.spec import ArmSpec, Joint, Link, Shape

__all__ = ["ARMS", "ArmSpec", "Joint", "Link", "Shape", "Unreachable", "arm_spec"]
