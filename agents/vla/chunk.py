"""Looks a few times a second, and says the next actions from what it points at.

The network that looks points at the part to take, and at the place to put it once a part is held. The one
that moves is told how far the hand is from there, how it stands and what signals say, and answers with a
chunk of actions (Zhao et al. 2023), of which the first are done before it looks again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.one_thread import one_thread
from agents.policy import Action, Needs, Observation, Policy, Thought
from agents.taught import COMMANDED, GRIPPED, PRESENT, ROTATION, tool_yaw
from agents.vla.checks import check_pictures, check_words
from agents.vla.geometry import SURFACES_M
from agents.vla.keyframe import CAMERAS, IMAGE_SIZE
from agents.vla.pointing import Memory, hidden
from agents.vla.seeing import Seen, Seer, View
from agents.vla.senses import PLACE, PUT, TAKE, senses

_INSIDE = -7
# What is gripped nearer than this to where it was seen was taken there.
NEAR_M = 0.04


class Mover:
    """The network that moves; plain data until it does.

    Args:
        spec: Its sizes, as `BodySpec` takes them.
        weights: By parameter name.
    """

    def __init__(self, spec: Mapping[str, Any], weights: Mapping[str, NDArray]) -> None:
        self.spec, self.weights = dict(spec), dict(weights)
        self._body: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_body": None}

    def move(self, told: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next actions, (chunk, 5), for a row of senses: always one, in single precision, one thread."""
        import torch

        if self._body is None:
            from agents.vla.body import Body, BodySpec

            self._body = Body(BodySpec(**self.spec)).eval()
            self._body.load_state_dict({n: torch.from_numpy(np.array(w)) for n, w in self.weights.items()})
        with one_thread():
            actions: NDArray[np.float32] = self._body.actions(torch.from_numpy(told))[0]
        return actions


class Chunk(Policy):
    """A policy that says chunks of actions.

    Args:
        seer: What says where.
        mover: What says how to move.
        execute: So many actions of a chunk are done before it looks again.
        image_size: Side of the pictures it was learned with.
    """

    controls = ("ee_yaw",)

    def __init__(self, seer: Seer, mover: Mover, execute: int, image_size: int = IMAGE_SIZE) -> None:
        self.seer, self.mover, self.execute = seer, mover, execute
        self.needs = Needs("rgb", "ee_yaw", CAMERAS, image_size=image_size)
        self.last: tuple[View, Seen] | None = None

    # -- working -------------------------------------------------------------------------------
    def attach(self, observation_space: gymnasium.Space, action_space: gymnasium.spaces.Box) -> None:
        """Check that the pictures are there and of the right size.

        Raises:
            PolicyError: If not, in one line.
        """
        check_pictures(observation_space, self.needs)

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode with nothing seen.

        Raises:
            PolicyError: For an instruction of which no word was ever met; an empty one is no mistake.
        """
        check_words(instruction, self.seer.known)
        self.text = instruction
        self.memories = (Memory(), Memory())
        self.grip_m = self.surface_m = 0.0
        self.holds = False
        self.queue: list[Action] = []
        self.last = None

    def act(self, observation: Observation) -> Action:
        """The next action of the chunk; a new one, after a look, where it is used up."""
        assert isinstance(observation, Mapping)
        robot, machine = observation["agent_pos"], observation["machine"]
        holds = bool(robot[GRIPPED] > 0.5)
        if holds != self.holds:
            self.holds, self.queue = holds, []
            take = self.places(robot)[TAKE, :3]
            if holds and math.dist(robot[COMMANDED], take) < NEAR_M:  # a signal can come and go on the way
                self.grip_m = float(robot[COMMANDED][2]) - self.surface_m
                self.memories = (self.memories[TAKE], Memory())
        if not self.queue:
            # In the machine and without a part there is nothing to look for.
            if holds or not (machine[PRESENT] > 0.5 or robot[_INSIDE] > 0.5):
                self._look(observation)
            told = senses(robot[None], machine[None], self.places(robot)[None])
            self.queue = list(self.mover.move(told)[: self.execute])
        return self.queue.pop(0)

    def places(self, robot: NDArray) -> NDArray:
        """(2, 4): where to take and where to put as far as it was seen, else not a number."""
        yaw = tool_yaw(robot[ROTATION])
        seen = [memory.place(yaw) for memory in self.memories]
        return np.array([[np.nan] * PLACE if place is None else place for place in seen])

    def _look(self, observation: Mapping[str, NDArray]) -> None:
        """Look for what matters now, and remember it unless the hand hides it, or what was seen before."""
        robot = observation["agent_pos"]
        which, stage = (PUT, "put") if self.holds else (TAKE, "take")
        camera, yaw = self.seer.camera(self.text, stage, self.needs.cameras), tool_yaw(robot[ROTATION])
        if stage == "take":
            self.surface_m = SURFACES_M.get(camera, 0.0)
        memory = self.memories[which]
        hand, before = robot[COMMANDED].tolist(), memory.place(yaw)
        view = View(
            observation[f"image_{camera}"], observation[f"calibration_{camera}"], camera, stage,
            yaw if before is None else before[3],  # of equal turns always the same, as they are averaged
            self.grip_m if self.holds else 0.0,
        )  # fmt: skip
        seen = self.seer.see(view, self.text)
        self.last = view, seen
        # A hand over the part hides it: whatever else looks like it is no news.
        if before is None or not any(hidden(hand, at, stage) for at in (before[:3], seen.position_m)):
            memory.add(seen.position_m, seen.yaw_rad)

    def thought(self) -> Thought | None:
        """Return the last picture and its heat map."""
        if self.last is None or self.last[1].heat is None:
            return None
        view, seen = self.last
        return Thought(view.picture, seen.heat, view.camera)

    # -- keeping -------------------------------------------------------------------------------
    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return both networks' settings and weights."""
        values, arrays = self.seer.state()
        own = {"body": self.mover.spec, "execute": self.execute, "image_size": self.needs.image_size}
        held = {f"eyes.{name}": array for name, array in arrays.items()}
        return values | own, held | {f"body.{name}": array for name, array in self.mover.weights.items()}

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Chunk:
        """Return the policy whose `state` this was."""
        eyes, body = (
            {name.removeprefix(part): array for name, array in arrays.items() if name.startswith(part)}
            for part in ("eyes.", "body.")
        )
        mover = Mover(values["body"], body)
        return cls(Seer.from_state(values, eyes), mover, int(values["execute"]), int(values["image_size"]))
