"""The same seed gives the same bits: in every process, after any past, in every kind of vector."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import cells
import gymnasium
import numpy as np
import pytest

import envs
from experiments.rollout import EnvRequest, episode_seed

HERE = Path(__file__).resolve().parent
STEPS = 40
FLAT = {"observation": "flat"}
PICK = "Monozukuri/PickPart-v0"


# --- Processes -----------------------------------------------------------------------------------


def in_a_process(hash_seed, threads):
    """Return what `cells.report` prints in a fresh process."""
    variables = {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads,
                 "OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(HERE.parent.parent)}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "import cells; cells.report()"], cwd=HERE, env=os.environ | variables,
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_every_process_computes_the_same():
    first = in_a_process("0", "1")
    assert len(first) == 3 * len(envs.ENV_IDS)
    assert len(set(first.values())) == len(first)
    assert in_a_process("1", "2") == first
    assert in_a_process("random", "2") == first


# --- Resets --------------------------------------------------------------------------------------


def rough_past(env):
    """Expert and clumsy episodes, and one that stops while a part is held or on its way."""
    for seed, act, limit in ((101, cells.expert, 400), (102, cells.clumsy, 120), (103, cells.expert, 13)):
        cells.episode(env, seed, act, limit)


@pytest.mark.parametrize(("env_id", "robot"), cells.pairs())
def test_a_reset_forgets_the_past(env_id, robot):
    env = cells.make(env_id, robot=robot, **FLAT)
    first = cells.stretch(env, 7, 200, cells.random_then_expert)
    rough_past(env)
    assert cells.stretch(env, 7, 200, cells.random_then_expert) == first
    env.close()
    fresh = cells.make(env_id, robot=robot, **FLAT)
    assert cells.stretch(fresh, 7, 200, cells.random_then_expert) == first
    fresh.close()


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
def test_a_reset_forgets_the_past_in_pictures(env_id):
    env = cells.make(env_id, observation="rgbd")
    first = cells.stretch(env, 7, 12, cells.expert)
    cells.episode(env, 101, cells.expert, 40)
    assert cells.stretch(env, 7, 12, cells.expert) == first
    env.close()


@pytest.mark.parametrize("split", cells.filled_splits())
@pytest.mark.parametrize("env_id", envs.ENV_IDS)
def test_resets_without_a_seed_follow_from_the_last_seed(env_id, split):
    env = cells.make(env_id, split=split, **FLAT)

    def three(seed):
        return [cells.raw(env.reset(seed=s)[0]) for s in (seed, None, None)]

    first = three(5)
    if split != "nominal":  # there the goal of Reach is always the same
        assert len({*first, *three(6)}) == 6
    cells.episode(env, 8, limit=5)
    assert three(5) == first
    env.close()


# --- Vectors -------------------------------------------------------------------------------------


def reference(env_id, next_seeds, *, next_step):
    """Drive one environment by the expert; return actions and what came: (first, steps).

    A vector starts the next episode by itself: the first observation either takes the place of the
    last (stable-baselines3), or comes with the step after it, whose action is ignored
    (Gymnasium, `next_step`).

    Args:
        env_id: The environment.
        next_seeds: The seed of each episode, the first one's first; None after the last.
        next_step: Which of the two.
    """
    env = cells.make(env_id, **FLAT)
    seeds = iter(next_seeds)
    first, _ = env.reset(seed=next(seeds, None))
    steps, actions, over = [], [], False
    for _ in range(STEPS):
        if over and next_step:
            actions.append(np.ones(env.action_space.shape, np.float32))
            steps.append((env.reset(seed=next(seeds, None))[0], 0.0, False))
            over = False
            continue
        actions.append(env.expert_action())
        observation, reward, won, cut, _ = env.step(actions[-1])
        over = won or cut
        if over and not next_step:
            observation, _ = env.reset(seed=next(seeds, None))
        steps.append((observation, reward, over))
    env.close()
    return first, np.array(actions), steps


def assert_same(vector, seeds_of_lanes, env_id, *, next_step=False):
    """Compare a vector that was reset to `vector.first` with an environment for each lane."""
    singles = [reference(env_id, seeds, next_step=next_step) for seeds in seeds_of_lanes]
    assert np.array_equal(vector.reset(), np.stack([first for first, _, _ in singles]))
    n_over = 0
    for k in range(STEPS):
        observations, rewards, overs = vector.step(np.stack([actions[k] for _, actions, _ in singles]))
        for lane, (_, _, steps) in enumerate(singles):
            observation, reward, over = steps[k]
            assert np.array_equal(observations[lane], observation)
            assert rewards[lane] == np.asarray(reward, rewards.dtype)
            assert overs[lane] == over
            n_over += over
    if env_id in cells.SHORT_IDS:  # what is done in so few steps begins anew
        assert n_over > 0


class Gymnasiums:
    """A Gymnasium vector, asked as `assert_same` asks."""

    def __init__(self, vector, seeds):
        self.vector, self.seeds = vector, seeds

    def reset(self):
        return self.vector.reset(seed=self.seeds)[0]

    def step(self, actions):
        observations, rewards, won, cut, _ = self.vector.step(actions)
        return observations, rewards, won | cut


class Baselines:
    """A stable-baselines3 vector, asked as `assert_same` asks; lane i is seeded with seed + i."""

    def __init__(self, vector, seed=None):
        self.vector, self.seed = vector, seed

    def reset(self):
        if self.seed is not None:
            self.vector.seed(self.seed)
        return self.vector.reset()

    def step(self, actions):
        return self.vector.step(actions)[:3]


@pytest.mark.parametrize(
    ("env_id", "mode"), [*((i, "sync") for i in envs.ENV_IDS), (PICK, "async")]
)  # fmt: skip
def test_gymnasium_vectors_equal_single_environments(env_id, mode):
    vector = gymnasium.make_vec(env_id, num_envs=2, vectorization_mode=mode, **FLAT)
    try:
        assert_same(Gymnasiums(vector, [4, 9]), [[4], [9]], env_id, next_step=True)
    finally:
        vector.close()


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
def test_dummy_vectors_equal_single_environments(env_id):
    kinds = pytest.importorskip("stable_baselines3.common.vec_env")
    vector = kinds.DummyVecEnv([lambda: gymnasium.make(env_id, **FLAT)] * 2)
    assert_same(Baselines(vector, 4), [[4], [5]], env_id)
    vector.close()


def test_subprocess_vectors_equal_single_environments():
    kinds = pytest.importorskip("stable_baselines3.common.vec_env")
    # A fresh process has to be told where the id comes from.
    make = functools.partial(gymnasium.make, f"envs:{PICK}", **FLAT)
    vector = kinds.SubprocVecEnv([make] * 2, start_method="spawn")
    try:
        assert_same(Baselines(vector, 4), [[4], [5]], PICK)
    finally:
        vector.close()


@pytest.mark.parametrize("n_workers", [1, 2])
def test_worker_vectors_equal_single_environments(n_workers):
    """Its lanes' episodes have seeds of the split, drawn from the run's seed and the lane's number."""
    pytest.importorskip("stable_baselines3")
    from experiments.vec_env import WorkerVecEnv

    train = (0, 999_999)
    lanes = [np.random.default_rng([3, lane]) for lane in range(2)]
    seeds = [[episode_seed(train, int(rng.integers(2**31))) for _ in range(9)] for rng in lanes]
    vector = WorkerVecEnv(EnvRequest("PickPart", FLAT), 2, n_workers, 3)
    try:
        assert_same(Baselines(vector), seeds, PICK)
    finally:
        vector.close()
