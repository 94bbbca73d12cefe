"""Charts of the table: bars with intervals, the gap from seen to unseen, success against strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from experiments.benchmarking.cells import SEEN, STRENGTHS
from experiments.figures import PALETTE, line_chart_svg

# For what is not ours.
_GREY = "#9aa5b1"
# Rules of the page go before these attributes, and hand the reader's dark scheme on.
_LINE = 'stroke="#1f2933" stroke-width="1.1" fill="none"'
_WIDTH, _LEFT, _RIGHT = 900, 230, 60
_BAR, _GAP = 9, 16
_FONT = 'font-family="system-ui, sans-serif" class="ink" fill="#1f2933"'
_TEXT = f'{_FONT} font-size="13"'


def colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each row, the same in every chart."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


def bars_svg(rows: Sequence[Mapping[str, Any]], cells: Sequence[str]) -> str:
    """Return success of every row on every cell as bars with their 95 % intervals."""
    names = [row["name"] for row in rows]
    colour = colours(names)
    body: list[str] = []
    y = 34 + 18 * _legend_lines(names)
    top = y
    for cell in cells:
        shown = [(row["name"], row["cells"][cell]) for row in rows if cell in row["cells"]]
        shown = [(name, c) for name, c in shown if c["success_rate"] is not None]
        if not shown:
            continue
        middle = y + len(shown) * _BAR / 2
        body.append(_said(_LEFT - 10, middle + 4, cell, "end"))
        for name, c in shown:
            told = f"{name} on {cell}: {c['n_success']}/{c['n_episodes']}"
            body.append(_bar(y, c["success_rate"], c["ci95"], colour[name], told))
            y += _BAR
        y += _GAP
    return _chart(
        "Success by cell, 95 % Wilson intervals", y + 20, _axis(top - 8, y) + body + _legend(names, colour)
    )


def _bar(y: float, rate: float, ends: Sequence[float], colour: str, told: str) -> str:
    x0, x1, low, high = _x(0), _x(rate), _x(ends[0]), _x(ends[1])
    middle = y + _BAR / 2
    return (
        f'<g><title>{escape(told)}</title><rect x="{x0:.1f}" y="{y + 1:.1f}" width="{max(x1 - x0, 0.8):.1f}" '
        f'height="{_BAR - 2}" fill="{colour}"/>'
        f'<path class="whisker" {_LINE} d="M{low:.1f} {middle:.1f}H{high:.1f}M{low:.1f} {middle - 3:.1f}v6'
        f'M{high:.1f} {middle - 3:.1f}v6"/></g>'
    )


def gap_svg(rows: Sequence[Mapping[str, Any]], published: Sequence[Mapping[str, Any]]) -> str:
    """Return the way from seen to the unseen average, of each row and of the published ones; "" for none."""
    own = [row for row in rows if "gap" in row]
    if not own:
        return ""
    colour = colours([row["name"] for row in rows])
    body: list[str] = []
    y = top = 62.0
    for row in own:
        seen, mean = row["cells"][SEEN], row["unseen_average"]
        told = f"{row['name']}: seen {seen['success_rate']:.1%}, unseen average {mean['mean']:.1%}"
        pair = [(seen["success_rate"], seen["ci95"]), (mean["mean"], mean["ci95"])]
        body.append(_dumbbell(y, row["name"], pair, colour[row["name"]], told))
        y += 30
    body.append(_said(_LEFT - 10, y + 8, "published:", "end"))
    body.append(_said(_LEFT, y + 8, "not comparable, for reference"))
    y += 30
    for row in published:
        if row["seen"] is None:
            continue
        told = f"{row['name']} ({row['label']}): seen {row['seen']}, unseen {row['unseen_average']}"
        pair = [(row["seen"] / 100, None), (row["unseen_average"] / 100, None)]
        body.append(_dumbbell(y, row["name"], pair, _GREY, told))
        y += 30
    key = (
        f'<circle cx="{_LEFT + 6}" cy="42" r="5" class="key"/>{_said(_LEFT + 16, 46, "seen")}'
        f'<circle cx="{_LEFT + 76}" cy="42" r="5" class="hollow" {_LINE}/>'
        f"{_said(_LEFT + 86, 46, 'unseen average')}"
    )
    return _chart("From seen to unseen", y + 24, [key, *_axis(top - 12, y - 8), *body])


def _dumbbell(y: float, name: str, pair: Sequence[tuple[float, Any]], colour: str, told: str) -> str:
    (seen, _), (unseen, _) = pair
    short = name if len(name) <= 30 else f"{name[:29]}…"
    parts = [
        f"<g><title>{escape(told)}</title>"
        f"{_said(_LEFT - 10, y + 4, short, 'end')}"
        f'<path d="M{_x(unseen):.1f} {y:.1f}H{_x(seen):.1f}" stroke="{colour}" '
        'stroke-width="2" opacity="0.6"/>'
    ]
    for shift, (_, ends) in zip((-6, 6), pair, strict=True):
        if ends is not None:
            parts.append(
                f'<path d="M{_x(ends[0]):.1f} {y + shift:.1f}H{_x(ends[1]):.1f}" stroke="{colour}" '
                'stroke-width="3" opacity="0.5"/>'
            )
    parts.append(f'<circle cx="{_x(seen):.1f}" cy="{y:.1f}" r="5.5" fill="{colour}"/>')
    parts.append(
        f'<circle cx="{_x(unseen):.1f}" cy="{y:.1f}" r="5.5" class="hole" fill="#ffffff" stroke="{colour}" '
        'stroke-width="2.5"/></g>'
    )
    return "".join(parts)


def strength_svg(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return success against the strength of shop-floor disturbances; "" where none was measured."""
    series, bands = {}, {}
    for row in rows:
        at = [(0, SEEN), *((k, f"physics-{k}") for k in STRENGTHS)]
        points = [(k, row["cells"][name]) for k, name in at if name in row["cells"]]
        points = [(k, c) for k, c in points if c["success_rate"] is not None]
        if not any(k for k, _ in points):
            continue
        x = [float(k) for k, _ in points]
        series[row["name"]] = (x, [100 * c["success_rate"] for _, c in points])
        bands[row["name"]] = tuple([100 * c["ci95"][end] for _, c in points] for end in (0, 1))
    if not series:
        return ""
    return line_chart_svg(
        series,
        "Shop floor",
        "strength of disturbances (0: seen)",
        "success (%)",
        bands,  # type: ignore[arg-type]
    )


