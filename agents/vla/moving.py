"""Fits the network that moves, on places that are as wrong as pointing is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agents.vla.averaging import Averaged, device_of
from agents.vla.body import Body, BodySpec
from agents.vla.motions import Motions
from agents.vla.senses import GROUPS, senses

# A share of places is so many times as wrong as the others.
_ROUGH, _ROUGHER = 0.1, 3.0


@dataclass(frozen=True)
class BodyFit:
    """How the network that moves is fitted.

    Attributes:
        batch: Frames in a batch.
        rate: Highest learning rate; it rises over the first hundredth and falls along a half cosine.
        weight_decay: Decoupled weight decay.
        threads: Threads for linear algebra.
        place_noise_m: How wrong places are, along each axis.
        place_noise_rad: How wrong turns are.
        sense_noise: Noise on what joints and sensors tell.
        drop_hand: Share of frames that are not told where the hand is, only how far things are from it.
        device: Where it is computed, one of `DEVICES`.
    """

    batch: int = 256
    rate: float = 1e-3
    weight_decay: float = 1e-2
    threads: int = 2
    place_noise_m: float = 0.0010
    place_noise_rad: float = 0.03
    sense_noise: float = 0.01
    drop_hand: float = 0.1
    device: str = "auto"

    def __post_init__(self) -> None:
        device_of(self.device)
        for name in ("batch", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        for name, most in (
            ("place_noise_m", 0.1),
            ("place_noise_rad", 1),
            ("sense_noise", 1),
            ("drop_hand", 1),
        ):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 0 to {most}")


class BodyFitter(Averaged):
    """A network that moves, its optimiser and the motions it learns from.

    What it is told of places while learning is where they truly are, off by noise; at work, where the network
    that looks points. No earlier action is told, which it could go on with instead of looking.

    Args:
        motions: What it learns from.
        spec: Sizes.
        fit: How.
        seed: Seed of weights, batches and noise.
    """

    def __init__(self, motions: Motions, spec: BodySpec, fit: BodyFit, seed: int) -> None:
        super().__init__(lambda: Body(spec), fit, seed)
        self.motions, self.fit = motions, fit

    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """The loss of a batch of frames, disturbed."""
        held, fit = self.motions, self.fit
        rows = rng.integers(len(held), size=fit.batch)
        off = rng.normal(0, 1, (fit.batch, *held.places.shape[1:]))
        off *= np.where(rng.random((fit.batch, 1, 1)) < _ROUGH, _ROUGHER, 1.0)
        off *= np.array([fit.place_noise_m] * 3 + [fit.place_noise_rad])
        told = senses(held.robot[rows], held.machine[rows], held.places[rows] + off)
        n_own = GROUPS["hand"] + GROUPS["signals"]
        told[:, :n_own] += rng.normal(0, fit.sense_noise, (fit.batch, n_own)).astype(np.float32)
        told[rng.random(fit.batch) < fit.drop_hand, : GROUPS["hand"]] = 0.0
        loss = self.network.loss(*map(torch.as_tensor, (told, held.chunks[rows], held.foreseen[rows])))
        return {"moves": loss}
