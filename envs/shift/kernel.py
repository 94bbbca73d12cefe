"""Time: processes as generators over one queue of events, which stop where something is to be decided.

A process yields seconds to wait, a `Signal` to wait for, or a `Decision`, which the kernel hands out to
whoever runs it and whose answer it sends back. Events at one moment happen in the order in which they were
asked for.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from typing import Any

from envs.shift.decision import Choice, Decision

Process = Generator[Any, Any, Any]
Steps = Generator[Decision, Choice, None]
# So many decisions without any time going by are a loop.
_AT_ONCE = 10_000


class Signal:
    """Something that happens once; who waits for it gets its value."""

    __slots__ = ("fired", "value", "waiting")

    def __init__(self) -> None:
        self.fired = False
        self.value: Any = None
        self.waiting: list[Process] = []


class Kernel:
    """The clock and its queue."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._queue: list[tuple[float, int, Process | Signal, Any]] = []
        self._count = 0

    def start(self, process: Process) -> None:
        """Let a process begin now."""
        self._push(self.now_s, process, None)

    def fire(self, signal: Signal, value: Any = None) -> None:
        """Let a signal happen now; again does nothing."""
        if signal.fired:
            return
        signal.fired, signal.value = True, value
        for process in signal.waiting:
            self._push(self.now_s, process, value)
        signal.waiting.clear()

    def fire_in(self, seconds: float, signal: Signal, value: Any = None) -> None:
        """Let a signal happen later, if it has not by then."""
        self._push(self.now_s + seconds, signal, value)

    def run(self, until_s: float) -> Steps:
        """Go on until a time, which itself does not happen; yields what is to be decided."""
        while self._queue and self._queue[0][0] < until_s:
            self.now_s, _, what, value = heapq.heappop(self._queue)
            if isinstance(what, Signal):
                self.fire(what, value)
            else:
                yield from self._resume(what, value)
        self.now_s = until_s

    def _resume(self, process: Process, value: Any) -> Steps:
        """Let a process go on until it waits.

        Raises:
            RuntimeError: where it decides for ever and never waits.
        """
        for _ in range(_AT_ONCE):
            try:
                asked = process.send(value)
            except StopIteration:
                return
            if isinstance(asked, Decision):
                value = yield asked
            elif isinstance(asked, Signal):
                if not asked.fired:
                    asked.waiting.append(process)
                    return
                value = asked.value
            else:
                self._push(self.now_s + asked, process, None)
                return
        raise RuntimeError(f"{_AT_ONCE} decisions at {self.now_s} s: nothing goes on")

    def _push(self, at_s: float, what: Process | Signal, value: Any) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at_s, self._count, what, value))
