"""Evaluate every scripted agent on every task: one table, of success on the same held-out episodes.

Run again with the same --out, it goes on where it was stopped; `demo --cards --results OUT` takes it
into the pages.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from experiments.config import UserError, parse, run_verb
from experiments.errors import check_counts

QUICK_EPISODES = 4


@dataclass(frozen=True)
class Config:
    """Whom to evaluate, and on what."""

    agents: tuple[str, ...] = ("expert", "taught", "integrator", "random")
    """Agents' names."""
    tasks: tuple[str, ...] = ()
    """Tasks, with an option where one is wanted (InsertPin:clearance_mm=0.2); none for all."""
    splits: tuple[str, ...] = ("nominal", "seen")
    """What varies."""
    episodes: int = 200
    """Episodes of each agent on each."""
    seed: int = 0
    """Which held-out episodes: each seed has its own."""
    robot: str = "lrmate200id"
    """The arm."""
    workers: int | None = None
    """Worker processes; None for one a core."""
    out: Path | None = None
    """Where an evaluation.json of each, and table.md, go; None for runs/<time>-table."""
    quick: bool = False
    """Take few episodes, to try the machinery."""

    def __post_init__(self) -> None:
        check_counts(self)
        for name in ("agents", "splits"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty: one or more are needed")


def main(argv: Sequence[str] | None = None) -> int:
    """Make the table that the command line asks for."""
    config = parse(Config, "table", argv, __doc__)
    if config.quick:
        config = replace(config, episodes=min(config.episodes, QUICK_EPISODES))
    sys.stdout.write("\n".join(evaluate_all(config)) + "\n")
    return 0


def evaluate_all(config: Config) -> list[str]:
    """Return the lines of the table, after having evaluated what its folder does not hold yet.

    Raises:
        UserError: If a task or an agent is unknown, before anything is evaluated. An arm that does not
            reach, and an agent that a task refuses, are told under the table instead.
    """
    from tqdm import tqdm

    from envs import TASKS
    from experiments import evaluation, results
    from experiments.errors import check_choice
    from experiments.run import RunDirectory

    tasks = config.tasks or tuple(TASKS)
    for task in tasks:
        check_choice("task", task.partition(":")[0], TASKS)
    for agent in config.agents:
        evaluation.load(agent, "LoadChuck", "ee_yaw")
    goes_on = config.out is not None and config.out.is_dir()
    directory = RunDirectory.create(config.out, "table", resume=goes_on)
    refused = []
    wanted = list(product(tasks, config.agents, config.splits))
    with tqdm(total=len(wanted) * config.episodes, unit="episode", file=sys.stderr) as bar:
        for task, agent, split in wanted:
            bar.set_description(f"{agent} {task} {split}")
            try:
                _evaluated(config, task, agent, split, directory.path)
            except UserError as error:
                refused.append(f"- {agent}, {task}, {split}: {error}")
            bar.update(config.episodes)
    rows = results.gather(directory.path, TASKS)
    lines = [*results.matrix(rows), *(["", "Not evaluated:", *refused] if refused else [])]
    directory.write_text("table.md", "\n".join(lines) + "\n")
    return lines


def _evaluated(config: Config, task: str, agent: str, split: str, folder: Path) -> None:
    """Evaluates one agent on one task and split, unless that is there already."""
    from experiments import evaluate

    name, _, option = task.partition(":")
    out = folder / "-".join([name, *([option.replace("=", "-")] if option else []), agent, split])
    asked = evaluate.Config(
        what=agent, task=name, split=split, episodes=config.episodes, seed=config.seed,
        workers=config.workers, robot=config.robot, option=(option,) if option else (), out=out,
    )  # fmt: skip
    if not _is_there(out / "evaluation.json", asked):
        evaluate.evaluate(asked)


def _is_there(file: Path, asked: Any) -> bool:
    """Whether a result is what would come out now: the same episodes, by the same code."""
    from experiments.receipts import differences, made_by
    from experiments.rollout import EnvRequest
    from experiments.run import to_plain

    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        was, identity = found["manifest"]["config"], dict(found["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    identity.pop("policy", None)
    now = to_plain(
        {key: getattr(asked, key) for key in ("what", "task", "split", "episodes", "seed", "robot")}
    )
    same = all(was.get(key) == value for key, value in now.items())
    return same and not differences(identity, made_by(EnvRequest(asked.task)))


if __name__ == "__main__":
    run_verb(main)
