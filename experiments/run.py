"""A run's directory: files that are never half-written, a metrics log, and a manifest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from agents.files import write_whole
from experiments.errors import UserError
from experiments.guard import ROOT

_LIBRARIES = (
    "monozukuri", "gymnasium", "numpy", "pybullet", "sb3-contrib", "stable-baselines3", "torch",
)  # fmt: skip


# --- Files that are whole or absent --------------------------------------------------------------


def write_bytes_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old content or the new; see `agents.files`."""
    write_whole(path, data)


def write_text_atomic(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text; see `write_bytes_atomic`."""
    write_bytes_atomic(path, text.encode())


def write_json_atomic(path: str | os.PathLike[str], data: Any) -> None:
    """Write indented JSON; see `write_bytes_atomic`. What is not finite becomes null."""
    write_text_atomic(path, json.dumps(to_plain(data), indent=2, ensure_ascii=False) + "\n")


def to_plain(data: Any) -> Any:
    """Return `data` as JSON can hold it: NumPy and paths converted, NaN and infinity null."""
    if isinstance(data, Mapping):
        return {str(key): to_plain(value) for key, value in data.items()}
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        return to_plain(dataclasses.asdict(data))
    if isinstance(data, list | tuple | range):
        return [to_plain(value) for value in data]
    if hasattr(data, "tolist"):  # NumPy arrays and scalars
        return to_plain(data.tolist())
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    return str(data) if isinstance(data, os.PathLike) else data


# --- The directory -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """The folder of one run.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, out: str | os.PathLike[str] | None, name: str, *, resume: bool = False) -> RunDirectory:
        """Make the folder of a run.

        Args:
            out: The folder; None for `runs/<YYYYmmdd-HHMMSS>-<name>`.
            name: What the run is about, such as "train-LoadChuck".
            resume: Continue in the existing folder `out`.

        Raises:
            UserError: If `out` holds files already (or, to resume, does not exist), or cannot be
                made.
        """
        try:
            if out is None:
                return cls(_make_dated(Path("runs"), name))
            path = Path(out)
            if resume and not path.is_dir():
                raise UserError(f"cannot resume {str(out)!r}: there is no such directory")
            # Hidden files are left where a run was killed before it had begun.
            if not resume and path.is_dir() and any(p.name[0] != "." for p in path.iterdir()):
                raise UserError(f"--out {str(out)!r} is not empty: name a new or empty directory")
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            where = str(error.filename or out)
            raise UserError(f"cannot make the run directory {where!r}: {error.strerror}") from None
        return cls(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def folder(self, name: str) -> Path:
        """Return the subfolder `name`, made if it does not exist."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        return path

    def write_text(self, name: str, text: str) -> None:
        """Write the file `name` atomically."""
        write_text_atomic(self.path / name, text)

    def write_json(self, name: str, data: Any) -> None:
        """Write the file `name` atomically as JSON."""
        write_json_atomic(self.path / name, data)


def _make_dated(parent: Path, name: str) -> Path:
    parent.mkdir(exist_ok=True)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}"
    for suffix in ("", *(f"-{i}" for i in range(2, 1000))):  # runs started within one second
        path = parent / f"{stem}{suffix}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise UserError(f"cannot make the run directory {str(parent / stem)!r}: too many of that name")


class MetricsLog:
    """Appends rows to `metrics.jsonl`, one JSON object a line, each flushed as it is written.

    Rows hold no wall times, so that two runs with the same seeds leave the same bytes.

    Args:
        path: The file.
        n_kept: Keep so many rows, drop those after them: they were logged after the checkpoint
            from which the run goes on. Zero starts an empty log.

    Attributes:
        n_rows: Rows in the file.
    """

    def __init__(self, path: str | os.PathLike[str], n_kept: int = 0) -> None:
        self.path = Path(path)
        kept = self.read(self.path)[:n_kept] if n_kept and self.path.exists() else []
        self.n_rows = len(kept)
        write_text_atomic(self.path, "".join(map(_json_line, kept)))
        self._file = self.path.open("a", encoding="utf-8")

    def append(self, **row: Any) -> None:
        """Append one row, such as `append(env_steps=2000, success_rate=0.4)`."""
        timed = [key for key in row if "wall" in key]
        if timed:
            raise ValueError(f"{timed[0]} is a wall time: metrics.jsonl holds none")
        self._file.write(_json_line(row))
        self._file.flush()
        self.n_rows += 1

    def sync(self) -> None:
        """Make what was appended outlive the power: a checkpoint counts on it."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; may be called again."""
        self._file.close()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
        """Return the rows; a line cut off by a crash, or damaged, and what follows it are left out."""
        rows = []
        for line in Path(path).read_bytes().split(b"\n")[:-1]:
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not isinstance(row, dict):
                break
            rows.append(row)
        return rows


def _json_line(row: Mapping[str, Any]) -> str:
    return json.dumps(to_plain(row), ensure_ascii=False) + "\n"


# --- The manifest --------------------------------------------------------------------------------


def manifest(config: Any, **extra: Any) -> dict[str, Any]:
    """Return everything needed to run the same again.

    Args:
        config: The run's configuration, a dataclass instance; its `seed` is recorded if it has one.
        extra: More entries, such as `split_hash`, `seeds`, `renderer` or `engine`.
    """
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "config": to_plain(config),
        "seed": getattr(config, "seed", None),
        "versions": {"python": platform.python_version(), **_versions(_LIBRARIES)},
        "git": git_state(),
        "threads": thread_count(),
        "platform": platform_fingerprint(),
        **to_plain(extra),
    }


def platform_fingerprint() -> dict[str, str | None]:
    """Return what "the same bits" depends on, and a short hash of it under `fingerprint`.

    Results are promised to be bit-identical for one fingerprint and one thread count; elsewhere a
    CPU with other instructions, another C library or another build rounds differently.
    """
    parts: dict[str, str | None] = {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu_flags": hashlib.sha256(_cpu_flags().encode()).hexdigest()[:16],
        "libc": " ".join(platform.libc_ver()).strip() or None,
        **_versions(("numpy", "torch", "pybullet")),
        **_gpus(),
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return {**parts, "fingerprint": digest[:16]}


def thread_count() -> int:
    """Return the number of threads that PyTorch uses, or the usable CPU cores without it."""
    torch = sys.modules.get("torch")  # importing it here would cost a second
    return torch.get_num_threads() if torch else usable_cores()


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def git_state(root: Path = ROOT) -> dict[str, Any] | None:
    """Return the commit and whether files differ from it; None outside the project's own git."""
    top = _git(root, "rev-parse", "--show-toplevel")
    commit = _git(root, "rev-parse", "HEAD")
    if not top or not commit or Path(top).resolve() != root:
        return None
    return {"commit": commit, "dirty": _git(root, "status", "--porcelain") != ""}


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _versions(distributions: tuple[str, ...]) -> dict[str, str | None]:
    """Return the installed versions, None for what is not installed, without importing anything."""
    found: dict[str, str | None] = {}
    for name in distributions:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _gpus() -> dict[str, str]:
    """The graphics processors that may be learned on, told by their driver; nothing where there are none."""
    found = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        try:
            found += re.findall(r"Model:\s*(.+)", path.read_text(encoding="utf-8"))
        except OSError:
            continue
    return {"gpus": ", ".join(found)} if found else {}


def _cpu_flags() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return " ".join(sorted(flags.partition(":")[2].split()))
