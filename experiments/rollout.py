"""Episodes: how one is run, and the processes that run many.

Everything that happens in an episode follows from its seed and from what acts in it, so that the
number of workers and the order in which they finish change no bit of the results. All episodes run
in worker processes with one thread for linear algebra, even where there is only one worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium
import numpy as np

from agents.environ import environ
from agents.learner import Episode, Labels, Rollouts
from agents.networks import flatten
from agents.policy import Policy, PolicyError, Privileged
from experiments.errors import UserError, unknown, user_input

# Ranges of episode seeds (first, last) where an environment does not declare its own.
_SEEDS = {
    "train": (0, 999_999), "validation": (1_000_000, 1_999_999), "test": (2_000_000, 2_999_999)
}  # fmt: skip
SEED_STRIDE = 10_000  # between the test episodes of one run's seed and the next's
# Steps that the teacher and the actor each drive at a stretch, on average.
_TURN_STEPS = 15
# Between disturbances the teacher is left in peace, on average so long, to find back to its path.
_CALM_STEPS, _BURST_STEPS = 20, 3
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class EnvRequest:
    """An environment to be made, here or in another process.

    Attributes:
        task: A task's name, such as "LoadChuck", or any Gymnasium id ("module:Name-v0").
        options: Keyword arguments for `gymnasium.make`.
    """

    task: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The Gymnasium id."""
        if "/" in self.task or ":" in self.task:
            return self.task
        return f"Monozukuri/{self.task}-v0"

    @property
    def name(self) -> str:
        """The task's name, fit for a file name."""
        return self.task.rpartition("/")[2].rpartition(":")[2].removesuffix("-v0")

    @property
    def batched(self) -> bool:
        """Whether many of it step at once in one process."""
        import envs

        return self.id in envs.PROCESS_IDS

    def check(self) -> None:
        """Raise `UserError` if there is no such task."""
        import envs

        if self.id.startswith("Monozukuri/") and self.id not in envs.ENV_IDS:
            tasks = [name.removeprefix("Monozukuri/").removesuffix("-v0") for name in envs.ENV_IDS]
            raise unknown("task", self.task, tasks)

    def make(self, **overrides: Any) -> gymnasium.Env:
        """Return the environment; what it refuses is the user's mistake."""
        import envs  # noqa: F401 (registers the ids)

        try:
            return gymnasium.make(self.id, **{**self.options, **overrides})
        except (ValueError, gymnasium.error.Error, ModuleNotFoundError) as error:
            raise UserError(str(error)) from error


@dataclass(frozen=True)
class EnvFacts:
    """What the verbs have to know of an environment that lives in another process.

    Attributes:
        observation_space: What is seen.
        action_space: What can be done.
        seeds: First and last episode seed of "train", "validation" and "test".
        fps: Steps in a simulated second.
        max_steps: After so many steps an episode is cut.
        split_hash: The hash of what varies.
        engine: The physics engine's parameters, if the environment tells them.
        pictures: Whether it can be filmed.
    """

    observation_space: gymnasium.Space
    action_space: gymnasium.spaces.Box
    seeds: Mapping[str, tuple[int, int]]
    fps: float
    max_steps: int
    split_hash: str | None
    engine: Mapping[str, Any] | None
    pictures: bool = True


def episode_seed(limits: tuple[int, int], number: int) -> int:
    """Return the seed of the episode of that number, going round within the limits."""
    first, last = limits
    return first + number % (last - first + 1)


# --- One episode ---------------------------------------------------------------------------------


def prepare(policy: Policy, env: gymnasium.Env) -> None:
    """Give a policy what it may know of an environment: its spaces, or all of it if privileged."""
    space = env.action_space
    if not isinstance(space, gymnasium.spaces.Box):
        raise TypeError(f"action space is {space}: allowed is a Box")
    with user_input(PolicyError):
        policy.attach(env.observation_space, space)
    if isinstance(policy, Privileged):
        policy.bind(env)


def run_episode(env: gymnasium.Env, rollouts: Rollouts, seed: int) -> Episode:
    """Run one episode with policies that were prepared.

    Raises:
        UserError: If a policy cannot act.
    """
    with user_input(PolicyError):
        return _episode(env, rollouts, seed)


def _episode(env: gymnasium.Env, rollouts: Rollouts, seed: int) -> Episode:
    actor, teacher = rollouts.actor, rollouts.teacher
    observation, info = env.reset(seed=seed)
    instruction = str(info.get("instruction", ""))
    for policy in {id(p): p for p in (actor, teacher) if p is not None}.values():
        policy.reset(instruction, seed)
    turns = _Turns(rollouts, seed, env.action_space)
    states: list[Any] = []
    labels: list[Any] = []
    rewards: list[float] = []
    over = False
    while not over:
        if teacher is None:
            action = actor.act(observation)
        else:
            label = np.array(teacher.act(observation), np.float32)
            states.append(np.array(flatten(observation)))
            labels.append(label)
            action = turns.disturb(label) if turns.is_teachers() else actor.act(observation)
        observation, reward, terminated, truncated, info = env.step(action)
        rewards.append(float(reward))
        over = terminated or truncated or len(rewards) == rollouts.max_steps
    return Episode(
        seed=seed,
        success=bool(info.get("is_success", False)),
        n_steps=len(rewards),
        sum_reward=float(np.sum(rewards)),
        max_reward=float(np.max(rewards)),
        final=numbers(info),
        labels=Labels(np.stack(states), np.stack(labels)) if states else None,
    )


