"""The verbs on lots of parts: learning in a batch, evaluating, benchmarking."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import envs
from agents import catalog
from agents.policy import Needs
from envs.machining.lots import ACTIONS
from experiments import evaluation
from experiments.benchmarking import cells
from experiments.lot_books import lot_totals
from experiments.rollout import EnvRequest, Rollouts, prepare, run_episode, run_episodes

PROCESS_AGENTS = ("handbook", "tuned_rules", "machinist", "oracle")


def task(env_id):
    return env_id.removeprefix("Monozukuri/").removesuffix("-v0")


def verb(*words):
    command = [sys.executable, "-m", f"experiments.{words[0]}", *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_a_batch_learns_from_the_same_bits_as_worker_processes(env_id):
    pytest.importorskip("stable_baselines3")
    from experiments.batched_env import BatchedVecEnv
    from experiments.vec_env import WorkerVecEnv

    request = EnvRequest(env_id, {"split": "seen", "observation": "flat"})
    n, steps = 3, 70  # past the end of a lot
    batch, workers = BatchedVecEnv(request, n, 4), WorkerVecEnv(request, n, 1, 4)
    try:
        assert batch.reset().tobytes() == workers.reset().tobytes()
        rng = np.random.default_rng(0)
        for _ in range(steps):
            action = rng.uniform(-1, 1, (n, len(ACTIONS))).astype(np.float32)
            ours, theirs = batch.step(action), workers.step(action)
            for a, b in zip(ours[:3], theirs[:3], strict=True):
                assert a.tobytes() == b.tobytes()
            for a, b in zip(ours[3], theirs[3], strict=True):
                assert a["is_success"] == b["is_success"]
                if "episode" in a:
                    assert a["terminal_observation"].tobytes() == b["terminal_observation"].tobytes()
                    assert a["episode"]["r"] == pytest.approx(b["episode"]["r"])
    finally:
        batch.close()
        workers.close()


@pytest.mark.parametrize("agent", PROCESS_AGENTS)
@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_every_agent_runs_a_lot(env_id, agent):
    policy, request = evaluation.prepared(
        agent, {"task": task(env_id), "split": "seen", "robot": "lrmate200id", "control": "ee_yaw"}
    )
    assert "robot" not in request.options
    env = request.make()
    prepare(policy, env)
    episode = run_episode(env, Rollouts(policy), 2_000_000)
    assert episode.n_steps == env.unwrapped.batch.process.n_parts
    assert episode.final["share_good"] > 0.2


def test_rules_run_one_machine_and_many_alike():
    rng = np.random.default_rng(0)
    from envs.machining.lots import SIGNALS

    many = {name: rng.uniform(-3, 30, (5, 1)).astype(np.float32) for name in SIGNALS}
    for name in ("handbook", "tuned_rules", "machinist"):
        rules = catalog.create(name)
        assert rules.needs.observation == "signals"
        together = rules.act(many)
        assert together.shape == (5, len(ACTIONS))
        for k in range(5):
            assert (rules.act({key: value[k] for key, value in many.items()}) == together[k]).all()


def test_only_the_upper_bound_sees_what_is_hidden():
    from agents.policy import Privileged

    privileged = {a for a in PROCESS_AGENTS if isinstance(catalog.create(a), Privileged)}
    assert privileged == {"oracle"}


def test_a_machine_tool_has_no_arm_to_choose():
    for options, needs in (({"robot": "gp8"}, Needs()), ({}, Needs(control="joint"))):
        with pytest.raises(evaluation.UserError, match="without an arm"):
            evaluation.request_for("TurnShafts", needs, **options)


@pytest.mark.parametrize("agent", PROCESS_AGENTS)
@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_lots_side_by_side_come_out_as_one_after_another(env_id, agent):
    names = {"task": task(env_id), "split": "unseen-machine", "robot": "lrmate200id", "control": "ee_yaw"}
    policy, request = evaluation.prepared(agent, names)
    assert policy.batched
    seeds = list(range(2_000_000, 2_000_000 + (2 if agent == "oracle" else 5)))
    together = run_episodes(request, Rollouts(policy, books=True), seeds)
    env = request.make()
    prepare(policy, env)
    for seed, lot in zip(seeds, together, strict=True):
        alone = run_episode(env, Rollouts(policy), seed)
        totals = lot_totals(env.unwrapped.ledger, env.unwrapped.process)
        assert replace(alone, totals=totals) == lot


def test_benchmark_compares_on_the_same_lots(tmp_path):
    out = tmp_path / "b"
    run = verb("benchmark", "handbook", "machinist", "oracle", "--task", "TurnShafts,MillPockets", "--splits",
               "seen", "nominal", "--episodes", "6", "--workers", "1", "--out", str(out))  # fmt: skip
    assert run.returncode == 0, run.stderr
    told, small = (json.loads((out / name).read_text()) for name in ("benchmark.json", "table.json"))
    rows = {(r["task"], r["split"], r["row"]): r for r in told["rows"]}
    assert list(rows) == [
        (t, s, w)
        for t in ("TurnShafts", "MillPockets")
        for s in ("seen", "nominal")
        for w in ("handbook", "machinist", "oracle")
    ]
    scores = {(e["task"], e["split"], e["row"]): -np.array(e["episodes"]["return"]) / 64
              for e in told["episodes"]}  # fmt: skip
    for key, row in rows.items():
        assert row["n_lots"] == 6
        assert row["cost"]["mean"] == pytest.approx(scores[key].mean())
        assert ("gap_closed" in row) == (row["row"] == "machinist")
        assert ("more_than_seen" in row) == (row["split"] == "nominal")
    for test in told["paired"]:
        place = (test["task"], test["split"])
        difference = scores[*place, test["a"]] - scores[*place, test["b"]]
        assert test["difference"]["mean"] == pytest.approx(difference.mean())
        assert test["difference"]["ci95"][0] <= difference.mean() <= test["difference"]["ci95"][1]
        assert test["p"] <= test["p_holm"] <= 1
    assert len(told["paired"]) == 4 * 3
    assert small["paired"] == told["paired"]
    assert "episodes" not in small
    assert (out / "table.md").read_text().count("| machinist |") == 2
    assert run.stdout.count("machinist") == 4


def test_benchmark_says_in_one_line_what_is_wrong(tmp_path):
    for words, message in (
        ([], "nobody to benchmark"), (["hanbook"], "did you mean 'handbook'"),
        (["handbook", "handbook"], "more than once"), (["handbook", "--task", "Turn"], "unknown task"),
        (["handbook", "--splits", "sen"], "split 'sen'"),
        (["handbook", "--task", "TurnShafts,Reach"], "'Reach' is done in a cell"),
        (["handbook", "--task", "TurnShafts,TurnShafts"], "one is there twice"),
    ):  # fmt: skip
        run = verb("benchmark", *words, "--out", str(tmp_path / "x"))
        assert run.returncode == 2, words
        assert message in run.stderr
        assert run.stderr.count("\n") == 1, run.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", envs.TASKS[:2] + tuple(task(i) for i in envs.PROCESS_IDS))
def test_splits_of_a_task_are_those_that_can_be_made(name):
    for split in cells.splits_of(name):
        EnvRequest(name, {"split": split}).make().close()
