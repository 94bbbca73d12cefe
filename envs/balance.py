"""Whether a ledger balances: nothing appears or vanishes, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from envs.accounts import OUTCOMES, clock, energy_amounts_j, energy_integrals_j, hours, number, time_elements
from envs.ledger import EXECUTION, Ledger

_RELATIVE = 1e-9  # what sums of floats may differ by


def check_balance(ledger: Ledger, units: Iterable[str] = ()) -> list[str]:
    """Say what does not balance; an empty list if all does.

    Parts: each enters once, before it is judged, and nothing follows scrap or shipping. Time: each unit has a
    state from the beginning, and its elements add up to the clock. Energy: amounts and power are not below
    zero, and a meter reads the integral of the power. People: nobody attends for longer than is paid. What
    begins (shift, job, breakdown) is not begun twice, and ends only after it began.

    Args:
        ledger: The ledger.
        units: Machines whose states must be known all the time.
    """
    problems = [*_parts(ledger), *_pairs(ledger), *_energies(ledger), *_people(ledger)]
    start, end = clock(ledger)
    for unit in units:
        known = [e.time_s for e in ledger if e.kind in EXECUTION and e.subject == unit]
        if not known or known[0] > start:
            until = f"before {known[0]:g} s" if known else "at any time"
            problems.append(f"{unit} has no execution state {until}")
        total = time_elements(ledger, unit).calendar_s
        if abs(total - (end - start)) > _RELATIVE * max(1.0, abs(end - start)):
            problems.append(f"{unit} accounts for {total:g} s of {end - start:g} s")
    return problems


def _parts(ledger: Ledger) -> Iterator[str]:
    last: dict[str, str] = {}
    for event in ledger:
        kind, part = event.kind, event.subject
        if kind != "part_arrived" and kind != "part_shipped" and kind not in OUTCOMES:
            continue
        before, at = last.get(part), f"at {event.time_s:g} s"
        if kind == "part_arrived":
            if before is not None:
                yield f"{part} arrived twice, again {at}"
        elif before is None:
            yield f"{part} had {kind} {at} and never arrived"
        elif before in ("part_scrap", "part_shipped"):
            yield f"{part} had {kind} {at} after {before}"
        elif kind == "part_shipped" and before != "part_good":
            yield f"{part} was shipped {at} after {before}"
        last[part] = kind


def _pairs(ledger: Ledger) -> Iterator[str]:
    opens = {"shift_start": "shift_end", "job_start": "job_end", "breakdown": "repair"}
    closes = {close: begin for begin, close in opens.items()}
    under_way: set[tuple[str, str]] = set()
    for event in ledger:
        key = (closes.get(event.kind, event.kind), event.subject)
        if event.kind in opens:
            if key in under_way:
                yield f"{event.subject} had {event.kind} twice, again at {event.time_s:g} s"
            under_way.add(key)
        elif event.kind in closes:
            if key not in under_way:
                yield f"{event.subject} had {event.kind} at {event.time_s:g} s without {closes[event.kind]}"
            under_way.discard(key)


def _energies(ledger: Ledger) -> Iterator[str]:
    for event in ledger:
        key = {"energy": "energy_j", "power": "power_w"}.get(event.kind)
        if key and (amount := number(event, key)) < 0.0:
            yield f"{event.subject} has {event.kind} {amount} at {event.time_s:g} s"
    amounts = energy_amounts_j(ledger)
    read = {e.subject: e.time_s for e in ledger if e.kind == "energy"}
    for name in {e.subject: None for e in ledger if e.kind == "power"}:
        if name in read:
            metered = math.fsum(amounts[name])
            integral = math.fsum(energy_integrals_j(ledger, read[name])[name])
            if abs(metered - integral) > 1e-6 * max(1.0, abs(integral)):
                yield f"{name} metered {metered:g} J and its power makes {integral:g} J"


def _people(ledger: Ledger) -> Iterator[str]:
    attended, paid = hours(ledger, "attended"), hours(ledger, "paid")
    if paid:
        for person, spent in attended.items():
            if spent > paid.get(person, 0.0) + _RELATIVE:
                yield f"{person} attended for {spent:g} h and was paid for {paid.get(person, 0.0):g} h"
