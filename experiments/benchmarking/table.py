"""The table as figures: what `benchmark.json` holds, from finished pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from experiments.benchmarking import spread
from experiments.benchmarking.cells import SEEN, UNSEEN, BenchCell
from experiments.benchmarking.pieces import Piece, columns
from experiments.benchmarking.rows import CLASSICAL, Row
from experiments.benchmarking.trials import Timing
from experiments.failures import CAUSES
from experiments.stats import holm, mcnemar_p, paired_difference, wilson_interval

AVERAGE = "unseen average"
# From here on the classical row leaves a learned one nothing to win by success.
ENOUGH = 0.95


def figures(
    pieces: Sequence[Piece], rows: Sequence[Row], cells: Sequence[BenchCell], period_s: float
) -> dict[str, Any]:
    """Return rows, paired tests and what else the table tells.

    Args:
        pieces: Finished ones; those that failed have an error.
        rows: In the order of the table, controls too.
        cells: In the order of the table.
        period_s: From one action to the next.
    """
    outcomes = {row.name: _outcomes(pieces, row) for row in rows}
    told = [
        _row(row, [p for p in pieces if p.row.name == row.name], outcomes[row.name], period_s) for row in rows
    ]
    own = [row for row in rows if not row.control]
    return {
        "cells": [
            {"name": c.name, "group": c.group, "split": c.split, "options": dict(c.options),
             "split_hash": next((p.identity["split_hash"] for p in pieces if p.cell == c), None)}
            for c in cells
        ],
        "rows": told,
        "paired": paired({row.name: outcomes[row.name] for row in own}, [c.name for c in cells]),
        "classical": classical(told),
        "failed": [
            {"row": p.row.name, "who": p.who, "cell": p.cell.name, "error": p.error}
            for p in pieces if p.error is not None
        ],
        "redone_episodes": sum(p.redone for p in pieces),
        "episodes": [_episodes(p) for p in pieces if p.error is None],
    }  # fmt: skip


def _outcomes(pieces: Sequence[Piece], row: Row) -> dict[str, np.ndarray]:
    """(policies, episodes) of success by cell; a cell that a policy did not finish is left out."""
    found: dict[str, np.ndarray] = {}
    mine = [p for p in pieces if p.row.name == row.name and p.error is None]
    for name in dict.fromkeys(p.cell.name for p in mine):
        members = sorted((p for p in mine if p.cell.name == name), key=lambda p: p.member)
        if len(members) == len(row.who):
            found[name] = np.array([[t.success for t in p.trials] for p in members], float)
    return found


def _row(
    row: Row, mine: Sequence[Piece], outcomes: Mapping[str, np.ndarray], period_s: float
) -> dict[str, Any]:
    timing = Timing()
    for piece in mine:
        timing.add(piece.timing)
    identities = {p.member: p.identity["policy"] for p in mine}
    told: dict[str, Any] = {
        "name": row.name,
        "who": list(row.who),
        "learned": row.learned,
        "control": row.control,
        "base": row.base,
        "policies": [identities.get(k) for k in range(len(row.who))],
        "n_policies": len(row.who),
        "cells": {
            name: _cell([p for p in mine if p.cell.name == name and p.error is None]) for name in outcomes
        },
        "latency": _latency(timing, period_s),
        "where": _where(timing),
    }
    return told if row.control else {**told, **averages(outcomes)}


def averages(outcomes: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return a row's mean over the unseen cells, and how much lower it lies than `seen`, where there are any.

    Args:
        outcomes: (policies, episodes) of success by cell.
    """
    unseen = {name: outcomes[name] for name in UNSEEN if name in outcomes}
    if not unseen:
        return {}
    mean = spread.average(unseen)
    told = {"unseen_average": {"mean": mean.mean, "ci95": list(mean.ci95), "n_cells": len(unseen)}}
    if SEEN in outcomes:
        lost = spread.gap(outcomes[SEEN], unseen)
        told["gap"] = {"mean": lost.mean, "ci95": list(lost.ci95), "n_cells": len(unseen)}
    return told


def _cell(members: Sequence[Piece]) -> dict[str, Any]:
    """What came of one row on one cell; where a control is not possible in a scene, it does not count."""
    trials = [t for p in members for t in p.trials if t.possible]
    n, n_success = len(trials), sum(t.success for t in trials)
    causes = Counter(t.cause for t in trials if t.cause is not None)
    told: dict[str, Any] = {
        "n_episodes": n,
        "n_success": n_success,
        "success_rate": n_success / n if n else None,
        "ci95": list(wilson_interval(n_success, n)) if n else None,
        "per_policy": [_rate([t.success for t in p.trials if t.possible]) for p in members],
        "failures": {name: causes[name] for name in CAUSES if causes[name]},
        "instructions": len({t.instruction for t in trials}),
        "parts": len({t.part for t in trials}),
        "skills": sorted({t.skill for t in trials}),
        "stale": sorted({text for p in members for text in p.stale}),
    }
    if any(p.row.control == "instruction swapped" for p in members):
        n_old = sum(t.took_old for t in trials)
        ends = list(wilson_interval(n_old, n)) if n else None
        told["took_old"] = {"n": n_old, "rate": n_old / n if n else None, "ci95": ends}
    return told


