"""What a learner learns with: episodes from workers, a log, checkpoints, the best policy so far."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from agents import checkpoint
from agents.checkpoint import CheckpointError
from agents.files import sweep
from agents.learner import Demonstrations, Episode, Pending, Rollouts
from agents.policy import Policy
from experiments.executor import PendingEpisodes, Workers
from experiments.progress import Progress
from experiments.rollout import EnvRequest, episode_seed
from experiments.run import MetricsLog, RunDirectory

# Checkpoints hold the data collected so far; writing them more often than this is a waste.
CHECKPOINT_S = 20.0


class _Counted:
    """Episodes on their way whose steps count as soon as they are there."""

    def __init__(self, pending: PendingEpisodes, session: TrainSession) -> None:
        self._pending, self._session = pending, session

    def result(self) -> list[Episode]:
        """Wait, and return the episodes in the order of their seeds."""
        episodes = self._pending.result()
        self._session.advance(sum(e.n_steps for e in episodes))
        return episodes


class _All:
    """Episodes of several tasks on their way."""

    def __init__(self, pending: Sequence[Pending]) -> None:
        self._pending = pending

    def result(self) -> list[Episode]:
        """Wait, and return the episodes, task by task."""
        return [episode for each in self._pending for episode in each.result()]


class TrainSession:
    """What `agents.learner.Session` promises.

    Args:
        workers: Where episodes are rolled out.
        directory: The run's folder.
        progress: What is shown to people.
        seed: The run's seed.
        n_steps: The budget of environment steps.
        quick: Whether a tiny budget is wanted.
        checkpoint_s: Checkpoints closer together than this are left out.
        demos: The folder of a data set to learn from; None for one in the run's own folder.
        share: Where demonstrations are collected that other runs may want too; None for the run's own folder.
        others: Environments of the tasks that are learned besides the workers' own.

    Attributes:
        damage: What is wrong with the last checkpoint, where `restore` had to take the one before.
    """

    def __init__(
        self,
        workers: Workers,
        directory: RunDirectory,
        progress: Progress,
        *,
        seed: int,
        n_steps: int,
        quick: bool,
        checkpoint_s: float = CHECKPOINT_S,
        demos: Path | None = None,
        share: Path | None = None,
        others: Sequence[EnvRequest] = (),
    ) -> None:
        facts = workers.facts()
        self.seed, self.n_steps, self.quick = seed, n_steps, quick
        self.n_done = 0
        self.observation_space = facts.observation_space
        self.action_space = facts.action_space
        self.restored: tuple[dict[str, Any], dict[str, NDArray]] | None = None
        self.best_score = float("-inf")
        self.damage: str | None = None
        self._workers, self._directory = workers, directory
        self._demos, self._share = demos, share
        self._others = tuple(others)
        self._progress, self._facts = progress, facts
        self._log: MetricsLog | None = None
        self._n_rows, self._checkpoint_s = 0, checkpoint_s
        self._start_s = self._last_checkpoint_s = time.perf_counter()
        self._before_s = 0.0

    def __enter__(self) -> TrainSession:
        self._log = MetricsLog(self._directory / "metrics.jsonl", self._n_rows)
        return self

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            self._log.close()

    @property
    def learn_s(self) -> float:
        """Seconds spent learning, before an interruption too."""
        return self._before_s + time.perf_counter() - self._start_s

    def restore(self) -> None:
        """Take over the state in the run's folder; where the last is damaged, that before it.

        Raises:
            CheckpointError: If neither is whole.
        """
        folder = self._directory / "checkpoints"
        for kept in (folder, self._directory / "policy", self._directory.path):
            sweep(kept)
        values, arrays, self.damage = checkpoint.read_last(folder, "last", self._check_log)
        self.n_done, self._n_rows = int(values["n_done"]), int(values["n_rows"])
        self.best_score = float("-inf") if values["best_score"] is None else values["best_score"]
        self._before_s = float(values["learn_s"])
        self.restored = values["learner"], arrays
        self._progress.show(self.n_done, {})

    def _check_log(self, values: Mapping[str, Any]) -> None:
        """Raise `CheckpointError` if rows of metrics.jsonl that a checkpoint counts on are missing."""
        path, wanted = self._directory / "metrics.jsonl", int(values["n_rows"])
        found = len(MetricsLog.read(path)) if path.exists() else 0
        if found < wanted:
            raise CheckpointError(f"{path}: {found} whole rows, the checkpoint needs {wanted}")

    def collect(self, rollouts: Rollouts, seeds: Sequence[int]) -> Pending:
        """Start episodes on training seeds (numbered from 0); their steps count."""
        # Runs with different seeds train on different episodes.
        start = 37_003 * self.seed
        train = [episode_seed(self._facts.seeds["train"], start + number) for number in seeds]
        return _Counted(self._workers.submit(rollouts, train), self)

    def validate(self, policy: Policy, n_episodes: int) -> Pending:
        """Start episodes on validation seeds, shared out among the tasks; their steps do not count."""
        limits, n_tasks = self._facts.seeds["validation"], 1 + len(self._others)
        if not self._others:
            seeds = [episode_seed(limits, i) for i in range(n_episodes)]
            return self._workers.submit(Rollouts(policy), seeds)
        seeds = [episode_seed(limits, i) for i in range(-(-n_episodes // n_tasks))]
        requests = (None, *self._others)
        return _All([self._workers.submit(Rollouts(policy), seeds, request=r) for r in requests])

    def demonstrations(self, wanted: Demonstrations) -> str:
        """Return the folder of a data set that holds them, collected first if need be."""
        if self._demos is not None:
            return str(self._demos)
        from experiments.demonstrations import gather, shared

        names = [request.name for request in self._others]
        if self._share is None:
            folder = self._directory / "demonstrations"
            return str(gather(folder, wanted, self._workers, self.seed, names))
        with shared(self._share, wanted, self._workers, self.seed, names) as folder:
            return str(gather(folder, wanted, self._workers, self.seed, names))

    def scenes(self, wanted: Demonstrations) -> str:
        """Return the folder of a data set of scenes that nobody works in, made first if need be."""
        from experiments.demonstrations import ground

        return str(ground(self._directory / "scenes", wanted, self._workers, self.seed))

    def offer(self, policy: Policy, score: float) -> None:
        """Propose a policy; the one with the best score is kept, the later of equals."""
        if score >= self.best_score:
            self.best_score = score
            policy.save(self._directory / "policy")

    def report(self, **metrics: float) -> None:
        """Log numbers, and show progress."""
        if self._log is None:
            raise RuntimeError("a session is used within `with session:`")
        self._log.append(env_steps=self.n_done, **metrics)
        self._progress.show(self.n_done, metrics)

    def checkpoint(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        """Keep what is needed to go on from here, unless that was done a moment ago."""
        now = time.perf_counter()
        if self._log is None:
            raise RuntimeError("a session is used within `with session:`")
        if now - self._last_checkpoint_s < self._checkpoint_s and self.n_done < self.n_steps:
            return
        head = {
            "n_done": self.n_done,
            "n_rows": self._log.n_rows,
            "best_score": self.best_score if isfinite(self.best_score) else None,
            "learn_s": self.learn_s,
            "learner": dict(values),
        }
        self._log.sync()
        checkpoint.write(self._directory / "checkpoints", "last", head, arrays, keep_before=True)
        self._last_checkpoint_s = time.perf_counter()

    def make_vec(self, n_envs: int) -> Any:
        """Return a stable-baselines3 `VecEnv` over training seeds; the caller closes it."""
        if self._workers.request.batched:
            from experiments.batched_env import BatchedVecEnv

            return BatchedVecEnv(self._workers.request, n_envs, self.seed)
        from experiments.vec_env import WorkerVecEnv

        return WorkerVecEnv(self._workers.request, n_envs, self._workers.n, self.seed)

    def advance(self, n_steps: int) -> None:
        """Count steps taken in a `make_vec` environment."""
        self.n_done += n_steps
        self._progress.show(self.n_done, {})
