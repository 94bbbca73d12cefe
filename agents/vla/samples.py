"""Demonstrations as looks: a picture, an instruction, and what the hand did next that mattered.

What matters is where the gripper closes or opens: each picture of an episode is labelled with the next pose
at which it does. A data set of `experiments.collect --frames keys` holds a frame wherever a key pose begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.dataset import Dataset, DatasetError, Episode
from agents.taught import COMMANDED, ROTATION, tool_yaw
from agents.vla import geometry
from agents.vla.pointing import hidden
from agents.vla.seeing import CAMERA_OF, HIDES_M
from agents.vla.tokenizer import Tokenizer, words

# So little the key pose is turned against the hand where any turn will do (rad, doubled).
KEPT_RAD = 2e-3
# Where to look next.
NEXT_LOOK = {"take": "chuck", "put": "done"}
# How much the picture of a camera that does not look down may be turned, of the largest turn.
OBLIQUE = 0.4


@dataclass(frozen=True)
class Samples:
    """Looks and what followed, a row each.

    Attributes:
        pictures: (n, h, w, 3) uint8.
        masks: (n, h, w) uint8, classes of the segmentation.
        said: (n, k) which instructions say it, as rows of `ids`, filled up by repetition.
        places: (n,) camera and stage, as `network.place_token`.
        pixels: (n, 2) where in the picture the pose is (column, row).
        heights: (n,) its height, or above where the part was taken (m).
        yaws: (n,) its turn about the vertical against the camera's (rad).
        free: (n,) 1 where any turn will do: the expert kept the hand's, else 0.
        closes: (n,) 1 where the gripper closes there, else 0.
        looks: (n,) where to look next, as an index into `network.LOOKS`.
        turns: (n,) how much the picture may be turned, from 0 to 1.
        ids: (m, words, pieces) tokens of all instructions.
        known: All words of these.
    """

    pictures: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    said: NDArray[np.int64]
    places: NDArray[np.int64]
    pixels: NDArray[np.float64]
    heights: NDArray[np.float64]
    yaws: NDArray[np.float64]
    free: NDArray[np.float64]
    closes: NDArray[np.int64]
    looks: NDArray[np.int64]
    turns: NDArray[np.float64]
    ids: NDArray[np.int64]
    known: frozenset[str]

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: NDArray | Sequence[int]) -> Samples:
        """Some of them; the instructions stay."""
        rows = np.asarray(rows)
        names = [n for n in self.__dataclass_fields__ if n not in ("ids", "known")]
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True)
class Look:
    """One picture and the pose that followed, in the world.

    Attributes:
        picture: (h, w, 3) uint8.
        mask: (h, w) uint8.
        lens: (3, 4) projection.
        texts: Instructions that all ask for this.
        stage: "take" or "put".
        position_m: Where the gripper closes or opens.
        yaw_rad: How the hand is turned there.
        height_m: The height that is learned: above the floor, or above where the part was taken.
        free: Whether any turn will do.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    lens: NDArray
    texts: tuple[str, ...]
    stage: str
    position_m: tuple[float, float, float]
    yaw_rad: float
    height_m: float
    free: bool = False


def from_looks(looks: Sequence[Look], tokenizer: Tokenizer) -> Samples:
    """Put looks into rows; those whose pose is outside their picture are left out.

    Raises:
        ValueError: If none is left.
    """
    from agents.vla.network import LOOKS, place_token

    kept, pixels = [], []
    for look in looks:
        pixel = geometry.project(look.lens, geometry.anchor(look.position_m, look.height_m, look.stage))
        h, w = look.mask.shape
        if 0 <= pixel[0] < w and 0 <= pixel[1] < h:
            kept.append(look)
            pixels.append(pixel)
    if not kept:
        raise ValueError(f"none of {len(looks)} looks shows where the hand went")
    texts = sorted({text for look in kept for text in look.texts})
    row = {text: i for i, text in enumerate(texts)}
    most = max(len(look.texts) for look in kept)
    return Samples(
        np.stack([k.picture for k in kept]),
        np.stack([k.mask for k in kept]),
        np.array([np.resize([row[t] for t in k.texts], most) for k in kept]),
        np.array([place_token(CAMERA_OF[k.stage], k.stage) for k in kept]),
        np.array(pixels),
        np.array([k.height_m for k in kept]),
        np.array([k.yaw_rad - geometry.heading(k.lens) for k in kept]),
        np.array([float(k.free) for k in kept]),
        np.array([int(k.stage == "take") for k in kept]),
        np.array([LOOKS.index(NEXT_LOOK[k.stage]) for k in kept]),
        np.where([geometry.looks_down(look.lens) for look in kept], 1.0, OBLIQUE),
        np.stack([tokenizer.encode(text) for text in texts]),
        frozenset(word for text in texts for word in words(text)),
    )


