"""Collect demonstrations: an agent's, disturbed and recovering, or a person's, with keyboard or game pad."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import tyro

from agents import video
from experiments.config import UserError, check_counts, check_pairs, parse, run_verb

# A person, and what is in their hands.
PEOPLE = ("keyboard", "gamepad")
# Flags that may be given together with --resume.
_WITH_RESUME = {"resume", "episodes", "workers"}


@dataclass(frozen=True)
class Config:
    """What is demonstrated, by whom, and what is kept of it."""

    task: str = "LoadChuck"
    """The task; several with commas between them take turns."""
    agent: str = "expert"
    """Who shows it: an agent's name, a run's directory, or keyboard or gamepad (a person, in the window)."""
    episodes: int = 300
    """Number of episodes that are kept."""
    split: str = "seen"
    """What varies between episodes; seeds are of the split's training range."""
    seed: int = 0
    """Which training episodes, and which noise."""
    workers: int | None = None
    """Worker processes; None for one a core."""
    robot: str | None = None
    """The arm; None for lrmate200id."""
    control: str | None = None
    """What actions mean; None for ee_yaw."""
    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """An option of the task itself, NAME=VALUE, such as clearance_mm=0.2; once for each."""
    frames: Literal["all", "keys"] = "all"
    """Frames: of all control periods, or only those at which a new key pose of the plan begins."""
    every: int = 0
    """With --frames keys, also the frames of every so many control periods; 0 for none."""
    chunk: int = 0
    """With each frame, what the agent would do in so many control periods from it on; 0 for nothing."""
    cameras: str = "tray,chuck"
    """Cameras, with commas between them; empty for none."""
    image_size: int = 96
    """Side of the pictures in pixels."""
    masks: bool = True
    """Keep the class of every pixel too, for recolouring."""
    video: bool = False
    """Keep pictures in films that give the same pixels back, not in parquet: smaller (extra `video`)."""
    noise: float | None = None
    """Disturbance of the agent's actions; None for 0.2 where it sees true state and can mend it, else 0."""
    instructions_per_scene: int = 1
    """The same scene with so many of its candidates named in turn."""
    pairs: float = 1.0
    """Share of all pairs of a named part (colour, family) and the tray's surface that are shown."""
    keep_failures: bool = False
    """Keep episodes in which the task was not done."""
    format: Literal["lerobot", "minari"] = "lerobot"
    """LeRobotDataset v3.0, or what Minari reads (extra `minari`)."""
    quick: bool = False
    """Take few episodes, to try the machinery."""
    out: Path | None = None
    """The data set's directory; None for runs/<time>-collect-<task>-<agent>."""
    resume: Path | None = None
    """Go on with the data set in this directory; its own settings hold, but for --episodes and --workers."""
    verify: Path | None = None
    """Record episodes of the data set in this directory again, and say whether they are the same bits."""
    sample: int = 8
    """With --verify: so many episodes, at random by --seed."""

    def __post_init__(self) -> None:
        check_counts(self)
        check_pairs(self.option)
        for name in ("instructions_per_scene", "sample"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        if not 0 < self.pairs <= 1:
            raise ValueError(f"pairs is {self.pairs}: allowed is above 0 to 1")
        for name in ("every", "chunk"):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed are 0 to 100")
        if self.noise is not None and not 0 <= self.noise <= 1:
            raise ValueError(f"noise is {self.noise}: allowed are 0 to 1")
        if self.format == "minari" and (self.frames != "all" or self.chunk):
            raise ValueError("format minari: every step is needed, so frames must be 'all' and chunk 0")
        if self.format == "minari" and self.video:
            raise ValueError("format minari: pictures are arrays there, so --video is not allowed")
        if self.agent in PEOPLE and (self.noise or self.frames != "all"):
            raise ValueError(f"agent {self.agent}: noise must be 0 and frames 'all'")


def main(argv: Sequence[str] | None = None) -> int:
    """Collect, or verify, what the command line names; 1 where an episode is not the same again."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    config = parse(Config, "collect", arguments, __doc__)
    if find_spec("pyarrow") is None:
        raise UserError("collect needs pyarrow: pip install 'monozukuri[learn]'")
    if config.video and not video.available():
        raise UserError(f"--video needs the extra 'video': {video.HINT}")
    from experiments import collecting

    if config.verify is not None:
        return collecting.verify(config.verify, config.sample, config.seed, config.workers)
    if config.resume is not None:
        return collecting.collect(_resumed(config, arguments), config.resume, going_on=True)
    if config.quick:
        config = replace(config, episodes=min(config.episodes, 4))
    return collecting.collect(config, config.out, going_on=False)


def _resumed(config: Config, arguments: Sequence[str]) -> Config:
    """The settings of the data set in `config.resume`, with what may be given anew."""
    from experiments.collecting import settings

    given = {a.partition("=")[0].lstrip("-").removeprefix("no-").replace("-", "_")
             for a in arguments if a.startswith("--")}  # fmt: skip
    for flag in sorted(given - _WITH_RESUME):
        raise UserError(f"--{flag} with --resume: the data set's own settings hold")
    old = settings(Config, Path(str(config.resume)))
    return replace(
        old, episodes=config.episodes if "episodes" in given else old.episodes, workers=config.workers
    )


if __name__ == "__main__":
    run_verb(main)
