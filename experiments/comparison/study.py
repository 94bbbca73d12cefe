"""The study: shifts are worked or read again, summed up, compared, and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs.ledger import Ledger
from envs.prices import load_prices, load_region
from envs.shift.spec import Block, ShiftSpec, load_shift
from experiments.compare import quickly
from experiments.comparison.modes import Burden, Mode, burden, load_finance, load_mode
from experiments.comparison.results import Worked, compare_json
from experiments.comparison.shifts import Folder, Row, fingerprint, jobs_of, run_all, seeds_of, staffed
from experiments.comparison.summing import Money, new_types, totals_of
from experiments.errors import UserError, unknown, user_input
from experiments.receipts import shifts_made_by
from experiments.run import RunDirectory, manifest, usable_cores

if TYPE_CHECKING:
    from experiments.compare import Config

LEDGERS, EQUAL = "ledgers", "equal"

# What of a configuration decides which ledgers there are; money and region do not.
_KEPT = (
    *("modes", "shift", "shifts", "hours", "night", "days", "stress", "people", "orders", "cell"),
    *("handling", "seed", "quick"),
)


@dataclass(frozen=True)
class Plan:
    """What is to be worked and how it is reckoned.

    Attributes:
        modes: The ways of working.
        spec: The shift.
        seeds: Of the shifts.
        handling: "recorded" or "physics".
        money: Prices, region, finance.
        seed: Of the resampling.
        workers: Processes.
    """

    modes: tuple[Mode, ...]
    spec: ShiftSpec
    seeds: tuple[int, ...]
    handling: str
    money: Money
    seed: int
    workers: int
    executor: str = "processes"


@dataclass(frozen=True)
class Done:
    """What a study left: lines for people, and where the report is."""

    lines: list[str]
    report: Path


def compare(config: Config) -> Done:
    """Work the shifts of a configuration, or read their ledgers again, and leave the results."""
    from experiments.comparison.extras import draw_extras
    from experiments.comparison.report import report_html
    from experiments.comparison.report_more import maps_svg

    where = config.ledgers or config.resume
    folder = (
        Folder(where / LEDGERS if where is not None and (where / LEDGERS).is_dir() else where)
        if where
        else None
    )
    if config.ledgers is not None and folder is not None:
        config = again(config, folder.study())
    plan = plan_of(config)
    again_only = config.ledgers is not None
    directory = RunDirectory.create(
        config.resume if config.resume is not None else config.out,
        "compare",
        resume=config.resume is not None,
    )
    if folder is None or not again_only:
        folder = Folder(directory / LEDGERS)
        folder.begin(description(config, plan), shifts_made_by())
        run_all(
            jobs_of(plan.modes, plan.spec, plan.seeds, folder, plan.handling),
            plan.workers,
            executor=plan.executor,
        )
    ledgers = read(plan, folder)
    worked = [work_of(mode, ledgers[mode.name], plan) for mode in plan.modes]
    extras = draw_extras(config, plan, directory, folder, worked)
    result = compare_json(
        worked, plan.seeds, plan.seed, **about(config, plan), **extras.entries, manifest=manifest(config)
    )
    directory.write_json("compare.json", result)
    directory.write_text("report.html", report_html(plan, worked, ledgers, result, extras))
    for name, drawing in maps_svg(extras).items():
        directory.write_text(f"map_{name}.svg", drawing)
    return Done(lines_of(result), directory / "report.html")


def again(config: Config, study: Mapping[str, Any]) -> Config:
    """Return the configuration with what the ledgers are of; money, region and seed may be others."""
    kept = study.get("config")
    if not isinstance(kept, Mapping):
        raise UserError("study.json has no key 'config': it is not of these ledgers")
    values: dict[str, Any] = {
        name: tuple(kept[name]) if isinstance(kept[name], list) else kept[name]
        for name in _KEPT
        if name in kept
    }
    calibrate = kept.get("calibrate")
    return replace(config, **values, calibrate=Path(calibrate) if calibrate else None)


def plan_of(config: Config) -> Plan:
    """Return what a configuration asks for.

    Raises:
        UserError: for any name or value that is wrong, before anything is run or written.
    """
    from envs.shift.cycles import recorded_skills

    modes = tuple(load_mode(name) for name in config.modes)
    names = [mode.name for mode in modes]
    if len(set(names)) < len(names):
        raise UserError(f"modes has two called {max(names, key=names.count)!r}: rename a file")
    spec = spec_of(config)
    for mode in modes:
        people = staffed(spec, mode)
        if mode.needs_people and (people.people.operators == 0 or not any(b.manned for b in spec.blocks)):
            raise UserError(f"mode {mode.name!r} needs people and operators is 0: leave it out of --modes")
        for skill in mode.handling:
            known = config.handling != "recorded" or skill.endswith(".json") or skill in recorded_skills()
            if not known:
                raise unknown(f"handling of mode {mode.name!r}", skill, recorded_skills())
    with user_input():
        money = Money(
            load_prices(config.prices), load_region(config.region),
            load_finance(config.finance, config.region), config.boundary,
        )  # fmt: skip
        money.region.grid(config.boundary)
    n, _ = quickly(config)
    workers = config.workers or usable_cores()
    return Plan(
        modes,
        spec,
        tuple(seeds_of(config.seed, n)),
        config.handling,
        money,
        config.seed,
        workers,
        config.executor,
    )


def spec_of(config: Config) -> ShiftSpec:
    """Return the shift that a configuration asks for."""
    from experiments.comparison.calibrate import calibrated

    with user_input():
        spec = load_shift(config.shift)
        strengths = {name: int(value) for name, value in _pairs("stress", config.stress)}
        spec = spec.with_strengths(**strengths)
        people, orders, cell = (_numbers(n, getattr(config, n)) for n in ("people", "orders", "cell"))
        spec = spec.with_people(**_typed(spec.people, people)).with_orders(**_typed(spec.orders, orders))
        spec = spec.with_cell(**_typed(spec.cell, cell))
        _, hours = quickly(config)
        if hours is not None:
            spec = spec.with_blocks(Block(hours=hours, manned=spec.blocks[0].manned))
        night = (Block(hours=config.night, manned=False),) if config.night else ()
        spec = spec.with_blocks(*(*spec.blocks, *night) * config.days)
        if config.calibrate is not None:
            spec = calibrated(spec, config.calibrate)
        for kind in ("prices", "region"):
            name = getattr(config, kind)
            if not str(name).endswith(".yaml"):
                spec = replace(spec, **{kind: name})
        return spec


def _pairs(what: str, texts: Iterable[str]) -> list[tuple[str, float]]:
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            found.append((name, float(value)))
        except ValueError:
            raise ValueError(f"{what} is {text!r}: NAME=NUMBER is needed") from None
        if not equals or not name:
            raise ValueError(f"{what} is {text!r}: NAME=NUMBER is needed")
    return found


def _numbers(what: str, texts: Iterable[str]) -> dict[str, float]:
    return dict(_pairs(what, texts))


def _typed(block: Any, values: Mapping[str, float]) -> dict[str, float | int]:
    """Give whole numbers to fields that are whole numbers now, and yes or no to those that are either."""
    kinds = {f.name: type(getattr(block, f.name)) for f in fields(block)}
    for name, value in values.items():
        if kinds.get(name) is int and value != int(value):
            raise ValueError(f"{name} is {value}: allowed is a whole number")
        if kinds.get(name) is bool and value not in (0, 1):
            raise ValueError(f"{name} is {value:g}: allowed are 0 and 1")
    return {n: kinds[n](v) if kinds.get(n) in (int, bool) else v for n, v in values.items()}


def description(config: Config, plan: Plan) -> dict[str, Any]:
    """Return what the ledgers of a study are of: the same description, the same ledgers."""
    return {
        "config": {name: getattr(config, name) for name in (*_KEPT, "calibrate")},
        "shift": fingerprint(plan.spec),
        "modes": {
            mode.name: fingerprint(mode.roles, mode.handling, mode.machines_per_operator)
            for mode in plan.modes
        },
        "seeds": list(plan.seeds),
    }


def about(config: Config, plan: Plan) -> dict[str, Any]:
    """Return what a result rests on."""
    return {
        "shift": plan.spec.name,
        "hours": plan.spec.hours,
        "unmanned_hours": sum(block.hours for block in plan.spec.blocks if not block.manned),
        "strengths": {f.name: getattr(plan.spec.strengths, f.name) for f in fields(plan.spec.strengths)},
        "handling": {"kind": plan.handling, "skills": {m.name: list(m.handling) for m in plan.modes}},
        "machines_per_operator": {
            m.name: staffed(plan.spec, m).people.machines_per_operator for m in plan.modes
        },
        "region": plan.money.region.name,
        "boundary": plan.money.boundary,
    }


Ledgers = Mapping[str, Mapping[str, Sequence[Ledger]]]


def read(plan: Plan, folder: Folder) -> dict[str, dict[str, Row]]:
    """Return the ledgers by mode and skill, in the order of the seeds."""
    return {
        mode.name: {skill: Row(folder, mode.name, skill, plan.seeds) for skill in mode.handling}
        for mode in plan.modes
    }


def work_of(mode: Mode, ledgers: Mapping[str, Sequence[Ledger]], plan: Plan) -> Worked:
    """Return what came of a mode's shifts."""
    found: Burden = burden(mode, plan.money.region, plan.money.finance)
    rows, new = [], []
    for row in ledgers.values():
        both = [(totals_of(ledger, plan.spec, plan.money), new_types(ledger)) for ledger in row]
        rows.append([sums for sums, _ in both])
        new.append([n for _, n in both])
    return Worked(mode.name, rows, new, found)


def lines_of(result: Mapping[str, Any]) -> list[str]:
    """Return the main figures as lines for people."""
    heads = ("cost_per_good_part", "first_pass_yield", "oee", "cycles_between_assists", "kwh_per_good_part")
    lines = [f"{'mode':<18}" + "".join(f"{head:>26}" for head in heads)]
    for name, groups in result["modes"].items():
        entries = {metric: entry for metrics in groups.values() for metric, entry in metrics.items()}
        lines.append(f"{name:<18}" + "".join(f"{_cell(entries[head]):>26}" for head in heads))
    return lines


def _cell(entry: Mapping[str, Any]) -> str:
    if entry["mean"] is None:
        return "-"
    if entry["ci95"] is None:
        return f"{entry['mean']:.3f}"
    low, high = entry["ci95"]
    return f"{entry['mean']:.3f} [{low:.3f}, {high:.3f}]"
