"""Many trainings from one file: tasks, agents, seeds, and hyper-parameters drawn from ranges.

Each run is a process of its own with its own directory, so that a sweep that was stopped goes on: what is
finished is not done again, what was under way goes on from its checkpoint, and a process that dies is
started again. These directories are all that is kept: where draws follow from those before, they follow
from what lies there.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

from agents import catalog
from agents.learner import Learner
from configs.strict_yaml import StrictYamlError, read_yaml
from experiments.config import UserError, from_yaml, to_yaml, user_input, write_yaml
from experiments.errors import EXIT_WORKER_DIED, unknown
from experiments.lock import locked
from experiments.run import MetricsLog, RunDirectory, manifest, write_json_atomic, write_text_atomic
from experiments.sweep_draws import check_range, drawn, proposed
from experiments.sweep_report import benchmark_of, lines, write
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
        sampler: "random": each draw follows from `sample_seed`, its number and the hyper-parameter's name.
            "tpe": from the validation scores of the draws before too, by Optuna (an extra).
        at_once: Draws of "tpe" that are made, and run, together: what comes of one is known to the next ones.
        sample_seed: Of the draws.
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
    sampler: Literal["random", "tpe"] = "random"
    at_once: int = 4
    sample_seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    processes: int | None = None
    executor: Literal["processes", "ray"] = "processes"
    retries: int = 2

    def __post_init__(self) -> None:
        for name in ("tasks", "agents", "seeds", "variants"):
            values = getattr(self, name)
            if not values and name != "variants":
                raise ValueError(f"{name} is empty: at least one is needed")
            if len({_stem(value) for value in values}) < len(values):  # directories are called so
                raise ValueError(f"{name} is {', '.join(map(str, values))}: one is there twice")
        for name, least in (
            ("samples", 1), ("at_once", 1), ("sample_seed", 0), ("processes", 1), ("retries", 0),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}: allowed is {least} or more")
        if self.sampler == "tpe" and not self.ranges:
            raise ValueError("sampler is 'tpe': ranges to draw from are needed")
        if self.samples > 1 and not self.ranges:
            raise ValueError(f"samples is {self.samples}: ranges to draw from are needed")
        for name, spread in self.ranges.items():
            check_range(name, spread)
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
        drawn: The variant's hyper-parameters, and those that were drawn.
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

    def validation(self) -> float | None:
        """Return the best validation score, success where nothing else is sought; None before the end."""
        if self.summary() is None:
            return None
        try:
            rows = MetricsLog.read(self.folder / "metrics.jsonl")
        except OSError:
            return None
        scores = [row.get("score", row.get("success")) for row in rows]
        return max((float(score) for score in scores if score is not None), default=None)

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

    def goes_on(self, retries: int) -> bool:
        """Whether a process died, by a signal or with a worker of its own, and another one is to go on."""
        died = self.code < 0 or self.code == EXIT_WORKER_DIED
        return died and self.attempts <= retries


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
    parts = rounds(plan)
    _planned(plan, folder, parts[0], ())  # before anything is written: it may refuse something
    RunDirectory.create(folder, "", resume=(folder / "sweep.yaml").is_file())
    with locked(folder):
        _begin(plan, folder)
        runs: list[Run] = []
        outcomes: dict[str, Outcome] = {}
        code, report = 0, partial(write, folder, runs, outcomes)
        try:
            with interrupts():
                for numbers in parts:
                    new, files = _planned(plan, folder, numbers, runs)
                    _write_down(files)
                    runs += new
                    outcomes.update((run.name, Outcome()) for run in new)
                    if left := [run for run in new if run.summary() is None]:
                        _executor(plan)(left, plan, outcomes, report)
        except Interrupted as stop:
            code = stop.code
        table = report()
    told = [*lines(table), f"All figures: {folder / 'sweep.json'}", *benchmark_of(plan, folder)]
    sys.stdout.write("\n".join([*told, ""]))
    if code:
        sys.stdout.write(
            f"Interrupted. Go on with:\n  python -m experiments.train --sweep {file} --out {folder}\n"
        )
        return code
    return 0 if all(run.summary() is not None for run in runs) else FAILED


# --- The plan ------------------------------------------------------------------------------------


def _stem(value: object) -> str:
    """What directories call a task, an agent or a seed."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(value).rpartition("/")[2].removesuffix(".yaml"))


