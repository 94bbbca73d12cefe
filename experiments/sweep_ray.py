"""Runs of a sweep as Ray tasks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING

from tqdm import tqdm

from experiments import sweep_local
from experiments.ray_start import started
from experiments.run import usable_cores

if TYPE_CHECKING:
    from experiments.sweep import Outcome, Run, Sweep


def execute(
    runs: Sequence[Run], plan: Sweep, outcomes: Mapping[str, Outcome], on_end: Callable[[], object]
) -> None:
    """Make runs as Ray tasks; tell how each ends. One whose process died is done again, from its checkpoint.

    Args:
        runs: Those that are not finished.
        plan: The sweep.
        outcomes: Of the runs by name, to be filled in.
        on_end: Called whenever a run has ended.

    Raises:
        UserError: If Ray is not installed, or would listen beyond the loopback.
    """
    ray = started(plan.processes or usable_cores())
    try:
        task = ray.remote(num_cpus=1, max_retries=0)(_train)
        waiting: dict[Future[int], Run] = {}

        def submit(run: Run) -> None:
            outcomes[run.name].attempts += 1
            waiting[task.remote(run.arguments, str(run.log)).future()] = run

        for run in runs:
            submit(run)
        with tqdm(total=len(runs), desc="Sweep", unit="run", file=sys.stderr) as bar:
            while waiting:
                # Not Ray's own `wait`, in which a signal's handler may not raise.
                for done in wait(waiting, return_when=FIRST_COMPLETED)[0]:
                    run = waiting.pop(done)
                    outcome = outcomes[run.name]
                    try:
                        outcome.code = done.result()
                    except ray.exceptions.RayError:
                        outcome.code = -1
                    if outcome.goes_on(plan.retries):
                        submit(run)
                        continue
                    bar.update()
                    on_end()
    finally:
        ray.shutdown()


def _train(arguments: list[str], log: str) -> int:
    """Train in a process of its own, which ends with the task's."""
    process = sweep_local.start(arguments, log)
    process.join()
    return process.exitcode or 0
