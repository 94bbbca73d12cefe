"""Universal Robots UR10e, from the DH parameters, masses, torques and speeds that its maker publishes."""

from math import atan2, cos, pi, radians

from robots.spec import ZERO, ArmSpec, Joint, Link, Shape, Vec3

_GREY = (0.80, 0.80, 0.80, 1.0)
_BLUE = (0.35, 0.62, 0.80, 1.0)
_DARK = (0.27, 0.27, 0.30, 1.0)
_STEEL = (0.73, 0.73, 0.73, 1.0)
_ACROSS = (pi / 2, 0.0, 0.0)
_ALONG = (0.0, pi / 2, 0.0)

# DH parameters, m: the maker's d1, a2, a3, d4, d5, d6.
_D1, _A2, _A3, _D4, _D5, _D6 = 0.1807, -0.6127, -0.57155, 0.17415, 0.11985, 0.11655
# How far upper arm and forearm stand beside the plane of J1.
_UPPER_M, _FORE_M = 0.176, 0.040

_BASE = Link(
    4.0,
    (0.0, 0.0, 0.05),
    (
        Shape("cylinder", (0.095, 0.040), (0.0, 0.0, 0.020), rgba=_DARK, collides=False),
        Shape("cylinder", (0.075, 0.110), (0.0, 0.0, 0.055), rgba=_GREY),
    ),
)


def _housing(radius_m: float, length_m: float, at: Vec3, turn: Vec3 = ZERO) -> tuple[Shape, ...]:
    """A joint: a grey tube that ends in a blue lid."""
    return (
        Shape("cylinder", (radius_m, length_m), at, turn, rgba=_GREY),
        Shape("cylinder", (radius_m * 0.96, length_m + 0.016), at, turn, rgba=_BLUE, collides=False),
    )


def _tube(radius_m: float, length_m: float, z_m: float) -> Shape:
    """The carbon-grey tube of upper arm or forearm, from its joint to the next."""
    return Shape("cylinder", (radius_m, abs(length_m)), (length_m / 2, 0.0, z_m), _ALONG, rgba=_STEEL)


_SHOULDER = Link(7.369, (0.0, 0.021, 0.0), _housing(0.075, 0.150, (0.0, 0.0, 0.010)))
_UPPER = Link(
    13.051,
    (_A2 + 0.38, 0.0, 0.158),
    (
        *_housing(0.074, 0.150, (0.0, 0.0, 0.150)),
        _tube(0.050, _A2, _UPPER_M),
        *_housing(0.060, 0.130, (_A2, 0.0, _UPPER_M - 0.035)),
    ),
)
_FORE = Link(
    3.989,
    (_A3 + 0.24, 0.0, 0.068),
    (
        _tube(0.040, _A3, _FORE_M),
        *_housing(0.046, 0.110, (_A3, 0.0, _FORE_M + 0.005)),
    ),
)
_WRIST_1 = Link(2.1, (0.0, -0.018, 0.0), _housing(0.045, 0.110, (0.0, -0.010, 0.0), _ACROSS))
_WRIST_2 = Link(1.98, (0.0, 0.018, 0.0), _housing(0.045, 0.110, (0.0, 0.010, 0.0), _ACROSS))
_WRIST_3 = Link(
    0.615, (0.0, 0.0, -0.026), (Shape("cylinder", (0.045, 0.050), (0.0, 0.0, -0.025), rgba=_DARK),)
)


def _joint(
    name: str, offset: Vec3, rpy: Vec3, limit_deg: float, speed_deg_s: float, torque_nm: float, link: Link
) -> Joint:
    limit = radians(limit_deg)
    return Joint(name, offset, (0.0, 0.0, 1.0), -limit, limit, radians(speed_deg_s), torque_nm, link, rpy)


# The elbow up and back, the flange straight before the base, looking down: J1 makes up for the offset.
_J2, _J3 = -2.16, 2.38
_J1 = atan2(_D4, _A2 * cos(_J2) + _A3 * cos(_J2 + _J3) - _D5) - pi

SPEC = ArmSpec(
    name="ur10e",
    title="Universal Robots UR10e",
    base=_BASE,
    joints=(
        _joint("J1", (0.0, 0.0, _D1), (0.0, 0.0, pi), 360, 120, 330.0, _SHOULDER),
        _joint("J2", ZERO, (pi / 2, 0.0, 0.0), 360, 120, 330.0, _UPPER),
        _joint("J3", (_A2, 0.0, 0.0), ZERO, 180, 180, 150.0, _FORE),
        _joint("J4", (_A3, 0.0, _D4), ZERO, 360, 180, 54.0, _WRIST_1),
        _joint("J5", (0.0, -_D5, 0.0), (pi / 2, 0.0, 0.0), 360, 180, 54.0, _WRIST_2),
        _joint("J6", (0.0, _D6, 0.0), (-pi / 2, 0.0, 0.0), 360, 180, 54.0, _WRIST_3),
    ),
    flange_xyz_m=ZERO,
    flange_rpy_rad=ZERO,
    home_rad=(_J1, _J2, _J3, -pi / 2 - _J2 - _J3, -pi / 2, _J1 - pi / 2),
    payload_kg=12.5,
    reach_m=1.300,
    solver="offset_wrist",
)
