"""Jobs in worker processes that may die: what was lost with one is done again."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from experiments.errors import UserError
from experiments.executor import end, start_worker
from experiments.rollout import one_thread

# Workers that die so often in a row, with nothing finished in between, die of the job itself.
_PATIENCE = 3
# Jobs that wait for each worker: enough that none is ever idle, few enough that a stop is quick.
_AHEAD = 3


@dataclass(frozen=True)
class Job:
    """A call to be made in a worker.

    Attributes:
        key: What the caller knows it by.
        function: Called with `arguments`; both travel to the worker.
        arguments: What it is called with.
        cost: How many of whatever a bar counts.
    """

    key: Any
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    cost: int = 1


@dataclass(frozen=True)
class Done:
    """A job that came to an end.

    Attributes:
        job: The job.
        value: What it returned; None if it raised.
        error: What it raised.
        redone: Whether it had been lost with a worker and was done again.
    """

    job: Job
    value: Any = None
    error: Exception | None = None
    redone: bool = False


class Pool:
    """Processes for jobs; when one dies, all are replaced and their unfinished jobs are done again.

    Args:
        n: Number of processes.

    Attributes:
        n_deaths: How often a worker died.
    """

    def __init__(self, n: int) -> None:
        self.n, self.n_deaths = n, 0
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.n, multiprocessing.get_context("spawn"), start_worker)

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield every job as it ends, in any order; an error of a job is its own affair.

        Raises:
            UserError: If workers die again and again with nothing finished in between.
        """
        queue = iter(jobs)
        waiting: dict[Future[Any], tuple[Job, bool]] = {}
        lost: list[Job] = []
        deaths = 0
        while True:
            while len(waiting) < _AHEAD * self.n:
                redone = bool(lost)
                job = lost.pop(0) if lost else next(queue, None)
                if job is None:
                    break
                try:
                    with one_thread():  # processes are started as jobs come in
                        waiting[self._pool.submit(job.function, *job.arguments)] = job, redone
                except BrokenProcessPool:
                    lost.insert(0, job)
                    break
            if not waiting and not lost:
                return
            ended, _ = wait(waiting, return_when=FIRST_COMPLETED) if waiting else (set(), None)
            broken = not waiting
            for future in ended:
                job, redone = waiting.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    broken = True
                    lost.append(job)
                    continue
                if error is not None and not isinstance(error, Exception):
                    raise error
                deaths = 0
                yield Done(job, None if error else future.result(), error, redone)
            if broken:
                deaths += 1
                lost += [job for job, _ in waiting.values()]
                waiting.clear()
                self._replace(deaths)

    def _replace(self, deaths: int) -> None:
        self.n_deaths += 1
        if deaths >= _PATIENCE:
            raise UserError(
                f"a worker process died {deaths} times in a row (out of memory?): fewer --workers"
            )
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new()

    def close(self) -> None:
        """Stop the processes, whatever they are doing."""
        end(self._pool)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
