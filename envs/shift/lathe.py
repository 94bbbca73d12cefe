"""The machine tool in a shift: `envs.machining` a part at a time, its state kept from part to part.

What falls by chance to a blank follows from the blank's number, what an edge lasts from the edge's. Waiting
cools the machine as it does there; the time between cuts comes from the shift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from envs.machining import noise
from envs.machining.machine import cut, fresh, hardness
from envs.machining.process import Process, Times
from envs.machining.state import READY, WARM_UP, Lanes, Setting, Signals, State
from envs.machining.variation import split
from envs.shift import draws
from envs.shift.decision import Value
from envs.shift.disturbances import Disturbed
from envs.shift.orders import process_of
from envs.shift.spec import PartType

COOLANTS = ("dry", "mql", "flood")
# Factors of `Lanes` that belong to the machine and stay; the others are the day's.
MACHINE = ("growth", "pace", "stiffness", "frequency", "abrasion")
# What a first-article check leaves of a size error (um, standard deviation).
FIRST_ARTICLE_UM = 2.0


@dataclass(frozen=True)
class Cut:
    """What came of a cut; sizes are true ones.

    Attributes:
        cutting_s: Time in the cut.
        power_w: Mean power in it.
        size_um: Size error, + where material is left.
        ra_um: Roughness.
        broke: Whether the edge broke.
        jammed: Whether chips made a nest.
        load_percent: What the load monitor said.
    """

    cutting_s: float
    power_w: float
    size_um: float
    ra_um: float
    broke: bool
    jammed: bool
    load_percent: float


@dataclass(frozen=True)
class Heat:
    """What a machine keeps from one run to the next.

    Attributes:
        state: Of `envs.machining`; None for a cold machine just set up.
        machine_seed: What its own factors follow from.
        edge_used: Share of its life that the edge at work has used.
    """

    state: State | None = None
    machine_seed: int = 0
    edge_used: float = 0.0


@dataclass
class Memory:
    """What the cell's control remembers of the last part gauged."""

    reading_um: float = 0.0
    corrected_um: float = 0.0
    since: float = 0.0
    has: float = 0.0
    ra_share: float = 0.0
    spindle_c: float = 20.0
    ambient_c: float = 20.0
    edge_min: float = 0.0


