"""What a sweep came to: a row for each run, and what runs that differ by seed amount to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.rollout import EnvRequest
from experiments.run import write_json_atomic
from experiments.stats import wilson_interval

if TYPE_CHECKING:
    from experiments.sweep import Outcome, Run, Sweep


def write(folder: Path, runs: Sequence[Run], outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Write `sweep.json`, and return it."""
    rows = [_row(run, outcomes[run.name]) for run in runs]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        same = [row[key] for key in ("task", "agent", "variant", "drawn")]
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(row)
    table = {"runs": rows, "groups": [_group(group) for group in groups.values()]}
    write_json_atomic(folder / "sweep.json", table)
    return table


def _row(run: Run, outcome: Outcome) -> dict[str, Any]:
    row = {"name": run.name, "task": run.config.task, "agent": run.agent, "seed": run.config.seed,
           "variant": run.variant, "drawn": dict(run.drawn), "attempts": outcome.attempts}  # fmt: skip
    if (summary := run.summary()) is not None:
        keys = ("success_rate", "ci95", "n_success", "n_episodes", "cycle_s", "learn_s", "lots")
        kept = {key: summary.get(key) for key in keys}
        return {**row, "state": "finished", "validation": run.validation(), **kept}
    if outcome.code == 0:
        return {**row, "state": "unfinished"}
    return {**row, "state": "failed", "exit_code": outcome.code, "error": _last_words(run)}


def _last_words(run: Run) -> str:
    """Return the line in a run's log that says why it failed."""
    try:
        text = run.log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    return next((line for line in reversed(found) if line.startswith("error: ")), found[-1] if found else "")


def _group(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    done = [row for row in rows if row["state"] == "finished"]
    head = {key: rows[0][key] for key in ("task", "agent", "variant", "drawn")}
    n, n_success = sum(r["n_episodes"] for r in done), sum(r["n_success"] for r in done)
    rates = [r["success_rate"] for r in done]
    validations = [r["validation"] for r in done if r["validation"] is not None]
    return {
        **head, "n_runs": len(rows), "n_finished": len(done), "seeds": [r["seed"] for r in done],
        "validation": sum(validations) / len(validations) if validations else None,
        "success_rate": n_success / n if n else None,
        "ci95": list(wilson_interval(n_success, n)) if n else None,
        "success_rate_of_seeds": rates, "n_episodes": n, "n_success": n_success,
    }  # fmt: skip


def lines(table: Mapping[str, Any]) -> list[str]:
    """Return a sweep's table as lines for people, the best in validation first: tests choose nothing."""
    told = [f"{'task':<16}{'agent':<12}{'runs':>6}{'validation':>12}{'test success, %':>24}  drawn"]
    for group in sorted(table["groups"], key=_place):
        rate, score = "-", group["validation"]
        if group["success_rate"] is not None:
            low, high = (100 * end for end in group["ci95"])
            rate = f"{100 * group['success_rate']:.1f} [{low:.1f}, {high:.1f}]"
        values = " ".join([group["variant"], *(f"{key}={value}" for key, value in group["drawn"].items())])
        runs = f"{group['n_finished']}/{group['n_runs']}"
        task = EnvRequest(group["task"]).name
        name, seen = Path(group["agent"]).stem, "-" if score is None else f"{score:.4g}"
        told.append(f"{task:<16}{name:<12}{runs:>6}{seen:>12}{rate:>24}  {values.strip()}")
    for row in table["runs"]:
        if row["state"] == "failed":
            told.append(f"{row['name']} failed ({row['exit_code']}): {row['error']}")
        elif row["attempts"] > 1:
            told.append(f"{row['name']}: its process died; it went on, {row['attempts']} processes in all")
    return told


def benchmark_of(plan: Sweep, folder: Path) -> list[str]:
    """Return how to have the table of what was learned, where variants are to be told apart."""
    rows = [f"{name}='{folder / 'runs'}/*-{name}-s*'" for name in plan.variants]
    if not rows or len(plan.tasks) > 1:
        return []
    return [
        "The table of them: python -m experiments.benchmark",
        f"  {' '.join(rows)} --task {plan.tasks[0]}",
    ]


def _place(group: Mapping[str, Any]) -> float:
    return float("inf") if group["validation"] is None else -group["validation"]
