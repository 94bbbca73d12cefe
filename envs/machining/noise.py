"""Random numbers by counter: each is a pure function of a key, a step and a factor.

So lane k of a batch draws the same bits as a single machine with the same key, whatever the size of the
batch and whatever the other lanes do (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
The mixing is that of SplitMix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_NORMAL_BITS = 14
_SHIFT = np.uint64(64 - _NORMAL_BITS)


def _mixed(z: U64) -> U64:
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    mixed: U64 = z ^ (z >> _31)
    return mixed


def keys(seeds: NDArray[np.integer], episode: NDArray[np.integer]) -> U64:
    """Keys (n,) for the episodes of lanes that were seeded so."""
    mixed = _mixed(seeds.astype(np.uint64) + _GOLDEN)
    return _mixed(mixed + episode.astype(np.uint64) * _GOLDEN)


def bits(key: U64, step: U64, factor: int) -> U64:
    """64 random bits for each lane.

    Args:
        key: (n,) of the lanes' episodes.
        step: (n,) the lanes' step numbers.
        factor: What they are for: each use has a number of its own.
    """
    use = np.uint64(factor * int(_MIX_2) % 2**64)
    return _mixed(_mixed(key + (step + np.uint64(1)) * _GOLDEN) ^ use)


def uniform(key: U64, step: U64, factor: int) -> F64:
    """Uniform numbers in (0, 1), (n,)."""
    return (bits(key, step, factor) >> _11).astype(np.float64) * 2.0**-53 + 2.0**-54


def normal(key: U64, step: U64, factor: int) -> F64:
    """Standard normal numbers (n,): the middles of 16,384 equally likely intervals, within +-4.0."""
    return _quantiles()[bits(key, step, factor) >> _SHIFT]


@cache
def _quantiles() -> F64:
    n, inverse = 1 << _NORMAL_BITS, NormalDist().inv_cdf
    upper = np.array([inverse((k + 0.5) / n) for k in range(n // 2, n)])
    table = np.concatenate([-upper[::-1], upper])  # symmetric to the last bit
    table.setflags(write=False)
    return table
