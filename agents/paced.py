"""A cloned policy at a learned pace: what reinforcement learning adds to imitation."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.networks import MlpPolicy
from agents.policy import DEFAULT_NEEDS, Action, Needs, Observation, Policy

# Numbers that are learned: pace and gripper, each in [-1, 1]; 0 leaves the cloned action as it is.
N_CORRECTIONS = 2
# The movement is a fifth to five times the cloned one.
_PACE = 1.6
# The cloned network gives the log-odds of opening; they are moved by as much as this.
_GRIPPER = 5.0


def corrected(cloned: NDArray, correction: NDArray) -> Action:
    """Return the action: the cloned movement scaled, its direction kept, the gripper sooner or later.

    Where the cloned arm holds still it holds still at any pace, which a chuck waits for, and the path
    stays free of collisions; noise added to single axes at every step loads nothing.

    Args:
        cloned: (m,) the cloned network's output; the last is the gripper's.
        correction: (2,) pace and gripper; cut off at 1.
    """
    pace, gripper = np.clip(correction, -1.0, 1.0)
    action = np.array(cloned, np.float32)
    # What is above full speed in the cloned output is cut off before, or the direction would turn.
    move = np.clip(action[:-1], -1.0, 1.0) * np.float32(exp(_PACE * pace))
    action[:-1] = move / max(1.0, float(np.abs(move).max(initial=0.0)))
    action[-1] += np.float32(_GRIPPER * gripper)
    return np.clip(action, -1.0, 1.0, out=action)


class PacedPolicy(Policy):
    """A cloned policy and a small network that corrects its pace.

    Args:
        cloned: The policy that is corrected; its gripper is the last action.
        pace: Gives the corrections.
        needs: What the environment must offer.
    """

    def __init__(self, cloned: MlpPolicy, pace: MlpPolicy, needs: Needs = DEFAULT_NEEDS) -> None:
        self.needs = needs
        self.cloned, self.pace = cloned, pace

    def act(self, observation: Observation) -> Action:
        """Return the action, deterministic."""
        return corrected(self.cloned.output(observation), self.pace.output(observation))

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return the settings, and the weights by name."""
        values: dict[str, Any] = {}
        arrays: dict[str, NDArray] = {}
        for name, part in (("cloned", self.cloned), ("pace", self.pace)):
            values[name], weights = part.state()
            arrays |= {f"{name}.{key}": array for key, array in weights.items()}
        return values, arrays

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> PacedPolicy:
        """Return the policy whose `state` this was."""

        def part(name: str) -> MlpPolicy:
            prefix = f"{name}."
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            return MlpPolicy.from_state(values[name], own)

        return cls(part("cloned"), part("pace"))
