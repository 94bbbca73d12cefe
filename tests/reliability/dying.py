"""Policies whose process dies."""

import os
import signal
from pathlib import Path

import numpy as np

from agents.policy import Policy


class DiesOnce(Policy):
    """Kills its process in one episode, the first time that anybody plays it."""

    def __init__(self, seed, mark):
        self._seed, self._mark = seed, Path(mark)

    def reset(self, instruction, seed):
        self._rng = np.random.default_rng(seed)
        if seed == self._seed and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def act(self, observation):
        return self._rng.uniform(-1, 1, 5).astype(np.float32)


class DiesAlways(Policy):
    """Kills its process in every episode."""

    def act(self, observation):
        os.kill(os.getpid(), signal.SIGKILL)
