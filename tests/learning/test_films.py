"""Data sets whose pictures are films: the same pixels come back, at any moment, and mistakes are one line.

Where PyAV is missing, a film that is an array in a file stands in for it; what PyAV itself does is tested
where it is installed, and read back by lerobot in test_conformance.py.
"""

import io
import json

import numpy as np
import pytest

from agents import video
from agents.dataset import Dataset, DatasetError, Feature, Writer
from agents.dataset.pack import pack, pictures_of
from experiments import collect
from experiments.errors import UserError

TRAY = "observation.images.tray"
FEATURES = {
    TRAY: Feature("video", (8, 6, 3)),
    "observation.segmentation.tray": Feature("image", (8, 6)),
    "action": Feature("float32", (5,)),
}
needs_av = pytest.mark.skipif(not video.available(), reason="the extra 'video' is not installed")


def frames_of(seed):
    rng = np.random.default_rng(seed)
    n = 2 + seed % 4
    return {
        TRAY: rng.integers(0, 256, (n, 8, 6, 3), np.uint8),
        "observation.segmentation.tray": rng.integers(0, 7, (n, 8, 6), np.uint8),
        "action": rng.normal(size=(n, 5)).astype(np.float32),
    }


def begin(folder, **options):
    return Writer(folder, features=FEATURES, fps=20, robot="lrmate200id", **options)


def fill(folder, n, first=0, **options):
    with begin(folder, **options) as made:
        for seed in range(first, n):
            made.add_episode(frames_of(seed), [f"load {seed}"], {"seed": seed})
    return folder


def holds(folder, n):
    data, every = Dataset(folder), np.concatenate([frames_of(seed)[TRAY] for seed in range(n)])
    np.testing.assert_array_equal(data.image_array(TRAY), every)
    chosen = np.random.default_rng(0).integers(0, len(every), 9)  # in any order, some twice
    np.testing.assert_array_equal(data.images(TRAY, chosen), every[chosen])
    masks = np.concatenate([frames_of(seed)["observation.segmentation.tray"] for seed in range(n)])
    np.testing.assert_array_equal(data.image_array("observation.segmentation.tray"), masks)
    return data


@pytest.fixture(params=["array", pytest.param("av", marks=needs_av)])
def films(request, monkeypatch):
    """With PyAV, and with what stands in for it."""
    if request.param == "av":
        return

    def encode(pictures, fps, *, exact):
        assert exact
        file = io.BytesIO()
        np.save(file, np.array(pictures))
        return file.getvalue()

    def decode(source, first, n, fps, out):
        try:
            found = np.load(io.BytesIO(source) if isinstance(source, bytes) else source)[first : first + n]
        except (OSError, ValueError, EOFError) as error:
            raise video.VideoError(f"damaged film: {error}") from None
        if found.shape != out.shape:
            raise video.VideoError(f"pictures of shape {found.shape}: {out.shape} is needed")
        out[:] = found

    monkeypatch.setattr(video, "available", lambda: True)
    monkeypatch.setattr(video, "encode", encode)
    monkeypatch.setattr(video, "decode", decode)


def test_the_same_pixels_come_back_before_and_after_closing(films, tmp_path, monkeypatch):
    monkeypatch.setattr("agents.dataset.writer._FILE_EPISODES", 3)
    made = begin(tmp_path / "d")
    for seed in range(5):
        made.add_episode(frames_of(seed), [f"load {seed}"], {"seed": seed})
    holds(tmp_path / "d", 5)
    made.close()
    assert holds(tmp_path / "d", 5).features == FEATURES
    packed = pack(FEATURES, frames_of(3), ["load"], fps=20)
    np.testing.assert_array_equal(pictures_of(packed, TRAY, FEATURES[TRAY]), frames_of(3)[TRAY])


