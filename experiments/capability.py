"""Capability of processes, machines and gauges: Cp/Cpk, Pp/Ppk, Cm/Cmk with intervals, and gauge R&R.

Undefined indices (no scatter, no limit on a side) are None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from configs.figures import within
from envs.accounts import Additive

SUBGROUP = 5  # consecutive parts whose scatter is the short-term one


@dataclass(frozen=True)
class Capability:
    """A pair of indices with 95% intervals.

    Attributes:
        potential: Cp, Pp or Cm: the tolerance over six standard deviations; None with one limit.
        actual: Cpk, Ppk or Cmk: the distance to the nearer limit over three.
        potential_ci: Interval of `potential`.
        actual_ci: Interval of `actual`.
        mean: Mean of the values.
        sigma: The standard deviation used.
        n: Number of values.
    """

    potential: float | None
    actual: float | None
    potential_ci: tuple[float, float] | None
    actual_ci: tuple[float, float] | None
    mean: float
    sigma: float
    n: int


@dataclass(frozen=True)
class Spread(Additive):
    """Sums from which capability follows; they add up over shifts, which ratios do not.

    Deviations are from the middle between the limits (the one limit, where there is one), which keeps the
    sums of squares exact enough.

    Attributes:
        n: Number of values.
        total: Sum of the deviations.
        squares: Sum of their squares.
        within: Sum of squares within subgroups of consecutive parts.
        dof: Degrees of freedom of `within`.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    within: float = 0.0
    dof: int = 0


def spread(values: ArrayLike, lower: float | None, upper: float | None, subgroup: int = SUBGROUP) -> Spread:
    """Return the sums of values in the order of making.

    Args:
        values: (n,) true or measured values.
        lower: Lower limit, None if there is none.
        upper: Upper limit, None if there is none.
        subgroup: Number of consecutive values whose scatter is the short-term one, at least 2.

    Raises:
        ValueError: for limits that are missing or reversed, and values that are not finite.
    """
    deviations = _finite(values) - _middle(lower, upper)
    if subgroup < 2:
        raise ValueError(f"subgroup is {subgroup}: allowed is 2 or more")
    groups = [deviations[k : k + subgroup] for k in range(0, len(deviations), subgroup)]
    return Spread(
        len(deviations),
        float(deviations.sum()),
        float((deviations**2).sum()),
        math.fsum(float(((g - g.mean()) ** 2).sum()) for g in groups),
        sum(len(g) - 1 for g in groups),
    )


def capability_of(
    sums: Spread, lower: float | None, upper: float | None, *, short_term: bool, confidence: float = 0.95
) -> Capability | None:
    """Return Cp and Cpk (short term) or Pp and Ppk from sums, None for fewer than two values.

    Args:
        sums: From `spread`, added up.
        lower: Lower limit.
        upper: Upper limit.
        short_term: Whether sigma is that within subgroups, not that of all values.
        confidence: Coverage of the intervals.

    Raises:
        ValueError: for limits that are missing or reversed.
    """
    middle = _middle(lower, upper)
    dof = sums.dof if short_term else sums.n - 1
    if dof < 1 or sums.n < 2:  # sums that are averages over policies may be of less than two
        return None
    square = sums.within if short_term else max(0.0, sums.squares - sums.total**2 / sums.n)
    # What rounding leaves of equal values is no scatter.
    sigma = 0.0 if square <= 1e-12 * sums.squares else math.sqrt(square / dof)
    offset = sums.total / sums.n
    mean = middle + offset
    if sigma == 0.0:
        return Capability(None, None, None, None, mean, 0.0, sums.n)
    sides = [upper - mean] if upper is not None else []
    sides += [mean - lower] if lower is not None else []
    actual = min(sides) / (3.0 * sigma)
    potential = None if lower is None or upper is None else (upper - lower) / (6.0 * sigma)
    return Capability(
        potential,
        actual,
        None if potential is None else cp_interval(potential, dof, confidence),
        cpk_interval(actual, sums.n, confidence, dof=dof),
        mean,
        sigma,
        sums.n,
    )


def process_capability(
    values: ArrayLike, lower: float | None = None, upper: float | None = None, *, subgroup: int = SUBGROUP
) -> Capability | None:
    """Return Cp and Cpk: sigma is pooled within subgroups of consecutive parts.

    Raises:
        ValueError: as `spread`.
    """
    return capability_of(spread(values, lower, upper, subgroup), lower, upper, short_term=True)


def process_performance(
    values: ArrayLike, lower: float | None = None, upper: float | None = None
) -> Capability | None:
    """Return Pp and Ppk: sigma is that of all values, drift and steps included.

    Raises:
        ValueError: as `spread`.
    """
    return capability_of(spread(values, lower, upper), lower, upper, short_term=False)


def machine_capability(
    values: ArrayLike, lower: float | None = None, upper: float | None = None
) -> Capability | None:
    """Return Cm and Cmk (ISO 22400-2): of one uninterrupted run, of 50 parts or so, with all of its scatter.

    Raises:
        ValueError: as `spread`.
    """
    return process_performance(values, lower, upper)


