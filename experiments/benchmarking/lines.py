"""The table as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.benchmarking.table import AVERAGE


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table, what stands out, and what failed."""
    cells = [cell["name"] for cell in figures["cells"]]
    rows = figures["rows"]
    width = max(12, *(len(row["name"]) + 2 for row in rows))
    if figures["quick"]:
        yield f"QUICK LOOK: {figures['n_episodes']} episodes a cell, not a result"
    yield f"{'success, % [95 %]':<{width}}" + "".join(f"{name:>20}" for name in (*cells, AVERAGE))
    for row in rows:
        shown = [_cell(row["cells"].get(name)) for name in cells] + [_average(row)]
        yield f"{row['name']:<{width}}" + "".join(f"{text:>20}" for text in shown)
    for row in rows:
        late = row["latency"]
        where = row["where"]
        if where:
            yield (
                f"{row['name']:<{width}} act() {late['median_ms']:.2f} ms, 99 % {late['p99_ms']:.2f} of "
                f"{late['period_ms']:.0f} ms; {where['episodes_per_minute_per_core']:.0f} episodes/min/core"
            )
    if figures["classical"]:
        yield figures["classical"]
    for failed in figures["failed"]:
        yield f"FAILED: {failed['row']} on {failed['cell']}: {failed['error']}"


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None or cell["success_rate"] is None:
        return "-"
    low, high = (100 * end for end in cell["ci95"])
    mark = "*" if cell["stale"] else ""
    return f"{100 * cell['success_rate']:.1f} [{low:.0f}, {high:.0f}]{mark}"


def _average(row: Mapping[str, Any]) -> str:
    mean = row.get("unseen_average")
    if mean is None:
        return "-"
    low, high = (100 * end for end in mean["ci95"])
    part = "" if mean["n_cells"] == 6 else f" of {mean['n_cells']}"
    return f"{100 * mean['mean']:.1f} [{low:.0f}, {high:.0f}]{part}"
