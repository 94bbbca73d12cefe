"""Surface roughness: what the nose leaves, and what the process adds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from envs.machining._check import Array, positive, within
from envs.machining.cutting import MAX_FEED_MM

MAX_NOSE_RADIUS_MM = 100.0
# Measured over theoretical: steel 1.5 to 3 (Sumitomo Electric); 2 is our middle of it.
MEASURED_FACTOR = 2.0
# Ours: a worn edge doubles the roughness at VB = 0.3 mm; chatter of one chip thickness adds three times.
WEAR_GAIN_PER_MM = 1.0 / 0.3
CHATTER_GAIN = 3.0


def kinematic_roughness_um(feed_mm: ArrayLike, nose_radius_mm: ArrayLike) -> tuple[Array, Array, Array]:
    """Return (rt, ra_approx, ra_exact) in um of a round nose: f2/8r, f2/32r and f2/(18 sqrt3 r).

    Source: Kyocera's and Sumitomo's tables for Rt and the shop-floor Ra; the exact mean deviation is that of
    the parabola which stands for the nose, f2/(18 sqrt3 r).

    Args:
        feed_mm: Feed per revolution (turning) or per tooth (milling); at most twice the radius.
        nose_radius_mm: Nose radius of the insert.

    Raises:
        ValueError: for an argument out of range.
    """
    feed = positive("feed_mm", feed_mm, MAX_FEED_MM)
    radius = within("nose_radius_mm", nose_radius_mm, 0.001, MAX_NOSE_RADIUS_MM)
    excess = feed / radius
    if excess.size and not excess.max() <= 2.0 + 1e-12:
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        feed, radius = np.broadcast_to(feed, excess.shape), np.broadcast_to(radius, excess.shape)
        limit = 2.0 * radius[worst]
        raise ValueError(
            f"feed_mm is {feed[worst]:g}: allowed are above 0 to twice nose_radius_mm ({limit:g})"
        )
    shape_um = feed * feed / radius * 1e3
    return shape_um / 8.0, shape_um / 32.0, shape_um / (18.0 * math.sqrt(3.0))


def roughness_um(
    feed_mm: ArrayLike,
    nose_radius_mm: ArrayLike,
    flank_wear_mm: ArrayLike = 0.0,
    chatter_ratio: ArrayLike = 0.0,
    measured_factor: ArrayLike = MEASURED_FACTOR,
    min_chip_mm: ArrayLike = 0.002,
) -> Array:
    """Return the arithmetic mean roughness Ra in um that a gauge would find.

    Ra = F [f2/(18 sqrt3 r) + m/8 (1 + m r/f2)] (1 + VB/0.3 mm) (1 + 3 x). The second term is the ridge that
    springs back where the chip is thinner than m (Brammertz 1961, as Rt/4; from memory): it ends the gain of
    ever finer feeds. F and the gains of wear and chatter are ours, within the ranges that handbooks give.

    Args:
        feed_mm: Feed per revolution or tooth, 0.005 mm or more.
        nose_radius_mm: Nose radius r.
        flank_wear_mm: VB.
        chatter_ratio: Chatter amplitude over chip thickness x, 0 when stable.
        measured_factor: F, measured over theoretical: 1.5 to 3 in steel, 0.5 with a wiper edge.
        min_chip_mm: Least chip thickness m that cuts; grows with the edge's radius.

    Raises:
        ValueError: for an argument out of range.
    """
    feed = within("feed_mm", feed_mm, 0.005, MAX_FEED_MM)
    radius = within("nose_radius_mm", nose_radius_mm, 0.001, MAX_NOSE_RADIUS_MM)
    ideal = kinematic_roughness_um(feed, radius)[2]
    chip = within("min_chip_mm", min_chip_mm, 0.0, 0.05)
    ridge = chip / 8.0 * (1.0 + chip * radius / (feed * feed)) * 1e3
    wear = 1.0 + WEAR_GAIN_PER_MM * within("flank_wear_mm", flank_wear_mm, 0.0, 5.0)
    chatter = 1.0 + CHATTER_GAIN * within("chatter_ratio", chatter_ratio, 0.0, 10.0)
    return within("measured_factor", measured_factor, 0.1, 10.0) * (ideal + ridge) * wear * chatter


def feed_for_roughness_mm(
    ra_um: ArrayLike, nose_radius_mm: ArrayLike, measured_factor: ArrayLike = 1.0
) -> Array:
    """Return the feed whose kinematic Ra, times the measured factor, is `ra_um`; at most twice the radius.

    Raises:
        ValueError: for an argument out of range.
    """
    target = positive("ra_um", ra_um, 1e5) / within("measured_factor", measured_factor, 0.1, 10.0)
    radius = within("nose_radius_mm", nose_radius_mm, 0.001, MAX_NOSE_RADIUS_MM)
    return np.minimum(np.sqrt(target * 1e-3 * (18.0 * math.sqrt(3.0)) * radius), 2.0 * radius)
