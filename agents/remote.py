"""A policy that is served elsewhere: any model behind one small interface over HTTP.

A large VLA has its own Python, its own torch and often its own machine. What the server must answer is in
docs/remote.md; `python -m experiments.serve` serves this project's policies that way.
"""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.policy import Action, Needs, Observation, Policy, PolicyError
from agents.wire import LIMIT_BYTES, WireError, pack, unpack

# The array of an observation that is one vector, and the array of actions.
VECTOR, ACTIONS = "observation", "actions"


@dataclass(frozen=True)
class RemoteHyper:
    """Where the policy is served, and what it wants to see.

    Attributes:
        url: Where; http or https.
        observation: The observation mode: "rgb", "rgbd", "flat" or "signals".
        cameras: The cameras to render.
        image_size: Side of the pictures in pixels.
        execute: Of a chunk of actions, how many are executed before the next is asked for; 0 for all.
        timeout_s: An answer that takes longer ends the run.
    """

    url: str = "http://127.0.0.1:8765"
    observation: str = "rgb"
    cameras: tuple[str, ...] = ("tray", "chuck")
    image_size: int = 96
    execute: int = 0
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        parts = urlparse(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url is {self.url!r}: allowed is http://HOST:PORT or https://HOST:PORT")
        if self.execute < 0:
            raise ValueError(f"execute is {self.execute}: allowed is 0 (all) or more")
        if not 0 < self.timeout_s <= 3600:
            raise ValueError(f"timeout_s is {self.timeout_s}: allowed is more than 0, at most 3600")


class Remote(Policy):
    """Sends what is seen, executes the actions that come back, in chunks if they come so."""

    hyper_class = RemoteHyper

    def __init__(self, hyper: RemoteHyper = RemoteHyper()) -> None:
        self._hyper = hyper
        pictures = hyper.observation in ("rgb", "rgbd")
        cameras = hyper.cameras if pictures else ()
        self.needs = Needs(observation=hyper.observation, cameras=cameras, image_size=hyper.image_size)
        self._size, self._session = 0, ""
        self._chunk: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._next = 0

    def attach(self, observation_space: gymnasium.Space, action_space: gymnasium.spaces.Box) -> None:
        """Take the size of an action."""
        self._size = action_space.shape[0]

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode, here and there.

        Raises:
            PolicyError: If the server does not answer.
        """
        if not self._session:
            self._session = uuid.uuid4().hex  # tells worker processes apart; no result depends on it
        self._chunk, self._next = self._chunk[:0], 0
        self._ask("reset", {"instruction": instruction, "seed": seed, "action_size": self._size,
                            "control": self.needs.control}, {})  # fmt: skip

    def act(self, observation: Observation) -> Action:
        """Return the next action of the chunk, asking for a new one when it is used up.

        Raises:
            PolicyError: If the server is gone, or answers what is no chunk of actions.
        """
        if self._next == len(self._chunk):
            named = observation if isinstance(observation, Mapping) else {VECTOR: observation}
            _, arrays = self._ask("act", {}, {name: np.asarray(value) for name, value in named.items()})
            self._chunk, self._next = self._checked(arrays.get(ACTIONS)), 0
        action = self._chunk[self._next]
        self._next += 1
        return action

    def _checked(self, chunk: NDArray | None) -> NDArray[np.float32]:
        """A chunk (k, n) of which k actions are executed, cut to [-1, 1]."""
        shape = None if chunk is None else chunk.shape
        if chunk is None or chunk.ndim != 2 or chunk.shape[1] != self._size or not len(chunk):
            raise PolicyError(f"{self._hyper.url} sent {ACTIONS} {shape}: (k, {self._size}) is needed")
        if chunk.dtype.kind not in "fiu" or not np.isfinite(chunk).all():
            raise PolicyError(f"{self._hyper.url} sent {ACTIONS} that are not finite numbers")
        return np.clip(chunk[: self._hyper.execute or len(chunk)], -1.0, 1.0).astype(np.float32)

    def _ask(
        self, what: str, values: Mapping[str, Any], arrays: Mapping[str, NDArray]
    ) -> tuple[dict[str, Any], dict[str, NDArray]]:
        url = f"{self._hyper.url.rstrip('/')}/{what}"
        request = urllib.request.Request(
            url, pack({"session": self._session, **values}, arrays), method="POST",
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=self._hyper.timeout_s) as answer:
                return unpack(answer.read(LIMIT_BYTES + 1))
        except urllib.error.HTTPError as error:
            reason = error.read(500).decode("utf-8", "replace")
            raise PolicyError(f"{url} refused: {' '.join(reason.split()) or error.reason}") from None
        except WireError as error:
            raise PolicyError(f"{url}: {error}") from None
        except (OSError, urllib.error.URLError) as error:
            raise PolicyError(f"{url} does not answer: {getattr(error, 'reason', error)}") from None
