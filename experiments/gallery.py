"""Clips of all tasks, for their cards and the README."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from envs import TASKS
from experiments.markdown import table

FILMED = {"expert": "expert", "taught": "taught program"}
# A clip: its width, its pictures at most, and how long it runs at most, in real time where that allows it.
WIDTH_PX, MOST_SHOTS, MOST_S = 360, 56, 11.0


def clip_name(task: str, agent: str) -> str:
    """Return the file name of a clip."""
    return f"{task}_{agent}.webp"


def film_clip(task: str, agent: str, path: Path) -> str:
    """Film one episode, the same for every agent; return what came of it in one line."""
    from envs.cell.options import CellConfig
    from experiments import evaluation
    from experiments.executor import Workers
    from experiments.figures import write_clip
    from experiments.film import EVERY, film

    names = {"task": task, "split": "seen", "robot": CellConfig.robot, "control": CellConfig.control}
    policy, request = evaluation.prepared(agent, names)
    with Workers(request, 1) as workers:
        facts = workers.facts()
        shown = workers.call(film, policy, facts.seeds["test"][0])
    rate = facts.fps / EVERY
    *most, last = shown.shots
    stride = math.ceil(len(most) / MOST_SHOTS)
    thinned = replace(shown, shots=[*most[::stride], last])
    rate = min(rate, max(rate / stride, len(thinned.shots) / MOST_S))
    write_clip(thinned.frames(rate, WIDTH_PX), path, rate)
    outcome = "done" if shown.episode.success else "not done"
    return f"{path.name}: {outcome} after {shown.episode.n_steps} steps, {path.stat().st_size / 1000:.0f} kB"


def gallery(prefix: str, n_columns: int = 3) -> list[str]:
    """Return a table of all tasks' clips, each linked to its card.

    Args:
        prefix: What leads to the cards' folder, such as "docs/tasks/".
        n_columns: Clips side by side.
    """
    cells = [
        f"[![{name}]({prefix}{clip_name(name, 'expert')})<br>{name}]({prefix}{name}.md)" for name in TASKS
    ]
    cells += [""] * (-len(cells) % n_columns)
    rows = [cells[i : i + n_columns] for i in range(0, len(cells), n_columns)]
    return table([""] * n_columns, rows)