def cpk_interval(
    cpk: float, n: int, confidence: float = 0.95, *, dof: int | None = None
) -> tuple[float, float]:
    """Return the interval of Cpk or Ppk (Bissell 1990), such as 1.43 to 1.91 for 1.67 from 100 parts.

    Args:
        cpk: The index.
        n: Number of values that the mean is from.
        confidence: Coverage.
        dof: Degrees of freedom of sigma; n - 1 if not given.

    Raises:
        ValueError: for fewer than 2 values, or a value out of its range.
    """
    freedom = n - 1 if dof is None else dof
    within("cpk", cpk, -1e6, 1e6)
    within("n", n, 2)
    within("dof", freedom, 1)
    half = _z(confidence) * math.sqrt(1.0 / (9.0 * n) + cpk**2 / (2.0 * freedom))
    return cpk - half, cpk + half


def cp_interval(cp: float, dof: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of Cp or Pp, from quantiles of chi-square after Wilson and Hilferty.

    They err by 2% of the index at 5 degrees of freedom, and by less than 0.5% from 20 on.

    Raises:
        ValueError: for a value out of its range.
    """
    within("cp", cp)
    within("dof", dof, 1)
    z, spread_of_cube = _z(confidence), math.sqrt(2.0 / (9.0 * dof))
    low, high = (max(0.0, 1.0 - 2.0 / (9.0 * dof) + side * z * spread_of_cube) ** 1.5 for side in (-1, 1))
    return cp * low, cp * high


@dataclass(frozen=True)
class GaugeRR:
    """What a gauge adds to what it measures, as standard deviations (AIAG MSA, analysis of variance).

    Attributes:
        repeatability: Same operator, same part.
        reproducibility: Between operators, with their interaction with parts.
        parts: Between parts.
    """

    repeatability: float
    reproducibility: float
    parts: float

    @property
    def gauge(self) -> float:
        """Repeatability and reproducibility together."""
        return math.hypot(self.repeatability, self.reproducibility)

    @property
    def share_of_variation(self) -> float | None:
        """The gauge over everything; below 0.1 is good, above 0.3 unfit. None without any variation."""
        total = math.hypot(self.gauge, self.parts)
        return self.gauge / total if total else None

    @property
    def distinct_categories(self) -> int | None:
        """How many groups of parts it tells apart; 5 are wanted. None for a gauge without error."""
        return int(math.sqrt(2.0) * self.parts / self.gauge) if self.gauge else None

    def share_of_tolerance(self, lower: float, upper: float) -> float:
        """Return six standard deviations of the gauge over the tolerance.

        Raises:
            ValueError: for limits that are reversed.
        """
        _middle(lower, upper)
        return 6.0 * self.gauge / (upper - lower)


def gauge_rr(readings: ArrayLike) -> GaugeRR:
    """Return a gauge's errors from a crossed study, by analysis of variance.

    An interaction of operators with parts that is no larger than the error is pooled with it. No component is
    below 0.

    Args:
        readings: (parts, operators, trials), at least 2 each.

    Raises:
        ValueError: for another shape, or values that are not finite.
    """
    x = np.asarray(readings, dtype=float)
    if x.ndim != 3 or min(x.shape) < 2:
        raise ValueError(
            f"readings has shape {x.shape}: allowed is (parts, operators, trials), 2 or more each"
        )
    _finite(x)
    parts, operators, trials = x.shape
    by_part, by_operator, cells = x.mean((1, 2)), x.mean((0, 2)), x.mean(2)
    ms_part = operators * trials * float(by_part.var(ddof=1))
    ms_operator = parts * trials * float(by_operator.var(ddof=1))
    both = cells - by_part[:, None] - by_operator + x.mean()
    ss_both, dof_both = trials * float((both**2).sum()), (parts - 1) * (operators - 1)
    ss_error, dof_error = float(((x - cells[:, :, None]) ** 2).sum()), parts * operators * (trials - 1)
    ms_both, ms_error = ss_both / dof_both, ss_error / dof_error
    if ms_both <= ms_error:
        ms_both = ms_error = (ss_both + ss_error) / (dof_both + dof_error)
    between = max(0.0, ms_operator - ms_both) / (parts * trials) + max(0.0, ms_both - ms_error) / trials
    real = max(0.0, ms_part - ms_both) / (operators * trials)
    return GaugeRR(math.sqrt(ms_error), math.sqrt(between), math.sqrt(real))


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}: allowed is between 0 and 1")
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


def _middle(lower: float | None, upper: float | None) -> float:
    for name, limit in (("lower", lower), ("upper", upper)):
        if limit is not None and not math.isfinite(limit):
            raise ValueError(f"{name} is {limit}: allowed is a finite number or None")
    if lower is None and upper is None:
        raise ValueError("lower is None and upper is None: allowed is at most one without a limit")
    if lower is None or upper is None:
        return float(upper if lower is None else lower)  # type: ignore[arg-type]
    if lower >= upper:
        raise ValueError(f"lower is {lower}: allowed is below upper = {upper}")
    return (lower + upper) / 2.0


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=float).ravel()
    if not np.isfinite(array).all():
        raise ValueError(f"values has {array[~np.isfinite(array)][0]}: allowed are finite numbers")
    return array
