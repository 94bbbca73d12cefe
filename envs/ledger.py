"""The ledger: an append-only list of timed events, from which every figure is computed.

Kinds of events are the field's own words: MTConnect execution and functional mode for machines, ISA-95 for
jobs, plain shop-floor terms for parts and people. `envs.accounts` reads times, parts and energy out of it,
and says which values each kind carries.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

# fmt: off
# MTConnect Part 2, Execution.
EXECUTION = frozenset({
    "READY", "ACTIVE", "INTERRUPTED", "FEED_HOLD", "STOPPED", "OPTIONAL_STOP", "PROGRAM_STOPPED",
    "PROGRAM_COMPLETED", "WAIT",
})
# MTConnect Part 2, FunctionalMode: what a machine's time is for.
MODE = frozenset({"PRODUCTION", "SETUP", "TEARDOWN", "MAINTENANCE", "PROCESS_DEVELOPMENT"})
# What happens to a part, from arrival to shipping; parts balance over these.
PART = frozenset({
    "part_arrived", "part_grasped", "part_released", "part_dropped", "part_loaded", "part_seated",
    "part_clamped", "part_unclamped", "part_unloaded", "part_finished", "part_good", "part_rework",
    "part_scrap", "part_shipped",
})
# What a machine tool and its cell do, and what the programmable logic controller (PLC) says.
MACHINE = frozenset({
    "door_open", "door_closed", "chuck_open", "chuck_soft_clamped", "chuck_clamped",
    "chuck_unclamped", "air_blow", "cycle_start", "cycle_end", "request", "interlock", "alarm",
    "alarm_cleared", "breakdown", "repair", "tool_change", "changeover",
})
# Amounts; their unit is in the name of the value, such as `energy_j`. A `measurement` is what a gauge says, a
# `characteristic` what is true.
AMOUNT = frozenset({
    "energy", "power", "material", "measurement", "characteristic", "tool_wear", "expense",
})
# Work and people: shifts, jobs (ISA-95), operators' help and presence, decisions, mishaps, episodes.
WORK = frozenset({
    "shift_start", "shift_end", "job_start", "job_end", "order_released", "order_due",
    "intervention", "attended", "paid", "decision", "collision", "slip", "retry", "instruction",
    "episode_start", "episode_end", "success", "failure",
})
# fmt: on
_INF = math.inf
KINDS = EXECUTION | MODE | PART | MACHINE | AMOUNT | WORK


class Event(NamedTuple):
    """Something that happened.

    Attributes:
        time_s: Simulated time.
        kind: One of `KINDS`.
        subject: What it happened to, such as "lathe" or "part-3".
        data: Values that belong to it, units in their names, such as `{"energy_j": 12.0}`.
    """

    time_s: float
    kind: str
    subject: str
    data: dict[str, Any]


class Ledger:
    """An append-only list of events in order of time.

    Appending is on the path of every control step: it checks the time and the kind, nothing else.
    """

    __slots__ = ("_events", "_last_s")

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._last_s = -math.inf

    def append(self, time_s: float, kind: str, subject: str, /, **data: Any) -> None:
        """Add an event.

        Args:
            time_s: Simulated time, not before the last event.
            kind: One of `KINDS`.
            subject: What it happened to.
            data: Values that belong to it, units in their names.

        Raises:
            ValueError: If time goes backwards or is not finite, or the kind is unknown.
        """
        if kind not in KINDS:
            raise ValueError(f"event kind {kind!r} is unknown: allowed are {sorted(KINDS)}")
        if not self._last_s <= time_s < _INF:  # written so that NaN fails too
            raise ValueError(f"time_s is {time_s}: the last event was at {self._last_s}")
        self._last_s = time_s
        self._events.append(Event(time_s, kind, subject, data))

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __getitem__(self, index: int) -> Event:
        return self._events[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and self._events == other._events

    __hash__ = None  # type: ignore[assignment]  # it grows

    def select(self, kind: str, subject: str | None = None) -> list[Event]:
        """Return the events of a kind, of one subject if it is given."""
        if kind not in KINDS:
            raise ValueError(f"event kind {kind!r} is unknown: allowed are {sorted(KINDS)}")
        return [e for e in self._events if e.kind == kind and subject in (None, e.subject)]

    def count(self, kind: str, subject: str | None = None) -> int:
        """Return the number of events of a kind, of one subject if it is given."""
        return len(self.select(kind, subject))

    def total(self, kind: str, key: str, subject: str | None = None) -> float:
        """Return the sum of `data[key]` over the events of a kind; each must have it."""
        return math.fsum(event.data[key] for event in self.select(kind, subject))

    def to_jsonl(self, path: str | os.PathLike[str]) -> None:
        """Save as JSON lines; the file is whole or not there at all."""
        lines = (json.dumps(event._asdict(), default=_plain, allow_nan=False) for event in self._events)
        write_text_whole(path, "".join(f"{line}\n" for line in lines))

    @classmethod
    def from_jsonl(cls, path: str | os.PathLike[str]) -> Ledger:
        """Load what `to_jsonl` saved.

        Raises:
            ValueError: If a line is not an event, naming the line.
        """
        ledger = cls()
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
            try:
                event = Event(**json.loads(line, parse_constant=_refuse))
                ledger.append(event.time_s, event.kind, event.subject, **event.data)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: not a ledger event: {error}") from None
        return ledger


def write_text_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write a file so that it is whole or not there at all."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(".tmp", f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # mkstemp makes files only their owner can read
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _plain(value: Any) -> Any:
    """Convert a NumPy value for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} cannot be saved as JSON")


def _refuse(constant: str) -> None:
    """Refuses the words for NaN and infinity, which are not JSON and never saved."""
    raise ValueError(f"{constant} is not a number that JSON has")
