"""The Gymnasium environments of a machine tool: a lot of parts, one step a part; natively batched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.machining import best
from envs.machining.machine import Part, Setting, Signals, State, cut, fresh, reference_cost
from envs.machining.noise import F64
from envs.machining.process import Process, process
from envs.machining.variation import split

OBSERVATIONS = ("flat", "signals")
# What each number of an action means; all are in [-1, 1].
ACTIONS = (
    "speed: handbook's times 2^a", "feed: handbook's times 2^a", "depth: handbook's times 2^a",
    "correction of the offset: a times 30 um", "above 1/2: change the edge first",
    "above 0: gauge the part", "coolant: dry below -1/3, MQL, flood above 1/3",
    "while waiting: standby below -1/3, ready, warm up above 1/3",
)  # fmt: skip
FULL_CORRECTION_UM = 30.0
LIMIT = 5.0
# Name of a signal, and what it is divided by in a flat observation (of the process, or a number).
SIGNALS: Mapping[str, float | str] = {
    "reading_um": "tolerance_um",          # of the last part that was gauged; 0 before
    "corrected_um": "tolerance_um",        # offset corrections since that part
    "parts_since_reading": 10.0,
    "has_reading": 1.0,
    "ra_share": 1.0,                       # of that part, of what is allowed
    "reading_spindle_k": 20.0,             # spindle's temperature now less that at the reading
    "reading_ambient_k": 5.0,
    "reading_edge_min": "edge_life_min",   # minutes that the edge has cut since the reading
    "edge_min": "edge_life_min",
    "load_percent": 50.0,
    "vibration_mm_s": 3.0,
    "acoustic": 1.0,
    "spindle_c": 20.0,
    "ambient_c": 20.0,
    "coolant_c": 20.0,
    "offset_um": 60.0,
    "gap_min": "gap_min",
    "parts_left": "n_parts",
    "changed": 1.0,
    "jammed": 1.0,
    "speed": 1.0,                          # the last action
    "feed": 1.0,
    "depth": 1.0,
}  # fmt: skip


@dataclass
class _Memory:
    """What a cell's control remembers, (n,) each."""

    reading_um: F64
    corrected_um: F64
    since: F64
    has: F64
    ra_share: F64
    spindle_c: F64
    ambient_c: F64
    edge_min: F64


