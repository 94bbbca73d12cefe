"""Tune those who decide in shifts, on validation shifts: the same search and budget for every side."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from experiments.config import parse, run_verb


@dataclass(frozen=True)
class Config:
    """Who is tuned, on what, and how long."""

    modes: tyro.conf.Positional[tuple[str, ...]] = ("manual", "automated_basic", "automated", "autonomous")
    """Ways of working, each with one decider for all roles."""
    budget: int = 40
    """Candidates for each."""
    shifts: int = 2
    """Validation shifts of each candidate, at each strength."""
    strengths: tuple[int, ...] = (0, 2, 4)
    """Strengths of all disturbances."""
    hours: float = 8.0
    """Hours of a shift."""
    staffing: int = 0
    """Try 1 to so many machines per operator instead, for the least cost with orders on time; 0 for none."""
    region: str = "germany"
    """Where it is made."""
    seed: int = 0
    """Which validation shifts, and of the search."""
    out: Path = Path("tuning.json")
    """The log; what it holds of other modes is kept."""
    write: bool = False
    """Put the best numbers into configs/decider, or the staffing into configs/compare/modes."""

    def __post_init__(self) -> None:
        for name, least in (("budget", 1), ("shifts", 1), ("staffing", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is {least} or more")
        for strength in self.strengths:
            if not 0 <= strength <= 5:
                raise ValueError(f"strength is {strength}: allowed are 0 to 5")
        if not 0.1 <= self.hours <= 24.0:
            raise ValueError(f"hours is {self.hours}: allowed is 0.1 to 24")


def main(argv: Sequence[str] | None = None) -> int:
    """Tune what the command line names."""
    config = parse(Config, "tune_shift", argv, __doc__)
    from tqdm import tqdm

    from experiments.comparison.tuning import best_staffing, tune
    from experiments.run import write_json_atomic

    for search in _searches(config):
        name = search.mode.name
        if config.staffing:
            with tqdm(total=config.staffing, desc=f"Staffing {name}", file=sys.stderr) as bar:
                best, log = best_staffing(
                    search, range(1, config.staffing + 1), lambda *_: bar.update(1) and None
                )
            entry: dict[str, Any] = {"best": best, "log": log}
            key = f"{name}: machines per operator"
            if config.write:
                _replace_line(_file("compare/modes", name), "machines_per_operator:", str(best))
        else:
            with tqdm(total=config.budget, desc=f"Tuning {name}", file=sys.stderr) as bar:
                found, log = tune(search, config.budget, lambda *_: bar.update(1) and None)
            entry, key = {"best": found, "log": log}, name
            if config.write:
                _write_hyper(_file("decider", search.decider), found)
        entry |= {"shifts": config.shifts, "strengths": list(config.strengths), "seed": config.seed}
        kept = json.loads(config.out.read_text(encoding="utf-8")) if config.out.exists() else {}
        write_json_atomic(config.out, {**kept, key: entry})
        costs = [row["cost_per_good_part"] for row in log if row["cost_per_good_part"] is not None]
        told = f"first {costs[0]:.3f}, best {min(costs):.3f} EUR a good part" if costs else "no good part"
        sys.stdout.write(f"{key}: {told}\n")
    return 0


def _searches(config: Config) -> list[Any]:
    from envs.prices import load_prices, load_region
    from envs.shift.spec import Block, load_shift
    from experiments.comparison.modes import load_finance, load_mode
    from experiments.comparison.summing import Money
    from experiments.comparison.tuning import Search
    from experiments.errors import user_input

    with user_input():
        region, finance = load_region(config.region), load_finance("default", config.region)
    money = Money(load_prices(), region, finance, "lifecycle")
    spec = load_shift("default").with_blocks(Block(hours=config.hours))
    return [
        Search(load_mode(name), spec, config.strengths, config.shifts, money, config.seed)
        for name in config.modes
    ]


def _file(folder: str, name: str) -> Path:
    from experiments.guard import ROOT

    return ROOT / "configs" / folder / f"{name}.yaml"


def _replace_line(file: Path, start: str, value: str) -> None:
    from experiments.run import write_text_atomic

    lines = file.read_text(encoding="utf-8").splitlines()
    write_text_atomic(
        file, "\n".join(f"{start} {value}" if line.startswith(start) else line for line in lines) + "\n"
    )


def _write_hyper(file: Path, hyper: dict[str, Any]) -> None:
    """Keep comments and class, replace the numbers."""
    from experiments.run import write_text_atomic

    kept = [
        line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(("#", "class:"))
    ]
    numbers = [f"{name}: {value}" for name, value in hyper.items()]
    write_text_atomic(file, "\n".join([*kept, *numbers]) + "\n")


if __name__ == "__main__":
    run_verb(main)
