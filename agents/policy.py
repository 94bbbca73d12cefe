"""What an agent is: something that maps observations to actions, and what it may ask for.

A `Policy` is handed spaces and observations, nothing else. Two marks ask for more, and the verbs
grant it only to those that carry them: `Privileged` is bound to the environment and sees true
state; `Teachable` is shown the nominal layout once, as a robot is taught on a shop floor.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

Observation = NDArray[np.floating] | Mapping[str, NDArray]
Action = NDArray[np.float32]

CONTROLS = ("ee_yaw", "ee", "joint")


class PolicyError(ValueError):
    """Why a policy cannot act, told in one line: a camera that is missing, a server that is gone."""


@dataclass(frozen=True)
class Needs:
    """What the environment must offer to an agent; the verbs make it so.

    Attributes:
        observation: The observation mode, such as "flat" or "state".
        control: What the actions mean, such as "ee_yaw".
        cameras: The cameras to render.
        reward: The reward to learn from, "dense" or "sparse".
        image_size: Side of the pictures in pixels.
        triggered: Whether a camera takes a picture only when `act` reads it.
    """

    observation: str = "flat"
    control: str = "ee_yaw"
    cameras: tuple[str, ...] = ()
    reward: str = "dense"
    image_size: int = 96
    triggered: bool = False


DEFAULT_NEEDS = Needs()


@dataclass(frozen=True)
class Thought:
    """What a policy last looked at.

    Attributes:
        picture: (h, w, 3) uint8.
        heat: (h', w') where in the picture it thinks that what matters is, adding up to 1.
        camera: Whose picture.
    """

    picture: NDArray[np.uint8]
    heat: NDArray[np.floating]
    camera: str


class Policy(ABC):
    """Maps observations to actions.

    A policy travels to worker processes before it acts: until `reset`, it holds plain data.

    Attributes:
        controls: The controls that this kind of policy can give actions for.
        needs: What the environment must offer to this policy.
        batched: Whether `act` also takes the observations (n, ...) of n machine tools, whose episodes begin
            and end together, and returns their actions (n, ...), to the bit those that it gives one by one.
    """

    controls: ClassVar[tuple[str, ...]] = CONTROLS
    batched: ClassVar[bool] = False
    needs: Needs = DEFAULT_NEEDS

    def attach(  # noqa: B027 (most need nothing)
        self, observation_space: gymnasium.Space, action_space: gymnasium.spaces.Box
    ) -> None:
        """Take the spaces of the environment in which the policy is about to act."""

    def reset(self, instruction: str, seed: int) -> None:  # noqa: B027 (most need nothing)
        """Begin an episode.

        Args:
            instruction: What is to be done, in words.
            seed: Seed of the policy's own randomness in this episode.
        """

    @abstractmethod
    def act(self, observation: Observation) -> Action:
        """Return the action to take, shaped as the action space and in [-1, 1]."""

    @property
    def doubts(self) -> bool:
        """Whether it is about to take what may well not be what was named; it goes on all the same."""
        return False

    def thought(self) -> Thought | None:
        """Return what it last looked at and where it saw what matters; None where it does not say."""
        return None

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the policy to a folder, from which `load` returns an equal one."""
        from agents.checkpoint import save_policy

        save_policy(self, folder)

    @staticmethod
    def load(folder: str | os.PathLike[str]) -> Policy:
        """Return the policy saved in a folder, of whatever class it is."""
        from agents.checkpoint import load_policy

        return load_policy(folder)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return what `from_state` needs: plain values, and arrays by name."""
        raise TypeError(f"{type(self).__name__} has nothing to save: it is used by its name")

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Policy:
        """Return the policy whose `state` this was."""
        raise TypeError(f"{cls.__name__} has nothing to load: it is used by its name")


class Privileged(ABC):
    """Mark of a policy that may see true state; no learned policy carries it."""

    @abstractmethod
    def bind(self, env: gymnasium.Env) -> None:
        """Take the environment in which the policy is about to act."""


class Teachable(ABC):
    """Mark of a policy that is taught at the nominal layout before it works."""

    @abstractmethod
    def teach(self, make_env: Callable[..., gymnasium.Env]) -> None:
        """Record what is needed.

        Args:
            make_env: Makes an environment of the task at hand; keyword arguments, such as
                `split="nominal"`, override its options.
        """
