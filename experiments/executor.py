"""Worker processes that roll out episodes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any, TypeVar, cast

from agents.learner import Episode, Rollouts
from experiments.errors import WorkerDied
from experiments.rollout import EnvFacts, EnvRequest, env_facts, one_thread, run_episodes

T = TypeVar("T")

# Episodes in one job: enough that sending the policy costs nothing, few enough to share them out.
_JOB_EPISODES = 4
# The same of lots of parts, which go together.
_JOB_LOTS = 50


# A job that was under way so often when a process died is not tried again.
_MOST_DEATHS = 3


@dataclass
class _Job:
    """Some episodes of a submission, and where they are run."""

    request: EnvRequest
    rollouts: Rollouts
    seeds: list[int]
    on_done: Callable[[list[Episode]], None] | None
    pool: ProcessPoolExecutor | None = None
    future: Future[list[Episode]] = field(default_factory=Future)
    n_deaths: int = 0


class PendingEpisodes:
    """Episodes on their way."""

    def __init__(self, workers: Workers, jobs: list[_Job]) -> None:
        self._workers, self._jobs = workers, jobs

    def result(self) -> list[Episode]:
        """Wait, and return the episodes in the order of their seeds.

        Episodes that were under way in a process that died are run again; they come out the same.

        Raises:
            WorkerDied: If processes die over and over.
        """
        for job in self._jobs:
            while isinstance(job.future.exception(), BrokenProcessPool):
                self._workers.run_again([j for j in self._jobs if j.pool is job.pool])
        return [episode for job in self._jobs for episode in job.future.result()]


class Workers:
    """Processes that each hold an environment.

    They share no state with this process: they are spawned, ignore Ctrl-C (which this process
    handles for them), and never load the learning libraries.

    Args:
        request: The environment.
        n: Number of processes.

    Attributes:
        n_died: How often processes had to be replaced because one had died.
    """

    def __init__(self, request: EnvRequest, n: int) -> None:
        self.request, self.n = request, n
        self.n_died = 0
        self._pool = self._new_pool()
        self._facts: EnvFacts | None = None

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.n, multiprocessing.get_context("spawn"), start_worker)

    def facts(self) -> EnvFacts:
        """Return what the verbs have to know of the environment.

        Raises:
            UserError: If the environment refuses its options.
        """
        if self._facts is None:
            self._facts = self.call(env_facts)
        return self._facts

    def start(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Start `function(request, *arguments)` in a worker."""
        with one_thread():  # processes are started as jobs come in
            return self._pool.submit(function, self.request, *arguments)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(request, *arguments)`, called in a worker.

        Raises:
            WorkerDied: If the worker dies over and over.
        """
        for _ in range(_MOST_DEATHS):
            pool = self._pool
            try:
                return self.start(function, *arguments).result()
            except BrokenProcessPool:
                self._replace(pool)
        raise WorkerDied(f"a worker process died {_MOST_DEATHS} times at the same work (out of memory?)")

    def submit(
        self,
        rollouts: Rollouts,
        seeds: Sequence[int],
        on_done: Callable[[list[Episode]], None] | None = None,
        request: EnvRequest | None = None,
    ) -> PendingEpisodes:
        """Start episodes.

        Args:
            rollouts: How to roll them out.
            seeds: One for each episode.
            on_done: Called, in another thread, whenever some are done.
            request: Another environment than the workers' own.
        """
        of = request or self.request
        n = _JOB_LOTS if of.batched else _JOB_EPISODES
        jobs = [_Job(of, rollouts, list(seeds[i : i + n]), on_done) for i in range(0, len(seeds), n)]
        for job in jobs:
            self._send(job)
        return PendingEpisodes(self, jobs)

    def _send(self, job: _Job) -> None:
        """Start a job."""
        job.pool = self._pool
        with one_thread():
            try:
                job.future = self._pool.submit(run_episodes, job.request, job.rollouts, job.seeds)
            except BrokenProcessPool:  # it broke with nobody waiting
                self._replace(self._pool)
                self._send(job)
                return
        if (told := job.on_done) is not None:
            job.future.add_done_callback(lambda future: _pass_on(future, told))

    def run_again(self, jobs: Sequence[_Job]) -> None:
        """Start those of the jobs, all of one pool that broke, which came to no end.

        Raises:
            WorkerDied: If one of them has met so many deaths that it may be the cause.
        """
        self._replace(jobs[0].pool)
        for job in jobs:
            if isinstance(job.future.exception(), BrokenProcessPool):
                job.n_deaths += 1
                if job.n_deaths >= _MOST_DEATHS:
                    raise WorkerDied(
                        f"a worker process died {job.n_deaths} times over the same episodes "
                        "(out of memory?): try fewer --workers, or --resume"
                    )
                self._send(job)

    def _replace(self, pool: ProcessPoolExecutor | None) -> None:
        """Take new processes, if that has not been done since `pool` broke."""
        if pool is self._pool:
            end(self._pool)
            self._pool = self._new_pool()
            self.n_died += 1

    def close(self) -> None:
        """Stop the processes, whatever they are doing."""
        end(self._pool)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def end(pool: ProcessPoolExecutor) -> None:
    """Stop the processes of a pool, whatever they are doing."""
    processes = list((pool._processes or {}).values())
    manager = cast("threading.Thread | None", pool._executor_manager_thread)
    results = cast(Any, pool)._result_queue
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(5)
    if manager is not None:
        # One that was stopped while it sent a result leaves the manager waiting for the rest, for ever.
        results._writer.close()
        # Left alone it may close its pipe while the interpreter, ending, still writes to it.
        manager.join(5)


def _pass_on(job: Future[list[Episode]], on_done: Callable[[list[Episode]], None]) -> None:
    if not job.cancelled() and job.exception() is None:
        on_done(job.result())


def start_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