class Batch:
    """The lots of n machines; both environments are a thin coat around it.

    Args:
        name: Of the process.
        split_name: What varies.
        n: Lanes.
    """

    def __init__(self, name: str, split_name: str, n: int) -> None:
        self.process: Process = process(name)
        self.split = split(split_name)
        self.n = n
        self.reference = reference_cost(self.process)
        scale = {
            "tolerance_um": self.process.part.tolerance_um,
            "gap_min": self.process.times.gap_min,
            "edge_life_min": self.process.tool.edge_life_min,
            "n_parts": self.process.n_parts,
        }
        self._scales = np.array([[scale[s] if isinstance(s, str) else s] for s in SIGNALS.values()])

    def begin(self, seeds: NDArray[np.integer], episode: NDArray[np.integer]) -> None:
        """Set up every machine for a lot that follows from its seed and the episode's number alone."""
        self.lanes = self.split.lanes(seeds, episode)
        self.state: State = fresh(self.process, self.lanes)
        zero = np.zeros(self.n)
        warm = zero + 20.0
        self._memory = _Memory(zero, zero, zero, zero, zero, warm, warm, zero)
        self._last = np.zeros((3, self.n))
        self._said = Signals(zero, zero, zero, 20.0 + self.state.ambient_k, 20.0 + self.state.ambient_k, warm)
        self._changed = self._jammed = zero
        self.cost, self.spent, self.n_good, self.n_escaped = zero, zero, zero, zero
        self.energy_kwh, self.minutes = zero, zero

    def setting(self, action: F64) -> Setting:
        """What an action (8, n) in [-1, 1] sets."""
        data = self.process.handbook
        speed, feed, depth, correction, change, measure, coolant, idle = action
        return Setting(
            data.speed_m_min * np.exp2(speed), data.feed_mm * np.exp2(feed), data.depth_mm * np.exp2(depth),
            FULL_CORRECTION_UM * correction, change > 0.5, measure > 0, _third(coolant), _third(idle),
        )  # fmt: skip

    def step(self, action: F64) -> tuple[F64, Part]:
        """Cut a part on every lane; returns rewards (n,) and the parts."""
        setting = self.setting(action)
        before = self.state
        self.state, part, said = cut(self.process, self.lanes, before, setting)
        self._remember(setting, part, said)
        self._last, self._said = action[:3], said
        self._changed, self._jammed = part.changed.astype(float), part.jammed.astype(float)
        self.cost, self.spent = self.cost + part.cost, self.spent + part.spent
        self.n_good = self.n_good + part.good
        self.n_escaped = self.n_escaped + (~part.good & ~part.caught)
        self.energy_kwh, self.minutes = self.energy_kwh + part.energy_kwh, self.minutes + part.time_min
        return -part.cost / self.reference, part

    def _remember(self, setting: Setting, part: Part, said: Signals) -> None:
        old, new = self._memory, part.measured
        self._memory = _Memory(
            reading_um=np.where(new, part.reading_um, old.reading_um),
            corrected_um=np.where(new, 0.0, old.corrected_um + setting.correction_um),
            since=np.where(new, 0.0, old.since + 1.0),
            has=np.where(new, 1.0, old.has),
            ra_share=np.where(new, part.ra_um / self.process.part.ra_limit_um, old.ra_share),
            spindle_c=np.where(new, said.spindle_c, old.spindle_c),
            ambient_c=np.where(new, said.ambient_c, old.ambient_c),
            edge_min=np.where(new, self.state.cut_min, np.where(part.changed, 0.0, old.edge_min)),
        )

    @property
    def over(self) -> bool:
        """Whether the lots are done."""
        return int(self.state.part[0]) >= self.process.n_parts

    def signals(self) -> dict[str, F64]:
        """What agents may see, by name, (n,) each, in engineering units."""
        said, memory, state = self._said, self._memory, self.state
        return {
            "reading_um": memory.reading_um, "corrected_um": memory.corrected_um,
            "parts_since_reading": memory.since, "has_reading": memory.has, "ra_share": memory.ra_share,
            "reading_spindle_k": said.spindle_c - memory.spindle_c,
            "reading_ambient_k": said.ambient_c - memory.ambient_c,
            "reading_edge_min": state.cut_min - memory.edge_min, "edge_min": state.cut_min,
            "load_percent": said.load_percent, "vibration_mm_s": said.vibration_mm_s,
            "acoustic": said.acoustic, "spindle_c": said.spindle_c, "ambient_c": said.ambient_c,
            "coolant_c": said.coolant_c, "offset_um": state.offset_um, "gap_min": state.gap_min,
            "parts_left": self.process.n_parts - state.part.astype(float),
            "changed": self._changed, "jammed": self._jammed,
            "speed": self._last[0], "feed": self._last[1], "depth": self._last[2],
        }  # fmt: skip

    def flat(self) -> NDArray[np.float32]:
        """The signals as (n, 23) float32, each over its scale, within +-5."""
        rows = np.stack(list(self.signals().values()))
        rows /= self._scales
        return np.clip(rows, -LIMIT, LIMIT).T.astype(np.float32)

    def figures(self) -> dict[str, F64]:
        """What came of the lots so far, (n,) each."""
        done = np.maximum(self.state.part.astype(float), 1.0)
        return {
            "share_good": self.n_good / done,
            "cost_per_good_part": self.spent / np.maximum(self.n_good, 1.0),
            "escaped": self.n_escaped,
            "kwh_per_good_part": self.energy_kwh / np.maximum(self.n_good, 1.0),
            "good_parts_per_h": 60.0 * self.n_good / np.maximum(self.minutes, 1e-9),
            "score": -self.cost / (self.reference * done),
        }


def _third(a: F64) -> NDArray[np.intp]:
    """0, 1 or 2 for the lower, middle and upper third of [-1, 1]."""
    return (a > -1 / 3).astype(np.intp) + (a > 1 / 3)


