"""Classical 2-D image processing: find a coloured part in a picture of the tray. NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Blob:
    """A region: centroid (column, row), area in pixels, angle of its n-fold outline in image axes.

    `spread` is its polar second moment against a disc's of its area: 1 for that, more for rings and squares.
    """

    centre_px: tuple[float, float]
    area_px: int
    angle_rad: float
    spread: float = 1.0


def chroma(rgb: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Colour without brightness: channels over their sum, shape (..., 3)."""
    values = np.asarray(rgb, np.float64) + 1e-6
    shares: npt.NDArray[np.float64] = values / values.sum(axis=-1, keepdims=True)
    return shares


def vivid(image: Image, at_px: tuple[float, float], reach_px: int = 7) -> npt.NDArray[np.float64]:
    """Chroma of the most saturated fifth of the pixels round a point: the part, not its bore or nest."""
    row, column = round(at_px[1]), round(at_px[0])
    patch = image[row - reach_px : row + reach_px + 1, column - reach_px : column + reach_px + 1]
    shares = chroma(patch).reshape(-1, 3)
    saturation = shares.max(axis=1) - shares.min(axis=1)
    top: npt.NDArray[np.float64] = np.median(shares[saturation >= np.quantile(saturation, 0.8)], axis=0)
    return top


def coloured(image: Image, reference: npt.ArrayLike, tolerance: float = 0.06) -> Mask:
    """(h, w) pixels whose colour is near a reference's, whatever the light, and that are not dark."""
    near = np.abs(chroma(image) - np.asarray(reference)).max(axis=-1) < tolerance
    bright = image.max(axis=-1) > 40
    mask: Mask = near & bright
    return mask


def regions(mask: Mask, least_px: int = 1) -> list[Mask]:
    """The 4-connected regions of a mask of at least so many pixels, the largest first."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(labels, 1)
        spread = np.maximum.reduce(
            [labels, padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        )
        spread = np.where(mask, spread, 0)
        if np.array_equal(spread, labels):
            break
        labels = spread
    names, counts = np.unique(labels[labels > 0], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [labels == names[k] for k in order if counts[k] >= least_px]


def measure(region: Mask, symmetry: int = 0) -> Blob | None:
    """Centroid, area and, for an outline with `symmetry` equal sides, its angle; None if empty.

    The angle is the phase of the region's n-th complex moment, which is what an outline of n sides keeps.
    """
    rows, columns = np.nonzero(region)
    if rows.size == 0:
        return None
    u, v = float(columns.mean()) + 0.5, float(rows.mean()) + 0.5
    angle = 0.0
    if symmetry:
        z = (columns + 0.5 - u) + 1j * (rows + 0.5 - v)
        moment = (z**symmetry).sum()
        angle = math.atan2(moment.imag, moment.real) / symmetry
    polar = float(((columns + 0.5 - u) ** 2 + (rows + 0.5 - v) ** 2).sum())
    return Blob((u, v), int(rows.size), angle, 2 * math.pi * polar / rows.size**2)
