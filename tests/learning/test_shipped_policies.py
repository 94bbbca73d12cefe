"""Policies that ship in docs/policies: small, whole, and able to do what the results say."""

import json
import re
from pathlib import Path

import pytest
from scipy.stats import binom

from agents.learner import Rollouts
from experiments.evaluation import names_of, prepared, read_run
from experiments.rollout import episode_seed, prepare, run_episode
from experiments.verify import MATCH, verify

ROOT = Path(__file__).resolve().parents[2]
RUNS = sorted(path for path in (ROOT / "docs" / "policies").iterdir() if path.is_dir())
MOST_BYTES = 5_000_000
EPISODES = 8
# So few successes as that happen by chance once in so many runs of a policy that is as good as it says.
BY_CHANCE = 1e-3


class Asked:
    """A command line that says nothing."""

    task = split = robot = control = None


def test_some_policies_ship():
    assert RUNS


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_it_is_small_and_names_no_machine(run):
    files = [file for file in run.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES
    told = "".join(file.read_text(encoding="utf-8") for file in files if file.suffix != ".safetensors")
    assert not re.search(r"""(?m)["'\s]/\w+/""", told)  # no path from the root
    assert json.loads((run / "summary.json").read_text(encoding="utf-8"))["n_episodes"] >= 200


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_it_works(run):
    """On validation episodes of its first task, which none of the results is of, about as well as it says."""
    told = read_run(str(run))
    said = json.loads((run / "summary.json").read_text(encoding="utf-8"))["success_rate"]
    policy, request = prepared(str(run), names_of(Asked(), {**told, "task": told["task"].partition(",")[0]}))
    env = request.make()
    try:
        prepare(policy, env)
        limits = env.unwrapped.seeds["validation"]
        seeds = [episode_seed(limits, 5000 + k) for k in range(EPISODES)]
        done = [run_episode(env, Rollouts(actor=policy), seed).success for seed in seeds]
    finally:
        env.close()
    assert sum(done) >= binom.ppf(BY_CHANCE, EPISODES, said)


@pytest.mark.slow
@pytest.mark.parametrize("file", [p.name for p in sorted((ROOT / "docs").glob("benchmark*.json"))])
def test_the_committed_benchmarks_are_what_they_do(monkeypatch, file):
    monkeypatch.chdir(ROOT)
    assert verify(ROOT / "docs" / file, 10) == MATCH
