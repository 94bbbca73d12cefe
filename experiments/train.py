"""Train one agent on one task, then test it on held-out episodes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiments.config import parse, run_verb


@dataclass(frozen=True)
class Config:
    """What is trained, on what, for how long."""

    task: str = "LoadChuck"
    """The task, or any Gymnasium id that keeps the contract (module:Name-v0); for agents that learn several
    together (vla-keyframe) names with commas, or all."""
    agent: str = "dagger"
    """The agent: a name, or a YAML file."""
    robot: str = "lrmate200id"
    """The arm."""
    control: Literal["ee_yaw", "ee", "joint"] = "ee_yaw"
    """What actions mean."""
    split: str = "seen"
    """What varies between episodes."""
    seed: int = 0
    """Seed of everything random."""
    steps: int | None = None
    """Budget of environment steps; None for the agent's own."""
    episodes: int = 200
    """Test episodes at the end."""
    workers: int | None = None
    """Worker processes; None for one a core."""
    clip: bool = True
    """Film the trained policy."""
    quick: bool = False
    """Take a tiny budget, to try the machinery."""
    out: Path | None = None
    """The run's directory; None for runs/<time>-train-<task>-<agent>."""
    unseen_tasks: str = ""
    """Tasks that are tested too, though nothing is learned from them; names with commas."""
    start: Path | None = None
    """Go on with the network of the run in this directory, for agents that can (ppo, vla-chunk)."""
    demos: Path | None = None
    """Learn from the data set in this directory, for agents that learn from one (vla-keyframe, vla-chunk)."""
    share: Path | None = None
    """Collect demonstrations below this directory, where other runs find them that want the same."""
    resume: Path | None = None
    """Go on with the run in this directory; its own settings hold."""
    sweep: Path | None = None
    """Make the runs that this YAML file names; started again, it goes on."""

    def __post_init__(self) -> None:
        for name in ("steps", "episodes", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}: allowed is 1 or more")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: allowed is 0 or more")


def main(argv: Sequence[str] | None = None) -> int:
    """Train what the command line names."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    config = parse(Config, "train", arguments, __doc__)
    if config.sweep:
        from experiments.sweep import sweep

        return sweep(config, arguments)
    from experiments.training import resume, train

    return resume(config, arguments) if config.resume else train(config)


if __name__ == "__main__":
    run_verb(main)
