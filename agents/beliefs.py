"""What a supervisor believes: how likely something works, where the size stands, how worn an edge is.

Each belief is a few numbers with a closed-form update, so that a decision can say what it was based on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Chance:
    """How likely something works: a Beta distribution, begun by what was known before.

    Attributes:
        worked: Pseudo-count of successes.
        failed: Pseudo-count of failures.
    """

    worked: float
    failed: float

    @classmethod
    def prior(cls, mean: float, weight: float) -> Chance:
        """Return a belief of a mean that counts like so many trials."""
        return cls(mean * weight, (1.0 - mean) * weight)

    @property
    def mean(self) -> float:
        """The expected share of successes."""
        return self.worked / (self.worked + self.failed)

    def seen(self, success: bool) -> Chance:
        """Return the belief after one more trial."""
        return Chance(self.worked + success, self.failed + (not success))


@dataclass(frozen=True)
class Average:
    """The mean of something that is seen again and again, begun by a guess that counts like so many."""

    total: float
    weight: float

    @property
    def mean(self) -> float:
        """What is expected of the next."""
        return self.total / self.weight

    def seen(self, value: float) -> Average:
        """Return the belief after one more."""
        return Average(self.total + value, self.weight + 1.0)


@dataclass(frozen=True)
class Size:
    """Where the size stands, as a Kalman filter of one state.

    Attributes:
        mean_um: Expected size error of the next part.
        variance_um2: How unsure that is, without the scatter from part to part.
    """

    mean_um: float = 0.0
    variance_um2: float = 36.0

    def moved(self, by_um: float, variance_um2: float = 0.0) -> Size:
        """Return the belief after a known shift that is itself unsure, such as heat or a new edge."""
        return Size(self.mean_um + by_um, self.variance_um2 + variance_um2)

    def read(self, reading_um: float, noise_um: float) -> Size:
        """Return the belief after a reading whose own scatter (gauge and part) is `noise_um`."""
        gain = self.gain(noise_um)
        return replace(
            self,
            mean_um=self.mean_um + gain * (reading_um - self.mean_um),
            variance_um2=(1.0 - gain) * self.variance_um2,
        )

    def gain(self, noise_um: float) -> float:
        """Return the share of a surprise that is believed."""
        return self.variance_um2 / (self.variance_um2 + noise_um**2)

    def out(self, tolerance_um: float, part_um: float) -> float:
        """Return the chance that the next part is out of tolerance, `part_um` its own scatter."""
        sigma = math.sqrt(self.variance_um2 + part_um**2)
        return beyond((tolerance_um - self.mean_um) / sigma) + beyond((tolerance_um + self.mean_um) / sigma)


def beyond(z: float) -> float:
    """Return the chance of a standard normal value above z."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def failing(worn: float, middle: float, width: float) -> float:
    """Return the chance that an edge fails in the next part: a logistic curve over its wear.

    Args:
        worn: Wear as sensors and clock tell, 1 at the end of its usual life.
        middle: Wear at which a failure is as likely as not.
        width: How much wear takes the odds from one to e.
    """
    return 1.0 / (1.0 + math.exp(min(60.0, (middle - worn) / width)))
