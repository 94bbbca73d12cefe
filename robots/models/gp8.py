"""Yaskawa GP8, from the offsets, limits, speeds and torques that Yaskawa and ros-industrial publish.

Zeros and signs are those of their robot description: at zero the upper arm stands and the forearm is
level. The masses of the links are an estimate: the catalogue gives 32 kg for the whole arm.
"""

from math import pi, radians

from robots.models._degrees import joint
from robots.spec import ArmSpec, Link, Shape

_BLUE = (0.00, 0.40, 0.80, 1.0)
_WHITE = (0.93, 0.94, 0.95, 1.0)
_DARK = (0.16, 0.17, 0.19, 1.0)
_STEEL = (0.72, 0.73, 0.75, 1.0)
_ACROSS = (pi / 2, 0.0, 0.0)
_ALONG = (0.0, pi / 2, 0.0)

_BASE = Link(
    9.5,
    (-0.02, 0.0, 0.07),
    (
        Shape("box", (0.240, 0.200, 0.022), (-0.015, 0.0, 0.011), rgba=_DARK, collides=False),
        Shape("box", (0.200, 0.176, 0.080), (-0.015, 0.0, 0.062), rgba=_BLUE),
        Shape("box", (0.034, 0.120, 0.070), (-0.130, 0.0, 0.060), rgba=_DARK, collides=False),
        Shape("cylinder", (0.086, 0.070), (0.0, 0.0, 0.135), rgba=_BLUE, collides=False),
        Shape("cylinder", (0.078, 0.012), (0.0, 0.0, 0.175), rgba=_DARK, collides=False),
    ),
)
_TURRET = Link(
    8.0,
    (0.02, 0.0, -0.05),
    (
        Shape("cylinder", (0.092, 0.085), (0.0, 0.0, -0.108), rgba=_BLUE, collides=False),
        Shape("box", (0.120, 0.124, 0.110), (0.012, 0.0, -0.030), rgba=_BLUE),
        Shape("cylinder", (0.072, 0.146), (0.040, 0.0, 0.0), _ACROSS, rgba=_BLUE),
        Shape("cylinder", (0.054, 0.168), (0.040, 0.0, 0.0), _ACROSS, rgba=_DARK, collides=False),
    ),
)
_UPPER_ARM = Link(
    5.5,
    (0.0, 0.0, 0.16),
    (
        Shape("box", (0.092, 0.100, 0.345), (0.0, 0.0, 0.1725), rgba=_BLUE),
        Shape("cylinder", (0.058, 0.100), (0.0, 0.0, 0.345), _ACROSS, rgba=_BLUE, collides=False),
        Shape("box", (0.040, 0.106, 0.130), (0.0, 0.0, 0.190), rgba=_WHITE, collides=False),
    ),
)
_ELBOW = Link(
    4.5,
    (0.0, 0.0, 0.030),
    (
        Shape("box", (0.130, 0.112, 0.106), (0.000, 0.0, 0.040), rgba=_BLUE),
        Shape("cylinder", (0.046, 0.132), (0.0, 0.0, 0.0), _ACROSS, rgba=_DARK, collides=False),
        Shape("cylinder", (0.050, 0.050), (-0.088, 0.0, 0.040), _ALONG, rgba=_DARK, collides=False),
        Shape("cylinder", (0.053, 0.030), (0.078, 0.0, 0.040), _ALONG, rgba=_DARK, collides=False),
    ),
)
_FOREARM = Link(
    2.6,
    (0.19, 0.0, 0.0),
    (
        Shape("capsule", (0.042, 0.140), (0.185, 0.0, 0.0), _ALONG, visible=False),
        Shape("cylinder", (0.043, 0.190), (0.180, 0.0, 0.0), _ALONG, rgba=_BLUE, collides=False),
        Shape("box", (0.116, 0.018, 0.066), (0.312, 0.041, 0.0), rgba=_BLUE, collides=False),
        Shape("box", (0.116, 0.018, 0.066), (0.312, -0.041, 0.0), rgba=_BLUE, collides=False),
    ),
)
_WRIST = Link(
    1.5,
    (0.012, 0.0, 0.0),
    (
        Shape("cylinder", (0.036, 0.104), (0.0, 0.0, 0.0), _ACROSS, rgba=_DARK),
        Shape("cylinder", (0.033, 0.060), (0.035, 0.0, 0.0), _ALONG, rgba=_BLUE, collides=False),
    ),
)
_FLANGE = Link(
    0.4,
    (-0.008, 0.0, 0.0),
    (Shape("cylinder", (0.025, 0.016), (-0.008, 0.0, 0.0), _ALONG, rgba=_STEEL),),
)

_J2, _J3 = radians(4.0), radians(-27.0)

SPEC = ArmSpec(
    name="gp8",
    title="Yaskawa GP8",
    base=_BASE,
    joints=(
        joint("S", (0.0, 0.0, 0.330), (0.0, 0.0, 1.0), (-170, 170), 455, 150.9, _TURRET),
        joint("L", (0.040, 0.0, 0.0), (0.0, 1.0, 0.0), (-65, 145), 385, 176.4, _UPPER_ARM),
        joint("U", (0.0, 0.0, 0.345), (0.0, -1.0, 0.0), (-70, 190), 520, 107.6, _ELBOW),
        joint("R", (0.0, 0.0, 0.040), (-1.0, 0.0, 0.0), (-190, 190), 550, 55.9, _FOREARM),
        joint("B", (0.340, 0.0, 0.0), (0.0, -1.0, 0.0), (-135, 135), 550, 32.7, _WRIST),
        joint("T", (0.080, 0.0, 0.0), (-1.0, 0.0, 0.0), (-360, 360), 1000, 22.5, _FLANGE),
    ),
    flange_xyz_m=(0.0, 0.0, 0.0),
    flange_rpy_rad=(pi, -pi / 2, 0.0),
    home_rad=(0.0, _J2, _J3, 0.0, _J2 - _J3 - pi / 2, 0.0),  # the flange looks straight down
    payload_kg=8.0,
    reach_m=0.727,
    solver="spherical_wrist",
)
