"""FANUC LR Mate 200iD/7, from the offsets, limits and speeds of its manual and ros-industrial.

J3 here turns the forearm relative to the upper arm. FANUC's controller couples the two: its J3
shows the forearm's angle to the floor, so J3(controller) = J3(here) - J2, and a joint position
taught on a real controller must be converted.
"""

from math import pi, radians

from robots.models._degrees import joint
from robots.spec import ArmSpec, Link, Shape

_YELLOW = (0.98, 0.78, 0.05, 1.0)
_GREY = (0.20, 0.21, 0.23, 1.0)
_STEEL = (0.72, 0.73, 0.75, 1.0)
_ACROSS = (pi / 2, 0.0, 0.0)
_ALONG = (0.0, pi / 2, 0.0)

_BASE = Link(
    8.2,
    (-0.02, 0.0, 0.08),
    (
        Shape("box", (0.245, 0.190, 0.025), (-0.020, 0.0, 0.0125), rgba=_GREY, collides=False),
        Shape("box", (0.215, 0.172, 0.120), (-0.022, 0.0, 0.085), rgba=_YELLOW),
        Shape("box", (0.030, 0.140, 0.085), (-0.140, 0.0, 0.075), rgba=_GREY, collides=False),
        Shape("cylinder", (0.080, 0.045), (0.0, 0.0, 0.160), rgba=_GREY, collides=False),
    ),
)
_TURRET = Link(
    5.6,
    (0.02, 0.0, -0.05),
    (
        Shape("cylinder", (0.088, 0.080), (0.0, 0.0, -0.110), rgba=_YELLOW, collides=False),
        Shape("box", (0.150, 0.135, 0.130), (0.028, 0.0, -0.030), rgba=_YELLOW),
        Shape("cylinder", (0.066, 0.152), (0.050, 0.0, 0.0), _ACROSS, rgba=_YELLOW),
        Shape("cylinder", (0.052, 0.176), (0.050, 0.0, 0.0), _ACROSS, rgba=_GREY, collides=False),
    ),
)
_UPPER_ARM = Link(
    4.2,
    (0.0, 0.0, 0.15),
    (
        Shape("box", (0.100, 0.118, 0.330), (0.0, 0.0, 0.165), rgba=_YELLOW),
        Shape("cylinder", (0.056, 0.118), (0.0, 0.0, 0.330), _ACROSS, rgba=_YELLOW, collides=False),
        Shape("box", (0.014, 0.084, 0.180), (-0.052, 0.0, 0.160), rgba=_GREY, collides=False),
    ),
)
_ELBOW = Link(
    3.4,
    (0.01, 0.0, 0.025),
    (
        Shape("box", (0.150, 0.112, 0.120), (0.005, 0.0, 0.035), rgba=_YELLOW),
        Shape("cylinder", (0.048, 0.146), (0.0, 0.0, 0.0), _ACROSS, rgba=_GREY, collides=False),
        Shape("box", (0.050, 0.096, 0.096), (-0.085, 0.0, 0.035), rgba=_GREY, collides=False),
        Shape("cylinder", (0.050, 0.030), (0.092, 0.0, 0.035), _ALONG, rgba=_GREY, collides=False),
    ),
)
_FOREARM = Link(
    2.0,
    (0.20, 0.0, 0.0),
    (
        Shape("capsule", (0.046, 0.140), (0.185, 0.0, 0.0), _ALONG, visible=False),
        Shape("cylinder", (0.046, 0.180), (0.185, 0.0, 0.0), _ALONG, rgba=_YELLOW, collides=False),
        Shape("box", (0.120, 0.018, 0.070), (0.305, 0.043, 0.0), rgba=_YELLOW, collides=False),
        Shape("box", (0.120, 0.018, 0.070), (0.305, -0.043, 0.0), rgba=_YELLOW, collides=False),
    ),
)
_WRIST = Link(
    1.2,
    (0.012, 0.0, 0.0),
    (
        Shape("cylinder", (0.037, 0.106), (0.0, 0.0, 0.0), _ACROSS, rgba=_GREY),
        Shape("cylinder", (0.034, 0.060), (0.035, 0.0, 0.0), _ALONG, rgba=_YELLOW, collides=False),
    ),
)
_FLANGE = Link(
    0.4,
    (-0.008, 0.0, 0.0),
    (Shape("cylinder", (0.025, 0.016), (-0.008, 0.0, 0.0), _ALONG, rgba=_STEEL),),
)

_J2, _J3 = radians(3.5), radians(-25.0)

# Torques are an estimate (FANUC publishes none): the published 151/176/108/56/33/22 Nm of the
# Yaskawa GP8, an arm of the same build, times the ratio of payloads, 7/8. Link masses are an
# estimate too: the catalogue gives 25 kg for the whole arm.
SPEC = ArmSpec(
    name="lrmate200id",
    title="FANUC LR Mate 200iD/7",
    base=_BASE,
    joints=(
        joint("J1", (0.0, 0.0, 0.330), (0.0, 0.0, 1.0), (-170, 170), 450, 130.0, _TURRET),
        joint("J2", (0.050, 0.0, 0.0), (0.0, 1.0, 0.0), (-100, 145), 380, 155.0, _UPPER_ARM),
        joint("J3", (0.0, 0.0, 0.330), (0.0, -1.0, 0.0), (-70, 205), 520, 95.0, _ELBOW),
        joint("J4", (0.0, 0.0, 0.035), (-1.0, 0.0, 0.0), (-190, 190), 550, 49.0, _FOREARM),
        joint("J5", (0.335, 0.0, 0.0), (0.0, -1.0, 0.0), (-125, 125), 545, 29.0, _WRIST),
        joint("J6", (0.080, 0.0, 0.0), (-1.0, 0.0, 0.0), (-360, 360), 1000, 19.0, _FLANGE),
    ),
    flange_xyz_m=(0.0, 0.0, 0.0),
    flange_rpy_rad=(0.0, pi / 2, 0.0),
    home_rad=(0.0, _J2, _J3, 0.0, _J2 - _J3 - pi / 2, 0.0),  # the flange looks straight down
    payload_kg=7.0,
    reach_m=0.717,
    solver="spherical_wrist",
)
