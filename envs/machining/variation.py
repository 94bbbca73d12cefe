"""What differs between lots: the machine, its material, the day. Splits are frozen files with a hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from configs import data
from configs.records import unknown
from envs.machining import noise
from envs.machining.noise import F64
from envs.machining.state import Lanes

# Numbers of randomness, after those of the faults; a lot's factors are drawn at step 2^32.
_FIRST = 64
_DRAW_STEP = 2**32
FACTORS: Mapping[str, tuple[float, float]] = {  # what is allowed at all
    "growth": (0.2, 3.0),
    "pace": (0.3, 3.0),
    "stiffness": (0.3, 3.0),
    "frequency": (0.7, 1.4),
    "hardness": (0.6, 1.6),
    "abrasion": (0.3, 4.0),
    "ambient_k": (-15.0, 20.0),
    "swing_k": (0.0, 10.0),
    "phase_rad": (0.0, 6.2832),
}


@dataclass(frozen=True)
class Split:
    """Ranges of the factors, seeds, and the hash of the file."""

    name: str
    sha256: str
    seeds: Mapping[str, tuple[int, int]]
    factors: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        for name, (low, high) in self.factors.items():
            if name not in FACTORS:
                raise ValueError(
                    f"split {self.name}: unknown factor {name!r}: allowed are {', '.join(FACTORS)}"
                )
            lowest, highest = FACTORS[name]
            if not lowest <= low <= high <= highest:
                raise ValueError(
                    f"split {self.name}: {name} [{low}, {high}]: allowed are {lowest} to {highest}"
                )
        if missing := set(FACTORS) - set(self.factors):
            raise ValueError(f"split {self.name}: {sorted(missing)[0]!r} is missing")

    def lanes(self, seeds: NDArray[np.integer], episode: NDArray[np.integer]) -> Lanes:
        """Lanes (n,) drawn from their seeds and the numbers of their episodes alone."""
        key = noise.keys(seeds, episode)
        step = np.full(len(key), _DRAW_STEP, np.uint64)

        def drawn(number: int, name: str) -> F64:
            low, high = self.factors[name]
            return low + (high - low) * noise.uniform(key, step, _FIRST + number)

        return Lanes(key, **{name: drawn(i, name) for i, name in enumerate(FACTORS)})


def names() -> tuple[str, ...]:
    """Names of the splits."""
    return data.names("splits/process")


@cache
def split(name: str) -> Split:
    """The split of that name.

    Raises:
        ValueError: if there is none, or its file is wrong.
    """
    if name not in names():
        raise unknown("split", name, names())
    read = data.read("splits/process", name)
    seeds = {k: (int(a), int(b)) for k, (a, b) in read.content["seeds"].items()}
    factors = {k: (float(a), float(b)) for k, (a, b) in read.content["factors"].items()}
    return Split(name, read.sha256, seeds, factors)
