"""Reads a data set: columns as arrays, pictures decoded when asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from agents import video
from agents.dataset import layout
from agents.dataset.journal import waiting
from agents.dataset.layout import OWN, DatasetError, Feature, check_films, film_path, numbered, one_line
from agents.dataset.pack import decode, from_arrow

_DECODERS = 2


@dataclass(frozen=True)
class Episode:
    """One episode of a data set.

    Attributes:
        start: Its first frame.
        stop: The frame after its last.
        tasks: Its instructions; each of its frames has one of them, see `Dataset.tasks`.
        extra: Facts about it: seed, agent, split, success...
    """

    start: int
    stop: int
    tasks: tuple[str, ...]
    extra: Mapping[str, Any]

    def __len__(self) -> int:
        return self.stop - self.start


class Dataset:
    """A LeRobotDataset v3.0 on disk, its pictures in parquet or in films; opening it reads no frame.

    Episodes that a killed `Writer` left in its journal count. A data set by lerobot's own recorder is read
    too; its episodes then have no `extra`. Films need the extra `video`.

    Attributes:
        folder: Where it lies.
        features: What each frame holds, without the columns that every data set has.
        episodes: All episodes, in order.
        all_tasks: All instructions, by task index.
        fps: Frames a second.
        robot: The arm's name.
        facts: Facts about the whole data set.
        n_files: Large data files.

    Raises:
        DatasetError: where a file is missing, damaged or does not hold what it should.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        info, self.features = layout.read_info(self.folder)
        self.fps, self.robot = info["fps"], str(info.get("robot_type"))
        self.all_tasks = _read_tasks(self.folder)[: info["total_tasks"]]
        self.episodes: list[Episode] = []
        extras, self.facts = self._read_ours(info["total_episodes"])
        self._files: list[Path] = []
        # Of each video and episode: the film, and which of its pictures is the episode's first.
        self._films: dict[str, list[tuple[Path, int]]] = {
            n: [] for n, f in self.features.items() if f.is_video
        }
        self._read_episodes(info, extras)
        self.n_files = len(self._files)
        self._rows = [_rows_in(path, self.features) for path in self._files]
        known = set(self.all_tasks)
        for path, told in waiting(self.folder, info["total_episodes"]):
            n, start, tasks = _rows_in(path, self.features), len(self), tuple(dict.fromkeys(told["tasks"]))
            for name, films in self._films.items():
                films.append((self.folder / film_path(name, len(self.episodes)), 0))
            self.episodes.append(Episode(start, start + n, tasks, told["extra"]))
            self.all_tasks += [task for task in tasks if task not in known]
            known.update(tasks)
            self._files.append(path)
            self._rows.append(n)
        self._check_counts(info)
        self._pictures: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        """Frames."""
        return self.episodes[-1].stop if self.episodes else 0

    def column(self, name: str) -> NDArray:
        """All values of a feature: (N, *shape) of its type, text as an object array.

        Also "timestamp" (s, from the episode's start), "frame_index", "episode_index", "index", "task_index".

        Raises:
            DatasetError: for an unknown feature, an image, or damaged data.
        """
        feature = self._feature(name)
        if feature.is_image:
            raise DatasetError(f"feature {name!r} is an image: use images() or image_array()")
        parts = [self._from_file(path, name, feature) for path in self._files]
        if feature.dtype == "string":
            return np.array([text for part in parts for text in part], object)
        return np.concatenate(parts) if parts else np.zeros((0, *feature.shape), feature.numpy)

    def images(self, name: str, indices: ArrayLike) -> NDArray[np.uint8]:
        """Some pictures: (n, h, w, 3) uint8, or (n, h, w) where a pixel holds one number.

        Args:
            name: An image feature.
            indices: Frames, as integers in [0, N).
        """
        feature = self._feature(name)
        if not feature.is_image:
            raise DatasetError(f"feature {name!r} is no image: use column()")
        wanted = np.asarray(indices, np.int64).ravel()
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise DatasetError(
                f"frame {int(wanted.min())} to {int(wanted.max())}: allowed are 0 to {len(self) - 1}"
            )
        if feature.is_video:
            return self._filmed(name, wanted)
        if name not in self._pictures:
            self._pictures[name] = self._encoded(name)
        return self._decoded(name, self._pictures[name], wanted)

    def image_array(self, name: str) -> NDArray[np.uint8]:
        """All pictures, decoded once: (N, h, w, 3) or (N, h, w) uint8."""
        if not self._feature(name).is_image:
            raise DatasetError(f"feature {name!r} is no image: use column()")
        if self.features[name].is_video:
            return self._filmed(name, np.arange(len(self)))
        return self._decoded(name, self._encoded(name), np.arange(len(self)))

    def tasks(self, indices: ArrayLike) -> list[str]:
        """The instruction of each of these frames."""
        if not hasattr(self, "_task_index"):
            self._task_index = self.column("task_index")
            last = len(self.all_tasks) - 1
            if self._task_index.size and not 0 <= self._task_index.min() <= self._task_index.max() <= last:
                raise DatasetError(f"data set {str(self.folder)!r}: a task_index is not in 0 to {last}")
        return [self.all_tasks[i] for i in self._task_index[np.asarray(indices, np.int64).ravel()]]

    # -- reading ------------------------------------------------------------------------------------
    def _feature(self, name: str) -> Feature:
        known = {**self.features, **OWN}
        if name not in known:
            raise DatasetError(f"unknown feature {name!r}: allowed are {', '.join(known)}")
        return known[name]

    def _from_file(self, path: Path, name: str, feature: Feature) -> Any:
        column = layout.read_table(path, [name]).column(name)
        try:
            return from_arrow(feature, column)
        except (DatasetError, pa.ArrowException, ValueError, TypeError) as error:
            raise DatasetError(f"data set file {path}: {name!r} is damaged: {one_line(error)}") from None

    def _encoded(self, name: str) -> pa.ChunkedArray:
        chunks: list[pa.Array] = []
        for path in self._files:
            for chunk in layout.read_table(path, [name]).column(name).chunks:
                chunks.append(chunk.field("bytes"))
        return pa.chunked_array(chunks, pa.binary())

    def _decoded(self, name: str, encoded: pa.ChunkedArray, wanted: NDArray) -> NDArray[np.uint8]:
        shape = self.features[name].shape
        out = np.empty((len(wanted), *shape), np.uint8)

        def work(first: int) -> None:
            for i in range(first, len(wanted), _DECODERS):
                data = encoded[int(wanted[i])].as_py()
                try:
                    if data is None:
                        raise DatasetError("picture missing")
                    decode(data, shape, out[i])
                except DatasetError as error:
                    at = f"frame {int(wanted[i])} of {name!r}"
                    raise DatasetError(f"data set {str(self.folder)!r}: {at}: {error}") from None

        if len(wanted) < 64:
            for k in range(_DECODERS):
                work(k)
        else:
            with ThreadPoolExecutor(_DECODERS) as pool:
                list(pool.map(work, range(_DECODERS)))
        return out

    def _filmed(self, name: str, wanted: NDArray) -> NDArray[np.uint8]:
        """Pictures out of films, each of which is read once, from the first that is wanted to the last."""
        check_films({name: self.features[name]})
        shape = self.features[name].shape
        out = np.empty((len(wanted), *shape), np.uint8)
        episode_of = np.searchsorted([e.start for e in self.episodes], wanted, side="right") - 1
        for number in np.unique(episode_of).tolist():
            at = np.flatnonzero(episode_of == number)
            frames = wanted[at] - self.episodes[number].start
            first, n = int(frames.min()), int(np.ptp(frames)) + 1
            path, begin = self._films[name][number]
            pictures = np.empty((n, *shape), np.uint8)
            try:
                video.decode(path, begin + first, n, self.fps, pictures)
            except video.VideoError as error:
                raise DatasetError(f"data set file {path}: {error}") from None
            out[at] = pictures[frames - first]
        return out

    def _read_ours(self, n: int) -> tuple[list[Any], dict[str, Any]]:
        path = self.folder / layout.OURS
        if not path.exists():
            return [{}] * n, {}
        ours = layout.read_json(path)
        if ours.get("format") != layout.FORMAT:
            raise DatasetError(
                f"data set file {path}: format {ours.get('format')!r}, allowed is {layout.FORMAT}"
            )
        extras, facts = ours.get("episodes"), ours.get("facts")
        if not isinstance(extras, list) or len(extras) < n or not isinstance(facts, dict):
            raise DatasetError(f"data set file {path} is damaged: it tells of fewer than {n} episodes")
        return extras, facts

    def _read_episodes(self, info: Mapping[str, Any], extras: Sequence[Any]) -> None:
        """The episodes in large files: as many as `info.json` counts, what follows was left by a crash."""
        needed = ["episode_index", "tasks", "dataset_from_index", "dataset_to_index"]
        needed += ["data/chunk_index", "data/file_index"]
        places = ("chunk_index", "file_index", "from_timestamp")
        needed += [f"videos/{name}/{place}" for name in self._films for place in places]
        number = 0
        while len(self.episodes) < info["total_episodes"]:
            path = self.folder / numbered(layout.EPISODES_PATH, number)
            table = layout.read_table(path)
            if missing := set(needed) - set(table.column_names):
                raise DatasetError(f"data set file {path} is damaged: column {min(missing)!r} is missing")
            for row in table.select(needed).to_pylist()[: info["total_episodes"] - len(self.episodes)]:
                start, stop = row["dataset_from_index"], row["dataset_to_index"]
                if row["episode_index"] != len(self.episodes) or start != len(self) or stop <= start:
                    at = f"episode {len(self.episodes)} is frames {start} to {stop - 1}"
                    raise DatasetError(f"data set file {path} is damaged: {at}")
                extra = extras[len(self.episodes)]
                self.episodes.append(Episode(start, stop, tuple(row["tasks"]), extra))
                file = row["data/chunk_index"] * layout.FILES_IN_CHUNK + row["data/file_index"]
                data = self.folder / numbered(layout.DATA_PATH, file)
                if data not in self._files[-1:]:
                    self._files.append(data)
                for name, films in self._films.items():
                    chunk, file, begin = (row[f"videos/{name}/{place}"] for place in places)
                    film = self.folder / film_path(name, chunk * layout.FILES_IN_CHUNK + file)
                    films.append((film, round(begin * self.fps)))
            number += 1

    def _check_counts(self, info: Mapping[str, Any]) -> None:
        where = f"data set {str(self.folder)!r}"
        if sum(self._rows) != len(self):
            raise DatasetError(f"{where}: {sum(self._rows)} frames in its files, {len(self)} are needed")
        kept = self.episodes[info["total_episodes"] - 1].stop if info["total_episodes"] else 0
        if kept != info["total_frames"]:
            raise DatasetError(f"{where}: {kept} frames in episodes, info.json says {info['total_frames']}")


def _read_tasks(folder: Path) -> list[str]:
    table = layout.read_table(folder / layout.TASKS)
    name = next((n for n in ("task", "__index_level_0__") if n in table.column_names), None)
    if name is None or "task_index" not in table.column_names:
        raise DatasetError(f"data set file {folder / layout.TASKS} is damaged: columns are missing")
    pairs = sorted(zip(table.column("task_index").to_pylist(), table.column(name).to_pylist(), strict=True))
    if [i for i, _ in pairs] != list(range(len(pairs))):
        raise DatasetError(f"data set file {folder / layout.TASKS} is damaged: tasks are not numbered from 0")
    return [task for _, task in pairs]


def _rows_in(path: Path, features: Mapping[str, Feature]) -> int:
    """How many frames a data file holds, after a look at its columns."""
    columns, rows = layout.read_head(path)
    kept = {name for name, feature in {**features, **OWN}.items() if not feature.is_video}
    if missing := sorted(kept - set(columns.names)):
        raise DatasetError(f"data set file {path}: column {missing[0]!r} is missing")
    return rows
