"""Measured milling lives (NASA Ames) and the law fitted to them: scatter and factors at one cutting speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from envs.machining._check import Array, positive, within
from envs.machining.cutting import MAX_DEPTH_MM, MAX_FEED_MM


@dataclass(frozen=True)
class LifeFit:
    """Life as a product of powers: `base_min` (f/0.5)^a (d/1.5)^b, times `steel_factor` in steel.

    Attributes:
        base_min: Life in cast iron at a feed of 0.5 mm and a depth of 1.5 mm.
        feed_exponent: a.
        depth_exponent: b.
        steel_factor: Life in steel over that in cast iron.
        r_squared: Share of the variance of log life that it explains.
        rmse_ln: Root mean square of what is left of log life.
    """

    base_min: float
    feed_exponent: float
    depth_exponent: float
    steel_factor: float
    r_squared: float
    rmse_ln: float

    def life_min(self, feed_mm: ArrayLike, depth_mm: ArrayLike, steel: ArrayLike) -> Array:
        """Return the fitted life, `steel` being 1 or 0."""
        x = _life_columns(feed_mm, depth_mm, steel)
        return np.exp(
            np.log(self.base_min)
            + self.feed_exponent * x[1]
            + self.depth_exponent * x[2]
            + np.log(self.steel_factor) * x[3]
        )


def fit_milling_lives(
    lives_min: ArrayLike, feeds_mm: ArrayLike, depths_mm: ArrayLike, steel: ArrayLike
) -> LifeFit:
    """Return the least-squares fit of log life to log feed, log depth and material.

    Args:
        lives_min: (k,) lives, k above 4.
        feeds_mm: (k,) feeds per revolution.
        depths_mm: (k,) depths of cut.
        steel: (k,) 1 for steel, 0 for cast iron.

    Raises:
        ValueError: for an argument out of range, or points that do not tell the four numbers apart.
    """
    y = np.log(positive("lives_min", lives_min, 1e9))
    x = np.stack(np.broadcast_arrays(*_life_columns(feeds_mm, depths_mm, steel)), axis=-1)
    if y.ndim != 1 or x.shape != (len(y), 4) or len(y) < 5 or np.linalg.matrix_rank(x) < 4:
        raise ValueError(f"lives_min has {y.size} points: allowed are 5 or more that vary every factor")
    found = np.linalg.lstsq(x, y, rcond=None)[0]
    left = y - x @ found
    return LifeFit(
        base_min=float(np.exp(found[0])),
        feed_exponent=float(found[1]),
        depth_exponent=float(found[2]),
        steel_factor=float(np.exp(found[3])),
        r_squared=float(1.0 - (left @ left) / ((y - y.mean()) @ (y - y.mean()))),
        rmse_ln=float(np.sqrt(np.mean(left * left))),
    )


def _life_columns(
    feeds_mm: ArrayLike, depths_mm: ArrayLike, steel: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    feed = np.log(within("feeds_mm", feeds_mm, 0.001, MAX_FEED_MM) / 0.5)
    depth = np.log(within("depths_mm", depths_mm, 0.001, MAX_DEPTH_MM) / 1.5)
    return np.ones_like(feed), feed, depth, within("steel", steel, 0.0, 1.0)
