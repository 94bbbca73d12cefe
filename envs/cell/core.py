"""The Gymnasium environment of a cell: options, stepping, rewards, rendering."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from configs import extensions
from envs.cell import stress
from envs.cell.control import HandControl, action_size
from envs.cell.draw import Draw, draw_scene, in_machine
from envs.cell.faults import SensorFaults
from envs.cell.layout import VIEWS
from envs.cell.observation import StateObserver
from envs.cell.options import CellConfig, choice
from envs.cell.order import Asked, asked, renamed
from envs.cell.parts import families, held_out
from envs.cell.plan import KeyPose, Stride, request_of
from envs.cell.rewards import weighted
from envs.cell.scene import Cell, NotFinite, Snapshot
from envs.cell.signals import ImageObserver, OnDemand
from envs.cell.task import Task
from envs.cell.variation import split
from robots.catalog import arm_spec, machine_spec
from robots.machine_body import MachineSpec
from robots.scene_types import EngineSpec
from robots.world import World

RENDER_PX = (480, 360)


def make(task: str, **options: Any) -> CellEnv:
    """Entry point of every registered id: `task` names a file in `envs/cell/tasks`.

    Raises:
        ValueError: for an unknown option or value, in one line.
    """
    wanted = task_class(task)
    names = (*CellConfig.__dataclass_fields__, *wanted.options)
    for name in options:
        choice("option", name, names)
    known = (
        (*families(), *held_out(0)) if wanted.parts else ()
    )  # a bad file is told of before anything is built
    for name in wanted.families:
        choice("part family", name, known)
    own = {name: options.pop(name) for name in wanted.options if name in options}
    for name, value in own.items():
        allowed = wanted.options[name]
        # True equals 1, but does not stand for it.
        if not any(value == a and isinstance(value, bool) == isinstance(a, bool) for a in allowed):
            raise ValueError(f"{name} {value!r}: allowed are {', '.join(map(str, allowed))}")
    if isinstance(options.get("cameras"), list):  # as configuration files give it
        options["cameras"] = tuple(options["cameras"])
    config = CellConfig(**options)
    stress.check(stress.parse(config.stress), wanted(**own))
    kind = GoalCellEnv if config.observation == "state" else CellEnv
    return kind(wanted(**own), config)


@cache
def task_class(module: str) -> type[Task]:
    """The task in `envs/cell/tasks/<module>.py`, whose class is the module's name in CamelCase."""
    file = extensions.added("tasks").get(module)
    found = extensions.module(f"envs.cell.tasks.{module}", file)
    name = "".join(w.capitalize() for w in module.split("_"))
    task = getattr(found, name, None)
    where = file or f"envs/cell/tasks/{module}.py"
    if not isinstance(task, type) or not issubclass(task, Task) or getattr(task, "name", "") != name:
        raise ValueError(f"{where}: a class {name}(Task) with name = {name!r} is needed")
    if lacking := sorted(getattr(task, "__abstractmethods__", ())):
        raise ValueError(f"{where}: {name} lacks {', '.join(lacking)}")
    return task


def _machine(task: Task, config: CellConfig) -> MachineSpec | None:
    if not task.machines:
        return None
    name = config.machine or task.machines[0]
    if name not in task.machines:
        raise ValueError(f"machine {name!r}: {task.name} is done with {', '.join(task.machines)}")
    spec = machine_spec(name)
    return replace(spec, cycle_s=task.cycle_s) if task.cycle_s else spec


