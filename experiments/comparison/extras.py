"""What a study shows besides the main comparison: equal staffing, agreement, the factorial, maps, regions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from experiments.comparison.agreement import FOLDER as AGREEMENT
from experiments.comparison.agreement import agreement, work_agreement
from experiments.comparison.charts import Grid
from experiments.comparison.maps import grid_of, read_squares, work_maps
from experiments.comparison.mixing import combinations_of, effects
from experiments.comparison.modes import Mode, burden
from experiments.comparison.paired import PRIMARY
from experiments.comparison.regions import by_region
from experiments.comparison.results import paired, study_of
from experiments.comparison.shifts import Folder, jobs_of, run_all, seeds_of
from experiments.comparison.summing import counts, freight_kg
from experiments.comparison.whatif import by_price, crash_eur
from experiments.run import RunDirectory

if TYPE_CHECKING:
    from envs.ledger import Ledger
    from experiments.compare import Config
    from experiments.comparison.results import Worked
    from experiments.comparison.study import Plan

MAP_FILE = "maps.json"
SHIFTS_A_WEEK = 5


@dataclass
class Extras:
    """What was worked besides.

    Attributes:
        entries: For compare.json.
        maps: Grids by map, one-offs in and out.
    """

    entries: dict[str, Any] = field(default_factory=dict)
    maps: dict[str, dict[str, Grid]] = field(default_factory=dict)


def draw_extras(
    config: Config, plan: Plan, directory: RunDirectory, folder: Folder, worked: Sequence[Worked]
) -> Extras:
    """Work what the configuration asks for besides, or read it again where its ledgers are."""
    from experiments.comparison.study import read

    found = Extras()
    reading = config.ledgers is not None

    def wanted(name: str, *, asked: bool) -> bool:
        """What was asked for, or, where ledgers are only read, what is there."""
        return (folder.path / name).is_dir() if reading else asked

    freight: dict[str, list[list[float]]] = {}
    crashes: dict[str, list[list[float]]] = {}
    found.entries["also"] = {}
    for name, rows in read(plan, folder).items():
        also, freight[name], crashes[name] = _once(list(rows.values()))
        found.entries["also"][name] = also
    found.entries["regions"] = by_region(plan.modes, worked, freight, finance=config.finance, seed=plan.seed)
    found.entries["prices"] = by_price(worked, crashes, plan.money.prices.escape_eur, plan.seed)
    if wanted("equal", asked=config.equal_staffing):
        modes = tuple(replace(mode, machines_per_operator=None) for mode in plan.modes)
        found.entries["equal_staffing"] = _besides(plan, modes, folder, "equal", reading)
    if config.agreement and not reading:
        work_agreement(plan, folder, config.agreement)
    if wanted(AGREEMENT, asked=config.agreement > 0):
        found.entries["agreement"] = agreement(plan, folder)
    base, other = (next((m for m in plan.modes if m.name == n), None) for n in ("automated", "autonomous"))
    if base is None or other is None:
        return found
    if wanted("factorial", asked=config.factorial):
        found.entries["factorial"] = _factorial(plan, base, other, folder, reading)
    file = folder.path / MAP_FILE
    if config.maps or (reading and file.exists()):
        _maps(config, plan, (other, base), found, folder)
    return found


def _once(
    rows: Sequence[Sequence[Ledger]],
) -> tuple[dict[str, Any], list[list[float]], list[list[float]]]:
    """Return a mode's counts, freights (kg) and crashes (EUR), reading each ledger once."""
    freight: list[list[float]] = [[] for _ in rows]
    crashes: list[list[float]] = [[] for _ in rows]

    def read() -> Iterator[Ledger]:
        for number, row in enumerate(rows):
            for one in row:
                freight[number].append(freight_kg(one))
                crashes[number].append(crash_eur(one))
                yield one

    return counts(read()), freight, crashes


