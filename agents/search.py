"""Search for good settings in few trials: by chance, one factor at a time, and by a Gaussian process.

All search a finite grid of settings for many machines at once, each machine by itself: `propose` says what to
try next, `tell` what came of it (a cost), `best` what to run from now on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Index = NDArray[np.intp]


class Search(ABC):
    """A search on n machines over a grid (d, m) of settings.

    Args:
        grid: The settings.
        n: Machines.
    """

    def __init__(self, grid: F64, n: int) -> None:
        self.grid, self.n = grid, n
        self.tried: list[Index] = []
        self.costs: list[F64] = []

    @abstractmethod
    def propose(self) -> Index:
        """(n,) columns of the grid to try next."""

    def tell(self, chosen: Index, cost: F64) -> None:
        """Take in what came of a trial, (n,) each."""
        self.tried.append(chosen)
        self.costs.append(cost)

    def best(self) -> Index:
        """(n,) columns that look best so far: here those of the cheapest trial."""
        at = np.argmin(np.stack(self.costs), axis=0)
        return np.stack(self.tried)[at, np.arange(self.n)]


class RandomSearch(Search):
    """The start, then settings by chance.

    Args:
        grid: The settings.
        n: Machines.
        start: Column that is tried first.
        seed: Of the draws.
    """

    def __init__(self, grid: F64, n: int, start: int, seed: int) -> None:
        super().__init__(grid, n)
        self._start, self._rng = start, np.random.default_rng(seed)

    def propose(self) -> Index:
        """Any, evenly."""
        if not self.tried:
            return np.full(self.n, self._start)
        return self._rng.integers(self.grid.shape[1], size=self.n)


class OneFactor(Search):
    """One factor at a time, as on the shop floor: all levels of one, the others held at the best so far.

    Args:
        grid: The settings, all combinations of the factors' levels.
        n: Machines.
        start: Column that is tried first.
        order: Factors in the order in which they are varied, over and over.
        levels: How many levels of a factor are tried, evenly over its range.
    """

    def __init__(self, grid: F64, n: int, start: int, order: Sequence[int], levels: int) -> None:
        super().__init__(grid, n)
        self._start, every = start, [np.unique(row) for row in grid]
        self._rank = np.stack([np.searchsorted(u, row) for u, row in zip(every, grid, strict=True)])
        self._column = {tuple(ranks): i for i, ranks in enumerate(self._rank.T.tolist())}
        spread = [np.unique(np.linspace(0, len(u) - 1, levels).round().astype(int)) for u in every]
        self._plan = [(factor, int(rank)) for factor in order for rank in spread[factor]]
        self._base = np.full(n, start)

    def propose(self) -> Index:
        """The next level of the factor that is varied."""
        if not self.tried:
            return np.full(self.n, self._start)
        at = (len(self.tried) - 1) % len(self._plan)
        factor, rank = self._plan[at]
        if at == 0 or self._plan[at - 1][0] != factor:  # the factor before is settled
            self._base = self.best()
        ranks = self._rank[:, self._base].copy()
        ranks[factor] = rank
        return np.array([self._column[tuple(one)] for one in ranks.T.tolist()])


class GaussianSearch(Search):
    """Bayesian optimisation: a Gaussian process over the logarithm of cost, and expected improvement.

    Args:
        grid: The settings.
        n: Machines.
        mean: (m,) prior mean of log cost.
        covariance: (m, m) prior covariance.
        noise: Standard deviation of a trial's log cost.
        cap: Log cost above which bad is bad: how much worse says nothing about what is good.
    """

    def __init__(
        self, grid: F64, n: int, mean: F64, covariance: F64, noise: float, cap: float = np.inf
    ) -> None:
        super().__init__(grid, n)
        self._mean, self._prior, self._cap = mean, covariance, cap
        self._variance = max(noise, 1e-3) ** 2

    def posterior(self) -> tuple[F64, F64]:
        """(n, m) mean and standard deviation of log cost after the trials so far."""
        m = self.grid.shape[1]
        spread = np.diag(self._prior)
        if not self.tried:
            return np.tile(self._mean, (self.n, 1)), np.tile(np.sqrt(spread), (self.n, 1))
        tried, logs = (
            np.stack(self.tried, axis=1),
            np.minimum(np.log(np.stack(self.costs, axis=1)), self._cap),
        )
        mean, deviation = np.empty((self.n, m)), np.empty((self.n, m))
        for k in range(self.n):
            at = tried[k]
            known = self._prior[np.ix_(at, at)] + self._variance * np.eye(len(at))
            across = self._prior[at]
            gain = np.linalg.solve(known, across)
            mean[k] = self._mean + gain.T @ (logs[k] - self._mean[at])
            deviation[k] = np.sqrt(np.maximum(spread - (across * gain).sum(axis=0), 1e-12))
        return mean, deviation

    def propose(self) -> Index:
        """Where the expected improvement on the best mean so far is largest."""
        mean, deviation = self.posterior()
        if not self.tried:
            return np.argmin(mean, axis=1)
        tried = np.stack(self.tried, axis=1)
        so_far = np.take_along_axis(mean, tried, axis=1).min(axis=1, keepdims=True)
        z = (so_far - mean) / deviation
        below = 0.5 * (1.0 + np.tanh(0.7978845608 * (z + 0.044715 * z**3)))  # Page's form of the normal
        density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        return np.argmax(deviation * (z * below + density), axis=1)

    def best(self) -> Index:
        """Where the mean is least, tried or not."""
        return np.argmin(self.posterior()[0], axis=1)


def squared_exponential(grid: F64, lengths: F64, deviation: float) -> F64:
    """(m, m) covariance that falls with distance, each factor in its own length."""
    scaled = grid / lengths[:, None]
    square = ((scaled[:, :, None] - scaled[:, None, :]) ** 2).sum(axis=0)
    return np.asarray(deviation**2 * np.exp(-0.5 * square))
