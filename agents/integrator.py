"""The integrator's cell: the taught program plus what a good system integrator sells with it.

A 2-D camera over the tray finds the part by classical image processing and shifts the program. It has
part-present and seat checks, a search where the part jams, and pre-written recovery: retry twice, reject.
Rules only: whatever is outside them calls a person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents import vision
from agents.policy import Action, Needs, Observation
from agents.taught import ALARM, CLAMP, COMMANDED, FORCE, GRIPPED, NO_PART, SEAT, Key, Order, Taught, arrived

CAMERA = "tray"
# Where the hand waits while the camera looks (m, world): in front of the machine, off the tray.
LOOK_M = (0.26, 0.05, 0.27)
RETRIES = 2
GRIP_STEPS = 12
JAM_N = 30.0
SEARCH_M = 0.001
_MARGIN_PX = 40
# A part and the place at which it was taught to be taken look so far apart at most.
SEEN_THERE_PX = 20
# Smaller regions are no parts.
_LEAST_PX = 60


@dataclass(frozen=True)
class Reference:
    """What the camera saw of a part type in a slot while teaching."""

    blob: vision.Blob
    at_m: tuple[float, float, float]
    lens: np.ndarray

    def seen_by(self, lens: np.ndarray) -> tuple[float, float]:
        """Where a camera calibrated as `lens` would see it: cameras are mounted anew now and then."""
        then, now = project(self.lens, self.at_m), project(lens, self.at_m)
        u, v = self.blob.centre_px
        return u + now[0] - then[0], v + now[1] - then[1]

    def area_px(self, lens: np.ndarray) -> float:
        """How large it would look there."""
        then, now = (abs(float(np.linalg.det(_jacobian(k, self.at_m)))) for k in (self.lens, lens))
        return self.blob.area_px * now / then


class Integrator(Taught):
    """Vision offset, checks, search, retry; the same hands and machine as everyone."""

    needs = Needs(observation="rgb", control="ee_yaw", cameras=(CAMERA,), image_size=256, triggered=True)

    def __init__(self) -> None:
        super().__init__()
        self.references: dict[Key, Reference] = {}
        self.colours: dict[str, np.ndarray] = {}
        self.symmetry: dict[str, int] = {}

    # -- teaching ---------------------------------------------------------------------------------
    def study(self, key: Key, instruction: str, env: Any, observation: Mapping[str, Any]) -> None:
        """Takes a picture with the arm out of the way and notes colour, place, area and angle."""
        grasp = next((k for k in self.programs[key] if k.name == "grasp"), None)
        if grasp is None or key == NO_PART:
            return
        look = replace(grasp, name="look", position_m=LOOK_M)
        for _ in range(40):
            observation, *_ = env.step(self.towards(look, observation["agent_pos"]))
            if arrived(look, observation["agent_pos"]):
                break
        part, colour = str(key[0]), self.words.order(instruction).colour
        image, lens = observation[f"image_{CAMERA}"], observation[f"calibration_{CAMERA}"]
        u, v = project(lens, grasp.position_m)
        self.colours[str(colour)] = vision.vivid(image, (u, v))
        if part not in self.symmetry:
            self.symmetry[part] = env.sides(part)
        blobs = self._find(image, str(colour), part)
        near = min(blobs, key=lambda blob: math.dist(blob.centre_px, (u, v)), default=None)
        # Where no part is seen, as in a machine, the camera tells nothing of where to take it.
        if near is not None and math.dist(near.centre_px, (u, v)) <= SEEN_THERE_PX:
            self.references[key] = Reference(near, grasp.position_m, lens)

    def _find(self, image: np.ndarray, colour: str, part: str) -> list[vision.Blob]:
        """Regions of a colour where parts can lie, the largest first."""
        mask = vision.coloured(image, self.colours[colour])
        seen = np.array([r.blob.centre_px for r in self.references.values()])
        if len(seen) > 8:
            (left, top), (right, bottom) = seen.min(0) - _MARGIN_PX, seen.max(0) + _MARGIN_PX
            rows, columns = np.indices(mask.shape)
            mask &= (columns > left) & (columns < right) & (rows > top) & (rows < bottom)
        found = (vision.measure(r, self.symmetry.get(part, 0)) for r in vision.regions(mask, _LEAST_PX))
        return [blob for blob in found if blob is not None]

    # -- working ----------------------------------------------------------------------------------
    def reset(self, instruction: str, seed: int) -> None:
        """Begins an order: look first."""
        super().reset(instruction, seed)
        self.retries = self.searches = 0
        self.rejected = False
        self.blind = not any(self._fits(key, self.order) for key in self.references)
        if not self.blind:
            self._look_again()

    def _look_again(self) -> None:
        """Opens, gets out of the way and starts again with a picture."""
        first = self.keys[0]
        clear = [] if self.retries == 0 else [replace(first, name="clear", close=False)]
        self.keys = [
            *clear,
            replace(first, name="look", position_m=LOOK_M, frame="world", wait="none", close=False),
        ]
        self.index = self.waited = 0

    def act(self, observation: Observation) -> Action:
        """Checks, then the action towards the program's present key pose."""
        assert isinstance(observation, Mapping)
        robot, machine = observation["agent_pos"], observation["machine"]
        key = self.keys[self.index]
        if key.name == "look" and not self.rejected and arrived(key, robot):
            self._aim(observation)
        elif not self.blind:
            self._check(key, robot, machine)
        self.advance(robot, machine)
        return self.towards(self.keys[self.index], robot)

    def _aim(self, observation: Mapping[str, Any]) -> None:
        """Finds the part and shifts the program to it; rejects the order where there is none."""
        order, lens = self.order, observation[f"calibration_{CAMERA}"]
        part = str(order.part)
        image = observation[f"image_{CAMERA}"]
        blobs = self._find(image, str(order.colour), part) if order.colour in self.colours else []
        match = self._match(blobs, order, lens)
        if match is None:
            self.rejected = True
            return
        blob, key = match
        reference = self.references[key]
        dx, dy = shift(lens, reference.at_m, reference.seen_by(lens), blob.centre_px)
        sides = self.symmetry[part]
        turn = image_turn(lens, reference.at_m, blob.angle_rad - reference.blob.angle_rad) if sides else 0.0
        if sides:
            period = 2 * math.pi / math.lcm(sides, 2)
            turn -= period * round(turn / period)
        self.keys = [self._shifted(k, dx, dy, turn) for k in self.programs[key]]
        self.index = self.waited = 0

    def _match(
        self, blobs: Sequence[vision.Blob], order: Order, lens: np.ndarray
    ) -> tuple[vision.Blob, Key] | None:
        """The region and the program that fit best: slot near, area and outline those of the part's type."""
        known = [k for k in self.references if self._fits(k, order)]

        def misfit(pair: tuple[vision.Blob, Key]) -> float:
            blob, reference = pair[0], self.references[pair[1]]
            far = math.dist(reference.seen_by(lens), blob.centre_px) / 10
            area = abs(math.log(blob.area_px / reference.area_px(lens)))
            return far + 20 * (area + abs(math.log(blob.spread / reference.blob.spread)))

        return min(((blob, key) for blob in blobs for key in known), key=misfit, default=None)

    @staticmethod
    def _fits(key: Key, order: Order) -> bool:
        """Whether a program does what an order says, wherever the part lies."""
        part, size, _, target = key
        return part == order.part and order.size in (None, size) and target == order.target

    @staticmethod
    def _shifted(key: Any, dx: float, dy: float, turn: float) -> Any:
        if key.frame != "part":
            return key
        x, y, z = key.position_m
        return replace(key, position_m=(x + dx, y + dy, z), yaw_rad=key.yaw_rad + turn)

    # -- checks and recovery ----------------------------------------------------------------------
    def _check(self, key: Any, robot: np.ndarray, machine: np.ndarray) -> None:
        holding = bool(robot[GRIPPED] > 0.5)
        if (key.name == "close" and self.waited >= GRIP_STEPS and not holding) or (
            key.name in ("lift", "door", "above", "seat") and not holding
        ):
            self._retry()
        elif key.name == "seat" and abs(float(robot[FORCE][2])) > JAM_N and not arrived(key, robot):
            self._search(key, robot)
        elif (
            key.name in ("release", "retreat")
            and any(k.name == "seat" for k in self.keys)  # unloading seats nothing
            and machine[ALARM] > 0.5
            and machine[CLAMP] < 0.5
            and not machine[SEAT]
        ):
            self._reseat(key)

    def _retry(self) -> None:
        self.retries += 1
        if self.retries > RETRIES:
            self.rejected = True
        first = self.keys[self.index]
        x, y, z = first.position_m
        self.keys = [
            replace(first, position_m=(x, y, z + 0.08), wait="none", frame="world"),
            *self.keys,
        ]
        self._look_again()

    def _search(self, key: Any, robot: np.ndarray) -> None:
        """Lifts a little and comes down again beside, on a square spiral."""
        if self.searches >= 8:
            return
        ring = ((1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1))[self.searches]
        self.searches += 1
        x, y, z = key.position_m
        beside = replace(key, position_m=(x + ring[0] * SEARCH_M, y + ring[1] * SEARCH_M, z))
        at = robot[COMMANDED].tolist()
        up = replace(beside, name="above", position_m=(*beside.position_m[:2], at[2] + 0.006), wait="none")
        self.keys = [up, beside, *self.keys[self.index + 1 :]]
        self.index = self.waited = 0

    def _reseat(self, key: Any) -> None:
        """Takes the part again where it was let go, lifts it and seats it anew."""
        self.retries += 1
        if self.retries > RETRIES:
            return
        program = [k for k in self.keys if k.name in ("above", "seat", "release", "retreat", "exit")]
        seat = next(k for k in program if k.name == "seat")
        down = replace(seat, name="grasp", close=False, wait="none")
        grip = replace(seat, name="close", wait="gripped")
        self.keys = [down, grip, *self._again(program)]
        self.index = self.waited = 0

    @staticmethod
    def _again(program: list[Any]) -> list[Any]:
        seat = next(i for i, k in enumerate(program) if k.name == "seat")
        x, y, z = program[seat].position_m
        up = replace(program[seat], name="above", position_m=(x, y, z + 0.03), wait="none")
        return [up, *program[seat:]]


