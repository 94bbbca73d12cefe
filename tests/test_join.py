"""One table of what was measured apart, and its page."""

import json
import re
from itertools import takewhile
from pathlib import Path

import pytest

import experiments.pool
from experiments import benchmark
from experiments.benchmarking.joining import join
from experiments.benchmarking.sheet import sheet, success
from experiments.errors import UserError
from tests.bench import LocalPool, bench, make_run

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmark_table.md"


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Jobs run in this process."""
    monkeypatch.setattr(experiments.pool, "Pool", LocalPool)


@pytest.fixture
def run(tmp_path):
    """Return what benchmarks in a folder of its own and gives back the file."""
    for seed in range(2):
        make_run(tmp_path / f"kf-{seed}", seed)

    def measure(out, *words):
        bench(tmp_path / out, *words, "--episodes", "4")
        return tmp_path / out / "benchmark.json"

    return measure


def changed(file, **values):
    """Write a copy of a table with other values, and return its file."""
    table = json.loads(file.read_text(encoding="utf-8"))
    table.update(values)
    other = file.with_name(f"other-{len(list(file.parent.iterdir()))}.json")
    other.write_text(json.dumps(table), encoding="utf-8")
    return other


def test_rows_and_cells_measured_apart_are_one_table_as_if_measured_together(tmp_path, run):
    both, one = f"kf={tmp_path}/kf-0,{tmp_path}/kf-1", f"one={tmp_path}/kf-0"
    plain = ("--no-controls", "--splits")
    files = [
        run("a", both, *plain, "seen"), run("b", both, *plain, "nominal"),
        run("c", one, "random", *plain, "nominal", "seen"),
    ]  # fmt: skip
    together = json.loads(
        run("d", both, one, "random", *plain, "nominal", "seen").read_text(encoding="utf-8")
    )
    joined = join(files)
    assert [c["name"] for c in joined["cells"]] == ["nominal", "seen"]
    assert joined["cells"] == together["cells"]
    by_name = {row["name"]: row for row in together["rows"]}
    assert [row["name"] for row in joined["rows"]] == ["random", "kf", "one"]
    for row in joined["rows"]:
        assert row["cells"] == by_name[row["name"]]["cells"]
    assert len(joined["episodes"]) == len(together["episodes"]) == 8

    def key(test):
        return test["cell"], *sorted((test["a"], test["b"]))

    ours, theirs = ({key(t): t for t in table["paired"]} for table in (joined, together))
    assert ours.keys() == theirs.keys()
    assert all(ours[k]["p"] == theirs[k]["p"] for k in ours)


def test_a_row_of_some_of_the_policies_gives_way_and_its_controls_stay(tmp_path, run):
    some = run("a", f"kf={tmp_path}/kf-0", "--splits", "seen")
    all_of_them = run("b", f"kf={tmp_path}/kf-0,{tmp_path}/kf-1", "--splits", "seen", "--no-controls")
    for files in ([some, all_of_them], [all_of_them, some]):
        joined = join(files)
        rows = {row["name"]: row for row in joined["rows"]}
        assert rows["kf"]["n_policies"] == 2
        names = [row["name"] for row in joined["rows"]]
        assert names[names.index("kf") + 1] == "kf: replay"
        assert sorted(e["member"] for e in joined["episodes"] if e["row"] == "kf") == [0, 1]


def test_policies_measured_apart_are_one_row_as_if_measured_together(tmp_path, run):
    plain = ("--no-controls", "--splits", "nominal", "seen")
    files = [run(str(k), f"kf={tmp_path}/kf-{k}", *plain) for k in range(2)]
    both = run("both", f"kf={tmp_path}/kf-0,{tmp_path}/kf-1", *plain)
    together = next(row for row in json.loads(both.read_text(encoding="utf-8"))["rows"] if row["learned"])
    joined = join(files)
    (row,) = (row for row in joined["rows"] if row["learned"])
    timed = {"latency", "where"}
    assert {k: v for k, v in row.items() if k not in timed} == {
        k: v for k, v in together.items() if k not in timed
    }
    assert row["latency"]["n"] == together["latency"]["n"]
    assert row["where"]["n_episodes"] == together["where"]["n_episodes"] == 16
    assert sum(row["where"]["share"].values()) == pytest.approx(1.0)
    assert sorted(e["member"] for e in joined["episodes"]) == [0, 0, 1, 1]
    fewer = run("fewer", f"kf={tmp_path}/kf-1", *plain[:-1])
    with pytest.raises(UserError, match="do not add up"):
        join([files[0], fewer])


def test_what_does_not_fit_is_one_line(tmp_path, run):
    file = run("a", "random", "--splits", "seen", "--no-controls")
    table = json.loads(file.read_text(encoding="utf-8"))
    cell = {**table["cells"][0], "split_hash": "0" * 64}
    arm = {**table["episodes"][0], "identity": {**table["episodes"][0]["identity"], "robot": "gp8"}}
    other = {**table["rows"][0], "policies": [{"class": "another"}]}
    for values, message in [
        ({"seed": 3}, "has seed 3, and"),
        ({"n_episodes": 9}, "has n_episodes 9, and"),
        ({"task": "Reach"}, "has task 'Reach', and"),
        ({"kind": "lots"}, "is no table of a cell"),
        ({"cells": [cell]}, "has another cell 'seen'"),
        ({"episodes": [arm]}, "these are two tables"),
        ({"rows": [other]}, "of other policies that do not add up: benchmark it as NAME=RUN"),
    ]:
        with pytest.raises(UserError, match=re.escape(message)) as told:
            join([file, changed(file, **values)])
        assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="cannot read"):
        join([tmp_path / "none.json"])
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="is damaged"):
        join([tmp_path / "bad.json"])


def test_another_simulation_is_marked_on_every_page(tmp_path, run):
    file = run("a", "random", "--splits", "nominal", "seen", "--no-controls")
    table = json.loads(file.read_text(encoding="utf-8"))
    table["episodes"][1]["identity"]["simulation"] = "another"
    old = changed(file, episodes=table["episodes"], rows=[{**table["rows"][0], "name": "old"}])
    for e in table["episodes"]:
        e["row"] = "old"
    old.write_text(
        json.dumps({**json.loads(old.read_text()), "episodes": table["episodes"]}), encoding="utf-8"
    )
    out = tmp_path / "joined"
    assert benchmark.main(["--join", str(file), str(old), "--out", str(out)]) == 0
    shown = (out / "table.md").read_text(encoding="utf-8")
    assert "made with other code: simulation another" in shown
    line = next(line for line in shown.splitlines() if line.startswith("| old"))
    assert line.count("\\*") == 1
    assert (out / "benchmark.html").exists()


def test_nobody_is_named_beside_files():
    with pytest.raises(UserError, match="name nobody beside it"):
        benchmark.main(["random", "--join", "a.json"])


def test_the_page_shows_what_was_measured():
    text = PAGE.read_text(encoding="utf-8")
    named = re.search(r"--join ([^`]+)`", text)
    assert named is not None
    files = [ROOT / name for name in named[1].split()]
    assert set(files) <= set((ROOT / "docs").glob("benchmark*.json"))
    figures = {**join(files), "joined": named[1].split()}
    assert text == sheet(figures)
    table = success(figures)
    assert "\n".join(table) in text
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    first = lines.index(table[0])
    shown = list(takewhile(lambda line: line.startswith("|"), lines[first:]))
    assert len(shown) > 4
    assert set(shown) <= set(table)
