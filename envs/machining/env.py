"""The Gymnasium environments of a machine tool: a lot of parts, one step a part; natively batched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.ledger import Ledger
from envs.machining import best
from envs.machining.lots import ACTIONS, LIMIT, SIGNALS, Batch
from envs.machining.noise import F64
from envs.machining.process import Process
from envs.machining.state import Part

OBSERVATIONS = ("flat", "signals")


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
        self.batch = Batch(process, split, 1, recorded=(0,))
        self._mode, self._over = observation, True
        self._seed, self._episode = 0, -1
        self._max_episode_steps = self.batch.process.n_parts
        self.task_description = self.instruction = self.batch.process.words
        self.seeds = dict(self.batch.split.seeds)

    @property
    def process(self) -> Process:
        """What is cut on what: its public figures."""
        return self.batch.process

    @property
    def ledger(self) -> Ledger:
        """What happened in this lot so far."""
        return self.batch.books[0].ledger

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
        recorded: Lanes whose ledgers are written; a ledger is that of the last lot that was begun.
    """

    metadata = {"render_modes": [], "render_fps": 20, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int,
        process: str,
        split: str = "seen",
        observation: str = "flat",
        render_mode: None = None,
        recorded: Sequence[int] = (),
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}: allowed is 1 or more")
        if render_mode is not None:
            raise ValueError(f"render_mode {render_mode!r}: there is nothing to draw; allowed is None")
        for lane in recorded:
            if not 0 <= lane < num_envs:
                raise ValueError(f"recorded has lane {lane}: allowed are 0 to {num_envs - 1}")
        self.num_envs, self.render_mode = num_envs, None
        self.single_observation_space = _observation_space(observation)
        self.single_action_space = spaces.Box(-1.0, 1.0, (len(ACTIONS),), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.batch = Batch(process, split, num_envs, recorded)
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

    @property
    def ledgers(self) -> dict[int, Ledger]:
        """What happened in the lots of the recorded lanes, by lane."""
        return {lane: book.ledger for lane, book in self.batch.books.items()}

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
    _known(options, ("split", "observation", "render_mode"))
    return ProcessEnv(process, **options)


def make_vec(num_envs: int, process: str, **options: Any) -> ProcessVectorEnv:
    """Entry point of the batched environments."""
    _known(options, ("split", "observation", "render_mode", "recorded"))
    return ProcessVectorEnv(num_envs, process, **options)


def _known(options: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for name in options:
        if name not in allowed:
            raise ValueError(f"option {name!r}: allowed are {', '.join(allowed)}")
