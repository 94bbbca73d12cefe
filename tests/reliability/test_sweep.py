"""Sweeps: the same draws always, nothing finished done twice, what dies or fails told and the rest kept."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from experiments import sweep as sweeping
from experiments import sweep_report
from experiments.errors import UserError
from experiments.guard import ROOT
from experiments.sweep import Sweep, drawn
from experiments.train import main as train
from tests.reliability import stand_in

TASK = "tests.learning.standin:StandIn-v0"
RANGES = {
    "rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "batch": [32, 64],
    "round_updates": {"low": 5, "high": 9},
}


@pytest.fixture
def file(tmp_path):
    """Two seeds of two draws of an agent that learns little."""
    teacher, agent = tmp_path / "teacher.yaml", tmp_path / "bc.yaml"
    teacher.write_text("class: tests.learning.standin:StandInExpert\n")
    agent.write_text(f"class: agents.imitation:Bc\nteacher: {teacher}\nhidden: [16, 16]\nround_episodes: 8\n")
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"tasks: [{TASK}]\nagents: [{agent}]\nseeds: [0, 1]\nsamples: 2\nprocesses: 2\n"
        "ranges: {rate: {low: 1.0e-4, high: 1.0e-2, log: true}, round_updates: [5, 6]}\n"
        "settings: {quick: true, clip: false, episodes: 4, steps: 600}\n"
    )
    return path


def test_draws_follow_from_seed_number_and_name_only():
    plan = Sweep(ranges=RANGES, samples=200)
    draws = [drawn(plan, k) for k in range(200)]
    turned = Sweep(ranges=dict(reversed(RANGES.items())), samples=3, tasks=("Reach",))
    assert [drawn(turned, k) for k in range(3)] == draws[:3]
    assert len({d["rate"] for d in draws}) > 190
    assert all(1e-4 <= d["rate"] <= 1e-2 for d in draws)
    assert 60 < sum(d["rate"] < 1e-3 for d in draws) < 140  # even on the logarithm
    assert {d["batch"] for d in draws} == {32, 64}
    assert {d["round_updates"] for d in draws} == {5, 6, 7, 8, 9}
    assert drawn(Sweep(ranges=RANGES, sample_seed=1), 0) != draws[0]


@pytest.mark.parametrize(("text", "told"), [
    ("task: Reach", r"unknown key 'task'.*did you mean 'tasks'"), ("seeds: []", "seeds is empty"),
    ("seeds: [1, 1]", "one is there twice"),
    ("agents: [a/bc.yaml, b/bc.yaml]", "one is there twice"),
    ("samples: 3", "ranges to draw from are needed"),
    ("ranges: {rate: 3}", "ranges: rate: 3"), ("ranges: {rate: {low: 2, high: 1}}", "allowed are a list"),
    ("ranges: {rate: {low: 0, high: 1, log: true}}", "above 0"),
    ("settings: {seed: 3}", "settings: unknown key"),
    ("settings: {epsodes: 3}", "did you mean 'episodes'"), ("settings: {episodes: x}", "'x' is not a whole"),
    ("tasks: [Raech]", "did you mean 'Reach'"), ("agents: [daggr]", "did you mean 'dagger'"),
    ("agents: [expert]", "does not learn"), ("ranges: {raet: [1]}", "did you mean 'rate'"),
    ("ranges: {batch: [0.5]}", "batch: 0.5 is not"), ("executor: slurm", "unknown value 'slurm'"),
    ("a: !!python/name:os.system", "constructor"),
])  # fmt: skip
def test_a_mistake_is_one_line_before_anything_is_written(text, told, tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=told) as caught:
        train(["--sweep", str(path), "--out", str(tmp_path / "out")])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_flags_that_the_file_decides_are_refused(file):
    with pytest.raises(UserError, match="--seed with --sweep"):
        train(["--sweep", str(file), "--seed", "3"])
    with pytest.raises(UserError, match="cannot read"):
        train(["--sweep", str(file) + "x"])


def rows(out):
    return json.loads((out / "sweep.json").read_text())["runs"]


def times(out):
    return {p: p.stat().st_mtime_ns for p in sorted(out.rglob("summary.json"))}


def started(file, out):
    command = [sys.executable, "-m", "experiments.train", "--sweep", str(file), "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def wait_for(condition, process):
    limit = time.monotonic() + 240
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_does_nothing_twice(file, tmp_path, capsys):
    out = tmp_path / "a sweep"
    process = started(file, out)
    wait_for(lambda: len(times(out)) >= 1, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    done = times(out)
    time.sleep(0.5)  # its runs end with it, and give back their locks
    assert train(["--sweep", str(file), "--out", str(out)]) == 0
    assert done.items() <= times(out).items()
    table = json.loads((out / "sweep.json").read_text())
    assert [row["state"] for row in table["runs"]] == ["finished"] * 4
    assert [(g["n_runs"], g["n_finished"], g["seeds"], g["n_episodes"]) for g in table["groups"]] == [
        (2, 2, [0, 1], 8)
    ] * 2
    assert {row["drawn"]["rate"] for row in table["runs"]} == {
        drawn(plan_of(file), k)["rate"] for k in (0, 1)
    }
    before = times(out)
    assert train(["--sweep", str(file), "--out", str(out)]) == 0  # nothing is left to do
    assert times(out) == before
    assert all(row["attempts"] == 0 for row in rows(out))
    assert "2/2" in capsys.readouterr().out


def plan_of(file):
    from experiments.config import from_yaml

    return from_yaml(Sweep, file.read_text())


@pytest.mark.parametrize("executor", ["processes", pytest.param("ray", marks=pytest.mark.slow)])
def test_a_process_that_dies_goes_on_and_one_that_fails_is_told(executor, tmp_path, monkeypatch):
    """Which of the runs dies or fails is said by what stands in for `train` in its process."""
    if executor == "ray" and find_spec("ray") is None:  # it must be imported by the sweep, not here
        pytest.skip("could not import 'ray'")
    from experiments.sweep import Outcome, Run, _executor
    from experiments.train import Config

    plan = Sweep(processes=2, retries=2, executor=executor)
    execute = _executor(plan)
    monkeypatch.setattr("experiments.sweep_local._train", stand_in.train)
    monkeypatch.setattr("experiments.sweep_ray._train", stand_in.in_ray)
    runs = [
        Run(name, Config(out=tmp_path / name), "bc", "", {})
        for name in ("good", "dies once", "dies", "fails")
    ]
    outcomes = {run.name: Outcome() for run in runs}
    execute(runs, plan, outcomes, lambda: None)
    found = {name: (o.code, o.attempts) for name, o in outcomes.items()}
    assert found == {"good": (0, 1), "dies once": (0, 2), "dies": (-signal.SIGKILL, 3), "fails": (2, 1)}
    (row,) = [r for r in sweep_report.write(tmp_path, runs, outcomes)["runs"] if r["name"] == "fails"]
    assert row["error"] == "error: a mistake"
    told = sweep_report.lines(sweep_report.write(tmp_path, runs, outcomes))
    assert any("its process died" in line for line in told)


def test_what_failed_is_tried_again_and_what_is_finished_is_left(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("experiments.sweep_local._train", stand_in.train)
    out, arguments = tmp_path / "out", ["--sweep", str(file), "--out", str(tmp_path / "out")]
    monkeypatch.setenv("FAILS", "s1")
    assert train(arguments) == 1
    assert [row["state"] for row in rows(out)] == ["finished", "failed"] * 2
    assert "failed (2): error: a mistake" in capsys.readouterr().out
    before = times(out)
    monkeypatch.delenv("FAILS")
    assert train(arguments) == 0
    assert [(row["state"], row["attempts"]) for row in rows(out)] == [("finished", 0), ("finished", 1)] * 2
    assert before.items() < times(out).items()
    file.write_text(file.read_text().replace("samples: 2", "samples: 1"))
    with pytest.raises(UserError, match="sweep of other runs"):
        train(arguments)
    capsys.readouterr()


def test_ray_is_asked_for_only_where_it_is_wanted(file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    file.write_text(file.read_text() + "executor: ray\n")
    with pytest.raises(UserError, match=r"Ray is not installed: pip install 'monozukuri\[ray\]'"):
        train(["--sweep", str(file), "--out", str(tmp_path / "out")])


@pytest.mark.slow
def test_ray_makes_the_same_runs_and_listens_on_the_loopback_only(file, tmp_path, capsys):
    pytest.importorskip("ray")
    plain, through = tmp_path / "plain", tmp_path / "ray"
    file.write_text(
        file.read_text().replace("seeds: [0, 1]", "seeds: [0]").replace("samples: 2", "samples: 1")
    )
    assert train(["--sweep", str(file), "--out", str(plain)]) == 0
    file.write_text(file.read_text() + "executor: ray\n")
    process = started(file, through)
    heard = set()
    while process.poll() is None:
        heard |= listening()
        time.sleep(0.2)
    assert process.returncode == 0
    assert heard, "Ray's processes listen somewhere, or nothing was looked at"
    assert heard <= {"0100007F", "0" * 16 + "FFFF0000" + "0100007F"}, heard
    keys = ("name", "success_rate", "n_success", "state")
    assert [[r[k] for k in keys] for r in rows(through)] == [[r[k] for k in keys] for r in rows(plain)]
    capsys.readouterr()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_sweep_over_ray_that_is_stopped_leaves_no_process(number, file, tmp_path):
    pytest.importorskip("ray")
    text = file.read_text().replace("quick: true, ", "").replace("steps: 600", "steps: 600000")
    file.write_text(text + "executor: ray\n")
    out = tmp_path / "out"
    process = started(file, out)
    wait_for(lambda: len(list(out.glob("runs/*/metrics.jsonl"))) == 2, process)
    assert writing_to(out) >= 2
    process.send_signal(number)
    assert process.wait(timeout=60) == (143 if number == signal.SIGTERM else -number)
    limit = time.monotonic() + 60
    while writing_to(out) and time.monotonic() < limit:
        time.sleep(0.2)
    assert writing_to(out) == 0


def writing_to(folder):
    """Number of processes whose output goes into a folder."""
    found = 0
    for link in Path("/proc").glob("[0-9]*/fd/1"):
        with contextlib.suppress(OSError):
            found += os.readlink(link).startswith(str(folder))
    return found


def listening():
    """Addresses at which processes of Ray listen, in the kernel's hexadecimal."""
    at, found = {}, set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as file:
            for line in list(file)[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if state == "0A":
                    at[f"socket:[{inode}]"] = local.partition(":")[0]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"ray" in (process / "cmdline").read_bytes():
                links = [os.readlink(link) for link in (process / "fd").iterdir()]
                found |= {at[link] for link in links if link in at}
    return found


def test_variants_of_an_agent_are_runs_with_names_and_rows_of_their_own(tmp_path):
    plan = Sweep(
        agents=("vla-keyframe",), seeds=(0, 1), variants={"as-it-is": {}, "no-noise": {"noise": 0.0}}
    )
    runs, files = sweeping._planned(plan, tmp_path, sweeping.rounds(plan)[0], ())
    assert [run.name for run in runs] == [
        f"LoadChuck-vla-keyframe-{name}-s{seed}" for name in ("as-it-is", "no-noise") for seed in (0, 1)
    ]
    told = {path.stem: text for path, text in files.items() if path.parent.name == "agents"}
    assert "noise: 0.0" in told["LoadChuck-vla-keyframe-no-noise"]
    assert "noise: 0.1" in told["LoadChuck-vla-keyframe-as-it-is"]
    table = sweep_report.write(tmp_path, runs, {run.name: sweeping.Outcome() for run in runs})
    assert [(group["variant"], group["n_runs"]) for group in table["groups"]] == [
        ("as-it-is", 2),
        ("no-noise", 2),
    ]
    assert any("no-noise" in line for line in sweep_report.lines(table))
    rows = sweep_report.benchmark_of(plan, tmp_path)
    assert "no-noise='" in rows[1]
    wrong = Sweep(agents=("vla-keyframe",), variants={"x": {"nois": 0.0}})
    with pytest.raises(UserError, match="unknown key 'nois'"):
        sweeping._planned(wrong, tmp_path, range(1), ())
    with pytest.raises(ValueError, match="one is there twice"):
        Sweep(variants={"a b": {}, "a-b": {}})


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "sweep").iterdir()), ids=lambda path: path.stem)
def test_committed_sweeps_can_be_made(path, tmp_path):
    plan = sweeping.from_yaml(Sweep, path.read_text(encoding="utf-8"), path.name)
    runs, _ = sweeping._planned(plan, tmp_path, sweeping.rounds(plan)[0], ())
    assert len({run.name for run in runs}) == len(runs)
    assert len(plan.seeds) >= 3
    assert not list(tmp_path.iterdir())
