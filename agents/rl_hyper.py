"""Hyper-parameters of reinforcement learning, checked when made."""

from __future__ import annotations

from dataclasses import dataclass

from agents import start as starting


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
