"""The rows of the table: agents, runs, and the controls of what was learned."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.errors import UserError

# Always there: what costs nothing, what is possible, what automation does.
STANDING = ("random", "expert", "taught", "integrator")
CLASSICAL = "integrator"


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: What it is called in tables.
        who: Agents' names or runs' directories, one for each policy seed.
        learned: Whether it came out of a training run.
        control: Which control of `base` it is; "" for a row of its own.
        base: The row that it is a control of.
    """

    name: str
    who: tuple[str, ...]
    learned: bool = False
    control: str = ""
    base: str = ""

    def with_control(self, control: str) -> Row:
        """Return a control of this row."""
        return replace(self, name=f"{self.name}: {control}", control=control, base=self.name)


def parse_rows(who: Sequence[str], *, standing: bool) -> list[Row]:
    """Return the rows that a command line names, the standing ones first.

    Args:
        who: Each an agent's name, a run's directory, a pattern of directories (`runs/kf-*`), or
            NAME=RUN1,RUN2,... (patterns too) for the runs of one agent that differ in their seed.
        standing: Whether the rows that are always there are wanted.

    Raises:
        UserError: For a run that is not there, or a name that comes twice.
    """
    rows = [_row(text) for text in who]
    if standing:
        rows = [Row(name, (name,)) for name in STANDING if name not in {r.name for r in rows}] + rows
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"who has {name!r} more than once: give one a name of its own, NAME=RUN")
    return rows


def _row(text: str) -> Row:
    name, equals, listed = text.partition("=")
    if Path(text).is_dir() or not equals:
        name, listed = "", text
    elif not name or not listed:
        raise UserError(f"who is {text!r}: NAME=RUN1,RUN2,... is needed")
    runs: list[str] = []
    for item in listed.split(",") if equals and name else [listed]:
        if any(mark in item for mark in "*?[") and not Path(item).is_dir():
            found = sorted(path for path in glob.glob(item) if Path(path).is_dir())
            if not found:
                raise UserError(f"no run's directory fits {item!r}")
            runs += found
        else:
            runs.append(item)
    for run in runs:
        if runs.count(run) > 1:
            raise UserError(f"who has {run!r} more than once")
        if (len(runs) > 1 or "/" in run) and not run.endswith(".yaml") and not Path(run).is_dir():
            raise UserError(f"there is no run's directory {run!r}")
    return Row(name or _title(runs), tuple(runs), learned=all(Path(run).is_dir() for run in runs))


def _title(runs: Sequence[str]) -> str:
    from experiments.evaluation import read_run

    if not Path(runs[0]).is_dir():
        return runs[0]
    run = read_run(runs[0])
    return Path(str(run["agent"])).stem if len(runs) > 1 and "agent" in run else Path(runs[0]).resolve().name
