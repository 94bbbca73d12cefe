"""Where autonomy pays: the cost difference over lot size by new part types, and disturbances by staffing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs.shift.spec import ShiftSpec
from experiments.comparison.charts import Grid
from experiments.comparison.modes import Burden, Mode
from experiments.comparison.paired import LEAST_SHIFTS, RESAMPLES, counts, percentiles
from experiments.comparison.shifts import Job, map_shifts, run_shift
from experiments.comparison.summing import Money, new_types, totals_of
from experiments.errors import UserError
from experiments.run import write_json_atomic

LOTS = (1, 3, 10, 30, 100, 300, 1000)
NEW_TYPES = (0.0, 1.0, 5.0, 20.0)
STRENGTHS = (0, 1, 2, 3, 4, 5)
STAFFING = (2, 5, 10, 20, 0)  # machines per operator; 0 for nobody


@dataclass(frozen=True)
class Square:
    """What a shift of a map added up to: enough to reckon its cost again with other capital."""

    map: str
    x: float
    y: float
    mode: str
    seed: int
    cost_eur: float
    good: int
    pot_h: float
    new_types: int
    paid_h: float
    kwh: float


@dataclass(frozen=True)
class _Worker:
    """Works a map's shift; importable, so that it travels."""

    money: Money

    def __call__(self, job: Job) -> dict[str, Any]:
        ledger = run_shift(job)
        sums = totals_of(ledger, job.spec, self.money)
        return {
            "cost_eur": sums.costs.total, "good": sums.ordered_good, "pot_h": sums.times.pot_s / 3600.0,
            "new_types": new_types(ledger), "paid_h": sums.paid_h, "kwh": sums.energy_kwh,
        }  # fmt: skip


def lots_spec(spec: ShiftSpec, mode: Mode, lot: float, new: float) -> ShiftSpec:
    """Return the shift of a square of map 1, at the mode's own staffing."""
    from experiments.comparison.shifts import staffed

    return staffed(spec.with_orders(lot_size=int(lot), new_types_per_week=new), mode)


def strength_spec(spec: ShiftSpec, mode: Mode, strength: float, machines: float) -> ShiftSpec:
    """Return the shift of a square of map 2."""
    del mode  # at equal staffing
    there = spec.with_strengths(all=int(strength))
    if machines == 0:
        return there.with_people(operators=0)
    return there.with_people(machines_per_operator=int(machines))


Squares = Callable[[ShiftSpec, Mode, float, float], ShiftSpec]
MAPS: Mapping[str, tuple[Squares, Sequence[float], Sequence[float]]] = {
    "lots": (lots_spec, LOTS, NEW_TYPES),
    "strengths": (strength_spec, STRENGTHS, STAFFING),
}


def work_maps(
    pair: Sequence[Mode],
    spec: ShiftSpec,
    seeds: Sequence[int],
    money: Money,
    file: Path,
    *,
    handling: str,
    workers: int,
) -> list[Square]:
    """Work the shifts of both maps that are not in the file yet, and return all of them.

    The file is written after each map's row, so that an early end loses little.
    """
    squares = read_squares(file) if file.exists() else []
    if squares and not 0.5 < squares[0].pot_h / spec.hours < 1.5:
        raise UserError(
            f"{str(file)!r}: squares of other hours than {spec.hours:g}: --map-weeks, or another --out"
        )
    there = {(s.map, s.x, s.y, s.mode, s.seed) for s in squares}
    for name, (spec_of, xs, ys) in MAPS.items():
        for y in ys:
            keys = [(name, float(x), float(y), mode, seed) for x in xs for mode in pair for seed in seeds]
            keys = [k for k in keys if (k[0], k[1], k[2], k[3].name, k[4]) not in there]
            jobs = [
                Job(mode, spec_of(spec, mode, x, y), seed, mode.handling[0], handling)
                for _, x, y, mode, seed in keys
            ]
            found = map_shifts(_Worker(money), jobs, workers, f"Map of {name}, {y:g}") if jobs else []
            squares += [
                Square(name, x, y, mode.name, seed, **values)
                for (_, x, y, mode, seed), values in zip(keys, found, strict=True)
            ]
            if jobs:
                write_json_atomic(file, [asdict(square) for square in squares])
    return squares


def read_squares(file: Path) -> list[Square]:
    """Return the squares that a file holds.

    Raises:
        UserError: for a file that holds none.
    """
    try:
        return [Square(**values) for values in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"cannot read the map {str(file)!r}: {error}") from None


def grid_of(
    name: str,
    squares: Sequence[Square],
    pair: tuple[str, str],
    burdens: Mapping[str, Burden],
    *,
    one_offs: bool = True,
) -> Grid:
    """Return the difference `pair[0] - pair[1]` of the cost of a good part over a map."""
    _, xs, ys = MAPS[name]
    values, sure = [], []
    for y in ys:
        row, certain = [], []
        for x in xs:
            here = [s for s in squares if (s.map, s.x, s.y) == (name, x, y)]
            value, ends = _difference(here, pair, burdens, one_offs)
            row.append(value)
            certain.append(ends is not None and (ends[0] > 0.0 or ends[1] < 0.0))
        values.append(tuple(row))
        sure.append(tuple(certain))
    labels = _labels(name, xs, ys)
    return Grid(*labels, tuple(values), tuple(sure))


def _labels(
    name: str, xs: Sequence[float], ys: Sequence[float]
) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    x_texts, y_texts = tuple(f"{x:g}" for x in xs), tuple(f"{y:g}" for y in ys)
    if name == "lots":
        return "lot size, good parts of an order", "new part types a week", x_texts, y_texts
    nobody = tuple("nobody" if y == 0 else f"{y:g}" for y in ys)
    return "strength of all disturbances", "machines per operator", x_texts, nobody


def _difference(
    squares: Sequence[Square], pair: tuple[str, str], burdens: Mapping[str, Burden], one_offs: bool
) -> tuple[float | None, tuple[float, float] | None]:
    """The difference of ratios of totals, and its paired bootstrap interval.

    Infinite where only one side made good parts at all: certain where that did in every shift.
    """
    sides = []
    for mode in pair:
        mine = sorted((s for s in squares if s.mode == mode), key=lambda s: s.seed)
        cost = [s.cost_eur + extra_eur(s, burdens[mode], one_offs=one_offs) for s in mine]
        sides.append(np.array([cost, [float(s.good) for s in mine]]))
    if sides[0].shape != sides[1].shape or not sides[0].size:
        return None, None
    (cost_a, good_a), (cost_b, good_b) = sides
    if not good_a.sum() or not good_b.sum():
        if not good_a.sum() and not good_b.sum():
            return None, None
        only = math.inf if good_b.sum() else -math.inf
        return only, (only, only) if (good_a + good_b).all() else None
    value = float(cost_a.sum() / good_a.sum() - cost_b.sum() / good_b.sum())
    if len(cost_a) < LEAST_SHIFTS:
        return value, None
    weights = counts(np.random.default_rng(0), RESAMPLES, len(cost_a))
    with np.errstate(divide="ignore", invalid="ignore"):
        again = weights @ cost_a / (weights @ good_a) - weights @ cost_b / (weights @ good_b)
    return value, percentiles(again.tolist())


def extra_eur(square: Square, burden: Burden, *, one_offs: bool) -> float:
    """Return what a mode costs besides a square's shift."""
    per_h = burden.capital_eur_per_h + burden.running_eur_per_h
    new = 0.0
    if one_offs:
        per_h += burden.one_offs_eur_per_h
        new = burden.new_part_type_eur * square.new_types
    return per_h * square.pot_h + new
