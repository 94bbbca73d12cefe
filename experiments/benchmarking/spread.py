"""Intervals of averages over cells: policies and episodes are drawn again, both with replacement.

All policies of a row see the same episodes, so the two are crossed: a resample takes some of the policies
and, in each cell, some of the episodes, the same for all policies (a two-way bootstrap). With one policy the
interval tells of the episodes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    return _estimate(_means(cells, seed), [float(values.mean()) for values in cells.values()])


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
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(centre, (float(low), float(high)))


def difference(a: Outcomes, b: Outcomes, seed: int = 0) -> Estimate:
    """Return the mean of a less that of b on the same episodes; the policies are drawn apart.

    Args:
        a: By cell, each (policies, episodes).
        b: The same cells and episodes.
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)
    weights_a, weights_b = (_weights(rng, len(next(iter(rows.values())))) for rows in (a, b))
    means = []
    for name in a:
        episodes = _weights(rng, a[name].shape[1])
        means.append(((weights_a @ a[name] - weights_b @ b[name]) * episodes).sum(axis=1))
    centre = [float(a[name].mean() - b[name].mean()) for name in a]
    return _estimate(np.stack(means, axis=1), centre)


def _means(cells: Outcomes, seed: int) -> NDArray[np.float64]:
    """(resamples, cells) of success rates."""
    rng = np.random.default_rng(seed)
    policies = _weights(rng, len(next(iter(cells.values()))))
    columns = []
    for values in cells.values():
        episodes = _weights(rng, values.shape[1])
        columns.append(((policies @ values) * episodes).sum(axis=1))
    return np.stack(columns, axis=1)


def _weights(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """(resamples, n) shares with which each of n is drawn."""
    counts: NDArray[np.float64] = rng.multinomial(n, np.full(n, 1 / n), N_RESAMPLES) / n
    return counts


def _estimate(means: NDArray[np.float64], centre: list[float]) -> Estimate:
    low, high = np.quantile(means.mean(axis=1), (0.025, 0.975))
    return Estimate(float(np.mean(centre)), (float(low), float(high)))
