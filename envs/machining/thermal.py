"""Heat: sources that warm up as first-order lags, and what their warmth does to each axis.

Growth is the sum of lags K / (tau s + 1) over spindle, feed, ambient and coolant (Mares et al. 2020 and the
transfer-function compensation that controls ship). Gains and time constants are a machine's, in
`configs/machines/`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from envs.machining._check import Array, within
from envs.machining.cutting import MAX_RPM

SOURCES = ("spindle", "feed", "ambient", "coolant")
AXES = ("x", "y", "z")
MAX_RISE_K = 500.0


def lag(value: ArrayLike, target: ArrayLike, step_min: ArrayLike, time_constant_min: ArrayLike) -> Array:
    """Return a first-order lag after a step of time, exact for a target that stays the same meanwhile.

    Two steps of one minute give what one step of two gives, up to rounding.

    Args:
        value: Where it is, in any unit.
        target: Where it tends to.
        step_min: Time that passes.
        time_constant_min: Time in which 63 % of the way is done.

    Raises:
        ValueError: for an argument out of range.
    """
    start, end = within("value", value, -1e6, 1e6), within("target", target, -1e6, 1e6)
    step = within("step_min", step_min, 0.0, 1e7)
    constant = within("time_constant_min", time_constant_min, 1e-3, 1e6)
    return end + (start - end) * np.exp(-step / constant)


def mean_lag(value: ArrayLike, target: ArrayLike, step_min: ArrayLike, time_constant_min: ArrayLike) -> Array:
    """Return the mean of the lag over the step: what a part that is cut meanwhile sees.

    Raises:
        ValueError: for an argument out of range.
    """
    start, end = within("value", value, -1e6, 1e6), within("target", target, -1e6, 1e6)
    step = within("step_min", step_min, 0.0, 1e7)
    x = step / within("time_constant_min", time_constant_min, 1e-3, 1e6)
    # (1 - exp(-x)) / x, and 1 at x = 0.
    share = np.where(x > 0.0, -np.expm1(-x) / np.where(x > 0.0, x, 1.0), 1.0)
    return end + (start - end) * share


def spindle_rise_k(spindle_rpm: ArrayLike, max_rpm: ArrayLike, rise_at_max_k: ArrayLike) -> Array:
    """Return the settled temperature rise of the spindle, as its loss: in proportion to speed^1.5.

    The power lies between bearing friction (1) and churning oil (2); the rise at full speed is the machine's.

    Args:
        spindle_rpm: 0 to `max_rpm`.
        max_rpm: Highest speed.
        rise_at_max_k: Settled rise there.

    Raises:
        ValueError: for an argument out of range.
    """
    top = within("max_rpm", max_rpm, 1.0, MAX_RPM)
    share = within("spindle_rpm", spindle_rpm, 0.0, MAX_RPM) / top
    if share.size and share.max() > 1.0:
        fastest = np.broadcast_to(spindle_rpm, share.shape)[np.unravel_index(share.argmax(), share.shape)]
        raise ValueError(f"spindle_rpm is {fastest:g}: allowed are 0 to max_rpm ({np.max(top):g})")
    return within("rise_at_max_k", rise_at_max_k, 0.0, MAX_RISE_K) * share * np.sqrt(share)


def thermal_growth_um(expansion_1_k: ArrayLike, length_mm: ArrayLike, rise_k: ArrayLike) -> Array:
    """Return the growth of a length, in um: alpha L dT; steel has 11.7e-6 /K.

    Raises:
        ValueError: for an argument out of range.
    """
    alpha = within("expansion_1_k", expansion_1_k, 0.0, 1e-3)
    length = within("length_mm", length_mm, 0.0, 1e5)
    return alpha * length * within("rise_k", rise_k, -MAX_RISE_K, MAX_RISE_K) * 1e3


def axis_growth_um(rises_k: ArrayLike, gains_um_k: ArrayLike) -> Array:
    """Return the growth of each axis: the sum over sources of gain times temperature rise.

    Args:
        rises_k: (..., S) temperature rise of each source, K.
        gains_um_k: (A, S) growth of each axis per kelvin, um.

    Returns:
        (..., A) growth, um.

    Raises:
        ValueError: for an argument out of range or shapes that do not fit.
    """
    rises = within("rises_k", rises_k, -MAX_RISE_K, MAX_RISE_K)
    gains = within("gains_um_k", gains_um_k, -1e4, 1e4)
    if gains.ndim != 2 or rises.ndim < 1 or rises.shape[-1] != gains.shape[1]:
        raise ValueError(f"gains_um_k has shape {gains.shape}: allowed is (axes, {rises.shape[-1:]} sources)")
    # Source by source and not as a matrix product, whose rounding depends on the batch.
    total = np.zeros((*rises.shape[:-1], gains.shape[0]))
    for source in range(gains.shape[1]):
        total = total + rises[..., source, None] * gains[:, source]
    return total
