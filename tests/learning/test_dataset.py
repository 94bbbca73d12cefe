"""The format on disk: what goes in comes out, at any moment, and what is broken is told of in one line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.dataset import Dataset, DatasetError, Feature, Writer, pack, writer
from agents.dataset.pack import combined

ROOT = Path(__file__).resolve().parents[2]
FEATURES = {
    "observation.images.tray": Feature("image", (8, 6, 3)),
    "observation.segmentation.tray": Feature("image", (8, 6)),
    "action": Feature("float32", (5,), ("dx", "dy", "dz", "dyaw", "gripper")),
    "calibration.tray": Feature("float32", (3, 4)),
    "key.yaw_rad": Feature("float64"),
    "key.index": Feature("int64"),
    "next.success": Feature("bool"),
    "note": Feature("string"),
}


def frames_of(seed):
    """The frames of one made-up episode."""
    rng = np.random.default_rng(seed)
    n = 2 + seed % 4
    return {
        "observation.images.tray": rng.integers(0, 256, (n, 8, 6, 3), np.uint8),
        "observation.segmentation.tray": rng.integers(0, 7, (n, 8, 6), np.uint8),
        "action": rng.normal(size=(n, 5)).astype(np.float32),
        "calibration.tray": rng.normal(size=(n, 3, 4)).astype(np.float32),
        "key.yaw_rad": rng.normal(size=n),
        "key.index": np.arange(n),
        "next.success": np.arange(n) == n - 1,
        "note": [f"frame {k} — ü" for k in range(n)],
    }


def begin(folder, **options):
    return Writer(folder, **{"features": FEATURES, "fps": 20, "robot": "lrmate200id", **options})


def fill(folder, n, first=0, **options):
    with begin(folder, **options) as made:
        for seed in range(first, n):
            made.add_episode(frames_of(seed), [f"load {seed}", "load it"], {"seed": seed, "success": True})
    return folder


def files(folder):
    """Every file of a data set and what is in it."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def holds(data, seeds):
    """Whether a data set holds exactly these made-up episodes."""
    made = [frames_of(seed) for seed in seeds]
    for name, feature in FEATURES.items():
        expected = np.concatenate([np.asarray(frames[name]) for frames in made])
        found = data.image_array(name) if feature.is_image else data.column(name)
        assert feature.dtype == "string" or found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    lengths = [len(frames["action"]) for frames in made]
    assert [len(e) for e in data.episodes] == lengths
    assert [e.extra["seed"] for e in data.episodes] == list(seeds)
    frame = np.concatenate([np.arange(n) for n in lengths])
    np.testing.assert_array_equal(data.column("frame_index"), frame)
    np.testing.assert_array_equal(data.column("index"), np.arange(len(data)))
    np.testing.assert_array_equal(data.column("episode_index"), np.repeat(np.arange(len(made)), lengths))
    np.testing.assert_allclose(data.column("timestamp"), frame / 20, atol=1e-4)
    words = [
        ("load it" if k % 2 else f"load {s}") for s, n in zip(seeds, lengths, strict=True) for k in range(n)
    ]
    assert data.tasks(np.arange(len(data))) == words
    return True


# --- What goes in comes out ------------------------------------------------------------------------


