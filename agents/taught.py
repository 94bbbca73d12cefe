"""The taught program: key poses recorded once at the nominal layout, replayed blindly.

This is how most robots on shop floors work. A program belongs to a part type, a slot and a target; the work
order (the instruction) says which. Where it leaves one out, the medium part's or slot 1's program runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import gymnasium
import numpy as np

from agents.policy import Action, Needs, Observation, Policy, Teachable
from configs.strict_yaml import read_yaml

# Positions in the last 24 numbers of `agent_pos`, the same for every arm.
COMMANDED, ROTATION, MEASURED = slice(-24, -21), slice(-21, -17), slice(-17, -14)
OPENING, GRIPPED, FORCE = -10, -8, slice(-6, -3)
DOOR, CLAMP, PRESENT, SEAT, CYCLE, ALARM = range(6)
_ORDER = re.compile(r"the (?P<size>\w+) (?P<colour>\w+) (?P<part>\w+) from (?:slot \d+|the \w+)")
_SLOT = re.compile(r"from slot (\d+)")
_TARGET = re.compile(r"(?:into|on) the (.+?)(?: now)?$")
SETTLED_M = 5e-4
TURNED_RAD = 0.01
# Orders seen in a row without a new program before teaching ends.
_PATIENCE, _MOST = 400, 2000


@dataclass(frozen=True)
class Order:
    """What an instruction asks for; None where it does not say."""

    part: str | None = None
    size: str | None = None
    colour: str | None = None
    slot: int | None = None
    target: str | None = None


@dataclass
class Words:
    """The words for parts, sizes and colours that were met while teaching."""

    parts: set[str]
    sizes: set[str]
    colours: set[str]

    def order(self, instruction: str) -> Order:
        """Reads an instruction by its key words."""
        instruction = in_usual_words(instruction)
        found = re.findall(r"[a-z]+|\d+", instruction.lower())

        def first(known: set[str]) -> str | None:
            return next((w for w in found if w in known), None)

        number, target = _SLOT.search(instruction), _TARGET.search(instruction)
        return Order(
            first(self.parts),
            first(self.sizes),
            first(self.colours),
            int(number[1]) if number else None,
            target[1] if target else None,
        )


@cache
def _synonyms() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Other words that orders are known to use, longest first, and the usual word for each."""
    text = (files("configs") / "words.yaml").read_text(encoding="utf-8")
    book = read_yaml(text, "configs/words.yaml")
    pairs = [
        (other, usual)
        for kind in ("sizes", "colours", "families", "places")
        for usual, others in book[kind].items()
        for other in others["seen"]
    ]
    return tuple((re.compile(rf"\b{other}\b"), usual) for other, usual in sorted(pairs, key=_length))


def _length(pair: tuple[str, str]) -> int:
    return -len(pair[0])


def in_usual_words(instruction: str) -> str:
    """An instruction with the words that its writer could have used instead replaced: a table, no more."""
    for pattern, usual in _synonyms():
        instruction = pattern.sub(usual, instruction)
    return instruction


# Part, size, slot and target; all None where an order names no part.
Key = tuple[str | None, str | None, int | None, str | None]
NO_PART: Key = (None, None, None, None)


