"""A closer look at one place of a picture, unrolled round it: how what is there is turned.

What is round a place becomes a small picture whose columns are directions, so that a part that is turned is
one that is shifted (as in Polar Transformer Networks, Esteves et al. 2018). Convolutions that go all the way
round answer a shift with a shift: how a part's flats look need be learned only once, not for every turn.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

# The last of the tokens for a turn says that any will do; turns cover half a circle, after which two fingers
# are where they were.
YAWS = 72
# Directions, all the way round; from the place outwards (pixels).
DIRECTIONS = 2 * YAWS
RADII_PX = tuple(1.0 + 0.9 * k for k in range(12))


def unrolled(pictures: Tensor, pixels: Tensor) -> Tensor:
    """(b, 3, radii, directions): what is round pixels (b, 2) (column, row) of pictures (b, 3, n, n).

    The first direction is along the columns, the others follow against the clock.
    """
    size = pictures.shape[-1]
    angle = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
    radius = torch.tensor(RADII_PX)[:, None]
    away = torch.stack([radius * angle.cos(), -radius * angle.sin()], -1)
    grid = (pixels.float()[:, None, None] + away) * (2 / size) - 1
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


class Closer(nn.Module):
    """How what is at a pixel is turned; it knows no words, so that it learns from every part."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        deep = 2 * width
        self.first = nn.Conv2d(3, width, (3, 5))
        self.second = nn.Conv2d(width, deep, (3, 5), (2, 1))
        self.third = nn.Conv2d(deep, deep, (4, 9))
        self.wide = nn.Conv1d(deep, deep, 9, dilation=3)
        self.norms = nn.ModuleList(nn.GroupNorm(4, n) for n in (width, deep, deep))
        self.turn = nn.Conv1d(deep, 1, 1)
        self.any = nn.Linear(deep, 1)

    def forward(self, pictures: Tensor, pixels: Tensor) -> Tensor:
        """Pictures (b, 3, n, n) from -1 to 1 and pixels (b, 2) to logits (b, YAWS + 1)."""
        return self.read(unrolled(pictures, pixels))

    def read(self, x: Tensor) -> Tensor:
        """The same from what is unrolled already."""
        for layer, norm in zip((self.first, self.second, self.third), self.norms, strict=True):
            x = functional.relu(norm(layer(_ring(x, layer.kernel_size[1] // 2))))
        x = x.squeeze(2)
        x = x + functional.relu(self.wide(_ring(x, 12)))
        round_ = self.turn(x)[:, 0]
        # Opposite directions are the same turn of two fingers.
        return torch.cat([round_[:, :YAWS] + round_[:, YAWS:], self.any(x.mean(2))], 1)


def _ring(x: Tensor, n: int) -> Tensor:
    """With n columns of each end beside the other."""
    return torch.cat([x[..., -n:], x, x[..., :n]], -1)
