"""ABB IRB 120-3/0.6, from the lengths, limits and speeds of its product specification.

Zeros and signs are ABB's: at zero the upper arm stands and the forearm is level; J2, J3 and J5 turn
downwards where positive. ABB publishes no torques: half of what Yaskawa publishes for the GP8 is an estimate,
and holds the payload with the arm stretched out. Link masses are an estimate too: the catalogue gives 25 kg.
"""

from math import pi, radians

from robots.models._degrees import joint
from robots.spec import ArmSpec, Link, Shape

_WHITE = (0.90, 0.90, 0.88, 1.0)
_GREY = (0.45, 0.46, 0.48, 1.0)
_STEEL = (0.72, 0.73, 0.75, 1.0)
_ACROSS = (pi / 2, 0.0, 0.0)
_ALONG = (0.0, pi / 2, 0.0)

_BASE = Link(
    7.5,
    (-0.02, 0.0, 0.06),
    (
        Shape("box", (0.180, 0.180, 0.020), (0.0, 0.0, 0.010), rgba=_GREY, collides=False),
        Shape("box", (0.180, 0.160, 0.110), (-0.010, 0.0, 0.075), rgba=_WHITE),
        Shape("cylinder", (0.074, 0.036), (0.0, 0.0, 0.148), rgba=_GREY, collides=False),
    ),
)
_TURRET = Link(
    6.0,
    (0.0, 0.0, -0.05),
    (
        Shape("cylinder", (0.076, 0.070), (0.0, 0.0, -0.089), rgba=_WHITE, collides=False),
        Shape("box", (0.110, 0.110, 0.090), (0.0, 0.0, -0.020), rgba=_WHITE),
        Shape("cylinder", (0.060, 0.140), (0.0, 0.0, 0.0), _ACROSS, rgba=_WHITE),
    ),
)
_UPPER_ARM = Link(
    4.5,
    (0.0, 0.0, 0.13),
    (
        Shape("box", (0.086, 0.094, 0.270), (0.0, 0.0, 0.135), rgba=_WHITE),
        Shape("cylinder", (0.048, 0.094), (0.0, 0.0, 0.270), _ACROSS, rgba=_GREY, collides=False),
    ),
)
_ELBOW = Link(
    3.5,
    (0.0, 0.0, 0.040),
    (
        Shape("box", (0.110, 0.090, 0.100), (0.0, 0.0, 0.050), rgba=_WHITE),
        Shape("cylinder", (0.042, 0.026), (0.068, 0.0, 0.070), _ALONG, rgba=_GREY, collides=False),
    ),
)
_FOREARM = Link(
    2.0,
    (0.16, 0.0, 0.0),
    (
        Shape("capsule", (0.040, 0.110), (0.165, 0.0, 0.0), _ALONG, visible=False),
        Shape("cylinder", (0.040, 0.170), (0.165, 0.0, 0.0), _ALONG, rgba=_WHITE, collides=False),
        Shape("box", (0.100, 0.016, 0.060), (0.280, 0.038, 0.0), rgba=_WHITE, collides=False),
        Shape("box", (0.100, 0.016, 0.060), (0.280, -0.038, 0.0), rgba=_WHITE, collides=False),
    ),
)
_WRIST = Link(
    1.2,
    (0.010, 0.0, 0.0),
    (
        Shape("cylinder", (0.032, 0.092), (0.0, 0.0, 0.0), _ACROSS, rgba=_GREY),
        Shape("cylinder", (0.028, 0.050), (0.030, 0.0, 0.0), _ALONG, rgba=_WHITE, collides=False),
    ),
)
_FLANGE = Link(
    0.3,
    (-0.006, 0.0, 0.0),
    (Shape("cylinder", (0.020, 0.012), (-0.006, 0.0, 0.0), _ALONG, rgba=_STEEL),),
)

_J2, _J3 = radians(15.0), radians(5.0)

SPEC = ArmSpec(
    name="irb120",
    title="ABB IRB 120-3/0.6",
    base=_BASE,
    joints=(
        joint("J1", (0.0, 0.0, 0.290), (0.0, 0.0, 1.0), (-165, 165), 250, 75.0, _TURRET),
        joint("J2", (0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-110, 110), 250, 88.0, _UPPER_ARM),
        joint("J3", (0.0, 0.0, 0.270), (0.0, 1.0, 0.0), (-110, 70), 250, 54.0, _ELBOW),
        joint("J4", (0.0, 0.0, 0.070), (1.0, 0.0, 0.0), (-160, 160), 320, 28.0, _FOREARM),
        joint("J5", (0.302, 0.0, 0.0), (0.0, 1.0, 0.0), (-120, 120), 320, 16.0, _WRIST),
        joint("J6", (0.072, 0.0, 0.0), (1.0, 0.0, 0.0), (-400, 400), 420, 11.0, _FLANGE),
    ),
    flange_xyz_m=(0.0, 0.0, 0.0),
    flange_rpy_rad=(0.0, pi / 2, 0.0),
    home_rad=(0.0, _J2, _J3, 0.0, pi / 2 - _J2 - _J3, 0.0),  # the flange looks straight down
    payload_kg=3.0,
    reach_m=0.58,
    solver="spherical_wrist",
)
