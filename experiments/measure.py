"""Measures what an environment costs: steps, resets, pictures, memory, and a peer's steps.

Every figure is taken several times. The best tells what the code can do, the median what it did
beside whatever else ran on the machine; where they differ much, the machine was not quiet. As the same
actions give the same bits, repetitions of a stretch are the same steps: the best takes each at its least.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.policy import Policy
from experiments.rollout import EnvRequest, prepare

PEER_ID = "PandaPickAndPlace-v3"
PEER_INSTALL = "pip install panda-gym, or pip install 'monozukuri[benchmark]'"
PICTURE_PX = (64, 96, 128)
# Resets before memory is watched, while caches fill.
_WARM_RESETS = 400
_MEMORY_SAMPLES = 20
_MAX_CANDIDATES = 4

Act = Callable[[Any], Any]


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        repetitions: How often each measurement of steps is repeated.
        steps: Environment steps in one repetition.
        resets: Timed resets.
        frames: Timed pictures of each kind.
        memory_resets: Resets of the fullest cell over which memory is watched.
        other_memory_resets: Those of every other cell; 0 leaves that out.
    """

    repetitions: int = 7
    steps: int = 500
    resets: int = 200
    frames: int = 60
    memory_resets: int = 10_000
    other_memory_resets: int = 1000


QUICK = Effort(3, steps=150, resets=30, frames=10, memory_resets=500, other_memory_resets=0)


@dataclass(frozen=True)
class Stretch:
    """A measured stretch of steps.

    Attributes:
        engine_s: Wall time in engine steps and motor commands, (n,); 0 if the environment does not say.
        outside_s: Wall time in the rest of each step, (n,).
        reset_s: Wall time in the resets that came between.
    """

    engine_s: NDArray[np.float64]
    outside_s: NDArray[np.float64]
    reset_s: float

    @property
    def n_steps(self) -> int:
        """Environment steps."""
        return len(self.engine_s)

    @property
    def step_s(self) -> float:
        """Wall time in all steps."""
        return float(self.engine_s.sum() + self.outside_s.sum())

    @property
    def engine_share(self) -> float:
        """Share of the engine in the steps' time."""
        return float(self.engine_s.sum() / self.step_s)


def least(parts: Sequence[Stretch]) -> Stretch:
    """Return what repetitions of the same steps come to where nothing disturbs them."""
    engine_s, outside_s = (np.min([getattr(p, of) for p in parts], 0) for of in ("engine_s", "outside_s"))
    return Stretch(engine_s, outside_s, min(part.reset_s for part in parts))


def stretch(env: gymnasium.Env, act: Act, n_steps: int, seed: int) -> Stretch:
    """Take steps, episode after episode, and time them; what `act` needs is not counted."""
    clock, world = time.perf_counter, getattr(env.unwrapped, "world", None)
    observation, _ = env.reset(seed=seed)
    step_s, engine_s, reset_s = np.empty(n_steps), np.zeros(n_steps), 0.0
    for i in range(n_steps):
        action = act(observation)
        before = world.engine_time_s if world is not None else 0.0
        start = clock()
        observation, _, terminated, truncated, _ = env.step(action)
        step_s[i] = clock() - start
        engine_s[i] = world.engine_time_s - before if world is not None else 0.0
        if terminated or truncated:
            start = clock()
            observation, _ = env.reset()
            reset_s += clock() - start
    return Stretch(engine_s, step_s - engine_s, reset_s)


def random_act(env: gymnasium.Env, seed: int) -> Act:
    """Return a source of random actions."""
    rng, space = np.random.default_rng(seed), env.action_space
    assert isinstance(space, gymnasium.spaces.Box)
    low, high = space.low, space.high
    return lambda _: rng.uniform(low, high).astype(np.float32)