def joined(one: Samples, other: Samples) -> Samples:
    """Both, one after the other."""
    most = math.lcm(one.said.shape[1], other.said.shape[1])
    said = [
        np.tile(part.said + shift, (1, most // part.said.shape[1]))
        for part, shift in ((one, 0), (other, len(one.ids)))
    ]
    rest = [n for n in one.__dataclass_fields__ if n not in ("said", "known")]
    both = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in rest}
    return replace(one, **both, said=np.concatenate(said), known=one.known | other.known)


def from_dataset(
    data: Dataset, tokenizer: Tokenizer, n_episodes: int | None = None, *, clear: bool = False
) -> Samples:
    """Read demonstrations.

    Args:
        data: Frames at key poses, with pictures and masks of the cameras in `CAMERA_OF`.
        tokenizer: Words to numbers.
        n_episodes: How many episodes, from the first; None for all.
        clear: Whether looks at a seat that the hand hides are left out.

    Raises:
        DatasetError: If something that is needed is not in it.
    """
    needed = ["observation.state", "key.position_m", "key.yaw_rad", "key.close"]
    parts = ("observation.images", "observation.segmentation", "calibration")
    needed += [f"{part}.{camera}" for camera in CAMERA_OF.values() for part in parts]
    for name in needed:
        if name not in data.features:
            raise DatasetError(f"data set {str(data.folder)!r}: {name!r} is missing, which is learned from")
    state = data.column("observation.state")
    hands = state[:, COMMANDED].astype(float)
    positions, yaws = (data.column(name).astype(float) for name in ("key.position_m", "key.yaw_rad"))
    closes = data.column("key.close").astype(bool).ravel()
    turns = np.array([tool_yaw(quaternion) for quaternion in state[:, ROTATION]])
    kept = np.abs(np.angle(np.exp(2j * (yaws.ravel() - turns)))) < KEPT_RAD
    looks: list[Look] = []
    marks = [m for e in data.episodes[:n_episodes] for m in _marks(e, closes, hands, positions)]
    if clear:
        marks = [m for m in marks if not hidden(hands[m.frame], positions[m.to], m.stage)]
    for stage, camera in CAMERA_OF.items():
        chosen = [mark for mark in marks if mark.stage == stage]
        frames = [mark.frame for mark in chosen]
        pictures = data.images(f"observation.images.{camera}", frames)
        masks = data.images(f"observation.segmentation.{camera}", frames)
        lenses = data.column(f"calibration.{camera}").reshape(-1, 3, 4).astype(float)
        for i, mark in enumerate(chosen):
            x, y, z = positions[mark.to].tolist()
            base = 0.0 if mark.taken is None else positions[mark.taken][2]
            yaw, lens = float(yaws[mark.to].item()), lenses[mark.frame]
            free = bool(kept[mark.since : mark.to + 1].all())
            looks.append(Look(pictures[i], masks[i], lens, mark.tasks, stage, (x, y, z), yaw, z - base, free))
    if not looks:
        raise DatasetError(f"data set {str(data.folder)!r}: no episode in which the gripper closes")
    return from_looks(looks, tokenizer)


@dataclass(frozen=True)
class _Mark:
    """A frame to learn from, those of the pose that followed and of the take, and the first of its kind."""

    stage: str
    frame: int
    to: int
    taken: int | None
    tasks: tuple[str, ...]
    since: int


def _marks(episode: Episode, closes: NDArray, hands: NDArray, positions: NDArray) -> Iterator[_Mark]:
    """The frames of an episode that are followed by a change of the gripper and show what it is about.

    Where nobody works, a frame says itself where the gripper would close.
    """
    if episode.extra.get("static"):
        for f in range(episode.start, episode.stop):
            yield _Mark("take", f, f, None, episode.tasks, f)
        return
    changes = [f for f in range(episode.start + 1, episode.stop) if closes[f] != closes[f - 1]]
    for f in range(episode.start, episode.stop):
        to = next((c for c in changes if c > f), None)
        if to is None:
            return
        if closes[f]:
            taken = max((c for c in changes if c <= f), default=None)
            if taken not in (None, f):
                yield _Mark("put", f, to, taken, episode.tasks, taken)
        elif np.hypot(*(hands[f] - positions[to])[:2]) > HIDES_M:
            since = max((c for c in changes if c <= f), default=episode.start)
            yield _Mark("take", f, to, None, episode.tasks, since)
