"""An episode made ready for the disk: checked, pictures as PNG, statistics; a worker can do it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from agents import video
from agents.dataset.layout import IMAGE_TYPE, DatasetError, Feature, check_films

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
STATS = ("min", "max", "mean", "std", "count", *QUANTILES)
Stats = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Packed:
    """An episode that `Writer.add` takes; it travels between processes.

    Attributes:
        columns: Values by feature: arrays (T, ...), lists of text, or lists of PNG files.
        films: MP4 files by feature.
        tasks: Instructions; frame i has `tasks[i % len(tasks)]`.
        extra: Plain facts about the episode.
        stats: Of each feature that is not text.
        length: Frames.
        fps: Frames a second.
    """

    columns: Mapping[str, Any]
    films: Mapping[str, bytes]
    tasks: tuple[str, ...]
    extra: Mapping[str, Any]
    stats: Stats
    length: int
    fps: int


def pack(
    features: Mapping[str, Feature],
    frames: Mapping[str, Any],
    tasks: Sequence[str],
    extra: Mapping[str, Any] | None = None,
    fps: int = 20,
) -> Packed:
    """Check an episode and encode its pictures.

    Args:
        features: The data set's.
        frames: For each feature an array (T, *shape); images uint8; text as a sequence.
        tasks: Instructions; frame i has `tasks[i % len(tasks)]`: give one for all, one a frame, or
            paraphrases that frames take in turn. All of them are kept with the episode.
        extra: Plain facts (text, numbers, truth values, lists and mappings of them) about the episode.
        fps: Frames a second.

    Raises:
        DatasetError: for a name, shape or type that does not fit; for films without the extra `video`.
    """
    if wrong := sorted(set(features) ^ set(frames)):
        state = "missing" if wrong[0] in features else "not a feature of this data set"
        raise DatasetError(f"episode: {wrong[0]!r} is {state}: needed are {', '.join(features)}")
    check_films(features)
    if isinstance(tasks, str) or not tasks or not all(isinstance(t, str) and t for t in tasks):
        raise DatasetError(f"episode: tasks {tasks!r:.80}: one or more instructions are needed")
    lengths = {name: len(values) for name, values in frames.items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        told = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise DatasetError(f"episode: as many frames in all, 1 or more, are needed: {told}")
    columns: dict[str, Any] = {}
    films: dict[str, bytes] = {}
    stats: Stats = {}
    for name, feature in features.items():
        values = _checked(name, feature, frames[name])
        if feature.is_image:
            stats[name] = _picture_stats(values)
            if feature.is_video:
                films[name] = video.encode(values, fps, exact=True)
            else:
                columns[name] = [encode(picture) for picture in values]
        else:
            columns[name] = values
            if feature.dtype != "string":
                stats[name] = _number_stats(values)
    n = next(iter(lengths.values()))
    return Packed(columns, films, tuple(tasks), dict(extra or {}), stats, n, fps)


def pictures_of(packed: Packed, name: str, feature: Feature) -> NDArray[np.uint8]:
    """The pictures (T, *shape) of a packed episode, decoded again."""
    found = np.empty((packed.length, *feature.shape), np.uint8)
    if feature.is_video:
        video.decode(packed.films[name], 0, packed.length, packed.fps, found)
    else:
        for picture, data in zip(found, packed.columns[name], strict=True):
            decode(data, feature.shape, picture)
    return found


def _checked(name: str, feature: Feature, values: Any) -> Any:
    if feature.dtype == "string":
        if not all(isinstance(value, str) for value in values):
            raise DatasetError(f"episode: {name!r} holds what is not text")
        return list(values)
    array = np.asarray(values)
    if array.shape[1:] != feature.shape and array.shape[1:] != (feature.shape or (1,)):
        raise DatasetError(
            f"episode: {name!r} has frames of shape {array.shape[1:]}: {feature.shape} is needed"
        )
    if not np.can_cast(array.dtype, feature.numpy, "safe" if feature.is_image else "same_kind"):
        raise DatasetError(f"episode: {name!r} is {array.dtype}: {np.dtype(feature.numpy)} is needed")
    array = np.ascontiguousarray(array.reshape(len(array), *feature.shape), feature.numpy)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DatasetError(f"episode: {name!r} holds a number that is not finite")
    return array


# --- Pictures ------------------------------------------------------------------------------------


def encode(picture: NDArray[np.uint8]) -> bytes:
    """A picture (h, w, 3) or (h, w) as a PNG file; the same bytes for the same picture."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()


