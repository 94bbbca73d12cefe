"""Measure how fast the environments are: against the engine's own limit, and against a peer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import markdown
from experiments.config import UserError, parse, run_verb

if TYPE_CHECKING:
    from experiments.measure import Effort

# The task over whose resets memory is watched longest.
_FULL = "LoadChuck"


@dataclass(frozen=True)
class Config:
    """What is measured, and how long."""

    tasks: tuple[str, ...] = ()
    """The tasks; all if none is given."""
    robot: str = "lrmate200id"
    """The arm."""
    split: str = "seen"
    """What varies between episodes."""
    seed: int = 0
    """Seed of the episodes and of the random actions."""
    out: Path | None = None
    """Where to write speed.json; None for runs/<time>-speed."""
    quick: bool = False
    """Measure less: fewer repetitions, memory of the fullest cell only, over 500 resets instead of 10,000."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: allowed is 0 or more")
        for name in self.tasks:
            if self.tasks.count(name) > 1:
                raise ValueError(f"tasks names {name!r} more than once")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the command line names."""
    config = parse(Config, "speed", argv, __doc__)
    from experiments.measure import QUICK, Effort
    from experiments.run import RunDirectory, manifest

    effort = QUICK if config.quick else Effort()
    _check(config)
    directory = RunDirectory.create(config.out, "speed")
    start = time.perf_counter()
    figures = speed(config, effort)
    figures |= {"wall_s": time.perf_counter() - start, "manifest": manifest(config, effort=effort)}
    directory.write_json("speed.json", figures)
    sys.stdout.write("\n".join([*table(figures), f"All figures: {directory / 'speed.json'}", ""]))
    return 0


def _check(config: Config) -> None:
    """Raise `UserError` for a task, robot or split that does not exist, before anything is made."""
    import envs
    from experiments.rollout import EnvRequest

    options = {"robot": config.robot, "split": config.split}
    for name in config.tasks or envs.TASKS:
        request = EnvRequest(name, options)
        if request.id not in envs.CELL_IDS and not request.id.startswith(f"{envs.NAMESPACE}/"):
            raise UserError(f"task {name!r}: allowed are {', '.join(envs.TASKS)}")
        request.check()
        request.make().close()


def speed(config: Config, effort: Effort) -> dict[str, Any]:
    """Return all figures."""
    import envs
    from experiments import measure, measure_batch
    from experiments.evaluation import load, request_for
    from experiments.executor import Workers

    tasks, seed = config.tasks or envs.TASKS, config.seed
    full = _FULL if _FULL in tasks else tasks[-1]
    expert = load("expert", full, "ee_yaw")
    options = {"robot": config.robot, "split": config.split}
    has_peer = measure.has_peer()
    figures: dict[str, Any] = {
        "robot": config.robot, "split": config.split, "tasks": {}, "machines": {},
        "peer": {"id": measure.PEER_ID, "installed": has_peer, "install": measure.PEER_INSTALL},
    }  # fmt: skip
    with ExitStack() as stack:
        stages = 4 * len(tasks) + len(envs.PROCESS_IDS)
        show = stack.enter_context(_bar(stages))
        peer = stack.enter_context(measure.open_peer(seed)) if has_peer else None
        for name in tasks:
            request = request_for(name, expert.needs, **options)
            show(f"{name}: steps and resets")
            some = measure.measure_task(request, expert, effort, seed)
            show(f"{name}: pictures")
            some |= measure.measure_pictures(request, effort, seed)
            show(f"{name}: memory")
            n_resets = effort.memory_resets if name == full else effort.other_memory_resets
            if n_resets:
                with Workers(request, 1) as workers:
                    some["memory"] = workers.call(measure.memory_growth, n_resets, seed)
            show(f"{name}: against {measure.PEER_ID}")
            if peer is not None:
                some["peer"] = measure.against_peer(request, peer, effort, seed)
            figures["tasks"][name] = some
        for env_id in envs.PROCESS_IDS:
            show(f"{env_id}: in a batch")
            figures["machines"][env_id] = measure_batch.batch_figures(env_id, effort, seed)
    return figures


@contextmanager
def _bar(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr; what it yields names the next of `total` stages."""
    from tqdm import tqdm

    form = "{percentage:3.0f}%|{bar:24}| {elapsed} gone, {remaining} left, {desc}"
    with tqdm(total=total, bar_format=form, file=sys.stderr) as bar:
        done = -1

        def show(stage: str) -> None:
            nonlocal done
            done += 1
            bar.set_description_str(stage, refresh=False)
            bar.update(done - bar.n)
            bar.refresh()

        yield show
        bar.set_description_str("done", refresh=False)
        bar.update(total - bar.n)


# --- For people ----------------------------------------------------------------------------------


def table(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures as Markdown: the best, and in brackets the median of the repetitions."""
    tasks, peer = figures["tasks"], figures["peer"]
    yield f"{figures['robot']}, split {figures['split']}; each step at its least (the median repetition)"
    yield ""
    heads = ("task", "actions", "steps/s", "simulated s per s", "engine's share", "besides it, us")
    yield from _table(heads, (
        (name, actions, _pair(some["steps_per_s"], ".0f"), _pair(some["simulated_s_per_wall_s"], ".1f"),
         _pair(some["engine_share"], ".1%"), _pair(some["outside_engine_us"], ".0f"))
        for name, task in tasks.items() for actions in ("random", "expert") for some in [task[actions]]
    ))  # fmt: skip
    yield ""
    heads = ("task", "reset, ms (95 of 100)", "with visuals", "exact", "memory", f"x {peer['id']}")
    yield from _table(heads, (
        (name, _reset(task["reset_ms"]), _reset(task["reset_with_visuals_ms"]),
         "yes" if task["reset_is_exact"] else "NO", _memory(task.get("memory")), _times(task.get("peer")))
        for name, task in tasks.items()
    ))  # fmt: skip
    yield ""
    sizes = list(next(iter(_first(tasks)["pictures_ms"].values())))
    yield from _table(("picture, ms", "camera", *(f"{size} px" for size in sizes)), (
        (name, camera, *(_pair(some[size], ".2f") for size in sizes))
        for name, task in tasks.items() for camera, some in task["pictures_ms"].items()
    ))  # fmt: skip
    yield ""
    for env_id, some in figures["machines"].items():
        yield f"{env_id}, {some['lanes']} machines at once: {_pair(some['machines_per_s'], ',.0f')} a second"
    yield "Memory: growth over so many resets. Times the peer: simulated seconds per wall second, random"
    yield "actions, resets apart, in turns with it: median [least, most]. Pictures have no shadow."
    if not peer["installed"]:
        yield f"No comparison with {peer['id']}: {peer['install']}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table that reads well as it is."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, *others = ([t.ljust(w) for t, w in zip(line, widths, strict=True)] for line in lines)
    return markdown.table(first, others)


def _first(tasks: Mapping[str, Any]) -> Mapping[str, Any]:
    task: Mapping[str, Any] = next(iter(tasks.values()))
    return task


def _pair(figure: Mapping[str, float], form: str) -> str:
    return f"{figure['best']:{form}} ({figure['median']:{form}})"


def _reset(some: Mapping[str, float]) -> str:
    return f"{some['median']:.2f} ({some['p95']:.2f})"


def _memory(some: Mapping[str, float] | None) -> str:
    return f"{some['growth_mb']:+.1f} MB in {some['n_resets']}" if some else ""


def _times(some: Mapping[str, Any] | None) -> str:
    return "{median:.2f} [{min:.2f}, {max:.2f}]".format(**some["ratio"]) if some else ""


if __name__ == "__main__":
    run_verb(main)
