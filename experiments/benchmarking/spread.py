"""Intervals of averages over cells: policies and episodes are drawn again, both with replacement.

All policies of a row see the same episodes, so the two are crossed: a resample takes some of the policies
and, in each cell, some of the episodes, the same for all policies (a two-way bootstrap). With one policy the
interval tells of the episodes alone. Where all episodes went alike, drawing them again tells nothing: the
interval then reaches as far as Wilson's does for none of so many.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.stats import wilson_interval

N_RESAMPLES = 2000
# (policies, episodes) of zeros and ones, by cell.
Outcomes = Mapping[str, NDArray[np.float64]]


class Estimate(NamedTuple):
    """A mean and its 95 % interval."""

    mean: float
    ci95: tuple[float, float]


def average(cells: Outcomes, seed: int = 0) -> Estimate:
    """Return the mean of the cells' success rates.

    Args:
        cells: Each (policies, episodes), policies in the same order everywhere.
        seed: Of the resampling.
    """
    centre = float(np.mean([values.mean() for values in cells.values()]))
    return _estimate(_means(cells, seed).mean(axis=1), centre, _size(cells), 0.0)


def gap(cell: NDArray[np.float64], cells: Outcomes, seed: int = 0) -> Estimate:
    """Return how much lower the mean of the cells lies than one more cell does.

    Args:
        cell: (policies, episodes) of the one, such as "seen".
        cells: The others.
        seed: Of the resampling.
    """
    all_means = _means({"": cell, **cells}, seed)
    means = all_means[:, 0] - all_means[:, 1:].mean(axis=1)
    centre = float(cell.mean()) - float(np.mean([values.mean() for values in cells.values()]))
    return _estimate(means, centre, min(cell.size, _size(cells)), -1.0)


def difference(a: Outcomes, b: Outcomes, seed: int = 0) -> Estimate:
    """Return the mean of a less that of b on the same episodes; the policies are drawn apart.

    Args:
        a: By cell, each (policies, episodes).
        b: The same cells and episodes.
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)
    weights_a, weights_b = (weights(rng, len(next(iter(rows.values())))) for rows in (a, b))
    means = []
    for name in a:
        episodes = weights(rng, a[name].shape[1])
        means.append(((weights_a @ a[name] - weights_b @ b[name]) * episodes).sum(axis=1))
    centre = float(np.mean([a[name].mean() - b[name].mean() for name in a]))
    n_pairs = sum(values.shape[1] for values in a.values())
    return _estimate(np.mean(means, axis=0), centre, n_pairs, -1.0)


def _size(cells: Outcomes) -> int:
    return sum(values.size for values in cells.values())


def _means(cells: Outcomes, seed: int) -> NDArray[np.float64]:
    """(resamples, cells) of success rates."""
    rng = np.random.default_rng(seed)
    policies = weights(rng, len(next(iter(cells.values()))))
    columns = []
    for values in cells.values():
        episodes = weights(rng, values.shape[1])
        columns.append(((policies @ values) * episodes).sum(axis=1))
    return np.stack(columns, axis=1)


def weights(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """(resamples, n) shares with which each of n is drawn."""
    counts: NDArray[np.float64] = rng.multinomial(n, np.full(n, 1 / n), N_RESAMPLES) / n
    return counts


def _estimate(means: NDArray[np.float64], centre: float, n: int, lowest: float) -> Estimate:
    """The mean with the percentile interval of resampled ones, which lies between `lowest` and 1."""
    low, high = (float(end) for end in np.quantile(means, (0.025, 0.975)))
    if high - low < 1e-12:
        least = wilson_interval(0, n)[1]
        low, high = max(lowest, centre - least), min(1.0, centre + least)
    return Estimate(centre, (low, high))
