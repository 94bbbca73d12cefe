"""Trial cuts: what cutting data would cost on machines that nobody knows yet, as one part each tells.

Machines are lanes of a batch, drawn as for lots. A trial cuts one part with an edge in the middle of its
life; time, energy, roughness, vibration and wear are read off it, each with its error, and reckoned up to
what such a part costs in production, but for its blank. The truth is the same sum without the errors.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.machining import best, noise
from envs.machining.machine import cut, fresh, reference_cost, under_way
from envs.machining.noise import F64
from envs.machining.process import Process, process
from envs.machining.state import FLOOD, READY, Setting, State
from envs.machining.surface import WORN_MM
from envs.machining.variation import split
from envs.machining.wear import flank_wear_mm

MIDDLE = 0.4  # share of an edge's life at which trials are made
WEAR_READING = 0.05  # relative error of wear as read under a microscope (estimate)
_CALM_MM_S, _PER_WEAR, _PER_CHATTER = 0.6, 0.5, 4.0  # vibration, as the sensor shows it
_WEAR = 98  # number of randomness


class Trials:
    """Machines on which cutting data are tried.

    Args:
        name: Of the process.
        split_name: What the machines are drawn from.
        seeds: (n,) one for each machine.

    Attributes:
        grid: (3, m) speed, feed and depth as actions; what can be tried.
    """

    def __init__(self, name: str, split_name: str, seeds: NDArray[np.integer]) -> None:
        self.process: Process = process(name)
        self.lanes = split(split_name).lanes(seeds, np.zeros(len(seeds), np.int64))
        self.n = len(seeds)
        self.grid = best.grid(self.process)
        self._price = np.full(1, best.edge_price(self.process))
        self._reference = reference_cost(self.process)

    def truth(self, data: F64 | None = None) -> F64:
        """(n, m): expected cost of a part, over the reference; of `data` (3, m), else of the grid's."""
        chosen = self.grid if data is None else data
        return np.stack([self._row(k, chosen) for k in range(self.n)])

    def _row(self, k: int, data: F64) -> F64:
        m = data.shape[1]
        lanes = _repeated(self.lanes, k, m)
        state = replace(self._middle(), scatter=np.ones(self.n))
        state = _repeated(state, k, m)
        under = under_way(self.process, lanes, state, self._setting(data))
        cost = best.expected_cost(self.process, state, under, self._price)
        return np.asarray(cost / self._reference)

    def cut(self, chosen: NDArray[np.integer], number: int) -> F64:
        """Cut a part on every machine; returns what its data seem to cost (n,), over the reference.

        Args:
            chosen: (n,) columns of the grid.
            number: Of the trial: what falls by chance follows from the machine's seed and it.
        """
        step = np.full(self.n, number, np.uint64)
        edges = np.exp(self.process.tool.life_scatter * noise.normal(self.lanes.key, step, _WEAR + 1))
        state = replace(self._middle(), part=step, scatter=edges)
        setting = self._setting(self.grid[:, chosen])
        _, part, said = cut(self.process, self.lanes, state, setting)
        under = under_way(self.process, self.lanes, state, setting)
        worn = flank_wear_mm(state.used) / WORN_MM
        shaking = np.maximum(said.vibration_mm_s - _CALM_MM_S - _PER_WEAR * worn, 0.0) / _PER_CHATTER
        # Within the reading's own scatter a quiet cut cannot be told from a silent one.
        chatter = np.where(shaking < 0.1, 0.0, np.minimum(shaking, 1.0))
        error = np.exp(WEAR_READING * noise.normal(self.lanes.key, step, _WEAR))
        taken = (under.used - state.used) * error
        seen = replace(under, load=replace(under.load, chatter=chatter), used=state.used + taken)
        cost = best.expected_cost(self.process, state, seen, self._price, part.ra_um)
        return np.asarray(cost / self._reference)

    def _middle(self) -> State:
        state = fresh(self.process, self.lanes)
        return replace(state, used=np.full(self.n, MIDDLE))

    def _setting(self, data: F64) -> Setting:
        m, handbook = data.shape[1], self.process.handbook
        no = np.zeros(m, np.bool_)
        return Setting(
            handbook.speed_m_min * np.exp2(data[0]), handbook.feed_mm * np.exp2(data[1]),
            handbook.depth_mm * np.exp2(data[2]), np.zeros(m), no, ~no,
            np.full(m, FLOOD), np.full(m, READY),
        )  # fmt: skip


def _repeated(rows: Any, k: int, m: int) -> Any:
    """Lane k, m times."""
    return type(rows)(**{f.name: np.repeat(getattr(rows, f.name)[k : k + 1], m) for f in fields(rows)})
