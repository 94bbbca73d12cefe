"""`compare.json`: metrics of each way of working, paired differences, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from envs.costing import Costs
from experiments.comparison.modes import Burden
from experiments.comparison.paired import PRIMARY, Study, verdict
from experiments.qcde import UNITS
from experiments.totals import Totals

# The smallest relative difference that anyone should care about.
INTEREST = 0.02
# Metrics of which more is better; of all others less is.
MORE_IS_BETTER = frozenset(
    {
        "first_pass_yield", "cpk", "ppk", "cycles_between_assists", "good_parts_per_h", "oee", "teep",
        "on_time_ratio",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Worked:
    """What came of a way of working.

    Attributes:
        name: Of the mode.
        shifts: For each trained policy, totals of every shift, without what the mode costs besides.
        new_types: Likewise, part types that were new in each shift.
        burden: What the mode costs besides.
    """

    name: str
    shifts: Sequence[Sequence[Totals]]
    new_types: Sequence[Sequence[int]]
    burden: Burden

    def charged(self, *, one_offs: bool = True) -> list[list[Totals]]:
        """Return the totals with capital and upkeep, and with one-offs or without."""
        return [
            [charge(sums, new, self.burden, one_offs=one_offs) for sums, new in zip(row, types, strict=True)]
            for row, types in zip(self.shifts, self.new_types, strict=True)
        ]


def charge(sums: Totals, new_types: int, burden: Burden, *, one_offs: bool = True) -> Totals:
    """Return totals with what a mode costs besides the shift itself.

    Args:
        sums: Of a shift.
        new_types: Part types that were new in it.
        burden: What the mode costs besides.
        one_offs: Whether integration, demonstrations and new part types count.
    """
    hours = sums.times.pot_s / 3600.0
    other = burden.running_eur_per_h * hours
    if one_offs:
        other += burden.one_offs_eur_per_h * hours + burden.new_part_type_eur * new_types
    return replace(sums, costs=sums.costs + Costs(machine=burden.capital_eur_per_h * hours, other=other))


def causes(sums: Totals, new_types: float, burden: Burden, escape_eur: float) -> dict[str, float]:
    """Return what a good part costs by cause; `sums` without the burden."""
    per = sums.costs.per(1) or {}
    hours = sums.times.pot_s / 3600.0
    escapes = sums.escaped * escape_eur
    whole = {
        "machine": per["machine"], "cell": burden.capital_eur_per_h * hours,
        "labour": per["labour"], "tools": per["tool"], "energy": per["energy"],
        "material": per["material"], "scrap": per["scrap"], "escapes": escapes,
        "backlog and crashes": per["other"] - escapes,
        "licence and upkeep": burden.running_eur_per_h * hours,
        "one-offs": burden.one_offs_eur_per_h * hours + burden.new_part_type_eur * new_types,
    }  # fmt: skip
    return {cause: eur / sums.ordered_good for cause, eur in whole.items()} if sums.ordered_good else {}


def study_of(worked: Iterable[Worked], seed: int, *, one_offs: bool = True) -> Study:
    """Return the paired study of ways of working, one-offs in or out."""
    return Study({one.name: one.charged(one_offs=one_offs) for one in worked}, seed)


def compare_json(worked: Sequence[Worked], seeds: Sequence[int], seed: int, **extra: Any) -> dict[str, Any]:
    """Return the content of compare.json.

    Args:
        worked: The ways of working.
        seeds: Of the shifts.
        seed: Of the resampling.
        extra: More entries.
    """
    study = study_of(worked, seed)
    bare = study_of(worked, seed, one_offs=False)
    modes = {}
    for one in worked:
        found, without = study.figures(one.name), bare.figures(one.name)
        groups = {
            group: {metric: _entry(found[metric], unit) for metric, unit in metrics.items()}
            for group, metrics in UNITS.items()
        }
        groups["cost"]["cost_per_good_part_without_one_offs"] = _entry(without[PRIMARY], "EUR")
        modes[one.name] = groups
    return {
        "primary": PRIMARY,
        "n_shifts": study.n,
        "n_policies": max(len(one.shifts) for one in worked),
        "seeds": list(seeds),
        "modes": modes,
        "paired": paired([one.name for one in worked], study),
        "break_even_parts": break_even(worked, bare),
        "smallest_difference_of_interest": INTEREST,
        **extra,
    }


def paired(names: Sequence[str], study: Study) -> dict[str, Any]:
    """Return all paired differences, the later mode less the earlier one."""
    found: dict[str, Any] = {}
    for second, first in combinations(names, 2):
        reference = study.figures(second)
        metrics = {}
        for metric, one in study.differences(first, second).items():
            metrics[metric] = {
                "difference": one.difference,
                "ci95": one.ci95,
                "p": one.p,
                "p_holm": one.p_holm,
                "verdict": verdict(one, reference[metric].mean, INTEREST, metric not in MORE_IS_BETTER),
            }
        found[f"{first}_vs_{second}"] = metrics
    return found


def break_even(worked: Sequence[Worked], bare: Study) -> dict[str, float | None]:
    """Return how many good parts pay for the later mode's one-offs above the earlier's; None for never."""
    found: dict[str, float | None] = {}
    cost = {one.name: bare.figures(one.name)[PRIMARY].mean for one in worked}
    for second, first in combinations(worked, 2):
        more_eur = first.burden.one_offs_eur - second.burden.one_offs_eur
        a, b = cost[first.name], cost[second.name]
        saved = None if a is None or b is None else b - a
        key = f"{first.name}_vs_{second.name}"
        if saved is None or (saved <= 0.0 and more_eur > 0.0):
            found[key] = None
        else:
            found[key] = 0.0 if more_eur <= 0.0 else more_eur / saved
    return found


def _entry(interval: Any, unit: str) -> dict[str, Any]:
    return {"mean": interval.mean, "ci95": interval.ci95, "unit": unit}


def rows_of(result: Mapping[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return (group, metric, unit, entry by mode) for every metric of a result."""
    modes = result["modes"]
    first = next(iter(modes.values()))
    return [
        (group, metric, entry["unit"], {name: found[group][metric] for name, found in modes.items()})
        for group, metrics in first.items()
        for metric, entry in metrics.items()
    ]
