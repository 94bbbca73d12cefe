"""Runs of a sweep as Ray tasks; Ray is an extra, imported here only, and kept to the loopback."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from experiments.errors import UserError
from experiments.run import usable_cores

if TYPE_CHECKING:
    from experiments.sweep import Outcome, Run, Sweep

LOOPBACK = "127.0.0.1"
# Ray's servers listen on every interface of a machine (seen with 2.60, whatever address it is told)
# unless it is to have one node only, which this variable says, for Linux too. Who sets it to 1 wants
# more nodes. No telemetry.
_SETTINGS = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}


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
        UserError: If Ray is not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError:
        raise UserError(
            "executor 'ray': Ray is not installed: pip install 'monozukuri[ray]', or use processes"
        ) from None
    # No dashboard: whoever reaches its jobs API may run code (CVE-2023-48022).
    ray.init(
        num_cpus=plan.processes or usable_cores(), include_dashboard=False, _node_ip_address=LOOPBACK,
        log_to_driver=False,
    )  # fmt: skip
    try:
        _check_address(ray.util.get_node_ip_address())
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


def _check_address(address: str) -> None:
    """Raise `UserError` if Ray can be reached from elsewhere, and nobody said so."""
    if address != LOOPBACK and os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0":
        raise UserError(f"Ray listens at {address}: allowed is {LOOPBACK}; another version of Ray may help")


def _train(arguments: list[str], log: str) -> int:
    """Train in a process of its own; what it says goes into a log."""
    folder = arguments[-1].removesuffix(".yaml")
    if os.path.isfile(os.path.join(folder, "config.yaml")):  # a task that is done again goes on
        arguments = ["--resume", folder]
    with open(log, "ab") as file:
        command = [sys.executable, "-m", "experiments.train", *arguments]
        return subprocess.run(command, stdout=file, stderr=file, check=False).returncode