class Taught(Policy, Teachable):
    """Replays the program of the order's part and slot; waits for signals, checks nothing else."""

    controls = ("ee_yaw", "ee")
    needs = Needs(observation="rgb", control="ee_yaw", cameras=())
    # Steps to wait for a signal before going on regardless.
    patience = 40

    def __init__(self) -> None:
        self.programs: dict[Key, list[Any]] = {}
        self.words = Words(set(), set(), set())

    # -- teaching ---------------------------------------------------------------------------------
    def teach(self, make_env: Callable[..., gymnasium.Env[Any, Any]]) -> None:
        """Records one program for each part type and slot at the nominal layout."""
        env: Any = make_env(split="nominal").unwrapped
        self.stride = env.stride
        since, low = 0, env.seeds["train"][0]
        for seed in range(low, low + _MOST):
            observation, info = env.reset(seed=seed)
            key = self._learn_words(info["instruction"])
            since = 0 if key not in self.programs else since + 1
            if since == 0:
                self.programs[key] = env.plan()
                self.study(key, info["instruction"], env, observation)
            if since >= _PATIENCE or key == NO_PART:
                break
        env.close()

    def study(self, key: Key, instruction: str, env: Any, observation: Mapping[str, Any]) -> None:
        """What else is noted down with a program; nothing here."""

    def _learn_words(self, instruction: str) -> Key:
        match = _ORDER.search(instruction)
        if match is None:
            return NO_PART
        self.words.parts.add(match["part"])
        self.words.sizes.add(match["size"])
        self.words.colours.add(match["colour"])
        order = self.words.order(instruction)
        return (order.part, order.size, order.slot, order.target)

    def program(self, order: Order) -> list[Any]:
        """The program for an order, with the defaults where it does not say."""
        wanted = (order.part, order.target, order.size or "medium", order.slot or 1)

        def misfit(key: Key) -> tuple[bool, ...]:
            part, size, slot, target = key
            return tuple(a != b for a, b in zip((part, target, size, slot), wanted, strict=True))

        return self.programs[min(self.programs, key=misfit)]

    # -- working ----------------------------------------------------------------------------------
    def reset(self, instruction: str, seed: int) -> None:
        """Begins the program of this order."""
        self.order = self.words.order(instruction)
        self.keys = list(self.program(self.order))
        self.index = self.waited = 0

    def act(self, observation: Observation) -> Action:
        """The action towards the program's present key pose."""
        assert isinstance(observation, Mapping)
        robot, machine = observation["agent_pos"], observation["machine"]
        self.advance(robot, machine)
        return self.towards(self.keys[self.index], robot)

    def towards(self, key: Any, robot: np.ndarray) -> Action:
        """The action from the commanded pose towards a key pose."""
        at, turn = robot[COMMANDED].tolist(), robot[ROTATION]
        if self.needs.control == "ee":
            action = self.stride.ee_action(key, at, matrix(turn))
        else:
            action = self.stride.action(key, at, tool_yaw(turn))
        return np.clip(np.array(action, np.float32), -1.0, 1.0)

    def advance(self, robot: np.ndarray, machine: np.ndarray) -> None:
        """Goes on to the next key pose where this one is reached and its signal has come."""
        key = self.keys[self.index]
        if not arrived(key, robot):
            return
        self.waited += 1
        # A cycle takes as long as it takes.
        patience = self.patience if key.wait != "cycle done" else math.inf
        if self.index + 1 < len(self.keys) and (signal(key, robot, machine) or self.waited > patience):
            self.index, self.waited = self.index + 1, 0


def tool_yaw(quaternion: np.ndarray) -> float:
    """Turn about the vertical of a tool that points down, from its (x, y, z, w) quaternion."""
    x, y, z, w = quaternion.tolist()
    return math.atan2(2 * (x * y + z * w), 1 - 2 * (y * y + z * z))


def matrix(quaternion: np.ndarray) -> tuple[float, ...]:
    """The rotation, row-major (9,), of an (x, y, z, w) quaternion."""
    x, y, z, w = quaternion.tolist()
    return (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )


def turned_to(key: Any, quaternion: np.ndarray) -> bool:
    """Whether a tool is turned as a key pose asks for: its yaw, or where a tilted one points."""
    if key.tilt_rad:
        r, tilt, pan = matrix(quaternion), key.tilt_rad, key.pan_rad
        level = math.sin(tilt)
        points = (level * math.cos(pan), level * math.sin(pan), -math.cos(tilt))
        return math.dist((r[2], r[5], r[8]), points) < TURNED_RAD
    turn = tool_yaw(quaternion) - key.yaw_rad
    return abs(turn - 2 * math.pi * round(turn / (2 * math.pi))) < TURNED_RAD


def arrived(key: Any, robot: np.ndarray) -> bool:
    """Whether the commanded and the measured hand are at a key pose."""
    goal = np.array(key.position_m)
    commanded = float(np.abs(robot[COMMANDED] - goal).max())
    there = commanded < 5e-4 and turned_to(key, robot[ROTATION])
    return there and float(np.abs(robot[MEASURED] - goal).max()) < 4e-3


def signal(key: Any, robot: np.ndarray, machine: np.ndarray) -> bool:
    """Whether the signal that a key pose waits for is there."""
    if key.wait == "settled":
        return float(np.abs(robot[MEASURED] - np.array(key.position_m)).max()) < SETTLED_M
    if key.wait == "gripped":
        return bool(robot[GRIPPED] > 0.5)
    if key.wait in ("door open", "door closed"):
        return bool(machine[DOOR] > 0.75 if key.wait == "door open" else machine[DOOR] < 0.25)
    if key.wait in ("cycle running", "cycle done"):
        return bool((machine[CYCLE] > 0.5) == (key.wait == "cycle running"))
    if key.wait == "soft clamp":
        return bool(machine[CLAMP] >= 0.5)
    if key.wait == "unclamped":
        return bool(machine[CLAMP] < 0.25)
    if key.wait == "hard clamp":
        return bool(machine[CLAMP] >= 1.0)
    return True
