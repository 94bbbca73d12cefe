"""The same training and the same evaluation, whatever the number of workers, the hash seed or the order."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from agents import catalog
from agents.learner import Rollouts
from experiments.executor import Workers
from experiments.guard import ROOT
from experiments.rollout import EnvRequest, run_episodes

SLOW = pytest.mark.slow
STAND_IN = "tests.learning.standin:StandInReach-v0"
# How two runs differ: workers, hash seed, threads that the libraries may use, time zone and language.
ONE = {"workers": 1, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
OTHER = {
    "workers": 3,
    "PYTHONHASHSEED": "31",
    "OMP_NUM_THREADS": "2",
    "TZ": "America/Lima",
    "LC_ALL": "C.UTF-8",
}

AGENTS = {
    "bc": "class: agents.imitation:Bc\nteacher: {teacher}\nhidden: [16, 16]\nround_episodes: 8\n",
    "dagger": "class: agents.imitation:Dagger\nteacher: {teacher}\nhidden: [16, 16]\nround_episodes: 8\n",
    "ppo": "class: agents.rl:Ppo\nn_envs: 5\nhorizon: 16\nsegment: 2\nbatch: 40\nepochs: 2\nhidden: [16]\n",
    **{
        f"{name.lower()}{her}": f"class: agents.rl:{name}\nn_envs: 5\nsegment: 40\nwarm_up: 300\nbatch: 32\n"
        f"hidden: [16]\n{how}"
        for name in ("Sac", "Tqc")
        for her, how in (("", "her: false\nreward: dense\n"), ("-her", "her: true\n"))
    },
}


def trained(folder, name, how, task=STAND_IN):
    """What a run leaves that must not depend on `how`: curve, policy, figures of the test."""
    out = folder / f"{name} {how['workers']}"
    teacher, agent = folder / "teacher.yaml", folder / f"{name}.yaml"
    teacher.write_text("class: tests.learning.standin:StandInExpert\n")
    agent.write_text(AGENTS[name].format(teacher=teacher if task == STAND_IN else "expert"))
    arguments = ["--task", task, "--agent", str(agent), "--quick", "--steps", "1000", "--no-clip",
                 "--episodes", "6", "--workers", str(how["workers"]), "--out", str(out)]  # fmt: skip
    variables = os.environ | {key: value for key, value in how.items() if key != "workers"}
    done = subprocess.run([sys.executable, "-m", "experiments.train", *arguments], cwd=ROOT, env=variables,
                          capture_output=True, text=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads((out / "summary.json").read_text())
    timed = {"wall_s", "eval_s", "eval_ep_s", "learn_s"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["threads"], manifest["n_workers"]) == (1, how["workers"])
    hashes = [hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((out / "policy").iterdir())]
    curve = (out / "metrics.jsonl").read_text()
    assert len(curve.splitlines()) >= 2
    return curve, hashes, {key: value for key, value in summary.items() if key not in timed}


@SLOW
@pytest.mark.parametrize(
    ("name", "task"),
    [*((name, STAND_IN) for name in AGENTS), ("dagger", "PickPart"), ("sac-her", "Reach")],
)  # fmt: skip
def test_training(name, task, tmp_path):
    assert trained(tmp_path, name, ONE, task) == trained(tmp_path, name, OTHER, task)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_evaluation_whatever_the_workers_and_the_order(n_workers):
    request = EnvRequest("PickPart", {"observation": "flat"})
    rollouts = Rollouts(catalog.create("expert", "PickPart"))
    here = Rollouts(catalog.create("expert", "PickPart"))  # once bound, it does not travel
    seeds = list(range(2_000_000, 2_000_009))
    alone = {seed: run_episodes(request, here, [seed])[0] for seed in seeds[::-1]}
    with Workers(request, n_workers) as workers:
        there, back = (workers.submit(rollouts, way) for way in (seeds, seeds[::-1]))
        assert there.result() == [alone[seed] for seed in seeds]
        assert back.result() == [alone[seed] for seed in seeds[::-1]]
