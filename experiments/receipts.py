"""What a result file keeps of its episodes, so that anyone can run some of them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.learner import Episode


def episode_columns(episodes: Sequence[Episode]) -> dict[str, list[Any]]:
    """Return seeds and outcomes as columns: what `--verify` holds a second run to."""
    return {
        "seed": [e.seed for e in episodes],
        "success": [int(e.success) for e in episodes],
        "steps": [e.n_steps for e in episodes],
        "return": [e.sum_reward for e in episodes],
    }
