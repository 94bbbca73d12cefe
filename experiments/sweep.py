"""Many trainings from one file: tasks, agents, seeds, and hyper-parameters drawn from ranges.

Each run is a process of its own with its own directory, so that a sweep that was stopped goes on: what is
finished is not done again, what was under way goes on from its checkpoint, and a process that dies is
started again.
"""

from __future__ import annotations

import json
import math
import re
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np

from agents import catalog
from agents.learner import Learner
from experiments.config import UserError, from_yaml, to_yaml, user_input, write_yaml
from experiments.errors import unknown
from experiments.lock import locked
from experiments.rollout import EnvRequest
from experiments.run import RunDirectory, manifest, write_json_atomic, write_text_atomic
from experiments.stats import wilson_interval
from experiments.train import Config

# What the sweep decides itself, and what has no meaning in a run of one.
_OWN = {"task", "agent", "seed", "out", "resume", "sweep"}
_WITH_SWEEP = {"sweep", "out", "quick", "clip"}
FAILED = 1


@dataclass(frozen=True)
class Sweep:
    """Which runs to make.

    Attributes:
        tasks: The tasks.
        agents: Agents that learn, by name.
        seeds: Seeds of the runs.
        variants: Of each agent, by name: hyper-parameters that differ; empty for the agent as it is.
        samples: Draws of `ranges` for each task and agent.
        ranges: Of hyper-parameters: a list of values, or low, high and log (true for logarithmic).
        sample_seed: Of the draws; each follows from it, the draw's number and the hyper-parameter's name.
        settings: Other flags of `train`, the same for all runs.
        processes: Runs at a time; None for one a core.
        executor: Where they are run: "processes" of this machine, or "ray" (an extra).
        retries: How often a run whose process died goes on.
    """

    tasks: tuple[str, ...] = ("LoadChuck",)
    agents: tuple[str, ...] = ("dagger",)
    seeds: tuple[int, ...] = (0,)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: int = 1
    ranges: dict[str, Any] = field(default_factory=dict)
    sample_seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    processes: int | None = None
    executor: Literal["processes", "ray"] = "processes"
    retries: int = 2

    def __post_init__(self) -> None:
        for name in ("tasks", "agents", "seeds"):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"{name} is empty: at least one is needed")
            if len(set(values)) < len(values):
                raise ValueError(f"{name} is {', '.join(map(str, values))}: one is there twice")
        for name, least in (("samples", 1), ("sample_seed", 0), ("processes", 1), ("retries", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}: allowed is {least} or more")
        if self.samples > 1 and not self.ranges:
            raise ValueError(f"samples is {self.samples}: ranges to draw from are needed")
        for name, spread in self.ranges.items():
            _check_range(name, spread)
        allowed = [f.name for f in fields(Config) if f.name not in _OWN]
        for name in self.settings:
            if name not in allowed:
                raise ValueError(f"settings: {unknown('key', name, allowed)}")


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes:
        name: Of its directory.
        config: What `train` is told.
        agent: The agent's name.
        variant: The variant's name, or "".
        drawn: The hyper-parameters that were drawn.
    """

    name: str
    config: Config
    agent: str
    variant: str
    drawn: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """The run's directory."""
        return Path(str(self.config.out))

    def summary(self) -> dict[str, Any] | None:
        """Return what came of it; None before its end."""
        try:
            found = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def arguments(self) -> list[str]:
        """What `train` is to be told now: to go on where there is something to go on with."""
        if (self.folder / "config.yaml").is_file():
            return ["--resume", str(self.folder)]
        return ["--config", f"{self.folder}.yaml"]

    @property
    def log(self) -> Path:
        """Where what it says is kept."""
        return self.folder.with_name(f"{self.name}.log")


@dataclass
class Outcome:
    """How a run's processes ended: the last exit code (0 for well), and how many there were."""

    code: int = 0
    attempts: int = 0


def sweep(config: Config, arguments: Sequence[str]) -> int:
    """Make the runs that `config.sweep` names; return the exit code."""
    given = {a.partition("=")[0].lstrip("-").removeprefix("no-") for a in arguments if a.startswith("--")}
    for flag in sorted(given - _WITH_SWEEP):
        raise UserError(f"--{flag} with --sweep: the file says it (under settings)")
    file = Path(str(config.sweep))
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read {str(file)!r}: {getattr(error, 'strerror', 'not UTF-8 text')}"
        ) from None
    plan = from_yaml(Sweep, text, str(file))
    for name in ("quick", "clip"):
        if name in given:
            plan = replace(plan, settings={**plan.settings, name: getattr(config, name)})
    from experiments.training import Interrupted, interrupts

    folder = Path(config.out or Path("runs") / f"sweep-{file.stem}").resolve()
    runs, files = _planned(plan, folder)  # before anything is written: it may refuse something
    RunDirectory.create(folder, "", resume=(folder / "sweep.yaml").is_file())
    with locked(folder):
        _write_down(plan, folder, files)
        left = [run for run in runs if run.summary() is None]
        outcomes = {run.name: Outcome() for run in runs}
        code = 0
        try:
            with interrupts():
                _executor(plan)(left, plan, outcomes, lambda: _write(folder, runs, outcomes))
        except Interrupted as stop:
            code = stop.code
        table = _write(folder, runs, outcomes)
    told = [*lines(table), f"All figures: {folder / 'sweep.json'}", *_next(plan, folder)]
    sys.stdout.write("\n".join([*told, ""]))
    if code:
        sys.stdout.write(
            f"Interrupted. Go on with:\n  python -m experiments.train --sweep {file} --out {folder}\n"
        )
        return code
    return 0 if all(run.summary() is not None for run in runs) else FAILED


