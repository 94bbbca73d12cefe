"""Reinforcement learning with stable-baselines3: PPO, SAC and TQC, with or without HER.

Learning goes in segments. At the start of each, everything random is seeded anew from the run's seed
and the segment's number and episodes begin afresh, so that a run that goes on from a checkpoint
takes the same steps as one that was never stopped. What comes out is a NumPy policy.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import Any

from agents import start as starting
from agents.catalog import AgentError
from agents.learner import Learner, Pending, Session
from agents.machining import Rules
from agents.networks import MlpPolicy
from agents.policy import Needs, Policy
from agents.rl_hyper import PpoHyper, SacHyper

# Steps saved in an episode that are worth a hundredth of success.
_STEPS_PER_PERCENT = 10.0


class _Segments(Learner):
    """What the three have in common: learning in segments, with validation on the side."""

    hyper: Any

    def default_steps(self) -> int:
        """Return the budget of environment steps."""
        return int(self.hyper.n_steps)

    def learn(self, session: Session) -> None:
        """Learn until the budget is used up, or validations have nothing left to find."""
        from agents.sb3 import Model

        start = self._start(session)
        restored = None if starting.learning_first(session) else session.restored
        model = Model(self._build, self.hyper, session, start)
        try:
            number, flawless = model.restore(restored) if restored else (0, 0)
            # What was being validated at the checkpoint, or what is started from, comes first.
            due = number > 0 or start is not None
            pending = self._validate(session, model, number) if due else None
            while session.n_done < session.n_steps:
                metrics = model.learn(number, self._segment_steps(session))
                number += 1
                found = _settle(session, pending)
                session.report(segment=number, **metrics, **found)
                if found:
                    flawless = flawless + 1 if found["success"] == 1 else 0
                pending = self._validate(session, model, number)
                if 0 < self.hyper.stop_after <= flawless:
                    break
                if session.n_done < session.n_steps:
                    session.checkpoint(*model.state(number, flawless))
            session.report(**_settle(session, pending))
        finally:
            model.close()

    def _validate(self, session: Session, model: Any, number: int) -> tuple[Policy, Pending] | None:
        """Start a validation, where one is due after so many segments."""
        last = session.n_done >= session.n_steps
        if not last and number % getattr(self.hyper, "validate_every", 1):
            return None
        policy = model.policy(self.needs)
        return policy, session.validate(policy, 4 if session.quick else self.hyper.validate_episodes)

    def _start(self, session: Session) -> MlpPolicy | Rules | None:
        """Return whose network is gone on with, where there is one."""
        return None

    @abstractmethod
    def _segment_steps(self, session: Session) -> int:
        """Return the environment steps of a segment."""

    @abstractmethod
    def _build(self, venv: Any, session: Session, start: MlpPolicy | Rules | None) -> Any:
        """Return the library's algorithm on a `VecEnv`."""


def _settle(session: Session, pending: tuple[Policy, Pending] | None) -> dict[str, float]:
    """Wait for a validation, and offer its policy."""
    if pending is None:
        return {}
    policy, validation = pending
    episodes = validation.result()
    success = sum(e.success for e in episodes) / len(episodes)
    length = sum(e.n_steps for e in episodes) / len(episodes)
    if all("score" in e.final for e in episodes):  # where success is not what is sought
        score = sum(e.final["score"] for e in episodes) / len(episodes)
        session.offer(policy, score)
        return {"success": success, "score": score}
    session.offer(policy, success - 0.01 * length / _STEPS_PER_PERCENT)
    return {"success": success, "length": length}


