"""Compare ways of working, by hand, automated and autonomous, over the same shifts: QCDE and a report."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from experiments.config import UserError, parse, run_verb

# Each three shifts of an hour, to see that all of it works.
_QUICK_SHIFTS, _QUICK_HOURS = 3, 1.0


@dataclass(frozen=True)
class Config:
    """Which ways of working, over which shifts, and what is drawn."""

    modes: tuple[str, ...] = ("manual", "automated_basic", "automated", "autonomous")
    """Ways of working: names in configs/compare/modes, or YAML files of the same form."""
    shift: str = "default"
    """The shift: a name in configs/shift, or a YAML file of the same form."""
    shifts: int = 30
    """Paired shifts: each mode works all of them."""
    hours: float | None = None
    """Hours of a shift; None for the file's own."""
    night: float = 0.0
    """Hours after each shift in which the cell goes on and nobody is there."""
    days: int = 1
    """Shifts in a row, with their nights: 5 for a week."""
    stress: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Strength of a disturbance, NAME=0 to 5, such as chips=3; all=2 for every one; once for each."""
    people: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A figure of the operators, NAME=VALUE, such as operators=0 or machines_per_operator=4."""
    orders: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A figure of the orders, NAME=VALUE, such as lot_size=1 or new_types_per_week=5."""
    cell: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A figure of the cell, NAME=VALUE, such as infeed_places=200; 0 for no and 1 for yes: heeds_doubts=0."""
    handling: Literal["recorded", "physics"] = "recorded"
    """Who loads and unloads: recorded full-physics cycles, resampled, or the engine itself, step by step."""
    region: str = "germany"
    """Where it is made."""
    prices: str = "default"
    """What things cost."""
    finance: str = "default"
    """How capital becomes euros an hour."""
    boundary: Literal["direct", "lifecycle"] = "lifecycle"
    """Of the grid's greenhouse gases."""
    seed: int = 0
    """Which shifts; each seed has its own."""
    equal_staffing: bool = True
    """Also work the shifts with the same machines per operator for all modes."""
    maps: bool = False
    """Draw where autonomy pays: lot size by new part types, disturbances by staffing."""
    factorial: bool = False
    """Which part of autonomy is worth what: handling, process and supervision, each in or out."""
    agreement: int = 0
    """So many of the shifts also by the engine, or with recorded cycles where the study is by the engine."""
    map_shifts: int = 6
    """Weeks (or shifts) for each square of a map."""
    map_weeks: bool = True
    """Work five shifts in a row for each of them; with --quick always one."""
    quick: bool = False
    """Take 3 shifts of an hour, to try the machinery in about a minute."""
    workers: int | None = None
    """Worker processes; None for one a core."""
    executor: Literal["processes", "ray"] = "processes"
    """Where they run; ray needs the package of that name."""
    out: Path | None = None
    """Where to leave compare.json, report.html and ledgers/; None for runs/<time>-compare."""
    resume: Path | None = None
    """Go on with the shifts of this directory that are not there yet."""
    ledgers: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Make every figure again from the ledgers in this directory."""
    table: tuple[Path, ...] = ()
    """Print these studies' compare.json side by side, such as at several strengths; nothing is worked."""
    verify: Path | None = None
    """Work some shifts of this compare.json again, and say of each whether its ledger is the same."""
    sample: int = 3
    """How many, with --verify; at random by --seed."""
    record: str | None = None
    """Record full-physics cycles instead: WHO=FILE.json, an agent or a run, and the table to write."""
    record_cycles: int = 500
    """Cycles of each group of such a table; those that are there already are kept."""
    calibrate: Path | None = None
    """A CSV file of a cell's own stops and cycles (kind,minutes), put in the place of the shift's figures."""

    def __post_init__(self) -> None:
        for name in ("shifts", "map_shifts", "record_cycles", "workers", "sample"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}: allowed is 1 or more")
        if self.agreement < 0:
            raise ValueError(f"agreement is {self.agreement}: allowed is 0 or more")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: allowed is 0 or more")
        if self.night and not 0.1 <= self.night <= 24.0:
            raise ValueError(f"night is {self.night}: allowed is 0, or 0.1 to 24")
        if not 1 <= self.days <= 31:
            raise ValueError(f"days is {self.days}: allowed is 1 to 31")
        if self.hours is not None and not 0.1 <= self.hours <= 24.0:
            raise ValueError(f"hours is {self.hours}: allowed is 0.1 to 24")
        if len(set(self.modes)) < len(self.modes) or not self.modes:
            raise ValueError(f"modes is {', '.join(self.modes)}: allowed are one or more, each once")
        if self.ledgers is not None and self.resume is not None:
            raise ValueError("from and resume: one of them is needed")


def main(argv: Sequence[str] | None = None) -> int:
    """Compare what the command line names."""
    config = parse(Config, "compare", argv, __doc__)
    if config.record is not None:
        _record(config)
        return 0
    if config.table:
        from experiments.comparison.sheet import read_studies, tables

        pages = ["\n".join(table) for table in tables(read_studies(config.table))]
        sys.stdout.write("\n\n".join(pages) + "\n")
        return 0
    if config.verify is not None:
        from experiments.comparison.again import verify
        from experiments.run import usable_cores

        return verify(config.verify, config.sample, config.seed, config.workers or usable_cores())
    from experiments.comparison.study import compare

    start = time.perf_counter()
    done = compare(config)
    sys.stdout.write("\n".join([*done.lines, f"The report is {done.report}", ""]))
    sys.stderr.write(f"{time.perf_counter() - start:.0f} s\n")
    return 0


def _record(config: Config) -> None:
    """Record cycles of an agent or a run into a table."""
    from tqdm import tqdm

    from experiments.comparison.makers import groups_of, parse_record, record_cycles, skill_named
    from experiments.run import usable_cores

    who, file = parse_record(str(config.record))
    if not file.parent.is_dir():
        raise UserError(f"{str(file.parent)!r} is not a directory")
    total = len(groups_of(skill_named(who))) * config.record_cycles
    with tqdm(total=total, desc=f"Recording {who}", unit="cycle", file=sys.stderr) as bar:
        table = record_cycles(
            who, file, config.record_cycles, workers=config.workers or usable_cores(), on_done=bar.update
        )
    sys.stdout.write(f"{table.n}\nThe cycles are in {file}\n")


def quickly(config: Config) -> tuple[int, float | None]:
    """Return how many shifts of how many hours: few where it is to be quick."""
    if config.quick:
        return min(config.shifts, _QUICK_SHIFTS), config.hours or _QUICK_HOURS
    return config.shifts, config.hours


if __name__ == "__main__":
    run_verb(main)