# --- The plan ------------------------------------------------------------------------------------


def _check_range(name: str, spread: Any) -> None:
    if isinstance(spread, list) and spread:
        return
    if isinstance(spread, dict) and {"low", "high"} <= spread.keys() <= {"low", "high", "log"}:
        low, high = spread["low"], spread["high"]
        good = all(type(value) in (int, float) for value in (low, high)) and low <= high
        if good and (not spread.get("log") or low > 0):
            return
    raise ValueError(
        f"ranges: {name}: {spread!r}: allowed are a list of values, or low, high (and log: true, above 0)"
    )


def drawn(plan: Sweep, number: int) -> dict[str, Any]:
    """Return the hyper-parameters of a draw: a function of the seed, the draw's number and each name."""
    found = {}
    for name, spread in plan.ranges.items():
        rng = np.random.default_rng([plan.sample_seed, number, zlib.crc32(name.encode())])
        share = float(rng.random())
        if isinstance(spread, list):
            found[name] = spread[int(share * len(spread))]
            continue
        low, high = spread["low"], spread["high"]
        whole = type(low) is int and type(high) is int
        if whole and not spread.get("log"):
            found[name] = low + int(share * (high - low + 1))
        elif spread.get("log"):
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
            found[name] = round(value) if whole else float(f"{value:.4g}")
        else:
            found[name] = float(f"{low + share * (high - low):.4g}")
    return found


def _planned(plan: Sweep, folder: Path) -> tuple[list[Run], dict[Path, str]]:
    """Return the runs, and the files that tell them what to do.

    Raises:
        UserError: For a mistake in any of them.
    """
    from experiments.training import check

    runs, files = [], {}
    variants = plan.variants or {"": {}}
    for task, agent, variant, k in product(plan.tasks, plan.agents, variants, range(plan.samples)):
        values = {**variants[variant], **drawn(plan, k)}
        settings = {"workers": 1, **plan.settings, "task": task, "agent": agent}
        told = from_yaml(Config, write_yaml(settings), "settings")
        check(told)
        with user_input(catalog.AgentError):
            created = catalog.create(agent, task, told.control, values)
            if isinstance(created, Learner):
                created.check()
            data = {**catalog.settings(agent, task), **values}
        parts = (task, Path(agent).stem, variant, str(k) if plan.ranges else "")
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(part for part in parts if part))
        what = folder / "agents" / f"{stem}.yaml"
        files[what] = write_yaml(data)
        for seed in plan.seeds:
            out = folder / "runs" / f"{stem}-s{seed}"
            run = Run(out.name, replace(told, agent=str(what), seed=seed, out=out), agent, variant, values)
            runs.append(run)
            files[out.with_name(f"{out.name}.yaml")] = to_yaml(run.config)
    return runs, files


