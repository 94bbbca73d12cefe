"""The skilled expert: follows the plan from true poses, afresh at every step, and so recovers from a slip."""

from __future__ import annotations

from typing import Any

import gymnasium

from agents.policy import Action, Needs, Observation, Policy, Privileged


class Expert(Policy, Privileged):
    """Asks the environment that it is bound to what a skilled hand would do now."""

    controls = ("ee_yaw", "ee")
    needs = Needs(observation="flat", control="ee_yaw")

    def bind(self, env: gymnasium.Env[Any, Any]) -> None:
        """Takes the environment whose plan it follows."""
        self._env: Any = env.unwrapped

    def act(self, observation: Observation) -> Action:
        """The action towards the first key pose that remains."""
        action: Action = self._env.expert_action()
        return action
