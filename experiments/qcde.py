"""Quality, cost, delivery and environment: pure functions from ledgers to figures.

`totals` sums up one ledger; totals of shifts are added (`+`, `add_up`); figures are ratios of totals, never
means of ratios. What is not defined, such as the cost of a good part where there is none, is None.
`envs.accounts` lists what the events in a ledger must carry.
"""

from __future__ import annotations

from collections.abc import Mapping

from envs.costing import machine_hour_rate
from experiments.iso22400 import Kpi, kpi_from_times, kpi_of, ratio
from experiments.totals import Characteristics, Setting, Totals, add_up, totals

__all__ = [
    "UNITS",
    "Characteristics",
    "Kpi",
    "Setting",
    "Totals",
    "add_up",
    "cost_by_cause",
    "figures",
    "kpi",
    "kpi_from_times",
    "machine_hour_rate",
    "maintenance",
    "totals",
]
# The metrics of compare.json, by group, with their units.
UNITS: Mapping[str, Mapping[str, str]] = {
    "quality": {
        "first_pass_yield": "1",
        "scrap_ratio": "1",
        "cpk": "1",
        "ppk": "1",
        "escaped_defects_ppm": "ppm",
    },
    "cost": {
        "cost_per_good_part": "EUR",
        "paid_labour_h_per_good_part": "h",
        "attended_h_per_good_part": "h",
        "interventions_per_100_parts": "1",
        "cycles_between_assists": "1",
    },
    "delivery": {
        "good_parts_per_h": "1/h",
        "oee": "1",
        "teep": "1",
        "on_time_ratio": "1",
        "mean_tardiness_min": "min",
    },
    "environment": {
        "kwh_per_good_part": "kWh",
        "kgco2e_per_good_part": "kg",
        "material_kg_per_good_part": "kg",
    },
}


def figures(sums: Totals) -> dict[str, dict[str, float | None]]:
    """Return the metrics of compare.json by group; `UNITS` has their units."""
    good, produced, t = sums.ordered_good, sums.parts.produced, sums.times
    kgco2e = sums.kgco2e_electricity + sums.kgco2e_material
    return {
        "quality": {
            "first_pass_yield": ratio(sums.parts.first_pass, produced),
            "scrap_ratio": ratio(sums.parts.scrap, produced),
            "cpk": sums.characteristics.index(short_term=True),
            "ppk": sums.characteristics.index(short_term=False),
            "escaped_defects_ppm": ratio(1e6 * sums.escaped, sums.verified),
        },
        "cost": {
            "cost_per_good_part": ratio(sums.costs.total, good),
            "paid_labour_h_per_good_part": ratio(sums.paid_h, good),
            "attended_h_per_good_part": ratio(sums.attended_h, good),
            "interventions_per_100_parts": ratio(100.0 * sums.interventions, produced),
            "cycles_between_assists": ratio(sums.cycles, sums.interventions),
        },
        "delivery": {
            "good_parts_per_h": ratio(3600.0 * good, t.pot_s),
            "oee": ratio(sums.planned_good_s, t.pbt_s),
            "teep": ratio(sums.planned_good_s, t.calendar_s),
            "on_time_ratio": ratio(sums.on_time, sums.orders),
            "mean_tardiness_min": ratio(sums.tardiness_s / 60.0, sums.orders),
        },
        "environment": {
            "kwh_per_good_part": ratio(sums.energy_kwh, good),
            "kgco2e_per_good_part": ratio(kgco2e, good),
            "material_kg_per_good_part": ratio(sums.material_kg, good),
        },
    }


def kpi(sums: Totals) -> Kpi:
    """Return the indicators of ISO 22400-2; good is what was ordered and good."""
    parts = sums.parts
    counts = {"pq": parts.produced, "gq": sums.ordered_good, "sq": parts.scrap, "rq": parts.reworked}
    counts |= {"gp": parts.first_pass, "ip": parts.produced}
    return kpi_of(sums.times, counts, sums.planned_good_s, sums.planned_all_s)


def cost_by_cause(sums: Totals) -> dict[str, float] | None:
    """Return what a good part costs by cause, in euros; None where there is none."""
    return sums.costs.per(sums.ordered_good)


def maintenance(sums: Totals) -> dict[str, float | None]:
    """Return the unit's mean times between, to and of failures, in scheduled hours, and the corrective ratio.

    They are times over numbers, so they hold for shifts without a failure among others.
    """
    t = sums.times
    return {
        "mtbf_h": ratio(t.pot_s / 3600.0, t.failures),
        "mttf_h": ratio((t.pot_s - t.corrective_s) / 3600.0, t.failures),
        "mttr_h": ratio(t.corrective_s / 3600.0, t.failures),
        "corrective_ratio": ratio(t.corrective_s, t.corrective_s + t.preventive_s),
    }
