"""Charts are well-formed and escaped; clips are whole, of the right size and speed."""

from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from experiments import figures
from experiments.config import UserError
from experiments.figures import caption, line_chart_svg, ticks, write_clip

SVG = "{http://www.w3.org/2000/svg}"


def frames(n=5, shape=(48, 64, 3)):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, shape, dtype=np.uint8) for _ in range(n)]


def test_chart_is_well_formed_escaped_and_complete():
    x = np.arange(10)
    svg = line_chart_svg(
        {"a<b>": (x, x / 9), "c": (x, 1 - x / 9)},
        'T & "T"', "steps", "success rate", {"c": (1 - x / 9 - 0.1, 1 - x / 9 + 0.1)},
    )  # fmt: skip
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {'T & "T"', "steps", "success rate", "a<b>", "c"} <= set(texts)
    assert len(list(root.iter(f"{SVG}polyline"))) == 2
    assert len(list(root.iter(f"{SVG}polygon"))) == 1
    assert "prefers-color-scheme:dark" in svg


def test_gaps_split_a_line_and_a_lone_point_shows():
    svg = line_chart_svg({"a": (range(6), [1, 2, np.nan, 3, np.nan, 4])}, "t", "x", "y")
    root = ElementTree.fromstring(svg)
    assert len(list(root.iter(f"{SVG}polyline"))) == 1
    assert len(list(root.iter(f"{SVG}circle"))) == 2
    assert "nan" not in svg


def test_points_lie_inside_the_axes():
    svg = line_chart_svg({"a": ([0, 1e6], [-3, 7])}, "t", "x", "y")
    (line,) = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    points = np.array([p.split(",") for p in line.get("points").split()], float)
    assert points[:, 0] == pytest.approx([figures._LEFT, figures._WIDTH - figures._RIGHT])
    assert (points[:, 1] >= figures._TOP).all()


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.21, 0.97), (0, 200_000), (-3, 7), (5, 5), (0, 0), (1e-9, 3e-9)]
)
def test_ticks_are_round_and_enclose(low, high):
    at = ticks(low, high)
    step = at[1] - at[0]
    assert 3 <= len(at) <= 8
    assert at[0] <= low + 1e-9 * step
    assert at[-1] >= high - 1e-9 * step
    assert round(step / 10.0 ** np.floor(np.log10(step * 1.0001)), 6) in (1, 2, 5)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({"a": ([], [])}, "series has no finite point"),
        ({"a": ([1, 2], [1])}, "'a' has 2 x and 1 y"),
    ],
)
def test_a_bad_chart_is_refused(series, message):
    with pytest.raises(ValueError, match=message):
        line_chart_svg(series, "t", "x", "y")


def test_webp_clip(tmp_path):
    write_clip(frames(), tmp_path / "clip.webp", fps=20)
    with Image.open(tmp_path / "clip.webp") as clip:
        assert (clip.n_frames, clip.size) == (5, (64, 48))
        clip.load()
        assert clip.info["duration"] == 50
    assert [path.name for path in tmp_path.iterdir()] == ["clip.webp"]


def test_mp4_clip_or_the_name_of_the_extra(tmp_path, monkeypatch):
    if figures.video.available():
        write_clip(frames(), tmp_path / "clip.mp4", fps=20)
        assert (tmp_path / "clip.mp4").stat().st_size > 0
    monkeypatch.setattr(figures.video, "available", lambda: False)
    with pytest.raises(UserError, match="extra 'video'"):
        write_clip(frames(), tmp_path / "none.mp4", fps=20)
    assert not (tmp_path / "none.mp4").exists()


@pytest.mark.parametrize(
    ("images", "name", "fps", "message"),
    [
        (frames(), "a.gif", 20, r"ends in '.gif': allowed are .webp, .mp4"),
        (frames(), "a.webp", 0, "fps is 0"),
        ([], "a.webp", 20, "frames are"),
        (frames(1) + frames(1, (8, 8, 3)), "a.webp", 20, "allowed is one"),
        ([np.zeros((8, 8))], "a.webp", 20, "allowed is one"),
        ([np.zeros((8, 8, 3))], "a.webp", 20, "allowed is one"),
    ],
)
def test_a_bad_clip_is_refused(tmp_path, images, name, fps, message):
    with pytest.raises(ValueError, match=message):
        write_clip(images, tmp_path / name, fps)
    assert not list(tmp_path.iterdir())


def test_caption_draws_on_a_copy():
    (frame,) = frames(1, (96, 128, 3))
    before = frame.copy()
    drawn = caption(frame, "load the red flange into the chuck" * 3)
    assert drawn.shape == frame.shape
    assert drawn.dtype == np.uint8
    assert (frame == before).all()
    assert (drawn[:60] == frame[:60]).all()
    assert (drawn[-4:] != frame[-4:]).any()
