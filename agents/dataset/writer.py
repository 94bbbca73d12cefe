"""Writes a data set, one whole episode after another."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from agents.dataset import layout
from agents.dataset.journal import KEY, journal_file, read_waiting
from agents.dataset.layout import OWN, DatasetError, Feature, film_path, numbered
from agents.dataset.pack import STATS, Packed, combined, pack, to_arrow
from agents.dataset.reader import Dataset
from agents.files import write_whole

# Episodes move into a large file when this many bytes or episodes wait; lerobot's limit is 100 MB.
_FILE_BYTES, _FILE_EPISODES = 64 << 20, 1000


class Writer:
    """Writes a LeRobotDataset v3.0 whose episodes are whole or absent.

    Args:
        folder: Where; made if it does not exist, and empty unless `resume`.
        features: What each frame holds; the columns that every data set has (`layout.OWN`) are added.
        fps: Frames a second.
        robot: The arm's name.
        resume: Go on with the data set in the folder, or begin one where there is none yet.
        facts: Plain facts about the whole data set, such as how it was collected; kept on resuming.

    Raises:
        DatasetError: where the folder holds something else, or a data set of other features, fps or robot.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        features: Mapping[str, Feature],
        fps: int,
        robot: str,
        resume: bool = False,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        layout.check_features(features)
        layout.check_films(features)
        self.folder, self.features = Path(folder), dict(features)
        self.fps, self.robot, self.facts = int(fps), robot, dict(facts or {})
        self._tasks: dict[str, int] = {}
        self._extras: list[dict[str, Any]] = []  # of all episodes
        self._stats: dict[str, Any] = {}  # of the episodes in large files
        self._n_kept = self._frames_kept = self._tasks_kept = 0  # episodes, frames and tasks in large files
        self._waiting: list[int] = []  # bytes of each episode in the journal
        self._n_frames = self._next_file = 0
        if self.fps < 1 or self.fps != fps:
            raise DatasetError(f"fps is {fps}: a whole number of 1 or more is needed")
        begun = (self.folder / layout.INFO).is_file()
        if not resume and self.folder.is_dir() and any(self.folder.iterdir()):
            raise DatasetError(f"data set folder {str(folder)!r} is not empty: name a new or empty one")
        try:
            (self.folder / layout.JOURNAL).mkdir(parents=True, exist_ok=True)
            (self.folder / "meta").mkdir(exist_ok=True)
        except OSError as error:
            raise DatasetError(f"cannot make {str(folder)!r}: {error.strerror}") from None
        if begun:
            self._go_on()
        else:
            self._write_heads()

    @property
    def n_episodes(self) -> int:
        """Episodes that are on disk."""
        return len(self._extras)

    @property
    def n_frames(self) -> int:
        """Frames that are on disk."""
        return self._n_frames

    @property
    def extras(self) -> Sequence[Mapping[str, Any]]:
        """The `extra` of each episode that is on disk."""
        return self._extras

    def add_episode(
        self, frames: Mapping[str, Any], tasks: Sequence[str], extra: Mapping[str, Any] | None = None
    ) -> None:
        """Check an episode and put it on disk; see `pack` for the arguments and what it raises."""
        self.add(pack(self.features, frames, tasks, extra, self.fps))

    def add(self, episode: Packed) -> None:
        """Put an episode that `pack` made ready on disk."""
        if {*episode.columns, *episode.films} != set(self.features) or episode.fps != self.fps:
            raise DatasetError("episode: it was packed for other features, or other frames a second")
        number, n = self.n_episodes, episode.length
        for task in episode.tasks:
            self._tasks.setdefault(task, len(self._tasks))
        frame = np.arange(n)
        own = {
            "timestamp": (frame / self.fps).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(n, number),
            "index": self._n_frames + frame,
            "task_index": np.array([self._tasks[t] for t in episode.tasks])[frame % len(episode.tasks)],
        }
        columns = [
            to_arrow(self.features[k], episode.columns[k]) for k in self.features if k in episode.columns
        ]
        columns += [to_arrow(OWN[k], own[k]) for k in OWN]
        told = {"tasks": episode.tasks, "extra": episode.extra, "stats": episode.stats}
        schema = layout.schema(self.features).with_metadata({KEY: json.dumps(told).encode()})
        data = layout.to_bytes(pa.Table.from_arrays(columns, schema=schema))
        for name, film in episode.films.items():  # before what makes the episode count
            path = self.folder / film_path(name, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, film)
        write_whole(journal_file(self.folder, number), data)
        self._extras.append(json.loads(json.dumps(episode.extra)))
        self._waiting.append(len(data))
        self._n_frames += n
        self._move_if_full()

    def close(self) -> None:
        """Move what waits into a large file; may be called again."""
        if self._waiting:
            self._move()
        journal = self.folder / layout.JOURNAL
        if journal.is_dir() and not any(journal.iterdir()):
            journal.rmdir()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- moving -----------------------------------------------------------------------------------
    def _move_if_full(self) -> None:
        if sum(self._waiting) >= _FILE_BYTES or len(self._waiting) >= _FILE_EPISODES:
            self._move()

    def _move(self) -> None:
        """Move all waiting episodes into one data file; `info.json`, written last, makes it count."""
        tables, rows = [], []
        at = self._frames_kept
        for number in range(self._n_kept, self.n_episodes):
            table, told = read_waiting(journal_file(self.folder, number))
            row = _episode_row(number, at, len(table), self._next_file, told)
            rows.append(row | _film_row(self.features, number, len(table) / self.fps))
            tables.append(table.replace_schema_metadata(None))
            at += len(table)
        self._put(layout.DATA_PATH, layout.to_bytes(pa.concat_tables(tables).combine_chunks()))
        self._put(layout.EPISODES_PATH, layout.to_bytes(_episodes_table(rows, self.features)))
        for name in rows[0]["stats"]:
            parts = [row["stats"][name] for row in rows]
            if name in self._stats:
                parts.insert(0, self._stats[name])
            self._stats[name] = combined(parts)
        first, self._n_kept = self._n_kept, self.n_episodes
        self._frames_kept, self._tasks_kept = at, len(self._tasks)
        self._next_file += 1
        self._write_heads()
        for number in range(first, self._n_kept):
            journal_file(self.folder, number).unlink()
        self._waiting = []
        (self.folder / layout.JOURNAL).mkdir(exist_ok=True)

    def _put(self, pattern: str, data: bytes) -> None:
        path = self.folder / numbered(pattern, self._next_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)

    def _write_heads(self) -> None:
        """Everything in `meta` that is not numbered, `info.json` last."""
        folder = self.folder
        write_whole(folder / layout.TASKS, layout.to_bytes(_tasks_table(list(self._tasks))))
        _write_json(folder / layout.STATS, self._stats)
        extras = self._extras[: self._n_kept]
        ours = {"format": layout.FORMAT, "facts": self.facts, "episodes": extras}
        _write_json(folder / layout.OURS, ours)
        info = {
            "codebase_version": layout.VERSION,
            "robot_type": self.robot,
            "total_episodes": self._n_kept,
            "total_frames": self._frames_kept,
            "total_tasks": self._tasks_kept,
            "chunks_size": layout.FILES_IN_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": self.fps,
            "splits": {"train": f"0:{self._n_kept}"},
            "data_path": layout.DATA_PATH,
            "video_path": layout.VIDEO_PATH if any(f.is_video for f in self.features.values()) else None,
            "features": {name: f.to_json(self.fps) for name, f in {**self.features, **OWN}.items()},
        }
        _write_json(folder / layout.INFO, info)

    # -- going on -----------------------------------------------------------------------------------
    def _go_on(self) -> None:
        """Take over what is in the folder; what was left half done by a crash is dropped."""
        info, features = layout.read_info(self.folder)
        where = f"data set {str(self.folder)!r}"
        if not (self.folder / layout.OURS).is_file():
            raise DatasetError(f"{where}: {layout.OURS} is missing, it was written by something else")
        if features != self.features:
            differ = sorted(n for n in {*features, *self.features} if features.get(n) != self.features.get(n))
            raise DatasetError(f"{where}: cannot go on with other features: {', '.join(differ)} differ")
        for name, found, wanted in (
            ("fps", info["fps"], self.fps),
            ("robot", info["robot_type"], self.robot),
        ):
            if found != wanted:
                raise DatasetError(f"{where}: {name} is {found!r}, not {wanted!r}")
        data = Dataset(self.folder)
        self._n_kept, self._frames_kept = info["total_episodes"], info["total_frames"]
        self._tasks_kept = info["total_tasks"]
        self._tasks = {task: i for i, task in enumerate(data.all_tasks)}
        self._extras = [dict(episode.extra) for episode in data.episodes]
        self._n_frames, self.facts = len(data), {**self.facts, **data.facts}
        self._next_file = data.n_files
        self._stats = layout.read_json(self.folder / layout.STATS) if self._n_kept else {}
        self._drop_leftovers()
        waiting = range(self._n_kept, self.n_episodes)
        self._waiting = [journal_file(self.folder, n).stat().st_size for n in waiting]
        self._move_if_full()  # where the crash was just before

    def _drop_leftovers(self) -> None:
        """Files that a crash left behind: of moved episodes, and half-written ones."""
        kept = {journal_file(self.folder, n) for n in range(self._n_kept, self.n_episodes)}
        for path in (self.folder / layout.JOURNAL).iterdir():
            if path not in kept:
                path.unlink()
        for pattern in ("data", "meta/episodes"):
            for path in (self.folder / pattern).glob("chunk-*/file-*.parquet"):
                chunk, file = (int(name[-3:]) for name in (path.parent.name, path.stem))
                if chunk * layout.FILES_IN_CHUNK + file >= self._next_file:
                    path.unlink()
        for name, feature in self.features.items():
            films = {self.folder / film_path(name, n) for n in range(self.n_episodes)}
            for path in (
                (self.folder / "videos" / name).glob("chunk-*/file-*.mp4") if feature.is_video else ()
            ):
                if path not in films:
                    path.unlink()
        for path in self.folder.rglob(".*.tmp"):
            path.unlink()


