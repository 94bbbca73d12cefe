"""What disturbs an agent that shows its work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.cell.plan import KeyPose

# Steps between disturbances, and steps of one, on average.
_CALM_STEPS, _BURST_STEPS = 20, 3
_FULL_SPEED_M_S = 0.6  # of an action of size 1
# How many numbers of an action move the hand, by the size of the action.
_MOVES = {5: 4, 6: 4, 7: 6, 8: 6}


class Bursts:
    """What disturbs an agent now and then, so that it shows how to get back (as in DART, Laskey et al. 2017).

    Between bursts the agent is left in peace, on average `_CALM_STEPS`. Where the plan goes slowly, since it
    has to be precise, the disturbance shrinks as the speed does.

    Args:
        noise: Standard deviation of what is added to actions.
        salt: Which noise follows from it and from the seed.
        seed: Of the episode.
    """

    def __init__(self, noise: float, salt: int, seed: int) -> None:
        self._rng = np.random.default_rng([seed, salt])
        self._noise = noise
        self._calm = self._burst = 0

    def disturb(self, action: NDArray[np.float32], key: KeyPose) -> NDArray[np.float32]:
        """What is done instead of `action` on the way to `key`; the gripper and requests are left alone."""
        if not self._noise:
            return action
        if self._calm == 0 and self._burst == 0:
            self._calm = 1 + int(self._rng.exponential(_CALM_STEPS))
            self._burst = 1 + int(self._rng.exponential(_BURST_STEPS))
            self._offset = self._rng.normal(0, self._noise, action.shape)
            self._offset[_MOVES.get(len(action), len(action) - 1) :] = 0.0
        if self._calm > 0:
            self._calm -= 1
            return action
        self._burst -= 1
        share = min(1.0, key.speed_m_s / _FULL_SPEED_M_S)
        return np.clip(action + share * self._offset, -1, 1).astype(np.float32)