def _said(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text {_TEXT} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _x(rate: float) -> float:
    return _LEFT + rate * (_WIDTH - _LEFT - _RIGHT)


def _axis(top: float, bottom: float) -> list[str]:
    parts = []
    for percent in range(0, 101, 20):
        x = _x(percent / 100)
        parts.append(f'<path class="grid" stroke="#e4e7eb" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>')
        parts.append(_said(x, bottom + 16, f"{percent} %", "middle"))
    return parts


def _legend_lines(names: Sequence[str]) -> int:
    return len(_rows_of_legend(names))


def _rows_of_legend(names: Sequence[str]) -> list[list[tuple[float, str]]]:
    """Names with where they begin, line by line; SVG cannot measure text here."""
    rows: list[list[tuple[float, str]]] = [[]]
    x = 24.0
    for name in names:
        width = 7.4 * len(name) + 40
        if x + width > _WIDTH and rows[-1]:
            rows.append([])
            x = 24.0
        rows[-1].append((x, name))
        x += width
    return rows


def _legend(names: Sequence[str], colour: Mapping[str, str]) -> list[str]:
    parts = []
    for line, row in enumerate(_rows_of_legend(names)):
        y = 46 + 18 * line
        for x, name in row:
            parts.append(f'<rect x="{x:.0f}" y="{y - 9}" width="14" height="9" fill="{colour[name]}"/>')
            parts.append(_said(x + 20, y, name))
    return parts


def _chart(title: str, height: float, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
        f'height="{height:.0f}" role="img"><title>{escape(title)}</title>'
        f'<text x="24" y="24" {_FONT} font-size="16" font-weight="600">{escape(title)}</text>\n'
        + "\n".join(body)
        + "\n</svg>"
    )