class CellEnv(gymnasium.Env[Any, npt.NDArray[np.float32]]):
    """One task in one cell. `world`, `plan()`, `ledger` and `seeds` are for outsiders, see docs."""

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 20}  # noqa: RUF012

    def __init__(self, task: Task, config: CellConfig):
        self.task, self.config = task, config
        self.render_mode = config.render_mode
        self.metadata = dict(type(self).metadata)
        self._max_episode_steps = task.max_steps
        self.task_description = (task.__doc__ or "").strip()
        self._split = split(config.split).with_factors(task.factors)
        self.seeds = dict(self._split.seeds)
        self.stride = Stride(commands=task.commands)
        spec = arm_spec(config.robot)
        joints = len(spec.joints)
        machine = _machine(task, config)
        rate_hz = max(task.rate_hz, machine.rate_hz if machine is not None else 0)
        engine = EngineSpec(rate_hz=rate_hz, contact_erp=0.8)
        self.world = World(engine, visuals=config.pictures, window=config.render_mode == "human")
        self.world.look_from(VIEWS[task.view])
        self.cell = Cell(self.world, spec, config.gripper, machine, task.stations, task.commands)
        self._control = HandControl(config.control, self.stride)
        self._observer: StateObserver | ImageObserver
        if config.observation in ("rgb", "rgbd"):
            depth = config.observation == "rgbd"
            self._observer = ImageObserver(
                joints, config.cameras, config.image_size, depth=depth, labels=config.segmentation
            )
        else:
            flat, level = config.observation == "flat", self.cell.level
            self._observer = StateObserver(task, joints, flat=flat, level=level)
        self._stress = stress.parse(config.stress)
        self._faults = SensorFaults(*self._observer.signals, self._observer.own)
        self._tolerance = np.array(task.tolerance)
        self._weights, self._weight = dict(task.weights), sum(task.weights.values())
        self._size = action_size(config.control, joints) + int(task.commands)
        self.observation_space = self._observer.space
        self.action_space = spaces.Box(-1.0, 1.0, (self._size,), np.float32)
        self.process = SimpleNamespace()
        self.instruction = ""
        self._now: Snapshot | None = None
        self._on_demand = OnDemand(config, joints)
        self._over = True

    # -- episode ----------------------------------------------------------------------------------
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Builds a new episode; it follows from the seed alone, or from the last seed's sequence.

        Args:
            seed: Of the episode.
            options: "named": k makes candidate k of the same scene the named part; "instruction": a sentence
                that the scene is made for.

        Raises:
            ValueError: for an option that does not suit this task or scene, in one line.
        """
        self._open()
        wanted = asked(self.task, self._split, options)
        super().reset(seed=seed)
        draw = self._draw(wanted)
        told = {"candidates": tuple(c.described for c in draw.candidates), "nameable": draw.nameable}
        if wanted.named is not None:
            draw = renamed(draw, wanted.named, self.task.name)
        draw = self._completed(draw)
        self.cell.build(draw)
        self._control.begin(self.cell.arm)
        self.instruction = wanted.text or self.task.say(self.cell.draw)
        self._steps = self._held_steps = 0
        self._over = False
        control = self._control
        self._now = self.cell.snapshot(control.position_m, control.yaw_rad)
        self._now.command_tilt_rad, self._now.command_pan_rad = control.tilt_rad, control.pan_rad
        self._observer.begin(self._now)
        self._faults.begin(self.cell.draw)
        # What comes late was taken in time.
        self._observer.triggered = self.config.triggered and not self._faults.active
        observation, _, _, info = self._outcome(self._now)
        self._last = observation, {**info, **told}
        return self._last

    def _draw(self, wanted: Asked) -> Draw:
        """The scene, before it is known what the task and its disturbances add."""
        draw = draw_scene(
            self.np_random,
            self._split,
            self.cell.usual_layout,
            workholding=self.task.workholding if self.task.parts else "none",
            only=self.task.families,
            wish=wanted.wish,
        )
        return in_machine(draw) if self.task.starts_in_machine else draw

    def _completed(self, draw: Draw) -> Draw:
        spread = self._split.draw(self.np_random, "goal_spread")[0]
        draw = replace(draw, extra=self._split.draw_extra(self.np_random))
        draw = self.task.complete(self.np_random, draw, spread)
        return stress.disturbed(draw, self._stress, self.np_random)

    def step(self, action: npt.ArrayLike) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One control period of 50 ms.

        Where physics fails (a number that is not finite) the episode is cut, with `info["end_reason"]`.

        Raises:
            ValueError: for an action of the wrong shape or with a number that is not finite; nothing moves.
            RuntimeError: after the end of an episode, or after `close`.
        """
        values = self._checked(action)
        if self._over:
            self._open()
            raise RuntimeError("the episode is over: call reset() first")
        control, cell = self._control, self.cell
        if self.task.commands:
            cell.ask(request_of(values.pop()))
        close = values[-1] < 0.0
        whole = cell.advance(control.target(values), close)
        try:
            now = cell.snapshot(control.position_m, control.yaw_rad)
        except NotFinite as error:
            return self._broken(str(error))
        if cell.arm.guard(now.hand) or not whole or control.kind == "joint":
            control.sync()
            now.command_m, now.command_yaw_rad = control.position_m, control.yaw_rad
        now.command_tilt_rad, now.command_pan_rad = control.tilt_rad, control.pan_rad
        self._now = now
        self._steps += 1
        observation, reward, success, info = self._outcome(now)
        if not math.isfinite(reward):
            return self._broken("the reward is not finite")
        self._last = observation, info
        truncated = not success and self._steps >= self._max_episode_steps
        if success or truncated:
            self._over = True
            cell.finish(success)
        return observation, reward, success, truncated, info

    def _broken(self, what: str) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Cuts an episode whose physics has failed, at the last sound observation; reset() heals it."""
        self._over = True
        self.cell.finish(False)
        observation, info = copy.deepcopy(self._last)
        info |= {"is_success": False, "physics_failed": True, "end_reason": f"physics: {what}"}
        return observation, -1.0, False, True, info

    def _checked(self, action: npt.ArrayLike) -> list[float]:
        try:
            array = np.asarray(action)
            if array.dtype.kind not in "fiu":
                array = array.astype(np.float64, casting="unsafe" if array.dtype == object else "same_kind")
        except (TypeError, ValueError):
            raise ValueError(f"action {action!r:.60}: ({self._size},) real numbers are needed") from None
        if array.shape != (self._size,):
            raise ValueError(f"action has shape {array.shape}: ({self._size},) is needed")
        values: list[float] = array.tolist()
        for i, value in enumerate(values):
            if not -1.0 <= value <= 1.0:
                if not math.isfinite(value):
                    raise ValueError(f"action[{i}] is {value}: finite numbers in [-1, 1] are needed")
                values[i] = min(1.0, max(-1.0, value))
        return values

    def _outcome(self, now: Snapshot) -> tuple[Any, float, bool, dict[str, Any]]:
        task, cell = self.task, self.cell
        achieved, desired = task.achieved(cell, now), task.desired(cell)
        good = reached(achieved, desired, task.tolerance, norm=task.norm)
        self._held_steps = self._held_steps + 1 if good else 0
        success = self._held_steps >= task.HOLD_STEPS
        terms = task.terms(cell, now)
        dense = weighted(terms, self._weights, self._weight)
        reward = dense if self.config.reward == "dense" else float(good) - 1.0
        info: dict[str, Any] = {
            "is_success": success,
            "instruction": self.instruction,
            "reward_terms": terms,
            "dense_reward": dense,
            "cost": sum(now.costs.values()),
            "costs": now.costs,
            "peak_force_n": cell.peak_force_n,
            "energy_j": now.energy_j,
            "time_s": now.time_s,
            **task.metrics(cell, now, achieved),
        }
        observation = self._observer.observe(cell, now, self.instruction, achieved, desired)
        if self._stress:
            observation = self._faults.pass_on(observation)
        return observation, reward, success, info

    # -- for outsiders ----------------------------------------------------------------------------
    @property
    def ledger(self) -> Any:
        """The events of this episode."""
        return self.cell.ledger

    @property
    def split_sha256(self) -> str:
        """Hash of the split, for results."""
        return self._split.sha256

    @staticmethod
    def sides(part: str) -> int:
        """Equal sides of a part's outline as its drawing shows it, 0 for round; `part` is its word.

        Raises:
            ValueError: for a word that no family goes by.
        """
        known = {t["medium"].word: t["medium"].symmetry for t in {**families(), **held_out(0)}.values()}
        choice("part", part, tuple(known))
        return known[part]

    @property
    def plan_controls(self) -> tuple[str, ...]:
        """Controls by which the plan can be followed, the usual one first."""
        return ("ee",) if self.cell.level else ("ee_yaw", "ee")

    def plan(self) -> list[KeyPose]:
        """Key poses that remain, from true poses.

        Raises:
            RuntimeError: before the first reset, or after `close`.
        """
        self._open()
        if self._now is None:
            raise RuntimeError("there is no plan before reset()")
        return self.task.plan(self.cell, self._now)

    def expert_action(self) -> npt.NDArray[np.float32]:
        """The action of the plan followed from the true state now, for a control in `plan_controls`."""
        kind, control = self.config.control, self._control
        if self._now is None or kind not in self.plan_controls:
            allowed = " or ".join(repr(name) for name in self.plan_controls)
            raise RuntimeError(f"the expert acts after reset() and with control={allowed}")
        key = self.plan()[0]
        if kind == "ee":
            return np.array(self.stride.ee_action(key, control.position_m, control.rotation), np.float32)
        return np.array(self.stride.action(key, control.position_m, control.yaw_rad), np.float32)

    def observe(self, kind: str, **options: Any) -> dict[str, npt.NDArray[Any]]:
        """What observation `kind` ("rgb" or "rgbd") would hold now, rendered only as this is asked for.

        Whoever needs few pictures steps an environment of observation "state" or "flat" and asks here. Stress
        on the sensors is left out.

        Args:
            kind: The observation.
            options: `cameras`, `image_size` and `segmentation`, as for `gymnasium.make`; none of them for an
                environment that renders nothing (neither `render_mode` nor pictures in its own observation).

        Raises:
            ValueError: for a kind or an option that is refused.
            RuntimeError: before the first reset, or after `close`.
        """
        self._open()
        if self._now is None:
            raise RuntimeError("there is nothing to observe before reset()")
        observer = self._on_demand.observer(kind, **options)
        return observer.observe(self.cell, self._now, self.instruction, [], [])

    def paraphrases(self, styles: int = 2) -> tuple[str, ...]:
        """The episode's instruction in other words, the one that was given first.

        Args:
            styles: How often each template of the split is filled with synonyms that the split allows.
        """
        draw, choices = self.cell.draw, self._split.choices
        said = [self.instruction]
        for template, words, k in product(choices["wording"], choices["words"], range(styles)):
            style = draw.wording.style + k
            wording = replace(draw.wording, template=template, words=words, style=style)
            said.append(self.task.say(replace(draw, wording=wording)))
        return tuple(dict.fromkeys(said))

    def render(self) -> Any:
        """An RGB picture (h, w, 3) of the cell from the task's view; None where nothing was asked for."""
        self._open()
        if self.render_mode != "rgb_array" or self._now is None:
            return None
        width, height = RENDER_PX
        spec = VIEWS[self.task.view]
        return self.world.camera(spec, width, height, shadow=True, light=self.cell.light).rgb

    def _open(self) -> None:
        """Raises RuntimeError after `close`."""
        if self.world.closed:
            raise RuntimeError("this environment is closed")

    def close(self) -> None:
        """Gives the engine back; closing twice is harmless."""
        self._over = True
        self.world.close()


