"""A policy with one sense taken away, which shows what it goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.policy import Action, Observation, Policy


class _Wrapped(Policy):
    """Passes everything on to a policy.

    Args:
        policy: Who acts.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy, self.needs = policy, policy.needs

    def attach(self, observation_space: gymnasium.Space, action_space: gymnasium.spaces.Box) -> None:
        """Pass the spaces on."""
        self.policy.attach(observation_space, action_space)

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode."""
        self.policy.reset(instruction, seed)

    def act(self, observation: Observation) -> Action:
        """The action of the policy."""
        return self.policy.act(observation)


class LanguageBlind(_Wrapped):
    """Is never told what to do: the instruction is empty, in words and in tokens."""

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode without an instruction."""
        self.policy.reset("", seed)

    def act(self, observation: Observation) -> Action:
        """The action of the policy, which reads nothing."""
        return self.policy.act(_changed(observation, ("instruction",), 0))


class VisionBlind(_Wrapped):
    """Sees nothing: every picture is grey all over."""

    def act(self, observation: Observation) -> Action:
        """The action of the policy, which sees grey."""
        return self.policy.act(_changed(observation, ("image_", "depth_"), 128))


def _changed(observation: Observation, prefixes: tuple[str, ...], value: int) -> Observation:
    if not isinstance(observation, Mapping):
        raise TypeError("this policy neither sees pictures nor reads an instruction")
    found: dict[str, NDArray[Any]] = dict(observation)
    for name in found:
        if name.startswith(prefixes):
            found[name] = np.full_like(found[name], value)
    return found
