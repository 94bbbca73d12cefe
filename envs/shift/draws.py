"""Random numbers that are functions of what they are for: a key, a factor's name, an entity's number.

Nothing here has a state: modes that run at different speeds meet the same blank k, tool j and call i. The
mixing is that of `envs.machining.noise`.
"""

from __future__ import annotations

import math
from functools import cache
from hashlib import blake2b
from statistics import NormalDist

_MASK = (1 << 64) - 1
_GOLDEN, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_NORMAL = NormalDist()


def _mixed(z: int) -> int:
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


@cache
def _number(factor: str) -> int:
    """A factor's own 64 bits."""
    return int.from_bytes(blake2b(factor.encode(), digest_size=8).digest(), "little")


def key(seed: int, factor: str, entity: int = 0) -> int:
    """Return 64 bits that follow from a seed or another key, a factor and an entity."""
    return _mixed((_mixed((seed + _GOLDEN) & _MASK) ^ _number(factor)) + entity * _GOLDEN & _MASK)


def uniform(seed: int, factor: str, entity: int = 0) -> float:
    """Return a number in (0, 1)."""
    return ((key(seed, factor, entity) >> 12) + 0.5) * 2.0**-52


def normal(seed: int, factor: str, entity: int = 0) -> float:
    """Return a standard normal number."""
    return _NORMAL.inv_cdf(uniform(seed, factor, entity))


def exponential(mean: float, seed: int, factor: str, entity: int = 0) -> float:
    """Return an exponential number of that mean."""
    return -mean * math.log(uniform(seed, factor, entity))


def lognormal(mean: float, sigma: float, seed: int, factor: str, entity: int = 0) -> float:
    """Return a lognormal number of that mean; `sigma` is of its logarithm."""
    return mean * math.exp(sigma * normal(seed, factor, entity) - sigma * sigma / 2.0)


def choice(shares: tuple[float, ...], seed: int, factor: str, entity: int = 0) -> int:
    """Return the number of the share that was drawn; shares add up to 1."""
    left = uniform(seed, factor, entity)
    for number, share in enumerate(shares):
        left -= share
        if left < 0.0:
            return number
    return len(shares) - 1