def _checked(action: Any, shape: tuple[int, ...]) -> F64:
    """Actions as (8, n), cut to [-1, 1].

    Raises:
        ValueError: for another shape, or numbers that are not finite.
    """
    try:
        array = np.asarray(action, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"action {action!r:.60}: {shape} real numbers are needed") from None
    if array.shape != shape:
        raise ValueError(f"action has shape {array.shape}: {shape} is needed")
    if not np.isfinite(array).all():
        raise ValueError("action has numbers that are not finite: numbers in [-1, 1] are needed")
    return np.ascontiguousarray(np.clip(array, -1.0, 1.0).reshape(-1, len(ACTIONS)).T)


def _observation_space(mode: str) -> spaces.Space[Any]:
    if mode not in OBSERVATIONS:
        raise ValueError(f"observation {mode!r}: allowed are {', '.join(OBSERVATIONS)}")
    if mode == "flat":
        return spaces.Box(-LIMIT, LIMIT, (len(SIGNALS),), np.float32)
    return spaces.Dict({name: spaces.Box(-1e6, 1e6, (1,), np.float32) for name in SIGNALS})


def _named(signals: Mapping[str, F64], shape: tuple[int, ...]) -> dict[str, Any]:
    return {k: np.clip(v, -1e6, 1e6).astype(np.float32).reshape(shape) for k, v in signals.items()}


