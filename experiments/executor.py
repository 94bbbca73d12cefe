"""Worker processes that roll out episodes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, TypeVar, cast

from agents.learner import Episode, Rollouts
from experiments.errors import UserError
from experiments.rollout import EnvFacts, EnvRequest, env_facts, one_thread, run_episodes

T = TypeVar("T")

# Episodes in one job: enough that sending the policy costs nothing, few enough to share them out.
_JOB_EPISODES = 4


class PendingEpisodes:
    """Episodes on their way."""

    def __init__(self, jobs: list[Future[list[Episode]]]) -> None:
        self._jobs = jobs

    def result(self) -> list[Episode]:
        """Wait, and return the episodes in the order of their seeds."""
        try:
            return [episode for job in self._jobs for episode in job.result()]
        except BrokenProcessPool:
            raise UserError(
                "a worker process died (out of memory?): try fewer --workers, or --resume"
            ) from None


class Workers:
    """Processes that each hold an environment.

    They share no state with this process: they are spawned, ignore Ctrl-C (which this process
    handles for them), and never load the learning libraries.

    Args:
        request: The environment.
        n: Number of processes.
    """

    def __init__(self, request: EnvRequest, n: int) -> None:
        self.request, self.n = request, n
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(n, context, start_worker)
        self._facts: EnvFacts | None = None

    def facts(self) -> EnvFacts:
        """Return what the verbs have to know of the environment.

        Raises:
            UserError: If the environment refuses its options.
        """
        if self._facts is None:
            self._facts = self.call(env_facts)
        return self._facts

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(request, *arguments)`, called in a worker."""
        with one_thread():  # processes are started as jobs come in
            return self._pool.submit(function, self.request, *arguments).result()

    def submit(
        self,
        rollouts: Rollouts,
        seeds: Sequence[int],
        on_done: Callable[[list[Episode]], None] | None = None,
    ) -> PendingEpisodes:
        """Start episodes.

        Args:
            rollouts: How to roll them out.
            seeds: One for each episode.
            on_done: Called, in another thread, whenever some are done.
        """
        jobs = []
        with one_thread():
            for i in range(0, len(seeds), _JOB_EPISODES):
                part = list(seeds[i : i + _JOB_EPISODES])
                jobs.append(self._pool.submit(run_episodes, self.request, rollouts, part))
        if on_done is not None:
            for job in jobs:
                job.add_done_callback(lambda job: _pass_on(job, on_done))
        return PendingEpisodes(jobs)

    def close(self) -> None:
        """Stop the processes, whatever they are doing."""
        processes = list((self._pool._processes or {}).values())
        manager = cast("threading.Thread | None", self._pool._executor_manager_thread)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(5)
        if manager is not None:
            # Left alone it may close its pipe while the interpreter, ending, still writes to it.
            manager.join(5)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
