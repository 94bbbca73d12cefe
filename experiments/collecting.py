"""A collection from start to finish: workers record, one process writes in the order of the episodes."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tqdm import tqdm

from agents.dataset import Dataset, DatasetError, Feature, Writer
from agents.policy import Policy, Privileged
from experiments import evaluation, receipts
from experiments.collect import PEOPLE
from experiments.config import UserError, from_yaml, user_input
from experiments.executor import Workers
from experiments.recording import (
    CODES,
    Recipe,
    Recorded,
    Take,
    check,
    differences,
    features_of,
    record_all,
)
from experiments.rollout import EnvFacts, EnvRequest, episode_seed
from experiments.run import RunDirectory, git_state, platform_fingerprint, usable_cores

if TYPE_CHECKING:
    from experiments.collect import Config

T = TypeVar("T")
# What does not change what is recorded.
_FREE = ("episodes", "workers", "quick", "out", "resume", "verify", "sample")
_NOISE = 0.2
_GATHERED = ".gathered"  # in a directory of another format: what it is exported from
# Episodes in one job, and jobs on their way for each worker.
_JOB, _AHEAD = 2, 3
# Fewer successes than this among so many episodes, and collecting stops.
_LEAST_SHARE, _AFTER = 0.05, 60


@dataclass(frozen=True)
class Source:
    """Who shows what.

    Attributes:
        request: The environment, which renders when asked.
        actor: Who acts in it; None for a person.
    """

    request: EnvRequest
    actor: Policy | None


def collect(config: Config, out: Path | None, *, going_on: bool) -> int:
    """Collect what `config` says; return the exit code."""
    if config.agent in PEOPLE:
        from experiments.teaching import check_hands

        check_hands(config.agent)
    if config.format == "minari":
        from experiments import minari_export

        minari_export.check()
    sources = sources_of(config)
    recipe = recipe_of(config, sources)
    with Workers(sources[0].request, config.workers or usable_cores()) as workers:
        turns = config.instructions_per_scene
        features = _common(workers, sources, recipe, turns)  # before anything is written: it may refuse
        facts = workers.facts()
        names = "-".join(source.request.name for source in sources)
        folder = RunDirectory.create(out, f"collect-{names}-{Path(config.agent).stem}", resume=going_on).path
        robot, told = str(sources[0].request.options["robot"]), _told(config, recipe, facts)
        with user_input(DatasetError):
            writer = Writer(
                native(folder, config), features=features, fps=round(facts.fps), robot=robot, resume=going_on,
                facts=told,
            )  # fmt: skip
        if writer.facts["split_sha256"] != facts.split_hash:
            raise UserError(
                f"split {config.split!r} has changed since {str(folder)!r} was begun: collect anew"
            )
        start = time.perf_counter()
        n_before = writer.n_episodes
        wanted = takes(config, sources, facts.seeds["train"])
        try:
            tried = _gather(config, sources, recipe, writer, workers, wanted)
        except KeyboardInterrupt:
            _say(f"{writer.n_episodes} episodes are kept: go on with --resume {folder}")
            raise
        writer.close()
    if config.format == "minari":
        from experiments.minari_export import export

        name = f"monozukuri/{names.lower()}-{Path(config.agent).stem}-v0"
        export(native(folder, config), folder, sources[0].request, name)
    seconds, new = time.perf_counter() - start, writer.n_episodes - n_before
    _say(
        f"{writer.n_episodes} episodes kept of {tried} tried, {tried - writer.n_episodes} left out; "
        f"{writer.n_frames} frames; {new / max(seconds, 1e-9):.2f} episodes/s; the data set is {folder}"
    )
    return 0


def _told(config: Config, recipe: Recipe, facts: EnvFacts) -> dict[str, Any]:
    """What the data set tells of how it was collected."""
    return {
        "settings": {k: v for k, v in _plain(config).items() if k not in _FREE},
        "episodes": config.episodes, "recipe": asdict(recipe), "seeds": {"train": list(facts.seeds["train"])},
        "split_sha256": facts.split_hash, "codes": {k: list(v) for k, v in CODES.items()},
        "platform": platform_fingerprint(), "git": git_state(),
    }  # fmt: skip


def _gather(
    config: Config,
    sources: list[Source],
    recipe: Recipe,
    writer: Writer,
    workers: Workers,
    wanted: Iterator[Take],
) -> int:
    """Fill the data set; return how many episodes were tried."""
    if config.agent not in PEOPLE:
        return _fill(writer, workers, wanted, recipe, config)
    from experiments.teaching import teach

    return _skipped(writer, wanted) + teach(config, sources[0].request, recipe, writer, wanted)


def native(folder: Path, config: Config) -> Path:
    """Where episodes are gathered: the data set itself, or what it is exported from."""
    return folder if config.format == "lerobot" else folder / _GATHERED


def _gathered(folder: Path) -> Path:
    """Where the episodes of a directory that was collected are."""
    return folder / _GATHERED if (folder / _GATHERED).is_dir() else folder


def settings(kind: type[T], folder: Path) -> T:
    """The configuration with which a data set was collected."""
    from configs.strict_yaml import write_yaml

    with user_input(DatasetError):
        facts = Dataset(_gathered(folder)).facts
    if not isinstance(facts.get("settings"), dict):
        raise UserError(f"data set {str(folder)!r} was not collected by this verb: it tells of no settings")
    data = {**facts["settings"], "episodes": facts.get("episodes", 1)}
    return from_yaml(kind, write_yaml(data), str(folder))


def sources_of(config: Config) -> list[Source]:
    """The environments and agents of the tasks that `config` names.

    Raises:
        UserError: For a task or an agent that does not fit.
    """
    own, found = evaluation.own_options(config.option), []
    for task in config.task.split(","):
        names = evaluation.names_of(replace(config, task=task.strip()), {})
        if EnvRequest(names["task"]).batched:
            raise UserError(f"task {task!r} is a machine tool without pictures or a plan to demonstrate")
        person = config.agent in PEOPLE
        actor, request = evaluation.prepared("expert" if person else config.agent, names, own)
        request = replace(request, options={**request.options, "render_mode": "rgb_array"})
        found.append(Source(request, None if person else actor))
    if config.noise and not all(isinstance(s.actor, Privileged) for s in found):
        raise UserError(f"noise is {config.noise}: agent {config.agent!r} cannot mend it, allowed is 0")
    if config.agent in PEOPLE and len(found) > 1:
        raise UserError(f"task {config.task!r}: agent {config.agent} shows one task at a time")
    return found


def recipe_of(config: Config, sources: list[Source]) -> Recipe:
    """What is recorded of each episode."""
    noise = config.noise
    if noise is None:
        noise = _NOISE if all(isinstance(s.actor, Privileged) for s in sources) else 0.0
    cameras = tuple(name.strip() for name in config.cameras.split(",") if name.strip())
    last = config.format == "minari"
    return Recipe(
        config.frames, cameras, config.image_size, config.masks, noise, config.seed, last, config.video,
        config.every, config.chunk, config.pairs,
    )  # fmt: skip


def takes(config: Config, sources: list[Source], limits: tuple[int, int]) -> Iterator[Take]:
    """The episodes to be tried, from the first; tasks take turns, and scenes are named anew N times."""
    n = config.instructions_per_scene
    for number in count():
        scene, turn = divmod(number, n)
        source = sources[scene % len(sources)]
        seed = episode_seed(limits, 37_003 * config.seed + scene // len(sources))
        extra = {"agent": Path(config.agent).stem}
        yield Take(number, source.request, source.actor, seed, turn if n > 1 else None, extra=extra)


def _common(workers: Workers, sources: list[Source], recipe: Recipe, turns: int) -> dict[str, Feature]:
    """The features of all tasks, which must be the same for them to share a data set.

    Of several tasks, one that cannot name so many parts of a scene leaves those turns out.
    """
    turns = turns if len(sources) == 1 else 1
    found = [workers.call(_features, source.request, recipe, turns) for source in sources]
    for source, features in zip(sources, found, strict=True):
        if features != found[0]:
            differ = ", ".join(k for k in features if features[k] != found[0].get(k))
            raise UserError(f"task {source.request.name!r} has other {differ}: collect it by itself")
    return found[0]


def _features(_: EnvRequest, request: EnvRequest, recipe: Recipe, turns: int) -> dict[str, Feature]:
    """In a worker: see `features_of`; what the environment refuses shows here."""
    with user_input():
        check(request, recipe, turns)
    return features_of(request, recipe)


def _fill(writer: Writer, workers: Workers, wanted: Iterator[Take], recipe: Recipe, config: Config) -> int:
    """Record and write until enough episodes are kept; return how many were tried."""
    tried = _skipped(writer, wanted)
    with _bar(config.episodes, writer.n_episodes) as bar:
        for done in _in_order(workers, wanted, recipe):
            if writer.n_episodes >= config.episodes:
                break
            tried = done.number + 1
            if done.packed is not None and (done.success or config.keep_failures):
                writer.add(done.packed)
                bar.update(1)
            bar.set_postfix({"tried": tried, "frames": writer.n_frames}, refresh=False)
            if tried >= _AFTER and writer.n_episodes < _LEAST_SHARE * tried:
                raise UserError(f"only {writer.n_episodes} of {tried} episodes succeeded: less --noise?")
    return tried


def _skipped(writer: Writer, wanted: Iterator[Take]) -> int:
    """Pass over the takes up to the last one that is kept; return how many."""
    tried = int(writer.extras[-1]["number"]) + 1 if writer.n_episodes else 0
    for _ in range(tried):
        next(wanted)
    return tried


def _in_order(workers: Workers, wanted: Iterator[Take], recipe: Recipe) -> Iterator[Recorded]:
    """What came of the takes, in their order, whoever is quicker."""
    jobs: deque[Future[list[Recorded]]] = deque()
    try:
        while True:
            while len(jobs) < _AHEAD * workers.n:
                jobs.append(workers.start(record_all, recipe, [next(wanted) for _ in range(_JOB)]))
            yield from jobs.popleft().result()
    except BrokenProcessPool:
        raise UserError("a worker process died (out of memory?): go on with --resume") from None


@contextmanager
def _bar(total: int, done: int) -> Iterator[tqdm]:
    bar = tqdm(total=total, initial=done, desc="collect", unit="episode", file=sys.stderr, mininterval=0.5)
    try:
        yield bar
    finally:
        bar.close()


# --- Again -----------------------------------------------------------------------------------------


def verify(folder: Path, sample: int, seed: int, n_workers: int | None) -> int:
    """Record some episodes again; say of each whether it is the same bits; 1 where one is not."""
    from experiments.collect import Config

    config = settings(Config, folder)
    with user_input(DatasetError):
        data = Dataset(_gathered(folder))
        names = [n for n in data.features if not data.features[n].is_image]
        columns = {name: data.column(name) for name in names}
    for text in receipts.differences(data.facts["platform"], platform_fingerprint()):
        _say(f"differs: recorded with {text}: the same bits are promised for one platform only")
    sources = {source.request.name: source for source in sources_of(config)}
    recipe = Recipe(**{**data.facts["recipe"], "cameras": tuple(data.facts["recipe"]["cameras"])})
    n = len(data.episodes)
    chosen = np.sort(np.random.default_rng(seed).permutation(n)[:sample]).tolist()
    same = 0
    with Workers(next(iter(sources.values())).request, n_workers or usable_cores()) as workers:
        jobs = []
        for number in chosen:
            episode = data.episodes[number]
            extra, frames = episode.extra, slice(episode.start, episode.stop)
            actions = columns["executed"][frames] if extra["human"] else None
            source = sources[extra["task"]]
            take = Take(extra["number"], source.request, source.actor, extra["seed"], extra["turn"], actions)
            jobs.append(workers.start(record_all, recipe, [take]))
        for number, job in zip(chosen, jobs, strict=True):
            wrong = _again(data, columns, number, job.result()[0])
            same += not wrong
            verdict = f"mismatch in {', '.join(wrong)}" if wrong else "match"
            _say(f"episode {number} (seed {data.episodes[number].extra['seed']}): {verdict}")
    _say(f"{same} of {len(chosen)} episodes are the same bits")
    return 0 if same == len(chosen) else 1


def _again(data: Dataset, columns: Mapping[str, Any], number: int, found: Recorded) -> list[str]:
    """Names of what is not the same in an episode recorded again."""
    if found.packed is None:
        return ["everything"]
    episode = data.episodes[number]
    expected = {name: values[episode.start : episode.stop] for name, values in columns.items()}
    with user_input(DatasetError):
        for name, feature in data.features.items():
            if feature.is_image:
                expected[name] = data.images(name, np.arange(episode.start, episode.stop))
    wrong = differences(data.features, expected, found.packed)
    if found.packed.tasks != episode.tasks:
        wrong.append("instructions")
    return wrong


def _plain(config: Config) -> dict[str, Any]:
    """A configuration as JSON and YAML hold it."""
    plain = asdict(config)
    return {
        k: list(v) if isinstance(v, tuple) else str(v) if isinstance(v, Path) else v for k, v in plain.items()
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
