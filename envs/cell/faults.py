"""Faults of what is observed: it is old, it does not come, one of the machine's signals is stuck."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from envs.cell.draw import Draw

# What tells the machine's signals apart, in a state observation.
SIGNALS = ("clamp", "present", "seat_ok", "remove", "inside", "door_open", "machined")


class SensorFaults:
    """Passes observations on, later, again, or with a signal as it was at the start."""

    def __init__(self, signals: list[int], key: str | None, own: tuple[str, list[int]] | None = None):
        """Takes where things are.

        Args:
            signals: The machine's signals, in the vector under `key`.
            key: None if that is the observation itself.
            own: What the robot's controller commands, under which key and where: it knows that at once. None
                for a true state, which is told relative to the command, so that all of it is old alike.
        """
        self.signals, self.key, self.own = signals, key, own

    def begin(self, draw: Draw) -> None:
        """Starts an episode."""
        self.dropout = draw.dropout
        self._rng = np.random.default_rng(draw.fault_seed)
        self._seen: deque[Any] = deque(maxlen=draw.latency_periods + 1)
        self._last: Any = None
        share = draw.stuck_signal
        self._stuck = self.signals[int(share * len(self.signals))] if self.signals and share >= 0.0 else None
        self._value = 0.0

    @property
    def active(self) -> bool:
        """Whether anything is wrong in this episode."""
        return self.dropout > 0.0 or self._seen.maxlen != 1 or self._stuck is not None

    def pass_on(self, observation: Any) -> Any:
        """What arrives of the observation of this step."""
        if not self.active:
            return observation
        if self._stuck is not None:
            observation = self._with_stuck(observation, self._stuck)
        self._seen.append(observation)
        if self._last is None or self._rng.random() >= self.dropout:
            self._last = self._seen[0]
        return self._as_new(observation)

    def _as_new(self, now: Any) -> Any:
        """The old observation in memory of its own, what the controller knows of itself as it is now."""
        if not isinstance(self._last, dict):
            return self._last.copy()
        old = {name: value.copy() for name, value in self._last.items()}
        if self.own is not None:
            key, where = self.own
            old[key][where] = now[key][where]
        return old

    def _with_stuck(self, observation: Any, index: int) -> Any:
        vector = (observation if self.key is None else observation[self.key]).copy()
        if self._last is None:
            self._value = vector[index]
        vector[index] = self._value
        return vector if self.key is None else {**observation, self.key: vector}
