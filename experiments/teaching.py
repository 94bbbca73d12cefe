"""A person shows a task in the window, by keys or sticks; time stands still while nothing is pressed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.dataset import Writer
from envs.cell.plan import request_value
from experiments.errors import UserError
from experiments.gamepad import HELP as PAD_HELP
from experiments.gamepad import STILL, Gamepad, Held, Tilt
from experiments.recording import Recipe, Take, begun, record
from experiments.rollout import EnvRequest

if TYPE_CHECKING:
    from experiments.collect import Config

HELP = """arrows: along the table   r f: up, down   q e: turn   space: gripper   1 2 3: quick, slow, fine
t: wait   backspace: undo the last move   enter: done   n: next scene, without this   z: stop
the machine, where the robot commands it: o l door, c u clamp, b blow, g cycle start"""
# Which axis of the world a key moves along: 0 to 2 x, y, z, and 3 turns about z.
_MOVES = {
    "up": (0, 1.0), "down": (0, -1.0), "left": (1, 1.0), "right": (1, -1.0),
    "r": (2, 1.0), "f": (2, -1.0), "q": (3, 1.0), "e": (3, -1.0),
}  # fmt: skip
_SPEEDS = {"1": 1.0, "2": 0.3, "3": 0.06}
_REQUESTS = {
    "o": "open door", "l": "close door", "c": "clamp", "u": "unclamp", "b": "blow", "g": "cycle start"
}  # fmt: skip
# Periods that pass after the gripper was told to move, until it has.
_GRIP_STEPS = 12
# A person may take so many periods, 10 minutes of motion.
_LIMIT = 12_000
Hands = Callable[[], "Held | None"]


class Lesson:
    """One episode as a person drives it.

    Resets are exact, so that undoing is: begin again and do all but the last move. A move is what is done
    between two moments at which nothing is pressed.

    Args:
        env: With control "ee_yaw" or "ee".
        take: Seed, and which candidate is named.

    Attributes:
        actions: What was done, one action a control period.
        finished: Whether the person, or success, ended it.
        success: Whether the task is done.
        instruction: What is asked for.
    """

    def __init__(self, env: gymnasium.Env, take: Take) -> None:
        self._env, self._take = env, take
        bare: Any = env.unwrapped
        if bare.config.control not in ("ee_yaw", "ee"):
            raise UserError(f"control {bare.config.control!r} with a person: allowed are ee_yaw, ee")
        self._turn = 3 if bare.config.control == "ee_yaw" else 5
        self._commands = bool(bare.task.commands)
        bare._max_episode_steps = _LIMIT
        self.actions: list[NDArray[np.float32]] = []
        self._begins: list[int] = []
        self._before: frozenset[str] = frozenset()
        self._speed = _SPEEDS["1"]
        self._begin()

    def _begin(self) -> None:
        begin = begun(self._env, self._take.seed, self._take.turn)
        self.lacking = begin is None  # no part to be named in this turn
        self.instruction = "" if begin is None else str(begin[1]["instruction"])
        self.finished = self.success = False
        self._over, self._resting, self._closed = False, True, False

    def press(self, keys: frozenset[str], tilt: Tilt = STILL) -> None:
        """Let a control period pass with these keys held and sticks tilted, if they ask for something."""
        new, self._before = keys - self._before, keys
        if "backspace" in new:
            self.undo()
            return
        self._speed = next((_SPEEDS[k] for k in _SPEEDS if k in new), self._speed)
        self.finished = self.finished or "enter" in new
        if "space" in new:
            self._closed, self._resting = not self._closed, True  # a move of its own
            for _ in range(_GRIP_STEPS):
                self._do(frozenset())
            self._resting = True
        elif any(tilt) or keys & {*_MOVES, "t"} or (self._commands and keys & set(_REQUESTS)):
            self._do(keys, tilt)
        else:
            self._resting = True

    def _do(self, keys: frozenset[str], tilt: Tilt = STILL) -> None:
        if self._over:
            return
        if self._resting:
            self._begins.append(len(self.actions))
            self._resting = False
        action = np.zeros(self._env.action_space.shape or (), np.float32)
        action[[0, 1, 2, self._turn]] = tilt
        for key in sorted(keys & set(_MOVES)):
            axis, sign = _MOVES[key]
            action[axis if axis < 3 else self._turn] += sign * self._speed
        np.clip(action, -1.0, 1.0, out=action)
        action[self._turn + 1] = -1.0 if self._closed else 1.0
        if self._commands:
            wanted = next((what for key, what in _REQUESTS.items() if key in keys), "none")
            action[-1] = request_value(wanted)
        self._step(action)
        self.actions.append(action)

    def _step(self, action: NDArray[np.float32]) -> None:
        _, _, terminated, truncated, info = self._env.step(action)
        self._closed = bool(action[self._turn + 1] < 0)
        self._over = bool(terminated or truncated)
        self.success = bool(info["is_success"])
        self.finished = self._over

    def undo(self) -> None:
        """Take the last move back."""
        if not self._begins:
            return
        kept = self.actions[: self._begins.pop()]
        self._begin()
        self.actions = []
        for action in kept:
            self._step(action)
            self.actions.append(action)


def teach(
    config: Config,
    request: EnvRequest,
    recipe: Recipe,
    writer: Writer,
    takes: Iterator[Take],
    hands: Hands | None = None,
) -> int:
    """Let a person show scenes until enough episodes are kept; return how many scenes were shown.

    Args:
        config: What is collected.
        request: The environment.
        recipe: What is recorded.
        writer: Where episodes go.
        takes: Scenes, in turn.
        hands: Tells what is done now, None to stop; in the window, as `config.agent` says, if not given.
    """
    from experiments.demo import until_closed

    shown, live = 0, hands is None
    with until_closed():
        env = request.make(render_mode="human") if live else request.make()
        try:
            fresh = _Fresh(hands or _hands(config.agent, env.unwrapped))
            while writer.n_episodes < config.episodes:
                shown += 1
                fresh.begin()
                taught = _scene(env, next(takes), fresh, live=live)
                if taught is None:
                    break
                if taught.actions is None or not len(taught.actions):
                    continue
                done = record(recipe, taught)
                if done.packed is not None and (done.success or config.keep_failures):
                    writer.add(done.packed)
                word = "done" if done.success else "not done"
                _say(f"seed {taught.seed}: {word}, {len(taught.actions)} steps")
        finally:
            env.close()
    return shown


class _Fresh:
    """Hands of which what ended the last scene does not count in this one until it was let go."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._last: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Begin a scene."""
        self._stale = self._last

    def __call__(self) -> Held | None:
        held = self._hands()
        if held is None:
            return None
        self._last = held.keys
        self._stale &= held.keys
        return held._replace(keys=held.keys - self._stale)


