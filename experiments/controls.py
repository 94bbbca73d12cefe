"""Controls: the same policy with one of its senses taken away, or put to another test.

Each wraps any `Policy` that sees pictures and an instruction. What a policy still reaches without words or
without eyes it does not owe to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.policy import Action, Observation, Policy

# What is shown of each, in tables.
CONTROLS: Mapping[str, str] = MappingProxyType(
    {
        "language-blind": "is told the instruction of another episode",
        "blank instruction": "is told nothing",
        "vision-blind": "sees grey pictures",
        "instruction swapped": "the same scene, another part named: does it follow?",
        "replay": "repeats the actions of one training episode",
    }
)
# Those that need a policy with eyes and ears.
_SENSES = ("language-blind", "blank instruction", "vision-blind", "instruction swapped")
GREY = 127
_PICTURES = ("image_", "depth_", "segmentation_")


def controls_of(policy: Policy) -> tuple[str, ...]:
    """Return the controls that say something of a policy; one that sees true state uses no words."""
    senses = policy.needs.observation in ("rgb", "rgbd")
    return tuple(name for name in CONTROLS if senses or name not in _SENSES)


class Wrapped(Policy):
    """A policy around another.

    Args:
        policy: The other.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy, self.needs = policy, policy.needs

    def attach(self, observation_space: gymnasium.Space, action_space: gymnasium.spaces.Box) -> None:
        """Pass the spaces on."""
        self.policy.attach(observation_space, action_space)

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode."""
        self.policy.reset(instruction, seed)

    def act(self, observation: Observation) -> Action:
        """Return the other's action."""
        return self.policy.act(observation)


class Reworded(Wrapped):
    """Is told another sentence than the one that counts, in words and in tokens.

    Args:
        policy: Who acts.
        sentences: One of them is said in each episode, another than the true one where there is any.
    """

    def __init__(self, policy: Policy, sentences: Sequence[str]) -> None:
        super().__init__(policy)
        if not sentences:
            raise ValueError("sentences is empty: at least 1 is needed")
        self.sentences = tuple(sentences)
        self._tokens: NDArray = np.zeros(0, np.int32)

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode; which sentence is said follows from its seed."""
        from envs.cell.language import encode

        others = [text for text in self.sentences if text != instruction] or self.sentences
        text = others[int(np.random.default_rng([seed, 0x574F5244]).integers(len(others)))]
        self._tokens = encode(text)
        self.policy.reset(text, seed)

    def act(self, observation: Observation) -> Action:
        """Return the action after the sentence that was said."""
        if isinstance(observation, Mapping) and "instruction" in observation:
            observation = {**observation, "instruction": self._tokens}
        return self.policy.act(observation)


class VisionBlind(Wrapped):
    """Sees grey in place of every picture."""

    def act(self, observation: Observation) -> Action:
        """Return the action without eyes."""
        if isinstance(observation, Mapping):
            observation = {
                key: np.full_like(value, GREY if key.startswith("image_") else 0)
                if key.startswith(_PICTURES)
                else value
                for key, value in observation.items()
            }
        return self.policy.act(observation)


class Replay(Policy):
    """Repeats recorded actions, then stands still with the gripper as it was last.

    Args:
        actions: (T, m) what is repeated.
        control: What the actions mean.
    """

    def __init__(self, actions: NDArray, control: str) -> None:
        self.needs = replace(self.needs, observation="flat", control=control)
        self._actions = np.asarray(actions, np.float32)
        self._rest = np.zeros_like(self._actions[-1])
        self._rest[-1] = self._actions[-1, -1]
        self._step = 0

    def reset(self, instruction: str, seed: int) -> None:
        """Begin again."""
        self._step = 0

    def act(self, observation: Observation) -> Action:
        """Return the next action, whatever is seen."""
        step, self._step = self._step, self._step + 1
        return self._actions[step].copy() if step < len(self._actions) else self._rest.copy()


class Recorded(Wrapped):
    """Notes down the actions of the episode."""

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode with an empty list."""
        self.actions: list[Any] = []
        self.policy.reset(instruction, seed)

    def act(self, observation: Observation) -> Action:
        """Return the other's action, and keep it."""
        action = self.policy.act(observation)
        self.actions.append(np.array(action, np.float32))
        return action
