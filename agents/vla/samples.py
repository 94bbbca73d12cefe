"""Demonstrations as looks: a picture, an instruction, and what the hand did next that mattered.

What matters is where the gripper closes or opens: each picture of an episode is labelled with the next pose at
which it does. A data set of `experiments.collect --frames keys` holds a frame wherever a key pose begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.dataset import Dataset, DatasetError
from agents.taught import COMMANDED
from agents.vla import geometry
from agents.vla.tokenizer import Tokenizer, words

# A hand nearer than this in the plane to where it is about to close hides the part from the camera above.
HIDES_M = 0.06
# Height of the surface on which parts stand when they are taken (m): the tray's.
SURFACE_M = 0.030
# Which camera a look is taken through, and where to look next.
CAMERA_OF = {"take": "tray", "put": "chuck"}
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
        return Samples(*(getattr(self, name)[rows] for name in names), self.ids, self.known)


def anchor(
    position_m: tuple[float, float, float], height_m: float, stage: str
) -> tuple[float, float, float]:
    """The point whose pixel is learned: where the hand takes a part; or, under it, where a part is to stand.

    The latter can be seen wherever the camera is; the hand that puts it down hangs in the air.
    """
    x, y, _ = position_m
    return position_m if stage == "take" else (x, y, height_m + SURFACE_M)


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
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    lens: NDArray
    texts: tuple[str, ...]
    stage: str
    position_m: tuple[float, float, float]
    yaw_rad: float
    height_m: float


def from_looks(looks: Sequence[Look], tokenizer: Tokenizer) -> Samples:
    """Put looks into rows; those whose pose is outside their picture are left out.

    Raises:
        ValueError: If none is left.
    """
    from agents.vla.network import LOOKS, place_token

    kept, pixels = [], []
    for look in looks:
        pixel = geometry.project(look.lens, anchor(look.position_m, look.height_m, look.stage))
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
        np.array([int(k.stage == "take") for k in kept]),
        np.array([LOOKS.index(NEXT_LOOK[k.stage]) for k in kept]),
        np.where([geometry.looks_down(look.lens) for look in kept], 1.0, OBLIQUE),
        np.stack([tokenizer.encode(text) for text in texts]),
        frozenset(word for text in texts for word in words(text)),
    )


def from_dataset(data: Dataset, tokenizer: Tokenizer, n_episodes: int | None = None) -> Samples:
    """Read demonstrations.

    Args:
        data: Frames at key poses, with pictures and masks of the cameras in `CAMERA_OF`.
        tokenizer: Words to numbers.
        n_episodes: How many episodes, from the first; None for all.

    Raises:
        DatasetError: If something that is needed is not in it.
    """
    needed = ["observation.state", "key.position_m", "key.yaw_rad", "key.close"]
    for camera in CAMERA_OF.values():
        needed += [f"observation.images.{camera}", f"observation.segmentation.{camera}", f"calibration.{camera}"]
    for name in needed:
        if name not in data.features:
            raise DatasetError(f"data set {str(data.folder)!r}: {name!r} is missing, which this agent learns from")
    hands = data.column("observation.state")[:, COMMANDED].astype(float)
    positions, yaws = data.column("key.position_m").astype(float), data.column("key.yaw_rad").astype(float)
    closes = data.column("key.close").astype(bool).ravel()
    rows: list[tuple[int, str, int, int, int]] = []
    for number, episode in enumerate(data.episodes[:n_episodes]):
        frames = np.arange(episode.start, episode.stop)
        changes = [int(f) for f in frames[1:] if closes[f] != closes[f - 1]]
        for f in frames:
            following = next((c for c in changes if c > f), None)
            taken = max((c for c in changes if c <= f and closes[c]), default=None)
            if following is None or f == taken:
                continue
            if not closes[f] and closes[following]:
                if np.hypot(*(hands[f] - positions[following])[:2]) > HIDES_M:
                    rows.append((number, "take", int(f), following, following))
            elif closes[f] and taken is not None:
                rows.append((number, "put", int(f), following, taken))
    if not rows:
        raise DatasetError(f"data set {str(data.folder)!r}: no episode in which the gripper closes")
    looks: list[Look] = []
    for stage, camera in CAMERA_OF.items():
        chosen = [r for r in rows if r[1] == stage]
        frames = [r[2] for r in chosen]
        pictures = data.images(f"observation.images.{camera}", frames)
        masks = data.images(f"observation.segmentation.{camera}", frames)
        lenses = data.column(f"calibration.{camera}").reshape(-1, 3, 4)
        for i, (number, _, f, to, taken) in enumerate(chosen):
            x, y, z = positions[to].tolist()
            base = 0.0 if stage == "take" else positions[taken][2]
            looks.append(
                Look(
                    pictures[i], masks[i], lenses[f].astype(float), data.episodes[number].tasks, stage, (x, y, z),
                    float(yaws[to].item()), z - base,
                )
            )  # fmt: skip
    return from_looks(looks, tokenizer)
