"""The network: a picture and words to a heat map, and what to do at its hottest pixel.

A fully convolutional trunk is told by words what matters (FiLM, Perez et al. 2018: each channel times 1 +
gamma plus beta, both zero at first), and one inner product of every pixel's features with the words says
where. How high, how turned, whether to close and where to look next are read at one pixel as tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from agents.vla.closer import YAWS, Closer

STRIDE = 4
# Side (pixels) of what is looked at closely.
GLIMPSE = 32
HEIGHTS = 256
# Heights from the first to the last token (m): of the hand that closes, or of that on which a part is put.
HEIGHT_LOW_M, HEIGHT_HIGH_M = -0.128, 0.384
CAMERAS = ("tray", "chuck", "cell", "front", "stations")
# What a look is for: to take a part, or to put down the one in the hand.
STAGES = ("take", "put")
# So many words back are read for the part that a word plays, as in "on the large green ring".
_BACK = 4


@dataclass(frozen=True)
class NetworkSpec:
    """The network's sizes.

    Attributes:
        width: Channels at a quarter of the picture's size.
        deep: Channels at an eighth.
        blocks: Residual blocks at an eighth.
        words: Numbers a word becomes.
        n_buckets: Different numbers that the tokenizer gives.
        film: Whether words steer the trunk; else only the inner product at its end knows them.
        continuous: Whether heights and turns are numbers, not tokens.
        roles: Whether what a look is for and the words before a word tell how much it counts: which of two
            parts in a sentence is to be taken, and which is where to put it.
    """

    width: int = 40
    deep: int = 64
    blocks: int = 3
    words: int = 48
    n_buckets: int = 4096
    film: bool = True
    continuous: bool = False
    roles: bool = False

    def __post_init__(self) -> None:
        for name in ("width", "deep", "words"):
            value = getattr(self, name)
            if value < 8 or value % 8:
                raise ValueError(f"{name} is {value}: allowed are multiples of 8")
        if self.blocks < 1:
            raise ValueError(f"blocks is {self.blocks}: allowed is 1 or more")


class Film(nn.Module):
    """(1 + gamma) x + beta with gamma and beta from a condition, both zero at first."""

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(b, c, h, w) and (b, condition) to (b, c, h, w)."""
        gamma, beta = self.linear(condition)[:, :, None, None].chunk(2, 1)
        return torch.addcmul(beta, 1 + gamma, x)


class Block(nn.Module):
    """Two convolutions round a FiLM, added to what came in."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(8, channels)
        self.film = Film(condition, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(b, c, h, w), (b, condition) to (b, c, h, w)."""
        y = self.film(self.norm(self.first(x)), condition)
        return x + self.second(functional.relu(y))


