"""Where reinforcement learning starts: the network of an agent that learns first, or of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from agents import catalog
from agents.checkpoint import CheckpointError
from agents.learner import Demonstrations, Learner, Pending, Rollouts, Session
from agents.machining import Rules
from agents.networks import MlpPolicy, flat_size
from agents.policy import Needs, Policy

State = tuple[dict[str, Any], dict[str, NDArray]]

# Marks a checkpoint that was written while the first agent learns.
_MARK = "first"
# Policies of the first agent count less than any that comes after it.
_BEFORE = 10.0


def is_path(start: str) -> bool:
    """Return whether `start` is the directory of a run, not the name (or YAML file) of an agent."""
    return bool(start) and not start.endswith(".yaml") and start not in catalog.names()


def rule(start: str, task: str = "") -> Rules | None:
    """Return the rule of that name, as tuned for a task; None if `start` is not a rule's name."""
    if not start or is_path(start) or not issubclass(catalog.kind(start), Rules):
        return None
    found = catalog.create(start, task)
    return found if isinstance(found, Rules) else None


def learning_first(session: Session) -> bool:
    """Return whether the run that goes on was stopped while the first agent learned."""
    return session.restored is not None and _MARK in session.restored[0]


def learn_first(name: str, n_steps: int, session: Session, learner: Learner) -> MlpPolicy:
    """Let another agent learn within the same run; return its best policy.

    Args:
        name: The agent.
        n_steps: Its budget, part of the session's.
        session: Of the run.
        learner: Who goes on from there.
    """
    agent = first_learner(name, learner)
    first = _FirstSession(session, n_steps, learner.needs)
    agent.learn(first)
    if first.best is None:
        raise catalog.AgentError(
            f"start {name!r} offered no policy in {n_steps} steps: allow start_steps more"
        )
    return checked(first.best, name, session, learner.needs)


def first_learner(name: str, learner: Learner) -> Learner:
    """Return the agent that learns before another one."""
    agent = catalog.create(name, learner.task, learner.needs.control)
    if not isinstance(agent, Learner):
        raise catalog.AgentError(f"start {name!r} does not learn: allowed are agents that do, such as dagger")
    agent.check()
    return agent


def load(path: str, session: Session, needs: Needs) -> MlpPolicy:
    """Return the policy of an earlier run's directory."""
    inner = Path(path) / "policy"
    try:
        policy = Policy.load(inner if inner.is_dir() else path)
    except CheckpointError as error:
        raise catalog.AgentError(f"start {path!r} is neither an agent's name nor a run: {error}") from None
    return checked(policy, path, session, needs)


def checked(policy: Policy, start: str, session: Session, needs: Needs) -> MlpPolicy:
    """Return `policy` if its network can go on learning here."""
    if not isinstance(policy, MlpPolicy) or policy.head != "clip":
        raise catalog.AgentError(f"start {start!r}: its policy is no perceptron with head 'clip'")
    sizes = len(policy.mean), len(policy.layers[-1][1])
    wanted = flat_size(session.observation_space), flat_size(session.action_space)
    if sizes != wanted or policy.needs.control != needs.control:
        raise catalog.AgentError(
            f"start {start!r} was learned with {sizes[0]} numbers seen, {sizes[1]} done and control "
            f"{policy.needs.control!r}: here are {wanted[0]}, {wanted[1]} and {needs.control!r}"
        )
    return policy


class _FirstSession:
    """The part of a session that the first agent has; keeps its best policy.

    Args:
        session: The whole.
        n_steps: Budget of the part, which lies at the beginning.
        needs: What the policy needs.
    """

    def __init__(self, session: Session, n_steps: int, needs: Needs) -> None:
        self._session, self._needs = session, needs
        self.seed, self.quick, self.n_steps = session.seed, session.quick, n_steps
        self.observation_space, self.action_space = session.observation_space, session.action_space
        self.best: Policy | None = None
        self._score = float("-inf")
        self.restored: State | None = None
        if learning_first(session) and session.restored is not None:
            self._restore(*session.restored)

    @property
    def n_done(self) -> int:
        """The environment steps taken so far."""
        return self._session.n_done

    @n_done.setter
    def n_done(self, n_steps: int) -> None:
        self._session.n_done = n_steps

    def offer(self, policy: Policy, score: float) -> None:
        """Keep the best, here for what comes after and in the run's folder for people."""
        if score >= self._score:
            self.best, self._score = policy, score
            self._session.offer(policy, score - _BEFORE)

    def checkpoint(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        """Keep what is needed to go on from here: the agent's state and the best policy."""
        best: Any = None
        kept = {f"agent {key}": array for key, array in arrays.items()}
        if self.best is not None:
            settings, weights = self.best.state()
            best = {"settings": settings, "score": self._score}
            kept |= {f"best {key}": array for key, array in weights.items()}
        self._session.checkpoint({_MARK: dict(values), "best": best}, kept)

    def _restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        def part(prefix: str) -> dict[str, NDArray]:
            return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

        self.restored = dict(values[_MARK]), part("agent ")
        if values["best"] is not None:
            self.best = MlpPolicy.from_state(values["best"]["settings"], part("best "))
            self.best.needs = self._needs
            self._score = float(values["best"]["score"])

    def demonstrations(self, wanted: Demonstrations) -> str:
        """Return the folder of a data set."""
        return self._session.demonstrations(wanted)

    def scenes(self, wanted: Demonstrations) -> str:
        """Return the folder of a data set of scenes that nobody works in."""
        return self._session.scenes(wanted)

    def collect(self, rollouts: Rollouts, seeds: Sequence[int]) -> Pending:
        """Start episodes on training seeds; their steps count."""
        return self._session.collect(rollouts, seeds)

    def validate(self, policy: Policy, n_episodes: int) -> Pending:
        """Start episodes on validation seeds."""
        return self._session.validate(policy, n_episodes)

    def report(self, **metrics: float) -> None:
        """Log numbers, and show progress."""
        self._session.report(**metrics)

    def make_vec(self, n_envs: int) -> Any:
        """Return a vectorised environment."""
        return self._session.make_vec(n_envs)

    def advance(self, n_steps: int) -> None:
        """Count steps taken in a vectorised environment."""
        self._session.advance(n_steps)
