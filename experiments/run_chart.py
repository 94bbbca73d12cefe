"""A lot of parts as people see it on a shop floor: the run chart of a size, with its control limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.learner import Episode, Rollouts
from agents.policy import Policy
from envs.ledger import Ledger
from experiments.figures import line_chart_svg
from experiments.film import Watched
from experiments.lot_books import lot_totals
from experiments.rollout import EnvRequest, prepare, run_episode

# Three standard deviations over the mean moving range of two: 3 / d2, d2 = 1.128 (Shewhart; ISO 7870-2).
NATURAL = 3 / 1.128


@dataclass(frozen=True)
class Lot:
    """What came of a lot, part by part.

    Attributes:
        episode: The episode.
        size_um: True size error of every part.
        tolerance_um: What is allowed to either side.
        ledger: What happened.
    """

    episode: Episode
    size_um: tuple[float, ...]
    tolerance_um: float
    ledger: Ledger


def run_lot(request: EnvRequest, policy: Policy, seed: int) -> Lot:
    """Return a lot, run in this process."""
    env = request.make()
    sizes: list[float] = []

    def watch(info: Mapping[str, Any], over: bool) -> None:
        if "size_um" in info:
            sizes.append(info["size_um"])

    try:
        prepare(policy, env)
        episode = run_episode(Watched(env, watch), Rollouts(policy), seed)
        bare: Any = env.unwrapped
        episode = replace(episode, totals=lot_totals(bare.ledger, bare.process))
        return Lot(episode, tuple(sizes), bare.process.part.tolerance_um, bare.ledger)
    finally:
        env.close()


def control_limits(values: tuple[float, ...]) -> tuple[float, float, float]:
    """Return (lower, mean, upper): the mean and 3 standard deviations as the moving range tells them.

    Raises:
        ValueError: For fewer than 2 values.
    """
    if len(values) < 2:
        raise ValueError(f"values has {len(values)} numbers: at least 2 are needed")
    mean = float(np.mean(values))
    reach = NATURAL * float(np.mean(np.abs(np.diff(values))))
    return mean - reach, mean, mean + reach


def run_chart_svg(lot: Lot, title: str) -> str:
    """Return the run chart: sizes, control limits of the lot, and the tolerance."""
    n = len(lot.size_um)
    lower, _, upper = control_limits(lot.size_um)

    def pair(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        """Two level lines in one: what is not finite leaves a gap."""
        return np.array([1, n, n, 1, n]), np.array([low, low, np.nan, high, high])

    series = {
        "size": (np.arange(1, n + 1), np.array(lot.size_um)),
        "control limits": pair(lower, upper),
        "tolerance": pair(-lot.tolerance_um, lot.tolerance_um),
    }
    return line_chart_svg(series, title, "part", "size error (um)")
