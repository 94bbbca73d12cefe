"""Chatter: how deep a cut may be before it sustains its own vibration.

Two ways are kept side by side. The zero-order solution (Altintas and Budak 1995) averages the direction of
the force over a turn and gives the whole lobe diagram at once; it is exact where the sum over the teeth does
not change (four teeth in a full slot) and good at high immersion. Floquet multipliers (`floquet.py`) keep the
change, and so see the flip lobes of low immersion, one point at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.machining._check import Array, positive, within
from envs.machining.cutting import MAX_RPM
from envs.machining.floquet import (
    engagement_rad,
    floquet_multiplier,
    floquet_multiplier_accurate,
    whole_teeth,
)

__all__ = [
    "Lobes",
    "best_lobe_rpm",
    "floquet_multiplier",
    "floquet_multiplier_accurate",
    "orthogonal_chatter_hz",
    "orthogonal_limit_mm",
    "stability_limit_mm",
    "tooth_passing_hz",
    "zero_order_lobes",
]

Mode = tuple[float, float, float]
_MODE_RANGES = (("frequency_hz", 0.1, 1e5), ("damping_ratio", 1e-5, 0.7), ("stiffness_n_m", 1e2, 1e13))
_DEFAULT_LOBES = 12
_MAX_LOBES = 1_000
_POINTS_PER_MODE = 1_201


def orthogonal_limit_mm(
    stiffness_n_m: ArrayLike, damping_ratio: ArrayLike, cutting_coefficient_mpa: ArrayLike
) -> Array:
    """Return the depth that is stable at every speed in orthogonal cutting: 2 k z (1 + z) / Kf, in mm.

    It is -1 / (2 Kf min Re G) of one mode (Tlusty; Tobias), with min Re G at w sqrt(1 + 2 z).

    Args:
        stiffness_n_m: k of the mode, in N/m.
        damping_ratio: z of the mode.
        cutting_coefficient_mpa: Force across the cut per chip area Kf, in MPa (N/mm2).

    Raises:
        ValueError: for an argument out of range.
    """
    stiffness = positive("stiffness_n_m", stiffness_n_m, 1e13)
    damping = within("damping_ratio", damping_ratio, 0.0, 1.0, above=True, below=True)
    coefficient = within("cutting_coefficient_mpa", cutting_coefficient_mpa, 0.1, 1e6) * 1e6
    return 2.0 * stiffness * damping * (1.0 + damping) / coefficient * 1e3


def orthogonal_chatter_hz(frequency_hz: ArrayLike, damping_ratio: ArrayLike) -> Array:
    """Return the frequency at which that depth chatters: f sqrt(1 + 2 z).

    Raises:
        ValueError: for an argument out of range.
    """
    damping = within("damping_ratio", damping_ratio, 0.0, 1.0, above=True, below=True)
    return positive("frequency_hz", frequency_hz, 1e5) * np.sqrt(1.0 + 2.0 * damping)


def tooth_passing_hz(spindle_rpm: ArrayLike, teeth: ArrayLike) -> Array:
    """Return how often a tooth enters: n N / 60.

    Raises:
        ValueError: for an argument out of range.
    """
    return positive("spindle_rpm", spindle_rpm, MAX_RPM) * within("teeth", teeth, 1, 200) / 60.0


def best_lobe_rpm(frequency_hz: ArrayLike, teeth: ArrayLike, lobe: ArrayLike = 0) -> Array:
    """Return the speed of a lobe's pocket: 60 f / (N (lobe + 1)) (Schmitz and Smith, eq. 4.29).

    Args:
        frequency_hz: Natural frequency of the mode.
        teeth: N.
        lobe: 0 for the widest pocket, at which the teeth pass at the natural frequency.

    Raises:
        ValueError: for an argument out of range.
    """
    frequency = positive("frequency_hz", frequency_hz, 1e5)
    order = within("lobe", lobe, 0, _MAX_LOBES) + 1.0
    return 60.0 * frequency / (within("teeth", teeth, 1, 200) * order)


@dataclass(frozen=True)
class Lobes:
    """Border between stable and chattering cuts; F points along frequency, L lobes.

    Only points with a positive limit are kept, so nothing is NaN. Both branches of the solution are there,
    one after the other, each in order of frequency.

    Attributes:
        limit_depth_mm: (F, L) depth at the border.
        chatter_hz: (F, L) frequency of the vibration there.
        spindle_rpm: (F, L) speed at which the point lies in this lobe.
        piece: (F,) points with the same number follow one another without a gap.
    """

    limit_depth_mm: Array
    chatter_hz: Array
    spindle_rpm: Array
    piece: NDArray[np.int64]


def zero_order_lobes(
    teeth: int,
    radial_immersion: float,
    direction: str,
    kt_mpa: float,
    kr: float,
    modes_x: Sequence[Mode],
    modes_y: Sequence[Mode],
    lobes: int | Iterable[int] = _DEFAULT_LOBES,
    frequencies_hz: ArrayLike | None = None,
) -> Lobes:
    """Return the lobe diagram of milling (Altintas and Budak, CIRP Annals 44, 1995).

    With the directional factors of the engagement and the tool's frequency responses Gx, Gy, the roots m of
    m2 + a1 m + a0 = 0 (m = 1/Lambda, a1 = axx Gx + ayy Gy, a0 = Gx Gy (axx ayy - axy ayx)) give
    a_lim = -2 pi / (N Kt Re m), which equals -2 pi Lambda_R (1 + kappa2) / (N Kt), and the speeds
    n = 60 w / (N (e + 2 k pi)), e = pi - 2 arctan(Lambda_I / Lambda_R).

    Args:
        teeth: N.
        radial_immersion: ae/D, above 0 to 1.
        direction: "up" or "down".
        kt_mpa: Tangential cutting coefficient Kt, in MPa.
        kr: Radial coefficient over Kt.
        modes_x: (frequency_hz, damping_ratio, stiffness_n_m) of each mode along the feed; may be empty.
        modes_y: The same across the feed; may be empty, but not both.
        lobes: How many, or which: whole numbers from 0, the fastest.
        frequencies_hz: (F,) rising; left out, points gather about the modes, from 1/10 of the lowest to
            three times the highest.

    Raises:
        ValueError: for an argument out of range.
    """
    count = whole_teeth(teeth)
    start, end = engagement_rad(radial_immersion, direction)
    kt = float(within("kt_mpa", kt_mpa, 1.0, 1e5)) * 1e6
    ratio = float(within("kr", kr, -2.0, 5.0))
    order = _lobe_numbers(lobes)
    x, y = _modes("modes_x", modes_x), _modes("modes_y", modes_y)
    if not x and not y:
        raise ValueError("modes_x and modes_y are both empty: allowed is at least 1 mode in one of them")
    frequency = _frequencies((*x, *y)) if frequencies_hz is None else _rising(frequencies_hz)

    axx, axy, ayx, ayy = _directional_factors(start, end, ratio)
    gx, gy = (_response(modes, frequency) for modes in (x, y))
    a0, a1 = gx * gy * (axx * ayy - axy * ayx), axx * gx + ayy * gy
    root = np.sqrt(a1 * a1 - 4.0 * a0)
    branches = _tracked(0.5 * (root - a1), 0.5 * (-root - a1))

    kept: list[tuple[Array, Array, Array]] = []
    pieces: list[NDArray[np.int64]] = []
    for number, m in enumerate(branches):
        with np.errstate(divide="ignore", over="ignore"):
            limit = -2.0 * math.pi / (count * kt * m.real) * 1e3
        good = (m.real < 0.0) & np.isfinite(limit)
        # A new piece wherever a point was left out.
        piece = np.cumsum(~good) + number * (len(m) + 1)
        # Lambda_I / Lambda_R = -Im m / Re m.
        phase = math.pi + 2.0 * np.arctan(m.imag[good] / m.real[good])
        kept.append((limit[good], frequency[good], phase))
        pieces.append(piece[good])
    limit, frequency, phase = (np.concatenate(column) for column in zip(*kept, strict=True))
    if not limit.size:
        raise ValueError(f"frequencies_hz holds {len(frequency)} points with a limit: allowed is 1 or more")
    rpm = 60.0 * frequency[:, None] * 2.0 * math.pi / (count * (phase[:, None] + 2.0 * math.pi * order))
    shape = rpm.shape
    return Lobes(
        limit_depth_mm=np.broadcast_to(limit[:, None], shape).copy(),
        chatter_hz=np.broadcast_to(frequency[:, None], shape).copy(),
        spindle_rpm=rpm,
        piece=np.concatenate(pieces),
    )


def stability_limit_mm(lobes: Lobes, spindle_rpm: ArrayLike) -> Array:
    """Return the least limit over all lobes at each speed, linear between points.

    Slower than the bottom of the slowest lobe it is the least limit of all, as the lobes that were not worked
    out lie ever closer there. At a speed that no lobe reaches it is infinite.

    Args:
        lobes: From `zero_order_lobes`.
        spindle_rpm: Any shape.

    Raises:
        ValueError: for an argument out of range.
    """
    asked = positive("spindle_rpm", spindle_rpm, MAX_RPM)
    speed, place = np.unique(asked, return_inverse=True)
    joined = np.diff(lobes.piece) == 0
    n0, n1 = (lobes.spindle_rpm[part][joined].ravel() for part in (np.s_[:-1], np.s_[1:]))
    b0, b1 = (lobes.limit_depth_mm[part][joined].ravel() for part in (np.s_[:-1], np.s_[1:]))
    # Every speed that lies on a segment, as (segment, speed) pairs.
    first = np.searchsorted(speed, np.minimum(n0, n1), side="left")
    count = np.searchsorted(speed, np.maximum(n0, n1), side="right") - first
    segment = np.repeat(np.arange(len(n0)), count)
    at = np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count) + first[segment]
    width = n1[segment] - n0[segment]
    along = np.divide(speed[at] - n0[segment], width, out=np.zeros(len(at)), where=width != 0.0)
    limit = np.full(len(speed), np.inf)
    np.minimum.at(limit, at, b0[segment] + along * (b1[segment] - b0[segment]))
    bottom = lobes.limit_depth_mm[:, 0].argmin()
    limit[speed < lobes.spindle_rpm[bottom].min()] = lobes.limit_depth_mm[bottom, 0]
    return limit[place].reshape(asked.shape)


def _directional_factors(start: float, end: float, kr: float) -> tuple[float, float, float, float]:
    def at(phi: float) -> tuple[float, float, float, float]:
        cos2, sin2 = math.cos(2.0 * phi), math.sin(2.0 * phi)
        return (
            0.5 * (cos2 - 2.0 * kr * phi + kr * sin2),
            0.5 * (-sin2 - 2.0 * phi + kr * cos2),
            0.5 * (-sin2 + 2.0 * phi + kr * cos2),
            0.5 * (-cos2 - 2.0 * kr * phi - kr * sin2),
        )

    axx, axy, ayx, ayy = (b - a for a, b in zip(at(start), at(end), strict=True))
    return axx, axy, ayx, ayy


def _response(modes: Sequence[Mode], frequency_hz: Array) -> NDArray[np.complex128]:
    """Return the (F,) receptance in m/N: the sum over modes."""
    total = np.zeros(len(frequency_hz), dtype=np.complex128)
    for natural_hz, damping, stiffness in modes:
        r = frequency_hz / natural_hz
        total += 1.0 / (stiffness * (1.0 - r * r + 2j * damping * r))
    return total


def _tracked(
    one: NDArray[np.complex128], two: NDArray[np.complex128]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return two roots so that each goes on from point to point: the square root swaps them at its cut."""
    stay = np.abs(np.diff(one)) + np.abs(np.diff(two))
    swap = np.abs(one[1:] - two[:-1]) + np.abs(two[1:] - one[:-1])
    crossed = np.concatenate([[False], np.cumsum(swap < stay) % 2 == 1])
    return np.where(crossed, two, one), np.where(crossed, one, two)


