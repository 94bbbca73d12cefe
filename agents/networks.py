"""The network that acts: a perceptron in NumPy, so that acting needs no learning library.

Whatever library trained the weights, the policy that leaves training is this one. A step costs some
tens of microseconds, always at batch size one, so that neither the number of workers nor what else
they do changes a bit of its actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.policy import DEFAULT_NEEDS, Action, Needs, Observation, Policy

# Observations are cut this many standard deviations from the mean.
CLIP = 10.0
ACTIVATIONS = ("relu", "tanh")
HEADS = ("clip", "tanh")


def flatten(observation: Observation) -> NDArray[np.float32]:
    """Return an observation as one vector; the parts of a mapping go by alphabet."""
    if isinstance(observation, Mapping):
        parts = [np.ravel(observation[key]) for key in sorted(observation)]
        return np.concatenate(parts).astype(np.float32, copy=False)
    return np.asarray(observation, np.float32)


def flat_size(space: gymnasium.Space) -> int:
    """Return the length of a flattened observation."""
    return int(gymnasium.spaces.flatdim(space))


class MlpPolicy(Policy):
    """A perceptron on normalised observations.

    Args:
        layers: (weight (out, in), bias (out,)) of every layer.
        mean: (n,) subtracted from observations.
        scale: (n,) that they are then divided by.
        activation: Between layers, one of `ACTIVATIONS`.
        head: What keeps the output within [-1, 1], one of `HEADS`.
        needs: What the environment must offer.
    """

    def __init__(
        self,
        layers: Sequence[tuple[NDArray, NDArray]],
        mean: NDArray,
        scale: NDArray,
        activation: str = "relu",
        head: str = "clip",
        needs: Needs = DEFAULT_NEEDS,
    ) -> None:
        if activation not in ACTIVATIONS or head not in HEADS:
            raise ValueError(
                f"activation {activation!r}, head {head!r}: allowed are "
                f"{', '.join(ACTIVATIONS)} and {', '.join(HEADS)}"
            )
        self.needs = needs
        self.layers = [(np.array(w, np.float32, order="C"), np.array(b, np.float32)) for w, b in layers]
        self.mean, self.scale = np.array(mean, np.float32), np.array(scale, np.float32)
        self.activation, self.head = activation, head

    def output(self, observation: Observation) -> NDArray[np.float32]:
        """Return what the last layer gives, before the head."""
        x = (flatten(observation) - self.mean) / self.scale
        np.clip(x, -CLIP, CLIP, out=x)
        last = len(self.layers) - 1
        for i, (weight, bias) in enumerate(self.layers):
            x = weight @ x
            x += bias
            if i < last:
                np.maximum(x, 0, out=x) if self.activation == "relu" else np.tanh(x, out=x)
        return x

    def act(self, observation: Observation) -> Action:
        """Return the action, deterministic."""
        x = self.output(observation)
        if self.head == "tanh":
            return np.tanh(x, out=x)
        return np.clip(x, -1, 1, out=x)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return the settings, and the weights by name."""
        arrays: dict[str, NDArray] = {"mean": self.mean, "scale": self.scale}
        for i, (weight, bias) in enumerate(self.layers):
            arrays |= {f"weight_{i}": weight, f"bias_{i}": bias}
        values = {
            "activation": self.activation, "head": self.head, "n_layers": len(self.layers)
        }  # fmt: skip
        return values, arrays

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> MlpPolicy:
        """Return the policy whose `state` this was."""
        layers = [(arrays[f"weight_{i}"], arrays[f"bias_{i}"]) for i in range(values["n_layers"])]
        return cls(layers, arrays["mean"], arrays["scale"], values["activation"], values["head"])
