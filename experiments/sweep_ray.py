"""Runs of a sweep as Ray tasks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tqdm import tqdm

from experiments.ray_start import started
from experiments.run import usable_cores

if TYPE_CHECKING:
    from experiments.sweep import Outcome, Run, Sweep


def execute(
    runs: Sequence[Run], plan: Sweep, outcomes: Mapping[str, Outcome], on_end: Callable[[], object]
) -> None:
    """Make runs as Ray tasks; tell how each ends. A task whose process died is done again by Ray.

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
        task = ray.remote(num_cpus=1, max_retries=plan.retries)(_train)
        waiting = {task.remote(run.arguments, str(run.log)): run for run in runs}
        with tqdm(total=len(runs), desc="Sweep", unit="run", file=sys.stderr) as bar:
            while waiting:
                for done in ray.wait(list(waiting))[0]:
                    outcome = outcomes[waiting.pop(done).name]
                    outcome.attempts += 1
                    try:
                        outcome.code = ray.get(done)
                    except ray.exceptions.RayError:
                        outcome.code = -1
                    bar.update()
                    on_end()
    finally:
        ray.shutdown()


def _train(arguments: list[str], log: str) -> int:
    """Train in a process of its own; what it says goes into a log."""
    folder = arguments[-1].removesuffix(".yaml")
    if os.path.isfile(os.path.join(folder, "config.yaml")):  # a task that is done again goes on
        arguments = ["--resume", folder]
    with open(log, "ab") as file:
        command = [sys.executable, "-m", "experiments.train", *arguments]
        return subprocess.run(command, stdout=file, stderr=file, check=False).returncode
