"""Quality, cost, delivery and environment of lots on a machine tool, from the ledgers that they leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from envs.ledger import Ledger
from envs.machining.books import masses_kg
from envs.machining.library import material
from envs.machining.machine import nominal_load
from envs.machining.process import Process
from envs.prices import Prices, load_prices, load_region
from experiments.iso22400 import ratio
from experiments.qcde import UNITS, Setting, Totals, cost_by_cause, figures, kpi, totals

# kgCO2e per kg of aluminium as it is sold in Europe, primary and recycled (from memory: an estimate).
_ALUMINIUM_KGCO2E = 8.0


def setting_of(process: Process, boundary: str = "direct") -> Setting:
    """What a lot's ledger does not say: the process's own prices, and the handbook's time for a part.

    Args:
        process: Of the lot.
        boundary: Of the grid's greenhouse gases, "direct" or "lifecycle".
    """
    load, blank_kg = nominal_load(process), masses_kg(process)[0]
    prices: Prices = replace(
        load_prices(),
        machine_eur_per_h=process.prices.machine_per_h,
        edge_eur=process.prices.edge,
        blank_eur_per_kg=process.prices.blank / blank_kg,
        chip_credit_eur_per_kg=0.0,
        escape_eur=process.prices.escape,
    )
    if material(process.material).iso_513 == "N":
        prices = replace(prices, blank_kgco2e_per_kg=_ALUMINIUM_KGCO2E)
    planned_s = 60.0 * (float(load.cutting_min[0]) + process.times.handling_min)
    return Setting(process.machine, planned_s, prices, load_region(process.prices.region), boundary)


@dataclass(frozen=True, kw_only=True)
class LotTotals(Totals):
    """What lots add up to, and the cutting edges that went."""

    edges: int = 0


def lot_totals(ledger: Ledger, process: Process) -> LotTotals:
    """Sum up the ledger of a lot that has ended."""
    sums = totals(ledger, setting_of(process))
    return LotTotals(**vars(sums), edges=int(ledger.total("tool_change", "edges")))


def lot_qcde(several: Sequence[LotTotals]) -> dict[str, Any]:
    """Return the figures of lots together, ratios of sums: those of `experiments.qcde` by group, and more."""
    whole = reduce(add, several)
    return {
        **figures(whole),
        "cost_by_cause": cost_by_cause(whole),
        "iso22400": asdict(kpi(whole)),
        "edges_per_100_parts": ratio(100.0 * whole.edges, whole.parts.produced),
    }


def lot_lines(qcde: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures of lots as lines for people, group by group."""
    for group, units in UNITS.items():
        told = (
            f"{name.replace('_', ' ')} {qcde[group][name]:.4g}{'' if unit == '1' else ' ' + unit}"
            for name, unit in units.items()
            if qcde[group][name] is not None
        )
        yield f"{group}: {', '.join(told)}"
    yield f"edges per 100 parts {qcde['edges_per_100_parts']:.3g}"