def rounds(plan: Sweep) -> list[range]:
    """Return the numbers of the draws that are run together; with "tpe", the next ones follow from those."""
    step = plan.at_once if plan.sampler == "tpe" else plan.samples
    return [range(k, min(k + step, plan.samples)) for k in range(0, plan.samples, step)]


def _planned(
    plan: Sweep, folder: Path, numbers: range, before: Sequence[Run]
) -> tuple[list[Run], dict[Path, str]]:
    """Return the runs of some draws, and the files that tell them what to do.

    Args:
        plan: The sweep.
        folder: Its directory.
        numbers: Which draws.
        before: The runs of all draws before these.

    Raises:
        UserError: For a mistake in any of them.
    """
    from experiments.training import check

    runs, files = [], {}
    variants = plan.variants or {"": {}}
    for task, agent, variant in product(plan.tasks, plan.agents, variants):
        stem = "-".join(_stem(part) for part in (task, agent, variant) if part)
        paths = [folder / "agents" / f"{stem}{f'-{k}' if plan.ranges else ''}.yaml" for k in numbers]
        mine = [r for r in before if (r.config.task, r.agent, r.variant) == (task, agent, variant)]
        for what, draw in zip(paths, _draws(plan, numbers, paths, stem, mine), strict=True):
            values = {**variants[variant], **draw}
            settings = {"workers": 1, **plan.settings, "task": task, "agent": agent}
            told = from_yaml(Config, write_yaml(settings), "settings")
            check(told)
            with user_input(catalog.AgentError):
                created = catalog.create(agent, task, told.control, values)
                if isinstance(created, Learner):
                    created.check()
                files[what] = write_yaml({**catalog.settings(agent, task), **values})
            for seed in plan.seeds:
                out = folder / "runs" / f"{what.stem}-s{seed}"
                own = replace(told, agent=str(what), seed=seed, out=out, share=folder / "demonstrations")
                run = Run(out.name, own, agent, variant, values)
                runs.append(run)
                files[out.with_name(f"{out.name}.yaml")] = to_yaml(run.config)
    return runs, files


def _draws(
    plan: Sweep, numbers: range, paths: Sequence[Path], about: str, before: Sequence[Run]
) -> list[dict[str, Any]]:
    """Return the hyper-parameters of some draws of a task and agent; what was drawn once stays."""
    if plan.sampler == "random":
        return [drawn(plan, k) for k in numbers]
    kept = [_kept(plan, path) for path in paths]
    if all(kept):
        return [values for values in kept if values]
    by_draw: dict[str, list[Run]] = {}
    for run in before:
        by_draw.setdefault(str(run.config.agent), []).append(run)
    tried = [(draw[0].drawn, _mean([run.validation() for run in draw])) for draw in by_draw.values()]
    fresh = proposed(plan, about, tried)
    return [old or new for old, new in zip(kept, fresh, strict=True)]


def _kept(plan: Sweep, path: Path) -> dict[str, Any] | None:
    """What an agent's file that the sweep wrote says of the ranges; None where it wrote none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    with user_input(StrictYamlError):
        data = read_yaml(text, str(path))
    if not isinstance(data, dict) or not plan.ranges.keys() <= data.keys():
        return None  # another sweep's
    return {name: data[name] for name in plan.ranges}


def _mean(scores: Sequence[float | None]) -> float | None:
    """The mean over the seeds of a draw; None where one of them came to no end."""
    found = [score for score in scores if score is not None]
    return sum(found) / len(found) if len(found) == len(scores) else None


def _begin(plan: Sweep, folder: Path) -> None:
    """Write down what the sweep is.

    Raises:
        UserError: If the folder holds another one.
    """
    kept = folder / "sweep.yaml"
    same = replace(plan, processes=None, executor="processes", retries=0)
    if kept.is_file():
        try:
            before: object = from_yaml(Sweep, kept.read_text(encoding="utf-8"), str(kept))
        except UserError:
            before = None
        if before != same:
            raise UserError(f"{str(folder)!r} holds a sweep of other runs: name another --out")
    write_text_atomic(kept, to_yaml(same))
    write_json_atomic(folder / "manifest.json", manifest(plan))


def _write_down(files: Mapping[Path, str]) -> None:
    """Write what the runs are told."""
    for path, content in files.items():
        path.parent.mkdir(exist_ok=True)
        write_text_atomic(path, content)


def _executor(plan: Sweep) -> Callable[..., None]:
    if plan.executor == "ray":
        from experiments.sweep_ray import execute

        return execute
    from experiments.sweep_local import execute as here

    return here
