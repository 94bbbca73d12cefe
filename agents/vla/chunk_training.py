"""Learns `vla-chunk` from demonstrations: where to point, and how to move to what is pointed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from agents.catalog import AgentError
from agents.learner import Demonstrations, Session
from agents.policy import Policy
from agents.vla.chunk import Chunk, Mover
from agents.vla.keyframe import CAMERAS, IMAGE_SIZE
from agents.vla.seeing import Seer
from agents.vla.tokenizer import Tokenizer
from agents.vla.training import Fitted, Vla, VlaHyper, seer_of

if TYPE_CHECKING:
    from agents.dataset import Dataset
    from agents.vla.body import BodySpec
    from agents.vla.moving import BodyFitter
    from agents.vla.network import NetworkSpec

# Of the network that looks, and of the one that moves: about 1 and 5 million parameters together.
SIZES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "nano": ({"width": 32, "deep": 64, "blocks": 2, "words": 48}, {"wide": 64, "layers": 3}),
    "base": ({"width": 64, "deep": 160, "blocks": 4, "words": 64}, {"wide": 192, "layers": 4}),
}
# The longest chunk; data sets hold no more.
MOST_AHEAD = 32


@dataclass(frozen=True)
class ChunkHyper(VlaHyper):
    """Hyper-parameters of `vla-chunk`; the rest is explained in `VlaHyper` and `BodyFit`.

    Attributes:
        size: "nano" or "base".
        head: How actions are said: "tokens" or "continuous".
        chunk: Actions that are said at once.
        execute: So many of them are done before it looks again.
        every: Control periods between frames of demonstrations, besides those at which key poses begin.
        body_updates: Gradient steps of the network that moves for each of the other's.
        body_batch: Frames in a batch of these.
        body_rate: Their highest learning rate.
        start: A run whose network for looks is taken as it is; "" to learn that too.
    """

    size: str = "nano"
    head: str = "tokens"
    chunk: int = 8
    execute: int = 4
    every: int = 3
    body_updates: int = 2
    body_batch: int = 192
    body_rate: float = 1e-3
    place_noise_m: float = 0.0010
    place_noise_rad: float = 0.03
    sense_noise: float = 0.01
    drop_hand: float = 0.1
    start: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size not in SIZES:
            raise ValueError(f"size is {self.size!r}: allowed are {', '.join(SIZES)}")
        for name, most in (
            ("chunk", MOST_AHEAD),
            ("execute", self.chunk),
            ("every", 100),
            ("body_updates", 100),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 to {most}")


class ChunkFitter:
    """Both networks, fitted side by side.

    Args:
        eyes: The network that looks; None where it is taken as it is.
        body: The network that moves.
        each: Gradient steps of the body for each of the eyes'.
    """

    def __init__(self, eyes: Any, body: BodyFitter, each: int) -> None:
        self.eyes, self.body, self._each = eyes, body, each

    @property
    def n_updates(self) -> int:
        """Gradient steps taken, counted as the eyes'."""
        return self.body.n_updates // self._each

    def run(self, n_updates: int, n_total: int) -> dict[str, float]:
        """Take gradient steps with both; return mean losses."""
        losses: dict[str, float] = self.eyes.run(n_updates, n_total) if self.eyes else {}
        return losses | self.body.run(n_updates * self._each, n_total * self._each)

    def _parts(self) -> dict[str, Any]:
        return {name: part for name, part in (("eyes", self.eyes), ("body", self.body)) if part is not None}

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Return what `restore` needs to go on exactly from here."""
        values: dict[str, Any] = {}
        arrays: dict[str, NDArray] = {}
        for name, part in self._parts().items():
            values[name], held = part.state()
            arrays |= {f"{name}.{key}": array for key, array in held.items()}
        return values, arrays

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        """Take over what `state` returned."""
        for name, part in self._parts().items():
            mine = {k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(f"{name}.")}
            part.restore(values[name], mine)


class VlaChunk(Vla):
    """Learns to point, and to move to what is pointed at in chunks of actions."""

    name = "vla-chunk"
    hyper_class = ChunkHyper
    hyper: ChunkHyper

    def __init__(self, hyper: ChunkHyper = ChunkHyper()) -> None:
        super().__init__(hyper)
        self._seer: Seer | None = None

    def check(self) -> None:
        """Raise an error if it cannot learn as asked, or `start` has no network that looks."""
        super().check()
        if self.hyper.start:
            self._seer = _seer_in(self.hyper.start)

    def sizes(self) -> tuple[NetworkSpec, BodySpec]:
        """Return the sizes of both networks."""
        from agents.vla.body import BodySpec
        from agents.vla.moving import BodyFit
        from agents.vla.network import NetworkSpec

        eyes, body = SIZES[self.hyper.size]
        self._fit(BodyFit)
        spec = BodySpec(chunk=self.hyper.chunk, head=self.hyper.head, **body)
        return NetworkSpec(**eyes, n_buckets=Tokenizer().n_buckets), spec

    def _fit(self, kind: Any) -> Any:
        return self.hyper.of(kind, batch=self.hyper.body_batch, rate=self.hyper.body_rate)

    def demonstrations(self, *, quick: bool) -> Demonstrations:
        """What it wants to be shown: frames on the way too, actions ahead; pictures only to learn to look."""
        wanted = super().demonstrations(quick=quick)
        wanted = replace(wanted, every=self.hyper.every, chunk=self.hyper.chunk)
        # Without pictures, frames cost next to nothing.
        return replace(wanted, cameras=(), every=1) if self.hyper.start else wanted

    def fitter(self, session: Session, data: Dataset) -> Fitted:
        """Read demonstrations, and begin to learn from them."""
        from agents.vla.motions import from_dataset
        from agents.vla.moving import BodyFit, BodyFitter

        network, spec = self.sizes()
        n = self.demonstrations(quick=session.quick).n_episodes
        motions = from_dataset(data, spec.chunk, n)
        eyes = None if self.hyper.start else self.looks(session, data, network, clear=True)
        body = BodyFitter(motions, spec, self._fit(BodyFit), session.seed)
        return ChunkFitter(eyes, body, self.hyper.body_updates)

    def policy(self, fitter: Any) -> Policy:
        """Return the policy as it has been learned so far."""
        seer = self._seer if fitter.eyes is None else seer_of(fitter.eyes)
        assert seer is not None
        return Chunk(seer, Mover(asdict(fitter.body.network.spec), fitter.body.weights()), self.hyper.execute)


def _seer_in(run: str) -> Seer:
    """The network for looks of a run's policy.

    Raises:
        AgentError: If there is none, or it was learned with pictures of another size or by other cameras.
    """
    from pathlib import Path

    from agents.checkpoint import CheckpointError, load_policy

    inner = Path(run) / "policy"
    try:
        policy = load_policy(inner if inner.is_dir() else run)
    except CheckpointError as error:
        raise AgentError(str(error)) from None
    seer, needs = getattr(policy, "seer", None), policy.needs
    fits = needs.image_size == IMAGE_SIZE and set(CAMERAS) <= set(needs.cameras)
    if not isinstance(seer, Seer) or not fits:
        raise AgentError(
            f"start {run!r} holds {type(policy).__name__} with pictures of {needs.image_size} pixels by "
            f"{', '.join(needs.cameras) or 'no camera'}: a run of vla-keyframe or vla-chunk with "
            f"{IMAGE_SIZE} by {', '.join(CAMERAS)} is needed"
        )
    return seer
