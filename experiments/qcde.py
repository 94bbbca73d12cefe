"""Quality, cost, delivery and environment: pure functions from ledgers to figures.

`totals` sums up one ledger; totals of shifts are added (`+`); figures are ratios of totals, never means of
ratios. What is not defined, such as the cost of a good part where there is none, is None. What the events in a
ledger must carry is listed in `envs.accounts`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from configs.figures import within
from envs.accounts import (
    Additive,
    PartCounts,
    TimeElements,
    clock,
    energy_j,
    hours,
    part_counts,
    part_outcomes,
    time_elements,
)
from envs.costing import Costs
from envs.ledger import Ledger
from envs.prices import Prices, Region
from experiments.capability import Spread, capability_of, spread
from experiments.iso22400 import Kpi, kpi_from_times, kpi_of, ratio

__all__ = [
    "UNITS", "Characteristics", "Setting", "Totals", "add_up", "cost_by_cause", "figures", "kpi", "kpi_from_times",
    "maintenance", "totals",
]  # fmt: skip
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


@dataclass(frozen=True)
class Setting:
    """What a ledger does not say.

    Attributes:
        unit: The machine whose time counts.
        planned_run_s: Planned run time of a part, the same for every way of working; by part type where they
            differ.
        prices: Prices.
        region: Where it is made.
        boundary: Of the grid's greenhouse gases, "direct" or "lifecycle".

    Raises:
        ValueError: for a run time that is not above 0, or a boundary that the region lacks.
    """

    unit: str
    planned_run_s: float | Mapping[str, float]
    prices: Prices
    region: Region
    boundary: str

    def __post_init__(self) -> None:
        self.region.grid(self.boundary)
        if isinstance(self.planned_run_s, Mapping):
            for kind, run_s in self.planned_run_s.items():
                within(f"planned_run_s of {kind}", run_s, above=True)
        else:
            within("planned_run_s", self.planned_run_s, above=True)

    def run_s(self, part_type: str | None) -> float:
        """Return the planned run time of a part type.

        Raises:
            ValueError: for one that has none.
        """
        if not isinstance(self.planned_run_s, Mapping):
            return self.planned_run_s
        if part_type not in self.planned_run_s:
            raise ValueError(f"part_type is {part_type!r}: allowed are {', '.join(self.planned_run_s)}")
        return self.planned_run_s[part_type]


@dataclass(frozen=True)
class Characteristics:
    """True values as made, by characteristic: its limits and the sums of its values."""

    by_name: Mapping[str, tuple[float | None, float | None, Spread]] = field(default_factory=dict)

    def __add__(self, other: Characteristics) -> Characteristics:
        merged = dict(self.by_name)
        for name, (lower, upper, sums) in other.by_name.items():
            was = merged.get(name, (lower, upper, Spread()))
            if was[:2] != (lower, upper):
                raise ValueError(
                    f"limits of {name} are {lower}, {upper}: before they were {was[0]}, {was[1]}"
                )
            merged[name] = (lower, upper, was[2] + sums)
        return Characteristics(merged)

    def index(self, *, short_term: bool) -> float | None:
        """Return the least Cpk (short term) or Ppk over the characteristics, None if none is defined."""
        found = [
            capability_of(sums, lower, upper, short_term=short_term)
            for lower, upper, sums in self.by_name.values()
        ]
        return min((c.actual for c in found if c is not None and c.actual is not None), default=None)


@dataclass(frozen=True, kw_only=True)
class Totals(Additive):
    """What one or more ledgers add up to.

    Attributes:
        times: Time elements of the setting's unit.
        parts: Where the parts are.
        costs: Money by cause.
        characteristics: True values as made.
        ordered_good: Good parts that an order asked for; all good ones where there are no orders.
        planned_good_s: Planned run time of those.
        planned_all_s: Planned run time of all parts produced.
        energy_kwh: Electricity.
        material_kg: Blanks of the parts that were judged good or scrap.
        kgco2e_electricity: Greenhouse gases of electricity, within the setting's boundary.
        kgco2e_material: Greenhouse gases of the blanks, cradle to gate.
        paid_h: Hours of people that were paid.
        attended_h: Hours for which they were needed.
        interventions: Number of times that a person had to come.
        cycles: Number of machine cycles.
        orders: Orders that were due, or done before.
        on_time: Orders done when due.
        tardiness_s: Lateness added up; of an unfinished order, up to the end of the ledger.
        verified: Good parts whose true values are known.
        escaped: Of these, parts that are out of limits.
    """

    times: TimeElements = TimeElements()
    parts: PartCounts = PartCounts()
    costs: Costs = Costs()
    characteristics: Characteristics = field(default_factory=Characteristics)
    ordered_good: int = 0
    planned_good_s: float = 0.0
    planned_all_s: float = 0.0
    energy_kwh: float = 0.0
    material_kg: float = 0.0
    kgco2e_electricity: float = 0.0
    kgco2e_material: float = 0.0
    paid_h: float = 0.0
    attended_h: float = 0.0
    interventions: int = 0
    cycles: int = 0
    orders: int = 0
    on_time: int = 0
    tardiness_s: float = 0.0
    verified: int = 0
    escaped: int = 0


# -- ledger -> totals -------------------------------------------------------------------------------
def totals(ledger: Ledger, setting: Setting) -> Totals:
    """Sum up a ledger.

    Raises:
        ValueError: for a part type without a planned run time.
    """
    prices, region = setting.prices, setting.region
    final = {part: judged[-1] for part, judged in part_outcomes(ledger).items() if judged}
    types = {e.subject: e.data.get("part_type") for e in ledger.select("part_arrived")}
    asked, due = _orders(ledger, final)
    times = time_elements(ledger, setting.unit)
    kwh = math.fsum(energy_j(ledger).values()) / 3.6e6
    paid_h = math.fsum(hours(ledger, "paid").values())
    characteristics, verified, escaped = _characteristics(ledger, final, types)
    material_kg, material_eur, scrap_eur = _material(ledger, final, prices)
    edges = math.fsum(e.data.get("edges", 1) for e in ledger.select("tool_change"))
    expenses = ledger.total("expense", "amount_eur")
    costs = Costs(
        machine=times.pot_s / 3600.0 * prices.machine_eur_per_h,
        labour=paid_h * region.labour_eur_per_h,
        tool=(edges + ledger.total("tool_wear", "life_share")) * prices.edge_eur,
        energy=kwh * region.electricity_eur_per_kwh,
        material=material_eur,
        scrap=scrap_eur,
        other=expenses + escaped * prices.escape_eur,
    )
    return Totals(
        times=times,
        parts=part_counts(ledger),
        costs=costs,
        characteristics=characteristics,
        ordered_good=len(asked),
        planned_good_s=math.fsum(setting.run_s(types.get(part)) for part in asked),
        planned_all_s=math.fsum(setting.run_s(types.get(part)) for part in final),
        energy_kwh=kwh,
        material_kg=material_kg,
        kgco2e_electricity=region.kgco2e(kwh, setting.boundary),
        kgco2e_material=material_kg * prices.blank_kgco2e_per_kg,
        paid_h=paid_h,
        attended_h=math.fsum(hours(ledger, "attended").values()),
        interventions=ledger.count("intervention"),
        cycles=ledger.count("cycle_end"),
        orders=len(due),
        on_time=sum(late_s == 0.0 for late_s in due),
        tardiness_s=math.fsum(due),
        verified=verified,
        escaped=escaped,
    )


def _orders(ledger: Ledger, final: Mapping[str, str]) -> tuple[list[str], list[float]]:
    """Good parts that were ordered, and the lateness of each order that was due or is done."""
    good = {e.subject: e for e in ledger.select("part_good") if final[e.subject] == "good"}
    released = ledger.select("order_released")
    if not released:
        return list(good), []
    made: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for part, event in good.items():
        made[event.data.get("order", "")].append((event.time_s, part))
    end = clock(ledger)[1]
    asked: list[str] = []
    due: list[float] = []
    for event in released:
        quantity, due_s = event.data["quantity"], event.data.get("due_s", math.inf)
        # Which of several parts made at one moment is the one too many may not hang on their order.
        counted = sorted(made[event.subject])[:quantity]
        asked += [part for _, part in counted]
        done = len(counted) >= quantity
        if done or due_s <= end:
            done_s = counted[-1][0] if done and counted else end
            late_s = max(0.0, done_s - due_s)
            # An order that is not done when it is due is late, be it by this moment.
            due.append(late_s if done else max(late_s, math.ulp(max(1.0, end))))
    return asked, due


def _characteristics(
    ledger: Ledger, final: Mapping[str, str], types: Mapping[str, str | None]
) -> tuple[Characteristics, int, int]:
    """First values of each part by characteristic, and how many good parts are known and out of limits."""
    first: defaultdict[str, dict[str, float]] = defaultdict(dict)
    limits: dict[str, tuple[float | None, float | None]] = {}
    last: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for event in ledger.select("characteristic"):
        data, part = event.data, event.subject
        lower, upper, value = data.get("lower"), data.get("upper"), data["value"]
        kind = types.get(part)
        name = data["name"] if kind is None else f"{kind}/{data['name']}"
        if limits.setdefault(name, (lower, upper)) != (lower, upper):
            raise ValueError(f"limits of {name} are {lower}, {upper}: before they were {limits[name]}")
        first[name].setdefault(part, value)
        last[part][name] = (lower is None or lower <= value) and (upper is None or value <= upper)
    known = {
        name: (*limits[name], spread(list(values.values()), *limits[name])) for name, values in first.items()
    }
    judged = [
        all(last[part].values()) for part, outcome in final.items() if outcome == "good" and part in last
    ]
    return Characteristics(known), len(judged), judged.count(False)


def _material(ledger: Ledger, final: Mapping[str, str], prices: Prices) -> tuple[float, float, float]:
    """Mass of blanks (kg), and what the material of good and of scrapped parts cost, less credit."""
    blank: defaultdict[str, float] = defaultdict(float)
    chips: defaultdict[str, float] = defaultdict(float)
    for event in ledger.select("material"):
        blank[event.subject] += event.data.get("mass_kg", 0.0)
        chips[event.subject] += event.data.get("chips_kg", 0.0)
    money: dict[str, list[float]] = {"good": [], "scrap": []}
    mass: list[float] = []
    for part, outcome in final.items():
        if outcome in money:
            sold = blank[part] if outcome == "scrap" else chips[part]
            mass.append(blank[part])
            cost = blank[part] * prices.blank_eur_per_kg - sold * prices.chip_credit_eur_per_kg
            money[outcome].append(cost)
    return math.fsum(mass), math.fsum(money["good"]), math.fsum(money["scrap"])


# -- totals -> figures ------------------------------------------------------------------------------
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


def add_up(several: Iterable[Totals]) -> Totals:
    """Return the sum of totals, such as those of many shifts."""
    whole = Totals()
    for one in several:
        whole = whole + one
    return whole