def decode(data: bytes, shape: tuple[int, ...], out: NDArray[np.uint8]) -> None:
    """Read a PNG file into `out`.

    Raises:
        DatasetError: where it is damaged or of another shape.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            size = (image.height, image.width, len(image.getbands()))
            if size == (*shape, 1)[:3]:
                out[:] = np.asarray(image)
                return
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"damaged picture: {error!s:.80}") from None
    raise DatasetError(f"picture of shape {size}: {(*shape, 1)[:3]} is needed")


# --- Columns of the engine that keeps them ---------------------------------------------------------


def to_arrow(feature: Feature, values: Any) -> pa.Array:
    """The column of a feature's values."""
    if feature.is_image:
        paths = pa.nulls(len(values), pa.string())
        return pa.StructArray.from_arrays([pa.array(values, pa.binary()), paths], fields=list(IMAGE_TYPE))
    if feature.dtype == "string" or not feature.shape:
        return pa.array(values, feature.arrow)
    flat = pa.array(np.ascontiguousarray(values).ravel())
    for n in reversed(feature.shape[1:]):
        flat = pa.ListArray.from_arrays(pa.array(np.arange(0, len(flat) + 1, n), pa.int32()), flat)
    if len(feature.shape) == 1:
        return pa.FixedSizeListArray.from_arrays(flat, feature.shape[0])
    offsets = pa.array(np.arange(0, len(flat) + 1, feature.shape[0]), pa.int32())
    return pa.ListArray.from_arrays(offsets, flat)


def from_arrow(feature: Feature, column: pa.ChunkedArray) -> Any:
    """The values (N, *shape) of a column; text as a list.

    Raises:
        DatasetError: where a value is missing or of another size.
    """
    array = column.combine_chunks()
    if array.null_count:
        raise DatasetError("values are missing")
    if feature.dtype == "string":
        return array.to_pylist()
    n = len(array)
    for _ in feature.shape:
        array = array.flatten()
    values = array.to_numpy(zero_copy_only=False)
    if values.size != n * int(np.prod(feature.shape, dtype=int)):
        raise DatasetError(f"{values.size} numbers in {n} frames of shape {feature.shape}")
    return np.array(values, feature.numpy).reshape(n, *feature.shape)


# --- Statistics ------------------------------------------------------------------------------------


def _number_stats(values: NDArray) -> dict[str, Any]:
    """Over frames; one number still is a vector of one, as the format wants it."""
    x = values.astype(np.float64).reshape(len(values), *(values.shape[1:] or (1,)))
    found = {"min": x.min(0), "max": x.max(0), "mean": x.mean(0), "std": x.std(0)}
    found |= dict(zip(QUANTILES, np.quantile(x, list(QUANTILES.values()), 0), strict=True))
    return {"count": [len(x)], **{key: value.tolist() for key, value in found.items()}}


def _picture_stats(pictures: NDArray[np.uint8]) -> dict[str, Any]:
    """Over frames and pixels, for each channel, in [0, 1]; exact, as there are 256 levels only."""
    levels = np.arange(256) / 255
    channels = 1 if pictures.ndim == 3 else 3
    found: dict[str, list[Any]] = {name: [] for name in STATS if name != "count"}
    for k in range(channels):
        plane = pictures if channels == 1 else pictures[..., k]
        counts = np.bincount(plane.ravel(), minlength=256)
        upto, n = np.cumsum(counts), plane.size
        mean = float(counts @ levels / n)
        seen = np.flatnonzero(counts)
        values = {
            "min": levels[seen[0]],
            "max": levels[seen[-1]],
            "mean": mean,
            "std": max(0.0, float(counts @ levels**2 / n) - mean**2) ** 0.5,
            **{q: levels[np.searchsorted(upto, share * n)] for q, share in QUANTILES.items()},
        }
        for name, value in values.items():
            found[name].append([[float(value)]])
    return {"count": [len(pictures)], **found}


def combined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Statistics of several episodes together; quantiles are weighted means of theirs, as in lerobot."""
    counts = np.array([part["count"][0] for part in parts], float)
    weights = counts / counts.sum()
    stacked = {key: np.array([part[key] for part in parts], float) for key in STATS if key != "count"}
    mean = np.tensordot(weights, stacked["mean"], 1)
    spread = stacked["std"] ** 2 + (stacked["mean"] - mean) ** 2
    found = {
        "min": stacked["min"].min(0),
        "max": stacked["max"].max(0),
        "mean": mean,
        "std": np.sqrt(np.tensordot(weights, spread, 1)),
        **{q: np.tensordot(weights, stacked[q], 1) for q in QUANTILES},
    }
    return {"count": [int(counts.sum())], **{key: value.tolist() for key, value in found.items()}}
