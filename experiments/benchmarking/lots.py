"""Benchmarks of lots of parts on a machine tool: every row on the same lots of every split, side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.learner import Episode, Rollouts
from agents.policy import Policy
from experiments.benchmarking.cells import PRACTICE, splits_of
from experiments.benchmarking.lot_table import Cell, figures
from experiments.benchmarking.rows import Row, parse_rows
from experiments.errors import UserError, unknown
from experiments.pool import Job, Pool
from experiments.receipts import episode_columns, made_by, policy_identity
from experiments.rollout import SEED_STRIDE, EnvRequest, env_facts, episode_seed, run_episodes

if TYPE_CHECKING:
    from experiments.benchmark import Config

_QUICK_LOTS = 8
_JOB_LOTS = 50


@dataclass(frozen=True)
class _Piece:
    """One policy on one split."""

    task: str
    split: str
    row: Row
    who: str
    policy: Policy
    request: EnvRequest


def compare(config: Config) -> dict[str, Any]:
    """Return the table of `who` on the splits of the tasks: its rows, paired tests, and the episodes."""
    from tqdm import tqdm

    from experiments.run import usable_cores

    pieces = list(_pieces(config))  # all are made before any is run: a mistake in the last name costs nothing
    n = min(config.episodes, _QUICK_LOTS) if config.quick else config.episodes
    bar = tqdm(total=n * len(pieces), desc="Benchmark", unit="lot", file=sys.stderr)
    with bar, Pool(config.workers or usable_cores()) as pool:
        found = _run(pool, pieces, n, config.seed, bar.update)
    groups: dict[tuple[str, str, Row], list[int]] = {}
    for i, piece in enumerate(pieces):
        groups.setdefault((piece.task, piece.split, piece.row), []).append(i)
    cells = [
        Cell(task, split, row.name, row.learned, tuple(pieces[i].who for i in some), [found[i] for i in some])
        for (task, split, row), some in groups.items()
    ]
    return {**figures(cells), "episodes": [_receipt(p, found[i]) for i, p in enumerate(pieces)]}


def _pieces(config: Config) -> Iterator[_Piece]:
    """Yield what is to be run, in the order of the table.

    Raises:
        UserError: For a task, a split or a name that is not there, or a row that fits no task.
    """
    from experiments.evaluation import prepared, read_run

    rows = parse_rows(config.who, standing=False)
    tasks = config.tasks
    for row in rows:
        if not any(str(read_run(who).get("task", task)) == task for who in row.who for task in tasks):
            raise UserError(f"{row.name!r} was trained on another task than {', '.join(tasks)}")
    for task in tasks:
        known = splits_of(task)
        for split in config.splits:
            if split not in known:
                raise unknown("split", split, known)
        for split in config.splits or [name for name in known if name != PRACTICE]:
            for row in rows:
                for who in row.who:
                    # Runs of several tasks may stand in one row: each counts for its own.
                    if str(read_run(who).get("task", task)) == task:
                        names = {"task": task, "split": split, "robot": "lrmate200id", "control": "ee_yaw"}
                        policy, request = prepared(who, names)
                        yield _Piece(request.name, split, row, who, policy, request)


def _run(
    pool: Pool, pieces: Sequence[_Piece], n: int, seed: int, on_done: Callable[[int], object]
) -> dict[int, list[Episode]]:
    """Return n episodes of each piece, by its number."""
    jobs = []
    for i, piece in enumerate(pieces):
        limits = env_facts(piece.request).seeds["test"]
        seeds = [episode_seed(limits, SEED_STRIDE * seed + k) for k in range(n)]
        for at in range(0, n, _JOB_LOTS):
            some = seeds[at : at + _JOB_LOTS]
            jobs.append(Job((i, at), run_episodes, (piece.request, Rollouts(piece.policy, books=True), some)))
    parts: dict[tuple[int, int], list[Episode]] = {}
    for done in pool.run(jobs):
        if done.error is not None:
            raise done.error
        parts[done.job.key] = done.value
        on_done(len(done.value))
    return {
        i: [episode for at in range(0, n, _JOB_LOTS) for episode in parts[i, at]] for i in range(len(pieces))
    }


def _receipt(piece: _Piece, episodes: Sequence[Episode]) -> dict[str, Any]:
    """What `--verify` runs again, and what tells whether it may."""
    return {
        "row": piece.row.name, "who": piece.who, "task": piece.task, "split": piece.split,
        "split_hash": env_facts(piece.request).split_hash, "episodes": episode_columns(episodes),
        "identity": {"policy": policy_identity(piece.who, piece.policy), **made_by(piece.request)},
    }  # fmt: skip
