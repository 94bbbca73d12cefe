"""Whether shifts with recorded handling come to what the same shifts come to with the engine's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from experiments.comparison import html
from experiments.comparison.canvas import words
from experiments.comparison.paired import PRIMARY
from experiments.comparison.results import INTEREST, study_of
from experiments.comparison.shifts import Folder, jobs_of, run_all

if TYPE_CHECKING:
    from experiments.comparison.study import Plan

FOLDER = "agreement"
METRICS = (PRIMARY, "first_pass_yield", "good_parts_per_h", "interventions_per_100_parts", "oee")


def work_agreement(plan: Plan, folder: Folder, n: int) -> None:
    """Work the first n shifts of a study again, with the other handling."""
    other = _other(plan.handling)
    jobs = jobs_of(plan.modes, plan.spec, plan.seeds[:n], Folder(folder.path / FOLDER), other)
    run_all(jobs, plan.workers, executor=plan.executor, title=f"Shifts, {other}")


def agreement(plan: Plan, folder: Folder) -> dict[str, Any]:
    """Return, for each way of working, what it comes to with either handling, and the paired difference.

    A metric agrees where the interval of its difference, recorded less physics, holds zero or lies within the
    smallest difference of interest; None where there are too few shifts for one.
    """
    from experiments.comparison.study import read, work_of

    there = Folder(folder.path / FOLDER)
    names = [(mode.name, skill) for mode in plan.modes for skill in mode.handling]
    seeds = tuple(s for s in plan.seeds if all(there.ledger(*name, s).exists() for name in names))
    if not seeds:
        return {"n_shifts": 0, "modes": {}}
    short = replace(plan, seeds=seeds)
    folders = {plan.handling: folder, _other(plan.handling): there}
    ledgers = {kind: read(short, where) for kind, where in folders.items()}
    modes = {}
    for mode in plan.modes:
        both = [
            replace(work_of(mode, ledgers[kind][mode.name], short), name=kind) for kind in sorted(ledgers)
        ]
        study = study_of(both, plan.seed)
        found = {kind: study.figures(kind) for kind in ledgers}
        differences = study.differences("recorded", "physics")
        modes[mode.name] = {
            metric: {
                **{kind: found[kind][metric].mean for kind in ledgers},
                "difference": differences[metric].difference,
                "ci95": differences[metric].ci95,
                "agrees": agrees(differences[metric].ci95, found["physics"][metric].mean),
            }
            for metric in METRICS
        }
    return {"n_shifts": len(seeds), "modes": modes}


def agreement_html(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report's section."""
    yield html.heading(f"Recorded handling against the engine, {found['n_shifts']} shifts")
    rows = [
        [words(mode), words(metric), *map(_number, (one["recorded"], one["physics"], one["difference"])),
         "-" if one["ci95"] is None else f"{one['ci95'][0]:+.3f} to {one['ci95'][1]:+.3f}",
         {True: "yes", False: "no", None: "-"}[one["agrees"]]]
        for mode, metrics in found["modes"].items() for metric, one in metrics.items()
    ]  # fmt: skip
    heads = ["way of working", "metric", "recorded", "engine", "difference", "95 %", "agrees"]
    yield html.table(heads, rows)


def _other(handling: str) -> str:
    return "physics" if handling == "recorded" else "recorded"


def agrees(ci95: tuple[float, float] | None, reference: float | None) -> bool | None:
    """Return whether the interval of a difference holds zero or is of no interest beside the reference."""
    if ci95 is None or reference is None:
        return None
    small = INTEREST * abs(reference)
    return ci95[0] <= 0.0 <= ci95[1] or max(map(abs, ci95)) <= small


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
