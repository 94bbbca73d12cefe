"""Lots of parts on a batch of machines: what actions mean, what is seen, what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.machining.books import Books
from envs.machining.machine import cut, fresh, reference_cost
from envs.machining.noise import F64
from envs.machining.process import Process, process
from envs.machining.state import Part, Setting, Signals, State
from envs.machining.variation import split

# What each number of an action means; all are in [-1, 1].
ACTIONS = (
    "speed: handbook's times 2^a", "feed: handbook's times 2^a", "depth: handbook's times 2^a",
    "correction of the offset: a times 30 um", "above 1/2: change the edge first",
    "above 0: gauge the part", "coolant: dry below -1/3, MQL, flood above 1/3",
    "while waiting: standby below -1/3, ready, warm up above 1/3",
)  # fmt: skip
FULL_CORRECTION_UM = 30.0
LIMIT = 5.0
# Name of a signal, and what it is divided by in a flat observation (of the process, or a number).
SIGNALS: Mapping[str, float | str] = {
    "reading_um": "tolerance_um",          # of the last part that was gauged; 0 before
    "corrected_um": "tolerance_um",        # offset corrections since that part
    "parts_since_reading": 10.0,
    "has_reading": 1.0,
    "ra_share": 1.0,                       # of that part, of what is allowed
    "reading_spindle_k": 20.0,             # spindle's temperature now less that at the reading
    "reading_ambient_k": 5.0,
    "reading_edge_min": "edge_life_min",   # minutes that the edge has cut since the reading
    "edge_min": "edge_life_min",
    "load_percent": 50.0,
    "vibration_mm_s": 3.0,
    "acoustic": 1.0,
    "spindle_c": 20.0,
    "ambient_c": 20.0,
    "coolant_c": 20.0,
    "offset_um": 60.0,
    "gap_min": "gap_min",
    "parts_left": "n_parts",
    "changed": 1.0,
    "jammed": 1.0,
    "speed": 1.0,                          # the last action
    "feed": 1.0,
    "depth": 1.0,
}  # fmt: skip


@dataclass
class _Memory:
    """What a cell's control remembers, (n,) each."""

    reading_um: F64
    corrected_um: F64
    since: F64
    has: F64
    ra_share: F64
    spindle_c: F64
    ambient_c: F64
    edge_min: F64


