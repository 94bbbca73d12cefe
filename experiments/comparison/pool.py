"""Jobs on processes, so that a process that dies costs its job's time and nothing else."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from experiments.errors import UserError
from experiments.executor import start_worker
from experiments.ray_start import started

J = TypeVar("J")
R = TypeVar("R")
# A job that takes its process with it so often is not tried again.
_TRIES = 3
EXECUTORS = ("processes", "ray")


def run_jobs(
    function: Callable[[J], R],
    jobs: Sequence[J],
    workers: int,
    on_done: Callable[[J, R], None],
    executor: str = "processes",
) -> None:
    """Call a function on every job; what comes of each is handed to `on_done`, in any order.

    One worker is this process itself. Otherwise processes are spawned; where one dies, those that are left of
    the jobs are done again by new ones.

    Args:
        function: Importable by name; jobs and results travel between processes.
        jobs: What to do.
        workers: Number of processes.
        on_done: Called in this process.
        executor: "processes", or "ray" for tasks of Ray's on this machine.

    Raises:
        UserError: for a job whose process died three times, and for Ray where it is not installed.
    """
    if executor == "ray":
        _run_on_ray(function, jobs, workers, on_done)
        return
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            on_done(job, function(job))
        return
    left, tries = list(range(len(jobs))), 0
    while left:
        done = _round(function, jobs, left, workers, on_done)
        tries = 0 if done else tries + 1
        left = [index for index in left if index not in done]
        if left and tries >= _TRIES:
            raise UserError(
                f"workers died {tries} times without finishing a job (out of memory?): fewer --workers"
            )


def _round(
    function: Callable[[J], R],
    jobs: Sequence[J],
    left: Sequence[int],
    workers: int,
    on_done: Callable[[J, R], None],
) -> set[int]:
    """Do jobs until all are done or a process dies; returns which are done."""
    done: set[int] = set()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(left)), context, start_worker)
    try:
        waiting: dict[Future[R], int] = {pool.submit(function, jobs[index]): index for index in left}
        while waiting:
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                index = waiting.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    return done
                on_done(jobs[index], result)
                done.add(index)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return done


def _run_on_ray(
    function: Callable[[J], R], jobs: Sequence[J], workers: int, on_done: Callable[[J, R], None]
) -> None:
    """The same as Ray tasks; Ray does the job of a process that died again by itself."""
    ray = started(workers)
    try:
        remote = ray.remote(max_retries=_TRIES)(function)
        waiting: dict[Future[R], J] = {remote.remote(job).future(): job for job in jobs}
        while waiting:
            # Not Ray's own `wait`, in which a signal's handler may not raise.
            for finished in wait(waiting, return_when=FIRST_COMPLETED)[0]:
                on_done(waiting.pop(finished), finished.result())
    finally:
        ray.shutdown()
