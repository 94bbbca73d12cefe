"""Cutting force, power, chip and deflection.

Force follows Kienzle: the specific cutting force kc = kc1.1 h^-mc, with kc1.1 in N/mm2 that of a chip of
1 mm x 1 mm, corrected for rake and wear (VDI 3323 groups and vendor tables in `configs/materials/`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from envs.machining._check import Array, positive, power, within

MIN_FEED_MM, MAX_FEED_MM = 1e-4, 20.0
MAX_DEPTH_MM = 100.0
MAX_WIDTH_MM = 2_000.0
MAX_SPEED_M_MIN = 20_000.0
MIN_DIAMETER_MM, MAX_DIAMETER_MM = 0.01, 10_000.0
MAX_RPM = 200_000.0
MAX_KC = 100_000.0
# Force at the wear limit over that of a new edge: handbooks say 1.3 to 1.5 (from memory).
WEAR_FACTOR_AT_LIMIT = 1.4


def specific_cutting_force(kc11: ArrayLike, mc: ArrayLike, chip_thickness_mm: ArrayLike) -> Array:
    """Return kc = kc1.1 h^-mc in N/mm2 (Kienzle 1952; Iscar 2017, p. 558, for the groups).

    Args:
        kc11: N/mm2 at 1 mm chip thickness.
        mc: Exponent, 0 to below 1.
        chip_thickness_mm: Undeformed chip thickness h.

    Raises:
        ValueError: for an argument out of range.
    """
    strength = positive("kc11", kc11, MAX_KC)
    exponent = within("mc", mc, 0.0, 1.0, below=True)
    thickness = within("chip_thickness_mm", chip_thickness_mm, 1e-6, MAX_FEED_MM)
    return strength * power(thickness, -exponent)


def chip_thickness_mm(feed_mm: ArrayLike, cutting_edge_angle_deg: ArrayLike = 90.0) -> Array:
    """Return h = f sin(kappa_r), for a feed per revolution (turning) or per tooth (milling).

    Raises:
        ValueError: for an argument out of range.
    """
    feed = within("feed_mm", feed_mm, MIN_FEED_MM, MAX_FEED_MM)
    return feed * _sine(cutting_edge_angle_deg)


def mean_chip_thickness_mm(
    feed_per_tooth_mm: ArrayLike, radial_immersion: ArrayLike, cutting_edge_angle_deg: ArrayLike = 90.0
) -> Array:
    """Return the mean chip thickness of peripheral milling: fz sin(kappa_r) 2 (ae/D) / phi_s.

    It is the mean of fz sin(phi) over the engagement phi_s = arccos(1 - 2 ae/D); up and down are alike.

    Args:
        feed_per_tooth_mm: fz.
        radial_immersion: ae/D, above 0 to 1.
        cutting_edge_angle_deg: kappa_r.

    Raises:
        ValueError: for an argument out of range.
    """
    feed = within("feed_per_tooth_mm", feed_per_tooth_mm, MIN_FEED_MM, MAX_FEED_MM)
    immersion = positive("radial_immersion", radial_immersion, 1.0)
    # arccos(1 - 2x) = 2 arcsin(sqrt x), which keeps its digits for small x.
    return feed * _sine(cutting_edge_angle_deg) * immersion / np.arcsin(np.sqrt(immersion))


def cutting_force_n(
    kc11: ArrayLike,
    mc: ArrayLike,
    depth_mm: ArrayLike,
    feed_mm: ArrayLike,
    cutting_edge_angle_deg: ArrayLike = 90.0,
) -> Array:
    """Return the main cutting force Fc = kc b h in N, with b = ap / sin(kappa_r) and h = f sin(kappa_r).

    Args:
        kc11: N/mm2 at 1 mm chip thickness.
        mc: Exponent, 0 to below 1.
        depth_mm: Depth of cut ap; 0 gives no force.
        feed_mm: Feed per revolution or tooth f.
        cutting_edge_angle_deg: kappa_r, 1 to 179.

    Raises:
        ValueError: for an argument out of range.
    """
    depth = within("depth_mm", depth_mm, 0.0, MAX_DEPTH_MM)
    feed = within("feed_mm", feed_mm, MIN_FEED_MM, MAX_FEED_MM)
    kc = specific_cutting_force(kc11, mc, feed * _sine(cutting_edge_angle_deg))
    return kc * depth * feed  # b h = ap f


def rake_factor(rake_deg: ArrayLike, reference_deg: ArrayLike = 0.0) -> Array:
    """Return what to multiply kc by: 1 % less for each degree of rake above the table's reference.

    Source: Sandvik's rule kc(gamma) = kc (1 - gamma/100), with kc1.1 given at 0 degrees.

    Raises:
        ValueError: for an argument out of range.
    """
    rake = within("rake_deg", rake_deg, -30.0, 45.0)
    return 1.0 - (rake - within("reference_deg", reference_deg, -30.0, 45.0)) / 100.0


def wear_factor(
    flank_wear_mm: ArrayLike, limit_mm: ArrayLike = 0.3, at_limit: ArrayLike = WEAR_FACTOR_AT_LIMIT
) -> Array:
    """Return what flank wear multiplies the force by, in proportion to the land's width.

    Args:
        flank_wear_mm: VB.
        limit_mm: VB at which the tool is called worn (ISO 3685: 0.3 mm).
        at_limit: The factor there; handbooks give 1.3 to 1.5.

    Raises:
        ValueError: for an argument out of range.
    """
    wear = within("flank_wear_mm", flank_wear_mm, 0.0, 5.0)
    limit = within("limit_mm", limit_mm, 0.01, 5.0)
    return 1.0 + (within("at_limit", at_limit, 1.0, 3.0) - 1.0) * wear / limit


def turning_power_kw(
    speed_m_min: ArrayLike,
    depth_mm: ArrayLike,
    feed_mm: ArrayLike,
    kc: ArrayLike,
    efficiency: ArrayLike = 1.0,
) -> Array:
    """Return P = ap f vc kc / (60 000 eta) in kW (Mitsubishi Materials, turning formulas).

    Args:
        speed_m_min: Cutting speed vc.
        depth_mm: ap.
        feed_mm: f per revolution.
        kc: Specific cutting force in N/mm2.
        efficiency: Of the drive; 1 gives the power at the edge.

    Raises:
        ValueError: for an argument out of range.
    """
    speed = positive("speed_m_min", speed_m_min, MAX_SPEED_M_MIN)
    depth = within("depth_mm", depth_mm, 0.0, MAX_DEPTH_MM)
    feed = within("feed_mm", feed_mm, MIN_FEED_MM, MAX_FEED_MM)
    strength = positive("kc", kc, MAX_KC)
    return depth * feed * speed * strength / (60e3 * within("efficiency", efficiency, 0.01, 1.0))


def milling_power_kw(
    depth_mm: ArrayLike,
    width_mm: ArrayLike,
    table_feed_mm_min: ArrayLike,
    kc: ArrayLike,
    efficiency: ArrayLike = 1.0,
) -> Array:
    """Return P = ap ae vf kc / (60e6 eta) in kW (Mitsubishi Materials, milling formulas).

    Args:
        depth_mm: ap, along the tool's axis.
        width_mm: ae, across it.
        table_feed_mm_min: vf.
        kc: Specific cutting force in N/mm2, at the mean chip thickness.
        efficiency: Of the drive; 1 gives the power at the edge.

    Raises:
        ValueError: for an argument out of range.
    """
    depth = within("depth_mm", depth_mm, 0.0, MAX_DEPTH_MM)
    width = within("width_mm", width_mm, 0.0, MAX_WIDTH_MM)
    feed = within("table_feed_mm_min", table_feed_mm_min, 0.0, 1e6)
    strength = positive("kc", kc, MAX_KC)
    return depth * width * feed * strength / (60e6 * within("efficiency", efficiency, 0.01, 1.0))


def turning_removal_mm3_s(speed_m_min: ArrayLike, depth_mm: ArrayLike, feed_mm: ArrayLike) -> Array:
    """Return the material removal rate of turning, ap f vc, in mm3/s.

    Raises:
        ValueError: for an argument out of range.
    """
    speed = positive("speed_m_min", speed_m_min, MAX_SPEED_M_MIN)
    depth = within("depth_mm", depth_mm, 0.0, MAX_DEPTH_MM)
    return depth * within("feed_mm", feed_mm, MIN_FEED_MM, MAX_FEED_MM) * speed * (1000.0 / 60.0)


def milling_removal_mm3_s(depth_mm: ArrayLike, width_mm: ArrayLike, table_feed_mm_min: ArrayLike) -> Array:
    """Return the material removal rate of milling, ap ae vf, in mm3/s.

    Raises:
        ValueError: for an argument out of range.
    """
    depth = within("depth_mm", depth_mm, 0.0, MAX_DEPTH_MM)
    width = within("width_mm", width_mm, 0.0, MAX_WIDTH_MM)
    return depth * width * within("table_feed_mm_min", table_feed_mm_min, 0.0, 1e6) / 60.0


def spindle_speed_rpm(speed_m_min: ArrayLike, diameter_mm: ArrayLike) -> Array:
    """Return n = 1000 vc / (pi D) of the part (turning) or the tool (milling).

    Raises:
        ValueError: for an argument out of range.
    """
    speed = positive("speed_m_min", speed_m_min, MAX_SPEED_M_MIN)
    return 1000.0 * speed / (math.pi * within("diameter_mm", diameter_mm, MIN_DIAMETER_MM, MAX_DIAMETER_MM))


def cutting_speed_m_min(spindle_rpm: ArrayLike, diameter_mm: ArrayLike) -> Array:
    """Return vc = pi D n / 1000, the inverse of `spindle_speed_rpm`.

    Raises:
        ValueError: for an argument out of range.
    """
    speed = within("spindle_rpm", spindle_rpm, 0.001, MAX_RPM)
    return math.pi * within("diameter_mm", diameter_mm, MIN_DIAMETER_MM, MAX_DIAMETER_MM) * speed / 1000.0


def feed_per_tooth_mm(table_feed_mm_min: ArrayLike, spindle_rpm: ArrayLike, teeth: ArrayLike) -> Array:
    """Return fz = vf / (n z).

    Raises:
        ValueError: for an argument out of range.
    """
    feed = within("table_feed_mm_min", table_feed_mm_min, 0.0, 1e6)
    return feed / (within("spindle_rpm", spindle_rpm, 0.001, MAX_RPM) * within("teeth", teeth, 1.0, 200.0))


def tool_deflection_um(
    force_n: ArrayLike,
    length_mm: ArrayLike,
    diameter_mm: ArrayLike,
    youngs_gpa: ArrayLike,
    effective_diameter_ratio: ArrayLike = 0.8,
) -> Array:
    """Return the deflection F L3 / (3 E I) at the end of a round cantilever, in um.

    The flutes take stiffness away: an end mill bends like a bar of 0.8 its diameter (Kops and Vo 1990, from
    memory); a boring bar or a turned shaft has a ratio of 1.

    Args:
        force_n: At the end, across the axis.
        length_mm: Overhang L.
        diameter_mm: D.
        youngs_gpa: E: carbide about 600, steel 210.
        effective_diameter_ratio: Diameter of the bar that bends alike, over D.

    Raises:
        ValueError: for an argument out of range.
    """
    force = within("force_n", force_n, 0.0, 1e6)
    length = positive("length_mm", length_mm, 5_000.0)
    diameter = within("diameter_mm", diameter_mm, MIN_DIAMETER_MM, MAX_DIAMETER_MM)
    modulus = within("youngs_gpa", youngs_gpa, 1.0, 2_000.0) * 1e3  # N/mm2
    ratio = within("effective_diameter_ratio", effective_diameter_ratio, 0.1, 1.0)
    squared = (diameter * ratio) * (diameter * ratio)
    inertia = math.pi / 64.0 * squared * squared
    return force * length * length * length / (3.0 * modulus * inertia) * 1e3


def _sine(cutting_edge_angle_deg: ArrayLike) -> Array:
    angle = within("cutting_edge_angle_deg", cutting_edge_angle_deg, 1.0, 179.0)
    return np.sin(angle * (math.pi / 180.0))
