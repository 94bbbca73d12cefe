"""Sweeps whose draws follow from those before: by validation only, the same for any number of processes."""

import json
import statistics
import subprocess
import sys
import time

import pytest

from experiments import sweep_draws
from experiments.config import from_yaml
from experiments.errors import UserError
from experiments.guard import ROOT
from experiments.sweep import Sweep, rounds
from experiments.sweep_draws import drawn, proposed
from experiments.train import main as train
from tests.reliability import stand_in
from tests.reliability.test_sweep import RANGES, TASK, rows, times, wait_for

PLAN = Sweep(samples=24, ranges=RANGES, sampler="tpe", at_once=4)


def played(plan, n, score):
    """A study on a function, in rounds."""
    tried = []
    while len(tried) < n:
        tried += [(values, score(values)) for values in proposed(plan, "here", tried)]
    return tried


def test_without_optuna_it_is_one_line_before_anything_is_written(file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)  # as if it were not installed
    with pytest.raises(UserError, match=r"Optuna is not installed: pip install 'monozukuri\[sweep\]'") as e:
        train(["--sweep", str(file), "--out", str(tmp_path / "out")])
    assert "\n" not in str(e.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [("sampler: tpe", "ranges to draw from are needed"), ("at_once: 0", "at_once is 0"),
     ("sampler: tpa", "did you mean 'tpe'")],
)  # fmt: skip
def test_mistakes(text, told):
    with pytest.raises(UserError, match=told):
        from_yaml(Sweep, text)


def test_rounds_cover_every_draw_once():
    assert rounds(Sweep(samples=9, ranges=RANGES, sampler="tpe", at_once=4)) == [
        range(4), range(4, 8), range(8, 9)]  # fmt: skip
    assert rounds(Sweep(samples=9, ranges=RANGES)) == [range(9)]


def test_proposals_are_a_function_of_what_was_tried():
    pytest.importorskip("optuna")
    tried = played(PLAN, 12, stand_in.validation)
    again = proposed(PLAN, "here", tried)
    assert len(again) == 4
    assert again == proposed(PLAN, "here", tried)
    assert len({values["rate"] for values in again}) == 4
    for values in [values for values, _ in tried] + again:
        assert 1e-4 <= values["rate"] <= 1e-2
        assert values["rate"] == float(f"{values['rate']:.4g}")
        assert values["batch"] in (32, 64)
        assert type(values["round_updates"]) is int
        assert 5 <= values["round_updates"] <= 9
    assert again != proposed(PLAN, "there", tried)
    assert again != proposed(Sweep(**{**vars(PLAN), "sample_seed": 1}), "here", tried)
    assert again != proposed(PLAN, "here", [(values, -score) for values, score in tried])
    assert len(proposed(PLAN, "here", tried + tried[:10])) == 2  # no more than samples
    failed = [(values, None) for values, _ in tried]
    assert len(proposed(PLAN, "here", failed)) == 4


def test_values_of_a_list_may_be_of_any_type():
    pytest.importorskip("optuna")
    choices = [[16, 16], [64], [32]]
    plan = Sweep(ranges={"hidden": choices}, samples=20, sampler="tpe")
    tried = played(plan, 20, lambda values: float(values["hidden"] == [64]))
    assert {json.dumps(values["hidden"]) for values, _ in tried} <= {json.dumps(c) for c in choices}
    assert sum(score for _, score in tried[8:]) > 6  # a third of 12 by chance


def test_it_finds_better_ones_than_chance_does():
    """Mean score after the first eight draws, over ten seeds: found 0.09 more, standard error 0.013."""
    pytest.importorskip("optuna")
    by_tpe, by_chance = [], []
    for seed in range(10):
        plan = Sweep(**{**vars(PLAN), "sample_seed": seed})
        by_tpe.append(statistics.mean(score for _, score in played(plan, 24, stand_in.validation)[8:]))
        by_chance.append(statistics.mean(stand_in.validation(drawn(plan, k)) for k in range(8, 24)))
    assert statistics.mean(by_tpe) > statistics.mean(by_chance) + 0.04


