"""The results so far: rows gathered from `evaluation.json` files, kept in `docs/results.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.config import read_yaml
from experiments.errors import UserError
from experiments.guard import ROOT
from experiments.markdown import Block, table

FILE = ROOT / "docs" / "results.json"
Row = Mapping[str, Any]
_TEXTS = ("task", "agent", "split", "robot")
_COUNTS = ("n_success", "n_episodes", "seed")
_KEYS = {*_TEXTS, *_COUNTS, "options", "ci95", "cycle_s", "trained"}
# What a learned agent's run says of how it was trained.
_TRAINED = ("seed", "start", "steps")


def gather(folder: Path, tasks: Collection[str]) -> list[Row]:
    """Return a row for every `evaluation.json` under a folder, in a fixed order.

    Raises:
        UserError: If there are none, one is damaged, or two are of the same evaluation.
    """
    files = sorted(folder.rglob("evaluation.json"))
    if not files:
        raise UserError(f"there is no evaluation.json under {str(folder)!r}")
    found: dict[tuple[str, ...], tuple[Path, Row]] = {}
    for file in files:
        data = _json(file)
        if not isinstance(data, dict):
            raise UserError(f"{file}: {data!r:.40} is not a mapping")
        row = _checked({key: data.get(key) for key in _KEYS} | {"trained": _trained(file, data)}, file, tasks)
        key = _order(row)
        if key in found:
            raise UserError(f"{file} and {found[key][0]} are of the same evaluation: one is needed")
        found[key] = file, row
    return [found[key][1] for key in sorted(found)]


def read(file: Path, tasks: Collection[str]) -> list[Row]:
    """Return the rows of a data file; none where it does not exist.

    Raises:
        UserError: If it is damaged.
    """
    if not file.exists():
        return []
    data = _json(file)
    if not isinstance(data, list):
        raise UserError(f"{file}: a list of results is needed")
    return [_checked(row, file, tasks) for row in data]


def write(file: Path, rows: Sequence[Row]) -> None:
    """Write rows to a data file, one a line."""
    from experiments.run import write_text_atomic

    lines = ",\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    write_text_atomic(file, f"[\n{lines}\n]\n")


def section(task: str, rows: Sequence[Row]) -> list[Block]:
    """Return a task's results for its card, with the command that makes each.

    Args:
        task: The task.
        rows: Results of all tasks.
    """
    mine = [row for row in rows if row["task"] == task]
    if not mine:
        return ["None have been recorded."]
    shown = []
    for row in mine:
        low, high = (100 * limit for limit in row["ci95"])
        success = f"{row['n_success']}/{row['n_episodes']} [{low:.1f}, {high:.1f}]"
        cycle = "" if row["cycle_s"] is None else f"{row['cycle_s']:.2f} s"
        shown.append([row["agent"], row["split"], success, cycle, f"`{command(row)}`"])
    head = ["agent", "split", "success, 95 % interval", "cycle time", "command"]
    return ["Held-out test episodes, Wilson interval in percent.", table(head, shown)]


def matrix(rows: Sequence[Row]) -> list[str]:
    """Return the lines of one table: a row for each task, a column for each agent on each split.

    Args:
        rows: Results, of agents that were not trained: those of several training seeds are not told apart.
    """
    agents = list(dict.fromkeys(row["agent"] for row in rows))
    splits = list(dict.fromkeys(row["split"] for row in rows))
    columns = [
        (a, s) for a in agents for s in splits if any((r["agent"], r["split"]) == (a, s) for r in rows)
    ]
    by_task: dict[str, dict[tuple[str, str], Row]] = {}
    for row in rows:
        own = [f"{name}={value}" for name, value in row["options"].items()]
        arm = [] if row["robot"] == rows[0]["robot"] else [row["robot"]]
        by_task.setdefault(", ".join([row["task"], *own, *arm]), {})[row["agent"], row["split"]] = row
    lines = [[name, *(_success(cells.get(column)) for column in columns)] for name, cells in by_task.items()]
    return table(["task", *(f"{agent}, {split}" for agent, split in columns)], lines)


def _success(row: Row | None) -> str:
    """A result in a cell of a table: its interval is told where not all or none succeeded."""
    if row is None:
        return ""
    n, of = row["n_success"], row["n_episodes"]
    low, high = (f"{100 * limit:.1f}" for limit in row["ci95"])
    return f"{n}/{of}" if n in (0, of) else f"{n}/{of} [{low}, {high}]"


def command(row: Row) -> str:
    """Return what makes a result; a learned agent is trained first, into a directory called RUN."""
    trained, robot = row["trained"], f" --robot {row['robot']}"
    what, first = row["agent"], ""
    if trained is not None:
        what = "RUN"
        first = f"python -m experiments.train --task {row['task']} --agent {row['agent']}{robot}"
        first += "".join(f" --{key} {value}" for key, value in trained.items()) + " --out RUN && "
    own = "".join(f" --option {name}={value}" for name, value in row["options"].items())
    return (
        f"{first}python -m experiments.evaluate {what} --task {row['task']} --split {row['split']}{robot} "
        f"--episodes {row['n_episodes']} --seed {row['seed']}{own}"
    )


def _order(row: Row) -> tuple[str, ...]:
    """What tells two evaluations apart."""
    return (*(row[key] for key in _TEXTS), *(json.dumps(row[key]) for key in ("seed", "options", "trained")))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{file}: not JSON: {error}") from None


def _trained(file: Path, data: dict[str, Any]) -> dict[str, Any] | None:
    """How an agent was trained; None where an evaluation names the agent itself, not a run."""
    manifest = data.get("manifest")
    config = manifest.get("config") if isinstance(manifest, dict) else None
    what = config.get("what") if isinstance(config, dict) else None
    if what is None:
        raise UserError(f"{file}: manifest.config.what is missing")
    if what == data.get("agent"):
        return None
    beside = file.parent / "config.yaml"
    if not beside.is_file():
        raise UserError(f"{file}: of the run {what!r}, whose config.yaml must lie beside it")
    run = read_yaml(beside.read_text(encoding="utf-8"), str(beside))
    if not isinstance(run, dict) or "seed" not in run:
        raise UserError(f"{beside}: not a run's configuration")
    return {key: _start(key, run[key]) for key in _TRAINED if run.get(key) is not None}


def _start(key: str, value: Any) -> Any:
    """A run's directory by its last name: where it lay on one machine says nothing on another."""
    return Path(str(value)).name if key == "start" else value


def _checked(row: Any, file: Path, tasks: Collection[str]) -> Row:
    """Return a row that is whole, or raise what is wrong with it in one line."""
    if not isinstance(row, dict) or row.keys() != _KEYS:
        raise UserError(f"{file}: {row!r:.60}: a result has the keys {', '.join(sorted(_KEYS))}")
    texts = all(isinstance(row[key], str) for key in _TEXTS)
    counts = all(type(row[key]) is int and row[key] >= 0 for key in _COUNTS)
    checks = {
        "task": texts and row["task"] in tasks,
        "agent": texts,
        "n_success": counts and row["n_success"] <= row["n_episodes"] and row["n_episodes"] > 0,
        "ci95": isinstance(row["ci95"], list) and len(row["ci95"]) == 2 and all(map(_finite, row["ci95"])),
        "cycle_s": row["cycle_s"] is None or _finite(row["cycle_s"]),
        "options": isinstance(row["options"], dict),
        "trained": row["trained"] is None or isinstance(row["trained"], dict),
    }
    for key, good in checks.items():
        if not good:
            raise UserError(f"{file}: {key} {row[key]!r:.60} is not that of a result")
    return row


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
