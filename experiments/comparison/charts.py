"""The charts of the comparison: bars with intervals, losses, waterfall, Gantt, costs by cause, maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.comparison.canvas import COLOURS, Canvas, colour_of, words
from experiments.comparison.paired import Interval
from experiments.figures import ticks

Bars = Mapping[str, Interval]
_LOSS, _GAIN = "#d55e00", "#0072b2"


def bars(metrics: Mapping[str, tuple[str, Bars]], title: str) -> str:
    """Return a panel of bars with 95 % intervals for each metric.

    Args:
        metrics: By metric, its unit and by way of working the value with its interval.
        title: Above all of them.
    """
    columns, width, height = 3, 330.0, 138.0
    rows = math.ceil(len(metrics) / columns)
    canvas = Canvas(columns * width + 10, rows * height + 46, title)
    for i, (metric, (unit, values)) in enumerate(metrics.items()):
        left, top = 10 + i % columns * width, 42 + i // columns * height
        _panel(canvas, left, top, label(metric, unit), values)
    return canvas.svg()


def _panel(canvas: Canvas, left: float, top: float, title: str, values: Bars) -> None:
    """Horizontal bars of one metric, from zero."""
    canvas.text(left + 6, top + 14, title, weight=600)
    ends = [end for v in values.values() for end in (v.mean, *(v.ci95 or ())) if end is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    reach = (high - low) or 1.0
    start, span = left + 108.0, 160.0

    def at(value: float) -> float:
        return start + (value - low) / reach * span

    for k, (way, value) in enumerate(values.items()):
        y = top + 24 + 25 * k
        canvas.text(start - 6, y + 13, words(way), anchor="end", size=11)
        if value.mean is None:
            canvas.text(start + 4, y + 13, "not defined", size=11)
            continue
        canvas.rect(min(at(0.0), at(value.mean)), y, abs(at(value.mean) - at(0.0)), 17, colour_of(way, k))
        edge = max(at(value.mean), at(0.0))
        if value.ci95 is not None:
            a, b = at(value.ci95[0]), at(value.ci95[1])
            canvas.line([(a, y + 8.5), (b, y + 8.5)], "ink", 1.6)
            for x in (a, b):
                canvas.line([(x, y + 4.5), (x, y + 12.5)], "ink", 1.6)
            edge = max(edge, b)
        canvas.text(edge + 5, y + 13, number(value.mean), size=11)
    canvas.line([(at(0.0), top + 20), (at(0.0), top + 24 + 25 * len(values))])


def stacked(columns: Mapping[str, Mapping[str, float]], title: str, unit: str) -> str:
    """Return a horizontal bar for each way of working, cut up by cause, with the sum behind it."""
    causes = list(dict.fromkeys(cause for parts in columns.values() for cause in parts))
    canvas = Canvas(1000, 84 + 40 * len(columns) + 22 * math.ceil(len(causes) / 4), title)
    most = max([sum(max(0.0, v) for v in parts.values()) for parts in columns.values()], default=0.0) or 1.0
    for k, (way, parts) in enumerate(columns.items()):
        y, x = 44.0 + 40 * k, 150.0
        canvas.text(x - 8, y + 18, words(way), anchor="end")
        for i, cause in enumerate(causes):
            value = parts.get(cause, 0.0)
            wide = max(0.0, value) / most * 720
            hint = f"{words(way)}, {words(cause)}: {number(value)} {unit}"
            canvas.rect(x, y, wide, 27, COLOURS[i % len(COLOURS)], hint)
            x += wide
        canvas.text(x + 6, y + 18, f"{number(sum(parts.values()))} {unit}")
    for i, cause in enumerate(causes):
        x, y = 150 + i % 4 * 205, 62.0 + 40 * len(columns) + 22 * (i // 4)
        canvas.rect(x, y, 13, 13, COLOURS[i % len(COLOURS)])
        canvas.text(x + 19, y + 11, words(cause))
    return canvas.svg()


def pareto(losses: Mapping[str, Mapping[str, float]], title: str, unit: str) -> str:
    """Return grouped bars of losses, the largest (over all ways of working) first."""
    sums = {c: sum(parts.get(c, 0.0) for parts in losses.values()) for p in losses.values() for c in p}
    largest = max(sums.values(), default=0.0)
    # What would be a sliver is left out.
    causes = [c for c in sorted(sums, key=lambda c: (-sums[c], c)) if sums[c] > 0.005 * largest][:12]
    group = 15 * len(losses) + 14
    canvas = Canvas(1000, 70 + group * max(1, len(causes)), title)
    most = max([value for parts in losses.values() for value in parts.values()], default=0.0) or 1.0
    x = 984.0
    for k, way in reversed(list(enumerate(losses))):
        x -= 7.0 * len(way) + 26
        canvas.rect(x, 15, 12, 12, colour_of(way, k))
        canvas.text(x + 17, 26, words(way))
    for i, cause in enumerate(causes):
        top = 48.0 + group * i
        canvas.text(222, top + group / 2, words(cause), anchor="end")
        for k, (way, parts) in enumerate(losses.items()):
            value, y = parts.get(cause, 0.0), top + 15 * k
            canvas.rect(230, y, value / most * 660, 12, colour_of(way, k))
            canvas.text(236 + value / most * 660, y + 10.5, f"{number(value)} {unit}", size=10.5)
    canvas.line([(230, 44), (230, 48 + group * max(1, len(causes)))])
    return canvas.svg()


def waterfall(steps: Mapping[str, Sequence[tuple[str, float]]], title: str, unit: str) -> str:
    """Return, for each way of working, planned time going down loss by loss to what made good parts.

    Args:
        steps: By way of working: the whole, then the losses in order, then what is left.
        title: Above all of them.
        unit: Of the numbers.
    """
    names = [name for name, _ in next(iter(steps.values()), [])]
    canvas = Canvas(1000, 60 + 170 * len(steps), title)
    for k, (way, parts) in enumerate(steps.items()):
        top, whole = 50.0 + 170 * k, max(parts[0][1], 1e-9)
        canvas.text(16, top + 62, words(way), weight=600)
        level, slot = whole, 850.0 / len(names)
        for i, (name, value) in enumerate(parts):
            ends = i in (0, len(parts) - 1)
            high = value if ends else level
            low = 0.0 if ends else level - value
            x, y = 130 + slot * i, top + 110 * (1 - high / whole)
            fill = colour_of(way, k) if ends else "#b8c0c8"
            canvas.rect(x + 4, y, slot - 8, 110 * (high - low) / whole, fill, f"{name}: {value:g} {unit}")
            canvas.text(x + slot / 2, y - 4, number(value), anchor="middle", size=11)
            canvas.text(x + slot / 2, top + 128, words(name), anchor="middle", size=11)
            level = high if i == 0 else low
        canvas.line([(130, top + 110), (130 + slot * len(parts), top + 110)])
    return canvas.svg()


@dataclass(frozen=True)
class Bar:
    """A stretch of time in a lane: seconds, what went on, and what to say when asked."""

    start_s: float
    end_s: float
    state: str
    hint: str = ""


STATE_COLOURS = {
    "cutting": "#009e73",
    "loading": "#56b4e9",
    "waiting": "#e4c95f",
    "stopped": "#d55e00",
    "setting up": "#cc79a7",
    "standby": "#b8c0c8",
    "repair": "#7a1f1f",
    "break": "#8c6d00",
    "no order": "#44546a",
}


def gantt(lanes: Mapping[str, Sequence[Bar]], marks: Mapping[str, Sequence[Bar]], title: str) -> str:
    """Return one lane for each way of working, with people's work below it.

    Args:
        lanes: By way of working, what the machine did.
        marks: By way of working, when a person was at it.
        title: Above all of them.
    """
    end_s = max([b.end_s for lane in lanes.values() for b in lane], default=0.0) or 1.0
    canvas = Canvas(1000, 104 + 74 * len(lanes), title)

    def at(time_s: float) -> float:
        return 130 + 850 * time_s / end_s

    grid = [t for t in ticks(0.0, end_s / 60.0, 8).tolist() if t * 60 <= end_s * 1.0001]
    bottom = 48.0 + 74 * len(lanes)
    for minute in grid:
        canvas.line([(at(60 * minute), 44), (at(60 * minute), bottom)], "grid")
        canvas.text(at(60 * minute), bottom + 15, f"{minute:g} min", anchor="middle", size=11)
    for k, (way, lane) in enumerate(lanes.items()):
        y = 50.0 + 74 * k
        canvas.text(122, y + 24, words(way), anchor="end", weight=600)
        canvas.text(122, y + 51, "a person", anchor="end", size=11)
        for bar in lane:
            colour = STATE_COLOURS.get(bar.state, "#000000")
            hint = f"{bar.start_s:.0f} to {bar.end_s:.0f} s: {bar.state} {bar.hint}".strip()
            canvas.rect(at(bar.start_s), y, at(bar.end_s) - at(bar.start_s), 36, colour, hint)
        for bar in marks.get(way, ()):
            wide = max(1.0, at(bar.end_s) - at(bar.start_s))
            canvas.rect(at(bar.start_s), y + 40, wide, 14, "#323f4b", f"{bar.state} {bar.hint}".strip())
    seen = [s for s in STATE_COLOURS if any(b.state == s for lane in lanes.values() for b in lane)]
    for i, state in enumerate(seen):
        x = 130 + i * 94
        canvas.rect(x, bottom + 28, 13, 13, STATE_COLOURS[state])
        canvas.text(x + 18, bottom + 39, state)
    return canvas.svg()


@dataclass(frozen=True)
class Grid:
    """Differences over two things that were varied, with their intervals.

    Attributes:
        x_label: What runs to the right.
        y_label: What runs upwards.
        x: Its values.
        y: Its values.
        values: (y, x); None where not defined, infinite where the other side makes nothing.
        sure: (y, x): whether the interval leaves out zero.
    """

    x_label: str
    y_label: str
    x: tuple[str, ...]
    y: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    sure: tuple[tuple[bool, ...], ...]


def heat_map(grid: Grid, title: str, negative: str, positive: str) -> str:
    """Return a map: blue where the difference is negative, orange where positive, a line where it turns.

    Args:
        grid: The differences.
        title: Above it.
        negative: What a negative difference means.
        positive: What a positive one means.
    """
    wide, high = 760.0 / len(grid.x), min(64.0, 320.0 / len(grid.y))
    left, top = 130.0, 78.0
    bottom = top + high * len(grid.y)
    canvas = Canvas(1000, bottom + 74, title)
    canvas.rect(left, 37, 13, 13, _GAIN)
    canvas.text(left + 18, 48, negative)
    canvas.rect(left + 330, 37, 13, 13, _LOSS)
    canvas.text(left + 348, 48, positive)
    sizes = sorted(abs(v) for row in grid.values for v in row if v is not None and math.isfinite(v))
    scale = (
        sizes[int(0.8 * (len(sizes) - 1))] if sizes else 0.0
    ) or 1.0  # a few extremes do not pale the rest
    for j, row in enumerate(grid.values):
        y = bottom - high * (j + 1)
        canvas.text(left - 8, y + high / 2 + 4, grid.y[j], anchor="end")
        for i, value in enumerate(row):
            x = left + wide * i
            # A handful of parts that only one side made is no strong case.
            faint = value is None or (math.isinf(value) and not grid.sure[j][i])
            share = 0.0 if faint else abs(value or 0.0) / scale
            fill = "#b8c0c8" if value is None else _shade(_LOSS if value > 0 else _GAIN, share)
            canvas.rect(x + 1, y + 1, wide - 2, high - 2, fill)
            shown = _difference_text(value)
            text = shown if value is None or grid.sure[j][i] else f"{shown} ?"
            canvas.on(x + wide / 2, y + high / 2 + 4, text, 12)
    for segment in break_even(grid):
        points = [(left + wide * x, bottom - high * y) for x, y in segment]
        canvas.line(points, "ink", 4.0)
    for i, text in enumerate(grid.x):
        canvas.text(left + wide * (i + 0.5), bottom + 18, text, anchor="middle")
    canvas.text(left + 380, bottom + 42, grid.x_label, anchor="middle", weight=600)
    canvas.text(16, top - 8, grid.y_label, size=12, weight=600)
    legend = "? the interval holds zero; only: the other makes no good part; the black line is where it turns"
    canvas.text(left, bottom + 64, legend, size=11)
    return canvas.svg()


def _difference_text(value: float | None) -> str:
    if value is None:
        return "-"
    if math.isinf(value):
        return "only"
    return f"{value:+.0f}" if abs(value) >= 100 else f"{value:+.3g}"


def break_even(grid: Grid) -> list[list[tuple[float, float]]]:
    """Return the edges of cells between which the difference changes sign, in cells from the lower left."""

    def sign(j: int, i: int) -> int:
        if not (0 <= j < len(grid.y) and 0 <= i < len(grid.x)):
            return 0
        value = grid.values[j][i]
        return 0 if value is None else int(math.copysign(1, value))

    edges = []
    for j in range(len(grid.y)):
        for i in range(len(grid.x)):
            if sign(j, i) * sign(j, i + 1) < 0:
                edges.append([(i + 1.0, float(j)), (i + 1.0, j + 1.0)])
            if sign(j, i) * sign(j + 1, i) < 0:
                edges.append([(float(i), j + 1.0), (i + 1.0, j + 1.0)])
    return edges


def _shade(colour: str, share: float) -> str:
    """Return a colour mixed with white, full at a share of 1."""
    mix = 0.25 + 0.6 * min(1.0, math.sqrt(share))
    channels = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - mix * (255 - c)):02x}" for c in channels)


def label(metric: str, unit: str) -> str:
    """Return a metric in words with its unit, which is left out where the name says it or there is none."""
    said = unit == "1" or metric.endswith(f"_{unit}")
    return words(metric) if said else f"{words(metric)} ({unit})"


def number(value: float | None) -> str:
    """Return a number with three digits that count."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if size >= 1e-3 or value == 0 else f"{value:.1e}"


def entry_text(entry: Mapping[str, Any]) -> str:
    """Return a mean with its interval as text."""
    if entry["mean"] is None:
        return "-"
    if entry["ci95"] is None:
        return number(entry["mean"])
    return f"{number(entry['mean'])} [{number(entry['ci95'][0])}, {number(entry['ci95'][1])}]"


def signed_text(one: Mapping[str, Any]) -> str:
    """Return a difference with its interval."""
    if one["difference"] is None:
        return "-"
    ends = "" if one["ci95"] is None else f" [{one['ci95'][0]:+.3f}, {one['ci95'][1]:+.3f}]"
    return f"{one['difference']:+.3f}{ends}"
