"""Surface roughness: what the nose leaves, and what the process adds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from envs.machining._check import Array, positive, within
from envs.machining.cutting import MAX_FEED_MM

MAX_NOSE_RADIUS_MM = 100.0
# Measured over theoretical: steel 1.5 to 3 (Sumitomo Electric).
MEASURED_FACTOR = 1.5
# Ours: what the finest feed leaves, and what an edge worn to VB = 0.3 mm, chatter and a built-up edge add.
FLOOR_UM = 0.35
WORN_MM, WEAR_GAIN, CHATTER_GAIN, BUILT_UP_GAIN = 0.3, 0.4, 2.5, 1.6


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
    chatter: ArrayLike = 0.0,
    built_up: ArrayLike = False,
    measured_factor: ArrayLike = MEASURED_FACTOR,
) -> Array:
    """Return the arithmetic mean roughness Ra in um that a gauge would find.

    Ra = sqrt((F K)^2 + floor^2) (1 + 0.4 VB/0.3 mm) (1 + 2.5 x) b, where K is the exact kinematic one. The
    floor ends the gain of ever finer feeds, where chips are too thin to be cut. F lies within what is
    measured in steel; the floor and the gains of wear, chatter and a built-up edge are ours, within the
    ranges that handbooks give.

    Args:
        feed_mm: Feed per revolution or tooth.
        nose_radius_mm: Nose radius.
        flank_wear_mm: VB.
        chatter: How far beyond the limit of stability x: 0 stable, 1 fully.
        built_up: Whether an edge has built up: b is 1.6 then.
        measured_factor: F, measured over theoretical: 1.5 to 3 in steel, 0.5 with a wiper edge.

    Raises:
        ValueError: for an argument out of range.
    """
    ideal = kinematic_roughness_um(feed_mm, nose_radius_mm)[2]
    rough = within("measured_factor", measured_factor, 0.1, 10.0) * ideal
    smooth = np.sqrt(rough * rough + FLOOR_UM**2)
    wear = 1.0 + WEAR_GAIN * within("flank_wear_mm", flank_wear_mm, 0.0, 5.0) / WORN_MM
    shaken = 1.0 + CHATTER_GAIN * within("chatter", chatter, 0.0, 10.0)
    return np.asarray(smooth * wear * shaken * np.where(built_up, BUILT_UP_GAIN, 1.0))


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
