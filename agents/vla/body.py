"""The network that moves: what the hand is told to the next actions, all at once.

A small transformer (Vaswani et al. 2017, layer norm first) over a token for each group of senses and a query
for each of the next actions. An action is said as tokens, 256 to each of its numbers (as in RT-2, Brohan et
al. 2023), or as numbers. Both are finer near zero, where hands come to rest (mu-law companding, ITU-T G.711).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from agents.vla.senses import GROUPS

HEADS = ("tokens", "continuous")
TOKENS = 256
# Tokens 1 to 255 stand for -1 to 1, so that one of them, 128, is exactly 0.
_ZERO, _STEPS = 128, 127
_MU = 30.0
# Width (tokens) of the bell round a number, and how far round the likeliest token is averaged.
_BELL, _ROUND = 1.0, 2
# Numbers of an action, the last of which is the gripper's: below 0 it closes.
N_ACTIONS = 5
GRIPPER = N_ACTIONS - 1


@dataclass(frozen=True)
class BodySpec:
    """The network's sizes.

    Attributes:
        chunk: Actions that are said at once.
        head: How: "tokens" or "continuous".
        wide: Numbers of a token inside the transformer.
        layers: Its layers.
        n_heads: Its attention heads.
    """

    chunk: int = 8
    head: str = "tokens"
    wide: int = 80
    layers: int = 3
    n_heads: int = 4

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise ValueError(f"head is {self.head!r}: allowed are {', '.join(HEADS)}")
        for name in ("chunk", "layers", "n_heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        if self.wide < 8 or self.wide % self.n_heads:
            raise ValueError(f"wide is {self.wide}: allowed are multiples of n_heads, {self.n_heads}, from 8")


class Body(nn.Module):
    """Senses to the next actions; see the module's text."""

    def __init__(self, spec: BodySpec = BodySpec()) -> None:
        super().__init__()
        self.spec = spec
        w = spec.wide
        self.enter = nn.ModuleList(
            nn.Sequential(nn.Linear(n, w), nn.GELU(), nn.Linear(w, w)) for n in GROUPS.values()
        )
        self.kinds = nn.Parameter(torch.randn(len(GROUPS), w) * 0.02)
        self.queries = nn.Parameter(torch.randn(spec.chunk, w) * 0.5)
        layer = nn.TransformerEncoderLayer(
            w, spec.n_heads, 4 * w, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, spec.layers, nn.LayerNorm(w), enable_nested_tensor=False)
        self.say = nn.Linear(w, N_ACTIONS * (TOKENS if spec.head == "tokens" else 1))
        if spec.head == "tokens":  # neighbours begin alike, as cosines from one to as many half waves
            waves = torch.cos(math.pi * torch.linspace(0, 1, TOKENS)[:, None] * torch.arange(w))
            with torch.no_grad():
                self.say.weight.copy_(waves.repeat(N_ACTIONS, 1) * w**-0.5)
                self.say.bias.zero_()

    def forward(self, senses: Tensor) -> Tensor:
        """(b, sum of `GROUPS`) to (b, chunk, N_ACTIONS) companded numbers, or as many times TOKENS logits."""
        groups = senses.split(list(GROUPS.values()), 1)
        told = torch.stack([enter(group) for enter, group in zip(self.enter, groups, strict=True)], 1)
        asked = self.queries.expand(len(senses), -1, -1)
        x = self.layers(torch.cat([told + self.kinds, asked], 1))[:, -self.spec.chunk :]
        said = self.say(x)
        return said.unflatten(2, (N_ACTIONS, TOKENS)) if self.spec.head == "tokens" else said

    def loss(self, senses: Tensor, chunks: Tensor, foreseen: Tensor) -> Tensor:
        """Mean loss of the actions that could be foreseen.

        Args:
            senses: (b, sum of `GROUPS`).
            chunks: (b, chunk, N_ACTIONS) in [-1, 1].
            foreseen: (b, chunk) whether each counts.
        """
        said, wanted = self(senses)[foreseen], chunks[foreseen]
        if self.spec.head == "tokens":
            return functional.cross_entropy(said.flatten(0, 1), bells(wanted).flatten(0, 1))
        moves = (said[:, :GRIPPER] - companded(wanted[:, :GRIPPER])).abs().mean()
        return moves + 0.1 * functional.softplus(-said[:, GRIPPER] * wanted[:, GRIPPER].sign()).mean()

    def actions(self, senses: Tensor) -> NDArray[np.float32]:
        """(b, chunk, N_ACTIONS) in [-1, 1]; the gripper's number is -1 or 1."""
        said = self(senses)
        moves = likeliest(said) if self.spec.head == "tokens" else expanded(said).clamp(-1, 1)
        moves[..., GRIPPER] = torch.where(moves[..., GRIPPER] < 0, -1.0, 1.0)
        return moves.numpy().astype(np.float32)


def companded(x: Tensor) -> Tensor:
    """[-1, 1] to [-1, 1], steeper near 0."""
    return x.sign() * torch.log1p(_MU * x.abs()) / math.log1p(_MU)


def expanded(y: Tensor) -> Tensor:
    """What `companded` gave `y`."""
    return y.sign() * torch.expm1(y.abs() * math.log1p(_MU)) / _MU


def tokens_of(x: Tensor) -> Tensor:
    """The nearest tokens of numbers in [-1, 1]."""
    return (companded(x.clamp(-1, 1)) * _STEPS).round().long() + _ZERO


def bells(x: Tensor) -> Tensor:
    """(..., TOKENS) shares of the tokens round numbers in [-1, 1], so that near misses are less wrong."""
    at = companded(x.clamp(-1, 1)) * _STEPS + _ZERO
    return (-(((torch.arange(TOKENS) - at[..., None]) / _BELL) ** 2) / 2).softmax(-1)


def likeliest(logits: Tensor) -> Tensor:
    """The numbers that (..., TOKENS) say: the mean round the likeliest token; exactly 0 where that is 0's."""
    best = logits.argmax(-1, keepdim=True)
    near = (best + torch.arange(-_ROUND, _ROUND + 1)).clamp(1, TOKENS - 1)
    at = (logits.gather(-1, near).softmax(-1) * near).sum(-1)
    return torch.where(best[..., 0] == _ZERO, 0.0, values_of(at))


def values_of(tokens: Tensor) -> Tensor:
    """The numbers that tokens, or what lies between them, stand for; token 0 stands for -1 too."""
    return expanded((tokens - _ZERO).float() / _STEPS).clamp(-1, 1)
