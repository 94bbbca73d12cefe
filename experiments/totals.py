"""What ledgers add up to: times, parts, money, people and energy, which add up as ratios do not."""

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
    number,
    part_counts,
    part_outcomes,
    time_elements,
)
from envs.costing import Costs
from envs.ledger import Ledger
from envs.prices import Prices, Region
from experiments.capability import Spread, capability_of, spread


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
        if part_type is None or part_type not in self.planned_run_s:
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

    times: TimeElements = field(default_factory=TimeElements)
    parts: PartCounts = field(default_factory=PartCounts)
    costs: Costs = field(default_factory=Costs)
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


def totals(ledger: Ledger, setting: Setting) -> Totals:
    """Sum up a ledger.

    Raises:
        ValueError: for a part type without a planned run time, and an event without a number that it needs.
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
    edges = [number(e, "edges", 1) for e in ledger.select("tool_change")]
    edges += [number(e, "life_share") for e in ledger.select("tool_wear")]
    expenses = math.fsum(number(e, "amount_eur") for e in ledger.select("expense"))
    costs = Costs(
        machine=times.pot_s / 3600.0 * prices.machine_eur_per_h,
        labour=paid_h * region.labour_eur_per_h,
        tool=math.fsum(edges) * prices.edge_eur,
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
        on_time=sum(on_time for on_time, _ in due),
        tardiness_s=math.fsum(late_s for _, late_s in due),
        verified=verified,
        escaped=escaped,
    )


def _orders(ledger: Ledger, final: Mapping[str, str]) -> tuple[list[str], list[tuple[bool, float]]]:
    """Good parts that were ordered, and of each order that was due or is done: on time, and how late."""
    good = {e.subject: e for e in ledger.select("part_good") if final[e.subject] == "good"}
    released = ledger.select("order_released")
    if len({e.subject for e in released}) < len(released):
        raise ValueError(f"order_released has {len(released)} events: allowed is one for each order")
    if not released:
        return list(good), []
    made: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for part, event in good.items():
        made[event.data.get("order", "")].append((event.time_s, part))
    end = clock(ledger)[1]
    asked: list[str] = []
    due: list[tuple[bool, float]] = []
    for event in released:
        quantity, due_s = int(within("quantity", number(event, "quantity"), 1)), math.inf
        if event.data.get("due_s") is not None:
            due_s = number(event, "due_s")
        # Which of several parts made at one moment is the one too many may not hang on their order.
        counted = sorted(made[event.subject])[:quantity]
        asked += [part for _, part in counted]
        done = len(counted) >= quantity
        if done or due_s <= end:
            done_s = counted[-1][0] if done else end
            due.append((done and done_s <= due_s, max(0.0, done_s - due_s)))
    return asked, due


def _characteristics(
    ledger: Ledger, final: Mapping[str, str], types: Mapping[str, str | None]
) -> tuple[Characteristics, int, int]:
    """First values of each part by characteristic, and how many good parts are known and out of limits."""
    first: defaultdict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    limits: dict[str, tuple[float | None, float | None]] = {}
    last: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for event in ledger.select("characteristic"):
        data, part = event.data, event.subject
        lower, upper, value = data.get("lower"), data.get("upper"), number(event, "value")
        kind = types.get(part)
        name = data["name"] if kind is None else f"{kind}/{data['name']}"
        if limits.setdefault(name, (lower, upper)) != (lower, upper):
            raise ValueError(f"limits of {name} are {lower}, {upper}: before they were {limits[name]}")
        first[name].setdefault(part, (event.time_s, value))
        last[part][name] = (lower is None or lower <= value) and (upper is None or value <= upper)
    known = {}
    for name, by_part in first.items():
        # In order of making; of parts made at one moment the order in the ledger says nothing.
        made = sorted((at, part, value) for part, (at, value) in by_part.items())
        known[name] = (*limits[name], spread([value for *_, value in made], *limits[name]))
    judged = [
        all(last[part].values()) for part, outcome in final.items() if outcome == "good" and part in last
    ]
    return Characteristics(known), len(judged), judged.count(False)


def _material(ledger: Ledger, final: Mapping[str, str], prices: Prices) -> tuple[float, float, float]:
    """Mass of blanks (kg), and what the material of good and of scrapped parts cost, less credit."""
    blank: defaultdict[str, float] = defaultdict(float)
    chips: defaultdict[str, float] = defaultdict(float)
    for event in ledger.select("material"):
        blank[event.subject] += number(event, "mass_kg", 0.0)
        chips[event.subject] += number(event, "chips_kg", 0.0)
    money: dict[str, list[float]] = {"good": [], "scrap": []}
    mass: list[float] = []
    for part, outcome in final.items():
        if outcome in money:
            sold = blank[part] if outcome == "scrap" else chips[part]
            mass.append(blank[part])
            cost = blank[part] * prices.blank_eur_per_kg - sold * prices.chip_credit_eur_per_kg
            money[outcome].append(cost)
    return math.fsum(mass), math.fsum(money["good"]), math.fsum(money["scrap"])


def add_up(several: Iterable[Totals]) -> Totals:
    """Return the sum of totals, such as those of many shifts."""
    whole = Totals()
    for one in several:
        whole = whole + one
    return whole