def _rate(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def _latency(timing: Timing, period_s: float) -> dict[str, Any]:
    median, most = timing.quantile_ms(0.5), timing.quantile_ms(0.99)
    return {
        "median_ms": median,
        "p99_ms": most,
        "period_ms": 1e3 * period_s,
        "n": sum(timing.act.values()),
        "in_time": None if most is None else most <= 1e3 * period_s,
    }


def _where(timing: Timing) -> dict[str, Any]:
    """Shares of the time of an episode, and how many of them a core does in a minute."""
    if not timing.wall_s:
        return {}
    rest = timing.wall_s - timing.act_s - timing.physics_s - timing.picture_s
    shares = {
        "physics": timing.physics_s, "rendering": timing.picture_s, "inference": timing.act_s, "python": rest
    }  # fmt: skip
    return {
        "episodes_per_minute_per_core": 60 * timing.n_episodes / timing.wall_s,
        "episodes_per_cpu_minute": 60 * timing.n_episodes / timing.cpu_s if timing.cpu_s else None,
        "share": {name: value / timing.wall_s for name, value in shares.items()},
        "n_episodes": timing.n_episodes,
        "n_steps": timing.n_steps,
    }


def _episodes(piece: Piece) -> dict[str, Any]:
    """What `--verify` runs again, and what tells whether it may."""
    data = columns(piece.trials)
    return {
        "row": piece.row.name, "who": piece.who, "member": piece.member, "cell": piece.cell.name,
        "identity": piece.identity,
        **{key: data[key] for key in ("seed", "success", "steps", "return", "cause", "possible")},
    }  # fmt: skip


# --- Which row is better ---------------------------------------------------------------------------


def paired(outcomes: Mapping[str, Mapping[str, np.ndarray]], cells: Sequence[str]) -> list[dict[str, Any]]:
    """Return a test between any two rows on every cell and on the unseen average.

    Two single policies are compared by McNemar's exact test on the episodes that only one of them did; where
    a row has several policies, their mean on each episode by the sign-flip test. The p values of all pairs on
    one cell are adjusted together (Holm). They tell of these policies; the interval of the difference, in
    which policies are drawn again too, tells of such policies.
    """
    found = []
    for name in (*cells, AVERAGE):
        names = [c for c in UNSEEN if c in cells] if name == AVERAGE else [name]
        tests = []
        for a, b in combinations(outcomes, 2):
            if names and all(c in outcomes[a] and c in outcomes[b] for c in names):
                tests.append(_test(name, a, b, *({c: outcomes[w][c] for c in names} for w in (a, b))))
        adjusted = holm({str(i): test["p"] for i, test in enumerate(tests)})
        for i, test in enumerate(tests):
            test["p_holm"] = adjusted[str(i)]
        found += tests
    return found


def _test(cell: str, a: str, b: str, of_a: spread.Outcomes, of_b: spread.Outcomes) -> dict[str, Any]:
    first, second = (np.concatenate([v.mean(axis=0) for v in rows.values()]) for rows in (of_a, of_b))
    only_a, only_b = int((first > second).sum()), int((first < second).sum())
    single = all(len(v) == 1 for rows in (of_a, of_b) for v in rows.values())
    p = mcnemar_p(only_a, only_b) if single else paired_difference(first, second).p
    estimate = spread.difference(of_a, of_b)
    return {
        "cell": cell, "a": a, "b": b, "n_pairs": len(first), "difference": estimate.mean,
        "ci95": list(estimate.ci95), "better_a": only_a, "better_b": only_b,
        "test": "McNemar exact" if single else "sign-flip of means over policies", "p": p,
    }  # fmt: skip


def classical(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what the classical row leaves to a learned one, in a sentence or two."""
    row = next((r for r in rows if r["name"] == CLASSICAL), None)
    if row is None or not row["cells"]:
        return ""
    done = [name for name, c in row["cells"].items() if (c["success_rate"] or 0.0) >= ENOUGH]
    left = [name for name in row["cells"] if name not in done]
    learned = [r for r in rows if r["learned"] and not r["control"]]
    text = f"The classical row ({CLASSICAL}: colour and shape found in the picture, then a taught program) "
    if not done:
        text += f"reaches {ENOUGH:g} on none of these cells"
    else:
        text += (
            f"already reaches {ENOUGH:g} on {', '.join(done)}: there a learned policy adds no success, only "
            "that nobody has to write or teach the program"
        )
    if left:
        text += f"; what a learned policy can add lies in {', '.join(left)}"
    more = [
        f"{r['name']} on {', '.join(better)}"
        for r in learned
        if (better := [c for c in left if c in r["cells"] and _above(r["cells"][c], row["cells"][c])])
    ]
    if learned:
        text += f". Above its interval: {'; '.join(more) or 'none'}"
    return text + "."


def _above(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether a's interval lies above b's."""
    return bool(a["ci95"] and b["ci95"] and a["ci95"][0] > b["ci95"][1])