def _write_json(path: Path, data: Any) -> None:
    write_whole(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def _tasks_table(tasks: Sequence[str]) -> pa.Table:
    """Instructions by number, as a pandas frame whose index is the text: that is how lerobot reads them."""
    table = pa.table(
        {"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())}
    )
    kinds = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy, "metadata": None}
        for name, (kind, numpy) in kinds.items()
    ]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    return table.replace_schema_metadata({b"pandas": json.dumps(pandas).encode()})


def _episode_row(number: int, at: int, n: int, file: int, told: Mapping[str, Any]) -> dict[str, Any]:
    chunk, file = divmod(file, layout.FILES_IN_CHUNK)
    return {
        "episode_index": number,
        "tasks": list(dict.fromkeys(told["tasks"])),
        "length": n,
        "data/chunk_index": chunk,
        "data/file_index": file,
        "dataset_from_index": at,
        "dataset_to_index": at + n,
        "meta/episodes/chunk_index": chunk,
        "meta/episodes/file_index": file,
        "stats": told["stats"],
    }


def _film_row(features: Mapping[str, Feature], number: int, duration_s: float) -> dict[str, Any]:
    """Where an episode's films are: each is a file of its own."""
    chunk, file = divmod(number, layout.FILES_IN_CHUNK)
    place = {"chunk_index": chunk, "file_index": file, "from_timestamp": 0.0, "to_timestamp": duration_s}
    return {
        f"videos/{name}/{key}": value
        for name, feature in features.items()
        if feature.is_video
        for key, value in place.items()
    }


def _episodes_table(rows: Sequence[Mapping[str, Any]], features: Mapping[str, Feature]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for name in rows[0]:
        if name != "stats":
            kind = pa.list_(pa.string()) if name == "tasks" else pa.int64()
            kind = pa.float64() if name.endswith("_timestamp") else kind
            columns[name] = pa.array([row[name] for row in rows], kind)
    for name, feature in features.items():
        if feature.dtype == "string":
            continue
        depth = 3 if feature.is_image else max(1, len(feature.shape))
        for key in STATS:
            kind = pa.list_(pa.int64()) if key == "count" else pa.float64()
            for _ in range(depth if key != "count" else 0):
                kind = pa.list_(kind)
            columns[f"stats/{name}/{key}"] = pa.array([row["stats"][name][key] for row in rows], kind)
    return pa.table(columns)
