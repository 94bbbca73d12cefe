"""Result files can be run again, and say match or mismatch episode by episode."""

import json
import subprocess
import sys

import numpy as np
import pytest

import experiments.executor
import experiments.pool
import experiments.verify as module
from experiments import benchmark, evaluate
from experiments.benchmarking.trials import Trial
from experiments.errors import UserError
from experiments.verify import MATCH, MISMATCH, choose, mismatch, read, verify
from tests.bench import TASK, LocalPool, LocalWorkers, bench, make_run


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Jobs run in this process."""
    monkeypatch.setattr(experiments.pool, "Pool", LocalPool)
    monkeypatch.setattr(module, "Pool", LocalPool)
    monkeypatch.setattr(experiments.executor, "Workers", LocalWorkers)


@pytest.fixture
def told(tmp_path):
    """A benchmark of a learned row with its control, and of a random one."""
    run = make_run(tmp_path / "kf")
    bench(tmp_path / "out", f"kf={run}", "random", "--splits", "seen", "--episodes", "6")
    return tmp_path / "out" / "benchmark.json"


def edited(file, change):
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def test_every_row_and_control_of_a_benchmark_matches(told, capsys):
    assert verify(told, 100) == MATCH
    said = capsys.readouterr().out
    assert "18 of 18 episodes match" in said
    for name in ("kf on seen", "kf: replay on seen", "random on seen"):
        assert said.count(f"match    {name}") == 6
    assert "differs" not in said


def test_a_sample_is_drawn_by_its_seed(told, capsys):
    assert verify(told, 5, seed=3) == MATCH
    first = capsys.readouterr().out
    verify(told, 5, seed=3)
    assert capsys.readouterr().out == first
    assert first.count("match   ") == 5
    found = read(told)
    assert choose(found, 5, 3) != choose(found, 5, 4)
    assert sum(map(len, choose(found, 999, 0).values())) == 18


def test_one_changed_number_is_a_mismatch(told, capsys):
    def change(data):
        data["episodes"][0]["return"][2] = np.nextafter(data["episodes"][0]["return"][2], 9)

    edited(told, change)
    assert verify(told, 100) == MISMATCH
    said = capsys.readouterr().out
    assert said.count("MISMATCH") == 1
    assert "return was" in said
    assert "17 of 18 episodes match" in said


@pytest.mark.parametrize(("what", "code"), [("return", MATCH), ("steps", MISMATCH)])
def test_on_another_platform_only_the_outcome_has_to_be_the_same(told, capsys, what, code):
    def change(data):
        for piece in data["episodes"]:
            piece["identity"]["fingerprint"] = "0" * 16
            piece["identity"]["versions"]["numpy"] = "1.99.0"
            piece[what][0] += 1

    edited(told, change)
    assert verify(told, 100) == code
    said = capsys.readouterr().out
    assert f"versions.numpy 1.99.0, now {np.__version__}" in said
    assert said.count("versions.numpy") == 1  # told once


def test_another_policy_in_the_run_is_told(told, capsys, tmp_path):
    make_run(tmp_path / "other", seed=5, skill=0.0)
    (tmp_path / "kf").rename(tmp_path / "old")
    (tmp_path / "other").rename(tmp_path / "kf")
    assert verify(told, 100) == MISMATCH
    assert "policy.weights" in capsys.readouterr().out


def test_a_run_that_moved_with_its_result_is_found(told, tmp_path, monkeypatch):
    edited(told, lambda data: [piece.update(who="kf") for piece in data["episodes"] if "/" in piece["who"]])
    monkeypatch.chdir("/")
    assert verify(told, 6) == MATCH


def test_what_cannot_be_verified_says_why_in_one_line(told, tmp_path):
    lost = tmp_path / "lost.json"
    cases = {
        "": "is damaged",
        "[]": "is needed",
        "{}": "keeps no episodes",
        '{"kind": "cells"}': "keeps no episodes",
    }
    for text, message in cases.items():
        lost.write_text(text)
        with pytest.raises(UserError, match=message):
            verify(lost, 1)
    with pytest.raises(UserError, match="cannot read"):
        verify(tmp_path / "none.json", 1)
    (tmp_path / "kf").rename(tmp_path / "gone")
    with pytest.raises(UserError, match="kf"):
        verify(told, 100)


def test_exit_codes_of_the_verb(told, tmp_path):
    assert benchmark.main(["--verify", str(told), "--sample", "3"]) == 0
    assert evaluate.main(["--verify", str(told), "--sample", "3"]) == 0
    run = subprocess.run(
        [sys.executable, "-m", "experiments.benchmark", "--verify", str(tmp_path / "none.json")],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    with pytest.raises(UserError, match="sample is 0"):
        evaluate.main(["--verify", str(told), "--sample", "0"])


def test_an_evaluation_keeps_what_it_takes(tmp_path, capsys):
    run = make_run(tmp_path / "kf")
    words = (str(run), "--task", TASK, "--split", "seen", "--episodes", "5", "--workers", "1")
    assert evaluate.main([*words]) == 0
    file = run / "evaluation.json"
    data = json.loads(file.read_text())
    assert len(data["episodes"]["seed"]) == data["n_episodes"] == 5
    assert sum(data["episodes"]["success"]) == data["n_success"]
    assert sum(data["episodes"]["steps"]) == data["env_steps"]
    assert verify(file, 10) == MATCH
    (tmp_path / "moved").mkdir()
    moved = run.rename(tmp_path / "moved" / "kf") / "evaluation.json"
    assert verify(moved, 10) == MATCH
    edited(moved, lambda d: d["episodes"]["steps"].__setitem__(0, 1))
    assert verify(moved, 10) == MISMATCH


def test_an_agent_and_its_options_are_made_again(tmp_path):
    words = ("expert", "--task", "InsertPin", "--option", "clearance_mm=0.2", "--episodes", "2")
    assert evaluate.main([*words, "--workers", "1", "--out", str(tmp_path)]) == 0
    assert verify(tmp_path / "evaluation.json", 2) == MATCH


def test_lots_can_be_verified_too(tmp_path):
    words = ("handbook", "tuned_rules", "--task", "TurnShafts", "--splits", "seen", "--episodes", "3")
    assert benchmark.main([*words, "--workers", "1", "--out", str(tmp_path / "b")]) == 0
    assert verify(tmp_path / "b" / "benchmark.json", 6) == MATCH
    edited(
        tmp_path / "b" / "benchmark.json",
        lambda d: d["episodes"][0]["episodes"]["return"].__setitem__(1, 0.0),
    )
    assert verify(tmp_path / "b" / "benchmark.json", 6) == MISMATCH


def test_a_mismatch_names_what_differs():
    episodes = {"success": [1], "steps": [9], "return": [-0.5]}
    assert mismatch(episodes, 0, Trial(0, True, 9, -0.5), strict=True) == ""
    assert mismatch(episodes, 0, Trial(0, True, 9, -0.25), strict=False) == ""
    assert mismatch(episodes, 0, Trial(0, False, 8, -0.5), strict=True) == (
        "success was True, now False; steps was 9, now 8"
    )
