"""A training run from start to finish: learn, test on held-out episodes, leave a report."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from agents import catalog
from agents.checkpoint import CheckpointError, exists
from agents.learner import Episode, Learner
from agents.policy import Policy
from experiments.config import UserError, from_yaml, to_yaml, user_input
from experiments.errors import EXIT_INTERRUPTED, refused
from experiments.evaluation import evaluate_policy, request_for
from experiments.executor import Workers
from experiments.figures import line_chart_svg
from experiments.film import film_episode
from experiments.lock import locked
from experiments.outcomes import POOLED, table_line, together
from experiments.progress import Progress
from experiments.rollout import EnvRequest
from experiments.run import MetricsLog, RunDirectory, manifest, usable_cores
from experiments.session import TrainSession

if TYPE_CHECKING:
    from experiments.train import Config

# Flags that may be given together with --resume.
_WITH_RESUME = {"resume", "workers", "clip"}
_QUICK_STEPS, _QUICK_EPISODES = 2_000, 8
# Learners and workers use one thread each, whatever the number of cores: results depend on it.
LEARNING_THREADS = 1


class Interrupted(Exception):
    """Ctrl-C or a request to end; holds the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class _Job:
    """What a run consists of; it may be tested on another split than it practises on."""

    config: Config
    agent: Learner
    request: EnvRequest
    tested: EnvRequest
    others: tuple[EnvRequest, ...] = ()
    unseen: tuple[EnvRequest, ...] = ()

    @property
    def title(self) -> str:
        """What the run is called."""
        tasks = f"{1 + len(self.others)}-tasks" if self.others else self.request.name
        return f"{tasks}-{Path(self.config.agent).stem}"


def train(config: Config) -> int:
    """Run from the start; return the exit code."""
    job = _job(config)
    with Workers(job.request, config.workers or usable_cores()) as workers:
        facts = workers.facts()  # before anything is written: it may refuse the options
        directory = RunDirectory.create(config.out, f"train-{job.title}")
        with locked(directory.path):
            directory.write_text("config.yaml", to_yaml(config))
            extra = {"split_hash": facts.split_hash, "seeds": facts.seeds, "engine": facts.engine,
                     "hyper": getattr(job.agent, "hyper", None), "n_workers": workers.n,
                     "threads": LEARNING_THREADS}  # fmt: skip
            directory.write_json("manifest.json", manifest(config, **extra))
            return _run(job, workers, directory, going_on=False)


def resume(config: Config, arguments: Sequence[str]) -> int:
    """Go on with the run in `config.resume`; return the exit code."""
    path = Path(str(config.resume))
    given = {a.partition("=")[0].lstrip("-").removeprefix("no-").replace("-", "_")
             for a in arguments if a.startswith("--")}  # fmt: skip
    for flag in sorted(given - _WITH_RESUME):
        raise UserError(f"--{flag} with --resume: the run's own settings hold (config.yaml)")
    source = path / "config.yaml"
    if not source.is_file():
        raise UserError(f"cannot resume {str(path)!r}: it holds no config.yaml")
    old = from_yaml(type(config), source.read_text(encoding="utf-8"), str(source))
    job = _job(replace(old, workers=config.workers or old.workers, clip=old.clip and config.clip))
    directory = RunDirectory.create(path, "", resume=True)
    with locked(path), Workers(job.request, job.config.workers or usable_cores()) as workers:
        return _run(job, workers, directory, going_on=True)


def check(config: Config) -> None:
    """Raise `UserError` for what cannot be trained, before anything is written."""
    _job(config)


def _job(config: Config) -> _Job:
    with user_input(catalog.AgentError):
        hyper = {"start": str(config.start)} if config.start else {}
        agent = catalog.create(config.agent, config.task, config.control, hyper)
    if isinstance(agent, Policy):
        raise UserError(
            f"agent {config.agent!r} does not learn: python -m experiments.evaluate "
            f"{config.agent} --task {config.task}"
        )
    with user_input(catalog.AgentError):
        agent.check()
    if config.quick:
        config = replace(
            config,
            steps=min(config.steps or _QUICK_STEPS, _QUICK_STEPS),
            episodes=min(config.episodes, _QUICK_EPISODES),
        )
    names = agent.task.split(",")
    if len(names) > 1 and not agent.tasks:
        raise UserError(f"agent {config.agent!r} learns one task at a time, not {config.task!r}")
    unseen = [name for name in config.unseen_tasks.split(",") if name]
    for name in unseen:
        if name in names or not agent.tasks:
            why = "it is learned from" if agent.tasks else f"agent {config.agent!r} learns one task"
            raise UserError(f"unseen task {name!r}: {why}")
    options = {"robot": config.robot, "split": config.split}
    tested, *others = (request_for(name, agent.needs, **options) for name in names)
    first = tested
    if agent.practice:
        first = request_for(names[0], agent.needs, **{**options, "split": agent.practice})
    config = replace(config, task=agent.task)
    also = tuple(request_for(name, agent.needs, **options) for name in unseen)
    return _Job(config, agent, first, tested, tuple(others), also)


