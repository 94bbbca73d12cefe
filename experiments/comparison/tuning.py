"""Tuning on validation shifts: the same simple random search, with the same budget, for every side.

A candidate is the best so far with some of its numbers changed; what costs less for a good part, all charges
in, is the new best: the geometric mean over strengths, so that a percent counts the same at each, and nobody
gives up calm shifts for the sake of the dearest ones. Every candidate is logged. Shifts of the comparison
itself are never looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any, get_type_hints

import numpy as np

from agents.crews import hyper_of
from envs.shift.spec import ShiftSpec
from experiments.comparison.modes import Mode, burden
from experiments.comparison.results import charge
from experiments.comparison.shifts import Job, run_shift, seeds_of, staffed
from experiments.comparison.summing import Money, new_types, totals_of

# Numbers within [-1, 1]; numbers that are either 0 or 1; all others are above 0 and changed by a factor.
WITHIN = frozenset({"speed", "feed", "depth"})
FLAGS = frozenset({"first_article", "suspect_gauge"})
# Given, not chosen: what the cell costs, and what safety asks of a new part type.
FIXED = frozenset({"cell_eur_per_h", "watched_cycles"})
_CHANGED, _STEP, _FACTOR = 0.3, 0.25, 0.5


@dataclass(frozen=True)
class Search:
    """What is tuned, and on what.

    Attributes:
        mode: The way of working; all of its roles are filled by one decider.
        spec: The shift.
        strengths: Of all disturbances; each validation shift is worked at each.
        shifts: Validation shifts.
        money: Prices, region, finance.
        seed: Of the search.
    """

    mode: Mode
    spec: ShiftSpec
    strengths: tuple[int, ...]
    shifts: int
    money: Money
    seed: int

    @property
    def decider(self) -> str:
        """Whose numbers are tuned."""
        return self.mode.roles["machining"]


def score(search: Search, hyper: Mapping[str, Any]) -> float:
    """Return what a good part costs, all charges in, over the validation shifts; infinite for none."""
    return _worked(search, search.mode, {"hyper": {search.decider: hyper}, "own_start": False})[0]


def _worked(search: Search, mode: Mode, how: Mapping[str, Any]) -> tuple[float, float]:
    """Return the geometric mean over strengths of what a good part costs, and the share of orders on time.

    Where several policies handle parts, they take the validation shifts in turn.
    """
    extra = burden(mode, search.money.region, search.money.finance)
    logs, on_time, orders = [], 0.0, 0.0
    for strength in search.strengths:
        spec = staffed(search.spec.with_strengths(all=strength), mode)
        cost = good = 0.0
        seeds = seeds_of(search.seed, search.shifts, validation=True)
        for seed, skill in zip(seeds, cycle(mode.handling), strict=False):
            ledger = run_shift(Job(mode, spec, seed, skill, **how))
            sums = charge(totals_of(ledger, spec, search.money), new_types(ledger), extra)
            cost, good = cost + sums.costs.total, good + sums.ordered_good
            on_time, orders = on_time + sums.on_time, orders + sums.orders
        logs.append(math.log(cost / good) if good else math.inf)
    return math.exp(sum(logs) / len(logs)), on_time / orders if orders else 0.0


def changed(hyper: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return numbers with some of them changed."""
    found = dict(hyper)
    for name, value in hyper.items():
        if rng.random() >= _CHANGED or name in FIXED:
            continue
        if name in FLAGS:
            found[name] = 0.0 if value > 0 else 1.0
        elif name in WITHIN:
            found[name] = float(np.clip(value + _STEP * rng.standard_normal(), -1.0, 1.0))
        else:
            found[name] = float((value or 1.0) * np.exp(_FACTOR * rng.standard_normal()))
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def tune(
    search: Search, budget: int, on_done: Callable[[dict[str, Any]], None]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the best numbers found within a budget, and the log of all candidates.

    Args:
        search: What is tuned, and on what.
        budget: Candidates, the numbers of the file first.
        on_done: Called with each row of the log.
    """
    kind, ours = hyper_of(search.decider)
    hints = get_type_hints(kind)
    defaults = {name: ours.get(name, getattr(kind(), name)) for name in hints if hints[name] is float}
    rng = np.random.default_rng([search.seed, sum(map(ord, search.decider))])
    best, least, log = defaults, float("inf"), []
    for number in range(budget):
        candidate = dict(defaults) if number == 0 else changed(best, rng)
        cost = score(search, candidate)
        better = cost < least
        if better:
            best, least = candidate, cost
        told = round(cost, 4) if math.isfinite(cost) else None
        row = {"candidate": number, "cost_per_good_part": told, "best": better, "hyper": candidate}
        log.append(row)
        on_done(row)
    return best, log


def best_staffing(
    search: Search, machines: range, on_done: Callable[[int, float, float], None]
) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of machines per operator with the least cost, orders on time, and the log.

    On time means an on-time ratio of no less than 0.95 of the best that any number reaches; where not even
    half of the orders can be on time, cost alone decides; where no number makes a good part, it is the first.

    Args:
        search: What is tuned, and on what.
        machines: Numbers to try.
        on_done: Called with each number, its cost and its on-time ratio.
    """
    log = []
    for number in machines:
        cost, on_time = _worked(search, replace(search.mode, machines_per_operator=number), {})
        row = {
            "machines_per_operator": number,
            "cost_per_good_part": round(cost, 4) if math.isfinite(cost) else None,
            "on_time_ratio": round(on_time, 4),
        }
        log.append(row)
        on_done(number, cost, on_time)
    most = max((row["on_time_ratio"] or 0.0 for row in log), default=0.0)
    least = 0.95 * most if most >= 0.5 else 0.0
    fit = [row for row in log if (row["on_time_ratio"] or 0.0) >= least and row["cost_per_good_part"]]
    best = min(fit, key=lambda row: row["cost_per_good_part"] or math.inf, default=log[0])
    return int(best["machines_per_operator"] or 1), log
