"""Tune the rules that run a machine tool, on validation lots of one split: the same search for every rule."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro

from configs.records import unknown
from experiments.config import parse, run_verb

# Lowest, highest and a step of the search, by the name of the number.
RANGES: Mapping[str, tuple[float, float, float]] = {
    "speed": (-1.0, 1.0, 0.15), "feed": (-1.0, 1.0, 0.15), "depth": (-1.0, 1.0, 0.15),
    "um_per_k": (0.0, 5.0, 0.4), "um_per_ambient_k": (0.0, 8.0, 0.6), "um_per_edge_min": (0.0, 3.0, 0.3),
    "edge_min": (5.0, 60.0, 4.0), "load_percent": (30.0, 130.0, 8.0), "every": (1.0, 8.0, 0.8),
    "dead_band_um": (0.0, 10.0, 1.0), "gain": (0.1, 1.0, 0.1),
    "worn": (0.5, 1.6, 0.1), "trust_um": (2.0, 20.0, 2.0), "patience": (1.0, 12.0, 1.5),
    "shaking_mm_s": (0.3, 2.2, 0.15), "aside": (-0.25, 0.25, 0.08), "back_off": (0.05, 0.5, 0.08),
    "creep": (0.0, 0.1, 0.02), "hum": (0.0, 1.2, 0.1), "smooth": (0.0, 0.8, 0.04),
    "um_per_loud": (0.0, 90.0, 6.0), "warm_up_after_min": (0.0, 60.0, 5.0),
}  # fmt: skip
_CHANGED = 0.4
# A step that helps makes the next ones longer, one that does not shorter.
_LONGER, _SHORTER, _LONGEST, _SHORTEST = 1.15, 0.985, 1.5, 0.2

Hyper = dict[str, float]


@dataclass(frozen=True)
class Config:
    """Who is tuned, on what, and how long."""

    who: tyro.conf.Positional[str] = "tuned_rules"
    """A rule: handbook, tuned_rules or machinist; the numbers of its file come first."""
    task: str = "TurnShafts"
    """The task."""
    split: str = "seen"
    """What varies."""
    candidates: int = 400
    """Numbers that are tried."""
    keep: str = ""
    """Names of numbers that stay as they are, such as hum,smooth: what does not show on the split."""
    lots: int = 256
    """Validation lots of each; the best are compared on four times as many others."""
    seed: int = 0
    """Of the search."""
    out: Path = Path("tuned.yaml")
    """Where the best numbers go."""

    def __post_init__(self) -> None:
        for name, least in (("candidates", 1), ("lots", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is {least} or more")
        for name in self.kept:
            if name not in RANGES:
                raise unknown("keep", name, tuple(RANGES))

    @property
    def kept(self) -> tuple[str, ...]:
        """The names in `keep`."""
        return tuple(name for name in self.keep.split(",") if name)


def main(argv: Sequence[str] | None = None) -> int:
    """Tune what the command line names."""
    config = parse(Config, "tune_lots", argv, __doc__)
    from tqdm import tqdm

    from agents import catalog
    from agents.machining import Rules
    from experiments.config import UserError, user_input, write_yaml
    from experiments.rollout import EnvRequest, env_facts
    from experiments.run import write_text_atomic

    request = EnvRequest(config.task, {"split": config.split, "observation": "signals"})
    request.check()
    with user_input(catalog.AgentError):
        rule = catalog.create(config.who, config.task)
    if not (isinstance(rule, Rules) and request.batched):
        raise UserError(f"{config.who!r} on {config.task!r}: allowed are rules on lots of parts")
    first, _ = env_facts(request).seeds["validation"]
    kind: Any = type(rule)
    start = asdict(rule.hyper)  # type: ignore[attr-defined]

    def cost(hyper: Hyper, at: int, n: int) -> float:
        return mean_cost(request, kind(kind.hyper_class(**hyper)), range(first + at, first + at + n))

    with tqdm(total=config.candidates, desc=f"Tuning {config.who}", file=sys.stderr) as bar:
        tried = {name: value for name, value in start.items() if name not in config.kept}
        found = search(
            tried, lambda h: cost(start | h, 0, config.lots), config.candidates, config.seed, bar.update
        )
    others = [(cost(start | hyper, config.lots, 4 * config.lots), hyper) for _, hyper in found[-8:]]
    least, best = min(others, key=lambda pair: pair[0])
    best = start | best
    best = {name: float(f"{value:.3g}") for name, value in best.items()}
    write_text_atomic(config.out, write_yaml(best))
    sys.stdout.write(
        f"{config.who} on {config.task}: {cost(start, config.lots, 4 * config.lots):.4f} before, "
        f"{least:.4f} now, on {4 * config.lots} other validation lots; {config.out}\n"
    )
    return 0


def mean_cost(request: Any, rule: Any, seeds: range) -> float:
    """Return the mean cost of lots, good or bad, over that of good parts at the handbook's data."""
    from agents.learner import Rollouts
    from experiments.lots import run_lots

    lots = run_lots(request, Rollouts(rule), list(seeds))
    return -sum(lot.final["score"] for lot in lots) / len(lots)


def search(
    start: Hyper, cost: Callable[[Hyper], float], n: int, seed: int, on_done: Callable[[], object]
) -> list[tuple[float, Hyper]]:
    """Return each best so far, `start` first: some of its numbers are changed, and what costs less stays.

    Args:
        start: The first candidate; cut to `RANGES`.
        cost: Of a candidate.
        n: Candidates.
        seed: Of the changes.
        on_done: Called after each.
    """
    import numpy as np

    rng, scale = np.random.default_rng(seed), 1.0
    best = {name: float(np.clip(value, *RANGES[name][:2])) for name, value in start.items()}
    found = [(cost(best), best)]
    on_done()
    for _ in range(n - 1):
        tried = dict(found[-1][1])
        for name, (low, high, step) in RANGES.items():
            if name in tried and rng.random() < _CHANGED:
                tried[name] = float(np.clip(tried[name] + scale * step * rng.standard_normal(), low, high))
        value = cost(tried)
        if value < found[-1][0]:
            found.append((value, tried))
            scale = min(_LONGEST, scale * _LONGER)
        else:
            scale = max(_SHORTEST, scale * _SHORTER)
        on_done()
    return found


if __name__ == "__main__":
    run_verb(main)
