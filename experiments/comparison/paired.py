"""Ways of working on the same shifts: ratios of totals, their intervals, and paired differences.

Shifts are resampled whole and in pairs; where several trained policies worked the same shifts, policies are
resampled too (two levels, crossed). The p value is of the test that swaps the two ways' labels shift by
shift: were they alike, nobody could tell which ledger is whose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.comparison.sums import Sheet, flat
from experiments.qcde import figures
from experiments.stats import holm, swap_patterns
from experiments.totals import Totals

# Fewer pairs than this cannot reject anything at 5 %: an interval from them would be a pretence.
LEAST_SHIFTS = 6
# The one metric that a study is about; all others are beside it.
PRIMARY = "cost_per_good_part"
ALPHA = 0.05
RESAMPLES = 2000
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A metric of one way of working.

    Attributes:
        mean: The ratio of totals; None where it is not defined.
        ci95: Its bootstrap interval; None for too few shifts, or where some resamples leave it undefined.
    """

    mean: float | None
    ci95: tuple[float, float] | None


@dataclass(frozen=True)
class Difference:
    """A metric of one way less that of another, on the same shifts.

    Attributes:
        difference: In the metric's unit.
        ci95: Its paired bootstrap interval.
        p: Of the swap test; None for too few shifts.
        p_holm: The same, adjusted for all metrics but the primary one, whose p stands as it is.
    """

    difference: float | None
    ci95: tuple[float, float] | None
    p: float | None
    p_holm: float | None = None


class Study:
    """Totals of the same shifts in several ways of working.

    Args:
        shifts: For each way, for each policy, the totals of every shift in one order; ways without learned
            policies have one.
        seed: Of the resampling.
        resamples: How many.

    Raises:
        ValueError: where the ways did not work the same number of shifts.
    """

    def __init__(
        self, shifts: Mapping[str, Sequence[Sequence[Totals]]], seed: int = 0, resamples: int = RESAMPLES
    ) -> None:
        lengths = {len(row) for policies in shifts.values() for row in policies}
        if len(lengths) != 1 or not next(iter(lengths), 0):
            raise ValueError(f"shifts has {sorted(lengths)} shifts: allowed is one number, at least 1")
        self.n = lengths.pop()
        self.sheet = Sheet([one for policies in shifts.values() for row in policies for one in row])
        self.rows = {way: np.stack([self.sheet.rows(r) for r in p]) for way, p in shifts.items()}
        rng = np.random.default_rng(seed)
        self._weights = counts(rng, resamples, self.n)
        self._policies = {
            n: counts(rng, resamples, n) / n for n in sorted({len(r) for r in self.rows.values()})
        }
        self._swaps = swap_patterns(self.n, resamples, seed)
        self._resampled: dict[str, list[dict[str, float]]] = {}

    def totals(self, way: str) -> Totals:
        """Return what a way's shifts add up to, averaged over its policies."""
        return self.sheet.totals(self.rows[way].mean(0).sum(0))

    def added_up(self, values: Rows) -> Rows:
        """Return (1 + resamples,): numbers (policies, shifts) added up as `totals` and `resampled` do."""
        again = np.einsum("rs,rs->r", self._weights, self._policies[len(values)] @ values)
        return np.concatenate([[values.mean(0).sum()], again])

    def figures(self, way: str) -> dict[str, Interval]:
        """Return a way's metrics with their intervals."""
        found = flat(figures(self.totals(way)))
        if self.n < LEAST_SHIFTS:
            return {name: Interval(_defined(value), None) for name, value in found.items()}
        again = self.resampled(way)
        return {
            name: Interval(_defined(value), percentiles([a[name] for a in again]))
            for name, value in found.items()
        }

    def differences(self, first: str, second: str) -> dict[str, Difference]:
        """Return `first - second` for every metric."""
        a, b = flat(figures(self.totals(first))), flat(figures(self.totals(second)))
        found = {name: a[name] - b[name] for name in a}
        if self.n < LEAST_SHIFTS:
            return {name: Difference(_defined(value), None, None) for name, value in found.items()}
        pairs = zip(self.resampled(first), self.resampled(second), strict=True)
        again = [{name: x[name] - y[name] for name in found} for x, y in pairs]
        p = self._swap_test(first, second, found)
        adjusted = holm({name: value for name, value in p.items() if name != PRIMARY}) | {PRIMARY: p[PRIMARY]}
        return {
            name: Difference(_defined(value), percentiles([r[name] for r in again]), p[name], adjusted[name])
            for name, value in found.items()
        }

    def resampled(self, way: str) -> list[dict[str, float]]:
        """Return the metrics of each resample; all ways see the same shifts in the same resample."""
        if way not in self._resampled:
            rows = self.rows[way]
            of_policies = np.tensordot(self._policies[len(rows)], rows, 1)  # (resamples, shifts, columns)
            sums = np.einsum("rs,rsc->rc", self._weights, of_policies)
            self._resampled[way] = [flat(figures(self.sheet.totals(row))) for row in sums]
        return self._resampled[way]

    def _swap_test(self, first: str, second: str, seen: Mapping[str, float]) -> dict[str, float | None]:
        a, b = self.rows[first].mean(0), self.rows[second].mean(0)
        moved = self._swaps @ (b - a)
        swapped = [
            (flat(figures(self.sheet.totals(a.sum(0) + m))), flat(figures(self.sheet.totals(b.sum(0) - m))))
            for m in moved
        ]
        found: dict[str, float | None] = {}
        for name, value in seen.items():
            others = np.array([x[name] - y[name] for x, y in swapped])
            if not np.isfinite(value) or not np.isfinite(others).all():
                found[name] = None
                continue
            tolerance = 1e-9 * float(np.abs(others).max(initial=0.0))
            found[name] = float(np.mean(np.abs(others) >= abs(value) - tolerance))
        return found


def counts(rng: np.random.Generator, n_resamples: int, n: int) -> Rows:
    """Return (resamples, n): how often each of n was drawn, n draws a resample."""
    drawn = rng.integers(n, size=(n_resamples, n))
    return np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(float)


def percentiles(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the middle 95 % of values, None where one of them is not defined."""
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).all():
        return None
    low, high = np.quantile(array, (0.025, 0.975))
    return float(low), float(high)


def verdict(difference: Difference, reference: float | None, interest: float, lower_is_better: bool) -> str:
    """Say what a difference means: "better", "worse", "alike", or "undecided".

    Better and worse take both: an interval that leaves out zero, and an adjusted p within 5 %.

    Args:
        difference: Of a way to the reference.
        reference: The reference's mean.
        interest: The smallest relative difference that anyone should care about, such as 0.02.
        lower_is_better: Of the metric.
    """
    if difference.ci95 is None or reference is None:
        return "undecided"
    margin = interest * abs(reference)
    low, high = difference.ci95
    if -margin <= low and high <= margin:
        return "alike"
    sure = difference.p_holm is None or difference.p_holm <= ALPHA
    if sure and (low > 0.0 or high < 0.0):
        return "better" if (high < 0.0) == lower_is_better else "worse"
    return "undecided"


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