def step_figures(parts: Sequence[Stretch], period_s: float) -> dict[str, Any]:
    """Return what repetitions of a stretch amount to.

    Args:
        parts: The repetitions, all of the same steps.
        period_s: Simulated time of one step.
    """

    def both(figure: Callable[[Stretch], float]) -> dict[str, float]:
        return {"best": figure(least(parts)), "median": float(np.median([figure(part) for part in parts]))}

    return {
        "steps_per_s": both(lambda part: part.n_steps / part.step_s),
        "steps_per_s_with_resets": both(lambda part: part.n_steps / (part.step_s + part.reset_s)),
        "simulated_s_per_wall_s": both(lambda part: period_s * part.n_steps / part.step_s),
        "engine_share": both(lambda part: part.engine_share),
        "outside_engine_us": both(lambda part: 1e6 * float(part.outside_s.mean())),
        "n_steps": parts[0].n_steps,
        "repetitions": len(parts),
    }


def best_and_median(values: Sequence[float], best: Callable[..., float]) -> dict[str, float]:
    """Return the best and the median of repetitions."""
    return {"best": best(values), "median": float(np.median(values))}


def measure_task(request: EnvRequest, expert: Policy, effort: Effort, seed: int) -> dict[str, Any]:
    """Return steps with random actions and with the expert's, and resets without visuals."""
    figures: dict[str, Any] = {}
    env = request.make()
    try:
        period_s = 1 / float(env.metadata["render_fps"])
        prepare(expert, env)
        parts: dict[str, list[Stretch]] = {"random": [], "expert": []}
        for act in (random_act(env, seed), expert.act):
            stretch(env, act, min(50, effort.steps), seed)  # warm up
        for _ in range(effort.repetitions):
            for name, act in (("random", random_act(env, seed)), ("expert", expert.act)):
                parts[name].append(stretch(env, act, effort.steps, seed))
        figures["physics_hz"] = env.unwrapped.world.engine.rate_hz  # type: ignore[attr-defined]
        figures |= {name: step_figures(some, period_s) for name, some in parts.items()}
        figures["reset_ms"] = reset_figures(env, effort.resets, seed)
        figures["reset_is_exact"] = reset_is_exact(env, seed)
    finally:
        env.close()
    return figures


def reset_figures(env: gymnasium.Env, n: int, seed: int) -> dict[str, float]:
    """Return how long resets with different seeds take, in milliseconds."""
    env.reset(seed=seed)
    times_ms = []
    for i in range(n):
        start = time.perf_counter()
        env.reset(seed=seed + i)
        times_ms.append(1000 * (time.perf_counter() - start))
    median, p95 = np.percentile(times_ms, [50, 95]).tolist()
    return {"best": min(times_ms), "median": median, "p95": p95, "n": n}


def reset_is_exact(env: gymnasium.Env, seed: int, n_steps: int = 20) -> bool:
    """Return whether the same seed and actions give the same bits again, with an episode between."""

    def trajectory() -> bytes:
        act = random_act(env, seed)
        observation, _ = env.reset(seed=seed)
        seen = [_bits(observation)]
        for _ in range(n_steps):
            observation, reward, terminated, truncated, _ = env.step(act(observation))
            seen.append(_bits(observation) + np.float64(reward).tobytes())
            if terminated or truncated:
                break
        return b"".join(seen)

    first = trajectory()
    stretch(env, random_act(env, seed + 1), 3 * n_steps, seed + 1)
    return first == trajectory()


def _bits(observation: Any) -> bytes:
    if isinstance(observation, dict):
        return b"".join(np.asarray(value).tobytes() for value in observation.values())
    return np.asarray(observation).tobytes()


