"""A shift's ledger to totals: money, planned run times, and what a mode is asked about besides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from envs.ledger import Ledger
from envs.prices import Prices, Region
from envs.shift.shift import planned_run_s
from envs.shift.spec import ShiftSpec
from experiments.comparison.modes import Finance
from experiments.stats import wilson_interval
from experiments.totals import Setting, Totals, totals


@dataclass(frozen=True)
class Money:
    """How things become euros: prices, region, finance, and the boundary of the grid's gases."""

    prices: Prices
    region: Region
    finance: Finance
    boundary: str


def totals_of(ledger: Ledger, spec: ShiftSpec, money: Money) -> Totals:
    """Return what a shift adds up to, without what a mode costs besides."""
    setting = Setting(spec.unit, planned_run_s(ledger), money.prices, money.region, money.boundary)
    return totals(ledger, setting)


def new_types(ledger: Ledger) -> int:
    """Return how many part types the cell was set up for in this shift that nobody had made here before."""
    return sum(
        event.subject == "changeover"
        and event.data["tool"] != "decline_order"
        and event.data.get("saw", {}).get("known") not in (None, "taught")
        for event in ledger.select("decision")
    )


def freight_kg(ledger: Ledger) -> float:
    """Return the mass of all good parts, chips cut off."""
    good = {e.subject for e in ledger.select("part_good")}
    return sum(
        e.data["mass_kg"] - e.data.get("chips_kg", 0.0)
        for e in ledger.select("material")
        if e.subject in good
    )


def counts(ledgers: Iterable[Ledger]) -> dict[str, Any]:
    """Return what is counted besides the metrics, over all ledgers of a mode.

    A mis-seat is undetected where a part was cut although its run-out or gap is beyond the limit; a wrong
    part that was clamped is a crash.
    """
    cut = misseated = wrong = crashes = refused = decisions = 0
    longest = run = 0
    for ledger in ledgers:
        seen: set[str] = set()
        for event in ledger:
            if event.kind == "cycle_end":
                run += 1
                longest = max(longest, run)
            elif event.kind == "intervention":
                run = 0
            elif event.kind == "interlock":
                refused += 1
            elif event.kind == "decision":
                decisions += 1
            elif event.kind == "collision":
                crashes += event.subject != "robot"
                wrong += event.data.get("cause") == "wrong part"
            elif (
                event.kind == "characteristic"
                and event.data["name"] == "runout_mm"
                and event.subject not in seen
            ):
                seen.add(event.subject)
                cut += 1
                misseated += event.data["value"] > event.data["upper"]
    return {
        "parts_cut": cut,
        "undetected_misseats": misseated,
        "undetected_misseat_rate": misseated / cut if cut else None,
        "undetected_misseat_rate_ci95": wilson_interval(misseated, cut) if cut else None,
        "wrong_part_clamped": wrong,
        "crashes": crashes,
        "most_cycles_between_assists": longest,
        "refused_by_interlocks": refused,
        "decisions": decisions,
    }