def _modes(name: str, modes: Sequence[Mode]) -> tuple[Mode, ...]:
    found = []
    for i, mode in enumerate(modes):
        if len(mode) != 3:
            raise ValueError(
                f"{name}[{i}] is {mode!r}: allowed is (frequency_hz, damping_ratio, stiffness_n_m)"
            )
        ranges = zip(mode, _MODE_RANGES, strict=True)
        values = [float(within(f"{name}[{i}] {word}", v, low, high)) for v, (word, low, high) in ranges]
        found.append((values[0], values[1], values[2]))
    return tuple(found)


def _frequencies(modes: Sequence[Mode]) -> Array:
    """Return frequencies that are dense where a response turns: about f (1 +- damping)."""
    low, high = 0.1 * min(m[0] for m in modes), 3.0 * max(m[0] for m in modes)
    parts = [np.linspace(low, high, _POINTS_PER_MODE)]
    for natural, damping, _ in modes:
        first, last = (math.asinh((limit / natural - 1.0) / damping) for limit in (low, high))
        parts.append(natural * (1.0 + damping * np.sinh(np.linspace(first, last, _POINTS_PER_MODE))))
    return np.unique(np.concatenate(parts))


def _rising(frequencies_hz: ArrayLike) -> Array:
    found = positive("frequencies_hz", frequencies_hz, 1e6)
    if found.ndim != 1 or len(found) < 2 or not (np.diff(found) > 0.0).all():
        raise ValueError(f"frequencies_hz has shape {found.shape}: allowed are 2 or more rising numbers")
    return found


def _lobe_numbers(lobes: int | Iterable[int]) -> NDArray[np.int64]:
    numbers = list(range(lobes)) if isinstance(lobes, int | np.integer) else list(lobes)
    whole = all(isinstance(k, int | np.integer) and 0 <= k <= _MAX_LOBES for k in numbers)
    if not numbers or not whole:
        raise ValueError(f"lobes is {lobes!r}: allowed are a count, or whole numbers 0 to {_MAX_LOBES}")
    return np.asarray(numbers, dtype=np.int64)
