"""`benchmark.html`: the table in one file, with nothing to be fetched and everything from outside escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from experiments.benchmarking import charts
from experiments.benchmarking.cells import SEEN
from experiments.benchmarking.table import AVERAGE
from experiments.failures import CAUSES

_STYLE = """
:root{--ink:#1f2933;--soft:#52606d;--paper:#fff;--line:#e4e7eb;--good:0,114,178}
@media (prefers-color-scheme:dark){:root{--ink:#cdd9e5;--soft:#909dab;--paper:#0d1117;--line:#2d333b}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
body{margin:2rem auto;max-width:1180px;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.86rem}
th,td{border-bottom:1px solid var(--line);padding:.3rem .55rem;text-align:right}
th,td{white-space:nowrap;vertical-align:top}
th:first-child,td:first-child{text-align:left}td.text{text-align:left;white-space:normal;min-width:14rem}
small{color:var(--soft)}.note{color:var(--soft);max-width:62rem}.control td:first-child{padding-left:1.6rem}
.quick{background:#b4231822;border-left:4px solid #b42318;padding:.6rem 1rem;font-weight:600}
.ink{fill:var(--ink)}.grid{stroke:var(--line)}.whisker{stroke:var(--ink);stroke-width:1.1;fill:none}
.key{fill:var(--ink)}.hollow{fill:none;stroke:var(--ink);stroke-width:2}.hole{fill:var(--paper)}
.clips{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;width:240px}figcaption{font-size:.8rem;color:var(--soft)}
svg{max-width:100%;height:auto}code{font-size:.85em}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(figures: Mapping[str, Any], folder: Path) -> str:
    """Return the page.

    Args:
        figures: What `benchmark.json` holds.
        folder: Where the clips' files are found.
    """
    rows = figures["rows"]
    own = [row for row in rows if not row["control"]]
    cells = [cell["name"] for cell in figures["cells"]]
    quick = ""
    if figures["quick"]:
        quick = f'<p class="quick">Quick look: {figures["n_episodes"]} episodes a cell. Not a result.</p>'
    parts = [
        f"<h1>{escape(figures['task'])}: seen and unseen</h1>",
        _facts(figures),
        quick,
        _failed(figures["failed"]),
        "<h2>Success, percent, with 95 % intervals</h2>",
        _success(own, cells),
        f'<p class="note">{escape(figures["classical"])}</p>',
        charts.bars_svg(own, cells),
        charts.gap_svg(own, figures["published"]),
        charts.strength_svg(own),
        _controls(rows, figures),
        _paired(figures["paired"], [SEEN if SEEN in cells else cells[0], AVERAGE]),
        _failures(own, cells),
        _clips(figures["clips"], folder),
        _latency(rows),
        _counted(own, cells),
        _published(figures["published"]),
        _made(figures),
    ]
    title = f"Benchmark: {figures['task']}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _facts(figures: Mapping[str, Any]) -> str:
    most = max((row["n_policies"] for row in figures["rows"]), default=1)
    fresh = figures["split_seed"]
    which = "the committed splits" if fresh is None else f"fresh unseen splits (seed {fresh})"
    return (
        f'<p class="note">{figures["n_episodes"]} episodes a cell and policy, up to {most} '
        f"training seeds a row, the same episodes for all rows (seed {figures['seed']}), {which}. Rates "
        "are pooled over a row's policies, with Wilson intervals; averages and gaps have bootstrap ones.</p>"
    )


def _failed(failed: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f'<p class="quick">{escape(f["row"])} on {escape(f["cell"])} failed: {escape(f["error"])}</p>'
        for f in failed
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = ()) -> str:
    """A table of cells that are HTML already."""
    top = "".join(f"<th>{escape(text)}</th>" for text in head)
    lines = []
    for i, row in enumerate(rows):
        mark = f' class="{classes[i]}"' if i < len(classes) and classes[i] else ""
        cells = "".join(c if c.startswith("<td") else f"<td>{c}</td>" for c in row)
        lines.append(f"<tr{mark}>{cells}</tr>")
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def _percent(mean: float | None, ends: Sequence[float] | None, note: str = "") -> str:
    if mean is None or ends is None:
        return "–"
    low, high = (100 * end for end in ends)
    return f"{100 * mean:.1f}<br><small>{low:.1f} – {high:.1f}{escape(note)}</small>"


def _shaded(cell: Mapping[str, Any] | None) -> str:
    if cell is None or cell["success_rate"] is None:
        return "<td>–</td>"
    told = f"{cell['n_success']}/{cell['n_episodes']}"
    if len(cell["per_policy"]) > 1:
        told += "; by policy " + ", ".join(f"{100 * (r or 0):.1f}" for r in cell["per_policy"])
    if cell["stale"]:
        told += "; kept from other versions: " + "; ".join(cell["stale"])
    mark = " *" if cell["stale"] else ""
    shown = _percent(cell["success_rate"], cell["ci95"], mark)
    shade = f"background:rgba(var(--good),{0.42 * cell['success_rate']:.2f})"
    return f'<td style="{shade}" title="{escape(told)}">{shown}</td>'


def _success(rows: Sequence[Mapping[str, Any]], cells: Sequence[str]) -> str:
    body = []
    for row in rows:
        mean, gap = row.get("unseen_average"), row.get("gap")
        part = "" if mean is None or mean["n_cells"] == 6 else f" of {mean['n_cells']} cells"
        body.append(
            [
                f"{escape(row['name'])}<br><small>{row['n_policies']} "
                f"{'policy' if row['n_policies'] == 1 else 'policies'}</small>",
                *(_shaded(row["cells"].get(name)) for name in cells),
                _percent(mean["mean"], mean["ci95"], part) if mean else "–",
                _percent(gap["mean"], gap["ci95"]) if gap else "–",
            ]
        )
    return _table(["row", *cells, AVERAGE, "seen less unseen"], body)


def _controls(rows: Sequence[Mapping[str, Any]], figures: Mapping[str, Any]) -> str:
    from experiments.controls import CONTROLS

    controls = [row for row in rows if row["control"] and row["cells"]]
    if not controls:
        return ""
    body = []
    for row in controls:
        (name, cell), *_ = row["cells"].items()
        base = next(r for r in rows if r["name"] == row["base"])["cells"].get(name)
        old = cell.get("took_old")
        body.append(
            [
                escape(row["base"]),
                f'<td class="text">{escape(row["control"])}<br>'
                f"<small>{escape(CONTROLS[row['control']])}</small></td>",
                escape(name),
                str(cell["n_episodes"]),
                _percent(base["success_rate"], base["ci95"]) if base else "–",
                _percent(cell["success_rate"], cell["ci95"]),
                _percent(old["rate"], old["ci95"]) if old else "",
            ]
        )
    head = ["row", "control", "cell", "episodes", "without it", "with it", "took the part named at first"]
    return (
        "<h2>Controls</h2>" + _table(head, body) + '<p class="note">A policy that does as well without words '
        "or eyes does not use them. Swapped: the same scene with another part named, success is for the new "
        "one. The unperturbed control is the cell “nominal”.</p>"
    )


def _paired(tests: Sequence[Mapping[str, Any]], cells: Sequence[str]) -> str:
    body = []
    for name in cells:
        for t in (t for t in tests if t["cell"] == name):
            body.append(
                [
                    escape(name),
                    f"{escape(t['a'])} – {escape(t['b'])}",
                    _percent(t["difference"], t["ci95"]),
                    f"{t['better_a']} / {t['better_b']} of {t['n_pairs']}",
                    escape(t["test"]),
                    _p(t["p"]),
                    _p(t["p_holm"]),
                ]
            )
    if not body:
        return ""
    head = ["cell", "rows", "difference, points", "episodes better", "test", "p", "p, Holm"]
    return (
        "<h2>Paired tests on the same episodes</h2>"
        + _table(head, body)
        + '<p class="note">The p values tell '
        "of these policies on such episodes; the interval also of other training seeds. Holm's adjustment is "
        "over all pairs of one cell. The other cells are in benchmark.json.</p>"
    )


def _p(value: float | None) -> str:
    return "–" if value is None else "&lt; 0.0001" if value < 1e-4 else f"{value:.4f}"


def _failures(rows: Sequence[Mapping[str, Any]], cells: Sequence[str]) -> str:
    body = []
    for row in rows:
        counts = {
            c: sum(row["cells"][n]["failures"].get(c, 0) for n in cells if n in row["cells"]) for c in CAUSES
        }
        n = sum(row["cells"][name]["n_episodes"] for name in cells if name in row["cells"])
        body.append([escape(row["name"]), str(n), *(str(counts[c] or "") for c in CAUSES)])
    return "<h2>Why episodes failed, all cells</h2>" + _table(["row", "episodes", *CAUSES], body)


def _clips(clips: Sequence[Mapping[str, Any]], folder: Path) -> str:
    figures = []
    for clip in clips:
        file = folder / clip["file"]
        if not file.is_file():
            continue
        data = base64.b64encode(file.read_bytes()).decode()
        told = f"{clip['cause']}: {clip['row']} on {clip['cell']}, seed {clip['seed']}"
        figures.append(
            f'<figure><img src="data:image/webp;base64,{data}" width="240" alt="{escape(told)}">'
            f"<figcaption><b>{escape(clip['cause'])}</b><br>{escape(clip['row'])} on {escape(clip['cell'])}, "
            f"seed {clip['seed']}<br>“{escape(clip['instruction'])}”</figcaption></figure>"
        )
    return f'<h2>One of each</h2><div class="clips">{"".join(figures)}</div>' if figures else ""


def _latency(rows: Sequence[Mapping[str, Any]]) -> str:
    body = []
    for row in rows:
        late, where = row["latency"], row["where"]
        if not where:
            continue
        shares = where["share"]
        body.append(
            [
                escape(row["name"]),
                f"{late['median_ms']:.2f}",
                f"{late['p99_ms']:.2f}",
                "yes" if late["in_time"] else "NO",
                *(f"{100 * shares[name]:.0f}" for name in ("physics", "rendering", "inference", "python")),
                f"{where['episodes_per_minute_per_core']:.0f}",
                "" if (busy := where["episodes_per_cpu_minute"]) is None else f"{busy:.0f}",
            ]
        )
    if not body:
        return ""
    period = rows[0]["latency"]["period_ms"]
    head = ["row", "act(), median ms", "99 %, ms", f"within {period:.0f} ms", "physics %", "rendering %",
            "inference %", "python %", "episodes / min / core", "episodes / CPU min"]  # fmt: skip
    return "<h2>Latency, and where the time goes</h2>" + _table(head, body)


def _counted(rows: Sequence[Mapping[str, Any]], cells: Sequence[str]) -> str:
    body = []
    for name in cells:
        found = [row["cells"][name] for row in rows if name in row["cells"]]
        if found:
            most = max(found, key=lambda c: c["instructions"])
            body.append(
                [
                    escape(name),
                    str(most["instructions"]),
                    str(most["parts"]),
                    escape(", ".join(most["skills"])),
                ]
            )
    return "<h2>What was asked for</h2>" + _table(
        ["cell", "different instructions", "different named parts", "skills"], body
    )


def _published(published: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in published for name in row["cells"]))

    def rate(value: float | None) -> str:
        return "–" if value is None else f"{value:g}"

    body = [
        [
            f"{escape(row['name'])}<br><small>{escape(row['label'])}</small>", rate(row["seen"]),
            *(rate(row["cells"].get(name)) for name in names), rate(row["unseen_average"]),
            f'<td class="text"><small>{escape(row["source"])}</small></td>',
        ]
        for row in published
    ]  # fmt: skip
    return "<h2>Published, for reference only</h2>" + _table(["row", "seen", *names, AVERAGE, "source"], body)


def _made(figures: Mapping[str, Any]) -> str:
    manifest = figures["manifest"]
    splits = [
        [escape(c["name"]), escape(c["split"]), escape(str(c["options"].get("stress", ""))),
         f"<code>{escape(str(c['split_hash'] or '')[:16])}</code>"]
        for c in figures["cells"]
    ]  # fmt: skip
    versions = ", ".join(f"{name} {value}" for name, value in manifest["versions"].items() if value)
    git = manifest["git"] or {}
    told = [
        f"versions: {versions}",
        f"commit {git.get('commit', 'unknown')}{' with changes' if git.get('dirty') else ''}",
        f"platform {manifest['platform']['system']}, fingerprint {manifest['platform']['fingerprint']}",
    ]
    if figures["redone_episodes"]:
        told.append(f"{figures['redone_episodes']} episodes were lost with a worker that died and done again")
    return (
        "<h2>Made with</h2>"
        + "".join(f'<p class="note">{escape(text)}</p>' for text in told)
        + _table(["cell", "split", "disturbances", "split hash"], splits)
        + '<p class="note">Run a sample of these episodes again: <code>python -m experiments.benchmark '
        "--verify benchmark.json</code></p>"
    )
