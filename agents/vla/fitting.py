"""Fits the network to looks: batches and losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from agents.vla.augment import Augmenter, AugmentSpec, dimmed
from agents.vla.averaging import Averaged, device_of
from agents.vla.closer import YAWS, unrolled
from agents.vla.network import (
    HEIGHT_HIGH_M,
    HEIGHT_LOW_M,
    HEIGHTS,
    STRIDE,
    Network,
    NetworkSpec,
)
from agents.vla.samples import Samples, joined

# Width (cells) of the spot that heat is drawn to, and how far from it details are still learned.
_SPOT = 0.7
_NEAR = 0.25
# Width (tokens) of the bell round a turn.
_BELL = 1.5
# How far off its place a closer look is taken while learning (pixels, standard deviation); the share of these
# looks that are at parts whose turn matters, which are the harder ones.
_MISSED_PX = 0.4
_TURNED = 2 / 3


@dataclass(frozen=True)
class FitSpec:
    """How the network is fitted.

    Attributes:
        batch: Looks in a batch.
        rate: Highest learning rate; it rises over the first hundredth and falls along a half cosine.
        weight_decay: Decoupled weight decay.
        drop_words: Share of words that are left out, and of words that are made unknown.
        half: Whether to compute in bfloat16 where that is as good.
        threads: Threads for linear algebra.
        closer: Closer looks in a batch, besides.
        closer_rate: Highest learning rate of what says how these are turned.
        take_share: Share of looks for a part to take in a batch; the others are for where it goes.
        device: Where it is computed: "auto" (on a GPU if there is one), "cpu" or "cuda".
    """

    batch: int = 64
    rate: float = 2e-3
    weight_decay: float = 1e-2
    drop_words: float = 0.10
    half: bool = True
    threads: int = 2
    take_share: float = 0.75
    closer: int = 48
    closer_rate: float = 3e-3
    device: str = "auto"

    def __post_init__(self) -> None:
        device_of(self.device)
        for name in ("batch", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        if not 0 < self.rate < 1 or not 0 <= self.drop_words <= 0.5:
            raise ValueError(
                f"rate {self.rate}, drop_words {self.drop_words}: allowed are 0 to 1 and 0 to 0.5"
            )
        if not 0 < self.closer_rate < 1:
            raise ValueError(f"closer_rate is {self.closer_rate}: allowed is 0 to 1")


class Fitter(Averaged):
    """A network, its optimiser and the looks it learns from.

    Args:
        samples: What it learns from.
        network: Sizes.
        fit: How.
        augment: How pictures are disturbed.
        seed: Seed of weights, batches and disturbances.
        scenes: Looks at scenes that nobody works in; half of the looks for a part are of these.
    """

    def __init__(
        self,
        samples: Samples,
        network: NetworkSpec,
        fit: FitSpec,
        augment: AugmentSpec,
        seed: int,
        scenes: Samples | None = None,
    ) -> None:
        rates = {"closer": fit.closer_rate}
        super().__init__(lambda: Network(network).to(memory_format=torch.channels_last), fit, seed, rates)
        self.samples = joined(samples, scenes) if scenes is not None else samples
        self.fit = fit
        self._take, self._put = (np.flatnonzero(samples.closes == c) for c in (1, 0))
        down, free = (self.samples.turns == 1.0) & (self.samples.closes == 1), self.samples.symmetry == 0
        self._free, self._turned = np.flatnonzero(down & free), np.flatnonzero(down & ~free)
        self._scenes = np.arange(len(samples), len(self.samples))
        with self._here():
            self._augment = Augmenter(augment, samples.pictures.shape[1], seed)

    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Losses of a batch of looks, disturbed."""
        batch = self.samples.take(self._drawn(rng))
        pictures = torch.as_tensor(batch.pictures).permute(0, 3, 1, 2).float() / 255
        pictures, pixels, turned = self._augment(
            pictures, torch.as_tensor(batch.masks), batch.pixels, batch.turns, rng
        )
        which = batch.said[np.arange(len(batch)), rng.integers(batch.said.shape[1], size=len(batch))]
        ids = torch.as_tensor(self._dropped(batch.ids[which], rng))
        n = pictures.shape[-1] // STRIDE
        at = pixels / STRIDE - 0.5  # in cells, from the middle of the first
        cells = np.clip(np.floor(at + 0.5 + rng.normal(0, _NEAR, at.shape)), 0, n - 1).astype(np.int64)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.fit.half):
            heat, features, condition = self.network.features(
                pictures * 2 - 1, ids, torch.as_tensor(batch.places)
            )
            said = self.network.details(features, condition, torch.as_tensor(cells), pictures * 2 - 1)
            look = self.network.where_to_look(ids, torch.as_tensor(batch.stages))
        offset = torch.as_tensor((at - cells).astype(np.float32))
        # A turn to the right of the picture is one against the sense in which angles grow, seen from above.
        yaws = batch.yaws - turned * (batch.turns == 1.0)
        found = {
            "heat": -(spot(at, n) * heat.float().flatten(1).log_softmax(1)).sum(1).mean(),
            "offset": 2 * functional.smooth_l1_loss(said["offset"].float(), offset, beta=0.1),
            "height": self._height_loss(said["height"].float(), batch.heights),
            "yaw": self._yaw_loss(said["yaw"].float(), yaws, batch.symmetry),
            "close": 0.1 * functional.cross_entropy(said["close"].float(), torch.as_tensor(batch.closes)),
            "look": 0.1 * functional.cross_entropy(look.float(), torch.as_tensor(batch.cameras)),
        }
        there = len(self._free) + len(self._turned)
        closer = self.fit.closer and there and not self.network.spec.continuous
        return found | ({"closer": self.closer_loss(rng)} if closer else {})

    def _height_loss(self, said: Tensor, heights_m: NDArray) -> Tensor:
        if not self.network.spec.continuous:
            return 0.2 * _cross(said, height_target(heights_m))
        share = (heights_m - HEIGHT_LOW_M) / (HEIGHT_HIGH_M - HEIGHT_LOW_M)
        return 10 * functional.smooth_l1_loss(said[:, 0], torch.as_tensor(share).float(), beta=0.02)

    def _yaw_loss(self, said: Tensor, yaws_rad: NDArray, symmetry: NDArray) -> Tensor:
        if not self.network.spec.continuous:
            return 0.1 * _cross(said, yaw_target(yaws_rad, symmetry))
        free = torch.as_tensor((symmetry == 0).astype(np.float32))
        turn = torch.as_tensor(np.stack([np.cos(2 * yaws_rad), np.sin(2 * yaws_rad)], 1)).float()
        off = functional.smooth_l1_loss(said[:, :2], turn, reduction="none").sum(1)
        return ((1 - free) * off).mean() + 0.1 * functional.binary_cross_entropy_with_logits(said[:, 2], free)

    def closer_loss(self, rng: np.random.Generator) -> Tensor:
        """The loss of closer looks at parts to take, most of them such as are turned: how they are turned."""
        n = self.fit.closer
        n_turned = 0 if not len(self._turned) else n if not len(self._free) else round(_TURNED * n)
        drawn = ((self._free, n - n_turned), (self._turned, n_turned))
        rows = np.concatenate([every[rng.integers(len(every), size=k)] for every, k in drawn if k])
        batch = self.samples.take(rows)
        pixels = torch.as_tensor(batch.pixels + rng.normal(0, _MISSED_PX, (len(rows), 2)))
        pictures = torch.as_tensor(batch.pictures).permute(0, 3, 1, 2).float() / 255
        small = dimmed(unrolled(pictures, pixels), 0.25, rng)[:, torch.as_tensor(rng.permutation(3))]
        said = self.network.closer.read(small * 2 - 1)
        return _cross(said, yaw_target(batch.yaws, batch.symmetry))

    def _drawn(self, rng: np.random.Generator) -> NDArray:
        """Rows of a batch: a set share of looks for a part, which are the harder ones."""
        n_take = round(self.fit.take_share * self.fit.batch) if len(self._put) and len(self._take) else 0
        take = self._take if len(self._take) else self._put
        rest = self._put if n_take else take
        n_rest = self.fit.batch - n_take
        n_scenes = n_take // 2 if len(self._scenes) else 0
        drawn = ((take, n_take - n_scenes), (self._scenes, n_scenes), (rest, n_rest))
        return np.concatenate([rows[rng.integers(len(rows), size=n)] for rows, n in drawn if n])

    def _dropped(self, ids: NDArray, rng: np.random.Generator) -> NDArray:
        """Instructions with some words left out, and some made unknown."""
        share = self.fit.drop_words
        if not share:
            return ids
        chance = rng.random(ids.shape[:2])[:, :, None]
        strange = rng.integers(1, self.network.spec.n_buckets, ids.shape) * (ids != 0)
        return np.where(chance < share, 0, np.where(chance < 2 * share, strange, ids))


