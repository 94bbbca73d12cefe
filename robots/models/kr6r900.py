"""KUKA KR 6 R900 sixx (KR AGILUS), from the offsets, limits and speeds of its data sheet and ros-industrial.

Joint angles here are those of KUKA's controller, so that the published limits hold as they stand. At
zero the upper arm and the forearm lie level in one line. A2, A3 and A5 turn downwards, A1 turns
clockwise as seen from above, A4 and A6 clockwise as seen from the flange. A2 = -90 deg sets the upper
arm upright, and A3 = +90 deg then makes the forearm level. In the convention of the LR Mate, whose
upper arm stands and whose forearm is level at zero, J1 = -A1, J2 = A2 + 90 deg, J3 = 90 deg - A3 and
J5 = -A5; J4 and J6 are A4 and A6.

The frame of the upper arm therefore has x along the arm and, where the arm is upright, z backwards.
"""

from math import pi, radians

from robots.models._degrees import joint
from robots.spec import ArmSpec, Link, Shape

_ORANGE = (0.96, 0.47, 0.13, 1.0)  # RAL 2003
_BLACK = (0.13, 0.13, 0.14, 1.0)
_GREY = (0.42, 0.43, 0.45, 1.0)
_STEEL = (0.72, 0.73, 0.75, 1.0)
_ACROSS = (pi / 2, 0.0, 0.0)
_ALONG = (0.0, pi / 2, 0.0)

_BASE = Link(
    15.0,
    (-0.02, 0.0, 0.08),
    (
        Shape("box", (0.230, 0.220, 0.024), (0.0, 0.0, 0.012), rgba=_BLACK, collides=False),
        Shape("box", (0.190, 0.180, 0.130), (-0.005, 0.0, 0.085), rgba=_BLACK),
        Shape("box", (0.046, 0.130, 0.084), (-0.116, 0.0, 0.080), rgba=_GREY, collides=False),
        Shape("cylinder", (0.090, 0.050), (0.0, 0.0, 0.172), rgba=_BLACK, collides=False),
    ),
)
_TURRET = Link(
    14.0,
    (0.01, 0.0, -0.07),
    (
        Shape("cylinder", (0.098, 0.110), (0.0, 0.0, -0.148), rgba=_ORANGE, collides=False),
        Shape("box", (0.160, 0.150, 0.120), (0.012, 0.0, -0.045), rgba=_ORANGE),
        Shape("cylinder", (0.082, 0.164), (0.025, 0.0, 0.0), _ACROSS, rgba=_ORANGE),
        Shape("cylinder", (0.060, 0.188), (0.025, 0.0, 0.0), _ACROSS, rgba=_BLACK, collides=False),
    ),
)
_UPPER_ARM = Link(
    9.5,
    (0.20, 0.0, 0.0),
    (
        Shape("box", (0.455, 0.112, 0.104), (0.2275, 0.0, 0.0), rgba=_ORANGE),
        Shape("cylinder", (0.064, 0.112), (0.455, 0.0, 0.0), _ACROSS, rgba=_ORANGE, collides=False),
        Shape("box", (0.150, 0.118, 0.034), (0.235, 0.0, 0.0), rgba=_BLACK, collides=False),
    ),
)
_ELBOW = Link(
    7.5,
    (0.01, 0.0, 0.025),
    (
        Shape("box", (0.160, 0.126, 0.122), (0.005, 0.0, 0.035), rgba=_ORANGE),
        Shape("cylinder", (0.050, 0.148), (0.0, 0.0, 0.0), _ACROSS, rgba=_BLACK, collides=False),
        Shape("box", (0.040, 0.104, 0.100), (-0.090, 0.0, 0.035), rgba=_BLACK, collides=False),
        Shape("cylinder", (0.054, 0.030), (0.095, 0.0, 0.035), _ALONG, rgba=_BLACK, collides=False),
    ),
)
_FOREARM = Link(
    3.6,
    (0.23, 0.0, 0.0),
    (
        Shape("capsule", (0.048, 0.220), (0.225, 0.0, 0.0), _ALONG, visible=False),
        Shape("cylinder", (0.050, 0.240), (0.220, 0.0, 0.0), _ALONG, rgba=_ORANGE, collides=False),
        Shape("box", (0.126, 0.018, 0.068), (0.390, 0.042, 0.0), rgba=_BLACK, collides=False),
        Shape("box", (0.126, 0.018, 0.068), (0.390, -0.042, 0.0), rgba=_BLACK, collides=False),
    ),
)
_WRIST = Link(
    2.0,
    (0.012, 0.0, 0.0),
    (
        Shape("cylinder", (0.037, 0.106), (0.0, 0.0, 0.0), _ACROSS, rgba=_BLACK),
        Shape("cylinder", (0.034, 0.060), (0.035, 0.0, 0.0), _ALONG, rgba=_BLACK, collides=False),
    ),
)
_FLANGE = Link(
    0.4,
    (-0.008, 0.0, 0.0),
    (Shape("cylinder", (0.025, 0.016), (-0.008, 0.0, 0.0), _ALONG, rgba=_STEEL),),
)


_A2, _A3 = radians(-81.0), radians(134.5)

# Torques are an estimate (KUKA publishes none): the published 151/176/108/56/33/22 Nm of the Yaskawa
# GP8, an arm of the same build, times the ratio of payload x reach^2, 1.15, which is what a joint
# needs to start its payload as quickly. Link masses are an estimate too: the catalogue gives 52 kg
# for the whole arm.
SPEC = ArmSpec(
    name="kr6r900",
    title="KUKA KR 6 R900 sixx",
    base=_BASE,
    joints=(
        joint("A1", (0.0, 0.0, 0.400), (0.0, 0.0, -1.0), (-170, 170), 360, 174.0, _TURRET),
        joint("A2", (0.025, 0.0, 0.0), (0.0, 1.0, 0.0), (-190, 45), 300, 203.0, _UPPER_ARM),
        joint("A3", (0.455, 0.0, 0.0), (0.0, 1.0, 0.0), (-120, 156), 360, 124.0, _ELBOW),
        joint("A4", (0.0, 0.0, 0.035), (-1.0, 0.0, 0.0), (-185, 185), 381, 64.0, _FOREARM),
        joint("A5", (0.420, 0.0, 0.0), (0.0, 1.0, 0.0), (-120, 120), 388, 38.0, _WRIST),
        joint("A6", (0.080, 0.0, 0.0), (-1.0, 0.0, 0.0), (-350, 350), 615, 26.0, _FLANGE),
    ),
    flange_xyz_m=(0.0, 0.0, 0.0),
    flange_rpy_rad=(0.0, pi / 2, 0.0),
    home_rad=(0.0, _A2, _A3, 0.0, pi / 2 - _A2 - _A3, 0.0),  # the flange looks straight down
    payload_kg=6.0,
    reach_m=0.9015,
    solver="spherical_wrist",
    mount_m=(-0.30, 0.0, 0.0),
)
