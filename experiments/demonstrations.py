"""Demonstrations for a learner that asks for them, collected within its run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agents.dataset import Dataset, DatasetError
from agents.learner import Demonstrations
from experiments.collect import Config
from experiments.collecting import collect
from experiments.executor import Workers


def gather(folder: Path, wanted: Demonstrations, workers: Workers, seed: int) -> Path:
    """Return `folder` with as many episodes in it as are wanted; what was begun is gone on with.

    Args:
        folder: Where the data set lies, or will.
        wanted: What a learner wants to be shown.
        workers: Of the run; theirs are task, arm, split and control.
        seed: Of the run; each has its own episodes.
    """
    options = workers.request.options
    config = Config(
        task=workers.request.name,
        episodes=wanted.n_episodes,
        split=str(options["split"]),
        seed=seed,
        workers=workers.n,
        robot=options.get("robot"),
        control=options.get("control"),
        frames="keys" if wanted.frames == "keys" else "all",
        cameras=",".join(wanted.cameras),
        image_size=wanted.image_size,
        noise=wanted.noise,
        instructions_per_scene=wanted.per_scene,
    )
    begun = (folder / "meta" / "info.json").is_file()
    if begun:
        try:
            if len(Dataset(folder).episodes) >= wanted.n_episodes:
                return folder
        except DatasetError:
            begun = False
    collect(replace(config, resume=folder) if begun else config, folder, going_on=begun)
    return folder