# -- camera geometry ----------------------------------------------------------------------------------
def project(lens: np.ndarray, point_m: Any) -> tuple[float, float]:
    """Pixel (column, row) of a world point through a (3, 4) projection."""
    u, v, w = (lens @ np.array([*point_m, 1.0])).tolist()
    return u / w, v / w


def _jacobian(lens: np.ndarray, at_m: tuple[float, float, float]) -> np.ndarray:
    """(2, 2) pixels per metre along world x and y at a point."""
    u0, v0 = project(lens, at_m)
    columns = []
    for axis in (0, 1):
        moved = list(at_m)
        moved[axis] += 1e-3
        u, v = project(lens, moved)
        columns.append([(u - u0) * 1e3, (v - v0) * 1e3])
    return np.array(columns).T


def shift(
    lens: np.ndarray,
    at_m: tuple[float, float, float],
    before_px: tuple[float, float],
    now_px: tuple[float, float],
) -> tuple[float, float]:
    """How far (m, world x and y) a point at height `at_m[2]` moved between two pixels."""
    moved = np.linalg.solve(_jacobian(lens, at_m), np.subtract(now_px, before_px))
    return float(moved[0]), float(moved[1])


def image_turn(lens: np.ndarray, at_m: tuple[float, float, float], angle_rad: float) -> float:
    """A turn in the picture as a turn about the world's vertical: the sign flips where the view mirrors."""
    return angle_rad * math.copysign(1.0, float(np.linalg.det(_jacobian(lens, at_m))))
