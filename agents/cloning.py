"""Fits a perceptron to labelled states; the part that behaviour cloning and DAgger share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learner import Labels
from agents.networks import CLIP, MlpPolicy
from agents.policy import Needs

# Inputs that hardly vary are not blown up.
_LEAST_SCALE = 1e-3
_EMA_DECAY = 0.998


@dataclass(frozen=True)
class FitHyper:
    """How the network is fitted.

    Attributes:
        hidden: Sizes of the hidden layers.
        batch: States in a batch.
        rate: Highest learning rate; it falls to a twentieth along a half cosine.
        weight_decay: Decoupled weight decay.
    """

    hidden: tuple[int, ...] = (256, 256, 256)
    batch: int = 512
    rate: float = 1e-3
    weight_decay: float = 1e-5


class Cloner:
    """A network, its optimiser and the states it learns from.

    Actions that only ever take the values -1 and 1 (a gripper) are learned as a binary choice, the
    others by Huber loss. The policy that is handed out has averaged weights.

    Args:
        hyper: How to fit.
        seed: Seed of the weights and batches.
    """

    def __init__(self, hyper: FitHyper, seed: int) -> None:
        self._hyper, self._seed = hyper, seed
        self._n = 0
        self._n_updates = 0
        self._arrays: dict[str, NDArray] = {}

    # --- Data ---------------------------------------------------------------------------------

    def add(self, labels: Sequence[Labels]) -> None:
        """Add labelled states; the first ones set the scale of the inputs and the network."""
        states = np.concatenate([item.observations for item in labels])
        actions = np.concatenate([item.actions for item in labels])
        first = self._n == 0
        self._append("states", states)
        self._append("actions", actions)
        self._n += len(states)
        if first:
            self._arrays["mean"] = states.mean(axis=0)
            self._arrays["scale"] = np.maximum(states.std(axis=0), _LEAST_SCALE)
            self._arrays["binary"] = np.all(np.abs(actions) == 1, axis=0)
            self._build()

    def _append(self, name: str, rows: NDArray) -> None:
        """Append rows to an array that doubles when it is full."""
        held = self._arrays.get(name)
        if held is None or len(held) < self._n + len(rows):
            size = max(2 * (self._n + len(rows)), 65_536)
            grown = np.zeros((size, rows.shape[1]), np.float32)
            if held is not None:
                grown[: self._n] = held[: self._n]
            self._arrays[name] = held = grown
        held[self._n : self._n + len(rows)] = rows

    def __len__(self) -> int:
        return self._n

    # --- Fitting ------------------------------------------------------------------------------

    def _build(self) -> None:
        import torch

        sizes = [
            self._arrays["states"].shape[1], *self._hyper.hidden, self._arrays["actions"].shape[1]
        ]  # fmt: skip
        torch.set_num_threads(1)  # the other cores roll out episodes
        torch.manual_seed(self._seed)
        parts: list[Any] = []
        for i, (a, b) in enumerate(pairwise(sizes)):
            parts += [torch.nn.Linear(a, b)] + ([torch.nn.ReLU()] if i < len(sizes) - 2 else [])
        self._net = torch.nn.Sequential(*parts)
        self._params = list(self._net.parameters())
        self._ema = [p.detach().clone() for p in self._params]
        self._adam = torch.optim.AdamW(
            self._params, self._hyper.rate, weight_decay=self._hyper.weight_decay, fused=True
        )
        self._mean = torch.from_numpy(self._arrays["mean"])
        self._scale = torch.from_numpy(self._arrays["scale"])
        self._binary = torch.from_numpy(self._arrays["binary"])

    def fit(self, n_updates: int, progress: float) -> float:
        """Take gradient steps; return the mean loss.

        Args:
            n_updates: How many.
            progress: 0 at the start of the learning, 1 at its end; sets the learning rate.
        """
        import torch

        rng = np.random.default_rng([self._seed, self._n_updates])
        rate = self._hyper.rate * (0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * min(progress, 1.0))))
        for group in self._adam.param_groups:
            group["lr"] = rate
        states = torch.from_numpy(self._arrays["states"])
        actions = torch.from_numpy(self._arrays["actions"])
        total = 0.0
        for _ in range(n_updates):
            rows = torch.from_numpy(rng.integers(self._n, size=self._hyper.batch))
            x = ((states[rows] - self._mean) / self._scale).clamp_(-CLIP, CLIP)
            loss = self._loss(self._net(x), actions[rows])
            self._adam.zero_grad(set_to_none=True)
            loss.backward()
            self._adam.step()
            self._n_updates += 1
            # The average is short at first, or it would remember the random weights.
            decay = min(_EMA_DECAY, self._n_updates / (self._n_updates + 10))
            with torch.no_grad():
                torch._foreach_lerp_(self._ema, self._params, 1 - decay)
            total += loss.item()
        return total / max(n_updates, 1)

    def _loss(self, out: Any, target: Any) -> Any:
        from torch.nn import functional

        smooth = functional.smooth_l1_loss(out, target, beta=0.2, reduction="none")
        binary = functional.softplus(-out * target)
        return (binary * self._binary + smooth * ~self._binary).mean()

    # --- Results ------------------------------------------------------------------------------

    def policy(self, needs: Needs) -> MlpPolicy:
        """Return the policy with averaged weights."""
        weights = [p.numpy() for p in self._ema]
        layers = list(zip(weights[::2], weights[1::2], strict=True))
        return MlpPolicy(layers, self._arrays["mean"], self._arrays["scale"], needs=needs)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return what `restore` needs to go on exactly from here."""
        arrays = {**self._arrays}
        for name in ("states", "actions"):
            arrays[name] = arrays[name][: self._n]
        for i, (p, ema) in enumerate(zip(self._params, self._ema, strict=True)):
            arrays |= {f"net_{i}": p.detach().numpy(), f"ema_{i}": ema.numpy()}
            for key, value in self._adam.state[p].items():
                arrays[f"adam_{i}_{key}"] = value.numpy()
        return {"n": self._n, "n_updates": self._n_updates}, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        """Take over what `state` returned."""
        import torch

        self._n, self._arrays = 0, {k: np.array(arrays[k]) for k in ("mean", "scale", "binary")}
        for name in ("states", "actions"):
            self._append(name, arrays[name])
        self._n, self._n_updates = values["n"], values["n_updates"]
        self._build()
        with torch.no_grad():
            for i, (p, ema) in enumerate(zip(self._params, self._ema, strict=True)):
                p.copy_(torch.from_numpy(np.array(arrays[f"net_{i}"])))
                ema.copy_(torch.from_numpy(np.array(arrays[f"ema_{i}"])))
                prefix = f"adam_{i}_"
                kept = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
                for key, value in kept.items():
                    self._adam.state[p][key] = torch.from_numpy(np.array(value))
