"""What a learning agent is, and what it is offered to learn with.

A `Learner` never touches an environment. It asks its `Session` for episodes, which worker processes
roll out, or for a vectorised environment, and hands back policies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

import gymnasium
from numpy.typing import NDArray

from agents.policy import CONTROLS, Needs, Policy


@dataclass(frozen=True)
class Rollouts:
    """How episodes are to be rolled out.

    Attributes:
        actor: Who acts.
        teacher: Whose action is recorded as the label of every state; None records nothing.
        teacher_share: The share of the time in which the teacher acts, in turns of random length.
        noise: Standard deviation of short pushes added now and then to what the teacher does, so
            that states around its path are seen; labels are clean.
        max_steps: Cut an episode after this many steps; None leaves that to the environment.
        salt: Makes the randomness of these rollouts differ from others on the same seeds.
        books: Whether the ledger of each episode is added up, where there is one to add up.
    """

    actor: Policy
    teacher: Policy | None = None
    teacher_share: float = 0.0
    noise: float = 0.0
    max_steps: int | None = None
    salt: int = 0
    books: bool = False


class Labels(NamedTuple):
    """States seen in an episode and what the teacher would do there.

    Attributes:
        observations: (T, n) float32, flattened.
        actions: (T, m) float32.
    """

    observations: NDArray
    actions: NDArray


@dataclass(frozen=True)
class Episode:
    """What came of one episode.

    Attributes:
        seed: The seed of its reset.
        success: Whether the task was done at the end.
        n_steps: Its length.
        sum_reward: The sum of its rewards.
        max_reward: The largest reward.
        final: The numbers in the last info.
        labels: What the teacher would have done, if one was asked.
        totals: What its ledger adds up to (`experiments.totals.Totals`), if that was asked.
    """

    seed: int
    success: bool
    n_steps: int
    sum_reward: float
    max_reward: float
    final: Mapping[str, float] = field(default_factory=dict)
    labels: Labels | None = None
    totals: Any = None


@dataclass(frozen=True)
class Demonstrations:
    """What a learner wants to be shown by the expert.

    Attributes:
        n_episodes: How many episodes that succeed.
        frames: "all" control periods, or "keys": only where a new key pose begins.
        cameras: Whose pictures, with the class of every pixel.
        image_size: Side of the pictures in pixels.
        noise: Standard deviation of what is added to actions, in bursts; labels are clean.
        per_scene: The same scene is shown so often, with another part named each time.
        pairs: Share of all pairs of a named part (colour, family) and the tray's surface that are shown.
        every: With "keys", every so many control periods too; 0 for none.
        chunk: With each frame, what the expert would do in so many control periods from it on.
    """

    n_episodes: int
    frames: str = "keys"
    cameras: tuple[str, ...] = ()
    image_size: int = 96
    noise: float = 0.0
    per_scene: int = 1
    pairs: float = 1.0
    every: int = 0
    chunk: int = 0


class Pending(Protocol):
    """Episodes on their way."""

    def result(self) -> list[Episode]:
        """Wait, and return the episodes in the order of their seeds."""


class Session(Protocol):
    """What a learner is offered.

    Attributes:
        seed: The seed of the run.
        n_steps: The budget of environment steps.
        n_done: The environment steps taken so far.
        quick: Whether a tiny budget is wanted, to try the machinery.
        observation_space: Of the environment.
        action_space: Of the environment.
        restored: What was given to `checkpoint` last, when a run goes on; else None.
    """

    seed: int
    n_steps: int
    n_done: int
    quick: bool
    observation_space: gymnasium.Space
    action_space: gymnasium.spaces.Box
    restored: tuple[dict[str, Any], dict[str, NDArray]] | None

    def collect(self, rollouts: Rollouts, seeds: Sequence[int]) -> Pending:
        """Start episodes on training seeds (numbered from 0); their steps count."""

    def validate(self, policy: Policy, n_episodes: int) -> Pending:
        """Start episodes on validation seeds, shared out among the tasks; their steps do not count."""

    def demonstrations(self, wanted: Demonstrations) -> str:
        """Return the folder of a data set that holds them, collected first if need be."""

    def scenes(self, wanted: Demonstrations) -> str:
        """Return the folder of a data set of scenes that nobody works in, made first if need be."""

    def offer(self, policy: Policy, score: float) -> None:
        """Propose a policy; the one with the best score is kept, the later of equals."""

    def report(self, **metrics: float) -> None:
        """Log numbers, and show progress (`success` in the bar)."""

    def checkpoint(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        """Keep what is needed to go on from here."""

    def make_vec(self, n_envs: int) -> Any:
        """Return a stable-baselines3 `VecEnv` over training seeds; the caller closes it."""

    def advance(self, n_steps: int) -> None:
        """Count steps taken in a `make_vec` environment."""


class Learner(ABC):
    """Learns a policy.

    Attributes:
        controls: The controls that it can learn.
        needs: What the environment must offer.
        task: The task that it was made for, or several with commas.
        tasks: Those that one policy of it can learn together; none if it learns one at a time.
        unit: What its budget counts.
        practice: The split that it learns and is validated on; empty for the run's own.
    """

    controls: ClassVar[tuple[str, ...]] = CONTROLS
    needs: Needs = Needs()
    task: str = ""
    tasks: ClassVar[tuple[str, ...]] = ()
    unit: ClassVar[str] = "environment steps"
    practice: str = ""

    def take_on(self, task: str) -> None:
        """Take the task, or several with commas, that it is made for; "all" stands for `tasks`."""
        self.task = ",".join(self.tasks) if task == "all" and self.tasks else task

    def check(self) -> None:  # noqa: B027 (most need nothing)
        """Raise `agents.catalog.AgentError` if it cannot learn as asked, before anything is written."""

    @abstractmethod
    def default_steps(self) -> int:
        """Return the budget of environment steps, unless the user names one."""

    @abstractmethod
    def learn(self, session: Session) -> None:
        """Learn until the budget is used up, offering policies on the way."""
