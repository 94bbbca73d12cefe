"""Reinforcement learning with stable-baselines3: PPO, SAC and TQC, with or without HER.

Learning goes in segments. At the start of each, everything random is seeded anew from the run's seed
and the segment's number and episodes begin afresh, so that a run that goes on from a checkpoint
takes the same steps as one that was never stopped. What comes out is a NumPy policy.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from agents import start as starting
from agents.catalog import AgentError
from agents.learner import Learner, Pending, Session
from agents.machining import Rules
from agents.networks import MlpPolicy
from agents.policy import Needs, Policy

# Steps saved in an episode that are worth a hundredth of success.
_STEPS_PER_PERCENT = 10.0


@dataclass(frozen=True)
class PpoHyper:
    """Hyper-parameters of PPO (Schulman et al. 2017).

    Attributes:
        n_steps: Budget of environment steps, those of a start included.
        n_envs: Environments stepped together.
        horizon: Steps of each environment between updates.
        segment: Updates in a segment.
        batch: Steps in a minibatch.
        epochs: Passes over the steps of an update.
        rate: Learning rate; falls to zero along a line.
        gamma: Discount.
        gae_lambda: Of generalised advantage estimation.
        clip: Clipping range of the probability ratio.
        entropy: Weight of the entropy bonus.
        log_std: Initial logarithm of the actions' standard deviation.
        hidden: Sizes of the hidden layers, of actor and critic each.
        validate_episodes: Episodes of a validation.
        validate_every: Segments from one validation to the next.
        stop_after: Learning ends before its budget after so many validations in a row in which
            every episode succeeds; 0 for never.
        start: Whom the network corrects: an agent that learns first, by imitation; the cloned policy in an
            earlier run's directory; on a machine tool a rule, such as machinist; empty for nobody.
        start_steps: Environment steps of that agent; half of the budget at most.
        warm_up: Updates in which only the critic learns, after a start.
        target_kl: An update ends early beyond this divergence; 0 for never.
        reach: After the start of a rule, how far cutting data may be corrected, as an action.
        practice: After the start of a rule, the split to practise on instead of the run's own; cutting data
            are then corrected also where the rule has left its usual ones.
    """

    n_steps: int = 300_000
    n_envs: int = 16
    horizon: int = 128
    segment: int = 4
    batch: int = 512
    epochs: int = 10
    rate: float = 5e-4
    gamma: float = 0.98
    gae_lambda: float = 0.95
    clip: float = 0.2
    entropy: float = 0.0
    log_std: float = -0.5
    hidden: tuple[int, ...] = (64, 64)
    validate_episodes: int = 50
    validate_every: int = 4
    stop_after: int = 0
    start: str = ""
    start_steps: int = 0
    warm_up: int = 0
    target_kl: float = 0.0
    reach: float = 0.5
    practice: str = ""

    def __post_init__(self) -> None:
        for name in ("n_steps", "n_envs", "horizon", "segment", "batch", "epochs",
                     "validate_episodes", "validate_every"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        for name in ("gamma", "gae_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 0 to 1")
        for name in ("rate", "clip", "reach"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be above 0")
        for name in ("warm_up", "target_kl", "entropy", "stop_after"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 0 or more")
        _check_practice(self)
        learns_first = self.start and not starting.is_path(self.start) and not starting.rule(self.start)
        least = 1 if learns_first else 0
        if not least <= self.start_steps < self.n_steps:
            raise ValueError(
                f"start_steps is {self.start_steps}: allowed is {least} to below n_steps ({self.n_steps})"
            )


@dataclass(frozen=True)
class SacHyper:
    """Hyper-parameters of SAC (Haarnoja et al. 2018) and TQC (Kuznetsov et al. 2020).

    Attributes:
        n_steps: Budget of environment steps.
        n_envs: Environments stepped together.
        her: Whether goals are relabelled in hindsight (Andrychowicz et al. 2017).
        reward: What is learned from, "sparse" or "dense"; HER goes with "sparse" only.
        segment: Steps of each environment in a segment.
        warm_up: Random steps at the start.
        batch: Transitions in a minibatch.
        updates: Gradient steps for each step of all environments.
        buffer: Transitions that are kept.
        rate: Learning rate.
        gamma: Discount.
        tau: Speed of the target networks.
        hidden: Sizes of the hidden layers.
        validate_episodes: Episodes of a validation.
        stop_after: Learning ends before its budget after so many validations in a row in which
            every episode succeeds; 0 for never.
        temperature: Initial weight of the entropy, which is then learned.
        start: A rule on a machine tool, such as machinist, that the network corrects; it acts from the first
            step on, so nothing is random then. Empty for nobody.
        log_std: After such a start, initial logarithm of the actions' standard deviation.
        rest: After such a start, gradient steps in which only the critics learn.
        reach: After such a start, how far cutting data may be corrected, as an action.
        practice: After such a start, the split to practise on, as with PPO.
    """

    n_steps: int = 40_000
    n_envs: int = 8
    her: bool = True
    reward: str = "sparse"
    segment: int = 250
    warm_up: int = 1_000
    batch: int = 256
    updates: int = 4
    buffer: int = 200_000
    rate: float = 1e-3
    gamma: float = 0.95
    tau: float = 0.02
    hidden: tuple[int, ...] = (128, 128)
    validate_episodes: int = 50
    stop_after: int = 0
    temperature: float = 1.0
    start: str = ""
    log_std: float = -1.2
    rest: int = 0
    reach: float = 0.5
    practice: str = ""

    def __post_init__(self) -> None:
        for name in ("stop_after", "rest"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 0 or more")
        for name in ("temperature", "reach"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be above 0")
        _check_practice(self)
        if self.start and self.her:
            raise ValueError(f"her with start {self.start!r}: a rule has no goals to relabel")
        if self.reward not in ("sparse", "dense"):
            raise ValueError(f"reward is {self.reward!r}: allowed are sparse, dense")
        if self.her and self.reward != "sparse":
            raise ValueError("her with reward 'dense': goals relabelled in hindsight need reward 'sparse'")
        for name in ("n_steps", "n_envs", "segment", "batch", "updates", "buffer"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")


def _check_practice(hyper: PpoHyper | SacHyper) -> None:
    """Raise `ValueError` if a split is to be practised on that means nothing here."""
    if hyper.practice and not starting.rule(hyper.start):
        raise ValueError(f"practice {hyper.practice!r} with start {hyper.start!r}: allowed after a rule only")


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
