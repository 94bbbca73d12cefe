"""A checkpoint is whole, or the one before it is there: killed, torn, refused or damaged."""

import errno
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from agents import checkpoint
from agents.checkpoint import CheckpointError
from agents.files import sweep, write_whole
from experiments.errors import UserError, run_verb
from experiments.lock import locked
from experiments.run import RunDirectory
from tests.reliability.faults import CALLS, Faults, in_a_child

KILLED = -signal.SIGKILL
REFUSALS = ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EIO")


def write(folder, number):
    arrays = {"weights": np.full(500, number, np.float32), "more": np.arange(number)}
    checkpoint.write(folder, "last", {"number": number}, arrays, keep_before=True)


def number_of(folder):
    """Which checkpoint is read; its arrays have to be of the same one."""
    values, arrays, told = checkpoint.read_last(folder, "last")
    assert (arrays["weights"] == values["number"]).all()
    assert len(arrays["more"]) == values["number"]
    return values["number"], told


def calls(tmp_path):
    """Calls to the system in which a third checkpoint is written."""
    write(tmp_path / "count", 1)
    write(tmp_path / "count", 2)
    with Faults() as faults:
        write(tmp_path / "count", 3)
    return faults.names


def test_a_kill_inside_any_call_leaves_the_old_or_the_new(tmp_path):
    names, found = calls(tmp_path), set()
    assert names == 3 * [*CALLS, "fsync"]  # three files, each with its folder
    for how in ("kill", "tear"):
        for at, name in enumerate(names, 1):
            if how == "tear" and name != "write":
                continue
            folder = tmp_path / f"{how} {at}"
            write(folder, 1)
            write(folder, 2)

            def third(folder=folder, at=at, how=how):
                with Faults(at, how):
                    write(folder, 3)

            assert in_a_child(third) == KILLED
            number, told = number_of(folder)
            assert told is None
            found.add(number)
            sweep(folder)
            write(folder, 4)
            assert number_of(folder) == (4, None)
            assert not list(folder.glob(".*.tmp"))
            assert len(list(folder.glob("*.safetensors"))) == 2
    assert found == {2, 3}


@pytest.mark.parametrize("how", REFUSALS)
def test_a_refused_call_is_told_and_leaves_what_was_there(tmp_path, how):
    for at in range(1, len(calls(tmp_path)) + 1):
        folder = tmp_path / f"{at}"
        write(folder, 1)
        write(folder, 2)
        with Faults(at, how), pytest.raises(OSError) as caught:  # noqa: PT011 (its number is looked at)
            write(folder, 3)
        assert caught.value.errno == getattr(errno, how)
        assert str(folder) in caught.value.filename
        assert number_of(folder)[0] in (2, 3)
        assert not list(folder.glob(".*.tmp"))
        write(folder, 4)
        assert number_of(folder) == (4, None)


@pytest.mark.parametrize("how", ["ENOSPC", "EROFS", "EACCES"])
def test_a_folder_in_which_nothing_can_be_made(tmp_path, monkeypatch, how):
    """As root a folder without permission lets everything pass, so the system's answer is given here."""
    write(tmp_path, 1)
    real, number = os.open, getattr(errno, how)

    def refuse(path, flags, *more, **named):
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number), path)
        return real(path, flags, *more, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        with pytest.raises(OSError, match=os.strerror(number)):
            write(tmp_path, 2)
        with pytest.raises(OSError, match=os.strerror(number)):
            write_whole(tmp_path / "summary.json", b"{}")
    assert number_of(tmp_path) == (1, None)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("how", ["EROFS", "EACCES"])
def test_a_run_that_may_not_be_made_is_one_line(tmp_path, monkeypatch, how):
    number = getattr(errno, how)

    def refuse(path, *_):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(UserError, match=f"cannot make the run directory .*{os.strerror(number)}"):
        RunDirectory.create(tmp_path / "a" / "run", "train")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path):
    write(tmp_path, 1)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match="Permission denied"):
            write(tmp_path, 2)
    finally:
        tmp_path.chmod(0o700)
    assert number_of(tmp_path) == (1, None)


def test_a_full_disk_in_a_verb_is_one_line_and_exit_code_2(tmp_path, capsys):
    def main():
        with Faults(1, "ENOSPC"):
            write(tmp_path / "run", 1)

    with pytest.raises(SystemExit) as stop:
        run_verb(main)
    told = capsys.readouterr().err
    assert stop.value.code == 2
    assert told.count("\n") == 1
    assert "No space left on device" in told
    assert str(tmp_path / "run") in told


def test_other_errors_of_the_system_are_bugs():
    with pytest.raises(FileNotFoundError):
        run_verb(lambda: os.stat("/nowhere at all") and 0)


# --- Damage --------------------------------------------------------------------------------------


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def noise(path):
    path.write_bytes(b"\xff\xfe\x00{" * 99)


def nest(path):
    path.write_bytes(b"[" * 100_000)


@pytest.mark.parametrize("which", ["json", "safetensors"])
@pytest.mark.parametrize("damage", [cut, empty, remove, flip, noise, nest])
def test_a_damaged_one_is_named_and_the_one_before_is_used(tmp_path, which, damage):
    for number in (1, 2):
        write(tmp_path, number)
    meta = json.loads((tmp_path / "last.json").read_text())
    damage(tmp_path / ("last.json" if which == "json" else meta["arrays"]))
    number, told = number_of(tmp_path)
    assert number == 1
    assert str(tmp_path / "last.json") in told
    write(tmp_path, 3)  # must not put what is damaged in the place of what is whole
    flip(tmp_path / "last.json")
    assert number_of(tmp_path)[0] == 1
    flip(tmp_path / "last-before.json")
    with pytest.raises(CheckpointError, match=r"last\.json.*last-before\.json"):
        number_of(tmp_path)


def test_every_flipped_bit_is_noticed(tmp_path):
    write(tmp_path, 3)
    for path in sorted(tmp_path.iterdir()):
        data = path.read_bytes()
        for at in range(0, len(data), max(1, len(data) // 300)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            with pytest.raises(CheckpointError):
                checkpoint.read(tmp_path, "last")
        path.write_bytes(data)
    assert number_of(tmp_path) == (3, None)


def test_a_checkpoint_of_the_first_format_is_still_read(tmp_path):
    write(tmp_path, 3)
    meta = json.loads((tmp_path / "last.json").read_text())
    del meta["self"]
    (tmp_path / "last.json").write_text(json.dumps({**meta, "format": 1}))
    assert number_of(tmp_path) == (3, None)
    (tmp_path / "last.json").write_text(json.dumps({**meta, "format": 3}))
    with pytest.raises(CheckpointError, match="format 3, allowed is 2"):
        number_of(tmp_path)


# --- One writer ----------------------------------------------------------------------------------


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    def second():
        with locked(tmp_path):
            pass

    def told():
        with pytest.raises(UserError, match=f"in use by process {os.getppid()}"):
            second()
        os._exit(7)

    with locked(tmp_path):
        assert in_a_child(told) == 7
    assert in_a_child(second) == 0


def test_a_killed_owner_leaves_no_lock(tmp_path):
    def owner():
        with locked(tmp_path):
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(owner) == KILLED
    with locked(tmp_path):
        pass


def test_paths_may_hold_spaces_and_other_alphabets(tmp_path):
    folder = tmp_path / "ものづくり run" / "é"
    folder.mkdir(parents=True)
    write(folder, 2)
    assert number_of(folder) == (2, None)
    with locked(folder):
        assert (Path(folder) / ".lock").exists()
