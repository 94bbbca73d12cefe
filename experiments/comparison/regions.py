"""The same shifts in other regions: wages, electricity, capital and freight; whether the spread shrinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from envs.costing import Costs
from envs.prices import load_region
from experiments.comparison.modes import Finance, Mode, burden, load_finance
from experiments.comparison.paired import LEAST_SHIFTS, PRIMARY, Study, percentiles
from experiments.comparison.results import Worked, charge
from experiments.totals import Totals

REGIONS = ("us", "germany", "india", "japan")


def moved(sums: Totals, region_name: str, finance: Finance, freight_kg: float) -> Totals:
    """Return a shift's totals at another region's wages, electricity and freight to the customer."""
    region = load_region(region_name)
    there = replace(
        sums.costs,
        labour=sums.paid_h * region.labour_eur_per_h,
        energy=sums.energy_kwh * region.electricity_eur_per_kwh,
    )
    return replace(sums, costs=there + Costs(other=freight_kg * finance.freight_eur_per_kg))


def by_region(
    modes: Sequence[Mode],
    worked: Sequence[Worked],
    freight: Mapping[str, Sequence[Sequence[float]]],
    *,
    finance: str,
    seed: int,
) -> dict[str, Any]:
    """Return the cost of a good part of every mode in every region, and its spread over the regions.

    Args:
        modes: The ways of working.
        worked: What came of them.
        freight: By mode, policy and shift, kilograms of good parts.
        finance: How capital is reckoned.
        seed: Of the resampling.
    """
    ways: dict[str, list[list[Totals]]] = {}
    for name in REGIONS:
        money = load_finance(finance, name)
        for mode, one in zip(modes, worked, strict=True):
            extra = burden(mode, load_region(name), money)
            ways[f"{mode.name}@{name}"] = [
                [
                    charge(moved(sums, name, money, kg), new, extra)
                    for sums, kg, new in zip(row, weights, types, strict=True)
                ]
                for row, weights, types in zip(one.shifts, freight[mode.name], one.new_types, strict=True)
            ]
    study = Study(ways, seed)
    cost = {mode.name: {name: _cost(study, f"{mode.name}@{name}") for name in REGIONS} for mode in modes}
    return {"cost_per_good_part": cost, "spread": {mode.name: _spread(study, mode.name) for mode in modes},
            "increment": _increment(study, [mode.name for mode in modes])}  # fmt: skip


def _cost(study: Study, way: str) -> dict[str, Any]:
    found = study.figures(way)[PRIMARY]
    return {"mean": found.mean, "ci95": found.ci95, "unit": "EUR"}


def _spread(study: Study, mode: str) -> dict[str, Any]:
    """The dearest region over the cheapest, less 1."""
    means = [study.figures(f"{mode}@{name}")[PRIMARY].mean for name in REGIONS]
    if any(mean is None for mean in means):
        return {"mean": None, "ci95": None, "unit": "1"}
    known = [mean for mean in means if mean is not None]
    ends = None
    if study.n >= LEAST_SHIFTS:
        columns = np.array([[r[PRIMARY] for r in study.resampled(f"{mode}@{name}")] for name in REGIONS])
        ends = percentiles((columns.max(0) / columns.min(0) - 1.0).tolist())
    return {"mean": max(known) / min(known) - 1.0, "ci95": ends, "unit": "1"}


def _increment(study: Study, modes: Sequence[str]) -> dict[str, Any]:
    """Autonomy's increment over automation, by region; empty where one of them is not there."""
    if not {"automated", "autonomous"} <= set(modes):
        return {}
    found = {}
    for name in REGIONS:
        one = study.differences(f"autonomous@{name}", f"automated@{name}")[PRIMARY]
        found[name] = {"difference": one.difference, "ci95": one.ci95, "unit": "EUR"}
    return found
