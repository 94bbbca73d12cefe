"""Policies that ship in docs/policies: small, whole, and able to do what the results say."""

import json
import re
from pathlib import Path

import pytest

from agents.learner import Rollouts
from experiments.evaluation import names_of, prepared, read_run
from experiments.rollout import episode_seed, prepare, run_episode
from experiments.verify import MATCH, verify

ROOT = Path(__file__).resolve().parents[2]
RUNS = sorted(path for path in (ROOT / "docs" / "policies").iterdir() if path.is_dir())
MOST_BYTES = 5_000_000
EPISODES, AT_LEAST = 4, 3


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
    """On validation episodes of its first task, which none of the results is of."""
    told = read_run(str(run))
    policy, request = prepared(str(run), names_of(Asked(), {**told, "task": told["task"].partition(",")[0]}))
    env = request.make()
    try:
        prepare(policy, env)
        limits = env.unwrapped.seeds["validation"]
        seeds = [episode_seed(limits, 5000 + k) for k in range(EPISODES)]
        done = [run_episode(env, Rollouts(actor=policy), seed).success for seed in seeds]
    finally:
        env.close()
    assert sum(done) >= AT_LEAST


@pytest.mark.slow
@pytest.mark.parametrize("file", ["benchmark.json", "benchmark_controls.json", "benchmark_grounding.json"])
def test_the_committed_benchmarks_are_what_they_do(monkeypatch, file):
    monkeypatch.chdir(ROOT)
    assert verify(ROOT / "docs" / file, 10) == MATCH
