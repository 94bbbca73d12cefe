"""Pure reward terms, each in [0, 1]; a dense reward is their weighted mean less one, so that time costs."""

from __future__ import annotations

import math
from collections.abc import Mapping


def closeness(distance_m: float, scale_m: float) -> float:
    """1 at no distance, about 0.46 at `scale_m`, towards 0 far away: 1 - tanh(d / (2 scale)) shaped."""
    return 1.0 - math.tanh(0.55 * distance_m / scale_m)


def weighted(terms: Mapping[str, float], weights: Mapping[str, float], whole: float) -> float:
    """Weighted mean of the terms less one: 0 when all is done, -1 when nothing is.

    Args:
        terms: The terms.
        weights: The weight of each.
        whole: The sum of the weights.

    Raises:
        KeyError: if a term has no weight.
    """
    total = 0.0
    for name, value in terms.items():
        total += weights[name] * value
    return total / whole - 1.0
