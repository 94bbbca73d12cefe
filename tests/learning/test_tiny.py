"""Tiny learning tests: what learns gets clearly better than chance, by margins that five seeds leave.

`python -m tests.learning.test_tiny` shows what all five come to; one of them is tested.
"""

import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from agents import catalog
from agents.cloning import Cloner, FitHyper
from agents.learner import Rollouts
from agents.policy import Needs
from agents.rl import Ppo, PpoHyper
from experiments.rollout import EnvRequest, episode_seed, run_episodes
from tests.learning.local import run

REACH = EnvRequest("Reach", {"observation": "flat"})
TRAIN, VALIDATION = (0, 999_999), (1_000_000, 1_999_999)
N_TESTED = 20


def successes(policy):
    """Of `N_TESTED` validation episodes of Reach."""
    seeds = [episode_seed(VALIDATION, i) for i in range(N_TESTED)]
    return sum(e.success for e in run_episodes(REACH, Rollouts(policy), seeds))


def cloned(seed, n_episodes=80, n_updates=2000):
    """A clone of the expert from its disturbed episodes, as `bc` learns; how often it succeeds."""
    expert, teacher = (catalog.create("expert", "Reach") for _ in range(2))
    seeds = [episode_seed(TRAIN, 1000 * seed + i) for i in range(n_episodes)]
    shown = run_episodes(REACH, Rollouts(expert, teacher, 1.0, 0.3), seeds)
    cloner = Cloner(FitHyper(hidden=(128, 128), batch=256), seed)
    cloner.add([e.labels for e in shown])
    for part in range(4):
        cloner.fit(n_updates // 4, part / 4)
    return successes(cloner.policy(Needs()))


def reinforced(seed, folder):
    """PPO on the stand-in: mean reward of an episode in the first segment, and in the last three."""
    hyper = PpoHyper(n_envs=8, horizon=16, segment=8, batch=128, epochs=6, rate=2e-3, hidden=(32, 32),
                     validate_every=1)  # fmt: skip
    run(Ppo(hyper), folder, 12_288, seed=seed)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rewards = [row["reward"] for row in rows if "reward" in row]
    return SimpleNamespace(before=round(rewards[0], 2), after=round(float(np.mean(rewards[-3:])), 2))


@pytest.mark.slow
def test_a_clone_does_what_chance_does_not():
    assert successes(catalog.create("random", "Reach")) <= 1
    assert cloned(0) >= 14


def test_ppo_earns_more_than_at_first(tmp_path):
    found = reinforced(0, tmp_path / "run")
    assert found.after >= found.before + 3.0


if __name__ == "__main__":
    print("random", successes(catalog.create("random", "Reach")))  # noqa: T201
    for number in range(5):
        with tempfile.TemporaryDirectory() as out:
            sys.stdout.write(f"{number}: cloned {cloned(number)}, {reinforced(number, Path(out) / 'run')}\n")
            sys.stdout.flush()
