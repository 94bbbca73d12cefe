"""A stable-baselines3 `VecEnv` with several environments in each of few processes.

With one process per environment a step would cost more in messages than in physics.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from experiments.errors import WorkerDied
from experiments.rollout import EnvRequest, one_thread
from experiments.vec_worker import serve


class WorkerVecEnv(VecEnv):
    """Environments over training seeds; which process holds which changes no bit.

    Args:
        request: The environment.
        n_envs: How many.
        n_workers: Processes.
        seed: Of the run; the episodes' seeds follow from it.
    """

    def __init__(self, request: EnvRequest, n_envs: int, n_workers: int, seed: int) -> None:
        self._shares = np.array_split(np.arange(n_envs), min(n_workers, n_envs))
        self._home = {int(i): (w, k) for w, share in enumerate(self._shares)
                      for k, i in enumerate(share)}  # fmt: skip
        context = multiprocessing.get_context("spawn")
        self._pipes, self._processes = [], []
        self._closed = False
        with one_thread():
            for share in self._shares:
                here, there = context.Pipe()
                process = context.Process(
                    target=serve, args=(there, request, seed, share.tolist()), daemon=True
                )
                process.start()
                there.close()
                self._pipes.append(here)
                self._processes.append(process)
        facts = self._receive_all()[0]
        super().__init__(n_envs, facts.observation_space, facts.action_space)

    def _send(self, worker: int, command: str, data: Any = None) -> None:
        try:
            self._pipes[worker].send((command, data))
        except OSError:
            raise _died() from None

    def _send_all(self, command: str, data: Any = None) -> None:
        for worker in range(len(self._pipes)):
            self._send(worker, command, data)

    def _receive(self, worker: int) -> Any:
        try:
            return self._pipes[worker].recv()
        except (EOFError, OSError):
            raise _died() from None

    def _receive_all(self) -> list[Any]:
        return [self._receive(i) for i in range(len(self._pipes))]

    def restart(self, seed: int) -> None:
        """Start the sequences of episodes anew; takes effect at the next `reset`."""
        self._send_all("seed", seed)

    def reset(self) -> Any:
        """Begin an episode everywhere."""
        self._send_all("reset")
        return _join(self._receive_all())

    def step_async(self, actions: np.ndarray) -> None:
        """Start a step."""
        for worker, share in enumerate(self._shares):
            self._send(worker, "step", actions[share])

    def step_wait(self) -> Any:
        """Wait for the step that was started."""
        answers = self._receive_all()
        observations, rewards, dones, infos = zip(*answers, strict=True)
        every = [dict(info) for part in infos for info in part]
        return _join(observations), np.concatenate(rewards).astype(np.float32), np.concatenate(
            dones), every  # fmt: skip

    def close(self) -> None:
        """End the processes; may be called again."""
        if self._closed:
            return
        self._closed = True
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.terminate()
            process.join(5)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the bare environments, one after the other."""
        results = []
        for i in self._get_indices(indices):
            worker, lane = self._home[int(i)]
            self._send(worker, "call", (method_name, lane, method_args, method_kwargs))
            results.append(self._receive(worker))
        return results

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the environments."""
        self._send_all("get", attr_name)
        values = [value for part in self._receive_all() for value in part]
        return [values[i] for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: environments are made as they are to be."""
        raise NotImplementedError(f"cannot set {attr_name}")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Episode statistics are in the infos already, so nothing needs a wrapper."""
        return [wrapper_class.__name__ == "Monitor" for _ in self._get_indices(indices)]


def _died() -> WorkerDied:
    return WorkerDied(
        "a worker process died (out of memory?): go on from the last checkpoint with --resume, "
        "with fewer --workers if it happens again"
    )


def _join(parts: Sequence[Any]) -> Any:
    """Return the observations of all processes as one."""
    if isinstance(parts[0], dict):
        return {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    return np.concatenate(parts)
