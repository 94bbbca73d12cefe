"""Demonstrations for a learner that asks for them, collected within its run; and scenes to look at."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from agents.dataset import Dataset, DatasetError, Packed, Writer, pack
from agents.learner import Demonstrations
from experiments.collect import Config
from experiments.collecting import collect
from experiments.executor import Workers
from experiments.lock import locked
from experiments.recording import Recipe, features_of, label_of, seen_by
from experiments.rollout import EnvRequest, episode_seed, kept_env
from experiments.run import to_plain

# Scenes in one job.
_JOB = 16


def gather(
    folder: Path, wanted: Demonstrations, workers: Workers, seed: int, others: Sequence[str] = ()
) -> Path:
    """Return `folder` with as many episodes in it as are wanted; what was begun is gone on with.

    Args:
        folder: Where the data set lies, or will.
        wanted: What a learner wants to be shown.
        workers: Of the run; theirs are task, arm, split and control.
        seed: Of the run; each has its own episodes.
        others: Tasks that take turns with the workers' own.
    """
    options = workers.request.options
    config = Config(
        task=",".join([workers.request.name, *others]),
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
        pairs=wanted.pairs,
        every=wanted.every,
        chunk=wanted.chunk,
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


@contextmanager
def shared(
    parent: Path, wanted: Demonstrations, workers: Workers, seed: int, others: Sequence[str] = ()
) -> Iterator[Path]:
    """Hold the place below `parent` for just these demonstrations; another run that wants them waits.

    It lies in a folder whose name is a hash of all that they follow from.
    """
    told = {
        "wanted": asdict(wanted),
        "request": to_plain(workers.request),
        "seed": seed,
        "others": list(others),
        "split": workers.facts().split_hash,
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
    folder = parent / f"{workers.request.name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, wait=True):
        yield folder / "demonstrations"


def ground(folder: Path, wanted: Demonstrations, workers: Workers, seed: int) -> Path:
    """Return `folder` with scenes of split "grounding" that nobody works in, an episode of one frame each.

    Its key pose is where the named part would be taken. No physics is simulated.

    Args:
        folder: Where the data set lies, or will.
        wanted: How many scenes, through which cameras.
        workers: Of the run; theirs are task, arm and control.
        seed: Of the run; each has its own scenes.
    """
    if (folder / "meta" / "info.json").is_file() and len(Dataset(folder).episodes) >= wanted.n_episodes:
        return folder
    options = {k: workers.request.options[k] for k in ("robot", "control") if k in workers.request.options}
    options |= {"observation": "flat", "split": "grounding", "render_mode": "rgb_array"}
    request = EnvRequest(workers.request.task, options)
    recipe = Recipe("keys", wanted.cameras, wanted.image_size)
    facts = workers.facts()
    limits, each = facts.seeds["train"], wanted.per_scene
    jobs = []
    for first in range(0, -(-wanted.n_episodes // each), _JOB):
        seeds = [episode_seed(limits, 37_003 * seed + first + i) for i in range(_JOB)]
        jobs.append(workers.start(_scenes, request, recipe, seeds, each))
    features = workers.call(_features, request, recipe)
    robot = str(options.get("robot", ""))
    with (
        Writer(
            folder, features=features, fps=round(facts.fps), robot=robot, facts={"split": "grounding"}
        ) as writer,
        tqdm(total=wanted.n_episodes, desc="look", unit="scene", file=sys.stderr, mininterval=0.5) as bar,
    ):
        for job in jobs:
            for scene in job.result():
                if writer.n_episodes < wanted.n_episodes:
                    writer.add(scene)
                    bar.update(1)
    return folder


def _features(_: EnvRequest, request: EnvRequest, recipe: Recipe) -> Any:
    return features_of(request, recipe)


def _scenes(
    _: EnvRequest, request: EnvRequest, recipe: Recipe, seeds: Sequence[int], each: int
) -> list[Packed]:
    """Look at scenes, `each` time with another part named."""
    env: Any = kept_env(request).unwrapped
    features, found = features_of(request, recipe), []
    for seed in seeds:
        _, info = env.reset(seed=seed)
        for named in np.random.default_rng(seed).permutation(info["nameable"])[:each].tolist():
            env.reset(seed=seed, options={"named": named})
            key = next(key for key in env.plan() if key.close)
            still = np.zeros(features["action"].shape, np.float32)
            row = {"action": still, "executed": still, "step": 0, "next.reward": 0.0}
            row |= {"next.done": True, "next.success": False, **seen_by(env, recipe), **label_of(key, 0)}
            frames = {name: np.array([row[name]], feature.numpy) for name, feature in features.items()}
            extra = {"static": True, "seed": seed, "named": named, "split": "grounding"}
            found.append(pack(features, frames, env.paraphrases(), extra))
    return found
