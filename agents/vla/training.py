"""Learns policies that see and read from demonstrations: what all of them share, and `vla-keyframe`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from numpy.typing import NDArray

from agents.catalog import AgentError
from agents.learner import Demonstrations, Learner, Session
from agents.policy import Needs, Policy
from agents.vla.keyframe import CAMERAS, IMAGE_SIZE, Keyframe
from agents.vla.seeing import Seer
from agents.vla.tokenizer import Tokenizer

if TYPE_CHECKING:
    from agents.dataset import Dataset
    from agents.vla.samples import Samples

# Demonstrations where little is wanted: of all tasks, and at least of each.
QUICK_EPISODES, QUICK_OF_EACH = 8, 2
# What can be learned, and the cameras that show where parts are taken and put.
TASKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "LoadChuck": ("tray", "chuck"),
        "LoadVise": ("tray", "chuck"),
        "UnloadChuck": ("chuck", "stations"),
        "UnloadVise": ("chuck", "stations"),
        "SortParts": ("tray", "stations"),
        "StackParts": ("tray",),
        "MeasurePart": ("tray", "stations"),
        "InsertPin": ("tray", "stations"),
    }
)
# Its words and pictures are learned, if it is named; but nothing pushes the block to its stops.
UNDONE = ("LoadVise",)


@dataclass(frozen=True)
class VlaHyper:
    """Hyper-parameters of all of them; those that `FitSpec` and `AugmentSpec` have too are explained there.

    Attributes:
        demos: Episodes of the expert to learn from.
        noise: Disturbance of the expert's actions, so that it shows how to find back.
        per_scene: Each scene is shown so often, with another of its parts named each time.
        pairs: Share of all pairs of a named part (colour, family) and the tray's surface that are shown.
        grounding: Whether to look also at scenes that nobody works in, which hold all words there are.
        scenes: How many of them.
        updates: Gradient steps.
        segment: Gradient steps from one report to the next.
        validate_every: Segments from one validation to the next, in the last half.
        validate_episodes: Episodes of a validation.
    """

    demos: int = 2000
    noise: float = 0.1
    per_scene: int = 2
    pairs: float = 1.0
    grounding: bool = False
    scenes: int = 6000
    updates: int = 5000
    segment: int = 100
    validate_every: int = 6
    validate_episodes: int = 40
    # fitting
    batch: int = 64
    rate: float = 2e-3
    weight_decay: float = 1e-2
    drop_words: float = 0.10
    half: bool = True
    threads: int = 2
    device: str = "auto"
    take_share: float = 0.75
    closer: int = 48
    closer_rate: float = 3e-3
    # disturbing pictures
    recolour: float = 0.6
    turn_deg: float = 30.0
    shift: float = 0.10
    zoom: float = 0.18
    slant: float = 0.15
    colour: float = 0.25
    blur: float = 0.25
    pixel_noise: float = 0.02
    cut_out: float = 0.3

    def __post_init__(self) -> None:
        for name in ("demos", "updates", "segment", "validate_every", "validate_episodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        if not 0 <= self.noise <= 1:
            raise ValueError(f"noise is {self.noise}: allowed is 0 to 1")
        if not 0 < self.pairs <= 1:
            raise ValueError(f"pairs is {self.pairs}: allowed is above 0 to 1")

    def of(self, kind: type, **other: Any) -> Any:
        """The part of these that another dataclass has."""
        mine = {f.name: getattr(self, f.name) for f in fields(kind) if hasattr(self, f.name)}
        return kind(**{**mine, **other})


class Fitted(Protocol):
    """What is fitted, a segment at a time."""

    @property
    def n_updates(self) -> int:
        """Gradient steps taken."""

    def run(self, n_updates: int, n_total: int) -> dict[str, float]:
        """Take gradient steps; return mean losses."""

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return what `restore` needs to go on exactly from here."""

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        """Take over what `state` returned."""


