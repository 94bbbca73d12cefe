"""Fit cutting data to a machine that nobody knows, in a few trial cuts (suriawase): several ways, paired."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.config import parse, run_verb
from experiments.errors import unknown

if TYPE_CHECKING:
    from agents.search import F64, Search
    from envs.machining.trials import Trials

LEARNED = "learned prior"
# Of the process in the learned prior: machines that it is learned on, and what other machines may differ by
# besides, smoothly in speed, feed and depth (log cost); of the plain one, the same without anything learned.
_KNOWN, _STRANGE, _PLAIN = 256, 0.20, 0.30
_LENGTHS = (0.4, 0.4, 0.4)
# Costing so many times what the best data cost on the known machines, data are bad, and that is all.
_BAD = 2.0
# One factor at a time: depth, then feed, then speed, six levels each.
_ORDER, _LEVELS = (2, 1, 0), 6
_SHOWN = (1, 5, 10, 20)


@dataclass(frozen=True)
class Config:
    """On what, on how many machines, how many trials."""

    task: str = "TurnShafts"
    """Lots on a machine tool."""
    split: str = "unseen-machine"
    """What the machines are drawn from; the prior is learned on those of `seen`."""
    machines: int = 200
    """Machines, the same for every way of searching."""
    trials: int = 20
    """Trial cuts on each."""
    seed: int = 0
    """Which held-out machines: each seed has its own."""
    out: Path | None = None
    """Where to write suriawase.json and .svg; None for runs/<time>-suriawase-<task>."""
    quick: bool = False
    """Take few machines, to try the machinery."""

    def __post_init__(self) -> None:
        for name in ("machines", "trials"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: allowed is 0 or more")


def main(argv: Sequence[str] | None = None) -> int:
    """Search on what the command line names."""
    config = parse(Config, "suriawase", argv, __doc__)
    from experiments.run import RunDirectory, manifest, write_text_atomic

    found = search(config)
    directory = RunDirectory.create(config.out, f"suriawase-{config.task}")
    directory.write_json("suriawase.json", {**found, "manifest": manifest(config)})
    write_text_atomic(directory / "suriawase.svg", chart(found))
    sys.stdout.write("\n".join([*table(found), f"All figures: {directory / 'suriawase.json'}", ""]))
    return 0


def search(config: Config) -> dict[str, Any]:
    """Return what every way came to: excess cost of a part over the machine's best data, after each trial."""
    import numpy as np
    from tqdm import tqdm

    from agents import catalog
    from envs.machining.trials import Trials
    from experiments.rollout import SEED_STRIDE, episode_seed

    name = _process_of(config.task)
    n = min(config.machines, 6) if config.quick else config.machines
    limits = _limits(config.split)
    numbers = range(SEED_STRIDE * config.seed, SEED_STRIDE * config.seed + n)
    trials = Trials(name, config.split, np.array([episode_seed(limits, i) for i in numbers]))
    truth = trials.truth()
    least = truth.min(axis=1)
    ways = _ways(config, trials)
    excess: dict[str, F64] = {}
    with tqdm(total=len(ways) * config.trials, desc="Trial cuts", unit="cut", file=sys.stderr) as bar:
        for way, one in ways.items():
            rows = []
            for number in range(config.trials):
                chosen = one.propose()
                one.tell(chosen, trials.cut(chosen, number))
                rows.append(truth[np.arange(n), one.best()] - least)
                bar.update(1)
            excess[way] = np.stack(rows, axis=1)
    still = {}
    for agent in ("handbook", "tuned_rules", "machinist"):
        hyper = catalog.create(agent, config.task).hyper  # type: ignore[union-attr]
        data = np.array([[getattr(hyper, key, 0.0)] for key in ("speed", "feed", "depth")])
        still[agent] = trials.truth(data)[:, 0] - least
    return _told(config, excess, still)


def _process_of(task: str) -> str:
    import envs
    from envs.machining.process import names
    from experiments.rollout import EnvRequest

    found = dict(zip(envs.PROCESS_IDS, names(), strict=True))
    if (wanted := EnvRequest(task).id) not in found:
        raise unknown("task", task, [i.removeprefix("Monozukuri/").removesuffix("-v0") for i in found])
    return found[wanted]


def _limits(split_name: str) -> tuple[int, int]:
    from envs.machining import variation

    if split_name not in variation.names():
        raise unknown("split", split_name, variation.names())
    return variation.split(split_name).seeds["test"]