# --- The verb ----------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    """Six draws of two seeds, in rounds of two."""
    agent, path = tmp_path / "bc.yaml", tmp_path / "mine.yaml"
    (tmp_path / "teacher.yaml").write_text("class: tests.learning.standin:StandInExpert\n")
    agent.write_text(f"class: agents.imitation:Bc\nteacher: {tmp_path / 'teacher.yaml'}\n")
    path.write_text(
        f"tasks: [{TASK}]\nagents: [{agent}]\nseeds: [0, 1]\nsamples: 6\nsampler: tpe\nat_once: 2\n"
        "processes: 2\nranges: {rate: {low: 1.0e-4, high: 1.0e-2, log: true}, batch: [32, 64]}\n"
    )
    return path


@pytest.fixture
def stood_in(monkeypatch):
    """In processes, with what stands in for `train`."""
    pytest.importorskip("optuna")
    monkeypatch.setattr("experiments.sweep_local._train", stand_in.train)


@pytest.fixture
def in_turn(monkeypatch, stood_in):
    """In this process, run by run."""

    def execute(runs, plan, outcomes, on_end):
        for run in runs:
            outcomes[run.name].attempts += 1
            try:
                stand_in.train(run.arguments, str(run.log))
            except SystemExit as end:
                outcomes[run.name].code = end.code
            on_end()

    monkeypatch.setattr("experiments.sweep_local.execute", execute)


def told(out):
    """What a sweep found, less how often its processes were started."""
    table = json.loads((out / "sweep.json").read_text())
    for row in table["runs"]:
        del row["attempts"]
    return table


def test_draws_follow_from_validation_alone(file, tmp_path, in_turn, capsys):
    out = tmp_path / "out"
    assert train(["--sweep", str(file), "--out", str(out)]) == 0
    groups = told(out)["groups"]
    tried = [(group["drawn"], group["validation"]) for group in groups]
    assert len(tried) == 6
    for values, score in tried:
        assert score == pytest.approx(stand_in.validation(values))  # the best of the rows, not the last
    plan = from_yaml(Sweep, file.read_text())
    study = next((out / "agents").glob("*-0.yaml")).stem.removesuffix("-0")
    for n in (0, 2, 4):
        assert [values for values, _ in tried[n : n + 2]] == proposed(plan, study, tried[:n])
    best = max(groups, key=lambda group: group["validation"])
    assert best["success_rate"] == 0.0  # in the test, which chooses nothing
    assert f"rate={best['drawn']['rate']}" in capsys.readouterr().out.splitlines()[1]


@pytest.mark.slow
def test_draws_do_not_depend_on_processes(file, tmp_path, stood_in, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    assert train(["--sweep", str(file), "--out", str(two)]) == 0
    file.write_text(file.read_text().replace("processes: 2", "processes: 1"))
    assert train(["--sweep", str(file), "--out", str(one)]) == 0
    assert told(one) == told(two)
    capsys.readouterr()


def started(file, out):
    command = [sys.executable, "-m", "tests.reliability.stand_in", "--sweep", str(file), "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("n_kept", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_killed_one_goes_on_to_the_same_draws(n_kept, file, tmp_path, in_turn, monkeypatch, capsys):
    """Killed inside the first round, or the second."""
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert train(["--sweep", str(file), "--out", str(whole)]) == 0
    process = started(file, out)
    wait_for(lambda: len(times(out)) >= n_kept, process)
    process.kill()
    process.wait()
    time.sleep(0.5)  # its runs end with it
    done = times(out)
    assert n_kept <= len(done) < 12
    assert train(["--sweep", str(file), "--out", str(out)]) == 0
    assert done.items() <= times(out).items()
    assert told(out) == told(whole)
    monkeypatch.setattr(sweep_draws, "_optuna", lambda: pytest.fail("nothing is left to draw"))
    assert train(["--sweep", str(file), "--out", str(out)]) == 0
    assert all(row["attempts"] == 0 for row in rows(out))
    capsys.readouterr()


def test_what_failed_counts_as_failed_and_the_next_rounds_are_drawn(
    file, tmp_path, in_turn, monkeypatch, capsys
):
    out = tmp_path / "out"
    monkeypatch.setenv("FAILS", "-2-s1")  # the second seed of the third draw
    assert train(["--sweep", str(file), "--out", str(out)]) == 1
    assert [row["state"] for row in rows(out)].count("failed") == 1
    assert len(rows(out)) == 12
    drawn_first = [group["drawn"] for group in told(out)["groups"]]
    monkeypatch.delenv("FAILS")
    assert train(["--sweep", str(file), "--out", str(out)]) == 0
    assert [row["state"] for row in rows(out)] == ["finished"] * 12
    assert [group["drawn"] for group in told(out)["groups"]] == drawn_first
    capsys.readouterr()