class Vla(Learner):
    """Learns from demonstrations of the expert; a step is a look that is learned from."""

    controls = ("ee_yaw",)
    unit = "looks learned from"
    name = ""
    # What it can learn at all, one at a time or together.
    allowed: ClassVar[tuple[str, ...]] = ("LoadChuck",)
    hyper: VlaHyper

    def __init__(self, hyper: VlaHyper) -> None:
        self.hyper = hyper
        self.needs = Needs("rgb", "ee_yaw", CAMERAS, image_size=IMAGE_SIZE, triggered=True)

    def take_on(self, task: str) -> None:
        """Take the tasks, and ask for the cameras that they need."""
        super().take_on(task)
        used = [camera for name in self.task.split(",") for camera in TASKS.get(name, ())]
        self.needs = replace(self.needs, cameras=tuple(dict.fromkeys(used)) or CAMERAS)

    def default_steps(self) -> int:
        """Return the budget of looks."""
        return self.hyper.updates * self.hyper.batch

    def check(self) -> None:
        """Raise an error if a task is not one of `allowed`, or sizes and shares do not fit."""
        from agents.vla.augment import AugmentSpec
        from agents.vla.fitting import FitSpec

        for task in self.task.split(",") if self.task else ():
            if task not in self.allowed:
                several = ", several of them with commas, or all" if self.tasks else ""
                allowed = f"{', '.join(self.allowed)}{several}"
                raise AgentError(f"agent {self.name!r} cannot learn {task!r}: allowed are {allowed}")
        try:
            self.sizes()
            self.hyper.of(FitSpec)
            self.hyper.of(AugmentSpec, noise=self.hyper.pixel_noise)
        except ValueError as error:
            raise AgentError(str(error)) from None

    @abstractmethod
    def sizes(self) -> Any:
        """Return the networks' sizes.

        Raises:
            ValueError: For what cannot be.
        """

    @abstractmethod
    def fitter(self, session: Session, data: Dataset) -> Fitted:
        """Read demonstrations, and begin to learn from them.

        Raises:
            DatasetError: If something that is needed is not in them.
        """

    @abstractmethod
    def policy(self, fitter: Any) -> Policy:
        """Return the policy as it has been learned so far."""

    def demonstrations(self, *, quick: bool) -> Demonstrations:
        """What it wants to be shown."""
        few = max(QUICK_EPISODES, QUICK_OF_EACH * len(self.task.split(",")))
        return Demonstrations(
            n_episodes=few if quick else self.hyper.demos,
            frames="keys",
            cameras=self.needs.cameras,
            image_size=IMAGE_SIZE,
            noise=self.hyper.noise,
            per_scene=self.hyper.per_scene,
            pairs=self.hyper.pairs,
        )

    def looks(self, session: Session, data: Dataset, network: Any, *, clear: bool = False) -> Any:
        """Begin to learn where to point, from a data set and, if wanted, scenes that nobody works in."""
        from agents.vla.augment import AugmentSpec
        from agents.vla.fitting import FitSpec, Fitter
        from agents.vla.samples import from_dataset

        hyper = self.hyper
        n = self.demonstrations(quick=session.quick).n_episodes
        samples = from_dataset(data, Tokenizer(), n, clear=clear)
        scenes = self._scenes(session) if hyper.grounding else None
        augment = hyper.of(AugmentSpec, noise=hyper.pixel_noise)
        return Fitter(samples, network, hyper.of(FitSpec), augment, session.seed, scenes)

    def _scenes(self, session: Session) -> Samples:
        """Looks at scenes that nobody works in."""
        from agents.dataset import Dataset
        from agents.vla.samples import from_dataset

        n = 16 if session.quick else self.hyper.scenes
        wanted = replace(self.demonstrations(quick=session.quick), n_episodes=n)
        return from_dataset(Dataset(session.scenes(wanted)), Tokenizer(), n)

    def learn(self, session: Session) -> None:
        """Collect what is missing, learn, keep the policy that does best on validation episodes."""
        from agents.dataset import Dataset, DatasetError

        hyper = self.hyper
        try:
            wanted = self.demonstrations(quick=session.quick)
            fitter = self.fitter(session, Dataset(session.demonstrations(wanted)))
        except DatasetError as error:
            raise AgentError(str(error)) from None
        if session.restored is not None:
            fitter.restore(*session.restored)
        n_total = max(session.n_steps // hyper.batch, 1)
        n_segment = 4 if session.quick else hyper.segment
        n_validate = 4 if session.quick else hyper.validate_episodes
        while fitter.n_updates < n_total:
            losses = fitter.run(min(n_segment, n_total - fitter.n_updates), n_total)
            session.advance(fitter.n_updates * hyper.batch - session.n_done)
            metrics = {f"loss_{name}": loss for name, loss in losses.items()}
            number, last = -(-fitter.n_updates // n_segment), fitter.n_updates >= n_total
            if last or (number % hyper.validate_every == 0 and 2 * fitter.n_updates > n_total):
                policy = self.policy(fitter)
                policy.needs = replace(self.needs)
                episodes = session.validate(policy, n_validate).result()
                metrics["success"] = sum(e.success for e in episodes) / len(episodes)
                session.offer(policy, metrics["success"])
            session.report(**metrics)
            session.checkpoint(*fitter.state())


def seer_of(fitter: Any) -> Seer:
    """What a network for looks says where with, as it has been learned so far."""
    return Seer(asdict(fitter.network.spec), fitter.weights(), Tokenizer(), fitter.samples.known)


@dataclass(frozen=True)
class KeyframeHyper(VlaHyper):
    """Hyper-parameters of `vla-keyframe`; the rest is explained in `NetworkSpec`."""

    width: int = 32
    deep: int = 64
    blocks: int = 2
    words: int = 48
    film: bool = True
    continuous: bool = False
    roles: bool = False


class VlaKeyframe(Vla):
    """Learns where hands close and open."""

    name = "vla-keyframe"
    hyper_class = KeyframeHyper
    allowed = tuple(TASKS)
    tasks = tuple(task for task in TASKS if task not in UNDONE)

    def __init__(self, hyper: KeyframeHyper = KeyframeHyper()) -> None:
        super().__init__(hyper)

    def sizes(self) -> Any:
        """Return the network's sizes."""
        from agents.vla.network import NetworkSpec

        return self.hyper.of(NetworkSpec, n_buckets=Tokenizer().n_buckets)

    def fitter(self, session: Session, data: Dataset) -> Fitted:
        """Read demonstrations, and begin to learn from them."""
        fitted: Fitted = self.looks(session, data, self.sizes())
        return fitted

    def policy(self, fitter: Any) -> Policy:
        """Return the policy as it has been learned so far."""
        return Keyframe(seer_of(fitter), self.needs.cameras, self.needs.image_size)
