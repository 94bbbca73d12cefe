"""The process behind `experiments.vec_env`: some environments, stepped together."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import gymnasium
import numpy as np

from experiments.rollout import EnvRequest, env_facts, episode_seed, numbers


class Lane:
    """One environment that starts its next episode by itself.

    Args:
        request: The environment.
        seed: Of the run.
        number: Of the lane; its episodes' seeds follow from both.
    """

    def __init__(self, request: EnvRequest, seed: int, number: int) -> None:
        self.env = request.make()
        self._limits = env_facts(request).seeds["train"]
        self._number = number
        self._return, self._length = 0.0, 0
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start the sequence of episodes anew."""
        self._rng = np.random.default_rng([seed, self._number])

    def reset(self) -> tuple[Any, dict[str, Any]]:
        """Begin the next episode."""
        self._return, self._length = 0.0, 0
        seed = episode_seed(self._limits, int(self._rng.integers(2**31)))
        return self.env.reset(seed=seed)

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, dict[str, Any]]:
        """Take a step; after the last one, return the first observation of the next episode."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._return += float(reward)
        self._length += 1
        told: dict[str, Any] = {"is_success": bool(info.get("is_success", False))}
        done = bool(terminated or truncated)
        if done:
            told |= numbers(info)
            told |= {
                "is_success": bool(info.get("is_success", False)),
                "TimeLimit.truncated": bool(truncated and not terminated),
                "terminal_observation": observation,
                "episode": {"r": self._return, "l": self._length, "t": 0.0},
            }
            observation, _ = self.reset()
        return observation, float(reward), done, told


def serve(pipe: Connection, request: EnvRequest, seed: int, lanes: Sequence[int]) -> None:
    """Answer the commands that come through a pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        made = [Lane(request, seed, number) for number in lanes]
        pipe.send(env_facts(request))
        while True:
            command, data = pipe.recv()
            if command == "step":
                rows = [lane.step(action) for lane, action in zip(made, data, strict=True)]
                observations, rewards, dones, infos = zip(*rows, strict=True)
                pipe.send((stack(observations), np.array(rewards), np.array(dones), infos))
            elif command == "reset":
                pipe.send(stack([lane.reset()[0] for lane in made]))
            elif command == "seed":
                for lane in made:
                    lane.seed(data)
            elif command == "call":
                name, lane, arguments, keywords = data
                env: gymnasium.Env = made[lane].env
                pipe.send(getattr(env.unwrapped, name)(*arguments, **keywords))
            elif command == "get":
                pipe.send([lane.env.get_wrapper_attr(data) for lane in made])
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        pipe.close()


def stack(observations: Sequence[Any]) -> Any:
    """Return observations of several environments as one."""
    if isinstance(observations[0], dict):
        return {key: np.stack([o[key] for o in observations]) for key in observations[0]}
    return np.stack(observations)
