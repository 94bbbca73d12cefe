"""Demonstrations as looks: a picture, an instruction, and what the hand did next that mattered.

What matters is where the gripper closes or opens: each picture of an episode is labelled with the next pose
at which it does. A data set of `experiments.collect --frames keys` holds a frame wherever a key pose begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.dataset import Dataset, DatasetError, Episode
from agents.taught import COMMANDED, GRIPPED
from agents.vla import geometry
from agents.vla.grips import holds
from agents.vla.pointing import hidden
from agents.vla.seeing import HIDES_M
from agents.vla.tokenizer import Tokenizer, words

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
        heights: (n,) how high the hand closes, or how high that is on which the part is put (m).
        yaws: (n,) its turn about the vertical against the camera's (rad).
        symmetry: (n,) equal ways to be turned there, all the way round; 0 where any will do.
        closes: (n,) 1 where the gripper closes there, else 0.
        cameras: (n,) through which camera to look, as an index into `network.CAMERAS`.
        stages: (n,) what the look is for, as an index into `network.STAGES`.
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
    symmetry: NDArray[np.int64]
    closes: NDArray[np.int64]
    cameras: NDArray[np.int64]
    stages: NDArray[np.int64]
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
        camera: Its name.
        stage: "take" or "put".
        position_m: Where the gripper closes; or where the middle of the part's bottom will stand.
        yaw_rad: How the hand is turned there.
        symmetry: Equal ways to be turned there, all the way round; 0 for any.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    lens: NDArray
    texts: tuple[str, ...]
    camera: str
    stage: str
    position_m: tuple[float, float, float]
    yaw_rad: float
    symmetry: int = 1


def from_looks(looks: Sequence[Look], tokenizer: Tokenizer) -> Samples:
    """Put looks into rows; those whose pose is outside their picture are left out.

    Raises:
        ValueError: If none is left.
    """
    from agents.vla.network import CAMERAS, STAGES, place_token

    kept, pixels = [], []
    for look in looks:
        pixel = geometry.project(look.lens, look.position_m)
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
        np.array([place_token(k.camera, k.stage) for k in kept]),
        np.array(pixels),
        np.array([k.position_m[2] for k in kept]),
        np.array([k.yaw_rad - geometry.heading(k.lens) for k in kept]),
        np.array([k.symmetry for k in kept]),
        np.array([int(k.stage == "take") for k in kept]),
        np.array([CAMERAS.index(k.camera) for k in kept]),
        np.array([STAGES.index(k.stage) for k in kept]),
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
        data: Frames at key poses, with pictures and masks of some of `network.CAMERAS`. Each look is one
            through that of them which shows best what it is about.
        tokenizer: Words to numbers.
        n_episodes: How many episodes, from the first; None for all.
        clear: Whether looks at a seat that the hand hides are left out.

    Raises:
        DatasetError: If something that is needed is not in it.
    """
    cameras = _cameras(data)
    keys = {name: data.column(f"key.{name}") for name in ("position_m", "yaw_rad", "close", "symmetry")}
    state = data.column("observation.state")
    told = _Told(
        state[:, COMMANDED].astype(float),
        keys["position_m"].astype(float),
        keys["yaw_rad"].astype(float).ravel(),
        keys["close"].astype(bool).ravel(),
        state[:, GRIPPED] > 0.5,
        keys["symmetry"].astype(int).ravel(),
        {c: data.column(f"calibration.{c}").reshape(-1, 3, 4).astype(float) for c in cameras},
        int(data.features[f"observation.images.{cameras[0]}"].shape[0]),
    )
    marks = [mark for episode in data.episodes[:n_episodes] for mark in _marks(episode, told)]
    if clear:
        marks = [m for m in marks if not hidden(told.hands[m.frame], told.positions[m.to], m.stage)]
    looks: list[Look] = []
    for camera in cameras:
        chosen = [mark for mark in marks if mark.camera == camera]
        frames = [mark.frame for mark in chosen]
        if not frames:
            continue
        pictures = data.images(f"observation.images.{camera}", frames)
        masks = data.images(f"observation.segmentation.{camera}", frames)
        for picture, mask, m in zip(pictures, masks, chosen, strict=True):
            lens, yaw = told.lenses[camera][m.frame], float(told.yaws[m.to])
            n = int(told.symmetries[m.to])
            looks.append(Look(picture, mask, lens, m.texts, camera, m.stage, m.position_m, yaw, n))
    if not looks:
        raise DatasetError(f"data set {str(data.folder)!r}: no episode in which the gripper closes")
    return from_looks(looks, tokenizer)


def _cameras(data: Dataset) -> list[str]:
    """Cameras that can be learned from.

    Raises:
        DatasetError: If there is none, or something else that is needed is missing.
    """
    from agents.vla.network import CAMERAS

    parts = ("observation.images", "observation.segmentation", "calibration")
    found = [c for c in CAMERAS if all(f"{part}.{c}" in data.features for part in parts)]
    needed = ["observation.state", *(f"key.{k}" for k in ("position_m", "yaw_rad", "close", "symmetry"))]
    for name in needed if found else [*needed, *(f"{part}.{CAMERAS[0]}" for part in parts)]:
        if name not in data.features:
            raise DatasetError(f"data set {str(data.folder)!r}: {name!r} is missing, which is learned from")
    return found


@dataclass(frozen=True)
class _Told:
    """What a data set tells of its frames: hands (m), key poses, projections by camera, side of pictures."""

    hands: NDArray
    positions: NDArray
    yaws: NDArray
    closes: NDArray
    gripped: NDArray
    symmetries: NDArray
    lenses: Mapping[str, NDArray]
    size: int


@dataclass(frozen=True)
class _Mark:
    """A frame to learn from, the frame of the pose that followed, and where that is; through which camera."""

    stage: str
    frame: int
    to: int
    position_m: tuple[float, float, float]
    camera: str
    texts: tuple[str, ...]


def _marks(episode: Episode, told: _Told) -> Iterator[_Mark]:
    """The frames of an episode that are followed by a change of the gripper and show what it is about.

    Where nobody works, a frame says itself where the gripper would close.
    """
    held, grip_m = holds(episode, told.closes, told.gripped), 0.0
    takes, puts = {a for a, _ in held}, {b for _, b in held if b < episode.stop}
    for f in range(episode.start, episode.stop):
        to = f if episode.extra.get("static") else min((c for c in takes | puts if c > f), default=None)
        if to is None:
            return
        stage = "put" if to in puts else "take"
        x, y, z = told.positions[to].tolist()
        lenses = {camera: lens[f] for camera, lens in told.lenses.items()}
        if f in takes:
            source = geometry.shown_by(lenses, told.positions[f], told.size)
            grip_m = told.positions[f][2] - geometry.SURFACES_M.get(source or "", 0.0)
            continue
        at = (x, y, z - grip_m if stage == "put" else z)
        camera = geometry.shown_by(lenses, at, told.size)
        near = bool(np.hypot(*(told.hands[f] - told.positions[to])[:2]) <= HIDES_M)
        if camera is None or (near and to != f and geometry.looks_down(lenses[camera])):
            continue
        yield _Mark(stage, f, to, at, camera, episode.tasks)
