"""Benchmark agents and runs: every one on the same held-out episodes of every cell of the table.

WHO is an agent's name, a run's directory, or NAME=RUN1,RUN2,... for runs that differ in their seed only
(patterns too: NAME='runs/kf-*'). Run again with the same --out, it goes on where it was stopped. --join makes
one table of what was measured apart.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from experiments.config import UserError, parse, run_verb
from experiments.errors import check_counts

if TYPE_CHECKING:
    from experiments.run import RunDirectory

QUICK_EPISODES = 20
EXIT_FAILED_CELLS = 1


@dataclass(frozen=True)
class Config:
    """Whom to compare, and on what."""

    who: tyro.conf.Positional[tuple[str, ...]] = ()
    """Agents' names, runs' directories, or NAME=RUN1,RUN2,...; in a cell random, expert, taught and
    integrator are there anyway."""
    task: str = "TurnShafts"
    """The task: in a cell, such as LoadChuck, or of lots of parts, such as TurnShafts, or several of these:
    TurnShafts,MillPockets."""
    splits: tuple[str, ...] = ()
    """What varies, such as seen, objects-hard or physics-3; none for all that the task has."""
    episodes: int = 200
    """Episodes of each policy on each."""
    seed: int = 0
    """Which held-out episodes: each seed has its own."""
    split_seed: int | None = None
    """Draw the unseen splits afresh by the same rules, which shows any tuning to the committed ones."""
    robot: str = "lrmate200id"
    """The arm, in a cell."""
    controls: bool = True
    """In a cell: have the rows that are always there, and of each learned row its controls."""
    clips: bool = True
    """In a cell: film one failure of each cause of the best learned row."""
    stale: Literal["redo", "keep"] = "redo"
    """What was finished with other versions: do it again, or keep it and mark it."""
    workers: int | None = None
    """Worker processes; None for one a core."""
    out: Path | None = None
    """Where to write benchmark.json and benchmark.html; None for runs/<time>-benchmark."""
    quick: bool = False
    """Take few episodes, for a first look; marked as such everywhere."""
    join: tuple[Path, ...] = ()
    """Make one table of these benchmark.json: of the same cells, episodes and seed; nothing is run."""
    verify: Path | None = None
    """Run some episodes of this benchmark.json again and say of each whether it is the same."""
    sample: int = 10
    """How many, with --verify."""

    def __post_init__(self) -> None:
        check_counts(self)
        for name in ("who", "splits"):
            for value in getattr(self, name):
                if getattr(self, name).count(value) > 1:
                    raise ValueError(f"{name} has {value!r} more than once")
        if self.join and self.who:
            raise ValueError("join makes a table of files: name nobody beside it")
        if self.sample < 1:
            raise ValueError(f"sample is {self.sample}: allowed is 1 or more")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"task is {self.task!r}: one is there twice")
        if self.split_seed is not None and self.split_seed < 0:
            raise ValueError(f"split_seed is {self.split_seed}: allowed is 0 or more")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks one by one."""
        return tuple(self.task.split(","))


def main(argv: Sequence[str] | None = None) -> int:
    """Benchmark what the command line names."""
    config = parse(Config, "benchmark", argv, __doc__)
    if config.verify is not None:
        from experiments.verify import verify

        return verify(config.verify, config.sample, config.seed)
    if config.join:
        return _joined(config)
    if [in_cell(task) for task in config.tasks] == [True]:
        return _cells(config)
    if not config.who:
        raise UserError("nobody to benchmark: name agents or runs' directories, such as handbook oracle")
    return _lots(config)


def in_cell(task: str) -> bool:
    """Return whether a task is done in a cell, by a robot, and not on lots of parts.

    Raises:
        UserError: If there is no such task.
    """
    from experiments.rollout import EnvRequest

    request = EnvRequest(task)
    request.check()
    return not request.batched


def benchmark(config: Config) -> dict[str, Any]:
    """Return the table of tasks of lots of parts.

    Raises:
        UserError: If one of the tasks is another.
    """
    for task in config.tasks:
        if in_cell(task):
            raise UserError(f"task {task!r} is done in a cell: benchmark it by itself")
    from experiments.benchmarking.lots import compare

    return compare(config)