class Reader(nn.Module):
    """Words to two vectors: what to look for, and how to look.

    Each word is its own row and the mean of its pieces'. What to look for is a sum over words, so that what
    "red" and "ring" say of a pixel adds up, as evidence does, also for pairs of words never met together.
    Rows begin near zero: what was never met says next to nothing.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        n = spec.words
        self.table = nn.Embedding(spec.n_buckets, n, padding_idx=0)
        nn.init.normal_(self.table.weight, std=0.02)
        with torch.no_grad():
            self.table.weight[0].zero_()
        self.order = nn.Conv1d(n, n, 3, padding=1)
        self.gate = nn.Linear(n, 1)
        if spec.roles:
            self.before = nn.Conv1d(n, n, _BACK + 1)
            self.purpose = nn.Embedding(len(STAGES), n)
        self.roles = spec.roles

    def forward(self, ids: Tensor, stage: Tensor) -> tuple[Tensor, Tensor]:
        """(b, words, pieces) and stages (b,) to two (b, n)."""
        there = ids != 0
        rows = self.table(ids)
        word = rows[:, :, 0] + rows[:, :, 1:].sum(2) / there[:, :, 1:].sum(2, keepdim=True).clamp(min=1)
        known = there.any(2, keepdim=True)
        phrase = functional.relu(self.order(word.transpose(1, 2))).transpose(1, 2)
        both = torch.cat([word, word + phrase], -1) * known
        weight = torch.sigmoid(self.gate(self._heard(word, stage))) * known
        total = (both * weight).sum(1)
        plain, ordered = total.chunk(2, -1)
        return plain, functional.layer_norm(ordered, ordered.shape[-1:])

    def _heard(self, word: Tensor, stage: Tensor) -> Tensor:
        """What tells how much each word counts: itself, or also those before it and what the look is for."""
        if not self.roles:
            return word
        before = self.before(functional.pad(word.transpose(1, 2), (_BACK, 0))).transpose(1, 2)
        return functional.relu(before + self.purpose(stage)[:, None])


class Network(nn.Module):
    """Pictures and words to where and how; see the module's text."""

    def __init__(self, spec: NetworkSpec = NetworkSpec()) -> None:
        super().__init__()
        self.spec = spec
        w, d, n = spec.width, spec.deep, spec.words
        condition = n
        self.reader = Reader(spec)
        self.place = nn.Embedding(len(CAMERAS) * len(STAGES), n)
        nn.init.normal_(self.place.weight, std=0.3)
        self.stem = nn.Conv2d(5, w // 2, 5, 2, 2)
        self.enter = nn.Conv2d(w // 2, w, 3, 2, 1)
        self.fine = Block(w, condition)
        self.down = nn.Conv2d(w, d, 3, 2, 1)
        self.context = nn.ModuleList(Block(d, condition) for _ in range(spec.blocks))
        self.whole = nn.Linear(d, d)
        self.up = nn.Conv2d(d, w, 1)
        self.last = Block(w, condition)
        self.seek = nn.Linear(n, w)
        self.heat = nn.Conv2d(w, 1, 1)
        self.glimpse = nn.Sequential(
            *(nn.Conv2d(3, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 32, 3, 2, 1), nn.ReLU()),
            *(nn.Conv2d(32, 48, 3, 2, 1), nn.ReLU(), nn.Conv2d(48, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()),
        )
        self.read = nn.Linear(2 * w + n + 32 * (GLIMPSE // 8) ** 2, 128)
        self.offset = nn.Linear(128, 2)
        # A share of the range; cosine and sine of twice the turn, and whether any will do.
        self.height = nn.Linear(128, 1 if spec.continuous else HEIGHTS)
        self.yaw = nn.Linear(128, 3 if spec.continuous else YAWS + 1)
        self.closer = Closer()
        self.close = nn.Linear(128, 2)
        self.stage = nn.Embedding(len(STAGES), n)
        self.look = nn.Linear(n, len(CAMERAS))

    def features(self, pictures: Tensor, ids: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns heat (b, h/4, w/4), features (b, c, h/4, w/4) and the condition (b, n).

        Args:
            pictures: (b, 3, h, w), from -1 to 1; h and w multiples of 8.
            ids: (b, words, pieces) from the tokenizer.
            place: (b,) camera and stage, `place_token`.
        """
        plain, ordered = self.reader(ids, place % len(STAGES))
        where = self.place(place)
        condition = functional.relu(ordered + where) if self.spec.film else functional.relu(where)
        x = torch.cat([pictures, coordinates(pictures)], 1)
        x = x.contiguous(memory_format=torch.channels_last)
        x = functional.relu(self.stem(x))
        x = functional.relu(self.enter(x))
        x = self.fine(x, condition)
        y = self.down(x)
        for block in self.context:
            y = block(y, condition)
        y = functional.relu(y + self.whole(y.mean((2, 3)))[:, :, None, None])
        y = functional.interpolate(self.up(y), scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.last(x + y, condition)
        x = functional.relu(x)
        sought = self.seek(plain + where)
        heat = self.heat(x)[:, 0] + torch.einsum("bchw,bc->bhw", x, sought) * x.shape[1] ** -0.5
        return heat, x, condition

    def details(
        self, features: Tensor, condition: Tensor, cells: Tensor, pictures: Tensor
    ) -> dict[str, Tensor]:
        """Returns what is said at cells (b, 2) (column, row): logits, and the offset within a cell.

        It is read from the features there, and from the picture round them. Of a part that is seen from above
        `closer` says better how it is turned.
        """
        b, _, _, w = features.shape
        at = cells[:, 1] * w + cells[:, 0]
        flat = features.flatten(2)
        here = flat.gather(2, at[:, None, None].expand(b, flat.shape[1], 1))[:, :, 0]
        close = self.glimpse(crops(pictures, cells).contiguous(memory_format=torch.channels_last))
        parts = (here, flat.mean(2), condition.to(here.dtype), close.to(here.dtype))
        x = functional.relu(self.read(torch.cat(parts, 1)))
        return {
            "offset": self.offset(x),
            "height": self.height(x),
            "yaw": self.yaw(x),
            "close": self.close(x),
        }

    def where_to_look(self, ids: Tensor, stage: Tensor) -> Tensor:
        """Logits (b, cameras): through which to look, for words (b, words, pieces) and stages (b,)."""
        plain, ordered = self.reader(ids, stage)
        return self.look(functional.relu(plain + ordered + self.stage(stage)))


def crops(pictures: Tensor, cells: Tensor) -> Tensor:
    """(b, 3, GLIMPSE, GLIMPSE): what is round the middles of cells (b, 2), grey beyond the edge."""
    half = GLIMPSE // 2
    wide = functional.pad(pictures, (half, half, half, half))
    first = cells * STRIDE + STRIDE // 2
    steps = torch.arange(GLIMPSE)
    rows = (first[:, 1:] + steps)[:, :, None]
    columns = (first[:, :1] + steps)[:, None, :]
    which = torch.arange(len(pictures))[:, None, None]
    return wide[which, :, rows, columns].permute(0, 3, 1, 2)


def coordinates(pictures: Tensor) -> Tensor:
    """(b, 2, h, w): column and row of every pixel, from -1 to 1."""
    b, _, h, w = pictures.shape
    row = torch.linspace(-1, 1, h, device=pictures.device, dtype=pictures.dtype)
    column = torch.linspace(-1, 1, w, device=pictures.device, dtype=pictures.dtype)
    both = torch.stack([column.expand(h, w), row[:, None].expand(h, w)])
    return both.expand(b, 2, h, w)


def place_token(camera: str, stage: str) -> int:
    """The number of a camera and what the look is for.

    Raises:
        ValueError: For a camera or a stage that the network has no number for.
    """
    if camera not in CAMERAS or stage not in STAGES:
        allowed = f"cameras {', '.join(CAMERAS)} and stages {', '.join(STAGES)}"
        raise ValueError(f"camera {camera!r}, stage {stage!r}: allowed are {allowed}")
    return CAMERAS.index(camera) * len(STAGES) + STAGES.index(stage)


def n_parameters(network: Any) -> int:
    """How many numbers it learns."""
    return sum(p.numel() for p in network.parameters())
