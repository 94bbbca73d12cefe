"""PPO and SAC on top of a cloned policy or a rule: they learn corrections, the critic alone first."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import VecEnvWrapper
from torch.nn import functional

from agents import corrected as ruled
from agents.machining import Rules
from agents.networks import MlpPolicy
from agents.paced import N_CORRECTIONS, corrected

_MAX_NORM = 0.5


class Corrected(VecEnvWrapper):
    """Environments in which a cloned policy acts and actions correct it.

    Args:
        venv: The environments.
        cloned: Who acts.
    """

    def __init__(self, venv: Any, cloned: MlpPolicy) -> None:
        space = gymnasium.spaces.Box(-1.0, 1.0, (N_CORRECTIONS,), np.float32)
        super().__init__(venv, action_space=space)
        self._cloned = cloned

    def reset(self) -> Any:
        """Begin an episode everywhere."""
        self._seen = self.venv.reset()
        return self._seen

    def step_async(self, actions: NDArray) -> None:
        """Start a step with corrected actions."""
        pairs = zip(self._seen, actions, strict=True)
        self.venv.step_async(np.stack([corrected(self._cloned.output(o), a) for o, a in pairs]))

    def step_wait(self) -> Any:
        """Wait for the step that was started."""
        result = self.venv.step_wait()
        self._seen = result[0]
        return result


class Ruled(VecEnvWrapper):
    """Machine tools on which a rule acts and actions correct it, paid by what that is better.

    Beside each lot runs its twin, the same to every random number, on which nothing is corrected. The reward
    is the lot's less the twin's: what no action can change, late blanks above all, cancels, and as the twin
    does not depend on the actions, the gradient stays that of the lot's own reward. A lot that ends is over.

    Args:
        venv: The machines.
        twin: Others that are seeded the same.
        rule: Who acts.
        reach: How far actions may go with cutting data.
    """

    def __init__(self, venv: Any, twin: Any, rule: Rules, reach: ruled.Reach) -> None:
        n = ruled.n_features(len(venv.observation_space.spaces))
        features = gymnasium.spaces.Box(-np.inf, np.inf, (n,), np.float32)
        corrections = gymnasium.spaces.Box(-1.0, 1.0, (len(ruled.BOUNDS),), np.float32)
        super().__init__(venv, observation_space=features, action_space=corrections)
        self._twin, self._rule, self._reach = twin, rule, reach

    def restart(self, seed: int) -> None:
        """Start the sequences of episodes anew, the twins' too."""
        for venv in (self.venv, self._twin):
            venv.restart(seed)  # type: ignore[attr-defined]

    def reset(self) -> Any:
        """Begin a lot everywhere."""
        self._beside = self._twin.reset()
        return self._begin(self.venv.reset())

    def _begin(self, observation: Any) -> NDArray:
        self._corrector, self._alone = (ruled.Corrector(self._rule, self.num_envs) for _ in range(2))
        return self._see(observation)

    def _see(self, observation: Any) -> NDArray:
        self._act_alone, _ = self._alone.see(self._beside)
        self._act, features = self._corrector.see(observation)
        return features

    def step_async(self, actions: NDArray) -> None:
        """Start a step of both."""
        self.venv.step_async(ruled.corrected(self._act, actions, self._corrector.reach(self._reach)))
        self._twin.step_async(self._act_alone)

    def step_wait(self) -> Any:
        """Wait for the step that was started."""
        observation, rewards, dones, infos = self.venv.step_wait()
        self._beside, alone, _, _ = self._twin.step_wait()
        for info in infos:
            info["TimeLimit.truncated"] = False
            info.pop("terminal_observation", None)
        features = self._begin(observation) if dones.all() else self._see(observation)
        return features, rewards - alone, dones, infos

    def close(self) -> None:
        """End both."""
        self.venv.close()
        self._twin.close()


class FineTune(PPO):
    """PPO whose actor begins at zero and rests while the critic is new.

    In every update the actor stops at `target_kl` while the critic learns on.

    Args:
        arguments: Of the library's PPO.
        warm_up: Updates in which only the critic learns.
        keywords: Of the library's PPO.
    """

    def __init__(self, *arguments: Any, warm_up: int, **keywords: Any) -> None:
        self._warm_up = warm_up
        super().__init__(*arguments, **keywords)
        policy: Any = self.policy
        self._actor = [
            *policy.mlp_extractor.policy_net.parameters(), *policy.action_net.parameters(), policy.log_std
        ]  # fmt: skip
        self._critic = [*policy.mlp_extractor.value_net.parameters(), *policy.value_net.parameters()]
        with torch.no_grad():
            policy.action_net.weight.zero_()
            policy.action_net.bias.zero_()

    def train(self) -> None:
        """Learn from the steps that were collected."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        acting = self._n_updates >= self._warm_up
        for _ in range(self.n_epochs):
            for batch in self.rollout_buffer.get(self.batch_size):
                acting = self._step(batch, acting)
        self._n_updates += 1

    def _step(self, batch: Any, acting: bool) -> bool:
        """Take a gradient step; return whether the actor takes part in the next one of this update."""
        policy = self.policy
        values, log_prob, entropy = policy.evaluate_actions(batch.observations, batch.actions)
        loss = functional.mse_loss(batch.returns, values.flatten())
        if acting:
            log_ratio = log_prob - batch.old_log_prob
            ratio = log_ratio.exp()
            divergence = ((ratio - 1) - log_ratio).mean().item()
            acting = self.target_kl is None or divergence <= 1.5 * self.target_kl
        if acting:
            loss = loss + self._surrogate(batch.advantages, ratio) - self.ent_coef * entropy.mean()
        policy.optimizer.zero_grad(set_to_none=True)  # without gradients, Adam leaves the actor alone
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._critic, _MAX_NORM)
        torch.nn.utils.clip_grad_norm_(self._actor, _MAX_NORM)
        policy.optimizer.step()
        return acting

    def _surrogate(self, advantages: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
        clip = self.clip_range(self._current_progress_remaining)  # type: ignore[operator]
        scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        return -torch.min(scaled * ratio, scaled * ratio.clamp(1 - clip, 1 + clip)).mean()


class SacFineTune(SAC):
    """SAC whose actor begins at zero with a small spread, acts from the first step, and rests at first.

    Args:
        arguments: Of the library's SAC.
        log_std: Initial logarithm of the standard deviation, before the actions are squashed.
        rest: Gradient steps in which only the critics learn.
        keywords: Of the library's SAC.
    """

    def __init__(self, *arguments: Any, log_std: float, rest: int, **keywords: Any) -> None:
        self._rest = rest
        super().__init__(*arguments, **keywords)
        actor: Any = self.actor
        with torch.no_grad():
            for layer in (actor.mu, actor.log_std):
                layer.weight.zero_()
                layer.bias.zero_()
            actor.log_std.bias.fill_(log_std)

    def _sample_action(self, learning_starts: int, *rest: Any, **keywords: Any) -> Any:
        """Never act at random: what is corrected is worth more than that."""
        return super()._sample_action(0, *rest, **keywords)

    def _update_learning_rate(self, optimizers: Any) -> None:
        super()._update_learning_rate(optimizers)
        if self._n_updates < self._rest:
            for optimizer in (self.actor.optimizer, self.ent_coef_optimizer):
                for group in optimizer.param_groups:  # type: ignore[union-attr]
                    group["lr"] = 0.0