def test_the_layout_is_the_formats(films, tmp_path):
    fill(tmp_path / "d", 3)
    info = json.loads((tmp_path / "d" / "meta" / "info.json").read_text())
    entry = info["features"][TRAY]
    assert (entry["dtype"], entry["shape"], entry["names"]) == (
        "video",
        [8, 6, 3],
        ["height", "width", "channels"],
    )
    assert (entry["info"]["video.fps"], entry["info"]["has_audio"]) == (20, False)
    path = info["video_path"].format(video_key=TRAY, chunk_index=0, file_index=2)
    assert (tmp_path / "d" / path).is_file()
    import pyarrow.parquet as pq

    episodes = pq.read_table(tmp_path / "d" / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    places = {key: episodes.column(f"videos/{TRAY}/{key}").to_pylist()
              for key in ("chunk_index", "file_index", "from_timestamp", "to_timestamp")}  # fmt: skip
    lengths = [len(frames_of(seed)["action"]) for seed in range(3)]
    assert places == {"chunk_index": [0, 0, 0], "file_index": [0, 1, 2], "from_timestamp": [0.0] * 3,
                      "to_timestamp": [n / 20 for n in lengths]}  # fmt: skip
    assert TRAY not in pq.read_schema(tmp_path / "d" / "data" / "chunk-000" / "file-000.parquet").names
    stats = json.loads((tmp_path / "d" / "meta" / "stats.json").read_text())[TRAY]
    pictures = np.concatenate([frames_of(seed)[TRAY] for seed in range(3)]) / 255
    np.testing.assert_allclose(np.ravel(stats["mean"]), pictures.mean((0, 1, 2)), rtol=1e-9)


def test_resumed_after_a_crash_leaves_the_same_files(films, tmp_path, monkeypatch):
    def files(folder):
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    made = begin(tmp_path / "d")
    for seed in range(3):
        made.add_episode(frames_of(seed), [f"load {seed}"], {"seed": seed})
    # Killed between the film of the next episode and what makes it count.
    stray = tmp_path / "d" / "videos" / TRAY / "chunk-000" / "file-003.mp4"
    stray.write_bytes(b"half an episode")
    holds(tmp_path / "d", 3)
    begin(tmp_path / "d", resume=True)
    assert not stray.exists()
    assert files(fill(tmp_path / "d", 5, first=3, resume=True)) == files(fill(tmp_path / "whole", 5))


@pytest.mark.parametrize("how", ["gone", "cut", "nonsense", "short"])
def test_a_broken_film_is_told_of_in_one_line(films, tmp_path, how):
    folder = fill(tmp_path / "d", 3)
    film = folder / "videos" / TRAY / "chunk-000" / "file-001.mp4"
    if how == "gone":
        film.unlink()
    elif how == "cut":
        film.write_bytes(film.read_bytes()[:300])
    elif how == "nonsense":
        film.write_bytes(b"nonsense")
    else:
        film.write_bytes((folder / "videos" / TRAY / "chunk-000" / "file-000.mp4").read_bytes())
    data = Dataset(folder)
    with pytest.raises(DatasetError, match=r"file-001\.mp4") as error:
        data.image_array(TRAY)
    assert "\n" not in str(error.value)
    first = len(frames_of(0)["action"])
    np.testing.assert_array_equal(data.images(TRAY, np.arange(first)), frames_of(0)[TRAY])


def test_without_the_extra_it_is_one_line(films, tmp_path, monkeypatch):
    folder = fill(tmp_path / "d", 2)
    monkeypatch.setattr(video, "available", lambda: False)
    data = Dataset(folder)
    assert data.column("action").shape[1:] == (5,)  # all but the pictures is read
    with pytest.raises(DatasetError, match=r"needs the extra 'video': pip install 'monozukuri\[video\]'"):
        data.image_array(TRAY)
    with pytest.raises(DatasetError, match="needs the extra 'video'"):
        begin(tmp_path / "new")
    with pytest.raises(UserError, match="needs the extra 'video'"):
        collect.main(["--video", "--out", str(tmp_path / "new")])
    with pytest.raises(UserError, match="--video is not allowed"):
        collect.main(["--video", "--format", "minari", "--out", str(tmp_path / "new")])
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_a_film():
    with pytest.raises(DatasetError, match=r"video of shape \(8, 6\)"):
        Feature("video", (8, 6))


@needs_av
def test_collected_films_are_the_pictures_and_verify(tmp_path):
    arguments = ["--task", "PickPart", "--episodes", "2", "--cameras", "tray", "--image-size", "64"]
    arguments += ["--frames", "keys", "--workers", "1"]
    collect.main([*arguments, "--out", str(tmp_path / "png")])
    collect.main([*arguments, "--video", "--out", str(tmp_path / "film")])
    png, film = Dataset(tmp_path / "png"), Dataset(tmp_path / "film")
    np.testing.assert_array_equal(film.image_array(TRAY), png.image_array(TRAY))
    assert (tmp_path / "film" / "videos").is_dir()
    assert collect.main(["--verify", str(tmp_path / "film"), "--sample", "1", "--workers", "1"]) == 0


@needs_av
def test_films_of_others_are_read(tmp_path):
    """One film that many episodes share, as lerobot's own recorder makes it."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (30, 8, 6, 3), np.uint8)
    (tmp_path / "film.mp4").write_bytes(video.encode(pictures, 20, exact=True))
    out = np.empty((7, 8, 6, 3), np.uint8)
    for first in (0, 3, 12, 23):
        video.decode(tmp_path / "film.mp4", first, 7, 20, out)
        np.testing.assert_array_equal(out, pictures[first : first + 7])
    with pytest.raises(video.VideoError, match="5 of the pictures 25 to 31"):
        video.decode(tmp_path / "film.mp4", 25, 7, 20, out)
    with pytest.raises(video.VideoError, match="is needed"):
        video.decode(tmp_path / "film.mp4", 0, 1, 20, np.empty((1, 8, 8, 3), np.uint8))


@needs_av
def test_a_film_whose_decoder_nobody_needs_is_refused(tmp_path):
    """Decoders of odd formats are where the holes are; nothing is decoded, not even to probe."""
    import av

    path = tmp_path / "odd.mp4"
    with av.open(str(path), "w", format="mp4") as film:
        stream = film.add_stream("mpeg4", rate=20)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        film.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        film.mux(stream.encode())
    with pytest.raises(video.VideoError, match=r"packed with 'mpeg4': allowed are h264|damaged film"):
        video.decode(path, 0, 1, 20, np.empty((1, 16, 16, 3), np.uint8))
