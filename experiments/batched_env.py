"""A stable-baselines3 `VecEnv` over an environment that is batched natively, in this process."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from experiments.rollout import EnvRequest, env_facts, episode_seed


def _of_lane(observation: Any, lane: int) -> Any:
    if isinstance(observation, dict):
        return {name: values[lane] for name, values in observation.items()}
    return observation[lane]


class BatchedVecEnv(VecEnv):
    """Lanes over training seeds; they go through the same bits as environments in worker processes do.

    Args:
        request: The environment; its lanes begin and end together.
        n_envs: How many.
        seed: Of the run; the episodes' seeds follow from it.
    """

    def __init__(self, request: EnvRequest, n_envs: int, seed: int) -> None:
        self._limits = env_facts(request).seeds["train"]
        self._env = gymnasium.make_vec(request.id, num_envs=n_envs, **request.options)
        self._actions = np.zeros(0, np.float32)
        super().__init__(n_envs, self._env.single_observation_space, self._env.single_action_space)
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Start the sequences of episodes anew; takes effect at the next `reset`."""
        self._rngs = [np.random.default_rng([seed, lane]) for lane in range(self.num_envs)]

    def reset(self) -> Any:
        """Begin an episode everywhere."""
        self._returns = np.zeros(self.num_envs)
        self._length = 0
        seeds = [episode_seed(self._limits, int(rng.integers(2**31))) for rng in self._rngs]
        observation, _ = self._env.reset(seed=seeds)  # type: ignore[arg-type]
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Keep what `step_wait` is to do."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Take the step; after the last one, return the first observations of the next episodes."""
        observation, rewards, terminated, truncated, info = self._env.step(self._actions)
        self._returns += rewards
        self._length += 1
        dones = terminated | truncated
        told: list[dict[str, Any]] = [{"is_success": bool(done)} for done in info["is_success"]]
        if dones.any():
            names = [k for k in info if not k.startswith("_")]
            for lane, one in enumerate(told):
                one |= {name: float(info[name][lane]) for name in names}
                one |= {
                    "is_success": bool(info["is_success"][lane]),
                    "TimeLimit.truncated": bool(truncated[lane] and not terminated[lane]),
                    "terminal_observation": _of_lane(observation, lane),
                    "episode": {"r": float(self._returns[lane]), "l": self._length, "t": 0.0},
                }
            observation = self.reset()
        return observation, rewards.astype(np.float32), dones, told

    def close(self) -> None:
        """End the environment."""
        self._env.close()

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refuse: a batch has no environments of their own."""
        raise NotImplementedError(f"cannot call {method_name} of single lanes")

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the batch, for each lane."""
        return [getattr(self._env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: environments are made as they are to be."""
        raise NotImplementedError(f"cannot set {attr_name}")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Episode statistics are in the infos already, so nothing needs a wrapper."""
        return [wrapper_class.__name__ == "Monitor" for _ in self._get_indices(indices)]