class Lathe:
    """The machine, its edge and what its sensors say.

    Args:
        split_name: What varies between machines and days.
        disturbed: The run's disturbances.
        heat: What it kept from before.
    """

    def __init__(self, split_name: str, disturbed: Disturbed, heat: Heat) -> None:
        self.disturbed, self.seed = disturbed, disturbed.seed
        self.machine_seed = heat.machine_seed
        self.lanes = _lanes(split_name, disturbed, heat.machine_seed)
        self.state, self._fresh = heat.state, heat.state is None
        self.edges = 0
        self.setups = 0
        self.memory = Memory()
        self.corrected_um = 0.0  # all corrections so far
        self.last = (0.0, 0.0, 0.0)
        self.changed = self.jammed = 0.0
        self._said: Signals | None = None

    def set_up(self, part: PartType, *, keep: bool = False) -> None:
        """Take a part type's program; `keep` for the one that was there already."""
        self.process = _process(part, self.disturbed)
        if self.state is None:
            self.state = fresh(self.process, self.lanes)
            self.new_edge()
        if not keep:
            self.setups += 1
            error = self.process.spread.setting_um * draws.normal(self.seed, "setting", self.setups)
            self.state = replace(self.state, setting_um=np.array([error]), offset_um=np.zeros(1))
            self.memory = Memory()

    @property
    def kept(self) -> Heat:
        """What it keeps for the next run."""
        return Heat(self.state, self.machine_seed, self.edge_used)

    @property
    def edge_used(self) -> float:
        """Share of its life that the edge at work has used, at most all of it."""
        return 0.0 if self.state is None else min(1.0, float(self.state.used[0]))

    # -- edges and service ------------------------------------------------------------------------------
    def new_edge(self, *, checked: bool = False) -> float:
        """Put edge j to work; returns the share of life that the old one had used.

        Args:
            checked: Whether a person checked the offset, and put right what is amiss.
        """
        assert self.state is not None
        used, seed, j = self.edge_used, self.seed, self.edges
        self.edges += 1
        spread = self.process.spread.setting_um * (0.5 if checked else 1.0)
        scatter = np.array([np.exp(self.process.tool.life_scatter * draws.normal(seed, "edge_life", j))])
        zero = np.zeros(1)
        self.state = replace(
            self.state, used=zero, cut_min=zero, scatter=scatter,
            setting_um=np.array([spread * draws.normal(seed, "edge_setting", j)]),
        )  # fmt: skip
        self.changed = 1.0
        self.memory.edge_min = 0.0
        if checked:
            self._put_right()
        return used

    def _put_right(self) -> None:
        assert self.state is not None
        no = np.zeros(1, np.bool_)
        self.state = replace(self.state, coolant_lost=no, chuck_lost=no)

    def service(self) -> None:
        """Coolant, clamping pressure and gauge are put right."""
        assert self.state is not None
        self._put_right()
        self.state = replace(self.state, probe_um=np.zeros(1))

    def first_article(self) -> None:
        """A person measures a first part and corrects the offset for what the setting is off."""
        assert self.state is not None
        left = FIRST_ARTICLE_UM * draws.normal(self.seed, "first_article", self.setups)
        self.state = replace(self.state, offset_um=left - self.state.setting_um)

    # -- cutting ----------------------------------------------------------------------------------------
    def cut(self, blank: int, values: dict[str, Value], waited_min: float, warmed: bool) -> Cut:
        """Cut a blank.

        Args:
            blank: Its number.
            values: Of the tool `cut`.
            waited_min: Minutes since the last cut.
            warmed: Whether the spindle ran empty in the last of them.
        """
        process, data = self.process, self.process.handbook
        assert self.state is not None
        speed, feed, depth = (float(values[n]) for n in ("speed", "feed", "depth"))
        self.last = (speed, feed, depth)
        correction = float(values["correction_um"])
        no = np.zeros(1, np.bool_)
        one = np.ones(1)
        setting = Setting(
            speed_m_min=one * data.speed_m_min * 2.0**speed, feed_mm=one * data.feed_mm * 2.0**feed,
            depth_mm=one * data.depth_mm * 2.0**depth, correction_um=one * correction, change=no, measure=no,
            coolant=np.array([COOLANTS.index(str(values["coolant"]))]),
            idle=np.array([WARM_UP if warmed else READY]),
        )  # fmt: skip
        # More stock is a deeper cut: forces in proportion.
        deeper = 1.0 + self.disturbed.stock_mm(blank) / process.part.stock_mm
        hard = self.disturbed.hardness(blank) * max(0.2, deeper)
        lanes = replace(self.lanes, hardness=self.lanes.hardness * hard)
        state = replace(self.state, part=np.array([blank], np.uint64), gap_min=one * waited_min)
        state, part, said = cut(process, lanes, state, setting)
        idle_kw = process.machine_spec.power_kw
        warming = process.times.warm_up_min if warmed else 0.0
        before_kwh = (max(0.0, waited_min - warming) * idle_kw.ready + warming * idle_kw.warm_up) / 60.0
        cutting_min = float(part.cutting_min[0])
        if part.broke[0]:  # nobody has been there yet who would put right what else is amiss
            state = replace(
                state, coolant_lost=self.state.coolant_lost, chuck_lost=self.state.chuck_lost
            )  # fmt: skip
        self.state, self._said = state, said
        broke, jammed = bool(part.broke[0]), bool(part.jammed[0])
        self.changed, self.jammed = 0.0, float(jammed)
        self.memory.corrected_um += correction
        self.corrected_um += correction
        self.memory.since += 1.0
        return Cut(
            60.0 * cutting_min, 6e4 * (float(part.energy_kwh[0]) - before_kwh) / cutting_min,
            float(part.size_um[0]), float(part.ra_um[0]), broke, jammed, float(said.load_percent[0]),
        )  # fmt: skip

    def gauge(self, blank: int, size_um: float, *, by_hand: bool) -> float:
        """Return what a gauge reads (um); the cell's drifts until it is serviced."""
        spread = self.process.spread.gauge_um
        if by_hand:
            return size_um + 2.0 * spread * draws.normal(self.seed, "micrometer", blank)
        assert self.state is not None
        return size_um + float(self.state.probe_um[0]) + spread * draws.normal(self.seed, "gauge", blank)

    def remember(self, reading_um: float, ra_um: float, corrected_um: float) -> None:
        """Note a reading down; corrections made since the part was cut still count."""
        said, memory = self._said, self.memory
        memory.reading_um, memory.has = reading_um, 1.0
        memory.corrected_um, memory.since = corrected_um, 0.0
        memory.ra_share = ra_um / self.process.part.ra_limit_um
        if said is not None:
            memory.spindle_c, memory.ambient_c = float(said.spindle_c[0]), float(said.ambient_c[0])
        memory.edge_min = self.cut_min

    @property
    def cut_min(self) -> float:
        """Minutes that the edge at work has cut."""
        return 0.0 if self.state is None else float(self.state.cut_min[0])

    def signals(self) -> dict[str, float]:
        """What the machine's control knows, as `envs.machining.lots.SIGNALS` names it."""
        state, said, memory = self.state, self._said, self.memory
        assert state is not None
        warm = 20.0 + float(state.ambient_k[0])
        load, shaking, acoustic, spindle, ambient, coolant = (0.0, 0.0, 0.0, warm, warm, 20.0)
        if said is not None:
            load, shaking, acoustic = (
                float(said.load_percent[0]), float(said.vibration_mm_s[0]), float(said.acoustic[0])
            )  # fmt: skip
            spindle, ambient = float(said.spindle_c[0]), float(said.ambient_c[0])
            coolant = float(said.coolant_c[0])
        speed, feed, depth = self.last
        return {
            "reading_um": memory.reading_um, "corrected_um": memory.corrected_um,
            "parts_since_reading": memory.since, "has_reading": memory.has, "ra_share": memory.ra_share,
            "reading_spindle_k": spindle - memory.spindle_c, "reading_ambient_k": ambient - memory.ambient_c,
            "reading_edge_min": self.cut_min - memory.edge_min, "edge_min": self.cut_min,
            "load_percent": load, "vibration_mm_s": shaking, "acoustic": acoustic, "spindle_c": spindle,
            "ambient_c": ambient, "coolant_c": coolant, "offset_um": float(state.offset_um[0]),
            "changed": self.changed, "jammed": self.jammed, "speed": speed, "feed": feed, "depth": depth,
        }  # fmt: skip


