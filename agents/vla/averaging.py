"""What fits a network: AdamW, averaged weights, batches that follow from seed and number, exact going on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Where a network is fitted: on a GPU if there is one, or as said.
DEVICES = ("auto", "cpu", "cuda")
_EMA_DECAY = 0.998
_MOST_NORM = 5.0


class HowFitted(Protocol):
    """The numbers of a fit that every kind of it has."""

    @property
    def rate(self) -> float:
        """Highest learning rate; it rises over the first hundredth and falls along a half cosine."""

    @property
    def weight_decay(self) -> float:
        """Decoupled weight decay."""

    @property
    def threads(self) -> int:
        """Threads for linear algebra."""

    @property
    def device(self) -> str:
        """Where it is computed, one of `DEVICES`."""


class Averaged(ABC):
    """A network that is fitted, and its weights averaged over the last updates.

    Args:
        make: Makes the network, from weights that follow from the seed.
        fit: How it is fitted.
        seed: Seed of weights, batches and disturbances.
        rates: Highest learning rates of some of the network's parts, by name, instead of the fit's.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        fit: HowFitted,
        seed: int,
        rates: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        torch.set_num_threads(fit.threads)
        torch.manual_seed(seed)
        self.seed, self.n_updates = seed, 0
        self.device = device_of(fit.device)
        self.network = make().to(self.device)
        self._params = list(self.network.parameters())
        self._ema = [p.detach().clone() for p in self._params]
        groups: dict[float, list[Any]] = {}
        for name, p in self.network.named_parameters():
            groups.setdefault(rates.get(name.partition(".")[0], fit.rate), []).append(p)
        self._adam = torch.optim.AdamW(
            [{"params": params, "highest": rate} for rate, params in groups.items()],
            fit.rate, betas=(0.9, 0.98), weight_decay=fit.weight_decay, fused=True,
        )  # fmt: skip

    @abstractmethod
    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Losses of a new batch, by name; all chance comes from `rng`."""

    def run(self, n_updates: int, n_total: int) -> dict[str, float]:
        """Take gradient steps; return mean losses.

        Args:
            n_updates: How many.
            n_total: How many there will be in all, which sets the learning rate.
        """
        sums: dict[str, Any] = {}
        self.network.train()
        for _ in range(n_updates):
            rng = np.random.default_rng([self.seed, self.n_updates])
            for group in self._adam.param_groups:
                group["lr"] = group["highest"] * share_of_rate(self.n_updates / n_total)
            with self._here():
                losses = self.losses(rng)
            total = sum(losses.values())
            assert isinstance(total, Tensor)
            self._adam.zero_grad(set_to_none=True)
            total.backward()
            torch.nn.utils.clip_grad_norm_(self._params, _MOST_NORM)
            self._adam.step()
            self.n_updates += 1
            decay = min(_EMA_DECAY, self.n_updates / (self.n_updates + 10))
            with torch.no_grad():
                torch._foreach_lerp_(self._ema, self._params, 1 - decay)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss.detach().double()
        return {name: float(value) / max(n_updates, 1) for name, value in sums.items()}

    def _here(self) -> AbstractContextManager[Any]:
        """Within, tensors are made where the network is; without a GPU at no cost."""
        return self.device if self.device.type != "cpu" else nullcontext()

    def weights(self) -> dict[str, NDArray]:
        """The averaged weights, by name."""
        names = [name for name, _ in self.network.named_parameters()]
        return {name: _plain(p).copy() for name, p in zip(names, self._ema, strict=True)}

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return what `restore` needs to go on exactly from here."""
        arrays: dict[str, NDArray] = {}
        for i, (p, ema) in enumerate(zip(self._params, self._ema, strict=True)):
            arrays |= {f"net_{i}": _plain(p), f"ema_{i}": _plain(ema)}
            for key, value in self._adam.state[p].items():
                arrays[f"adam_{i}_{key}"] = _plain(value)
        return {"n_updates": self.n_updates}, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        """Take over what `state` returned."""
        self.n_updates = int(values["n_updates"])
        with torch.no_grad():
            for i, (p, ema) in enumerate(zip(self._params, self._ema, strict=True)):
                p.copy_(torch.from_numpy(np.array(arrays[f"net_{i}"])))
                ema.copy_(torch.from_numpy(np.array(arrays[f"ema_{i}"])))
                for key in ("step", "exp_avg", "exp_avg_sq"):
                    if f"adam_{i}_{key}" in arrays:
                        held = torch.from_numpy(np.array(arrays[f"adam_{i}_{key}"]))
                        of = held.to(p.device) if key == "step" else torch.empty_like(p).copy_(held)
                        self._adam.state[p][key] = of


def device_of(name: str) -> torch.device:
    """The device that one of `DEVICES` names here.

    Raises:
        ValueError: If it is none of them, or there is no GPU that one was asked for.
    """
    there = torch.cuda.is_available()
    if name not in DEVICES or (name == "cuda" and not there):
        allowed = ", ".join(DEVICES if there else DEVICES[:2])
        raise ValueError(f"device is {name!r}: allowed here are {allowed}")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def _plain(tensor: Tensor) -> NDArray:
    array: NDArray = tensor.detach().cpu().contiguous().numpy()
    return array


def share_of_rate(done: float) -> float:
    """The learning rate over its highest: up over the first hundredth, down along a half cosine."""
    return min(1.0, 100 * done + 0.01) * (0.02 + 0.49 * (1 + math.cos(math.pi * min(done, 1.0))))