def _run(job: _Job, workers: Workers, directory: RunDirectory, going_on: bool) -> int:
    """Learn, test and report."""
    try:
        with interrupts():
            learn_s = _learn(job, workers, directory, going_on)
            summary, episodes = _test(job, workers, directory)
            summary |= {"learn_s": learn_s}
            directory.write_json("summary.json", summary)
            _draw(job, directory)
            if job.config.clip and workers.facts().pictures:
                film_episode(workers, _policy(directory), episodes, directory / "clip.webp")
    except OSError as error:
        if refused(error):
            _say("\nStopped by the disk; the checkpoints before are whole. Once there is room, go on with:\n"
                 f"  python -m experiments.train --resume {directory.path}")  # fmt: skip
        raise
    except Interrupted as stop:
        found = "policy/ holds the best policy so far" if (directory / "policy").is_dir() else (
            "no policy was ready yet")  # fmt: skip
        _say(f"\nInterrupted; {found}. Go on with:\n"
             f"  python -m experiments.train --resume {directory.path}")  # fmt: skip
        return stop.code
    _report(job, directory, summary)
    return 0


def _learn(job: _Job, workers: Workers, directory: RunDirectory, going_on: bool) -> float:
    """Let the agent learn; return the seconds that took, pauses left out."""
    config = job.config
    n_steps = config.steps or job.agent.default_steps()
    done = exists(directory / "checkpoints", "last")
    progress = Progress(n_steps, f"{job.title} seed {config.seed}", directory / "tensorboard")
    try:
        session = TrainSession(
            workers, directory, progress, seed=config.seed, n_steps=n_steps, quick=config.quick,
            demos=config.demos, share=config.share, others=job.others,
        )  # fmt: skip
        if going_on and done:
            with user_input(CheckpointError):
                session.restore()
            if session.damage:
                _say(f"Going on from the checkpoint before the last one: {session.damage}")
        with session, user_input(catalog.AgentError):
            job.agent.learn(session)
        return session.learn_s
    finally:
        progress.close()


def _policy(directory: RunDirectory) -> Policy:
    with user_input(CheckpointError):
        return Policy.load(directory / "policy")


def _test(job: _Job, workers: Workers, directory: RunDirectory) -> tuple[dict[str, Any], list[Episode]]:
    config, policy = job.config, _policy(directory)
    requests = [job.tested, *job.others, *job.unseen]
    total = config.episodes * len(requests)
    with tqdm(total=total, desc="Testing", unit="episode", file=sys.stderr) as bar:
        came = [
            evaluate_policy(
                policy, workers, config.episodes, config.seed, lambda done: bar.update(len(done)), request
            )
            for request in requests
        ]
    summary, episodes = came[0]
    if len(came) > 1:
        summary = together([each for each, _ in came[: 1 + len(job.others)]])
        names = [request.name for request in requests]
        summary["tasks"] = {
            name: {**{key: each[key] for key in POOLED}, "learned": request not in job.unseen}
            for name, request, (each, _) in zip(names, requests, came, strict=True)
        }
    robot = job.request.options.get("robot")
    head = {"task": job.config.task, "agent": Path(config.agent).stem, "robot": robot,
            "seed": config.seed, "split": config.split}  # fmt: skip
    return {**head, **summary}, episodes


def _draw(job: _Job, directory: RunDirectory) -> None:
    """Draw how success grew; of lots of parts, how their cost fell."""
    rows = MetricsLog.read(directory / "metrics.jsonl")
    title = f"{job.request.name}: {Path(job.config.agent).stem}, seed {job.config.seed}"
    costs = [(row["env_steps"], -row["score"]) for row in rows if row.get("score") is not None]
    if costs:
        x, y = zip(*costs, strict=True)
        svg = line_chart_svg(
            {"validation lots": (x, y)}, title, "environment steps", "cost over a good part's"
        )
        directory.write_text("curve.svg", svg)
        return
    names = {"success": "validation episodes", "collect_success": "training episodes"}
    series = {}
    for key, name in names.items():
        points = [(row["env_steps"], row[key]) for row in rows if row.get(key) is not None]
        if points:
            x, y = zip(*points, strict=True)
            series[name] = (x, y)
    if series:
        svg = line_chart_svg(series, title, job.agent.unit, "success rate")
        directory.write_text("curve.svg", svg)


def _report(job: _Job, directory: RunDirectory, summary: dict[str, Any]) -> None:
    learn_s = summary["learn_s"]
    _say(
        f"\nLearned in {int(learn_s // 60)} min {learn_s % 60:.0f} s; "
        f"{summary['n_episodes']} held-out episodes, split {summary['split']}:\n"
        f"  {table_line(job.title, summary)}\n{_by_task(summary)}"
        f"Everything is in {directory.path}: policy/, summary.json, curve.svg"
        f"{', clip.webp' if (directory / 'clip.webp').exists() else ''}.\n"
        f"Test it again: python -m experiments.evaluate {directory.path}"
    )


def _by_task(summary: dict[str, Any]) -> str:
    lines = [
        f"  {table_line(f'  {name}' + ('' if each['learned'] else ' (unseen)'), each)}\n"
        for name, each in summary.get("tasks", {}).items()
    ]
    return "".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def interrupts() -> Iterator[None]:
    """Turn Ctrl-C and a request to end into `Interrupted`."""

    def stop(number: int, _: Any) -> None:
        for caught in before:
            signal.signal(caught, signal.SIG_IGN)  # once is enough: files are being closed
        raise Interrupted(EXIT_INTERRUPTED if number == signal.SIGINT else 128 + number)

    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
