"""Imitation: behaviour cloning, and DAgger with collection and learning at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents import catalog
from agents.cloning import Cloner, FitHyper
from agents.learner import Episode, Learner, Rollouts, Session
from agents.policy import Policy, Privileged


@dataclass(frozen=True)
class ImitationHyper(FitHyper):
    """Hyper-parameters of imitation.

    Attributes:
        teacher: The agent that is imitated; it must see true state to label any state.
        n_steps: Budget of environment steps.
        noise: Disturbance of the teacher's actions, so that states around its path are seen.
        round_episodes: Episodes that are collected while the network learns from those before.
        round_updates: Gradient steps in a round.
        demo_rounds: Rounds of demonstrations by the teacher alone.
        teacher_share: Of the time in the first round after those; halved in every further round.
        last_share: The teacher's share does not fall below this.
        validate_every: Rounds from one validation to the next.
        validate_episodes: Episodes of a validation.
        polish_rounds: Rounds of learning at the end without collecting, each validated.
    """

    teacher: str = "expert"
    n_steps: int = 250_000
    noise: float = 0.3
    round_episodes: int = 96
    round_updates: int = 400
    demo_rounds: int = 2
    teacher_share: float = 0.5
    last_share: float = 0.0
    validate_every: int = 3
    validate_episodes: int = 64
    polish_rounds: int = 3

    def __post_init__(self) -> None:
        for name in ("n_steps", "round_episodes", "round_updates", "validate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        if not 0 <= self.teacher_share <= 1:
            raise ValueError(f"teacher_share is {self.teacher_share}: allowed is 0 to 1")


class Dagger(Learner):
    """DAgger (Ross et al. 2011): the learner acts, the teacher says what it would have done.

    While workers roll out the policy of the last round, the network learns from all rounds before:
    the policy that collects is one round old, both cores are always busy, and nothing depends on
    which of the two is faster.
    """

    hyper_class = ImitationHyper

    def __init__(self, hyper: ImitationHyper = ImitationHyper()) -> None:
        self.hyper = hyper

    def default_steps(self) -> int:
        """Return the budget of environment steps."""
        return self.hyper.n_steps

    def check(self) -> None:
        """Raise an error if there is no such teacher."""
        self.teacher()

    def teacher(self) -> Policy:
        """Return the agent that is imitated."""
        agent = catalog.create(self.hyper.teacher, control=self.needs.control)
        if not isinstance(agent, Policy) or not isinstance(agent, Privileged):
            raise catalog.AgentError(
                f"teacher {self.hyper.teacher!r} cannot label any state: allowed are agents that "
                "see true state, such as expert"
            )
        return agent

    def rollouts(self, policy: Policy | None, teacher: Policy, number: int) -> Rollouts:
        """Return how the episodes of a round are collected."""
        hyper = self.hyper
        if policy is None or number < hyper.demo_rounds:
            return Rollouts(teacher, teacher, 1.0, hyper.noise, salt=number)
        share = hyper.teacher_share * 0.5 ** (number - hyper.demo_rounds)
        return Rollouts(policy, teacher, max(share, hyper.last_share), hyper.noise, salt=number)

    def learn(self, session: Session) -> None:
        """Learn until the budget is used up."""
        hyper = self.hyper
        n_round = 8 if session.quick else hyper.round_episodes
        n_updates = 20 if session.quick else hyper.round_updates
        n_validate = 8 if session.quick else hyper.validate_episodes
        cloner = Cloner(hyper, session.seed)
        teacher = self.teacher()
        number = 0
        if session.restored is not None:
            values, arrays = session.restored
            cloner.restore(values, arrays)
            number = values["round"]
        while session.n_done < session.n_steps:
            policy = cloner.policy(self.needs) if len(cloner) else None
            plan = self.rollouts(policy, teacher, number)
            seeds = range(number * n_round, (number + 1) * n_round)
            pending = session.collect(plan, seeds)
            checked = policy is not None and number % hyper.validate_every == 0
            validation = session.validate(policy, n_validate) if policy and checked else None
            loss = cloner.fit(n_updates, session.n_done / session.n_steps) if policy else 0.0
            episodes = pending.result()
            cloner.add([e.labels for e in episodes if e.labels is not None])
            number += 1
            metrics = {"round": number, "loss": loss, "collect_success": success_rate(episodes)}
            if validation is not None and policy is not None:
                metrics["success"] = success_rate(validation.result())
                session.offer(policy, metrics["success"])
            session.report(**metrics)
            self._checkpoint(session, cloner, number)
        self._polish(session, cloner, n_updates, n_validate)

    def _polish(self, session: Session, cloner: Cloner, n_updates: int, n_validate: int) -> None:
        """Learn on from all data at a low rate, while the policy before is validated."""
        n_rounds = 1 if session.quick else self.hyper.polish_rounds
        for _ in range(n_rounds + 1):
            policy = cloner.policy(self.needs)
            validation = session.validate(policy, n_validate)
            loss = cloner.fit(n_updates, 1.0)
            success = success_rate(validation.result())
            session.offer(policy, success)
            session.report(loss=loss, success=success)

    def _checkpoint(self, session: Session, cloner: Cloner, number: int) -> None:
        values, arrays = cloner.state()
        session.checkpoint({**values, "round": number}, arrays)


class Bc(Dagger):
    """Behaviour cloning: only demonstrations by the teacher, with its path disturbed."""

    def rollouts(self, policy: Policy | None, teacher: Policy, number: int) -> Rollouts:
        """Return how the episodes of a round are collected: all by the teacher."""
        return super().rollouts(None, teacher, number)


def success_rate(episodes: Sequence[Episode]) -> float:
    """Return the share of episodes that succeeded."""
    return sum(e.success for e in episodes) / max(len(episodes), 1)
