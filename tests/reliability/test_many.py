"""Environments opened and closed by the hundred, and many careless steps: nothing grows."""

import gc
import json
import os
import subprocess
import sys
import threading
import time

import gymnasium
import numpy as np
import pytest

import envs
from experiments.guard import ROOT

SLOW, NIGHTLY = pytest.mark.slow, pytest.mark.nightly
pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux tells of itself there")
# The engine gives back all but some 14 kB of a client (measured).
# Meshes and surfaces are kept once they were made, so what was met while warming up is met again.
KB_EACH, WARM_UP = 24.0, 100
KB_A_RESET, WARM_RESETS = 1.0, 1000


def standing():
    """Memory in kB, open files and threads of this process."""
    gc.collect()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    kb = pages * os.sysconf("SC_PAGE_SIZE") / 1024
    return kb, len(os.listdir("/proc/self/fd")), threading.active_count()


def open_and_close(n):
    """Memory by environment in kB, growth in files and threads, and how much slower the last were."""
    ids = [*envs.CELL_IDS, *envs.PROCESS_IDS]
    walls = []

    def one(k):
        start = time.process_time()
        env = gymnasium.make(ids[k % len(ids)], observation="flat")
        env.reset(seed=k)
        for _ in range(2):
            env.step(np.zeros(env.action_space.shape, np.float32))
        env.close()
        walls.append(time.process_time() - start)

    for k in range(WARM_UP):
        one(k)
    before = standing()
    walls.clear()
    for k in range(n):
        one(k % WARM_UP)
    return grown(before, standing(), n, walls)


def reset_again_and_again(n):
    """The same of n resets of one environment, each to another scene."""
    env = gymnasium.make("Monozukuri/LoadChuck-v0")
    for k in range(WARM_RESETS):
        env.reset(seed=k)
    before, walls = standing(), []
    for k in range(n):
        start = time.process_time()
        env.reset(seed=WARM_RESETS + k)
        walls.append(time.process_time() - start)
    return grown(before, standing(), n, walls)


def grown(before, after, n, walls):
    third = max(1, n // 3)
    slower = sorted(walls[-third:])[third // 2] / sorted(walls[:third])[third // 2]
    return {"kb_each": (after[0] - before[0]) / n, "files": after[1] - before[1],
            "threads": after[2] - before[2], "slower": slower}  # fmt: skip


def in_a_process_of_its_own(call):
    code = f"import json, sys; sys.path.insert(0, 'tests/reliability'); import test_many; " \
           f"print(json.dumps(test_many.{call}))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("n", [100, pytest.param(1000, marks=SLOW)])
def test_environments_opened_and_closed_leave_nothing(n):
    found = in_a_process_of_its_own(f"open_and_close({n})")
    assert found["files"] == 0, found
    assert found["threads"] == 0, found
    assert found["kb_each"] <= KB_EACH, found
    assert found["slower"] < 1.5, found


@pytest.mark.parametrize(
    "n", [pytest.param(10_000, marks=SLOW), pytest.param(1_000_000, marks=[SLOW, NIGHTLY])]
)
def test_resets_leave_nothing(n):
    found = in_a_process_of_its_own(f"reset_again_and_again({n})")
    assert found["files"] == found["threads"] == 0, found
    assert found["kb_each"] <= KB_A_RESET, found
    assert found["slower"] < 1.5, found


@pytest.mark.slow
@pytest.mark.parametrize("env_id", [*envs.CELL_IDS, *envs.PROCESS_IDS])
def test_a_hundred_thousand_random_steps(env_id):
    """Finite, within the spaces, energy never given back; depth is looked at in tests/contract."""
    env = gymnasium.make(env_id, observation="flat")
    rng = np.random.default_rng(9)
    env.reset(seed=9)
    energy_j = 0.0
    for _ in range(100_000):
        observation, reward, won, cut, info = env.step(rng.uniform(-1, 1, env.action_space.shape))
        assert np.isfinite(observation).all()
        assert np.isfinite(reward)
        assert "end_reason" not in info
        assert info.get("energy_j", np.inf) >= energy_j
        energy_j = info.get("energy_j", 0.0)
        if won or cut:
            observation, _ = env.reset()
            assert observation in env.observation_space
            energy_j = 0.0
    env.close()
