"""Looks, goes where the network says, looks again.

The network says through which camera to look, where the hand closes or opens, how high and how turned. What
lies between is fixed (`motion`). What a cell's signals tell is heeded: no part in the fingers, an alarm of
the seat, a push that is too hard; then it looks again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents import taught
from agents.policy import Action, Needs, Observation, Policy, Thought
from agents.taught import ALARM, CLAMP, COMMANDED, FORCE, GRIPPED, PRESENT, ROTATION, SEAT, arrived, tool_yaw
from agents.vla.checks import check_pictures, check_words
from agents.vla.geometry import SURFACES_M, wrap
from agents.vla.lowering import DEEPER_M, begun, world_force
from agents.vla.motion import DOOR_M, SLOW_M_S, Pose, fetch, is_inside, leave_seat, let_go, over, set_down
from agents.vla.seeing import Seen, Seer, View

CAMERAS = ("tray", "chuck")
IMAGE_SIZE = 128
# What an action of size 1 moves the hand in a control period.
STEP_M, STEP_RAD, PERIOD_S = 0.030, 0.20, 0.05
# Down to a seat: so far above it jaws may be in the way, and the hand slows down to so much a period; so
# far above it creeps, and it goes no farther below than the last.
NEAR_M, NEAR_STEP_M = 0.018, 0.0025
SLOW_M, CREEP_M, BELOW_M = 0.003, 0.0008, 0.010
# So hard may be pushed down on the seat; and before the part is there, or something is in its way.
PUSH_N, JAM_N = 60.0, 35.0
# Periods to wait for the fingers, and for jaws and sensors.
GRIP_STEPS, JAM_STEPS, SEAT_STEPS, OPEN_STEPS, PATIENCE = 12, 1, 20, 4, 40
# What is missed is taken lower the next time; what jaws do not take is turned (rad), or put down beside (m).
LOWER_M = 0.005
_SEARCH = (
    *((0.0, 0.0, 0.0), (math.pi / 6, 0.0, 0.0), (0.0, 0.0015, 0.0), (0.26, 0.0, 0.0), (0.0, -0.0015, 0.0)),
    *((-0.26, 0.0, 0.0), (0.0, 0.0, 0.0015), (0.0, 0.0, -0.0015)),
)
# Poses on the way to which a part is in the hand.
HOLDING = ("hold", "lift", "door", "pass", "above", "place", "seat", "up")
# A look for a part with less of its heat round one place is in doubt; chosen on validation scenes.
SURE = 0.8
# A hand that is commanded to move and has not for so many periods is held up by something.
STUCK_STEPS = 10


class Keyframe(Policy):
    """A policy that goes from one key pose to the next; what it sees with is a `Seer`.

    Args:
        seer: What says where.
        cameras: Those that it was learned with.
        image_size: Side of the pictures it was learned with.
    """

    controls = ("ee_yaw",)

    def __init__(self, seer: Seer, cameras: Sequence[str] = CAMERAS, image_size: int = IMAGE_SIZE) -> None:
        self.seer = seer
        self.needs = Needs("rgb", "ee_yaw", tuple(cameras), image_size=image_size, triggered=True)
        self.text = ""
        self.seen: Seen | None = None
        self.camera = ""

    # -- working -------------------------------------------------------------------------------
    def attach(self, observation_space: gymnasium.Space, action_space: gymnasium.spaces.Box) -> None:
        """Check that the pictures are there and of the right size.

        Raises:
            PolicyError: If not, in one line.
        """
        check_pictures(observation_space, self.needs)

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode: look first.

        Raises:
            PolicyError: For an instruction of which no word was ever met; an empty one is no mistake.
        """
        check_words(instruction, self.seer.known)
        self.text = instruction
        self.home: tuple[float, float, float] | None = None
        self.keys: list[Pose] = []
        self.index = self.waited = 0
        self.grip_m = 0.0
        self.lowering = begun((0.0, 0.0, 0.0))
        self.stage = "take"
        self.seen = None
        self.last_m, self.stuck = (0.0, 0.0, 0.0), 0
        self.n_missed = self.n_unseated = self.n_jammed = 0

    def act(self, observation: Observation) -> Action:
        """The action towards the present key pose, after a look where one is due."""
        assert isinstance(observation, Mapping)
        robot, machine = observation["agent_pos"], observation["machine"]
        if self.home is None:
            self.home = self._at(robot)
        self._heed(robot, machine)
        self._advance(robot, machine)
        if self.index >= len(self.keys):
            self._look(observation)
        key = self.keys[self.index]
        if key.name == "seat":
            key = self._creep(key, robot, machine)
        elif key.name == "place":
            key = self._lower(key, robot)
        return self._towards(key, robot)

    def _look(self, observation: Mapping[str, NDArray]) -> None:
        """Look, and plan up to the next look."""
        robot = observation["agent_pos"]
        self.camera = self.seer.camera(self.text, self.stage, self.needs.cameras)
        view = View(
            observation[f"image_{self.camera}"],
            observation[f"calibration_{self.camera}"],
            self.camera,
            self.stage,
            tool_yaw(robot[ROTATION]),
            0.0 if self.stage == "take" else self.grip_m,
        )
        self.seen, self.picture = self.seer.see(view, self.text), view.picture
        self.keys = self._fetch(self.seen) if self.stage == "take" else self._bring(self.seen, robot)
        self.index = self.waited = 0

    @property
    def doubts(self) -> bool:
        """Whether the part that it is about to take may well be another."""
        return self.stage == "take" and self.seen is not None and self.seen.sure < SURE

    def thought(self) -> Thought | None:
        """Return the last picture and its heat map."""
        if self.seen is None or self.seen.heat is None:
            return None
        return Thought(self.picture, self.seen.heat, self.camera)

    def _fetch(self, seen: Seen) -> list[Pose]:
        """Take it; then to where the next look is: before the machine, or out of the way of the camera."""
        assert self.home is not None
        (x, y, z), surface_m = seen.position_m, SURFACES_M.get(self.camera, 0.0)
        z -= LOWER_M * (self.n_missed % 3)
        self.grip_m = z - surface_m
        keys = fetch((x, y, z), seen.yaw_rad)
        if is_inside((x, y, z)):
            return keys
        machine = self.seer.camera(self.text, "put", self.needs.cameras) == "chuck"
        return [*keys, replace(keys[-1], name="door", position_m=DOOR_M if machine else self.home)]

    def _bring(self, seen: Seen, robot: NDArray) -> list[Pose]:
        """To above where it goes; into a machine with another look from there; down, open, up."""
        (x, y, z), yaw = seen.position_m, seen.yaw_rad
        at, here = self._at(robot), tool_yaw(robot[ROTATION])
        above = over(at, (x, y, z), yaw)
        if not is_inside((x, y, z)):
            self.lowering = begun((x, y, z), DEEPER_M if self.camera == "tray" else 0.0)
            return [*above, *set_down((x, y, z), yaw)]
        if math.hypot(at[0] - x, at[1] - y) > 0.015 or abs(wrap(yaw - here, math.pi)) > 0.1:
            return above
        turn, dx, dy = _SEARCH[self.n_unseated % len(_SEARCH)]
        seat = Pose("seat", (x + dx, y + dy, z), yaw + turn, True, SLOW_M_S, "soft clamp")
        return [*above, seat, *leave_seat(seat)]

    # -- signals -------------------------------------------------------------------------------
    def _heed(self, robot: NDArray, machine: NDArray) -> None:
        """Begin again where a signal says that something went wrong."""
        if self.index >= len(self.keys):
            return
        key, holding = self.keys[self.index], bool(robot[GRIPPED] > 0.5)
        if (key.name == "close" and self.waited >= GRIP_STEPS and not holding) or (
            key.close and key.name in HOLDING and not holding
        ):
            self._again(robot)
        elif key.name in ("release", "retreat", "exit") and machine[ALARM] > 0.5 and machine[CLAMP] < 0.5:
            self._reseat(key)

    def _again(self, robot: NDArray) -> None:
        """Open, rise, go back to where the first look was taken from, and look for the part anew."""
        assert self.home is not None
        self.n_missed += 1
        (x, y, z), yaw = self._at(robot), tool_yaw(robot[ROTATION])
        up = Pose("clear", (x, y, max(min(z + 0.08, DOOR_M[2]), z)), yaw, False)
        inside = is_inside((x, y, z))
        through = ((x, y, DOOR_M[2]), DOOR_M) if inside else ()
        home = replace(up, name="home", position_m=self.home, yaw_rad=0.0)
        self.keys = [up, *(replace(up, name="out", position_m=at) for at in through), home]
        self.index = self.waited = 0
        self.stage = "take"

    def _reseat(self, key: Pose) -> None:
        """Take the part again where it was let go, lift it, and look where it belongs."""
        low = next((k.position_m for k in self.keys if k.name == "release"), key.position_m)
        down = replace(key, name="grasp", position_m=low, close=False, wait="none")
        self.keys = [
            down,
            replace(down, name="close", close=True, wait="gripped"),
            replace(down, name="lift", position_m=(low[0], low[1], DOOR_M[2]), close=True),
        ]
        self.index = self.waited = 0
        self.stage = "put"

    def _creep(self, key: Pose, robot: NDArray, machine: NDArray) -> Pose:
        """The last millimetres to the seat: down until its sensor tells, or the push is hard enough."""
        at = self._at(robot)
        x, y, z = key.position_m
        if at[2] > z + NEAR_M + 1e-4:
            return replace(key, position_m=(x, y, z + NEAR_M))
        if at[2] > z + SLOW_M + 1e-4:
            return replace(key, position_m=(x, y, max(z + SLOW_M, at[2] - NEAR_STEP_M)))
        settled = machine[SEAT] > 0.5 or machine[CLAMP] >= 0.5 or abs(float(robot[FORCE][2])) > PUSH_N
        down = at[2] if settled or at[2] < z - BELOW_M else at[2] - CREEP_M
        return replace(key, position_m=(x, y, down))

    # -- following -----------------------------------------------------------------------------
    def _advance(self, robot: NDArray, machine: NDArray) -> None:
        """Go on to the next key pose where this one is reached and its signal has come, or never will."""
        if self.index >= len(self.keys):
            return
        key = self.keys[self.index]
        if key.name == "seat":
            self._advance_seat(key, robot, machine)
            return
        if key.name == "place":
            return
        if not arrived(key, robot):
            self._count_still(key, robot)
            return
        self.waited += 1
        last = key.name == "exit"
        come = self.waited > OPEN_STEPS if key.wait == "open" else taught.signal(key, robot, machine)
        if not last and (come or self.waited > PATIENCE):
            self._next(key)

    def _lower(self, key: Pose, robot: NDArray) -> Pose:
        """Down until it stands: then let go, or where something is in the way set down beside."""
        at = self._at(robot)
        force_n = world_force(tool_yaw(robot[ROTATION]), robot[FORCE].tolist())
        verdict, self.lowering, to_m = self.lowering.feel(at, force_n)
        here = replace(key, position_m=to_m)
        if verdict == "on":
            return here
        above = replace(here, name="above")
        self.keys = let_go(here) if verdict == "go" else [above, key, *let_go(key)]
        self.index = self.waited = 0
        return self.keys[0]

    def _count_still(self, key: Pose, robot: NDArray) -> None:
        """Give up a pose that is not reached: on the way to a part look again, else go on."""
        at = self._at(robot)
        self.stuck = self.stuck + 1 if math.dist(at, self.last_m) < 1e-4 else 0
        self.last_m = at
        if self.stuck > STUCK_STEPS:
            self.stuck = 0
            if key.name in ("approach", "grasp"):
                self._again(robot)
            else:
                self._next(key)

    def _next(self, key: Pose) -> None:
        if key.name == "lift":
            self.stage = "put"
        self.index, self.waited = self.index + 1, 0

    def _advance_seat(self, key: Pose, robot: NDArray, machine: NDArray) -> None:
        """Down and clamped gently: then what follows is done from where the hand is."""
        at = self._at(robot)
        here = replace(key, position_m=at)
        jammed = abs(float(robot[FORCE][2])) > JAM_N and machine[PRESENT] < 0.5
        self.n_jammed = self.n_jammed + 1 if jammed else 0
        self.waited += at[2] < key.position_m[2] + SLOW_M + 1e-3
        if machine[CLAMP] >= 0.5:
            self.keys = [here, *leave_seat(here)]
            self.index, self.waited = 1, 0
        elif self.waited > SEAT_STEPS or self.n_jammed > JAM_STEPS:  # not where the jaws take it: look again
            self.n_unseated, self.n_jammed = self.n_unseated + 1, 0
            self.keys = [replace(here, name="up", position_m=(at[0], at[1], DOOR_M[2]), wait="none")]
            self.index = self.waited = 0

    @staticmethod
    def _at(robot: NDArray) -> tuple[float, float, float]:
        x, y, z = robot[COMMANDED].tolist()
        return x, y, z

    @staticmethod
    def _towards(key: Pose, robot: NDArray) -> Action:
        """The action from the commanded pose towards a key pose, straight."""
        away = np.array(key.position_m) - robot[COMMANDED]
        turn = wrap(key.yaw_rad - tool_yaw(robot[ROTATION]), 2 * math.pi)
        limit = min(STEP_M, key.speed_m_s * PERIOD_S)
        longest, sharpest = float(np.abs(away).max()), abs(turn)
        share = min(1.0, limit / max(longest, limit), STEP_RAD / max(sharpest, STEP_RAD))
        action = [*(away * share / STEP_M), turn * share / STEP_RAD, -1.0 if key.close else 1.0]
        return np.clip(np.array(action, np.float32), -1.0, 1.0)

    # -- keeping -------------------------------------------------------------------------------
    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return the seer's settings and weights."""
        values, arrays = self.seer.state()
        return {**values, "image_size": self.needs.image_size, "cameras": list(self.needs.cameras)}, arrays

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Keyframe:
        """Return the policy whose `state` this was."""
        return cls(Seer.from_state(values, arrays), values["cameras"], int(values["image_size"]))
