"""When the hand held something in a demonstration."""

from __future__ import annotations

from itertools import pairwise

from numpy.typing import NDArray

from agents.dataset import Episode


def holds(episode: Episode, closes: NDArray, gripped: NDArray) -> list[tuple[int, int]]:
    """Frames at which the gripper closed on something and opened again; the episode's end where it did not.

    A closing that gripped nothing was not meant.

    Args:
        episode: Its frames.
        closes: (n,) bool, whether the gripper was told to be closed, for all frames of the data set.
        gripped: (n,) bool, whether its own sensors told that something was between the fingers.
    """
    start, stop = episode.start, episode.stop
    edges = [f for f in range(start, stop) if f == start or closes[f] != closes[f - 1]] + [stop]
    return [(a, b) for a, b in pairwise(edges) if closes[a] and a > start and gripped[a:b].any()]
