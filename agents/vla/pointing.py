"""What was pointed at, remembered: looks through the network, and the place that most of them agree on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.vla.seeing import HIDES_M, near

# Looks nearer than this to one another are at the same place; so many are remembered.
SAME_M, KEPT = 0.015, 12
# A hand over the seat, lower than this above where it puts a part, hides the seat.
OVER_M = 0.06


@dataclass(frozen=True)
class _Look:
    position_m: NDArray
    yaw_rad: float


class Memory:
    """Looks for one thing, the newest last."""

    def __init__(self) -> None:
        self._looks: list[_Look] = []

    def add(self, position_m: tuple[float, float, float], yaw_rad: float) -> None:
        """Remember a look."""
        self._looks = [*self._looks[1 - KEPT :], _Look(np.array(position_m), yaw_rad)]

    def place(self, yaw_rad: float) -> tuple[float, float, float, float] | None:
        """Where most looks say that it is, their mean; of equally many the first. None before any look.

        Args:
            yaw_rad: How the hand is turned; of equal turns of two fingers that nearest to it is taken.
        """
        if not self._looks:
            return None
        at = np.stack([look.position_m for look in self._looks])
        same = np.linalg.norm(at[:, None] - at, axis=2) < SAME_M
        chosen = same[int(same.sum(1).argmax())]
        share = chosen / chosen.sum()
        x, y, z = (share @ at).tolist()
        doubled = share @ np.exp([2j * look.yaw_rad for look in self._looks])
        return x, y, z, near(math.atan2(doubled.imag, doubled.real) / 2, yaw_rad)


def hidden(hand_m: Sequence[float], place_m: Sequence[float], stage: str) -> bool:
    """Whether the hand hides a place from the cameras: over it, and over a seat also low."""
    (x, y, z), (u, v, w) = hand_m, place_m
    return math.hypot(x - u, y - v) < HIDES_M and (stage == "take" or z < w + OVER_M)
