"""The table of lots of parts as figures, from episodes alone, and as lines for people.

Cost is what a lot's parts cost, good or bad, over that of as many good ones at the handbook's data without
mishap. All rows see the same lots, and a lot's machine and day are drawn from the same numbers on every
split: in every interval lots are drawn again for all together, and policies with them (`spread`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learner import Episode
from experiments import markdown
from experiments.benchmarking import spread
from experiments.lot_books import lot_qcde
from experiments.stats import holm, paired_difference

SEEN, LOWEST, HIGHEST = "seen", "handbook", "oracle"
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """A row of the table on one split.

    Attributes:
        task: The task.
        split: What varies.
        row: The row's name.
        learned: Whether it came out of training runs.
        who: Its policies.
        episodes: Of each policy, the same lots in the same order.
    """

    task: str
    split: str
    row: str
    learned: bool
    who: tuple[str, ...]
    episodes: Sequence[Sequence[Episode]]

    def values(self, name: str, scale: float = 1.0) -> Values:
        """(policies, lots): a number of each lot's last info."""
        return scale * np.array([[e.final[name] for e in some] for some in self.episodes], float)

    @property
    def cost(self) -> Values:
        """(policies, lots)."""
        return self.values("score", -1.0)


class _Again:
    """Means with lots and policies drawn again, the same lots for everything."""

    def __init__(self, n_lots: int) -> None:
        self._lots = spread.weights(np.random.default_rng(0), n_lots)

    def means(self, row: str, values: Values) -> Values:
        """(resamples,) means of (policies, lots); policies are drawn for each row by itself."""
        rng = np.random.default_rng(zlib.crc32(row.encode()))
        drawn: Values = ((spread.weights(rng, len(values)) @ values) * self._lots).sum(axis=1)
        return drawn


def _estimate(centre: float, drawn: Values) -> dict[str, Any]:
    return {"mean": float(centre), "ci95": [float(end) for end in np.quantile(drawn, (0.025, 0.975))]}


