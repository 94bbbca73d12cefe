"""The table of every agent on every task."""

import json

import pytest

from experiments import table


def test_a_table_is_made_and_gone_on_with(tmp_path, capsys):
    out = tmp_path / "table"
    asked = [
        "--quick",
        "--workers",
        "1",
        "--agents",
        "expert",
        "random",
        "--splits",
        "nominal",
        "--out",
        str(out),
    ]
    assert table.main([*asked, "--tasks", "Reach"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| task | expert, nominal | random, nominal |"
    assert lines[2] == "| Reach | 4/4 | 0/4 |"
    first = {file: file.stat().st_mtime_ns for file in out.rglob("evaluation.json")}
    assert table.main([*asked, "--tasks", "Reach", "InsertPin:clearance_mm=0.2"]) == 0
    lines = (out / "table.md").read_text(encoding="utf-8").splitlines()
    assert [line.split(" |")[0] for line in lines[2:]] == ["| InsertPin, clearance_mm=0.2", "| Reach"]
    # What was there was not done again; what other code made is.
    assert all(file.stat().st_mtime_ns == then for file, then in first.items())
    file = min(first)
    told = json.loads(file.read_text(encoding="utf-8"))
    told["identity"]["simulation"] = "another"
    file.write_text(json.dumps(told), encoding="utf-8")
    assert table.main([*asked, "--tasks", "Reach"]) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["identity"]["simulation"] != "another"


def test_what_cannot_be_evaluated_is_told(tmp_path):
    config = table.Config(
        agents=("expert",), tasks=("Reach", "Reach:machine=lathe"), splits=("nominal",), episodes=1,
        workers=1, out=tmp_path / "table",
    )  # fmt: skip
    lines = table.evaluate_all(config)
    assert "| Reach | 1/1 |" in lines
    assert any(line.startswith("- expert, Reach:machine=lathe, nominal: unknown machine") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--agents", "exprt"], "unknown agent 'exprt'"),
        (["--tasks", "Rech"], "unknown task 'Rech'"),
        (["--episodes", "0"], "episodes is 0"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, arguments, message):
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "experiments.table", *arguments, "--out", str(tmp_path / "t")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "t").exists()