class Batch:
    """The lots of n machines; both environments are a thin coat around it.

    Args:
        name: Of the process.
        split_name: What varies.
        n: Lanes.
        recorded: Lanes whose ledgers are written.

    Attributes:
        books: Writer of each recorded lane's ledger.
    """

    def __init__(self, name: str, split_name: str, n: int, recorded: Sequence[int] = ()) -> None:
        self.process: Process = process(name)
        self.split = split(split_name)
        self.n = n
        self.reference = reference_cost(self.process)
        scale = {
            "tolerance_um": self.process.part.tolerance_um,
            "gap_min": self.process.times.gap_min,
            "edge_life_min": self.process.tool.edge_life_min,
            "n_parts": self.process.n_parts,
        }
        self.books = {lane: Books(self.process, lane) for lane in recorded}
        self._scales = np.array([[scale[s] if isinstance(s, str) else s] for s in SIGNALS.values()])

    def begin(self, seeds: NDArray[np.integer], episode: NDArray[np.integer]) -> None:
        """Set up every machine for a lot that follows from its seed and the episode's number alone."""
        self.lanes = self.split.lanes(seeds, episode)
        self.state: State = fresh(self.process, self.lanes)
        zero = np.zeros(self.n)
        warm = zero + 20.0
        self._memory = _Memory(zero, zero, zero, zero, zero, warm, warm, zero)
        self._last = np.zeros((3, self.n))
        self._said = Signals(zero, zero, zero, 20.0 + self.state.ambient_k, 20.0 + self.state.ambient_k, warm)
        self._changed = self._jammed = zero
        self.cost, self.spent, self.n_good, self.n_escaped = zero, zero, zero, zero
        self.energy_kwh, self.minutes = zero, zero
        for book in self.books.values():
            book.begin()

    def setting(self, action: F64) -> Setting:
        """What an action (8, n) in [-1, 1] sets."""
        data = self.process.handbook
        speed, feed, depth, correction, change, measure, coolant, idle = action
        return Setting(
            data.speed_m_min * np.exp2(speed), data.feed_mm * np.exp2(feed), data.depth_mm * np.exp2(depth),
            FULL_CORRECTION_UM * correction, change > 0.5, measure > 0, _third(coolant), _third(idle),
        )  # fmt: skip

    def step(self, action: F64) -> tuple[F64, Part]:
        """Cut a part on every lane; returns rewards (n,) and the parts."""
        setting = self.setting(action)
        before = self.state
        self.state, part, said = cut(self.process, self.lanes, before, setting)
        for book in self.books.values():
            book.write(before, setting, part)
        self._remember(setting, part, said)
        self._last, self._said = action[:3], said
        self._changed, self._jammed = part.changed.astype(float), part.jammed.astype(float)
        self.cost, self.spent = self.cost + part.cost, self.spent + part.spent
        self.n_good = self.n_good + part.good
        self.n_escaped = self.n_escaped + (~part.good & ~part.caught)
        self.energy_kwh, self.minutes = self.energy_kwh + part.energy_kwh, self.minutes + part.time_min
        return -part.cost / self.reference, part

    def _remember(self, setting: Setting, part: Part, said: Signals) -> None:
        old, new = self._memory, part.measured
        self._memory = _Memory(
            reading_um=np.where(new, part.reading_um, old.reading_um),
            corrected_um=np.where(new, 0.0, old.corrected_um + setting.correction_um),
            since=np.where(new, 0.0, old.since + 1.0),
            has=np.where(new, 1.0, old.has),
            ra_share=np.where(new, part.ra_um / self.process.part.ra_limit_um, old.ra_share),
            spindle_c=np.where(new, said.spindle_c, old.spindle_c),
            ambient_c=np.where(new, said.ambient_c, old.ambient_c),
            edge_min=np.where(new, self.state.cut_min, np.where(part.changed, 0.0, old.edge_min)),
        )

    @property
    def over(self) -> bool:
        """Whether the lots are done."""
        return int(self.state.part[0]) >= self.process.n_parts

    def signals(self) -> dict[str, F64]:
        """What agents may see, by name, (n,) each, in engineering units."""
        said, memory, state = self._said, self._memory, self.state
        return {
            "reading_um": memory.reading_um, "corrected_um": memory.corrected_um,
            "parts_since_reading": memory.since, "has_reading": memory.has, "ra_share": memory.ra_share,
            "reading_spindle_k": said.spindle_c - memory.spindle_c,
            "reading_ambient_k": said.ambient_c - memory.ambient_c,
            "reading_edge_min": state.cut_min - memory.edge_min, "edge_min": state.cut_min,
            "load_percent": said.load_percent, "vibration_mm_s": said.vibration_mm_s,
            "acoustic": said.acoustic, "spindle_c": said.spindle_c, "ambient_c": said.ambient_c,
            "coolant_c": said.coolant_c, "offset_um": state.offset_um, "gap_min": state.gap_min,
            "parts_left": self.process.n_parts - state.part.astype(float),
            "changed": self._changed, "jammed": self._jammed,
            "speed": self._last[0], "feed": self._last[1], "depth": self._last[2],
        }  # fmt: skip

    def flat(self) -> NDArray[np.float32]:
        """The signals as (n, 23) float32, each over its scale, within +-5."""
        rows = np.stack(list(self.signals().values()))
        rows /= self._scales
        return np.clip(rows, -LIMIT, LIMIT).T.astype(np.float32)

    def figures(self) -> dict[str, F64]:
        """What came of the lots so far, (n,) each."""
        done = np.maximum(self.state.part.astype(float), 1.0)
        return {
            "share_good": self.n_good / done,
            "cost_per_good_part": self.spent / np.maximum(self.n_good, 1.0),
            "escaped": self.n_escaped,
            "kwh_per_good_part": self.energy_kwh / np.maximum(self.n_good, 1.0),
            "good_parts_per_h": 60.0 * self.n_good / np.maximum(self.minutes, 1e-9),
            "score": -self.cost / (self.reference * done),
        }


def _third(a: F64) -> NDArray[np.intp]:
    """0, 1 or 2 for the lower, middle and upper third of [-1, 1]."""
    return (a > -1 / 3).astype(np.intp) + (a > 1 / 3)