def test_round_trip_before_and_after_closing(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_FILE_EPISODES", 3)  # so that some wait and some have moved
    made = begin(tmp_path / "d", facts={"agent": "expert"})
    for seed in range(7):
        made.add_episode(frames_of(seed), [f"load {seed}", "load it"], {"seed": seed})
    assert holds(Dataset(tmp_path / "d"), range(7))
    made.close()
    data = Dataset(tmp_path / "d")
    assert holds(data, range(7))
    assert data.features == FEATURES
    assert (data.fps, data.robot, data.facts, data.n_files) == (20, "lrmate200id", {"agent": "expert"}, 3)
    assert data.episodes[2].tasks == ("load 2", "load it")
    assert not (tmp_path / "d" / "journal").exists()


def test_some_pictures_are_those_of_all(tmp_path):
    data = Dataset(fill(tmp_path / "d", 40))  # enough for several decoders
    every = data.image_array("observation.images.tray")
    chosen = np.random.default_rng(0).integers(0, len(data), 100)
    np.testing.assert_array_equal(data.images("observation.images.tray", chosen), every[chosen])
    assert data.images("observation.segmentation.tray", [1]).shape == (1, 8, 6)


def test_what_is_written_follows_from_the_episodes_alone(tmp_path):
    assert files(fill(tmp_path / "a", 5)) == files(fill(tmp_path / "b", 5))


def test_statistics_are_those_of_all_frames(tmp_path):
    data = Dataset(fill(tmp_path / "d", 6))
    told = json.loads((tmp_path / "d" / "meta" / "stats.json").read_text())
    action = data.column("action").astype(float)
    found = told["action"]
    assert found["count"] == [len(action)]
    np.testing.assert_allclose(found["mean"], action.mean(0), rtol=1e-9)
    np.testing.assert_allclose(found["std"], action.std(0), rtol=1e-9)
    np.testing.assert_allclose(found["max"], action.max(0))
    pictures = data.image_array("observation.images.tray") / 255
    found = told["observation.images.tray"]
    np.testing.assert_allclose(np.ravel(found["mean"]), pictures.mean((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(np.ravel(found["std"]), pictures.std((0, 1, 2)), rtol=1e-9)
    assert np.shape(found["min"]) == (3, 1, 1)
    assert "note" not in told


def test_picture_quantiles_are_numpys():
    picture = np.random.default_rng(0).integers(0, 256, (3, 40, 30, 3), np.uint8)
    found = pack({"p": Feature("image", (40, 30, 3))}, {"p": picture}, ["x"]).stats["p"]
    for name, share in (("q01", 0.01), ("q50", 0.5), ("q99", 0.99)):
        for k in range(3):
            expected = np.quantile(picture[..., k], share, method="inverted_cdf") / 255
            assert np.ravel(found[name])[k] == pytest.approx(expected)


def test_combined_statistics_do_not_depend_on_the_cut():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(30, 2))
    feature = {"x": Feature("float64", (2,))}
    stats = [pack(feature, {"x": x[a:b]}, ["t"]).stats["x"] for a, b in ((0, 7), (7, 19), (19, 30))]
    flat, nested = combined(stats), combined([combined(stats[:2]), stats[2]])
    for key in flat:
        np.testing.assert_allclose(flat[key], nested[key], rtol=1e-12)


def test_layout_is_the_formats(tmp_path):
    """Columns and files as the format names them; `test_conformance.py` asks lerobot itself."""
    folder = fill(tmp_path / "d", 3)
    assert sorted(files(folder)) == [
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/monozukuri.json",
        "meta/stats.json",
        "meta/tasks.parquet",
    ]
    data = pq.read_table(folder / "data/chunk-000/file-000.parquet")
    assert data.schema.field("action").type == pa.list_(pa.float32(), 5)
    image = data.column("observation.images.tray")[0].as_py()
    assert image["bytes"].startswith(b"\x89PNG")
    assert image["path"] is None
    info = json.loads((folder / "meta/info.json").read_text())
    assert info["features"]["key.index"] == {"dtype": "int64", "shape": [1], "names": None}
    assert info["features"]["observation.segmentation.tray"]["shape"] == [8, 6, 1]
    rows = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [(r["dataset_from_index"], r["dataset_to_index"]) for r in rows] == [(0, 2), (2, 5), (5, 9)]


# --- Whole or absent -------------------------------------------------------------------------------

_CHILD = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from agents.dataset import writer
import test_dataset as t
writer._FILE_EPISODES = 4
made = t.begin({folder!r})
for seed in range(100000):
    made.add_episode(t.frames_of(seed), [f"load {{seed}}", "load it"], {{"seed": seed, "success": True}})
    sys.stdout.write("x")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("n_before", [3, 10])
def test_killed_then_resumed_equals_uninterrupted(tmp_path, monkeypatch, n_before):
    monkeypatch.setattr(writer, "_FILE_EPISODES", 4)
    folder = tmp_path / "killed"
    code = _CHILD.format(root=str(ROOT), tests=str(Path(__file__).parent), folder=str(folder))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read(n_before)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    n = len(Dataset(folder).episodes)
    assert n >= n_before
    assert holds(Dataset(folder), range(n))
    fill(folder, n + 3, first=n, resume=True)
    assert files(folder) == files(fill(tmp_path / "whole", n + 3))


@pytest.mark.parametrize("stop_at", range(1, 12))
def test_stopped_at_any_write_leaves_the_finished_episodes(tmp_path, monkeypatch, stop_at):
    """Every file is put in place by `write_whole`; it fails at one after another."""
    monkeypatch.setattr(writer, "_FILE_EPISODES", 2)
    folder, whole = tmp_path / "d", files(fill(tmp_path / "whole", 5))
    put, count = writer.write_whole, 0

    def fail(path, data):
        nonlocal count
        count += 1
        if count == stop_at:
            raise KeyboardInterrupt
        put(path, data)

    made = begin(folder)
    n = 0
    with monkeypatch.context() as patch:
        patch.setattr(writer, "write_whole", fail)
        try:
            for n in range(5):
                made.add_episode(frames_of(n), [f"load {n}", "load it"], {"seed": n, "success": True})
        except KeyboardInterrupt:
            pass
    found = len(Dataset(folder).episodes)
    assert found in (n, n + 1)
    assert holds(Dataset(folder), range(found)) if found else True
    fill(folder, 5, first=found, resume=True)
    assert files(folder) == whole


def test_resuming_needs_the_same_features(tmp_path):
    fill(tmp_path / "d", 2)
    with pytest.raises(DatasetError, match="other features: action differ"):
        begin(tmp_path / "d", resume=True, features={**FEATURES, "action": Feature("float32", (7,))})
    with pytest.raises(DatasetError, match="fps is 20, not 10"):
        begin(tmp_path / "d", resume=True, fps=10)
    with pytest.raises(DatasetError, match="not empty"):
        begin(tmp_path / "d")


# --- Mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": np.zeros((3, 4), np.float32)}, r"'action' has frames of shape \(4,\): \(5,\) is needed"),
        ({"action": np.full((3, 5), np.nan, np.float32)}, "not finite"),
        ({"action": np.zeros((2, 5), np.float32)}, "as many frames in all"),
        ({"observation.images.tray": np.zeros((3, 9, 6, 3), np.uint8)}, r"\(8, 6, 3\) is needed"),
        ({"observation.images.tray": np.zeros((3, 8, 6, 3), np.float32)}, "is float32: uint8 is needed"),
        ({"key.index": np.zeros(3)}, "is float64: int64 is needed"),
        ({"note": [1, 2, 3]}, "not text"),
        ({"other": np.zeros(3)}, "'other' is not a feature"),
    ],
)
def test_wrong_frames_are_told_of_and_nothing_is_written(tmp_path, change, message):
    made = begin(tmp_path / "d")
    frames = {name: values[:3] for name, values in frames_of(3).items()}
    before = files(tmp_path / "d")
    with pytest.raises(DatasetError, match=message):
        made.add_episode({**frames, **change}, ["x"])
    with pytest.raises(DatasetError, match="one or more instructions"):
        made.add_episode(frames, [])
    assert files(tmp_path / "d") == before


@pytest.mark.parametrize(
    ("dtype", "shape", "message"),
    [
        ("int8", (), "allowed are float32"),
        ("image", (8,), "is needed"),
        ("image", (8, 8, 4), "is needed"),
        ("float32", (0,), "sizes of 1"),
        ("string", (2,), "is needed"),
    ],
)
def test_wrong_features(dtype, shape, message):
    with pytest.raises(DatasetError, match=message):
        Feature(dtype, shape)


def test_reserved_and_impossible_names(tmp_path):
    for name in ("index", "a/b", ""):
        with pytest.raises(DatasetError, match="feature name"):
            begin(tmp_path / "d", features={name: Feature("int64")})


def spoil(path, how):
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    else:  # a flipped bit in the first column
        column = pq.ParquetFile(path).metadata.row_group(0).column(0)
        at = column.data_page_offset + column.total_compressed_size - 3
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])


