"""Random actions: what success costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium
import numpy as np

from agents.policy import DEFAULT_NEEDS, Action, Needs, Observation, Policy


@dataclass(frozen=True)
class Hyper:
    """Hyper-parameters.

    Attributes:
        hold: An action is kept for this many steps, so that the arm gets anywhere.
    """

    hold: int = 1

    def __post_init__(self) -> None:
        if self.hold < 1:
            raise ValueError(f"hold is {self.hold}: allowed is 1 or more")


class Random(Policy):
    """Uniform random actions."""

    hyper_class = Hyper

    def __init__(self, hyper: Hyper = Hyper(), needs: Needs = DEFAULT_NEEDS) -> None:
        self.needs = needs
        self._hyper = hyper
        self._size = 0
        self._step = 0
        self._rng = np.random.default_rng(0)
        self._action = np.zeros(0, np.float32)

    def attach(self, observation_space: gymnasium.Space, action_space: gymnasium.spaces.Box) -> None:
        """Take the size of an action."""
        self._size = action_space.shape[0]

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode; the same seed gives the same actions."""
        self._rng = np.random.default_rng([seed, 0x52414E44])
        self._step = 0

    def act(self, observation: Observation) -> Action:
        """Return a random action, whatever is seen."""
        if self._step % self._hyper.hold == 0:
            self._action = self._rng.uniform(-1, 1, self._size).astype(np.float32)
        self._step += 1
        return self._action
