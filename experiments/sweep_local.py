"""Runs of a sweep in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from tqdm import tqdm

from experiments.run import usable_cores

if TYPE_CHECKING:
    from experiments.sweep import Outcome, Run, Sweep

_STOP_S = 60.0  # a run that is told to end writes its log first


def execute(
    runs: Sequence[Run], plan: Sweep, outcomes: Mapping[str, Outcome], on_end: Callable[[], object]
) -> None:
    """Make runs, some at a time; tell how each ends.

    A process that a signal ended, or that lost a worker, is started again, from the run's checkpoint.

    Args:
        runs: Those that are not finished.
        plan: The sweep.
        outcomes: Of the runs by name, to be filled in.
        on_end: Called whenever a run has ended.
    """
    waiting = list(runs)
    running: dict[BaseProcess, Run] = {}
    bar = tqdm(total=len(runs), desc="Sweep", unit="run", file=sys.stderr)
    try:
        with bar:
            while waiting or running:
                while waiting and len(running) < (plan.processes or usable_cores()):
                    run = waiting.pop(0)
                    outcomes[run.name].attempts += 1
                    running[start(run.arguments, str(run.log))] = run
                connection.wait([process.sentinel for process in running])
                for process in [p for p in running if p.exitcode is not None]:
                    run = running.pop(process)
                    outcome = outcomes[run.name]
                    outcome.code = process.exitcode or 0
                    if outcome.goes_on(plan.retries):
                        waiting.insert(0, run)
                        continue
                    bar.update()
                    on_end()
    finally:
        for process in running:
            process.terminate()  # it leaves its checkpoint whole, and its workers end with it
        for process in running:
            process.join(_STOP_S)
        on_end()


def start(arguments: list[str], log: str) -> BaseProcess:
    """Start a process that trains and writes what it says into a log; it ends with this one."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_train, args=(arguments, log))
    process.start()
    return process


def _train(arguments: list[str], log: str) -> None:
    """Train in this process, which does not outlive the sweep; what is said goes into a log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep passes it on
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    from experiments.config import run_verb
    from experiments.train import main

    run_verb(lambda: main(arguments))


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
