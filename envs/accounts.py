"""Accounts: times, parts, energy and people's hours, read out of a ledger. `envs.balance` checks them.

What the ledger's writers put in, besides kind and subject:

| kind | subject | values |
|---|---|---|
| execution (`ACTIVE`, `READY` ...) | unit | |
| mode (`PRODUCTION`, `SETUP` ...) | unit | `planned=True` for planned maintenance, breaks, trials |
| `shift_start`, `shift_end` | unit | |
| `job_start`, `job_end` | order | `unit`, if not all |
| `breakdown`, `repair` | unit | |
| `order_released` | order | `quantity`, `due_s` |
| `part_arrived` | part | `part_type` |
| `part_good`, `part_rework`, `part_scrap` | part | `order` |
| `characteristic` | part | `name`, `value`, `lower`, `upper` (either may be None) |
| `material` | part | `mass_kg` of the blank, `chips_kg` cut off it |
| `power` | consumer | `power_w`, until its next `power` event |
| `energy` | consumer | `energy_j`; a meter's reading where there is `power` too |
| `attended`, `paid` | person | `duration_s`, ending now |
| `intervention` | unit | `reason` |
| `tool_change` | tool | `edges`, 1 if absent |
| `tool_wear` | tool | `life_share`, of edges that stay in; negative for what a shift began with |
| `expense` | cause | `amount_eur` |
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, fields
from typing import Self

from envs.ledger import EXECUTION, MODE, Event, Ledger

OUTCOMES = {"part_good": "good", "part_rework": "rework", "part_scrap": "scrap"}


class Additive:
    """Frozen dataclasses of amounts that add up over shifts, field by field."""

    def __add__(self, other: Self) -> Self:
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]
        return type(self)(**{n: getattr(self, n) + getattr(other, n) for n in names})


@dataclass(frozen=True, kw_only=True)
class TimeElements(Additive):
    """The clock of one unit in the elements of ISO 22400-2; each second is in exactly one.

    Attributes:
        off_shift_s: Outside the planned operation time.
        planned_down_s: Planned maintenance, breaks and trials.
        adot_s: Actual unit down time: no order, though the unit could work.
        aust_s: Actual unit setup time.
        apt_s: Actual production time: an order's parts are being made.
        adet_s: Actual unit delay time: malfunctions, minor stops, waiting, with an order there.
        corrective_s: The part of it that is repair (in ISO: CMT).
        preventive_s: The part of `planned_down_s` that is maintenance (in ISO: PMT).
        aoet_s: Actual order execution times, from start to end of each order, added up.
        failures: Breakdowns that began.
    """

    off_shift_s: float = 0.0
    planned_down_s: float = 0.0
    adot_s: float = 0.0
    aust_s: float = 0.0
    apt_s: float = 0.0
    adet_s: float = 0.0
    corrective_s: float = 0.0
    preventive_s: float = 0.0
    aoet_s: float = 0.0
    failures: int = 0

    @property
    def aupt_s(self) -> float:
        """Actual unit processing time."""
        return self.aust_s + self.apt_s

    @property
    def aubt_s(self) -> float:
        """Actual unit busy time."""
        return self.aupt_s + self.adet_s

    @property
    def pbt_s(self) -> float:
        """Planned busy time."""
        return self.aubt_s + self.adot_s

    @property
    def pot_s(self) -> float:
        """Planned operation time: what is scheduled."""
        return self.pbt_s + self.planned_down_s

    @property
    def calendar_s(self) -> float:
        """All of the time."""
        return self.pot_s + self.off_shift_s


@dataclass(frozen=True, kw_only=True)
class PartCounts(Additive):
    """Where the parts that entered are at the end, and how they came there.

    `entered = good + scrap + in_rework + in_progress`; `first_pass` were good without rework, `reworked` were
    sent to rework at least once.
    """

    entered: int = 0
    good: int = 0
    scrap: int = 0
    in_rework: int = 0
    in_progress: int = 0
    reworked: int = 0
    first_pass: int = 0

    @property
    def produced(self) -> int:
        """Parts that were judged (in ISO: PQ)."""
        return self.good + self.scrap + self.in_rework


def number(event: Event, key: str, default: float | None = None) -> float:
    """Return a value that an event carries.

    Raises:
        ValueError: where it is missing without a default, or no finite number.
    """
    value = event.data.get(key, default)
    if isinstance(value, bool | str) or value is None or not math.isfinite(value):
        where = f"{event.kind} of {event.subject} at {event.time_s:g} s"
        raise ValueError(f"{key} is {value!r} in {where}: allowed is a finite number")
    return float(value)


def clock(ledger: Ledger) -> tuple[float, float]:
    """Return the time of the first and last event; (0, 0) where there is none."""
    return (ledger[0].time_s, ledger[-1].time_s) if len(ledger) else (0.0, 0.0)


def time_elements(
    ledger: Ledger, unit: str, start_s: float | None = None, end_s: float | None = None
) -> TimeElements:
    """Split the clock of a unit into the time elements of ISO 22400-2.

    The rules are in `_Unit._elements`. A ledger without shifts is all planned operation time, and one without
    jobs has an order all the time: single tasks are recorded so. A window holds its start and not its end.

    Args:
        ledger: The ledger.
        unit: The machine.
        start_s: Where the window begins; the first event if not given.
        end_s: Where it ends; the last event if not given.

    Raises:
        ValueError: for a window that ends before it begins.
    """
    first, last = clock(ledger)
    start, end = first if start_s is None else start_s, last if end_s is None else end_s
    if not -math.inf < start <= end < math.inf:
        raise ValueError(f"end_s is {end}: allowed is start_s = {start} or more")
    state = _Unit(ledger, unit, start)
    for event in ledger:
        if event.time_s >= end:
            break
        state.spend_until(event.time_s)
        state.see(event)
    state.spend_until(end)
    return state.close(end)


class _Unit:
    """What a unit is doing, and for how long it did what."""

    def __init__(self, ledger: Ledger, name: str, start_s: float) -> None:
        self.name, self.start, self.now = name, start_s, start_s
        self.execution, self.mode, self.planned, self.broken = "READY", "PRODUCTION", False, False
        self.shift = not any(e.kind == "shift_start" and e.subject == name for e in ledger)
        self.always = not any(e.kind == "job_start" and self._mine(e) for e in ledger)
        self.jobs: dict[str, float] = {}
        self.spent: defaultdict[str, list[float]] = defaultdict(list)
        self.failures = 0

    def _mine(self, event: Event) -> bool:
        return bool(event.data.get("unit", self.name) == self.name)

    def see(self, event: Event) -> None:
        """Takes in an event; those before the window count for the state only."""
        kind = event.kind
        if kind == "job_start" and self._mine(event):
            self.jobs[event.subject] = event.time_s
        elif kind == "job_end" and event.subject in self.jobs:
            began = max(self.start, self.jobs.pop(event.subject))
            self.spent["aoet"].append(max(0.0, event.time_s - began))
        if event.subject != self.name:
            return
        if kind in EXECUTION:
            self.execution = kind
        elif kind in MODE:
            self.mode, self.planned = kind, bool(event.data.get("planned", False))
        elif kind in ("shift_start", "shift_end"):
            self.shift = kind == "shift_start"
        elif kind in ("breakdown", "repair"):
            self.broken = kind == "breakdown"
            self.failures += self.broken and event.time_s >= self.start

    def spend_until(self, at_s: float) -> None:
        """Puts the time since the last change where it belongs."""
        if at_s > self.now:
            for name in self._elements():
                self.spent[name].append(at_s - self.now)
            self.now = at_s

    def _elements(self) -> tuple[str, ...]:
        """The element that time in this state belongs to, and the part of it that maintenance has.

        After OPC 40001-1, annex C.2, and ISO 22400-2: a repair is a delay whatever was going on; what is
        planned is planned down time; setting up (and proving a program) is setup; without an order the unit
        is down; with one, it produces while it is active and is delayed while it is not.
        """
        if not self.shift:
            return ("off_shift",)
        if self.broken:
            return ("adet", "corrective")
        if self.planned:
            return ("planned_down", "preventive") if self.mode == "MAINTENANCE" else ("planned_down",)
        if self.mode in ("SETUP", "TEARDOWN", "PROCESS_DEVELOPMENT"):
            return ("aust",)
        if self.mode == "MAINTENANCE":
            return ("adet", "corrective")
        if not (self.always or self.jobs):
            return ("adot",)
        return ("apt",) if self.execution == "ACTIVE" else ("adet",)

    def close(self, end_s: float) -> TimeElements:
        """Add it all up."""
        spans = [end_s - max(self.start, began) for began in self.jobs.values()]
        self.spent["aoet"] += [end_s - self.start] if self.always else spans
        sums = {f"{name}_s": math.fsum(values) for name, values in self.spent.items()}
        return TimeElements(failures=self.failures, **sums)


def part_outcomes(ledger: Ledger) -> dict[str, list[str]]:
    """Return, for each part that entered, what it was judged in order: good, rework or scrap."""
    judged: dict[str, list[str]] = {}
    for event in ledger:
        if event.kind == "part_arrived":
            judged.setdefault(event.subject, [])
        elif event.kind in OUTCOMES:
            judged.setdefault(event.subject, []).append(OUTCOMES[event.kind])
    return judged


def part_counts(ledger: Ledger) -> PartCounts:
    """Count the parts by where they are at the end."""
    judged = part_outcomes(ledger).values()
    final = Counter(outcomes[-1] if outcomes else None for outcomes in judged)
    return PartCounts(
        entered=len(judged),
        good=final["good"],
        scrap=final["scrap"],
        in_rework=final["rework"],
        in_progress=final[None],
        reworked=sum("rework" in outcomes for outcomes in judged),
        first_pass=sum(outcomes[-1:] == ["good"] and "rework" not in outcomes for outcomes in judged),
    )


def energy_j(ledger: Ledger, end_s: float | None = None) -> dict[str, float]:
    """Return the energy of each consumer: the integral of its power, or the sum of its amounts.

    Args:
        ledger: The ledger.
        end_s: Until when the last power lasts; the last event if not given.

    Raises:
        ValueError: for an end before the last event.
    """
    last = clock(ledger)[1]
    end = last if end_s is None else end_s
    if not last <= end < math.inf:
        raise ValueError(f"end_s is {end}: allowed is {last} (the last event) or more")
    of = {**energy_amounts_j(ledger), **energy_integrals_j(ledger, end)}
    return {name: math.fsum(values) for name, values in of.items()}


def energy_amounts_j(ledger: Ledger) -> dict[str, list[float]]:
    """Return the amounts written down, by consumer."""
    amounts: defaultdict[str, list[float]] = defaultdict(list)
    for event in ledger:
        if event.kind == "energy":
            amounts[event.subject].append(number(event, "energy_j"))
    return amounts


def energy_integrals_j(ledger: Ledger, end_s: float) -> dict[str, list[float]]:
    """Return the energy in each step of constant power until `end_s`, by consumer."""
    steps: defaultdict[str, list[float]] = defaultdict(list)
    drawn: dict[str, tuple[float, float]] = {}
    for event in ledger:
        if event.kind == "power" and event.time_s <= end_s:
            since, power = drawn.get(event.subject, (event.time_s, 0.0))
            steps[event.subject].append(power * (event.time_s - since))
            drawn[event.subject] = event.time_s, number(event, "power_w")
    for name, (since, power) in drawn.items():
        steps[name].append(power * (end_s - since))
    return steps


def hours(ledger: Ledger, kind: str) -> dict[str, float]:
    """Return the hours of each person that were `attended` or `paid`."""
    if kind not in ("attended", "paid"):
        raise ValueError(f"kind is {kind!r}: allowed are 'attended', 'paid'")
    spent: defaultdict[str, list[float]] = defaultdict(list)
    for event in ledger.select(kind):
        spent[event.subject].append(number(event, "duration_s"))
    return {person: math.fsum(v) / 3600.0 for person, v in spent.items()}
