"""What episodes amount to: the keys of `summary.json` and `evaluation.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agents.learner import Episode
from experiments.stats import bootstrap_ci, wilson_interval

# Tolerances, in millimetres, at which loading is counted besides the task's own.
TOLERANCES_MM = (0.3, 0.1, 0.05)
# What is kept of each of several tasks.
POOLED = ("n_episodes", "n_success", "success_rate", "ci95", "cycle_s", "wall_s")
_FITS = ("gap_m", "run_out_m")
# What lots of parts on a machine tool are judged by, where they tell it; `score` is cost, as a reward.
_LOT = ("cost_per_good_part", "share_good", "kwh_per_good_part", "good_parts_per_h", "score")


def summarise(episodes: Sequence[Episode], fps: float, wall_s: float) -> dict[str, Any]:
    """Return success with its Wilson interval, cycle time, and the keys of lerobot's eval_info.

    Args:
        episodes: The episodes.
        fps: Steps in a simulated second.
        wall_s: How long they took.
    """
    n, n_success = len(episodes), sum(e.success for e in episodes)
    cycles_s = [e.n_steps / fps for e in episodes if e.success]
    summary: dict[str, Any] = {
        "n_episodes": n,
        "n_success": n_success,
        "success_rate": n_success / n,
        "ci95": list(wilson_interval(n_success, n)),
        "wall_s": wall_s,
        "env_steps": sum(e.n_steps for e in episodes),
        "cycle_s": float(np.mean(cycles_s)) if cycles_s else None,
        "cycle_s_ci95": list(bootstrap_ci(cycles_s)) if cycles_s else None,
        "avg_sum_reward": float(np.mean([e.sum_reward for e in episodes])),
        "avg_max_reward": float(np.mean([e.max_reward for e in episodes])),
        "pc_success": 100 * n_success / n,
        "eval_s": wall_s,
        "eval_ep_s": wall_s / n,
    }
    if n_failed := sum(bool(e.final.get("physics_failed")) for e in episodes):
        summary["n_physics_failed"] = n_failed
    if all(key in e.final for e in episodes for key in _FITS):
        summary["success_at_mm"] = success_curve(episodes)
    if all(key in e.final for e in episodes for key in _LOT):
        # A lot has no cycle: its steps are parts.
        summary |= {"cycle_s": None, "cycle_s_ci95": None, "lots": lot_figures(episodes)}
    return summary


def together(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the summaries of several tasks amount to, all episodes counted alike."""
    n, n_success = (sum(each[key] for each in summaries) for key in ("n_episodes", "n_success"))
    wall_s = sum(each["wall_s"] for each in summaries)
    return {
        "n_episodes": n, "n_success": n_success, "success_rate": n_success / n,
        "ci95": list(wilson_interval(n_success, n)), "wall_s": wall_s, "cycle_s": None,
        "env_steps": sum(each["env_steps"] for each in summaries),
        "pc_success": 100 * n_success / n, "eval_s": wall_s, "eval_ep_s": wall_s / n,
    }  # fmt: skip


def lot_figures(episodes: Sequence[Episode]) -> dict[str, dict[str, Any]]:
    """Return the mean of what lots of parts are judged by, with its bootstrap interval."""
    columns = {key: [e.final[key] for e in episodes] for key in _LOT}
    return {
        key: {"mean": float(np.mean(values)), "ci95": list(bootstrap_ci(values))}
        for key, values in columns.items()
    }


def success_curve(episodes: Sequence[Episode]) -> dict[str, dict[str, Any]]:
    """Return the share of episodes that end within each of `TOLERANCES_MM`.

    At the task's own tolerance this is its success; at a wider one, a part that was clamped and let
    go with a larger error counts too, and the environment marks what was never clamped as not
    finite.
    """
    curve = {}
    for tolerance in TOLERANCES_MM:
        within = [all(1000 * e.final[key] <= tolerance for key in _FITS) for e in episodes]
        low, high = wilson_interval(sum(within), len(within))
        curve[f"{tolerance:g}"] = {
            "success_rate": sum(within) / len(within), "ci95": [low, high]
        }  # fmt: skip
    return curve


def table_line(name: str, summary: dict[str, Any]) -> str:
    """Return a summary as a line for people."""
    low, high = summary["ci95"]
    line = (
        f"{name:<24} {summary['n_success']:>4}/{summary['n_episodes']:<4} "
        f"{summary['success_rate']:7.1%}  [{low:.1%}, {high:.1%}]"
    )
    if summary["cycle_s"] is not None:
        line += f"  cycle {summary['cycle_s']:.2f} s"
    if lots := summary.get("lots"):
        cost, (least, most) = lots["cost_per_good_part"]["mean"], lots["cost_per_good_part"]["ci95"]
        line += f"  cost per good part {cost:.2f} [{least:.2f}, {most:.2f}]"
    line += f"  in {summary['wall_s']:.1f} s"
    if died := summary.get("workers_died"):
        line += f"  (processes died {died} times; their episodes were run again)"
    if failed := summary.get("n_physics_failed"):
        line += f"  (physics failed in {failed} episodes)"
    return line
