"""Figures without a plotting library: line charts as SVG, clips as animated WebP or MP4."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents import video
from experiments.errors import UserError

Frame = NDArray[np.uint8]

# Okabe and Ito's colours, told apart by colour-blind readers; all legible on white and on black.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#56b4e9")
_DASHES = ("", "7 4", "2 3", "9 3 2 3")  # a second mark, once the colours are used up

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 24, 48, 56

# Light colours are attributes, which every viewer reads; GitHub and browsers hand the reader's dark
# scheme on to an SVG image, where style rules win over attributes.
_TEXT = 'fill="#323f4b" font-family="system-ui, sans-serif" font-size="13"'
_CARD = 'class="card" fill="#ffffff"'
_GRID = 'class="grid" stroke="#e4e7eb"'
_AXIS = 'class="axis" stroke="#7b8794"'
_DARK = (
    "@media (prefers-color-scheme:dark){.card{fill:#161b22}.grid{stroke:#2d333b}"
    ".axis{stroke:#768390}text{fill:#cdd9e5}}"
)


def line_chart_svg(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    title: str,
    x_label: str,
    y_label: str,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> str:
    """Return a line chart as an SVG document that reads well on light and dark pages.

    Args:
        series: Maps a name to (n,) x and (n,) y; a y that is not finite leaves a gap.
        title: The chart's title.
        x_label: What x is, with its unit.
        y_label: What y is, with its unit.
        bands: Maps a name in `series` to (n,) low and (n,) high, such as a 95% interval.
    """
    lines = {name: _points(name, x, y) for name, (x, y) in series.items()}
    shades = {
        name: (_points(name, series[name][0], low), _points(name, series[name][0], high))
        for name, (low, high) in (bands or {}).items()
    }
    every = np.concatenate([*lines.values(), *(edge for pair in shades.values() for edge in pair)])
    every = every[np.isfinite(every).all(axis=1)]
    if not len(every):
        raise ValueError("series has no finite point: at least 1 is needed")
    x_ticks, y_ticks = (ticks(column.min(), column.max()) for column in every.T)

    def place(points: NDArray[np.float64]) -> str:
        x = _scale(points[:, 0], x_ticks, _LEFT, _WIDTH - _RIGHT)
        y = _scale(points[:, 1], y_ticks, _HEIGHT - _BOTTOM, _TOP)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))

    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(lines)}
    dashes = {name: _DASHES[i // len(PALETTE) % len(_DASHES)] for i, name in enumerate(lines)}
    body = [_frame(title, x_label, y_label, x_ticks, y_ticks)]
    for name, (low, high) in shades.items():
        ring = np.concatenate([low, high[::-1]])
        ring = ring[np.isfinite(ring).all(axis=1)]
        body.append(f'<polygon points="{place(ring)}" fill="{colours[name]}" fill-opacity="0.16"/>')
    for name, points in lines.items():
        mark = f'stroke="{colours[name]}" stroke-dasharray="{dashes[name]}"'
        for piece in _pieces(points):
            if len(piece) == 1:
                x, y = place(piece).split(",")
                body.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colours[name]}"/>')
            else:
                body.append(
                    f'<polyline points="{place(piece)}" fill="none" {mark} stroke-width="2.2" '
                    'stroke-linejoin="round" stroke-linecap="round"/>'
                )
    body.append(_legend(colours, dashes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'width="{_WIDTH}" height="{_HEIGHT}" {_TEXT}>\n<title>{escape(title)}</title>\n'
        f"<style>{_DARK}</style>\n" + "\n".join(body) + "\n</svg>\n"
    )


def ticks(low: float, high: float, about: int = 5) -> NDArray[np.float64]:
    """Return evenly spaced round numbers (1, 2 or 5 times a power of ten) that enclose a range."""
    if high <= low:
        margin = abs(low) * 0.5 or 0.5
        low, high = low - margin, high + margin
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return np.arange(first, last + 1, dtype=np.float64) * step


def _points(name: str, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Return (n, 2) points."""
    columns = [np.asarray(values, dtype=float).ravel() for values in (x, y)]
    if len(columns[0]) != len(columns[1]):
        raise ValueError(f"{name!r} has {len(columns[0])} x and {len(columns[1])} y")
    return np.stack(columns, axis=1)


def _pieces(points: NDArray[np.float64]) -> Iterable[NDArray[np.float64]]:
    """Yield the stretches between points that are not finite."""
    finite: list[bool] = np.isfinite(points).all(axis=1).tolist()  # type: ignore[assignment]
    for good, indices in groupby(range(len(points)), key=finite.__getitem__):
        if good:
            yield points[list(indices)]


def _scale(
    values: NDArray[np.float64], along: NDArray[np.float64], start: float, end: float
) -> NDArray[np.float64]:
    return start + (values - along[0]) / (along[-1] - along[0]) * (end - start)