def _ways(config: Config, trials: Trials) -> dict[str, Search]:
    """Ways of searching, all from scratch for every machine; only the first knows other machines."""
    import numpy as np

    from agents.search import GaussianSearch, OneFactor, RandomSearch, squared_exponential
    from envs.machining.trials import Trials

    n, grid = trials.n, trials.grid
    known = Trials(trials.process.name, "seen", np.arange(_KNOWN))
    logs = np.log(known.truth())
    cap = float(logs.mean(axis=0).min() + np.log(_BAD))
    logs = np.minimum(logs, cap)
    mean, apart = logs.mean(axis=0), logs - logs.mean(axis=0)
    lengths = np.array(_LENGTHS)
    noise = _noise(known, cap)
    learned = apart.T @ apart / (_KNOWN - 1) + squared_exponential(grid, lengths, _STRANGE)
    flat = np.full_like(mean, mean.mean())
    start = int(np.argmin(np.abs(grid).sum(axis=0)))  # the handbook's data
    return {
        LEARNED: GaussianSearch(grid, n, mean, learned, noise, cap),
        "Gaussian process": GaussianSearch(
            grid, n, flat, squared_exponential(grid, lengths, _PLAIN), noise, cap
        ),
        "one factor at a time": OneFactor(grid, n, start, _ORDER, _LEVELS),
        "random": RandomSearch(grid, n, start, config.seed),
    }  # fmt: skip


def _noise(known: Trials, cap: float) -> float:
    """Standard deviation of a trial's log cost among data that are not bad, as seen on the known machines."""
    import numpy as np

    truth, rng, found = np.log(known.truth()), np.random.default_rng(0), []
    for number in range(8):
        chosen = rng.integers(known.grid.shape[1], size=known.n)
        true = truth[np.arange(known.n), chosen]
        seen = np.log(known.cut(chosen, number))
        found.append((seen - true)[(true < cap) & (seen < cap)])
    return float(np.std(np.concatenate(found)))


def _told(config: Config, excess: Mapping[str, F64], still: Mapping[str, F64]) -> dict[str, Any]:
    from experiments.stats import bootstrap_ci, paired_difference

    last = config.trials - 1
    ways = {
        way: {
            "mean": rows.mean(axis=0).tolist(),
            "ci95": [list(bootstrap_ci(column)) for column in rows.T],
        }
        for way, rows in excess.items()
    }
    fixed = {who: {"mean": float(v.mean()), "ci95": list(bootstrap_ci(v))} for who, v in still.items()}
    others = {**{way: rows[:, last] for way, rows in excess.items() if way != LEARNED}, **still}
    pairs = {way: paired_difference(excess[LEARNED][:, last], v) for way, v in others.items()}
    against = {
        way: {"difference": pair.mean, "ci95": list(pair.ci95), "p": pair.p} for way, pair in pairs.items()
    }
    n = len(next(iter(still.values())))
    head = {"task": config.task, "split": config.split, "n": n, "trials": config.trials}
    return {**head, "ways": ways, "without trials": fixed, "learned less": against}


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the result as lines for people."""
    shown = sorted({min(k, found["trials"]) for k in _SHOWN})
    head = f"{found['task']}, {found['split']}, {found['n']} machines"
    yield f"{head}: what a part costs above the best data of its machine, over a good part at the handbook's"
    heads = "".join(f"{f'after {k}':>24}" for k in shown)
    yield f"{'':<22}{heads}{f'learned less it, after {shown[-1]}':>32}"
    for way, row in found["ways"].items():
        cells = "".join(f"{_interval(row['mean'][k - 1], row['ci95'][k - 1]):>24}" for k in shown)
        yield f"{way:<22}{cells}{_against(found, way):>32}"
    for who, row in found["without trials"].items():
        empty = " " * 24 * (len(shown) - 1)
        yield f"{who:<22}{_interval(row['mean'], row['ci95']):>24}{empty}{_against(found, who):>32}"


def _against(found: Mapping[str, Any], way: str) -> str:
    pair = found["learned less"].get(way)
    return _interval(pair["difference"], pair["ci95"]) if pair else ""


def _interval(value: float, ends: Sequence[float]) -> str:
    return f"{value:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"


def chart(found: Mapping[str, Any]) -> str:
    """Return excess cost over trials, with intervals, as SVG; what the handbook starts with is cut off."""
    import numpy as np

    from experiments.figures import line_chart_svg

    x = np.arange(1, found["trials"] + 1)
    top = 1.5 * max(row["mean"][min(4, found["trials"] - 1)] for row in found["ways"].values()) + 1e-3
    series, bands = {}, {}
    for way, row in found["ways"].items():
        ends = np.minimum(np.array(row["ci95"]), top)
        series[way] = (x, np.minimum(np.array(row["mean"]), top))
        bands[way] = (ends[:, 0], ends[:, 1])
    where = f"trial cuts on each of {found['n']} machines, {found['split']}"
    return line_chart_svg(series, found["task"], where, "excess over a good part's cost", bands)


if __name__ == "__main__":
    run_verb(main)
