"""Looks through the network: a picture and words to a pose in the world."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.one_thread import one_thread
from agents.vla import geometry
from agents.vla.tokenizer import Tokenizer

# A hand nearer than this in the plane to where it is about to close, or to put down what it holds, hides that
# from a camera above.
HIDES_M = 0.06
# Heat within so many cells (four pixels each) of the hottest is at the same part.
ROUND = 3
# How much less likely (log) a turn is taken for every radian that it is farther from the hand's.
_LAZY = 1.0


@dataclass(frozen=True)
class View:
    """What is looked at.

    Attributes:
        picture: (h, w, 3) uint8.
        lens: (3, 4) the camera's projection as the cell believes it.
        camera: Its name.
        stage: What the look is for, "take" or "put".
        yaw_rad: How the hand is turned now.
        base_m: How far the hand is above what it puts down: 0 for a look for a part to take.
    """

    picture: NDArray[np.uint8]
    lens: NDArray
    camera: str
    stage: str
    yaw_rad: float = 0.0
    base_m: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What the network says.

    Attributes:
        position_m: Where the hand is to go.
        yaw_rad: How it is to be turned there, the equal way nearest to how it is.
        close: Whether to close the gripper there, or to open it.
        heat: (h / 4, w / 4) where it thinks that is, adding up to 1.
        pixel: Column and row in the picture.
        sure: Share of the heat that is round its hottest cell; the rest is where else it may be.
    """

    position_m: tuple[float, float, float]
    yaw_rad: float
    close: bool
    heat: NDArray[np.float32]
    pixel: tuple[float, float]
    sure: float = 1.0


class Seer:
    """The network and what belongs to it; plain data until it looks.

    Args:
        spec: The network's sizes, as `NetworkSpec` takes them.
        weights: By parameter name.
        tokenizer: Words to numbers.
        known: Words that were met while learning; none allows any.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        weights: Mapping[str, NDArray],
        tokenizer: Tokenizer,
        known: frozenset[str] = frozenset(),
    ) -> None:
        self.spec, self.weights = dict(spec), dict(weights)
        self.tokenizer, self.known = tokenizer, known
        self._network: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}

    def _built(self) -> Any:
        if self._network is None:
            import torch

            from agents.vla.network import Network, NetworkSpec

            self._network = Network(NetworkSpec(**self.spec)).eval()
            self._network.load_state_dict(
                {name: torch.from_numpy(np.array(array, np.float32)) for name, array in self.weights.items()}
            )
            self._network.to(memory_format=torch.channels_last)
        return self._network

    def see(self, view: View, text: str) -> Seen:
        """Say where to go, for a picture and an instruction.

        Always one picture at a time in single precision on one thread, so that nothing else changes its bits.
        """
        import torch

        from agents.vla.network import STRIDE, place_token

        network, down = self._built(), geometry.looks_down(view.lens)
        picture = torch.from_numpy(np.array(view.picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        ids = torch.from_numpy(self.tokenizer.encode(text))[None]
        place = torch.tensor([place_token(view.camera, view.stage)])
        with one_thread():
            heat, features, condition = network.features(picture, ids, place)
            n = heat.shape[2]
            best = int(heat[0].argmax())
            cell = torch.tensor([(best % n, best // n)])
            said = network.details(features, condition, cell, picture)
            pixel = (cell + 0.5 + said["offset"]) * STRIDE
            if down and view.stage == "take" and not network.spec.continuous:
                said["yaw"] = network.closer(picture, pixel)
            shares = heat[0].flatten().softmax(0).reshape(heat.shape[1:]).numpy()
        out = {name: value[0].numpy().astype(float) for name, value in said.items()}
        u, v = pixel[0].tolist()
        height = height_of(out["height"])
        x, y, _ = geometry.at_height(view.lens, (u, v), height)
        facing = geometry.heading(view.lens)
        yaw = facing + turn_of(out["yaw"], view.yaw_rad - facing)
        return Seen(
            (x, y, height + view.base_m),
            near(yaw, view.yaw_rad),
            bool(out["close"].argmax()),
            shares,
            (u, v),
            gathered(shares, best),
        )

    def camera(self, text: str, stage: str, cameras: Sequence[str]) -> str:
        """Say through which of some cameras to look, for an instruction and what the look is for."""
        import torch

        from agents.vla.network import CAMERAS, STAGES

        ids = torch.from_numpy(self.tokenizer.encode(text))[None]
        network = self._built()
        with one_thread():
            said = network.where_to_look(ids, torch.tensor([STAGES.index(stage)]))[0].tolist()
        return max(cameras, key=lambda camera: said[CAMERAS.index(camera)])

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Plain values and arrays, which `from_state` takes."""
        values = {"network": self.spec, "tokenizer": asdict(self.tokenizer), "known": sorted(self.known)}
        return values, dict(self.weights)

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Seer:
        """The seer whose `state` this was."""
        return cls(values["network"], arrays, Tokenizer(**values["tokenizer"]), frozenset(values["known"]))


def gathered(shares: NDArray, cell: int) -> float:
    """The share that lies within `ROUND` cells of one of them, counted along the rows."""
    row, column = divmod(cell, shares.shape[1])
    rows, columns = np.indices(shares.shape)
    return float(shares[np.hypot(rows - row, columns - column) <= ROUND].sum())


def height_of(logits: NDArray) -> float:
    """The height (m) that tokens say, the mean round the likeliest; or that a share of the range says."""
    from agents.vla.network import HEIGHT_HIGH_M, HEIGHT_LOW_M

    if len(logits) == 1:
        return HEIGHT_LOW_M + float(logits[0]) * (HEIGHT_HIGH_M - HEIGHT_LOW_M)
    best, n = int(logits.argmax()), len(logits)
    rows = np.arange(max(best - 3, 0), min(best + 4, n))
    at = float(rows @ _shares(logits[rows])) + 0.5
    return HEIGHT_LOW_M + at / n * (HEIGHT_HIGH_M - HEIGHT_LOW_M)


def turn_of(logits: NDArray, near_rad: float) -> float:
    """The turn (rad, of a half circle) that tokens say; of equal ones the one that is nearest.

    The last token says that any will do: then it is the hand's own. Three numbers are cosine and sine of
    twice the turn, and more than 0 where any will do.
    """
    if len(logits) == 3:
        return near_rad if logits[2] > 0 else math.atan2(logits[1], logits[0]) / 2
    n = len(logits) - 1
    if _shares(logits)[n] > 0.5:
        return near_rad
    logits = logits[:n]
    every = np.arange(n) / n * math.pi
    far = np.abs([geometry.wrap(t - near_rad, math.pi) for t in every])
    best = int((logits - logits.max() - _LAZY * far).argmax())
    rows = np.arange(best - 4, best + 5)
    return float(rows @ _shares(logits[rows % n])) / n * math.pi


def near(yaw_rad: float, to_rad: float) -> float:
    """The equal turn of two fingers that is nearest to another, but off the wrist's far turns."""
    yaw = to_rad + geometry.wrap(yaw_rad - to_rad, math.pi)
    return geometry.wrap(yaw, math.pi) if abs(geometry.wrap(yaw, 2 * math.pi)) > 1.7 else yaw


def _shares(logits: NDArray) -> NDArray:
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()
