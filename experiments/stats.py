"""Statistics of experiments: intervals for success rates and means, and paired tests.

Success rates carry Wilson intervals, aggregates over runs carry bootstrap intervals (Agarwal et al.
2021, "Deep reinforcement learning at the edge of the statistical precipice"), and two ways of
working that saw the same seeds are compared pair by pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Up to this many pairs, every pattern of signs is tried (2**12 = 4096); above, a random sample.
_EXHAUSTIVE_PAIRS = 12


class PairedDifference(NamedTuple):
    """Mean of the paired differences a - b, its interval, and the sign-flip p value."""

    mean: float
    ci95: tuple[float, float]
    p: float


def wilson_interval(n_success: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a success rate (Wilson 1927).

    Args:
        n_success: Number of successes, 0 to `n`.
        n: Number of trials, at least 1.
        confidence: Coverage, between 0 and 1.
    """
    _check_confidence(confidence)
    if n < 1:
        raise ValueError(f"n is {n}: at least 1 trial is needed")
    if not 0 <= n_success <= n:
        raise ValueError(f"n_success is {n_success}: allowed is 0 to n = {n}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = n_success / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low = 0.0 if n_success == 0 else centre - half
    high = 1.0 if n_success == n else centre + half
    return low, high


def iqm(values: ArrayLike) -> float:
    """Return the interquartile mean: the mean after a quarter is cut off at either end.

    As in rliable, `floor(n / 4)` values are cut at each end.
    """
    ordered = np.sort(_finite("values", values).ravel())
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def bootstrap_ci(
    values: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], float] = np.mean,
    *,
    strata: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic.

    Args:
        values: (n,) observations.
        statistic: Maps (n,) observations to a number, such as `numpy.mean` or `iqm`.
        strata: (n,) labels, such as the task of each run; each group is resampled by itself.
        confidence: Coverage, between 0 and 1.
        n_resamples: Number of resamples.
        seed: Seed of the resampling.
    """
    _check_confidence(confidence)
    if n_resamples < 1:
        raise ValueError(f"n_resamples is {n_resamples}: at least 1 is needed")
    observed = _finite("values", values).ravel()
    labels = np.zeros(len(observed)) if strata is None else np.asarray(strata).ravel()
    if len(labels) != len(observed):
        raise ValueError(f"strata has {len(labels)} labels for {len(observed)} values")
    groups = [observed[labels == label] for label in np.unique(labels)]
    rng = np.random.default_rng(seed)
    drawn = [group[rng.integers(len(group), size=(n_resamples, len(group)))] for group in groups]
    resamples = np.concatenate(drawn, axis=1)
    low, high = np.quantile([statistic(row) for row in resamples], _tails(confidence))
    return float(low), float(high)


def paired_difference(
    a: ArrayLike, b: ArrayLike, *, n_resamples: int = 10_000, seed: int = 0
) -> PairedDifference:
    """Compare two ways of working on the same seeds: mean of a - b, 95% interval and p value.

    The p value is of the two-sided sign-flip (paired permutation) test. The interval holds exactly
    the shifts which that test does not reject: its ends are quantiles of the means of random
    subsets (Hartigan 1969, "Using subsample values as typical values"). Both are exact for
    differences that are spread symmetrically, whatever their shape. With fewer than 6 pairs no
    shift can be rejected at 5%, and the interval is (-inf, inf).

    Args:
        a: (n,) values of one way, in the order of the seeds.
        b: (n,) values of the other way on the same seeds.
        n_resamples: Number of random sign patterns where there are too many to try all.
        seed: Seed of the sign patterns.
    """
    first, second = _finite("a", a).ravel(), _finite("b", b).ravel()
    if len(first) != len(second):
        raise ValueError(f"a has {len(first)} values and b has {len(second)}: pairs are needed")
    if n_resamples < 1:
        raise ValueError(f"n_resamples is {n_resamples}: at least 1 is needed")
    difference = first - second
    flips = swap_patterns(len(difference), n_resamples, seed)
    # Flipping a subset moves the sum by twice the subset's own sum. The tolerance lets ties count.
    total = float(difference.sum())
    flipped = flips @ difference
    tolerance = 1e-12 * float(np.abs(difference).sum())
    p = float(np.mean(np.abs(total - 2 * flipped) >= abs(total) - tolerance))
    sizes = flips.sum(axis=1)
    means = np.sort(flipped[sizes > 0] / sizes[sizes > 0])
    rank = int(0.025 * (len(means) + 1))
    interval = (-math.inf, math.inf) if rank < 1 else (float(means[rank - 1]), float(means[-rank]))
    return PairedDifference(float(difference.mean()), interval, p)


def holm(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return p values adjusted for their number (Holm 1979), which keeps the chance of any false alarm.

    Args:
        p_values: By name; None is passed through and not counted.
    """
    known = {name: p for name, p in p_values.items() if p is not None}
    adjusted: dict[str, float | None] = dict.fromkeys(p_values)
    largest = 0.0
    for rank, name in enumerate(sorted(known, key=known.__getitem__)):
        if not 0.0 <= known[name] <= 1.0:
            raise ValueError(f"p of {name} is {known[name]}: allowed is 0 to 1")
        largest = max(largest, min(1.0, (len(known) - rank) * known[name]))
        adjusted[name] = largest
    return adjusted


def mcnemar_p(n_only_a: int, n_only_b: int) -> float:
    """Return the exact two-sided McNemar p value of two paired success rates.

    Args:
        n_only_a: Number of pairs in which only the first way succeeded.
        n_only_b: Number of pairs in which only the second way succeeded.
    """
    for name, count in (("n_only_a", n_only_a), ("n_only_b", n_only_b)):
        if count < 0:
            raise ValueError(f"{name} is {count}: allowed is 0 or more")
    n = n_only_a + n_only_b
    tail = sum(math.comb(n, k) for k in range(min(n_only_a, n_only_b) + 1))
    return min(1.0, 2 * tail / 2**n)


def swap_patterns(n: int, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """Return (patterns, n) zeros and ones; the first pattern flips nothing: the data as seen.

    All 2**n patterns where they are few, a random sample otherwise.
    """
    if n <= _EXHAUSTIVE_PAIRS:
        return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)
    random = np.random.default_rng(seed).integers(2, size=(n_resamples, n), dtype=np.int8)
    random[0] = 0
    return random.astype(float)


def _finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise ValueError(f"{name} is empty: at least 1 value is needed")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite: {array[~np.isfinite(array)][0]}")
    return array


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}: allowed is between 0 and 1")


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2
