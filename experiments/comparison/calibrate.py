"""A user's own cell: a CSV file of its stops and cycles takes the place of the shift's figures.

One line an event, `kind,minutes`. Kinds are those of people's work in `configs/shift` (such as `clear_jam`,
`jaws`, `teach_geometry`), whose times become the file's, and `response` (walking included), which becomes the
time to come. `run_h` is the hours that were watched: with it, failures of `machine`, `robot` and `sensor`
become the cell's own rates.
"""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from configs.figures import within
from envs.shift.spec import ShiftSpec, WorkTime
from experiments.errors import unknown

_FAILURES = ("machine", "robot", "sensor")


def read_events(path: Path) -> dict[str, list[float]]:
    """Return the minutes of a file's events by kind.

    Raises:
        ValueError: for a file that cannot be read, or a line that is none, in one line.
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {str(path)!r}: {error}") from None
    for number, row in enumerate(csv.reader(lines), 1):
        if not row or row[0].strip().startswith("#") or (number == 1 and row[0].strip() == "kind"):
            continue
        if len(row) != 2:
            raise ValueError(f"{path}:{number}: {','.join(row)!r} is not kind,minutes")
        try:
            minutes = within("minutes", float(row[1]))
        except ValueError:
            raise ValueError(f"{path}:{number}: {row[1]!r} is not minutes, 0 or more") from None
        found[row[0].strip()].append(minutes)
    if not found:
        raise ValueError(f"{path} has no events: kind,minutes in each line is needed")
    return dict(found)


def calibrated(spec: ShiftSpec, path: Path) -> ShiftSpec:
    """Return a shift with a cell's own times and rates.

    Raises:
        ValueError: for an unknown kind, and what `read_events` refuses.
    """
    events = read_events(path)
    kinds = {f.name for f in fields(spec.work)}
    allowed = {*kinds, *_FAILURES, "response", "run_h"}
    for kind in events:
        if kind not in allowed:
            raise unknown(f"kind in {path}", kind, sorted(allowed))
    work = {kind: _times(minutes, path) for kind, minutes in events.items() if kind in kinds}
    spec = replace(spec, work=replace(spec.work, **work))
    if "response" in events:
        spec = spec.with_people(walk_min=statistics.fmean(events["response"]))
    run_h = sum(events.get("run_h", []))
    rates = {kind: len(events[kind]) for kind in _FAILURES if kind in events}
    if rates and run_h <= 0.0:
        raise ValueError(f"{path} has failures and no run_h: the hours that were watched are needed")
    times: dict[str, Any] = {f"{kind}_mtbf_h": run_h / n for kind, n in rates.items()}
    for kind, key, scale in (("machine", "machine_mttr_h", 1 / 60.0), ("robot", "robot_mttr_min", 1.0)):
        if kind in rates:
            times[key] = max(1e-3, statistics.fmean(events[kind]) * scale)
    return replace(spec, breakdowns=replace(spec.breakdowns, **times))


def _times(minutes: list[float], path: Path) -> WorkTime:
    """Least, middle and most of what was seen."""
    return WorkTime(
        least_min=min(minutes), usual_min=statistics.median(minutes), most_min=max(minutes),
        source=f"{path.name}, {len(minutes)} events", standing="S",
    )  # fmt: skip
