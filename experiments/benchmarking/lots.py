"""Benchmarks of lots of parts on a machine tool: every agent on the same lots, with paired differences."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.benchmarking.cells import splits_of
from experiments.errors import unknown
from experiments.receipts import episode_columns, made_by, policy_identity

if TYPE_CHECKING:
    from experiments.benchmark import Config


def compare(config: Config) -> list[dict[str, Any]]:
    """Return a row for each of `who` on each split."""
    from tqdm import tqdm

    from experiments.evaluation import evaluate_policy, prepared
    from experiments.executor import Workers
    from experiments.rollout import EnvRequest
    from experiments.run import usable_cores

    EnvRequest(config.task).check()
    known = splits_of(config.task)
    for split in config.splits:
        if split not in known:
            raise unknown("split", split, known)
    splits = config.splits or known
    n = min(config.episodes, 8) if config.quick else config.episodes
    jobs = {}  # all are made before any is run, so that a mistake in the last name costs nothing
    for split in splits:
        for who in config.who:
            names = {"task": config.task, "split": split, "robot": "lrmate200id", "control": "ee_yaw"}
            jobs[who, split] = prepared(who, names)
    rows: list[dict[str, Any]] = []
    bar = tqdm(total=n * len(jobs), desc="Benchmark", unit="episode", file=sys.stderr)
    with bar:
        for (who, split), (policy, request) in jobs.items():
            with Workers(request, config.workers or usable_cores()) as workers:
                summary, episodes = evaluate_policy(
                    policy, workers, n, config.seed, lambda done: bar.update(len(done))
                )
                split_hash = workers.facts().split_hash
            row = {"who": who, "task": request.name, "split": split, "split_hash": split_hash,
                   "seed": config.seed, **summary, "values": _values(summary, episodes),
                   "episodes": episode_columns(episodes),
                   "identity": {"policy": policy_identity(who, policy), **made_by(request)}}  # fmt: skip
            first = next((r for r in rows if r["split"] == split), None)
            rows.append(row | ({"against_first": _against(row, first)} if first else {}))
    return rows


def _values(summary: Mapping[str, Any], episodes: Sequence[Any]) -> list[float]:
    """Return what is compared in pairs: a lot's score, or success."""
    return [float(e.final["score"] if "lots" in summary else e.success) for e in episodes]


def _against(row: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    """Return the paired difference to the first on the same episodes."""
    from experiments.stats import paired_difference

    pair = paired_difference(row["values"], first["values"])
    ends = list(pair.ci95) if math.isfinite(pair.ci95[0]) else None  # fewer than 6 pairs say nothing
    return {"who": first["who"], "difference": pair.mean, "ci95": ends, "p": pair.p}


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the rows as lines for people."""
    lots = any("lots" in row for row in rows)
    heads = ("cost per good part", "good parts, %", "score") if lots else ("success, %",)
    yield f"{'split':<18}{'who':<26}" + "".join(f"{head:>24}" for head in (*heads, "against the first"))
    for row in rows:
        yield f"{row['split']:<18}{Path(row['who']).name:<26}" + "".join(f"{c:>24}" for c in _cells(row))


def _cells(row: Mapping[str, Any]) -> Iterator[str]:
    if "lots" in row:
        for key, scale in (("cost_per_good_part", 1), ("share_good", 100), ("score", 1)):
            some = row["lots"][key]
            yield _interval(scale * some["mean"], [scale * end for end in some["ci95"]])
    else:
        yield _interval(100 * row["success_rate"], [100 * end for end in row["ci95"]])
    if "against_first" in row:
        yield _interval(row["against_first"]["difference"], row["against_first"]["ci95"])
    else:
        yield ""


def _interval(value: float, ends: Sequence[float] | None) -> str:
    if ends is None:
        return f"{value:.2f}"
    return f"{value:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"
