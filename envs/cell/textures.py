"""Procedural surfaces: pictures of tables, trays, floors and walls from a kind and a number, NumPy only.

Those that are learned from and those that are not are of different kinds, so no two of them are alike.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

# A surface is this many pixels wide and repeats after this length.
SIDE_PX = 128
TILE_M = 0.50
Plane = npt.NDArray[np.float64]
Pattern = Callable[[np.random.Generator, Plane, Plane], Plane]


def _waves(rng: np.random.Generator, u: Plane, v: Plane, octaves: int = 4, first: int = 1) -> Plane:
    """Smooth noise in [0, 1] that repeats with the tile: waves of whole numbers along u and v."""
    total = np.zeros_like(u)
    for octave in range(octaves):
        for _ in range(4):
            a, b = rng.integers(-2, 3, 2) * first * 2**octave
            total += np.cos(2 * np.pi * (a * u + b * v + rng.random())) / 2**octave
    low, high = total.min(), total.max()
    return (total - low) / max(high - low, 1e-9)


def _plain(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    return np.zeros_like(u)


def _clouds(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    return _waves(rng, u, v, 3)


def _stripes(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    n, m = rng.integers(2, 9), rng.integers(-2, 3)
    return ((n * u + m * v + rng.random()) % 1.0 < rng.uniform(0.3, 0.7)).astype(float)


def _checks(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    n = rng.integers(2, 7)
    return (np.floor(2 * n * u) + np.floor(2 * n * v)) % 2


def _grain(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    """Brushed or sawn: noise that is long one way."""
    lines = np.repeat(rng.random(SIDE_PX // 2), 2)[:, None] * np.ones(SIDE_PX)
    return 0.7 * lines + 0.3 * _waves(rng, u, v, 2)


def _speckle(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    """Terrazzo: grains of 8 mm on a ground."""
    side = SIDE_PX // 2
    grains = rng.random((side, side)) < rng.uniform(0.1, 0.35)
    return np.kron(grains, np.ones((2, 2))) * np.kron(rng.random((side, side)), np.ones((2, 2)))


def _bricks(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    rows, long = 2 * int(rng.integers(3, 7)), int(rng.integers(2, 5))
    row = np.floor(rows * v)
    joint = (rows * v % 1.0 < 0.16) | ((long * u + 0.5 * (row % 2)) % 1.0 < 0.06)
    return joint.astype(float)


def _dots(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    n, r = rng.integers(4, 10), rng.uniform(0.22, 0.40)
    return (np.hypot(n * u % 1.0 - 0.5, n * v % 1.0 - 0.5) < r).astype(float)


def _weave(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    n = 2 * rng.integers(3, 7)
    over = (np.floor(n * u) + np.floor(n * v)) % 2 == 0
    return np.where(over, np.abs(np.sin(np.pi * n * u)), 0.6 * np.abs(np.sin(np.pi * n * v)))


def _rings(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    x, y = rng.random(2)
    return (rng.integers(4, 12) * np.hypot((u - x) % 1.0 - 0.5, (v - y) % 1.0 - 0.5)) % 1.0


def _zigzag(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    n, m = rng.integers(3, 8), rng.integers(3, 9)
    return ((m * v + np.abs(n * u % 1.0 - 0.5) * rng.uniform(0.8, 1.6)) % 1.0 < 0.5).astype(float)


def _marble(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    return np.abs(np.sin(2 * np.pi * (rng.integers(1, 4) * u + 1.2 * _waves(rng, u, v, 4))))


# Kinds that are met in training, and kinds that are not.
SEEN: Mapping[str, Pattern] = MappingProxyType(
    {
        "plain": _plain,
        "clouds": _clouds,
        "stripes": _stripes,
        "checks": _checks,
        "grain": _grain,
        "speckle": _speckle,
    }
)
UNSEEN: Mapping[str, Pattern] = MappingProxyType(
    {"bricks": _bricks, "dots": _dots, "weave": _weave, "rings": _rings, "zigzag": _zigzag, "marble": _marble}
)


@lru_cache(maxsize=512)
def surface(name: str, vivid: float = 0.35) -> npt.NDArray[np.float32]:
    """(SIDE_PX, SIDE_PX, 3) shares of the light that a surface gives back, in [0, 1]; not to be written to.

    Args:
        name: Kind and number, such as "checks-3".
        vivid: Largest difference between the colours of a pixel. Trays are duller than tables, for coloured
            parts to stand out.

    Raises:
        ValueError: there is no such kind.
    """
    kind, _, number = name.partition("-")
    pattern = SEEN.get(kind) or UNSEEN.get(kind)
    if pattern is None or not number.isdigit():
        known = ", ".join((*SEEN, *UNSEEN))
        raise ValueError(f"surface {name!r}: KIND-NUMBER is needed, kinds are {known}")
    rng = np.random.default_rng([zlib.crc32(kind.encode()), int(number)])
    v, u = (np.indices((SIDE_PX, SIDE_PX)) + 0.5) / SIDE_PX
    share = pattern(rng, u, v)[:, :, None]
    light, dark = sorted(rng.uniform(0.30, 0.95, 2).tolist(), reverse=True)
    light = max(light, dark + 0.25)
    tints = rng.random((2, 3)) - 0.5
    one, other = (
        np.clip(grey + vivid * (tint - tint.mean()) * 1.2, 0.05, 1.0)
        for grey, tint in zip((min(light, 1.0), dark), tints, strict=True)
    )
    pixels = (one + share * (other - one)).astype(np.float32)
    pixels.setflags(write=False)
    return pixels