def _frame(
    title: str,
    x_label: str,
    y_label: str,
    x_ticks: NDArray[np.float64],
    y_ticks: NDArray[np.float64],
) -> str:
    """Return the card, title, labels, grid lines and numbers."""
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    middle_x, middle_y = (_LEFT + right) / 2, (_TOP + bottom) / 2
    parts = [
        f'<rect {_CARD} width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>',
        f'<text x="{_LEFT}" y="28" font-size="16" font-weight="600">{escape(title)}</text>',
        f'<text x="{middle_x}" y="{_HEIGHT - 14}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text transform="translate(20 {middle_y}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>",
    ]
    for y, label in zip(_scale(y_ticks, y_ticks, bottom, _TOP), _labels(y_ticks), strict=True):
        parts.append(f'<path {_GRID} d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end">{label}</text>')
    for x, label in zip(_scale(x_ticks, x_ticks, _LEFT, right), _labels(x_ticks), strict=True):
        parts.append(f'<path {_AXIS} d="M{x:.1f} {bottom}v5"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{label}</text>')
    parts.append(f'<path {_AXIS} d="M{_LEFT} {bottom}H{right}"/>')
    return "\n".join(parts)


def _labels(at: NDArray[np.float64]) -> list[str]:
    """Return tick labels: as many decimals as the step needs, thousands as "k", millions as "M"."""
    largest = float(np.abs(at).max())
    unit, suffix = next((pair for pair in ((1e6, "M"), (1e3, "k")) if largest >= 2 * pair[0]), (1.0, ""))
    if largest < 1e-3 or largest >= 1e10:
        return [f"{value:.3g}" for value in at]
    decimals = max(0, -math.floor(math.log10((at[1] - at[0]) / unit) + 1e-9))
    return [f"{value / unit:.{decimals}f}{suffix if value else ''}" for value in at + 0.0]


def _legend(colours: Mapping[str, str], dashes: Mapping[str, str]) -> str:
    """Return the legend, right-aligned on the title's line; none for a single unnamed series."""
    parts, x = [], float(_WIDTH - _RIGHT)
    for name in reversed(list(colours)):
        if not name:
            continue
        x -= 7.2 * len(name)  # about the width of the text: SVG cannot measure it here
        parts.append(f'<text x="{x:.0f}" y="28">{escape(name)}</text>')
        parts.append(
            f'<path d="M{x - 26:.0f} 24h20" stroke="{colours[name]}" stroke-width="3" '
            f'stroke-dasharray="{dashes[name]}"/>'
        )
        x -= 40
    return "\n".join(parts)


# --- Clips ---------------------------------------------------------------------------------------


def caption(frame: Frame, text: str) -> Frame:
    """Return a copy of an (H, W, 3) frame with `text` on a dark bar along its lower edge.

    Args:
        frame: The picture.
        text: One line or more; all are written in the size that lets the longest fit.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = frame.shape[:2]
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image, "RGBA")
    lines = text.split("\n")
    size = max(8, round(height / 18)) if len(lines) == 1 else max(8, round(width / 35))
    font = ImageFont.load_default(size)
    while size > 8 and max(draw.textlength(line, font) for line in lines) > width - size:
        size -= 1
        font = ImageFont.load_default(size)
    pitch = size * 1.4
    bar = round(size * 0.5 + pitch * len(lines))
    draw.rectangle((0, height - bar, width, height), fill=(12, 16, 22, 190))
    for i, line in enumerate(lines):
        middle = height - bar / 2 + pitch * (i - (len(lines) - 1) / 2)
        draw.text((size / 2, middle), line, font=font, fill=(255, 255, 255), anchor="lm")
    return np.asarray(image)


def check_clip(path: str | os.PathLike[str]) -> None:
    """Raise `UserError` if a clip cannot be written in the format that the path's ending asks for."""
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise UserError(f"clip {str(path)!r} ends in {path.suffix!r}: allowed are {', '.join(_WRITERS)}")
    if path.suffix == ".mp4" and not video.available():
        raise UserError("an .mp4 clip needs the extra 'video': pip install 'monozukuri[video]', or use .webp")


def write_clip(frames: Sequence[Frame], path: str | os.PathLike[str], fps: float) -> None:
    """Write frames as a clip; the file is whole or not there at all.

    Args:
        frames: (H, W, 3) uint8 images, all of one size.
        path: Ends in `.webp` (Pillow), or in `.mp4` (needs the extra `video`).
        fps: Frames per second.

    Raises:
        UserError: If the ending is unknown or the extra is missing.
    """
    path = Path(path)
    check_clip(path)
    if not fps > 0:
        raise ValueError(f"fps is {fps}: allowed is above 0")
    kinds = {(frame.shape, frame.dtype) for frame in frames}
    if len(kinds) != 1 or any(shape[2:] != (3,) or kind != np.uint8 for shape, kind in kinds):
        found = ", ".join(sorted(f"{shape} {kind}" for shape, kind in kinds)) or "none"
        raise ValueError(f"frames are {found}: allowed is one (H, W, 3) shape of uint8")
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        temporary = Path(folder) / f"clip{path.suffix}"
        _WRITERS[path.suffix](frames, temporary, fps)
        os.replace(temporary, path)


def _write_webp(frames: Sequence[Frame], path: Path, fps: float) -> None:
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames)
    duration_ms = round(1000 / fps)
    first.save(path, save_all=True, append_images=rest, duration=duration_ms, loop=0, quality=80)


def _write_mp4(frames: Sequence[Frame], path: Path, fps: float) -> None:
    height, width = frames[0].shape[:2]
    even = ((0, height % 2), (0, width % 2), (0, 0))  # H.264 with chroma subsampling needs even sizes
    path.write_bytes(video.encode((np.pad(f, even, "edge") for f in frames), fps, exact=False))


_WRITERS = {".webp": _write_webp, ".mp4": _write_mp4}
