"""Demonstrations as motions: what the hand was told at a frame, and what it did then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.dataset import Dataset, DatasetError, Episode
from agents.taught import GRIPPED
from agents.vla.body import N_ACTIONS
from agents.vla.grips import holds
from agents.vla.senses import PLACE, PUT, TAKE

_NEEDED = (
    *("observation.state", "observation.machine", "action.chunk", "action.foreseen"),
    *("key.position_m", "key.yaw_rad", "key.close"),
)


@dataclass(frozen=True)
class Motions:
    """Frames and what followed, a row each.

    Attributes:
        robot: (n, d) `agent_pos`.
        machine: (n, 6) the machine's signals.
        places: (n, 2, 4) where the gripper closes and where it opens; the latter known once a part is held.
        chunks: (n, chunk, 5) the actions from then on.
        foreseen: (n, chunk) whether each of these could be foreseen.
    """

    robot: NDArray[np.float32]
    machine: NDArray[np.float32]
    places: NDArray[np.float64]
    chunks: NDArray[np.float32]
    foreseen: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.robot)


def from_dataset(data: Dataset, chunk: int, n_episodes: int | None = None) -> Motions:
    """Read demonstrations.

    Args:
        data: Frames with actions ahead (`experiments.collect --chunk`), also where key poses begin.
        chunk: Actions ahead that are wanted.
        n_episodes: How many episodes, from the first; None for all.

    Raises:
        DatasetError: If something that is needed is not in it.
    """
    for name in _NEEDED:
        if name not in data.features:
            raise DatasetError(f"data set {str(data.folder)!r}: {name!r} is missing, which is learned from")
    held, size = data.features["action.chunk"].shape
    if held < chunk or size != N_ACTIONS:
        raise DatasetError(
            f"data set {str(data.folder)!r}: actions ahead are {held} of {size} numbers, "
            f"{chunk} or more of {N_ACTIONS} are learned from"
        )
    robot = data.column("observation.state")
    poses = [data.column("key.position_m"), data.column("key.yaw_rad").reshape(-1, 1)]
    poses_of = np.concatenate(poses, 1).astype(float)
    closes = data.column("key.close").astype(bool).ravel()
    gripped = robot[:, GRIPPED] > 0.5
    places = np.full((len(data), 2, PLACE), np.nan)
    episodes = [e for e in data.episodes[:n_episodes] if not e.extra.get("static")]
    for episode in episodes:
        _mark(episode, closes, gripped, poses_of, places)
    rows = np.concatenate([np.arange(e.start, e.stop) for e in episodes]) if episodes else np.zeros(0, int)
    rows = rows[np.isfinite(places[rows, TAKE]).all(1)]
    if not len(rows):
        raise DatasetError(f"data set {str(data.folder)!r}: no episode in which the gripper closes")
    ahead = data.column("action.foreseen").reshape(-1, 1)[rows]
    return Motions(
        robot[rows],
        data.column("observation.machine")[rows],
        places[rows],
        data.column("action.chunk")[rows, :chunk],
        np.arange(chunk) < ahead,
    )


def _mark(episode: Episode, closes: NDArray, gripped: NDArray, poses: NDArray, places: NDArray) -> None:
    """Write to an episode's frames where the gripper closes next, or did, and opens after that."""
    start, stop, held = episode.start, episode.stop, holds(episode, closes, gripped)
    if not held:
        return
    for f in range(start, stop):
        take, put = next(((a, b) for a, b in held if f < b), held[-1])
        places[f, TAKE] = poses[take]
        if f >= take and gripped[take : f + 1].any() and put < stop:
            places[f, PUT] = poses[put]