def check_hands(agent: str) -> None:
    """Raise `UserError` where no window can be opened, or there is no game pad to be read."""
    from experiments.demo import check_display

    if agent == "gamepad":
        Gamepad()
    check_display()


def _hands(agent: str, bare: Any) -> Hands:
    """What a person does in the window, with or without a game pad."""
    if agent == "keyboard":
        _say(HELP)
        return lambda: Held(bare.world.keys_held())
    pad = Gamepad()
    _say(PAD_HELP)

    def both() -> Held:
        keys, tilt = pad.held()
        return Held(keys | bare.world.keys_held(), tilt)

    return both


def _scene(env: gymnasium.Env, take: Take, hands: Hands, *, live: bool) -> Take | None:
    """One scene: what was done in it, nothing where the person went on to the next; None to stop."""
    lesson = Lesson(env, take)
    if lesson.lacking:
        return replace(take, actions=None)
    _say(lesson.instruction)
    period_s, due = 1 / float(env.metadata["render_fps"]), time.perf_counter()
    while not lesson.finished:
        held = hands()
        if held is None or "z" in held.keys:
            return None
        if "n" in held.keys:
            return replace(take, actions=None)
        lesson.press(*held)
        if live:
            due = max(due + period_s, time.perf_counter())
            time.sleep(max(0.0, due - time.perf_counter()))
    return replace(take, actions=np.array(lesson.actions, np.float32).reshape(len(lesson.actions), -1))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