class ProcessEnv(gymnasium.Env[Any, NDArray[np.float32]]):
    """A lot of parts on one machine: a batch of one.

    Args:
        process: Its name in `configs/processes`.
        split: What varies.
        observation: "flat", or "signals" for a dict of numbers in engineering units.
        render_mode: None only.
    """

    metadata = {"render_modes": [], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, process: str, split: str = "seen", observation: str = "flat", render_mode: None = None
    ) -> None:
        if render_mode is not None:
            raise ValueError(f"render_mode {render_mode!r}: there is nothing to draw; allowed is None")
        self.render_mode = None
        self.observation_space = _observation_space(observation)
        self.action_space = spaces.Box(-1.0, 1.0, (len(ACTIONS),), np.float32)
        self.batch = Batch(process, split, 1)
        self._mode, self._over = observation, True
        self._seed, self._episode = 0, -1
        self._max_episode_steps = self.batch.process.n_parts
        self.task_description = self.instruction = self.batch.process.words
        self.seeds = dict(self.batch.split.seeds)

    @property
    def split_sha256(self) -> str:
        """Hash of split and process, for results."""
        return self.batch.split.sha256 + self.batch.process.sha256

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Set up for a lot; without a seed, the next of the last seed's."""
        super().reset(seed=seed)
        if options:
            raise ValueError(f"unknown reset option {next(iter(options))!r}: there are none")
        if seed is None and self._episode < 0:
            seed = int(self.np_random.integers(2**31))
        self._seed, self._episode = (self._seed, self._episode + 1) if seed is None else (seed, 0)
        self.batch.begin(np.array([self._seed], np.uint64), np.array([self._episode]))
        self._over = False
        return self._observe(), {"is_success": False, "instruction": self.instruction, "cost": 0.0}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Cut one part.

        Raises:
            ValueError: for a bad action; nothing is cut.
            RuntimeError: after the last part.
        """
        values = _checked(action, (len(ACTIONS),))
        if self._over:
            raise RuntimeError("the episode is over: call reset() first")
        reward, part = self.batch.step(values)
        self._over = self.batch.over
        info = {name: float(value[0]) for name, value in _told(self.batch, part).items()}
        info["is_success"] = self._over and info["share_good"] >= best.SUCCESS_SHARE
        return self._observe(), float(reward[0]), False, self._over, {**info, "instruction": self.instruction}

    def _observe(self) -> Any:
        return self.batch.flat()[0] if self._mode == "flat" else _named(self.batch.signals(), (1,))

    def expert_action(self) -> NDArray[np.float32]:
        """What one who knows the hidden state would do, but not what falls by chance."""
        return best.action(self.batch)[:, 0].astype(np.float32)


class ProcessVectorEnv(VectorEnv):
    """The lots of many machines at once; lane k is seeded `seed + k`.

    Args:
        num_envs: Lanes.
        process: Its name in `configs/processes`.
        split: What varies.
        observation: "flat" or "signals".
        render_mode: None only.
    """

    metadata = {"render_modes": [], "render_fps": 20, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int,
        process: str,
        split: str = "seen",
        observation: str = "flat",
        render_mode: None = None,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}: allowed is 1 or more")
        if render_mode is not None:
            raise ValueError(f"render_mode {render_mode!r}: there is nothing to draw; allowed is None")
        self.num_envs, self.render_mode = num_envs, None
        self.single_observation_space = _observation_space(observation)
        self.single_action_space = spaces.Box(-1.0, 1.0, (len(ACTIONS),), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.batch = Batch(process, split, num_envs)
        self._mode, self._over = observation, True
        self._seeds, self._episode = np.arange(num_envs, dtype=np.uint64), -1

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Set up every lane for a lot; all lanes begin together."""
        if options:
            raise ValueError(f"unknown reset option {next(iter(options))!r}: there are none")
        if seed is None and self._episode < 0:
            seed = int(np.random.default_rng().integers(2**31))
        if isinstance(seed, int | np.integer):
            self._seeds = np.uint64(seed) + np.arange(self.num_envs, dtype=np.uint64)
        elif seed is not None:
            if len(seed) != self.num_envs or any(s is None for s in seed):
                raise ValueError(f"seed has {len(seed)} numbers: {self.num_envs} whole numbers are needed")
            self._seeds = np.array(seed, np.uint64)
        self._episode = self._episode + 1 if seed is None else 0
        self.batch.begin(self._seeds, np.full(self.num_envs, self._episode))
        self._over = False
        return self._observe(), {}

    def step(self, actions: Any) -> tuple[Any, F64, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Cut one part on every lane; after the last, the next step sets up a new lot."""
        values = _checked(actions, (self.num_envs, len(ACTIONS)))
        no = np.zeros(self.num_envs, np.bool_)
        if self._over:
            if self._episode < 0:
                raise RuntimeError("call reset() first")
            observation, info = self.reset()
            return observation, np.zeros(self.num_envs), no, no, info
        reward, part = self.batch.step(values)
        self._over = self.batch.over
        told = _told(self.batch, part)
        told["is_success"] = (told["share_good"] >= best.SUCCESS_SHARE) & self._over
        yes = np.ones(self.num_envs, np.bool_)
        info = told | {f"_{name}": yes for name in told}
        return self._observe(), reward, no, np.full(self.num_envs, self._over), info

    def _observe(self) -> Any:
        return self.batch.flat() if self._mode == "flat" else _named(self.batch.signals(), (self.num_envs, 1))

    def expert_action(self) -> NDArray[np.float32]:
        """(n, 8): what one who knows the hidden state would do, but not what falls by chance."""
        return np.ascontiguousarray(best.action(self.batch).T, dtype=np.float32)


def _told(batch: Batch, part: Part) -> dict[str, Any]:
    """What infos say of the last part and the lot so far; true sizes are for figures, not for agents."""
    costs = {f.name: getattr(part, f.name) for f in fields(part) if f.name.startswith("cost_")}
    return {
        "size_um": part.size_um, "ra_um": part.ra_um, "good": part.good, "wear_mm": part.wear_mm,
        "time_min": part.time_min, "energy_kwh": part.energy_kwh, "part_cost": part.cost,
        "cost": part.broke.astype(float) + part.jammed, **costs, **batch.figures(),
    }  # fmt: skip


def make(process: str, **options: Any) -> ProcessEnv:
    """Entry point of the single environments.

    Raises:
        ValueError: for an unknown option or value, in one line.
    """
    _known(options)
    return ProcessEnv(process, **options)


def make_vec(num_envs: int, process: str, **options: Any) -> ProcessVectorEnv:
    """Entry point of the batched environments."""
    _known(options)
    return ProcessVectorEnv(num_envs, process, **options)


def _known(options: Mapping[str, Any]) -> None:
    allowed = ("split", "observation", "render_mode")
    for name in options:
        if name not in allowed:
            raise ValueError(f"option {name!r}: allowed are {', '.join(allowed)}")
