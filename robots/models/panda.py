"""Franka Emika Panda, from its published Denavit-Hartenberg table, limits, speeds and torques.

Link masses and centres of mass are those identified for it and published in franka_description; its
base is given the rest of the catalogue's 18 kg. Every joint turns about its own z.
"""

from math import pi, radians

from robots.spec import ZERO, ArmSpec, Joint, Link, Rgba, Shape, Vec3

_WHITE = (0.93, 0.94, 0.95, 1.0)
_DARK = (0.16, 0.17, 0.19, 1.0)
_STEEL = (0.72, 0.73, 0.75, 1.0)
_ACROSS = (pi / 2, 0.0, 0.0)


def _tube(radius: float, length: float, xyz: Vec3, rpy: Vec3 = ZERO, solid: bool = True) -> Shape:
    return Shape("cylinder", (radius, length), xyz, rpy, _WHITE, solid)


def _ring(radius: float, length: float, xyz: Vec3, rpy: Vec3 = ZERO, rgba: Rgba = _DARK) -> Shape:
    return Shape("cylinder", (radius, length), xyz, rpy, rgba, collides=False)


def _bridge(size: Vec3, xyz: Vec3, rpy: Vec3 = ZERO) -> Shape:
    return Shape("box", size, xyz, rpy, _WHITE, collides=False)


_BASE = Link(
    1.938,
    (-0.041, 0.0, 0.050),
    (
        Shape("box", (0.200, 0.180, 0.060), (-0.045, 0.0, 0.030), rgba=_WHITE),
        _tube(0.070, 0.135, (0.0, 0.0, 0.0675), solid=False),
        Shape("box", (0.020, 0.110, 0.045), (-0.150, 0.0, 0.030), rgba=_DARK, collides=False),
        _ring(0.062, 0.012, (0.0, 0.0, 0.141)),
    ),
)
_LINK1 = Link(
    4.970684,
    (0.003875, 0.002081, -0.04762),
    (
        _tube(0.058, 0.160, (0.0, 0.0, -0.106)),
        _tube(0.062, 0.130, (0.0, 0.0, 0.0), _ACROSS),
        _ring(0.050, 0.142, (0.0, 0.0, 0.0), _ACROSS),
    ),
)
_LINK2 = Link(
    0.646926,
    (-0.003141, -0.02872, 0.003495),
    (
        _tube(0.056, 0.150, (0.0, -0.110, 0.0), _ACROSS),
        _ring(0.053, 0.012, (0.0, -0.191, 0.0), _ACROSS),
    ),
)
_LINK3 = Link(
    3.228604,
    (0.027518, 0.039252, -0.066502),
    (
        _tube(0.056, 0.115, (0.0, 0.0, -0.0615)),
        _bridge((0.110, 0.090, 0.090), (0.040, 0.0, -0.010), (0.0, -0.25, 0.0)),
        _tube(0.056, 0.114, (0.0825, 0.0, 0.0), _ACROSS, solid=False),
        _ring(0.044, 0.128, (0.0825, 0.0, 0.0), _ACROSS),
    ),
)
_LINK4 = Link(
    3.587895,
    (-0.05317, 0.104419, 0.027454),
    (
        _bridge((0.110, 0.090, 0.090), (-0.040, 0.022, 0.0), (0.0, 0.0, -0.35)),
        _tube(0.056, 0.110, (-0.0825, 0.085, 0.0), _ACROSS),
        _ring(0.052, 0.012, (-0.0825, 0.146, 0.0), _ACROSS),
    ),
)
_LINK5 = Link(
    1.225946,
    (-0.011953, 0.041065, -0.038437),
    (
        _tube(0.055, 0.090, (0.0, 0.0, -0.187)),
        Shape("cylinder", (0.042, 0.150), (0.0, 0.035, -0.085), (0.30, 0.0, 0.0), _WHITE, False),
        _tube(0.050, 0.116, (0.0, 0.010, 0.0), _ACROSS),
        _ring(0.038, 0.130, (0.0, 0.010, 0.0), _ACROSS),
    ),
)
_LINK6 = Link(
    1.666555,
    (0.060149, -0.014117, -0.010517),
    (
        _bridge((0.088, 0.076, 0.076), (0.050, 0.0, 0.0)),
        _tube(0.048, 0.090, (0.088, 0.0, 0.0), _ACROSS),
        _ring(0.040, 0.102, (0.088, 0.0, 0.0), _ACROSS),
    ),
)
_LINK7 = Link(
    0.735522,
    (0.010517, -0.004252, 0.061597),
    (
        _tube(0.044, 0.046, (0.0, 0.0, 0.077)),
        _bridge((0.060, 0.034, 0.028), (0.035, 0.035, 0.082), (0.0, 0.0, pi / 4)),
        _ring(0.0315, 0.007, (0.0, 0.0, 0.1035), rgba=_STEEL),
    ),
)

_QUARTER = pi / 2
_J2, _J4 = radians(-30.0), radians(-146.0)


def _joint(
    number: int,
    xyz: Vec3,
    roll: float,
    limits: tuple[float, float],
    speed: float,
    torque: float,
    link: Link,
) -> Joint:
    z = (0.0, 0.0, 1.0)
    return Joint(f"panda_joint{number}", xyz, z, *limits, speed, torque, link, (roll, 0.0, 0.0))


_WIDE = (-2.8973, 2.8973)

SPEC = ArmSpec(
    name="panda",
    title="Franka Emika Panda",
    base=_BASE,
    joints=(
        _joint(1, (0.0, 0.0, 0.333), 0.0, _WIDE, 2.175, 87.0, _LINK1),
        _joint(2, (0.0, 0.0, 0.0), -_QUARTER, (-1.7628, 1.7628), 2.175, 87.0, _LINK2),
        _joint(3, (0.0, -0.316, 0.0), _QUARTER, _WIDE, 2.175, 87.0, _LINK3),
        _joint(4, (0.0825, 0.0, 0.0), _QUARTER, (-3.0718, -0.0698), 2.175, 87.0, _LINK4),
        _joint(5, (-0.0825, 0.384, 0.0), -_QUARTER, _WIDE, 2.61, 12.0, _LINK5),
        _joint(6, (0.0, 0.0, 0.0), _QUARTER, (-0.0175, 3.7525), 2.61, 12.0, _LINK6),
        _joint(7, (0.088, 0.0, 0.0), _QUARTER, _WIDE, 2.61, 12.0, _LINK7),
    ),
    flange_xyz_m=(0.0, 0.0, 0.107),
    flange_rpy_rad=(0.0, 0.0, 0.0),
    home_rad=(0.0, _J2, 0.0, _J4, 0.0, _J2 - _J4, 0.0),  # the flange looks straight down
    payload_kg=3.0,
    reach_m=0.855,
    solver="redundant",
)
