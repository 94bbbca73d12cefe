"""The format's files, features and column types (LeRobotDataset v3.0, as lerobot 0.4.x to 0.6.x reads it)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from agents import video

VERSION = "v3.0"
FORMAT = 1  # of meta/monozukuri.json
FILES_IN_CHUNK = 1000
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
INFO, STATS, TASKS, OURS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet", "meta/monozukuri.json"
JOURNAL = "journal"
DTYPES = ("float32", "float64", "int64", "bool", "string", "image", "video")
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class DatasetError(ValueError):
    """A data set that is missing, damaged or not what is needed, told in one line."""


@dataclass(frozen=True)
class Feature:
    """What one column holds in each frame.

    Attributes:
        dtype: "float32", "float64", "int64", "bool", "string", or for uint8 pictures "image", kept as PNG, or
            "video", kept as a film of each episode that gives the same pixels back.
        shape: Of one frame: () for one number, (n,) or (n, m) for more; of a picture (height, width, 3), of
            an image also (height, width) for one number a pixel, such as a class.
        names: What the numbers of a vector are called; empty for no names.
    """

    dtype: str
    shape: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        object.__setattr__(self, "shape", () if shape == (1,) else shape)  # the format has no (1,) vectors
        object.__setattr__(self, "names", tuple(self.names))
        if self.dtype not in DTYPES:
            raise DatasetError(f"dtype {self.dtype!r}: allowed are {', '.join(DTYPES)}")
        if any(n < 1 for n in self.shape):
            raise DatasetError(f"shape {self.shape}: sizes of 1 or more are needed")
        image = len(self.shape) == 2 or (len(self.shape) == 3 and self.shape[2] == 3)
        if self.dtype == "image" and not image:
            raise DatasetError(
                f"image of shape {self.shape}: (height, width, 3) or (height, width) is needed"
            )
        if self.is_video and (len(self.shape) != 3 or self.shape[2] != 3):
            raise DatasetError(f"video of shape {self.shape}: (height, width, 3) is needed")
        if self.dtype == "string" and self.shape:
            raise DatasetError(f"string of shape {self.shape}: () is needed")
        if not self.is_image and len(self.shape) > 2:
            raise DatasetError(f"shape {self.shape}: up to two sizes are allowed")
        if self.names and (len(self.shape) > 1 or len(self.names) != (self.shape or (1,))[0]):
            raise DatasetError(f"{len(self.names)} names for shape {self.shape}: one a number is needed")

    @property
    def is_image(self) -> bool:
        """Whether it is a picture."""
        return self.dtype in ("image", "video")

    @property
    def is_video(self) -> bool:
        """Whether it is a picture kept in a film, not in a column."""
        return self.dtype == "video"

    @property
    def numpy(self) -> Any:
        """The NumPy type of its values."""
        if self.is_image:
            return np.uint8
        return object if self.dtype == "string" else np.dtype(self.dtype)

    @property
    def arrow(self) -> pa.DataType:
        """The type of its column."""
        if self.is_image:
            return IMAGE_TYPE
        kind = {"bool": pa.bool_(), "string": pa.string()}.get(self.dtype) or pa.from_numpy_dtype(self.dtype)
        if len(self.shape) == 1:
            return pa.list_(kind, self.shape[0])
        # lerobot's two-dimensional columns are lists of lists without a fixed size.
        return pa.list_(pa.list_(kind)) if self.shape else kind

    def to_json(self, fps: int) -> dict[str, Any]:
        """The entry in `meta/info.json`."""
        if self.is_image:
            shape = [*self.shape, 1][:3]
            entry = {"dtype": self.dtype, "shape": shape, "names": ["height", "width", "channels"]}
            return {**entry, "info": _film_info(self.shape, fps)} if self.is_video else entry
        names = list(self.names) or None
        return {"dtype": self.dtype, "shape": list(self.shape) or [1], "names": names}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Feature:
        """The feature of an entry in `meta/info.json`."""
        shape = tuple(entry["shape"])
        if entry["dtype"] in ("image", "video"):
            return cls(entry["dtype"], shape[:2] if shape[2:] == (1,) else shape)
        names = entry.get("names")
        return cls(entry["dtype"], shape, tuple(names) if isinstance(names, list) else ())


def _film_info(shape: tuple[int, ...], fps: int) -> dict[str, Any]:
    """What lerobot notes of its films."""
    height, width, _ = shape
    return {
        "video.height": height, "video.width": width, "video.codec": "h264", "video.pix_fmt": "gbrp",
        "video.is_depth_map": False, "video.fps": fps, "video.channels": 3, "has_audio": False,
    }  # fmt: skip


# Columns that every data set has; the writer fills them in.
OWN: Mapping[str, Feature] = {
    "timestamp": Feature("float32"),
    "frame_index": Feature("int64"),
    "episode_index": Feature("int64"),
    "index": Feature("int64"),
    "task_index": Feature("int64"),
}


def check_features(features: Mapping[str, Feature]) -> None:
    """Raise `DatasetError` for a name that the format refuses."""
    if not features:
        raise DatasetError("a data set without features: one or more are needed")
    for name in features:
        if "/" in name or not name:
            raise DatasetError(f"feature name {name!r}: text without '/' is needed")
        if name in OWN:
            raise DatasetError(f"feature name {name!r}: the writer fills in {', '.join(OWN)}")


def check_films(features: Mapping[str, Feature]) -> None:
    """Raise `DatasetError` where there are films, and the extra that they need is missing."""
    films = [name for name, feature in features.items() if feature.is_video]
    if films and not video.available():
        raise DatasetError(f"{films[0]!r} is a video, which needs the extra 'video': {video.HINT}")


def schema(features: Mapping[str, Feature]) -> pa.Schema:
    """The columns of a data file."""
    return pa.schema([(name, f.arrow) for name, f in {**features, **OWN}.items() if not f.is_video])


def film_path(feature: str, number: int) -> str:
    """The path of film `number` of a feature; those written here hold one episode each."""
    return numbered(VIDEO_PATH.replace("{video_key}", feature), number)


def numbered(pattern: str, number: int) -> str:
    """The path of file `number`, counted through all chunks."""
    chunk, file = divmod(number, FILES_IN_CHUNK)
    return pattern.format(chunk_index=chunk, file_index=file)


def to_bytes(table: pa.Table) -> bytes:
    """A table as a parquet file, with a checksum for each page."""
    sink = pa.BufferOutputStream()
    # Pictures are compressed already; dictionaries would only cost time.
    pq.write_table(table, sink, compression="snappy", use_dictionary=False, write_page_checksum=True)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A parquet file, its checksums verified.

    Raises:
        DatasetError: where it is missing or damaged.
    """
    try:
        return pq.read_table(path, columns=columns, page_checksum_verification=True, partitioning=None)
    except FileNotFoundError:
        raise DatasetError(f"data set file {path} is missing") from None
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"data set file {path} is damaged: {one_line(error)}") from None


