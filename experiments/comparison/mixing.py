"""Ways of working between two: some roles from the one, some from the other, each with what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from experiments.comparison.modes import Entry, Mode
from experiments.comparison.paired import LEAST_SHIFTS, PRIMARY, Study, percentiles

PROCESS = ("machining", "tool_care", "measuring")
SUPERVISION = ("loading", "dispatch", "fault_handling", "changeover")
FACTORS = ("handling", "process", "supervision")


def mixed(base: Mode, other: Mode, levels: Sequence[bool]) -> Mode:
    """Return a mode between two.

    Args:
        base: Where a level is off.
        other: Where it is on.
        levels: Handling, process, supervision.
    """
    on = dict(zip(FACTORS, levels, strict=True))
    roles = {
        role: (other if on["process" if role in PROCESS else "supervision"] else base).roles[role]
        for role in base.roles
    }
    handler = other if on["handling"] else base
    sections = ("capital", "running", "one_offs", "new_part_type")

    def entries(section: str) -> tuple[Entry, ...]:
        ours: tuple[Entry, ...] = getattr(base, section)
        theirs: tuple[Entry, ...] = getattr(other, section)
        kept = [e for e in ours if not on.get(e.part, False)]
        return (*kept, *(e for e in theirs if on.get(e.part, False)))

    costs: dict[str, Any] = {section: entries(section) for section in sections}
    name = "+".join(f for f in FACTORS if on[f]) or base.name
    return replace(
        base, name=name, words=f"{base.name} with the {other.name} mode's {name}", roles=roles,
        handling=handler.handling, learned_handling=handler.learned_handling,
        machines_per_operator=base.machines_per_operator,
        **costs,
    )  # fmt: skip


def combinations_of(base: Mode, other: Mode) -> list[tuple[tuple[bool, ...], Mode]]:
    """Return all modes between two; handling is left as it is where both have the same."""
    same = base.handling == other.handling
    first: tuple[bool, ...] = (False,) if same else (False, True)
    return [(levels, mixed(base, other, levels)) for levels in product(first, (False, True), (False, True))]


def effects(study: Study, cells: Sequence[tuple[tuple[bool, ...], str]]) -> dict[str, dict[str, Any]]:
    """Return what each factor changes of the cost of a good part, averaged over the others.

    Args:
        study: Of all combinations.
        cells: Levels of each combination, and its way's name in the study.
    """
    found: dict[str, dict[str, Any]] = {}
    for index, factor in enumerate(FACTORS):
        if len({levels[index] for levels, _ in cells}) < 2:
            continue
        sign = {name: 1.0 if levels[index] else -1.0 for levels, name in cells}
        half = len(cells) / 2.0
        means = {name: study.figures(name)[PRIMARY].mean for name in sign}
        if any(mean is None for mean in means.values()):
            found[factor] = {"difference": None, "ci95": None, "unit": "EUR"}
            continue
        value = sum(sign[name] * (mean or 0.0) for name, mean in means.items()) / half
        ends = None
        if study.n >= LEAST_SHIFTS:
            columns = [sign[name] * np.array([r[PRIMARY] for r in study.resampled(name)]) for name in sign]
            ends = percentiles((np.sum(columns, axis=0) / half).tolist())
        found[factor] = {"difference": value, "ci95": ends, "unit": "EUR"}
    return found
