"""What models whose makers publish degrees share."""

from math import radians

from robots.spec import Joint, Link, Vec3


def joint(
    name: str,
    offset_m: Vec3,
    axis: Vec3,
    limits_deg: tuple[float, float],
    speed_deg_s: float,
    torque_nm: float,
    link: Link,
) -> Joint:
    """Return a joint from its limits and top speed in degrees."""
    lower, upper = (radians(a) for a in limits_deg)
    return Joint(name, offset_m, axis, lower, upper, radians(speed_deg_s), torque_nm, link)
