"""Evaluate a run or an agent: success on held-out episodes, with its interval."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from experiments.config import check_counts, check_pairs, parse, run_verb


@dataclass(frozen=True)
class Config:
    """What to evaluate, and on what."""

    what: tyro.conf.Positional[str] = "expert"
    """A run's directory, an agent's name, or the folder of a policy that lerobot trained."""
    task: str | None = None
    """The task; None for the run's own, or LoadChuck."""
    split: str | None = None
    """What varies: nominal, seen, a cell such as objects-hard; None for the run's own, or seen."""
    split_seed: int | None = None
    """Draw the unseen split afresh by its rules with this seed, as SPLIT@SEED does."""
    episodes: int = 200
    """Number of episodes."""
    seed: int = 0
    """Which held-out episodes: each seed has its own."""
    workers: int | None = None
    """Worker processes; None for one a core."""
    robot: str | None = None
    """The arm; None for the run's own, or lrmate200id."""
    control: str | None = None
    """What actions mean; None for the run's own, or ee_yaw."""
    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """An option of the task itself, NAME=VALUE, such as clearance_mm=0.2; once for each."""
    out: Path | None = None
    """Where to write evaluation.json; None for the run's directory, or nowhere for an agent."""
    quick: bool = False
    """Take few episodes, to try the machinery."""
    verify: Path | None = None
    """Run some episodes of this evaluation.json again and say of each whether it is the same."""
    sample: int = 10
    """How many, with --verify."""

    def __post_init__(self) -> None:
        check_counts(self)
        check_pairs(self.option)
        if self.sample < 1:
            raise ValueError(f"sample is {self.sample}: allowed is 1 or more")


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate what the command line names."""
    config = parse(Config, "evaluate", argv, __doc__)
    if config.verify is not None:
        from experiments.verify import verify

        return verify(config.verify, config.sample, config.seed)
    if config.quick:
        config = replace(config, episodes=min(config.episodes, 8))
    summary = evaluate(config)
    from experiments.outcomes import table_line

    name = " ".join([summary["agent"], summary["task"], summary["split"], *config.option])
    sys.stdout.write(table_line(name, summary) + "\n")
    return 0


def evaluate(config: Config) -> dict[str, Any]:
    """Return, and write, what came of the episodes."""
    from experiments import evaluation
    from experiments.executor import Workers
    from experiments.receipts import compact, episode_columns, made_by, policy_identity
    from experiments.run import manifest, usable_cores, write_text_atomic

    run = evaluation.read_run(config.what)
    names = evaluation.names_of(config, run)
    if config.split_seed is not None:
        names["split"] += f"@{config.split_seed}"
    own = evaluation.own_options(config.option)
    policy, request = evaluation.prepared(config.what, names, own)
    start = time.perf_counter()
    with Workers(request, config.workers or usable_cores()) as workers:
        facts = manifest(config, split_hash=workers.facts().split_hash)
        outcome, episodes = evaluation.evaluate_policy(policy, workers, config.episodes, config.seed)
    agent = Path(str(run.get("agent", config.what))).stem
    summary = {
        "task": request.name, "agent": agent, "robot": request.options.get("robot"), "seed": config.seed,
        "split": names["split"], "options": own, **outcome, "wall_s": time.perf_counter() - start,
        "control": request.options.get("control"), "episodes": episode_columns(episodes),
        "identity": {"policy": policy_identity(config.what, policy), **made_by(request)},
    }  # fmt: skip
    out = config.out or (Path(config.what) if run else None)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_text_atomic(out / "evaluation.json", compact({**summary, "manifest": facts}))
    return summary


if __name__ == "__main__":
    run_verb(main)