def _write_down(plan: Sweep, folder: Path, files: Mapping[Path, str]) -> None:
    """Write what the runs are told.

    Raises:
        UserError: If the folder holds another sweep.
    """
    kept, text = (
        folder / "sweep.yaml",
        to_yaml(replace(plan, processes=None, executor="processes", retries=0)),
    )
    if kept.is_file() and kept.read_text(encoding="utf-8") != text:
        raise UserError(f"{str(folder)!r} holds a sweep of other runs: name another --out")
    write_text_atomic(kept, text)
    write_json_atomic(folder / "manifest.json", manifest(plan))
    for path, content in files.items():
        path.parent.mkdir(exist_ok=True)
        write_text_atomic(path, content)


def _next(plan: Sweep, folder: Path) -> list[str]:
    """How to have the table of what was learned, where variants are to be told apart."""
    rows = [f"{name}='{folder / 'runs'}/*-{name}-s*'" for name in plan.variants]
    if not rows or len(plan.tasks) > 1:
        return []
    return [
        "The table of them: python -m experiments.benchmark",
        f"  {' '.join(rows)} --task {plan.tasks[0]}",
    ]


def _executor(plan: Sweep) -> Callable[..., None]:
    if plan.executor == "ray":
        from experiments.sweep_ray import execute

        return execute
    from experiments.sweep_local import execute as here

    return here


# --- The report ----------------------------------------------------------------------------------


def _write(folder: Path, runs: Sequence[Run], outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Write `sweep.json`, and return it: a row for each run, and what runs that differ by seed amount to."""
    rows = [_row(run, outcomes[run.name]) for run in runs]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(
            json.dumps([row[k] for k in ("task", "agent", "variant", "drawn")], sort_keys=True), []
        ).append(row)
    table = {"runs": rows, "groups": [_group(group) for group in groups.values()]}
    write_json_atomic(folder / "sweep.json", table)
    return table


def _row(run: Run, outcome: Outcome) -> dict[str, Any]:
    row = {"name": run.name, "task": run.config.task, "agent": run.agent, "seed": run.config.seed,
           "variant": run.variant, "drawn": dict(run.drawn), "attempts": outcome.attempts}  # fmt: skip
    if (summary := run.summary()) is not None:
        keys = ("success_rate", "ci95", "n_success", "n_episodes", "cycle_s", "learn_s", "lots")
        return {**row, "state": "finished", **{key: summary.get(key) for key in keys}}
    if outcome.code == 0:
        return {**row, "state": "unfinished"}
    return {**row, "state": "failed", "exit_code": outcome.code, "error": _last_words(run)}


def _last_words(run: Run) -> str:
    """Return the line in a run's log that says why it failed."""
    try:
        text = run.log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    return next((line for line in reversed(found) if line.startswith("error: ")), found[-1] if found else "")


def _group(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    done = [row for row in rows if row["state"] == "finished"]
    head = {key: rows[0][key] for key in ("task", "agent", "variant", "drawn")}
    n, n_success = sum(r["n_episodes"] for r in done), sum(r["n_success"] for r in done)
    rates = [r["success_rate"] for r in done]
    return {
        **head, "n_runs": len(rows), "n_finished": len(done), "seeds": [r["seed"] for r in done],
        "success_rate": n_success / n if n else None,
        "ci95": list(wilson_interval(n_success, n)) if n else None,
        "success_rate_of_seeds": rates, "n_episodes": n, "n_success": n_success,
    }  # fmt: skip


def lines(table: Mapping[str, Any]) -> list[str]:
    """Return a sweep's table as lines for people, the best first."""
    told = [f"{'task':<16}{'agent':<12}{'runs':>6}{'success, %':>24}  drawn"]
    for group in sorted(table["groups"], key=lambda g: -(g["success_rate"] or 0.0)):
        rate = "-"
        if group["success_rate"] is not None:
            low, high = (100 * end for end in group["ci95"])
            rate = f"{100 * group['success_rate']:.1f} [{low:.1f}, {high:.1f}]"
        values = " ".join([group["variant"], *(f"{key}={value}" for key, value in group["drawn"].items())])
        runs = f"{group['n_finished']}/{group['n_runs']}"
        task = EnvRequest(group["task"]).name
        told.append(f"{task:<16}{Path(group['agent']).stem:<12}{runs:>6}{rate:>24}  {values.strip()}")
    for row in table["runs"]:
        if row["state"] == "failed":
            told.append(f"{row['name']} failed ({row['exit_code']}): {row['error']}")
        elif row["attempts"] > 1:
            told.append(f"{row['name']}: its process died; it went on, {row['attempts']} processes in all")
    return told
