"""Wrappers that give a cell's observation the form that others expect."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray


class LeRobotObs(gymnasium.ObservationWrapper):
    """The nested observation that lerobot's evaluation takes.

    `{"pixels": {camera: (h, w, 3) uint8}, "agent_pos": (n,) float32}`, from observation "rgb" or "rgbd". What
    lerobot reads besides, `task`, `task_description` and `_max_episode_steps`, are attributes here too.

    Raises:
        ValueError: for an environment that observes no pictures.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        inner = env.observation_space
        keys = list(inner.spaces) if isinstance(inner, spaces.Dict) else []
        self._cameras = tuple(key.removeprefix("image_") for key in keys if key.startswith("image_"))
        if not isinstance(inner, spaces.Dict) or not self._cameras:
            raise ValueError("LeRobotObs needs pictures: make the environment with observation='rgb'")
        pixels = spaces.Dict({name: inner[f"image_{name}"] for name in self._cameras})
        self.observation_space = spaces.Dict({"pixels": pixels, "agent_pos": inner["agent_pos"]})

    @property
    def task_description(self) -> str:
        """The instruction of the episode, which lerobot hands to the policy."""
        return str(self.unwrapped.instruction)  # type: ignore[attr-defined]

    @property
    def task(self) -> str:
        """The instruction too, under its older name."""
        return self.task_description

    @property
    def _max_episode_steps(self) -> int:
        return int(self.unwrapped._max_episode_steps)  # type: ignore[attr-defined]

    def observation(self, observation: dict[str, NDArray[Any]]) -> dict[str, Any]:
        """The nested form of a flat observation."""
        pixels = {name: observation[f"image_{name}"] for name in self._cameras}
        return {"pixels": pixels, "agent_pos": np.asarray(observation["agent_pos"], np.float32)}
