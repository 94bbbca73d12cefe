"""What a batch of machines is made of: lanes, hidden state, settings, what comes of them; (n,) arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.machining.load import Load
from envs.machining.noise import F64, U64

Bool = NDArray[np.bool_]
DRY, MQL, FLOOD = 0, 1, 2
STANDBY, READY, WARM_UP = 0, 1, 2


@dataclass(frozen=True)
class Lanes:
    """What differs between machines, materials and days, (n,) each; fixed for a lot.

    Attributes:
        key: Of the lane's randomness.
        growth: Thermal growth against the file's.
        pace: Thermal time constants against the file's.
        stiffness: Against the file's.
        frequency: Of the mode that chatters, against the file's.
        hardness: Of the material: forces against the file's.
        abrasion: Wear against the file's.
        ambient_k: The shop's mean temperature, less 20 degrees Celsius.
        swing_k: Amplitude of the day.
        phase_rad: Where in the day the lot begins.
    """

    key: U64
    growth: F64
    pace: F64
    stiffness: F64
    frequency: F64
    hardness: F64
    abrasion: F64
    ambient_k: F64
    swing_k: F64
    phase_rad: F64


@dataclass(frozen=True)
class State:
    """The hidden state of every machine, (n,) each.

    Attributes:
        part: Parts done.
        minute: Time since the lot began.
        used: Share of the edge's life that is used up.
        cut_min: Minutes that the edge has cut.
        scatter: Life of this edge against the mean.
        offset_um: Tool offset, on the size.
        setting_um: Error of setting the edge, on the size.
        spindle_k: Temperature rise of the spindle.
        feed_k: Of the feed drives.
        coolant_k: Of the coolant.
        ambient_k: Temperature of the structure less 20 degrees Celsius.
        probe_um: Drift of the gauge.
        bearing: Wear of the spindle's bearing, 0 new to 1 failed.
        coolant_lost: Whether the coolant has failed unnoticed.
        chuck_lost: Whether clamping pressure is low.
        gap_min: How long the next blank is still to come, as announced.
    """

    part: U64
    minute: F64
    used: F64
    cut_min: F64
    scatter: F64
    offset_um: F64
    setting_um: F64
    spindle_k: F64
    feed_k: F64
    coolant_k: F64
    ambient_k: F64
    probe_um: F64
    bearing: F64
    coolant_lost: Bool
    chuck_lost: Bool
    gap_min: F64


@dataclass(frozen=True)
class Setting:
    """What is set before a part, (n,) each.

    Attributes:
        speed_m_min: Cutting speed.
        feed_mm: Per revolution (turning) or tooth (milling).
        depth_mm: Deepest pass; the stock goes in equal passes.
        correction_um: Added to the offset.
        change: Whether the edge is changed first.
        measure: Whether the part is gauged afterwards.
        coolant: `DRY`, `MQL` or `FLOOD`.
        idle: `STANDBY`, `READY` or `WARM_UP` while waiting.
    """

    speed_m_min: F64
    feed_mm: F64
    depth_mm: F64
    correction_um: F64
    change: Bool
    measure: Bool
    coolant: NDArray[np.intp]
    idle: NDArray[np.intp]


@dataclass(frozen=True)
class Part:
    """What came of a part, (n,) each; sizes are true ones.

    `cost_<cause>` add up to what the part costs, good or bad. `caught` parts are bad and gauged so.
    """

    size_um: F64
    ra_um: F64
    good: Bool
    caught: Bool
    reading_um: F64
    measured: Bool
    changed: Bool
    broke: Bool
    jammed: Bool
    time_min: F64
    cutting_min: F64
    cutting_kw: F64
    energy_kwh: F64
    wear_mm: F64
    chatter: F64
    load: Load
    cost_machine: F64
    cost_labour: F64
    cost_tool: F64
    cost_energy: F64
    cost_blank: F64
    cost_escape: F64
    cost_remake: F64

    @property
    def spent(self) -> F64:
        """Money spent on it, all causes but the one to come."""
        total: F64 = (
            self.cost_machine + self.cost_labour + self.cost_tool + self.cost_energy + self.cost_blank
            + self.cost_escape
        )  # fmt: skip
        return total

    @property
    def cost(self) -> F64:
        """What it is charged with: a bad part that was caught has to be made again."""
        total: F64 = self.spent + self.cost_remake
        return total


@dataclass(frozen=True)
class Signals:
    """What sensors say after a part, (n,) each."""

    load_percent: F64
    vibration_mm_s: F64
    acoustic: F64
    spindle_c: F64
    ambient_c: F64
    coolant_c: F64


@dataclass(frozen=True)
class UnderWay:
    """A part that has just been cut, (n,) each: all but what falls by chance.

    Attributes:
        state: With the heat at the end of the cut; `used` and `cut_min` are those before it.
        load: Of the cut.
        size_um: Expected size error.
        used: Share of the edge's life used up after it.
        coolant: What really flowed.
        waiting_min: Time before the cut.
        energy_kwh: Until the end of the cut.
        cutting_kw: Power in the cut.
    """

    state: State
    load: Load
    size_um: F64
    used: F64
    coolant: NDArray[np.intp]
    waiting_min: F64
    energy_kwh: F64
    cutting_kw: F64