def _besides(plan: Plan, modes: tuple[Mode, ...], folder: Folder, name: str, reading: bool) -> dict[str, Any]:
    """Work modes on the same shifts into a folder of their own; returns costs, differences and staffing."""
    from experiments.comparison.study import read, work_of

    there = Folder(folder.path / name)
    beside = replace(plan, modes=modes)
    if not reading:
        jobs = jobs_of(modes, plan.spec, plan.seeds, there, plan.handling)
        run_all(jobs, plan.workers, executor=plan.executor, title=f"Shifts, {name}")
    ledgers = read(beside, there)
    worked = [work_of(mode, ledgers[mode.name], beside) for mode in modes]
    study = study_of(worked, plan.seed)
    cost = {mode.name: study.figures(mode.name) for mode in modes}
    return {
        "machines_per_operator": plan.spec.people.machines_per_operator,
        "modes": {
            name: {
                metric: {"mean": found[metric].mean, "ci95": found[metric].ci95}
                for metric in (PRIMARY, "on_time_ratio", "good_parts_per_h", "oee")
            }
            for name, found in cost.items()
        },
        "paired": {pair: one[PRIMARY] for pair, one in paired([m.name for m in modes], study).items()},
    }


def _factorial(plan: Plan, base: Mode, other: Mode, folder: Folder, reading: bool) -> dict[str, Any]:
    from experiments.comparison.study import read, work_of

    cells = combinations_of(base, other)
    there = Folder(folder.path / "factorial")
    beside = replace(plan, modes=tuple(mode for _, mode in cells))
    if not reading:
        run_all(
            jobs_of(beside.modes, plan.spec, plan.seeds, there, plan.handling), plan.workers,
            executor=plan.executor, title="Shifts, factorial",
        )  # fmt: skip
    ledgers = read(beside, there)
    worked = [work_of(mode, ledgers[mode.name], beside) for mode in beside.modes]
    study = study_of(worked, plan.seed)
    bare = study_of(worked, plan.seed, one_offs=False)
    named = [(levels, mode.name) for levels, mode in cells]
    return {
        "cells": {
            mode.name: {
                "mean": study.figures(mode.name)[PRIMARY].mean,
                "ci95": study.figures(mode.name)[PRIMARY].ci95,
            }
            for mode in beside.modes
        },
        "effects": effects(study, named),
        "effects_without_one_offs": effects(bare, named),
        "handling_is_the_same": base.handling == other.handling,
    }


def _maps(config: Config, plan: Plan, pair: tuple[Mode, Mode], found: Extras, folder: Folder) -> None:
    file = folder.path / MAP_FILE
    if config.ledgers is not None:
        squares = read_squares(file)
    else:
        n = 2 if config.quick else config.map_shifts
        seeds = [seed + 5_000 for seed in seeds_of(config.seed, n)]
        weeks = config.map_weeks and not config.quick
        spec = plan.spec.with_blocks(*plan.spec.blocks * SHIFTS_A_WEEK) if weeks else plan.spec
        squares = work_maps(pair, spec, seeds, plan.money, file, handling=plan.handling, workers=plan.workers)
    burdens = {mode.name: burden(mode, plan.money.region, plan.money.finance) for mode in pair}
    names = (pair[0].name, pair[1].name)
    for name in ("lots", "strengths"):
        grids = {
            "with one-offs": grid_of(name, squares, names, burdens),
            "without one-offs": grid_of(name, squares, names, burdens, one_offs=False),
        }
        found.maps[name] = grids
        found.entries.setdefault("maps", {})[name] = {k: _plain(grid) for k, grid in grids.items()}


def _plain(grid: Grid) -> Mapping[str, Any]:
    finite = [[v if v is not None and math.isfinite(v) else None for v in row] for row in grid.values]
    only = [[v is not None and math.isinf(v) for v in row] for row in grid.values]
    return {
        "x": grid.x,
        "y": grid.y,
        "difference_eur": finite,
        "interval_leaves_out_zero": grid.sure,
        "only_one_makes_good_parts": only,
        "which_is_cheaper": [[_cheaper(v) for v in row] for row in grid.values],
    }


def _cheaper(difference: float | None) -> str | None:
    return None if difference is None else "autonomous" if difference < 0 else "automated"