class _Turns:
    """Whose turn it is to act, and what disturbs the teacher."""

    def __init__(self, rollouts: Rollouts, seed: int, space: Any) -> None:
        self._rng = np.random.default_rng([seed, rollouts.salt])
        self._share, self._noise = rollouts.teacher_share, rollouts.noise
        self._teacher = bool(self._rng.random() < self._share)
        self._left = self._length()
        self._offset = np.zeros(space.shape)
        self._calm = self._burst = 0

    def _length(self) -> int:
        """The mean lengths of the two kinds of turn are in the ratio of their shares."""
        share = self._share if self._teacher else 1 - self._share
        return 1 + int(self._rng.exponential(2 * _TURN_STEPS * share))

    def is_teachers(self) -> bool:
        """Take a step; return whether the teacher acts in it."""
        if 0 < self._share < 1:
            if self._left == 0:
                self._teacher = not self._teacher
                self._left = self._length()
            self._left -= 1
        return self._teacher

    def disturb(self, action: np.ndarray) -> np.ndarray:
        """Return what is done instead of `action`."""
        if not self._noise:
            return action
        if self._calm == 0 and self._burst == 0:
            self._calm = 1 + int(self._rng.exponential(_CALM_STEPS))
            self._burst = 1 + int(self._rng.exponential(_BURST_STEPS))
            self._offset = self._rng.normal(0, self._noise, action.shape)
        if self._calm > 0:
            self._calm -= 1
            return action
        self._burst -= 1
        return np.clip(action + self._offset, -1, 1).astype(np.float32)


def numbers(info: Mapping[str, Any]) -> dict[str, float]:
    """Return the plain numbers in an info."""
    kinds = (bool, int, float, np.number, np.bool_)
    return {key: float(value) for key, value in info.items() if isinstance(value, kinds)}


# --- In a worker process -------------------------------------------------------------------------


@contextmanager
def one_thread() -> Iterator[None]:
    """Let processes that are started inside use one thread for linear algebra."""
    with environ(dict.fromkeys(_ONE_THREAD, "1")):
        yield


# The oldest are closed beyond these: a benchmark goes through many.
_N_KEPT = 3
_ENVS: dict[str, gymnasium.Env] = {}


def kept_env(request: EnvRequest) -> gymnasium.Env:
    """Return the environment, kept in this process from one call to the next."""
    key = repr((request.id, sorted(request.options.items())))
    if key not in _ENVS:
        while len(_ENVS) >= _N_KEPT:
            _ENVS.pop(next(iter(_ENVS))).close()
        _ENVS[key] = request.make()
    return _ENVS[key]


def env_facts(request: EnvRequest) -> EnvFacts:
    """Return what the verbs have to know of an environment."""
    env = kept_env(request)
    bare: Any = env.unwrapped
    if not isinstance(env.action_space, gymnasium.spaces.Box):
        raise UserError(f"task {request.task!r} has actions {env.action_space}: allowed is a Box")
    spec_limit = env.spec.max_episode_steps if env.spec else None
    world = getattr(bare, "world", None)
    return EnvFacts(
        env.observation_space,
        env.action_space,
        {**_SEEDS, **(getattr(bare, "seeds", None) or {})},
        float(env.metadata.get("render_fps") or 20),
        int(getattr(bare, "_max_episode_steps", None) or spec_limit or 1000),
        getattr(bare, "split_sha256", None),
        getattr(world, "engine_parameters", None),
        "rgb_array" in env.metadata.get("render_modes", ()),
    )


def run_episodes(request: EnvRequest, rollouts: Rollouts, seeds: list[int]) -> list[Episode]:
    """Run episodes in this process; lots of parts on machine tools together, where who acts can do that."""
    if request.batched and rollouts.actor.batched and rollouts.teacher is None and not rollouts.max_steps:
        from experiments.lots import run_lots

        return run_lots(request, rollouts, seeds)
    env = kept_env(request)
    for policy in (rollouts.actor, rollouts.teacher):
        if policy is not None:
            prepare(policy, env)
    if not (rollouts.books and request.batched):
        return [run_episode(env, rollouts, seed) for seed in seeds]
    from experiments.lot_books import lot_totals

    bare: Any = env.unwrapped
    return [
        replace(run_episode(env, rollouts, seed), totals=lot_totals(bare.ledger, bare.process))
        for seed in seeds
    ]
