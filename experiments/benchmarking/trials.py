"""Episodes as the benchmark runs them, in worker processes: who acts is timed, what happens is watched."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

from agents.learner import Rollouts
from agents.policy import Action, Observation, Policy
from experiments.controls import Recorded, Wrapped
from experiments.failures import Witness, cause
from experiments.film import Watched
from experiments.rollout import EnvRequest, kept_env, prepare, run_episode

# Times of act() are kept as a histogram, each bin 2 % wide, so that those of many episodes can be added.
BIN = 1.02
_BIN_0_S = 1e-6
# Scenes that are looked at before it is said that no part can be named in place of another.
_SWAP_TRIES = 50


@dataclass(frozen=True)
class Trial:
    """What the benchmark keeps of an episode.

    Attributes:
        seed: Of its reset.
        success: Whether the task was done at the end.
        n_steps: Its length.
        sum_reward: The sum of its rewards.
        cause: Why it failed, of `failures.CAUSES`; None for a success.
        instruction: What was asked for.
        part: The named part, such as "small red flange".
        skill: The verb.
        took_old: With another part named than at first: whether the one named at first was taken first.
        possible: Whether the scene has what the control asks for; what is not possible does not count.
    """

    seed: int
    success: bool
    n_steps: int
    sum_reward: float
    cause: str | None = None
    instruction: str = ""
    part: str = ""
    skill: str = ""
    took_old: bool = False
    possible: bool = True


@dataclass
class Timing:
    """Where the time went, added over episodes; it is not part of what must be the same.

    Attributes:
        act: How many calls of act() fell into each bin of the histogram.
        wall_s: In all.
        act_s: In act().
        physics_s: In the engine's steps.
        picture_s: In the renderer.
        cpu_s: Of the processor, this process alone.
        n_steps: Steps.
        n_episodes: Episodes.
    """

    act: Counter[int] = field(default_factory=Counter)
    wall_s: float = 0.0
    act_s: float = 0.0
    physics_s: float = 0.0
    picture_s: float = 0.0
    cpu_s: float = 0.0
    n_steps: int = 0
    n_episodes: int = 0

    def add(self, other: Timing) -> None:
        """Add another's."""
        self.act.update(other.act)
        for name in ("wall_s", "act_s", "physics_s", "picture_s", "cpu_s", "n_steps", "n_episodes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def quantile_ms(self, share: float) -> float | None:
        """Return the time of act() that this share of the calls does not exceed, to 2 %."""
        left = share * sum(self.act.values())
        for index in sorted(self.act):
            left -= self.act[index]
            if left <= 1e-9:
                return float(1e3 * _BIN_0_S * BIN ** (index + 0.5))
        return None


class _Timed(Wrapped):
    """Notes down how long act() takes."""

    def __init__(self, policy: Policy, timing: Timing) -> None:
        super().__init__(policy)
        self._timing = timing

    def act(self, observation: Observation) -> Action:
        start = time.perf_counter()
        action = self.policy.act(observation)
        took_s = time.perf_counter() - start
        self._timing.act_s += took_s
        self._timing.act[int(np.log(max(took_s, _BIN_0_S) / _BIN_0_S) / np.log(BIN))] += 1
        return action


class _Watched(Watched):
    """Hands reset options on, and tells of actions too."""

    def __init__(self, env: gymnasium.Env, witness: Witness, options: Mapping[str, Any] | None) -> None:
        super().__init__(env, lambda info, over: None)
        self._witness, self._options = witness, options
        self.instruction = ""

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**options, options=self._options)  # type: ignore[arg-type]
        self._witness.begin()
        self.instruction = str(info.get("instruction", ""))
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        result = self.env.step(action)
        self._witness.look(result[4], action)
        return result


def run_trials(
    request: EnvRequest, policy: Policy, seeds: Sequence[int], *, swapped: bool = False
) -> tuple[list[Trial], Timing]:
    """Run episodes in this process.

    Args:
        request: The environment.
        policy: Who acts; taught already.
        seeds: Of the episodes.
        swapped: Name another part of the same scene than the one that the seed names.
    """
    env = kept_env(request)
    timing = Timing()
    timed = _Timed(policy, timing)
    prepare(policy, env)
    world = getattr(env.unwrapped, "world", None)
    trials = []
    with _pictures_timed(world, timing):
        for seed in seeds:
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            engine_s = getattr(world, "engine_time_s", 0.0)
            trials.append(_trial(env, timed, seed, swapped=swapped))
            timing.wall_s += time.perf_counter() - wall_s
            timing.cpu_s += time.process_time() - cpu_s
            timing.physics_s += getattr(world, "engine_time_s", 0.0) - engine_s
            timing.n_episodes += 1
            timing.n_steps += trials[-1].n_steps
    return trials, timing


