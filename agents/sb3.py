"""The side of reinforcement learning that faces stable-baselines3; imported only to learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecNormalize

from agents.corrected import CorrectedRules, Reach
from agents.finetune import Corrected, Ruled
from agents.learner import Session
from agents.machining import Rules
from agents.networks import CLIP, MlpPolicy
from agents.paced import PacedPolicy
from agents.policy import Needs, Policy
from agents.trees import put_together, take_apart

_BUFFER_ROWS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts",
                "ep_start", "ep_length")  # fmt: skip


Start = MlpPolicy | Rules | None


class _Count(BaseCallback):
    """Counts steps while they are taken, those of twins too."""

    def __init__(self, session: Session, at_once: int) -> None:
        super().__init__()
        self._session, self._at_once = session, at_once

    def _on_step(self) -> bool:
        self._session.advance(self._at_once)
        return True


class _Fixed(RunningMeanStd):
    """A normalisation that stays as it is."""

    def update(self, arr: NDArray) -> None:
        """Leave it."""


class Model:
    """An algorithm of the library with its environments and its normalisation.

    Args:
        build: Returns the algorithm on a `VecEnv`.
        hyper: The hyper-parameters.
        session: What it learns with.
        start: The cloned policy (its normalisation is kept) or the rule that is corrected, if any.
    """

    def __init__(
        self,
        build: Callable[[Any, Session, Start], Any],
        hyper: Any,
        session: Session,
        start: Start = None,
    ) -> None:
        torch.set_num_threads(1)  # the other cores step environments
        self._session = session
        self._envs = acted = session.make_vec(hyper.n_envs)
        self._at_once = hyper.n_envs
        if isinstance(start, Rules):
            self._reach = Reach(hyper.reach, everywhere=bool(hyper.practice))
            self._envs = acted = Ruled(acted, session.make_vec(hyper.n_envs), start, self._reach)
            self._at_once *= 2
        elif start is not None:
            acted = Corrected(acted, start)
        self.venv = VecNormalize(acted, norm_reward=False, clip_obs=CLIP, gamma=hyper.gamma)
        self._start = start
        if isinstance(start, MlpPolicy):
            fixed = _Fixed(shape=start.mean.shape)
            fixed.mean = start.mean.astype(np.float64)
            fixed.var = start.scale.astype(np.float64) ** 2 - self.venv.epsilon
            self.venv.obs_rms = fixed
        self.algorithm = build(self.venv, session, start)
        self.algorithm.set_logger(Logger(None, []))  # its own makes a folder for every run that stays
        self.on_policy = isinstance(self.algorithm, OnPolicyAlgorithm)
        self.venv.norm_reward = self.on_policy
        self._rate = hyper.rate

    def learn(self, number: int, n_steps: int) -> dict[str, float]:
        """Learn for one segment; return its figures.

        Args:
            number: Of the segment; sets its seeds.
            n_steps: Its length.
        """
        session, algorithm = self._session, self.algorithm
        seed = int(np.random.SeedSequence([session.seed, number]).generate_state(1)[0] % 2**31)
        set_random_seed(seed)
        algorithm.action_space.seed(seed)
        self._envs.restart(seed)
        algorithm._last_obs = None
        algorithm.ep_info_buffer = None  # figures are of this segment's episodes
        if self.on_policy:
            # Steps that another agent took before do not count.
            taken = algorithm.num_timesteps
            to_come = (session.n_steps - session.n_done) * self.venv.num_envs / self._at_once
            left = max(0.0, 1 - taken / (taken + to_come))
            algorithm.lr_schedule = lambda _: self._rate * left
        algorithm.learn(n_steps, _Count(session, self._at_once), log_interval=None, reset_num_timesteps=False)
        self._cut_episodes()
        episodes = algorithm.ep_info_buffer or []
        metrics = {"reward": float(np.mean([e["r"] for e in episodes]))} if episodes else {}
        if algorithm.ep_success_buffer:
            metrics["collect_success"] = float(np.mean(algorithm.ep_success_buffer))
        return metrics

    def _cut_episodes(self) -> None:
        """Tell a replay buffer that the episodes under way go no further, before it is kept."""
        buffer: Any = getattr(self.algorithm, "replay_buffer", None)
        if hasattr(buffer, "truncate_last_trajectory") and (buffer.full or buffer.pos > 0):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that they are cut is meant
                buffer.truncate_last_trajectory()

    # --- Results ------------------------------------------------------------------------------

    def policy(self, needs: Needs) -> Policy:
        """Return what acts, without the library."""
        net = self.algorithm.policy
        if self.on_policy:
            modules = [*net.mlp_extractor.policy_net, net.action_net]
            head = "clip"
        else:
            modules = [*net.actor.latent_pi, net.actor.mu]
            head = "tanh"
        layers = [
            (m.weight.detach().numpy(), m.bias.detach().numpy())
            for m in modules
            if isinstance(m, torch.nn.Linear)
        ]
        tanh = any(isinstance(m, torch.nn.Tanh) for m in modules)
        mean, scale = self._normalisation()
        learned = MlpPolicy(layers, mean, scale, "tanh" if tanh else "relu", head, needs)
        if isinstance(self._start, Rules):
            return CorrectedRules(self._start, learned, needs, self._reach)
        return learned if self._start is None else PacedPolicy(self._start, learned, needs)

    def _normalisation(self) -> tuple[NDArray, NDArray]:
        rms: Any = self.venv.obs_rms
        parts = [rms[key] for key in sorted(rms)] if isinstance(rms, dict) else [rms]
        mean = np.concatenate([part.mean for part in parts])
        return mean, np.sqrt(np.concatenate([part.var for part in parts]) + self.venv.epsilon)

    # --- Going on -----------------------------------------------------------------------------

    def state(self, number: int, flawless: int) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return what `restore` needs to go on with segment `number`.

        Args:
            number: Of the segment.
            flawless: Validations without a failure that came last.
        """
        algorithm = self.algorithm
        tree: dict[str, Any] = {
            "segment": number,
            "flawless": flawless,
            "num_timesteps": algorithm.num_timesteps,
            "n_updates": algorithm._n_updates,
            "parameters": algorithm.get_parameters(),
            "variables": {name: getattr(algorithm, name) for name in self._variables()},
            "normalisation": {
                name: {
                    "mean": np.asarray(r.mean),
                    "var": np.asarray(r.var),
                    "count": float(r.count),
                }
                for name, r in self._statistics().items()
            },
        }
        if isinstance(self._start, MlpPolicy):
            settings, weights = self._start.state()
            tree["start"] = {"settings": settings, "weights": weights}
        buffer = getattr(algorithm, "replay_buffer", None)
        if buffer is not None:
            size = buffer.buffer_size if buffer.full else buffer.pos
            tree["buffer"] = {
                "pos": buffer.pos,
                "full": buffer.full,
                "rows": {name: _cut(rows, size) for name, rows in _rows(buffer).items()},
            }
        return take_apart(tree)

    def restore(self, state: tuple[Mapping[str, Any], Mapping[str, NDArray]]) -> tuple[int, int]:
        """Take over what `state` returned; return its `number` and `flawless`."""
        tree = put_together(*state)
        algorithm = self.algorithm
        algorithm.num_timesteps, algorithm._n_updates = tree["num_timesteps"], tree["n_updates"]
        parameters = _tensors(tree["parameters"])
        for value in parameters.values():
            if isinstance(value, dict) and "param_groups" in value:
                value.setdefault("state", {})
        algorithm.set_parameters(parameters, exact_match=True, device="cpu")
        for name in self._variables():
            # In place: the optimiser holds the tensor too.
            getattr(algorithm, name).data.copy_(torch.from_numpy(tree["variables"][name]))
        for name, running in self._statistics().items():
            kept = tree["normalisation"][name]
            running.mean, running.var, running.count = kept["mean"], kept["var"], kept["count"]
        if "buffer" in tree:
            buffer, kept = algorithm.replay_buffer, tree["buffer"]
            buffer.pos, buffer.full = kept["pos"], kept["full"]
            for name, rows in _rows(buffer).items():
                _copy(kept["rows"][name], rows)
            if hasattr(buffer, "_current_ep_start"):
                buffer._current_ep_start = np.full(buffer.n_envs, buffer.pos, np.int64)
        return int(tree["segment"]), int(tree["flawless"])

    def _variables(self) -> list[str]:
        """Return the names of tensors that are learned outside of any module."""
        return list(self.algorithm._get_torch_save_params()[1])

    def _statistics(self) -> dict[str, Any]:
        """Return the running means and variances by name."""
        rms: Any = self.venv.obs_rms
        named = dict(rms) if isinstance(rms, dict) else {"all": rms}
        return {**{f"obs {key}": value for key, value in named.items()}, "ret": self.venv.ret_rms}

    def close(self) -> None:
        """End the environments."""
        self.venv.close()


def started_from(state: tuple[Mapping[str, Any], Mapping[str, NDArray]]) -> MlpPolicy:
    """Return the policy from which the learning kept in `state` had started."""
    kept = put_together(*state)["start"]
    return MlpPolicy.from_state(kept["settings"], kept["weights"])


def _rows(buffer: Any) -> dict[str, Any]:
    """Return a replay buffer's arrays by name; some are mappings of arrays."""
    found = {name: getattr(buffer, name, None) for name in _BUFFER_ROWS}
    return {name: rows for name, rows in found.items() if rows is not None}


def _cut(rows: Any, size: int) -> Any:
    if isinstance(rows, Mapping):
        return {key: item[:size] for key, item in rows.items()}
    return rows[:size]


def _copy(kept: Any, rows: Any) -> None:
    if isinstance(rows, Mapping):
        for key, item in rows.items():
            item[: len(kept[key])] = kept[key]
    else:
        rows[: len(kept)] = kept


def _tensors(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _tensors(item) for key, item in node.items()}
    return torch.from_numpy(node) if isinstance(node, np.ndarray) else node