def figures(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the rows of the table, and a paired test between any two of them on every task and split."""
    again = _Again(len(cells[0].episodes[0]))
    by_place = {(c.task, c.split, c.row): c for c in cells}
    rows = [_row(cell, by_place, again) for cell in cells]
    paired: list[dict[str, Any]] = []
    for task, split in dict.fromkeys((c.task, c.split) for c in cells):
        here = [c for c in cells if (c.task, c.split) == (task, split)]
        tests = [_test(a, b, again) for a, b in combinations(here, 2)]
        adjusted = holm({str(i): test["p"] for i, test in enumerate(tests)})
        paired += [{**test, "p_holm": adjusted[str(i)]} for i, test in enumerate(tests)]
    return {"rows": rows, "paired": paired}


def _row(cell: Cell, by_place: Mapping[tuple[str, str, str], Cell], again: _Again) -> dict[str, Any]:
    cost, n = cell.cost, len(cell.episodes[0])
    drawn = again.means(cell.row, cost)
    told: dict[str, Any] = {
        "task": cell.task, "split": cell.split, "row": cell.row, "learned": cell.learned,
        "who": list(cell.who), "n_policies": len(cell.who), "n_lots": n,
        "cost": _estimate(cost.mean(), drawn), "cost_per_policy": cost.mean(axis=1).tolist(),
    }  # fmt: skip
    for name in ("share_good", "cost_per_good_part", "good_parts_per_h", "kwh_per_good_part"):
        values = cell.values(name)
        told[name] = _estimate(values.mean(), again.means(cell.row, values))
    ends = [by_place.get((cell.task, cell.split, name)) for name in (LOWEST, HIGHEST)]
    if cell.row not in (LOWEST, HIGHEST) and (low := ends[0]) is not None and (high := ends[1]) is not None:
        top, floor = again.means(low.row, low.cost), again.means(high.row, high.cost)
        share = (low.cost.mean() - cost.mean()) / (low.cost.mean() - high.cost.mean())
        told["gap_closed"] = _estimate(share, (top - drawn) / (top - floor))
    seen = by_place.get((cell.task, SEEN, cell.row))
    if seen is not None and cell.split != SEEN:
        told["more_than_seen"] = _estimate(
            cost.mean() - seen.cost.mean(), drawn - again.means(cell.row, seen.cost)
        )
    if all(e.totals is not None for some in cell.episodes for e in some):
        told["qcde"] = lot_qcde([e.totals for some in cell.episodes for e in some])
    return told


def _test(a: Cell, b: Cell, again: _Again) -> dict[str, Any]:
    """The difference of two rows on the same lots: sign-flip p of the means over policies."""
    first, second = a.cost, b.cost
    drawn = again.means(a.row, first) - again.means(b.row, second)
    return {
        "task": a.task, "split": a.split, "a": a.row, "b": b.row, "n_pairs": first.shape[1],
        "difference": _estimate(first.mean() - second.mean(), drawn),
        "p": paired_difference(first.mean(axis=0), second.mean(axis=0)).p,
    }  # fmt: skip


# --- For people --------------------------------------------------------------------------------------


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table as lines for a terminal."""
    heads = ("cost, good or bad", "good parts, %", "gap closed, %", "more than seen")
    for task in dict.fromkeys(row["task"] for row in told["rows"]):
        yield f"{task:<18}{'':<14}" + "".join(f"{head:>24}" for head in heads)
        for row in (r for r in told["rows"] if r["task"] == task):
            cells = (
                _interval(row["cost"]), _interval(row["share_good"], 100, 1),
                _interval(row.get("gap_closed"), 100, 0), _interval(row.get("more_than_seen")),
            )  # fmt: skip
            yield f"{row['split']:<18}{row['row']:<14}" + "".join(f"{cell:>24}" for cell in cells)
        for test in _learned_tests(told, task):
            yield (
                f"{test['split']:<18}{test['a']} less {test['b']}: {_interval(test['difference'], 1, 4)}, "
                f"p {_p(test['p_holm'])}"
            )


def tables(told: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the table of each task in Markdown, then that of what was learned against the others."""
    for task in dict.fromkeys(row["task"] for row in told["rows"]):
        rows = [r for r in told["rows"] if r["task"] == task]
        splits, names = (list(dict.fromkeys(r[key] for r in rows)) for key in ("split", "row"))
        places = {(r["split"], r["row"]): r for r in rows}
        yield markdown.table(
            [f"{task}: agent", *splits], ([name, *(_both(places[s, name]) for s in splits)] for name in names)
        )
        tests = {(t["split"], t["a"], t["b"]): t for t in _learned_tests(told, task)}
        pairs = list(dict.fromkeys((a, b) for _, a, b in tests))
        learned = [name for name in names if any(r["row"] == name and r["learned"] for r in rows)]
        if pairs:
            yield markdown.table(
                [f"{task}: learned", *splits],
                [
                    *(
                        [f"{a} less {b}", *(_difference(tests[s, a, b]) for s in splits)]
                        for a, b in pairs
                    ),
                    *(
                        [f"gap closed by {name}", *(_gap(places[s, name]) for s in splits)]
                        for name in learned
                    ),
                ],
            )  # fmt: skip


def _learned_tests(told: Mapping[str, Any], task: str) -> Iterator[dict[str, Any]]:
    """Yield the tests of learned rows against rows that were not, the learned one first."""
    learned = {row["row"] for row in told["rows"] if row["learned"]}
    for test in (t for t in told["paired"] if t["task"] == task):
        if test["a"] in learned and test["b"] not in (LOWEST, *learned):
            yield test
        elif test["b"] in learned and test["a"] not in (LOWEST, *learned):
            some = test["difference"]
            turned = {"mean": -some["mean"], "ci95": [-some["ci95"][1], -some["ci95"][0]]}
            yield {**test, "a": test["b"], "b": test["a"], "difference": turned}


def _interval(some: Mapping[str, Any] | None, scale: float = 1.0, digits: int = 3) -> str:
    if some is None:
        return ""
    low, high = (scale * end for end in some["ci95"])
    return f"{scale * some['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _both(row: Mapping[str, Any]) -> str:
    return f"{_interval(row['cost'])}, {100 * row['share_good']['mean']:.1f} %"


def _difference(test: Mapping[str, Any]) -> str:
    return f"{_interval(test['difference'])}, p {_p(test['p_holm'])}"


def _gap(row: Mapping[str, Any]) -> str:
    return f"{_interval(row['gap_closed'], 100, 0)} %" if "gap_closed" in row else ""


def _p(p: float | None) -> str:
    return "-" if p is None else f"{p:.4f}" if p >= 1e-4 else "< 0.0001"
