"""The same shifts with crashes or escapes at other prices: how much hangs on what is hardest to price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.accounts import number
from envs.ledger import Ledger
from experiments.comparison import html
from experiments.comparison.canvas import words
from experiments.comparison.charts import entry_text, signed_text
from experiments.comparison.paired import LEAST_SHIFTS, PRIMARY, Study, percentiles
from experiments.comparison.results import Worked, study_of

# Each against the prices of the study.
FACTORS = (0.0, 0.5, 1.0, 2.0)
CRASHES, ESCAPES = "crashes", "escapes"


def crash_eur(ledger: Ledger) -> float:
    """Return the money that crashes of a shift cost, without the hours that they took."""
    return fsum(number(e, "amount_eur") for e in ledger.select("expense") if e.subject == "crash")


def by_price(
    worked: Sequence[Worked], crashes: Mapping[str, ArrayLike], escape_eur: float, seed: int
) -> dict[str, Any]:
    """Return the cost of a good part of every way with crashes, and with escapes, at other prices.

    Args:
        worked: The ways of working.
        crashes: By way, euros of crashes (policies, shifts).
        escape_eur: Price of an escape.
        seed: Of the resampling.
    """
    study = study_of(worked, seed)
    found: dict[str, Any] = {}
    for what in (CRASHES, ESCAPES):
        costs = {}
        for one in worked:
            good = np.array([[sums.ordered_good for sums in row] for row in one.shifts], float)
            escaped = np.array([[sums.escaped for sums in row] for row in one.shifts], float)
            eur = np.asarray(crashes[one.name], float) if what == CRASHES else escaped * escape_eur
            costs[one.name] = _repriced(study, one.name, eur, good)
        pair = (costs.get("autonomous"), costs.get("automated"))
        found[what] = {
            "factors": list(FACTORS),
            "cost_per_good_part": {
                name: [{**_entry(row, "mean"), "unit": "EUR"} for row in rows] for name, rows in costs.items()
            },
            "increment": None
            if pair[0] is None or pair[1] is None
            else [{**_entry(row, "difference"), "unit": "EUR"} for row in pair[0] - pair[1]],
        }
    return found


def _repriced(study: Study, way: str, eur: NDArray, good: NDArray) -> NDArray:
    """Return (factors, 1 + resamples) costs of a good part with what cost `eur` at other prices.

    Args:
        study: With the cost at the study's prices.
        way: Of working.
        eur: (policies, shifts).
        good: Good, ordered parts, likewise.
    """
    mean = study.figures(way)[PRIMARY].mean
    again = [found[PRIMARY] for found in study.resampled(way)] if study.n >= LEAST_SHIFTS else []
    cost = np.array([np.nan if mean is None else mean, *again])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = study.added_up(eur)[: len(cost)] / study.added_up(good)[: len(cost)]
    return cost + (np.array(FACTORS)[:, None] - 1.0) * share


def _entry(row: NDArray, name: str) -> dict[str, Any]:
    ends = percentiles(row[1:].tolist()) if len(row) > 1 else None
    return {name: float(row[0]) if np.isfinite(row[0]) else None, "ci95": ends}


def whatif_html(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report's tables of other prices."""
    yield html.heading("If crashes or escapes cost otherwise")
    for what, entry in found.items():
        head = [f"{what}, EUR a good part", *(f"{factor:g} x the price" for factor in entry["factors"])]
        rows = [
            [words(name), *(entry_text(cell) for cell in cells)]
            for name, cells in entry["cost_per_good_part"].items()
        ]
        if entry["increment"]:
            rows.append(["autonomous less automated", *(signed_text(one) for one in entry["increment"])])
        yield html.table(head, rows)
    yield html.paragraph(
        "The same ledgers: the money of crashes, or what an escape costs, at other prices. Hours that a "
        "crash took stay lost, and deciders were told the study's own prices.",
        "note",
    )