def read_head(path: Path) -> tuple[pa.Schema, int]:
    """Columns and number of rows of a parquet file; nothing else is read.

    Raises:
        DatasetError: where it is missing or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            return file.schema_arrow, int(file.metadata.num_rows)
    except FileNotFoundError:
        raise DatasetError(f"data set file {path} is missing") from None
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"data set file {path} is damaged: {one_line(error)}") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file with an object in it.

    Raises:
        DatasetError: where it is missing or damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"data set file {path}: {error.strerror}") from None
    except ValueError as error:
        raise DatasetError(f"data set file {path} is damaged: {one_line(error)}") from None
    if not isinstance(data, dict):
        raise DatasetError(f"data set file {path} is damaged: an object is needed")
    return data


def one_line(error: Exception) -> str:
    """What an error says, in one short line."""
    return f"{' '.join(str(error).split()):.160}"


def read_info(folder: Path) -> tuple[dict[str, Any], dict[str, Feature]]:
    """`meta/info.json`, and the features in it that are not the writer's own.

    Raises:
        DatasetError: where it is missing, damaged or of another version.
    """
    if not folder.is_dir():
        raise DatasetError(f"data set {str(folder)!r}: there is no such directory")
    info = read_json(folder / INFO)
    if info.get("codebase_version") != VERSION:
        found = info.get("codebase_version")
        raise DatasetError(f"data set {str(folder)!r}: version {found!r}, allowed is {VERSION!r}")
    try:
        features = {name: Feature.from_json(e) for name, e in info["features"].items() if name not in OWN}
        check_features(features)
        for key in ("total_episodes", "total_frames", "total_tasks", "fps"):
            info[key] = int(info[key])
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"data set file {folder / INFO} is damaged: {one_line(error)}") from None
    return info, features
