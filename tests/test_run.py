"""Run directories: whole files, logs that resume, manifests that say enough."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from experiments import run
from experiments.config import UserError
from experiments.run import (
    MetricsLog,
    RunDirectory,
    git_state,
    manifest,
    platform_fingerprint,
    write_json_atomic,
    write_text_atomic,
)


@dataclass(frozen=True)
class Config:
    seed: int = 3
    out: Path = Path("x")


def test_default_directory_is_dated_and_never_shared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (RunDirectory.create(None, "train LoadChuck/seen") for _ in range(2))
    assert first.path != second.path
    assert first.path.parent == Path("runs")
    assert first.path.name[15:] == "-train-LoadChuck-seen"


def test_a_used_directory_is_refused_unless_resuming(tmp_path):
    out = tmp_path / "deep" / "run"
    directory = RunDirectory.create(out, "train")
    directory.write_text("config.yaml", "seed: 1\n")
    with pytest.raises(UserError, match="is not empty"):
        RunDirectory.create(out, "train")
    assert RunDirectory.create(out, "train", resume=True).path == out
    with pytest.raises(UserError, match="there is no such directory"):
        RunDirectory.create(tmp_path / "nope", "train", resume=True)
    with pytest.raises(UserError, match="File exists"):
        RunDirectory.create(directory / "config.yaml", "train")
    assert directory.folder("policy").is_dir()


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch, fails):
    path = tmp_path / "summary.json"
    write_text_atomic(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(OSError, match="disk full"):
        write_text_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]


def test_json_is_plain_and_undefined_is_null(tmp_path):
    data = {"a": np.float32(0.5), "b": [np.nan, np.inf, 1], "c": np.arange(2), "d": Config()}
    write_json_atomic(tmp_path / "a.json", data)
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "a": 0.5, "b": [None, None, 1], "c": [0, 1], "d": {"seed": 3, "out": "x"}
    }  # fmt: skip
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


def test_metrics_log_goes_on_from_a_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        for step in (0, 100, 200):
            log.append(env_steps=step, loss=np.float64(step) / 3)
        whole = path.read_bytes()
        log.append(env_steps=300)
    path.write_bytes(path.read_bytes() + b'{"env_steps": 400, "lo')  # killed while writing
    with MetricsLog(path, n_kept=3):
        assert path.read_bytes() == whole
    assert [row["env_steps"] for row in MetricsLog.read(path)] == [0, 100, 200]
    MetricsLog(path).close()
    assert path.read_bytes() == b""


def test_metrics_hold_no_wall_times(tmp_path):
    with MetricsLog(tmp_path / "m.jsonl") as log, pytest.raises(ValueError, match="wall_s"):
        log.append(env_steps=1, wall_s=3.0)


def test_manifest_says_what_is_needed_and_is_json(tmp_path):
    data = manifest(Config(), split_hash="abc", renderer="tiny", seeds=range(2))
    assert (data["seed"], data["split_hash"], data["renderer"]) == (3, "abc", "tiny")
    assert data["versions"]["numpy"] == np.__version__
    assert data["threads"] >= 1
    assert data["platform"] == platform_fingerprint()
    write_json_atomic(tmp_path / "manifest.json", data)


def test_manifest_does_not_import_torch():
    code = (
        "import sys; from experiments.run import manifest; m = manifest(None);"
        "assert 'torch' not in sys.modules; assert m['versions']['torch']"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=run.ROOT)


def test_git_state(tmp_path):
    assert git_state(tmp_path) is None

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True)

    git("init")
    assert git_state(tmp_path) is None  # no commit yet
    git("commit", "--allow-empty", "-m", "first")
    assert git_state(tmp_path.resolve())["dirty"] is False
    (tmp_path / "a").write_text("")
    assert git_state(tmp_path.resolve())["dirty"] is True
    (tmp_path / "inner").mkdir()
    assert git_state(tmp_path / "inner") is None  # installed inside somebody else's repository
