"""`train` from its command line: stopped by a signal, by a full disk, by another run in its folder."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from agents import checkpoint
from agents.policy import Policy
from experiments.guard import ROOT

TASK = "tests.learning.standin:StandIn-v0"


@pytest.fixture
def arguments(tmp_path):
    """Of a run that would take long; the folder's name needs quoting, as people's do."""
    teacher, agent = tmp_path / "teacher.yaml", tmp_path / "bc.yaml"
    teacher.write_text("class: tests.learning.standin:StandInExpert\n")
    agent.write_text(f"class: agents.imitation:Bc\nteacher: {teacher}\nhidden: [16, 16]\nround_episodes: 8\n"
                     "round_updates: 20\n")  # fmt: skip
    return ["--task", TASK, "--agent", str(agent), "--no-clip", "--workers", "1", "--episodes", "4",
            "--steps", "200000", "--out", str(tmp_path / "a run")]  # fmt: skip


def verb(arguments, fault="none"):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.verb", fault, *arguments], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def waited_for(path, process):
    limit = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[1][-2000:]
        assert time.monotonic() < limit
        time.sleep(0.05)


def children(pid):
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
    return []


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_signal_ends_it_with_its_code_and_what_was_kept_is_whole(arguments, tmp_path, sent, code):
    out = tmp_path / "a run"
    process = verb(arguments)
    waited_for(out / "policy" / "policy.json", process)
    waited_for(out / "checkpoints" / "last-before.json", process)
    if sent == signal.SIGTERM:  # meanwhile somebody else wants to go on with it
        other = verb(["--resume", str(out)])
        _, told = other.communicate(timeout=120)
        assert other.returncode == 2
        assert f"error: {str(out)!r} is in use by process {process.pid}" in told
        assert "Traceback" not in told
    workers = children(process.pid)
    process.send_signal(sent)
    said, told = process.communicate(timeout=120)
    assert process.returncode == code, told[-2000:]
    assert "Traceback" not in told
    assert f"--resume {out}" in said
    values, _, damage = checkpoint.read_last(out / "checkpoints", "last")
    assert damage is None
    assert values["n_done"] > 0
    assert Policy.load(out / "policy").layers
    limit = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not any(map(alive, workers))
    assert workers or not os.path.exists("/proc/self/task")


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_what_was_kept_is_whole(arguments, tmp_path):
    out = tmp_path / "a run"
    process = verb(arguments, "40:ENOSPC:checkpoints")
    said, told = process.communicate(timeout=240)
    assert process.returncode == 2, told[-2000:]
    assert "Traceback" not in told
    (line,) = [line for line in told.splitlines() if line.startswith("error: ")]
    assert "checkpoints" in line
    assert line.endswith("No space left on device")
    assert f"--resume {out}" in said
    _, _, damage = checkpoint.read_last(out / "checkpoints", "last")
    assert damage is None
    assert not list((out / "checkpoints").glob(".*.tmp"))