def run_trials_of(
    request: EnvRequest, policy: Policy, seeds: Sequence[int], swapped: bool
) -> tuple[list[Trial], Timing]:
    """The same with all arguments in order, as jobs hand them over."""
    return run_trials(request, policy, seeds, swapped=swapped)


def _trial(env: gymnasium.Env, policy: Policy, seed: int, *, swapped: bool) -> Trial:
    options, old = (None, None)
    if swapped:
        swap = other_named(env, seed)
        if swap is None:
            return Trial(seed, False, 0, 0.0, possible=False)
        options, old = swap
    witness = Witness(env)
    watched = _Watched(env, witness, options)
    episode = run_episode(watched, Rollouts(policy), seed)
    signs = witness.signs()
    draw = getattr(getattr(env.unwrapped, "cell", None), "draw", None)
    named = draw.candidates[0] if draw is not None and draw.candidates else None
    took_old = False
    if old is not None and draw is not None and signs.taken:
        took_old = draw.candidates[signs.taken[0]].slot == old
    return Trial(
        seed,
        episode.success,
        episode.n_steps,
        episode.sum_reward,
        cause(signs),
        watched.instruction,
        f"{named.kind.size} {named.colour} {named.kind.word}" if named is not None else "",
        str(getattr(getattr(env.unwrapped, "task", None), "verb", "")),
        took_old,
    )


def other_named(env: gymnasium.Env, seed: int) -> tuple[dict[str, Any], int] | None:
    """Return the reset options that name another part of a scene, and the slot of the one named at first.

    None where no other part of the scene suits the task. Which one it is follows from the seed.
    """
    env.reset(seed=seed)
    bare: Any = env.unwrapped
    candidates = bare.cell.draw.candidates
    fits = [k for k in bare.cell.draw.nameable if k > 0]
    if not fits:
        return None
    k = fits[int(np.random.default_rng([seed, 0x53574150]).integers(len(fits)))]
    return {"named": k}, candidates[0].slot


class _pictures_timed:
    """Times a world's pictures for as long as it is entered."""

    def __init__(self, world: Any, timing: Timing) -> None:
        self._world, self._timing = world, timing

    def __enter__(self) -> None:
        if self._world is None:
            return
        plain, timing = self._world.camera, self._timing

        def camera(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            picture = plain(*arguments, **options)
            timing.picture_s += time.perf_counter() - start
            return picture

        self._world.camera = camera

    def __exit__(self, *_: object) -> None:
        if self._world is not None:
            del self._world.camera


# --- What has to be known before -------------------------------------------------------------------


@dataclass(frozen=True)
class CellFacts:
    """What the benchmark has to know of an environment.

    Attributes:
        first_seed: Of the test episodes.
        last_seed: Of the test episodes.
        train_seed: The first training seed.
        split_hash: Of what varies.
        period_s: From one action to the next.
        pictures: Whether it can be filmed.
    """

    first_seed: int
    last_seed: int
    train_seed: int
    split_hash: str | None
    period_s: float
    pictures: bool


def cell_facts(request: EnvRequest) -> CellFacts:
    """Return what has to be known of an environment."""
    from experiments.rollout import env_facts

    facts = env_facts(request)
    first, last = facts.seeds["test"]
    return CellFacts(first, last, facts.seeds["train"][0], facts.split_hash, 1 / facts.fps, facts.pictures)


def sentences(request: EnvRequest, seeds: Sequence[int]) -> list[str]:
    """Return the different instructions of some episodes, in the order in which they come."""
    env = kept_env(request)
    said = [str(env.reset(seed=seed)[1].get("instruction", "")) for seed in seeds]
    return list(dict.fromkeys(said))


def record(request: EnvRequest, policy: Policy, seeds: Sequence[int]) -> np.ndarray:
    """Return the actions of the first of these episodes that succeeds; of the last, if none does."""
    env = kept_env(request)
    recorded = Recorded(policy)
    prepare(policy, env)
    for seed in seeds:
        if run_episode(env, Rollouts(recorded), seed).success:
            break
    return np.stack(recorded.actions)


def can_swap(request: EnvRequest, seed: int) -> bool:
    """Return whether another part than the drawn one can be named at reset."""
    env = kept_env(request)
    env.reset(seed=seed)
    draw = getattr(getattr(env.unwrapped, "cell", None), "draw", None)
    return hasattr(draw, "nameable") and any(other_named(env, seed + i) for i in range(_SWAP_TRIES))