def _lots(config: Config) -> int:
    from experiments.benchmarking.lot_table import lines, tables
    from experiments.receipts import compact
    from experiments.run import RunDirectory, manifest

    start = time.perf_counter()
    told = benchmark(config)
    directory = RunDirectory.create(config.out, f"benchmark-{config.tasks[0]}")
    head = {"kind": "lots", "quick": config.quick, "seed": config.seed, "wall_s": time.perf_counter() - start}
    directory.write_text("benchmark.json", compact({**head, **told, "manifest": manifest(config)}))
    # What a page of text needs, and no more.
    rows = [{key: value for key, value in row.items() if key != "qcde"} for row in told["rows"]]
    directory.write_text("table.json", compact({**head, "rows": rows, "paired": told["paired"]}))
    directory.write_text("table.md", "\n\n".join("\n".join(table) for table in tables(told)) + "\n")
    sys.stdout.write("\n".join([*lines(told), f"All figures: {directory / 'benchmark.json'}", ""]))
    return 0


def _cells(config: Config) -> int:
    from experiments.benchmarking.cells import cells_of
    from experiments.benchmarking.rows import parse_rows
    from experiments.benchmarking.runs import Asked, Run, with_controls_after
    from experiments.pool import Pool
    from experiments.run import usable_cores

    rows = parse_rows(config.who, standing=config.controls)
    if not rows:
        raise UserError("nobody to benchmark: name agents or runs' directories, or leave --no-controls out")
    cells = cells_of(config.task, config.splits, config.split_seed)
    n = min(config.episodes, QUICK_EPISODES) if config.quick else config.episodes
    asked = Asked(config.task, rows, cells, n, config.seed, config.robot, config.controls)
    start = time.perf_counter()
    with Pool(config.workers or usable_cores()) as pool:
        run = Run(asked, pool, _say)
        wanted = run.pieces()
        directory, lock = opened(config)
        with lock:
            run.fill(wanted, directory.folder("cells"), keep_stale=config.stale == "keep")
            all_rows = with_controls_after(rows, run.control_rows())
            figures = _told(config, run, wanted, all_rows, directory)
            figures["wall_s"] = time.perf_counter() - start
            _write(directory, figures)
    return EXIT_FAILED_CELLS if figures["failed"] else 0


def _joined(config: Config) -> int:
    from experiments.benchmarking.joining import join
    from experiments.run import RunDirectory, manifest

    figures = {**join(config.join), "manifest": manifest(config)}
    _write(RunDirectory.create(config.out, f"benchmark-{figures['task']}"), figures)
    return 0


def opened(config: Config) -> tuple[RunDirectory, Any]:
    """Return the folder, new or one to go on with, and the lock that keeps a second run out of it.

    Raises:
        UserError: If the folder holds something else, or another run works in it.
    """
    from experiments.run import RunDirectory

    goes_on = config.out is not None and (config.out / "cells").is_dir()
    directory = RunDirectory.create(config.out, f"benchmark-{config.task}", resume=goes_on)
    return directory, _locked(directory / ".lock")


def _locked(path: Path) -> Any:
    """Lock a file until it is closed."""
    import fcntl

    file = path.open("w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UserError(f"{str(path.parent)!r} is in use by another benchmark: name another --out") from None
    return file


def _told(config: Config, run: Any, pieces: Any, rows: Any, directory: Any) -> dict[str, Any]:
    """What benchmark.json holds."""
    from experiments.benchmarking.clips import film_causes
    from experiments.benchmarking.table import figures
    from experiments.published import published
    from experiments.run import manifest

    told = {
        "kind": "cells",
        "task": config.task,
        "quick": config.quick,
        "n_episodes": run.asked.n,
        "seed": config.seed,
        "split_seed": config.split_seed,
        **figures(pieces, rows, run.asked.cells, run.period_s),
        "published": published(),
        "manifest": manifest(config),
    }
    told["clips"] = film_causes(run, pieces, told["rows"], directory.folder("clips")) if config.clips else []
    return told


def _write(directory: RunDirectory, figures: dict[str, Any]) -> None:
    from experiments.benchmarking.lines import lines
    from experiments.benchmarking.page import page
    from experiments.benchmarking.sheet import sheet
    from experiments.receipts import compact

    directory.write_text("benchmark.json", compact(figures))
    directory.write_text("benchmark.html", page(figures, directory.path))
    directory.write_text("table.md", sheet(figures))
    sys.stdout.write("\n".join([*lines(figures), f"All figures: {directory / 'benchmark.html'}", ""]))


def _say(text: str) -> None:
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


if __name__ == "__main__":
    run_verb(main)
