"""Demonstrations as looks: a picture, an instruction, and what the hand did next that mattered.

What matters is where the gripper closes or opens: each picture of an episode is labelled with the next pose at
which it does. A data set holds frames at key poses with the columns `key.position_m`, `key.yaw_rad` and
`key.close`; which camera is looked through depends on what the look is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.vla import geometry
from agents.vla.tokenizer import Tokenizer


@dataclass(frozen=True)
class Samples:
    """Looks and what followed, a row each.

    Attributes:
        pictures: (n, h, w, 3) uint8.
        masks: (n, h, w) uint8, classes of the segmentation.
        ids: (n, words, pieces) the instruction's tokens.
        places: (n,) camera and stage, as `network.place_token`.
        pixels: (n, 2) where in the picture the pose is (column, row).
        heights: (n,) its height, or above where the part was taken (m).
        yaws: (n,) its turn about the vertical against the camera's (rad).
        closes: (n,) 1 where the gripper closes there, else 0.
        looks: (n,) where to look next, as an index into `network.LOOKS`.
        turns: (n,) how much the picture may be turned, from 0 to 1.
    """

    pictures: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    ids: NDArray[np.int64]
    places: NDArray[np.int64]
    pixels: NDArray[np.float64]
    heights: NDArray[np.float64]
    yaws: NDArray[np.float64]
    closes: NDArray[np.int64]
    looks: NDArray[np.int64]
    turns: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: NDArray | Sequence[int]) -> Samples:
        """Some of them."""
        rows = np.asarray(rows)
        return Samples(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Look:
    """One picture and the pose that followed, in the world."""

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    lens: NDArray
    text: str
    camera: str
    stage: str
    position_m: tuple[float, float, float]
    yaw_rad: float
    height_m: float
    close: bool
    next_look: str


def from_looks(looks: Sequence[Look], tokenizer: Tokenizer) -> Samples:
    """Put looks into rows; those whose pose is outside their picture are left out."""
    from agents.vla.network import LOOKS, place_token

    kept, pixels = [], []
    for look in looks:
        pixel = geometry.project(look.lens, look.position_m)
        h, w = look.mask.shape
        if 0 <= pixel[0] < w and 0 <= pixel[1] < h:
            kept.append(look)
            pixels.append(pixel)
    known: Mapping[str, NDArray] = {text: tokenizer.encode(text) for text in {k.text for k in kept}}
    down = [geometry.looks_down(look.lens) for look in kept]
    return Samples(
        np.stack([k.picture for k in kept]),
        np.stack([k.mask for k in kept]),
        np.stack([known[k.text] for k in kept]),
        np.array([place_token(k.camera, k.stage) for k in kept]),
        np.array(pixels),
        np.array([k.height_m for k in kept]),
        np.array([k.yaw_rad - geometry.heading(k.lens) for k in kept]),
        np.array([int(k.close) for k in kept]),
        np.array([LOOKS.index(k.next_look) for k in kept]),
        np.where(down, 1.0, 0.2),
    )