def read_all(folder):
    data = Dataset(folder)
    for name, feature in data.features.items():
        _ = data.image_array(name) if feature.is_image else data.column(name)
    data.tasks(np.arange(len(data)))


@pytest.mark.parametrize("how", ["missing", "cut", "empty", "flipped"])
@pytest.mark.parametrize(
    "name",
    [
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/tasks.parquet",
        "meta/info.json",
        "meta/monozukuri.json",
        "journal/episode-000002.parquet",
    ],
)
def test_broken_files_are_told_of_in_one_line(tmp_path, name, how):
    folder = fill(tmp_path / "d", 2)
    made = begin(folder, resume=True)
    for seed in (2, 3):
        made.add_episode(frames_of(seed), ["x"], {"seed": seed})
    read_all(folder)
    if how == "flipped" and name.endswith(".json"):
        (folder / name).write_text('{"format": 2, "codebase_version": "v2.1"}')
    elif name == "meta/monozukuri.json" and how == "missing":
        (folder / name).write_text('{"format": 1, "facts": {}, "episodes": []}')
    else:
        spoil(folder / name, how)
    with pytest.raises(DatasetError) as told:
        read_all(folder)
    assert "\n" not in str(told.value)
    assert str(folder) in str(told.value)


def test_a_count_or_column_that_is_wrong_is_told_of(tmp_path):
    folder = fill(tmp_path / "d", 3)
    path = folder / "data/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    with pytest.raises(DatasetError, match="8 frames in its files, 9 are needed"):
        Dataset(folder)
    pq.write_table(table.drop_columns(["action"]), path)
    with pytest.raises(DatasetError, match="column 'action' is missing"):
        Dataset(folder)
    small = pack({"p": Feature("image", (4, 4, 3))}, {"p": np.zeros((9, 4, 4, 3), np.uint8)}, ["x"])
    at = table.schema.get_field_index("observation.images.tray")
    pictures = pa.array([{"bytes": b, "path": None} for b in small.columns["p"]], table.schema.field(at).type)
    pq.write_table(table.set_column(at, table.schema.field(at), pictures), path)
    with pytest.raises(
        DatasetError, match=r"frame \d of 'observation.images.tray': picture of shape \(4, 4, 3\)"
    ):
        Dataset(folder).image_array("observation.images.tray")


def test_wrong_questions(tmp_path):
    data = Dataset(fill(tmp_path / "d", 2))
    for ask, message in (
        (lambda: data.column("actoin"), "unknown feature 'actoin': allowed are"),
        (lambda: data.column("observation.images.tray"), "is an image"),
        (lambda: data.image_array("action"), "is no image"),
        (lambda: data.images("observation.images.tray", [99]), "allowed are 0 to 4"),
        (lambda: Dataset(tmp_path / "none"), "no such directory"),
    ):
        with pytest.raises(DatasetError, match=message):
            ask()
