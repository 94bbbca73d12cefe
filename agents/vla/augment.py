"""Pictures while learning: repainted by mask, moved, dimmed, blurred, covered, all of it by a seed.

What is repainted is told by the segmentation that comes with demonstrations; only learning sees it.
Textures in place of the background are what carries a policy to surfaces it never saw (as in GreenAug, Teoh
et al. 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

# Classes of the segmentation: nothing, arm, machine, workholding, fixture, named part, other part.
_BACKGROUND, _ARM, _MACHINE = (0, 4), (1,), (2,)
_TEXTURES = 192


@dataclass(frozen=True)
class AugmentSpec:
    """How much pictures are disturbed; 0 leaves that out.

    Attributes:
        recolour: Share of pictures whose background is repainted.
        turn_deg: Largest turn of the picture of a camera that looks down; others turn a fifth of it.
        shift: Largest shift, as a share of the picture.
        zoom: Largest change of size.
        slant: Largest stretch and shear of the picture of a camera that does not look down.
        colour: Largest change of brightness; of a single colour a third of it.
        blur: Share of pictures that are blurred.
        noise: Standard deviation of noise, where there is any, which is in half of the pictures.
        cut_out: Share of pictures with a patch covered.
    """

    recolour: float = 0.6
    turn_deg: float = 30.0
    shift: float = 0.10
    zoom: float = 0.18
    slant: float = 0.15
    colour: float = 0.25
    blur: float = 0.25
    noise: float = 0.02
    cut_out: float = 0.3

    def __post_init__(self) -> None:
        for name, most in (("recolour", 1), ("turn_deg", 180), ("shift", 0.4), ("zoom", 0.5), ("slant", 0.5),
                           ("colour", 0.9), ("blur", 1), ("noise", 0.5), ("cut_out", 1)):  # fmt: skip
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ValueError(f"{name} is {value}: allowed is 0 to {most}")


NONE = AugmentSpec(*[0.0] * 9)


def textures(seed: int, size: int, n: int = _TEXTURES) -> Tensor:
    """(n, 3, size, size) in [0, 1]: clouds, stripes, checks and plain colours."""
    rng = np.random.default_rng([seed, size])
    return torch.as_tensor(np.stack([_texture(rng, size) for _ in range(n)]).astype(np.float32))


def _texture(rng: np.random.Generator, size: int) -> NDArray:
    kind = int(rng.integers(5))
    a, b = rng.uniform(0, 1, (2, 3, 1, 1))
    if kind == 0:
        return np.broadcast_to(a, (3, size, size)).copy()
    rows, columns = np.indices((size, size)) / size
    angle, waves = rng.uniform(0, math.pi), rng.uniform(2, 14)
    along = columns * math.cos(angle) + rows * math.sin(angle)
    across = rows * math.cos(angle) - columns * math.sin(angle)
    if kind == 1:
        mix = 0.5 + 0.5 * np.sin(2 * math.pi * waves * along)
    elif kind == 2:
        mix = ((np.floor(waves * along) + np.floor(waves * across)) % 2).astype(float)
    else:
        mix = np.zeros((size, size))
        for cells in (2, 4, 8, 16, 32)[: 3 if kind == 3 else 5]:
            coarse = torch.from_numpy(rng.uniform(0, 1, (1, 1, cells, cells)))
            wide = functional.interpolate(coarse, (size, size), mode="bicubic", align_corners=False)
            mix += wide[0, 0].numpy() / (cells if kind == 3 else math.sqrt(cells))
        mix = (mix - mix.min()) / (np.ptp(mix) + 1e-9)
    # Mostly quiet: two colours that are near each other.
    b = a + (b - a) * rng.uniform(0.1, 1.0)
    return np.clip(a * (1 - mix) + b * mix, 0, 1)


class Augmenter:
    """Disturbs batches.

    Args:
        spec: How much.
        size: Side of the pictures in pixels.
        seed: Of the textures.
    """

    def __init__(self, spec: AugmentSpec, size: int, seed: int) -> None:
        self.spec, self.size = spec, size
        self.bank = textures(seed, size) if spec.recolour else torch.zeros(1, 3, size, size)

    def __call__(
        self,
        pictures: Tensor,
        masks: Tensor,
        pixels: NDArray,
        turns: NDArray,
        rng: np.random.Generator,
    ) -> tuple[Tensor, NDArray, NDArray]:
        """Return disturbed pictures, and where the marked pixels are in them.

        Args:
            pictures: (b, 3, h, w) in [0, 1].
            masks: (b, h, w) uint8, the classes of the segmentation.
            pixels: (b, 2) column and row of what must stay in the picture.
            turns: (b,) how much of the largest turn each picture may be turned.
            rng: Where all chance comes from.

        Returns:
            Pictures in [0, 1], the pixels moved with them, and how far (rad, to the right) each was turned.
        """
        spec = self.spec
        if spec.recolour:
            pictures = self._repaint(pictures, masks, rng)
        if spec.colour:
            pictures = dimmed(pictures, spec.colour, rng)
        turned = np.zeros(len(pixels))
        if spec.turn_deg or spec.shift or spec.zoom or spec.slant:
            pictures, pixels, turned = self._move(pictures, pixels, turns, rng)
        if spec.blur:
            some = torch.as_tensor(np.flatnonzero(_some(rng, spec.blur, len(pixels))))
            pictures[some] = functional.avg_pool2d(pictures[some], 3, 1, 1, count_include_pad=False)
        if spec.cut_out:
            self._cover(pictures, pixels, rng)
        if spec.noise:
            generator = torch.Generator("cpu").manual_seed(int(rng.integers(2**62)))
            some = torch.as_tensor(np.flatnonzero(_some(rng, 0.5, len(pixels))))
            some_pictures = pictures[some]
            noise = torch.randn(some_pictures.shape, generator=generator, device="cpu").to(pictures.device)
            pictures[some] = some_pictures.add_(noise, alpha=spec.noise)
        return pictures.clamp(0, 1), pixels, turned

    def _repaint(self, pictures: Tensor, masks: Tensor, rng: np.random.Generator) -> Tensor:
        """Background, machine and arm get textures or tints, each on its own."""
        share = self.spec.recolour
        for classes, likely in ((_BACKGROUND, share), (_MACHINE, share / 2), (_ARM, share / 2)):
            some = torch.as_tensor(np.flatnonzero(_some(rng, likely, len(pictures))))
            old, b = pictures[some], len(some)
            bank = self.bank[torch.as_tensor(rng.integers(len(self.bank), size=b))]
            bank = torch.roll(bank, rng.integers(self.size, size=2).tolist(), (2, 3))
            inside = torch.isin(masks[some], torch.tensor(classes, dtype=torch.uint8))
            strength = torch.as_tensor(rng.uniform(0.3, 1.0, b).astype(np.float32))
            paint = bank.mul_(0.5 + 0.8 * old.mean(1, keepdim=True)).clamp_(0, 1)
            pictures[some] = torch.lerp(old, paint, strength[:, None, None, None] * inside[:, None])
        return pictures

    def _move(
        self, pictures: Tensor, pixels: NDArray, turns: NDArray, rng: np.random.Generator
    ) -> tuple[Tensor, NDArray, NDArray]:
        """Turn, zoom and shift about the middle; what must stay in the picture does."""
        spec, n = self.spec, self.size
        b = len(pixels)
        angle = np.radians(spec.turn_deg) * turns * rng.uniform(-1, 1, b)
        scale = np.exp(np.log1p(spec.zoom) * rng.uniform(-1, 1, b))
        shift = spec.shift * 2 * rng.uniform(-1, 1, (b, 2))
        c, s = scale * np.cos(angle), scale * np.sin(angle)
        forward = np.stack([np.stack([c, -s], 1), np.stack([s, c], 1)], 1)  # columns right, rows down
        # A camera that does not look down sees what it looks at from another side when it is moved.
        slant = spec.slant * (turns < 1)[:, None, None] * rng.uniform(-1, 1, (b, 2, 2))
        forward = forward @ (np.eye(2) + slant)
        centred = pixels / (n / 2) - 1
        moved = np.einsum("bij,bj->bi", forward, centred) + shift
        edge = 1 - 8 / n
        shift = shift + np.clip(moved, -edge, edge) - moved
        moved = np.clip(moved, -edge, edge)
        back = np.linalg.inv(forward)
        theta = np.concatenate([back, -np.einsum("bij,bj->bi", back, shift)[:, :, None]], 2)
        grid = functional.affine_grid(
            torch.as_tensor(theta.astype(np.float32)), list(pictures.shape), align_corners=False
        )
        pictures = functional.grid_sample(
            pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        return pictures, (moved + 1) * (n / 2), angle

    def _cover(self, pictures: Tensor, pixels: NDArray, rng: np.random.Generator) -> None:
        """Patches of one colour, never on what is marked."""
        n = self.size
        for i in np.flatnonzero(_some(rng, self.spec.cut_out, len(pixels))):
            h, w = rng.integers(n // 12, n // 4, 2)
            top, left = rng.integers(0, n - h), rng.integers(0, n - w)
            column, row = pixels[i]
            near = n / 8
            if left - near < column < left + w + near and top - near < row < top + h + near:
                continue
            colour = torch.as_tensor(rng.uniform(0, 1, 3).astype(np.float32))
            pictures[i, :, top : top + h, left : left + w] = colour[:, None, None]


def dimmed(pictures: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Other light: gain, tint, contrast and gamma of whole pictures."""
    b = len(pictures)
    tint = 1 + most / 3 * rng.uniform(-1, 1, (b, 3))
    gain = np.exp(np.log1p(most) * rng.uniform(-1.6, 1, b))[:, None] * tint
    offset = most / 4 * rng.uniform(-1, 1, b)
    gamma = np.exp(most * rng.uniform(-1, 1, b))
    gain, offset, gamma = (
        torch.as_tensor(v.astype(np.float32)).reshape(b, -1, 1, 1) for v in (gain, offset, gamma)
    )
    return pictures.clamp(min=1e-3).pow_(gamma).mul_(gain).add_(offset).clamp_(0, 1)


def _some(rng: np.random.Generator, share: float, n: int) -> NDArray:
    """(n,) whether, with that probability."""
    return rng.random(n) < share
