"""`table.md`: the table as a page of Markdown, for README and docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.benchmarking.table import AVERAGE
from experiments.failures import CAUSES
from experiments.markdown import Block, page, table


def sheet(figures: Mapping[str, Any]) -> str:
    """Return the page of what `benchmark.json` holds."""
    return page(f"{figures['task']}: seen and unseen", *_blocks(figures))


def success(figures: Mapping[str, Any]) -> list[str]:
    """Return the table of success in percent, with 95 % intervals, published rows last."""
    cells = [cell["name"] for cell in figures["cells"]]
    own = [row for row in figures["rows"] if not row["control"]]
    rows = []
    for row in own:
        told = [_cell(row["cells"].get(name)) for name in cells]
        rows.append([_named(row), *told, _average(row.get("unseen_average")), _average(row.get("gap"))])
        if row["n_policies"] > 1:
            rows.append([f"{row['name']}, by policy", *(_by(row["cells"].get(n)) for n in cells), "", ""])
    for row in figures["published"]:
        seen = {"seen": row["seen"], **row["cells"]}
        told = [_plain(seen.get(name)) for name in cells]
        rows.append([f"*{row['name']} ({row['label']})*", *told, _plain(row["unseen_average"]), ""])
    return table(["row", *cells, AVERAGE, "seen less unseen"], rows)


def _blocks(figures: Mapping[str, Any]) -> Iterator[Block]:
    if figures["quick"]:
        yield f"**Quick look: {figures['n_episodes']} episodes a cell, not a result.**"
    splits = "committed splits" if figures["split_seed"] is None else "splits drawn afresh"
    yield (
        f"{figures['n_episodes']} episodes a cell and policy, the same for all rows (seed "
        f"{figures['seed']}, {splits}). Percent; rates are pooled over a row's policies, with Wilson 95 % "
        "intervals; averages and gaps have bootstrap ones, over policies and episodes."
    )
    if joined := figures.get("joined"):
        yield f"Joined by `python -m experiments.benchmark --join {' '.join(joined)}`."
    yield success(figures)
    stale = sorted({text for row in figures["rows"] for c in row["cells"].values() for text in c["stale"]})
    if stale:
        yield f"\\* made with other code: {'; '.join(stale)}."
    if figures["classical"]:
        yield figures["classical"]
    controls = [row for row in figures["rows"] if row["control"] and row["cells"]]
    if controls:
        yield "## Controls"
        yield _controls(controls, figures["rows"])
    yield "## Why episodes failed, all cells"
    yield _failures([row for row in figures["rows"] if not row["control"]])
    yield "## Latency"
    yield _latency(figures["rows"])
    yield "## What was asked for"
    yield _asked(figures)


def _named(row: Mapping[str, Any]) -> str:
    n = row["n_policies"]
    return f"{row['name']}, {n} policies" if n > 1 else row["name"]


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None or cell["success_rate"] is None:
        return ""
    return _percent(cell["success_rate"], cell["ci95"]) + (" \\*" if cell["stale"] else "")


def _by(cell: Mapping[str, Any] | None) -> str:
    return (
        "" if cell is None else ", ".join("-" if r is None else f"{100 * r:.1f}" for r in cell["per_policy"])
    )


def _average(mean: Mapping[str, Any] | None) -> str:
    if mean is None:
        return ""
    part = "" if mean["n_cells"] == 6 else f" of {mean['n_cells']}"
    return _percent(mean["mean"], mean["ci95"]) + part


def _percent(mean: float, ends: Sequence[float]) -> str:
    low, high = (100 * end for end in ends)
    return f"{100 * mean:.1f} [{low:.1f}, {high:.1f}]"


def _plain(value: float | None) -> str:
    return "" if value is None else f"*{value:g}*"


def _controls(controls: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    told = []
    for row in controls:
        base: Mapping[str, Any] = next((r["cells"] for r in rows if r["name"] == row["base"]), {})
        for name, cell in row["cells"].items():
            old = cell.get("took_old")
            told.append(
                [
                    row["base"], row["control"], name, f"{cell['n_success']} of {cell['n_episodes']}",
                    _cell(cell), _cell(base.get(name)),
                    _percent(old["rate"], old["ci95"]) if old and old["n"] else "0" if old else "",
                ]
            )  # fmt: skip
    head = ["row", "control", "cell", "did", "with it", "without it", "took the part named at first"]
    return table(head, told)


def _failures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    told = []
    for row in rows:
        cells = row["cells"].values()
        counts = {cause: sum(c["failures"].get(cause, 0) for c in cells) for cause in CAUSES}
        n = sum(c["n_episodes"] for c in cells)
        told.append([row["name"], str(n), *(str(counts[cause] or "") for cause in CAUSES)])
    return table(["row", "episodes", *CAUSES], told)


def _latency(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    told = []
    for row in (r for r in rows if not r["control"] and r["where"]):
        late, where = row["latency"], row["where"]
        told.append(
            [
                row["name"], f"{late['median_ms']:.2f}", f"{late['p99_ms']:.2f}", f"{late['period_ms']:.0f}",
                f"{where['episodes_per_minute_per_core']:.0f}",
            ]
        )  # fmt: skip
    return table(["row", "act(), median ms", "99 %, ms", "period, ms", "episodes a minute and core"], told)


def _asked(figures: Mapping[str, Any]) -> list[str]:
    told = []
    for cell in figures["cells"]:
        found = [row["cells"][cell["name"]] for row in figures["rows"] if cell["name"] in row["cells"]]
        counts = [str(max((c[key] for c in found), default=0)) for key in ("instructions", "parts")]
        told.append([cell["name"], *counts, f"`{str(cell['split_hash'] or '')[:16]}`"])
    return table(["cell", "different instructions", "different named parts", "split hash"], told)
