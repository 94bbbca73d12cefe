"""Looks through the network: a picture and words to a pose in the world."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.vla import geometry
from agents.vla.tokenizer import Tokenizer

# Which camera a look is taken through.
CAMERA_OF = {"take": "tray", "put": "chuck"}
# A hand nearer than this in the plane to where it is about to close hides the part from the camera above.
HIDES_M = 0.06
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
        base_m: Height that heights are told from: 0, or where the part in the hand was taken.
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
        look: Which camera to look through next; "done" for none.
        heat: (h / 4, w / 4) where it thinks that is, adding up to 1.
        pixel: Column and row in the picture.
    """

    position_m: tuple[float, float, float]
    yaw_rad: float
    close: bool
    look: str
    heat: NDArray[np.float32]
    pixel: tuple[float, float]


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

        from agents.vla.network import LOOKS, STRIDE, place_token

        network = self._built()
        picture = torch.from_numpy(np.array(view.picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        ids = torch.from_numpy(self.tokenizer.encode(text))[None]
        place = torch.tensor([place_token(view.camera, view.stage)])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                heat, features, condition = network.features(picture, ids, place)
                n = heat.shape[2]
                best = int(heat[0].argmax())
                cell = best % n, best // n
                said = network.details(features, condition, torch.tensor([cell]), picture)
                shares = heat[0].flatten().softmax(0).reshape(heat.shape[1:]).numpy()
        finally:
            torch.set_num_threads(threads)
        out = {name: value[0].numpy().astype(float) for name, value in said.items()}
        u, v = ((c + 0.5 + float(d)) * STRIDE for c, d in zip(cell, out["offset"], strict=True))
        height = height_of(out["height"])
        level = geometry.anchor((0.0, 0.0, height), height, view.stage)[2]
        x, y, _ = geometry.at_height(view.lens, (u, v), level)
        facing = geometry.heading(view.lens)
        yaw = facing + turn_of(out["yaw"], view.yaw_rad - facing)
        return Seen(
            (x, y, height + view.base_m),
            near(yaw, view.yaw_rad),
            bool(out["close"].argmax()),
            LOOKS[int(out["look"].argmax())],
            shares,
            (u, v),
        )

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Plain values and arrays, which `from_state` takes."""
        values = {"network": self.spec, "tokenizer": asdict(self.tokenizer), "known": sorted(self.known)}
        return values, dict(self.weights)

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Seer:
        """The seer whose `state` this was."""
        return cls(values["network"], arrays, Tokenizer(**values["tokenizer"]), frozenset(values["known"]))


def height_of(logits: NDArray) -> float:
    """The height (m) that tokens say: the mean round the likeliest."""
    from agents.vla.network import HEIGHT_HIGH_M, HEIGHT_LOW_M

    best, n = int(logits.argmax()), len(logits)
    rows = np.arange(max(best - 3, 0), min(best + 4, n))
    at = float(rows @ _shares(logits[rows])) + 0.5
    return HEIGHT_LOW_M + at / n * (HEIGHT_HIGH_M - HEIGHT_LOW_M)


def turn_of(logits: NDArray, near_rad: float) -> float:
    """The turn (rad, of a half circle) that tokens say; of equal ones the one that is nearest.

    The last token says that any will do: then it is the hand's own.
    """
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
