"""Measures how many machine tools step at once."""

from __future__ import annotations

import time
from typing import Any

import gymnasium
import numpy as np

from experiments.measure import Effort, best_and_median


def batch_figures(env_id: str, effort: Effort, seed: int, lanes: int = 4096) -> dict[str, Any]:
    """Return how many machines a second an environment steps that is batched natively, on one core."""
    env = gymnasium.make_vec(env_id, num_envs=lanes)
    try:
        rng, shape = np.random.default_rng(seed), env.action_space.shape
        assert shape is not None
        actions = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
        env.reset(seed=seed)
        env.step(actions)
        rates = []
        steps = max(5, effort.steps // 25)
        for _ in range(effort.repetitions):
            start = time.perf_counter()
            for _ in range(steps):
                env.step(actions)
            rates.append(lanes * steps / (time.perf_counter() - start))
        return {"lanes": lanes, "machines_per_s": best_and_median(rates, max)}
    finally:
        env.close()