def _lanes(split_name: str, disturbed: Disturbed, machine_seed: int) -> Lanes:
    """One lane: the machine's factors from the machine's seed, the day's from the run's."""
    episode = np.zeros(1, np.int64)
    day = split(split_name).lanes(_seeds(disturbed.seed), episode)
    machine = split(split_name).lanes(_seeds(machine_seed), episode)
    heat = disturbed.value("heat")
    return replace(
        day, **{name: getattr(machine, name) for name in MACHINE},
        ambient_k=day.ambient_k + heat, swing_k=day.swing_k + heat / 2.0,
    )  # fmt: skip


def _seeds(seed: int) -> noise.U64:
    return np.array([draws.key(seed, "machining")], np.uint64)


def _process(part: PartType, disturbed: Disturbed) -> Process:
    return _disturbed_process(part, disturbed.value("tool_scatter"), disturbed.value("breakage"))


@cache
def _disturbed_process(part: PartType, scatter: float, breakage: float) -> Process:
    """A part type's process with the shift's times instead of its own, and faults at their strength."""
    base = process_of(part)
    times = Times(0.0, 0.0, 0.0, base.times.warm_up_min, 0.0, 0.0)
    faults = replace(
        base.faults, breakage=min(1.0, base.faults.breakage * breakage), broken_min=0.0,
        jam=min(1.0, base.faults.jam * breakage), jam_min=0.0,
    )  # fmt: skip
    tool = replace(base.tool, life_scatter=base.tool.life_scatter * scatter)
    return replace(base, times=times, faults=faults, tool=tool)


def blank_hardness(lathe: Lathe, blank: int) -> float:
    """Return the true hardness of a blank against the file's, for tests of pairing."""
    bar = float(hardness(lathe.lanes, np.array([blank], np.uint64))[0])
    return bar * lathe.disturbed.hardness(blank)