class GoalCellEnv(CellEnv):
    """A cell observed as a goal dict, whose reward can be computed for other goals."""

    def compute_reward(
        self, achieved_goal: npt.NDArray[Any], desired_goal: npt.NDArray[Any], info: Any
    ) -> Any:
        """Goal reward, batched: sparse 0 or -1; dense rewards cannot be relabelled and are read back."""
        if self.config.reward == "dense":
            if isinstance(info, Mapping):
                return float(info["dense_reward"])
            return np.array([i["dense_reward"] for i in info])
        gap = np.abs(np.asarray(achieved_goal, float) - np.asarray(desired_goal, float))
        if self.task.norm:
            far = np.linalg.norm(gap[..., :3], axis=-1) > self._tolerance[0]
            bad = far | (gap[..., 3:] > self._tolerance[3:]).any(axis=-1)
        else:
            bad = (gap > self._tolerance).any(axis=-1)
        return -(bad.astype(float)) if bad.ndim else -float(bad)


def reached(achieved: list[float], desired: list[float], tolerance: tuple[float, ...], *, norm: bool) -> bool:
    """Whether a goal is met: each number within its tolerance, or the first three as a distance."""
    if norm:
        if math.dist(achieved[:3], desired[:3]) > tolerance[0]:
            return False
        achieved, desired, tolerance = achieved[3:], desired[3:], tolerance[3:]
    for a, d, within in zip(achieved, desired, tolerance, strict=True):  # noqa: SIM110 (a generator costs as much again)
        if not abs(a - d) <= within:  # written so that NaN fails too
            return False
    return True


def pause_to(start_s: float, period_s: float) -> None:
    """Waits so that a window shows motion at real speed."""
    left = start_s + period_s - time.perf_counter()
    if left > 0:
        time.sleep(left)
