"""What the tests of the benchmark share: a pool without processes, and small runs to benchmark."""

import json
from types import SimpleNamespace

import numpy as np

import tests.learning.standin  # noqa: F401 (registers the stand-in)
from agents.networks import MlpPolicy
from experiments import benchmark
from experiments.pool import Done
from experiments.rollout import env_facts, run_episodes
from experiments.run import write_text_atomic

TASK = "tests.learning.standin:StandInReach-v0"


class LocalPool:
    """Runs jobs here, in the order that it is told."""

    backwards = False

    def __init__(self, n=1):
        self.n, self.n_deaths, self.n_jobs = n, 0, 0

    def run(self, jobs):
        jobs = list(jobs)
        for job in reversed(jobs) if self.backwards else jobs:
            self.n_jobs += 1
            try:
                done = Done(job, job.function(*job.arguments))
            except Exception as error:
                done = Done(job, error=error)
            yield done

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class LocalWorkers:
    """Rolls episodes out here."""

    def __init__(self, request, n):
        self.request, self.n, self.n_died = request, n, 0

    def facts(self):
        return env_facts(self.request)

    def submit(self, rollouts, seeds, on_done=None, request=None):
        episodes = run_episodes(request or self.request, rollouts, list(seeds))
        return SimpleNamespace(result=lambda: episodes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def make_run(folder, seed=0, skill=1.0):
    """A run's directory with a linear policy that moves what is held to where it belongs."""
    rng = np.random.default_rng(seed)
    weight = np.zeros((5, 7), np.float32)
    weight[0, 2] = weight[1, 3] = 20.0 * skill
    weight += 0.3 * rng.normal(size=weight.shape)
    policy = MlpPolicy([(weight, np.zeros(5))], np.zeros(7), np.ones(7))
    folder.mkdir(parents=True)
    policy.save(folder / "policy")
    write_text_atomic(folder / "config.yaml", "agent: bc\ncontrol: ee_yaw\n")
    return folder


def bench(out, *words):
    """Run the verb here; return its exit code and benchmark.json."""
    code = benchmark.main(
        [*map(str, words), "--task", TASK, "--no-clips", "--out", str(out), "--workers", "1"]
    )
    return code, json.loads((out / "benchmark.json").read_text())
