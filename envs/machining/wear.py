"""Tool life, what to do with it, and flank wear on the way there.

Life follows Taylor, v T^n = C, or its extended form with feed and depth. Its exponents come from a turning
source; measured milling lives (NASA Ames, at one speed) give the scatter and the shape of the wear curve.
The two are kept apart: see `configs/machining/`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from envs.machining._check import Array, positive, power, within
from envs.machining.cutting import MAX_DEPTH_MM, MAX_DIAMETER_MM, MAX_FEED_MM, MIN_DIAMETER_MM

LIMIT_MM = 0.3  # flank wear VB at which an edge is worn (ISO 3685, ISO 8688)
MAX_LIFE_FRACTION = 5.0  # the measured curves end at 3.1 lives

# Shape of the wear curve over the share of life used, fitted to the medians of 146 readings of the NASA
# Ames milling data, each over the time at which its own case reached 0.3 mm.
_BREAK_IN_END = 0.15
_BREAK_IN_MM = 0.08
_STEADY_MM = (LIMIT_MM - _BREAK_IN_MM) / (1.0 - _BREAK_IN_END)  # per life
_BULGE_MM = _BREAK_IN_MM - _STEADY_MM * _BREAK_IN_END  # what break-in adds to the steady line
_ACCELERATION_MM = 0.11  # per life squared, beyond the limit

_MIN_SPEED_M_MIN, _MAX_SPEED_M_MIN = 0.1, 20_000.0
_MAX_C = 1e5
_MIN_N = 0.05
_MIN_LOST_MIN = 1e-6


def taylor_life_min(speed_m_min: ArrayLike, n: ArrayLike, c: ArrayLike) -> Array:
    """Return the tool life T = (C/v)^(1/n) in min (Taylor 1907).

    Args:
        speed_m_min: Cutting speed v.
        n: Exponent: 0.125 high-speed steel, 0.25 carbide, 0.6 ceramic (Groover, from memory).
        c: Speed in m/min that gives a life of one minute.

    Raises:
        ValueError: for an argument out of range.
    """
    speed = within("speed_m_min", speed_m_min, _MIN_SPEED_M_MIN, _MAX_SPEED_M_MIN)
    return power(_c(c) / speed, 1.0 / within("n", n, _MIN_N, 1.0))


def extended_taylor_life_min(
    speed_m_min: ArrayLike,
    feed_mm: ArrayLike,
    depth_mm: ArrayLike,
    n: ArrayLike,
    c: ArrayLike,
    feed_exponent: ArrayLike,
    depth_exponent: ArrayLike,
) -> Array:
    """Return the tool life in min from v T^n f^a d^b = C.

    In turning T goes about as v^-5 f^-2.25 d^-0.75 (n 0.2, a 0.45, b 0.15; from memory, widely printed).

    Args:
        speed_m_min: Cutting speed v.
        feed_mm: Feed f.
        depth_mm: Depth of cut d.
        n: Taylor's exponent.
        c: v for a life of one minute at a feed and a depth of 1 mm.
        feed_exponent: a.
        depth_exponent: b.

    Raises:
        ValueError: for an argument out of range.
    """
    speed = within("speed_m_min", speed_m_min, _MIN_SPEED_M_MIN, _MAX_SPEED_M_MIN)
    feed = within("feed_mm", feed_mm, 0.001, MAX_FEED_MM)
    depth = within("depth_mm", depth_mm, 0.001, MAX_DEPTH_MM)
    a = within("feed_exponent", feed_exponent, 0.0, 1.0)
    b = within("depth_exponent", depth_exponent, 0.0, 1.0)
    log_life = np.log(_c(c) / speed) - a * np.log(feed) - b * np.log(depth)
    return np.exp(log_life / within("n", n, _MIN_N, 1.0))


def fit_taylor(speeds_m_min: ArrayLike, lives_min: ArrayLike) -> tuple[Array, Array]:
    """Return (n, C) of the least-squares line of log life over log speed (the regression of ISO 3685).

    Args:
        speeds_m_min: (..., k) speeds, k of 2 or more, not all equal.
        lives_min: (..., k) lives found there.

    Raises:
        ValueError: for an argument out of range, fewer than two speeds, or lives that do not fall.
    """
    speeds = positive("speeds_m_min", speeds_m_min, _MAX_SPEED_M_MIN)
    lives = positive("lives_min", lives_min, 1e9)
    if speeds.ndim < 1 or speeds.shape != lives.shape or speeds.shape[-1] < 2:
        raise ValueError(
            f"speeds_m_min and lives_min have shapes {speeds.shape} and {lives.shape}: "
            "allowed are equal shapes with at least 2 points"
        )
    x, y = np.log(speeds), np.log(lives)
    dx, dy = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    spread = (dx * dx).sum(-1)
    if (spread < 1e-18).any():
        raise ValueError(f"speeds_m_min is {speeds.tolist()}: allowed are at least 2 different speeds")
    slope = (dx * dy).sum(-1) / spread
    if (slope >= 0.0).any():
        raise ValueError(f"lives_min is {lives.tolist()}: allowed are lives that fall with speed")
    n = -1.0 / slope
    return n, np.exp(x.mean(-1) + n * y.mean(-1))


def max_production_speed(n: ArrayLike, c: ArrayLike, tool_change_min: ArrayLike) -> tuple[Array, Array]:
    """Return (speed_m_min, life_min) of most parts per hour: T = (1/n - 1) Tt (Groover).

    Args:
        n: Taylor's exponent, below 1.
        c: Taylor's constant in m/min.
        tool_change_min: Time lost per change of edge, Tt.

    Raises:
        ValueError: for an argument out of range.
    """
    change = within("tool_change_min", tool_change_min, _MIN_LOST_MIN, 1e4)
    return _speed_at(n, c, change)


def min_cost_speed(
    n: ArrayLike,
    c: ArrayLike,
    tool_change_min: ArrayLike,
    tool_cost: ArrayLike,
    rate_per_min: ArrayLike,
) -> tuple[Array, Array]:
    """Return (speed_m_min, life_min) of least cost: T = (1/n - 1) (Tt + Ct/Co) (Groover).

    Args:
        n: Taylor's exponent, below 1.
        c: Taylor's constant in m/min.
        tool_change_min: Time lost per change of edge, Tt.
        tool_cost: Cost of one edge, Ct.
        rate_per_min: Cost of machine and operator per minute, Co, in the same currency.

    Raises:
        ValueError: for an argument out of range.
    """
    change = within("tool_change_min", tool_change_min, 0.0, 1e4)
    rate = within("rate_per_min", rate_per_min, 1e-6, 1e6)
    lost = change + within("tool_cost", tool_cost, 0.0, 1e6) / rate
    # An edge that costs neither time nor money has no best life.
    if np.size(lost) and np.min(lost) < _MIN_LOST_MIN:
        worth = f"allowed are {_MIN_LOST_MIN:g} min or more with tool_cost / rate_per_min added"
        raise ValueError(f"tool_change_min is {np.min(change):g}: {worth}")
    return _speed_at(n, c, lost)


def turning_economics(
    speed_m_min: ArrayLike,
    n: ArrayLike,
    c: ArrayLike,
    diameter_mm: ArrayLike,
    length_mm: ArrayLike,
    feed_mm: ArrayLike,
    handling_min: ArrayLike,
    tool_change_min: ArrayLike,
    tool_cost: ArrayLike,
    rate_per_min: ArrayLike,
    whole_parts: bool = True,
) -> tuple[Array, Array]:
    """Return (cycle_min, cost_per_part) of turning one diameter in one pass (Groover).

    Cutting takes Tm = pi D L / (1000 v f), an edge lasts T, and so T/Tm parts share one edge's cost and one
    change. In whole parts the edge is changed between parts: T/Tm is rounded down. Where one part takes more
    than an edge, it takes Tm/T of them, in whole parts rounded up.

    Args:
        speed_m_min: Cutting speed v.
        n: Taylor's exponent.
        c: Taylor's constant in m/min.
        diameter_mm: D.
        length_mm: L.
        feed_mm: Feed per revolution f.
        handling_min: Loading and unloading per part.
        tool_change_min: Time lost per change of edge.
        tool_cost: Cost of one edge.
        rate_per_min: Cost of machine and operator per minute.
        whole_parts: Change edges between parts only.

    Raises:
        ValueError: for an argument out of range.
    """
    life = taylor_life_min(speed_m_min, n, c)
    cut = cutting_time_min(speed_m_min, diameter_mm, length_mm, feed_mm)
    handling = within("handling_min", handling_min, 0.0, 1e5)
    change = within("tool_change_min", tool_change_min, 0.0, 1e4)
    edge_cost = within("tool_cost", tool_cost, 0.0, 1e6)
    rate = within("rate_per_min", rate_per_min, 0.0, 1e6)
    edges = cut / life
    if whole_parts:
        # A hair of tolerance: a life of exactly three parts is three parts, however it rounds.
        parts = np.floor(np.maximum(life / cut, 1.0) * (1.0 + 1e-9))
        edges = np.where(edges > 1.0 + 1e-9, np.ceil(edges * (1.0 - 1e-9)), 1.0 / parts)
    cycle = handling + cut + change * edges
    return cycle, cycle * rate + edge_cost * edges


def cutting_time_min(
    speed_m_min: ArrayLike, diameter_mm: ArrayLike, length_mm: ArrayLike, feed_mm: ArrayLike
) -> Array:
    """Return the time of one turning pass, pi D L / (1000 v f), in min.

    Raises:
        ValueError: for an argument out of range.
    """
    speed = within("speed_m_min", speed_m_min, _MIN_SPEED_M_MIN, _MAX_SPEED_M_MIN)
    diameter = within("diameter_mm", diameter_mm, MIN_DIAMETER_MM, MAX_DIAMETER_MM)
    length = positive("length_mm", length_mm, 1e5)
    feed = within("feed_mm", feed_mm, 0.001, MAX_FEED_MM)
    return np.pi * diameter * length / (1000.0 * speed * feed)


def flank_wear_mm(life_fraction: ArrayLike) -> Array:
    """Return the flank wear VB after a share of the life: break-in, steady, accelerated.

    It rises without a kink to 0.08 mm at 15 % of the life, then in a line to 0.3 mm at the end of it, then
    faster. Over the medians of the NASA Ames milling readings, from 0.02 to 3 lives, it errs by at most
    0.025 mm up to the limit and 9 % beyond.

    Args:
        life_fraction: Cutting time over life, 0 to 5.

    Raises:
        ValueError: for an argument out of range.
    """
    x = within("life_fraction", life_fraction, 0.0, MAX_LIFE_FRACTION)
    early = 1.0 - np.minimum(x / _BREAK_IN_END, 1.0)
    late = np.maximum(x - 1.0, 0.0)
    return _STEADY_MM * x + _BULGE_MM * (1.0 - early * early) + _ACCELERATION_MM * late * late


MAX_WEAR_MM = float(flank_wear_mm(MAX_LIFE_FRACTION))


def life_fraction_used(wear_mm: ArrayLike) -> Array:
    """Return the share of life after which flank wear is `wear_mm`: the inverse of `flank_wear_mm`.

    Raises:
        ValueError: for an argument out of range.
    """
    wear = within("wear_mm", wear_mm, 0.0, MAX_WEAR_MM)
    # Break-in: with u = x / x0, VB = (s x0 + 2 e) u - e u2; the root is written to keep its digits at 0.
    b = _STEADY_MM * _BREAK_IN_END + 2.0 * _BULGE_MM
    broken_in = np.minimum(wear, _BREAK_IN_MM)
    early = _BREAK_IN_END * 2.0 * broken_in / (b + np.sqrt(b * b - 4.0 * _BULGE_MM * broken_in))
    steady = (np.clip(wear, _BREAK_IN_MM, LIMIT_MM) - _BREAK_IN_MM) / _STEADY_MM
    beyond = np.maximum(wear - LIMIT_MM, 0.0)
    root = np.sqrt(_STEADY_MM * _STEADY_MM + 4.0 * _ACCELERATION_MM * beyond)
    return early + steady + 2.0 * beyond / (_STEADY_MM + root)


def scattered_life_min(life_min: ArrayLike, standard_normal: ArrayLike, sigma: ArrayLike = 0.2) -> Array:
    """Return a life with lognormal scatter, its median at `life_min`.

    The replicates of the NASA Ames milling data have a pooled standard deviation of log life of 0.20.

    Args:
        life_min: Median life.
        standard_normal: A draw for each edge, within 10.
        sigma: Standard deviation of the life's logarithm.

    Raises:
        ValueError: for an argument out of range.
    """
    life = positive("life_min", life_min, 1e200)
    draw = within("standard_normal", standard_normal, -10.0, 10.0)
    return life * np.exp(within("sigma", sigma, 0.0, 2.0) * draw)


def _c(c: ArrayLike) -> Array:
    return within("c", c, 0.1, _MAX_C)


def _speed_at(n: ArrayLike, c: ArrayLike, lost_min: Array) -> tuple[Array, Array]:
    exponent = within("n", n, _MIN_N, 1.0, below=True)
    life = (1.0 / exponent - 1.0) * lost_min
    return _c(c) / power(life, exponent), life
