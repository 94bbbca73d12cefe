"""A skilled hand that takes its time: the plan from true poses, at a share of the usual pace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from agents.policy import Action, Needs, Observation, Policy, Privileged


@dataclass(frozen=True)
class Hyper:
    """Hyper-parameters.

    Attributes:
        pace: Share of the expert's pace.
    """

    pace: float = 0.7

    def __post_init__(self) -> None:
        if not 0.1 <= self.pace <= 1.0:
            raise ValueError(f"pace is {self.pace}: allowed are 0.1 to 1")


class Calm(Policy, Privileged):
    """Moves and turns as the expert does, slower; opens and closes at once."""

    controls = ("ee_yaw",)
    needs = Needs(observation="flat", control="ee_yaw")
    hyper_class = Hyper

    def __init__(self, hyper: Hyper) -> None:
        self._pace = hyper.pace
        self._env: Any = None

    def bind(self, env: gymnasium.Env[Any, Any]) -> None:
        """Take the environment whose plan it follows."""
        self._env = env.unwrapped

    def act(self, observation: Observation) -> Action:
        """Return the expert's action, its movement (x, y, z, turn) scaled."""
        action = np.array(self._env.expert_action(), np.float32)
        action[:4] *= self._pace
        return action