def spot(at: NDArray, n: int) -> Tensor:
    """(b, n * n) shares of heat: a bell round the places (b, 2) (column, row), in cells."""
    middle = np.arange(n)
    bells = [np.exp(-(((middle - at[:, k, None]) / _SPOT) ** 2) / 2) for k in (0, 1)]
    both = (bells[1][:, :, None] * bells[0][:, None, :]).reshape(len(at), -1)
    return torch.as_tensor((both / (both.sum(1, keepdims=True) + 1e-12)).astype(np.float32))


def height_target(heights_m: NDArray) -> Tensor:
    """(b, HEIGHTS) shares of the two tokens next to each height."""
    at = (heights_m - HEIGHT_LOW_M) / (HEIGHT_HIGH_M - HEIGHT_LOW_M) * HEIGHTS - 0.5
    return _between(np.clip(at, 0, HEIGHTS - 1.001), HEIGHTS)


def yaw_target(yaws_rad: NDArray, symmetry: NDArray) -> Tensor:
    """(b, YAWS + 1) shares of the tokens: bells round every equal turn; all of the last where any will do.

    Args:
        yaws_rad: (b,) one of the equal turns.
        symmetry: (b,) how many there are all the way round, 0 for any. Fingers apart, half of it says all.
    """
    free = symmetry == 0
    period = 2 * YAWS / np.lcm(np.where(free, 1, symmetry), 2)[:, None]
    away = np.arange(YAWS) - np.mod(yaws_rad / math.pi, 1.0)[:, None] * YAWS
    away -= period * np.round(away / period)
    bells = np.exp(-((away / _BELL) ** 2) / 2)
    bells *= ~free[:, None] / bells.sum(1, keepdims=True)
    return torch.as_tensor(np.concatenate([bells, free[:, None]], 1).astype(np.float32))


def _between(at: NDArray, n: int) -> Tensor:
    low = np.floor(at).astype(np.int64)
    share = at - low
    target = np.zeros((len(at), n), np.float32)
    rows = np.arange(len(at))
    np.add.at(target, (rows, low % n), 1 - share)
    np.add.at(target, (rows, (low + 1) % n), share)
    return torch.as_tensor(target)


def _cross(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy less the target's own entropy: 0 is perfect."""
    own = torch.special.entr(target).sum(1)
    return (-(target * logits.float().log_softmax(1)).sum(1) - own).mean()