def measure_pictures(request: EnvRequest, effort: Effort, seed: int) -> dict[str, Any]:
    """Return resets with visuals, and unshadowed pictures of a full tray, in ms by camera and pixels."""
    from envs.cell.layout import CAMERAS

    env = request.make(render_mode="rgb_array")
    bare: Any = env.unwrapped
    try:
        resets = reset_figures(env, effort.resets, seed)
        for trial in range(seed, seed + 50):  # as many parts as a tray can hold
            if len(bare.cell.draw.candidates) == _MAX_CANDIDATES:
                break
            env.reset(seed=trial)
        figures: dict[str, dict[str, Any]] = {}
        for name in CAMERAS:
            spec = bare.cell.camera_spec(name, true=True)
            figures[name] = {}
            for size in PICTURE_PX:
                times_ms = []
                for _ in range(effort.frames):
                    start = time.perf_counter()
                    bare.world.camera(spec, size, size, light=bare.cell.light)
                    times_ms.append(1000 * (time.perf_counter() - start))
                figures[name][str(size)] = best_and_median(times_ms, min)
        return {"reset_with_visuals_ms": resets, "pictures_ms": figures}
    finally:
        env.close()


# --- Memory --------------------------------------------------------------------------------------


def memory_growth(request: EnvRequest, n: int, seed: int) -> dict[str, Any]:
    """Return how this process's memory grows over resets, sampled on the way.

    Called in a process of its own: what another measurement freed would hide growth.
    """
    env = request.make()
    try:
        for i in range(min(n, _WARM_RESETS)):
            env.reset(seed=seed + i)
        start_mb = resident_mb()
        samples, done = [start_mb], 0
        for i in range(_MEMORY_SAMPLES):
            upto = n * (i + 1) // _MEMORY_SAMPLES
            for k in range(done, upto):
                env.reset(seed=seed + k)
            done = upto
            samples.append(resident_mb())
        growth_mb = samples[-1] - start_mb
        return {"n_resets": n, "start_mb": start_mb, "growth_mb": growth_mb, "samples_mb": samples}
    finally:
        env.close()


def resident_mb() -> float:
    """Return the memory that this process holds now; on systems without /proc, the most it held."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


# --- The peer ------------------------------------------------------------------------------------


def has_peer() -> bool:
    """Return whether panda-gym is installed."""
    return find_spec("panda_gym") is not None


@contextmanager
def open_peer(seed: int) -> Iterator[gymnasium.Env]:
    """The peer's environment, closed afterwards."""
    with _silent():
        import panda_gym  # noqa: F401 (registers the ids)

        peer = gymnasium.make(PEER_ID)
        peer.reset(seed=seed)
    try:
        yield peer
    finally:
        with _silent():
            peer.close()


def against_peer(request: EnvRequest, peer: gymnasium.Env, effort: Effort, seed: int) -> dict[str, Any]:
    """Return how many times the peer's simulated seconds per wall second a task reaches.

    Ours and the peer take turns, so that a busy machine slows both; random actions. `ratio` leaves
    resets apart, `ratio_with_resets` counts them.
    """
    env, simulation = request.make(), peer.unwrapped
    try:
        period_s = 1 / float(env.metadata["render_fps"])
        peer_period_s: float = simulation.sim.dt  # type: ignore[attr-defined]
        turns = (
            (env, random_act(env, seed), period_s), (peer, random_act(peer, seed), peer_period_s)
        )  # fmt: skip
        for one, act, _ in turns:
            stretch(one, act, min(50, effort.steps), seed)  # warm up
        apart, together, speeds = [], [], []
        for i in range(effort.repetitions):
            rates = []
            for one, act, period in turns[:: 1 if i % 2 == 0 else -1]:
                part = stretch(one, act, effort.steps, seed + 1000 * i)
                simulated_s = part.n_steps * period
                rates.append((simulated_s / part.step_s,
                              simulated_s / (part.step_s + part.reset_s)))  # fmt: skip
            ours, theirs = rates[:: 1 if i % 2 == 0 else -1]
            apart.append(ours[0] / theirs[0])
            together.append(ours[1] / theirs[1])
            speeds.append(theirs[0])
        return {
            "ratio": _spread(apart),
            "ratio_with_resets": _spread(together),
            "peer_simulated_s_per_wall_s": best_and_median(speeds, max),
        }
    finally:
        env.close()


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "min": min(values), "max": max(values)}


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what the peer's engine writes off standard output."""
    kept = os.dup(1)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(sink)