class Ppo(_Segments):
    """PPO, from scratch or from where an imitating agent has come."""

    hyper_class = PpoHyper

    def __init__(self, hyper: PpoHyper = PpoHyper()) -> None:
        self.hyper, self.practice = hyper, hyper.practice
        if starting.rule(hyper.start):
            self.needs = dataclasses.replace(Needs(), observation="signals")

    def check(self) -> None:
        """Raise an error if what it starts from cannot learn."""
        start = self.hyper.start
        if start and not starting.is_path(start) and not starting.rule(start):
            starting.first_learner(self.hyper.start, self)

    def default_steps(self) -> int:
        """Return the budget of environment steps; an earlier run has spent that of the start."""
        hyper = self.hyper
        return hyper.n_steps - (hyper.start_steps if starting.is_path(hyper.start) else 0)

    def _start(self, session: Session) -> MlpPolicy | Rules | None:
        """Return the cloned network, which is learned first if need be, or the rule."""
        hyper = self.hyper
        if not hyper.start:
            return None
        if found := starting.rule(hyper.start, self.task):
            return found
        if session.restored is not None and not starting.learning_first(session):
            from agents.sb3 import started_from

            return started_from(session.restored)
        if starting.is_path(hyper.start):
            return starting.load(hyper.start, session, self.needs)
        n_steps = min(hyper.start_steps, session.n_steps // 2)
        return starting.learn_first(hyper.start, n_steps, session, self)

    def _horizon(self, session: Session) -> int:
        return min(self.hyper.horizon, 16) if session.quick else self.hyper.horizon

    def _segment_steps(self, session: Session) -> int:
        return self._horizon(session) * self.hyper.n_envs * self.hyper.segment

    def _build(self, venv: Any, session: Session, start: MlpPolicy | Rules | None) -> Any:
        from stable_baselines3 import PPO
        from torch import nn

        hyper = self.hyper
        settings: dict[str, Any] = {
            "learning_rate": hyper.rate, "n_steps": self._horizon(session), "batch_size": hyper.batch,
            "n_epochs": hyper.epochs, "gamma": hyper.gamma, "gae_lambda": hyper.gae_lambda,
            "clip_range": hyper.clip, "ent_coef": hyper.entropy, "target_kl": hyper.target_kl or None,
            "seed": session.seed, "device": "cpu",
        }  # fmt: skip
        sizes = list(hyper.hidden)
        net = {"net_arch": {"pi": sizes, "vf": sizes}, "log_std_init": hyper.log_std,
               "activation_fn": nn.Tanh}  # fmt: skip
        if start is None:
            return PPO("MlpPolicy", venv, **settings, policy_kwargs=net)
        from agents.finetune import FineTune

        return FineTune("MlpPolicy", venv, **settings, policy_kwargs=net, warm_up=hyper.warm_up)


class Sac(_Segments):
    """SAC, with goals relabelled in hindsight or not."""

    hyper_class = SacHyper
    library = "stable_baselines3:SAC"
    can_start = True

    def __init__(self, hyper: SacHyper = SacHyper()) -> None:
        self.hyper, self.practice = hyper, hyper.practice
        observation = "state" if hyper.her else "signals" if hyper.start else "flat"
        self.needs = dataclasses.replace(Needs(), observation=observation, reward=hyper.reward)

    def check(self) -> None:
        """Raise an error if it cannot start there."""
        if self.hyper.start and not (self.can_start and starting.rule(self.hyper.start)):
            allowed = "a rule, such as machinist" if self.can_start else "nobody"
            raise AgentError(f"start {self.hyper.start!r}: allowed is {allowed}")

    def _start(self, session: Session) -> MlpPolicy | Rules | None:
        """Return the rule that is corrected, if any."""
        return starting.rule(self.hyper.start, self.task)

    def _segment_steps(self, session: Session) -> int:
        return self.hyper.segment * self.hyper.n_envs

    def _build(self, venv: Any, session: Session, start: MlpPolicy | Rules | None) -> Any:
        from importlib import import_module

        from stable_baselines3 import HerReplayBuffer

        hyper = self.hyper
        library, more = self.library, {}
        if hyper.her:
            more = {
                "replay_buffer_class": HerReplayBuffer,
                "replay_buffer_kwargs": {"n_sampled_goal": 4, "goal_selection_strategy": "future"},
            }
        if start is not None:
            library, more = "agents.finetune:SacFineTune", {"log_std": hyper.log_std, "rest": hyper.rest}
        module, _, name = library.partition(":")
        return getattr(import_module(module), name)(
            "MultiInputPolicy" if hyper.her else "MlpPolicy", venv, learning_rate=hyper.rate,
            buffer_size=hyper.buffer, learning_starts=hyper.warm_up, batch_size=hyper.batch,
            tau=hyper.tau, gamma=hyper.gamma, train_freq=1, gradient_steps=hyper.updates,
            seed=session.seed, device="cpu", policy_kwargs={"net_arch": list(hyper.hidden)},
            ent_coef=f"auto_{hyper.temperature}", **more,
        )  # fmt: skip


class Tqc(Sac):
    """TQC, with goals relabelled in hindsight or not."""

    library = "sb3_contrib:TQC"
    can_start = False
