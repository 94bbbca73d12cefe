"""Measure how fast the environments are: against the engine's own limit, and against a peer."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config import UserError, parse, run_verb

if TYPE_CHECKING:
    from experiments.measure import Effort

# The task whose cell holds everything there is.
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
    """Measure less: fewer repetitions, 500 resets instead of 10,000."""

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

    tasks = config.tasks or envs.TASKS
    full = _FULL if _FULL in tasks else tasks[-1]
    expert = load("expert", full, "ee_yaw")
    options = {"robot": config.robot, "split": config.split}
    requests = {name: request_for(name, expert.needs, **options) for name in tasks}
    figures: dict[str, Any] = {"robot": config.robot, "split": config.split, "tasks": {}}
    for name, request in requests.items():
        _note(f"{name}: steps and resets")
        figures["tasks"][name] = measure.measure_task(request, expert, effort, config.seed)
    _note("pictures")
    pictures = measure.picture_figures(requests[full], effort.frames, config.seed)
    figures["pictures_ms"] = {"task": full, "shadow": False, "cameras": pictures}
    _note(f"memory over {effort.memory_resets} resets")
    with Workers(requests[full], 1) as workers:
        grown = workers.call(measure.memory_growth, effort.memory_resets, config.seed)
    figures["memory"] = {"task": full, **grown}
    _note("machine tools in a batch")
    figures["machines"] = {i: measure_batch.batch_figures(i, effort, config.seed) for i in envs.PROCESS_IDS}
    figures["peer"] = {"id": measure.PEER_ID, "installed": measure.has_peer(), "tasks": {}}
    if measure.has_peer():
        _note(f"against {measure.PEER_ID}")
        against = measure.compare_with_peer(list(requests.values()), effort, config.seed)
        figures["peer"]["tasks"] = against
    else:
        figures["peer"]["install"] = measure.PEER_INSTALL
    return figures


def _note(text: str) -> None:
    sys.stderr.write(f"Measuring {text} ...\n")
    sys.stderr.flush()


# --- For people ----------------------------------------------------------------------------------


def table(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures as lines for people: the best of the repetitions, the median in brackets."""
    tasks = figures["tasks"]
    yield f"{figures['robot']}, split {figures['split']}; the best of the repetitions (their median)"
    yield ""
    heads = ("task", "actions", "steps/s", "simulated s per s", "engine's share", "besides it, us")
    yield _row(heads)
    for name, task in tasks.items():
        for actions in ("random", "expert"):
            some = task[actions]
            yield _row((
                name, actions, _pair(some["steps_per_s"], ".0f"),
                _pair(some["simulated_s_per_wall_s"], ".1f"), _pair(some["engine_share"], ".1%"),
                _pair(some["outside_engine_us"], ".0f"),
            ))  # fmt: skip
    yield ""
    yield _row(("task", "reset, ms", "median", "95 of 100", "exact"))
    for name, task in tasks.items():
        for visuals, some in task["reset_ms"].items():
            exact = "yes" if task["reset_is_exact"] else "NO"
            columns = (name, visuals.replace("_", " "), f"{some['median']:.2f}")
            yield _row((*columns, f"{some['p95']:.2f}", exact))
    yield ""
    cameras = figures["pictures_ms"]["cameras"]
    sizes = list(next(iter(cameras.values())))
    yield _row(("camera, ms", *(f"{size} x {size} px" for size in sizes)))
    for name, some in cameras.items():
        yield _row((name, *(_pair(some[size], ".2f") for size in sizes)))
    yield ""
    memory, peer = figures["memory"], figures["peer"]
    for env_id, some in figures["machines"].items():
        yield f"{env_id}, {some['lanes']} machines at once: {_pair(some['machines_per_s'], ',.0f')} a second"
    yield (
        f"Memory over {memory['n_resets']} resets of {memory['task']}: "
        f"{memory['growth_mb']:+.1f} MB (from {memory['start_mb']:.0f} MB)"
    )
    if not peer["installed"]:
        yield f"No comparison with {peer['id']}: {peer['install']}"
        return
    yield ""
    yield f"Simulated seconds per wall second, times {peer['id']} in turns: median [least, most]"
    yield _row(("task", "steps alone", "with resets"))
    for name, some in peer["tasks"].items():
        spreads = (some["ratio"], some["ratio_with_resets"])
        texts = (f"{s['median']:.2f} [{s['min']:.2f}, {s['max']:.2f}]" for s in spreads)
        yield _row((name, *texts))


def _pair(figure: Mapping[str, float], form: str) -> str:
    return f"{figure['best']:{form}} ({figure['median']:{form}})"


def _row(columns: Sequence[str]) -> str:
    first, *rest = columns
    return f"{first:<12}" + "".join(f"{text:>18}" for text in rest)


if __name__ == "__main__":
    run_verb(main)
