"""What the machine of a tended cell does to the part: time, true size, run-out and energy of its cycle.

The process is `configs/machining/tended_turning.yaml`, cut by the machine model of `envs.machining`. One
episode is one part out of a long day: how worn and warm the machine is, is drawn with the part. What is cut
off is too little to be seen, or felt by fingers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from configs import data
from configs.records import record
from envs.ledger import Ledger
from envs.machining import machine, noise
from envs.machining.noise import F64
from envs.machining.process import Process
from envs.machining.state import FLOOD, READY, Lanes, Setting, State
from envs.machining.variation import split

# Share of an edge's life and of full heat on a nominal day, and what other days differ by: what has drifted
# since a person corrected the offset (ours).
HALF, DRIFTED = 0.5, 0.15
# Run-out that a drawing of such a part allows (ours).
RUN_OUT_LIMIT_UM = 100.0
_USED, _WARM = 96, 97
UNIT, PART = "machine", "part_0"


@cache
def process(across_mm: float) -> Process:
    """The process on a part of that size across."""
    found = _as_written()
    return replace(found, part=replace(found.part, size_mm=across_mm))


@cache
def _as_written() -> Process:
    read = data.read("machining", "tended_turning")
    named = read.content | {"name": "tended_turning", "sha256": read.sha256}
    return record(Process, named, read.source)


@dataclass(frozen=True)
class Result:
    """What came of the part.

    Attributes:
        size_mm: True size across the turned end.
        error_um: Of that, less what the program asks for.
        run_out_um: Total run-out of the turned end against what was clamped.
        ra_um: Roughness.
        good: Whether size, roughness and run-out are within what is allowed.
        wear_share: Share of the edge's life that the part took.
    """

    size_mm: float
    error_um: float
    run_out_um: float
    ra_um: float
    good: bool
    wear_share: float


class Cut:
    """The cycle of one episode; it writes down what a ledger has to know of it.

    Args:
        across_mm: Nominal size across the end that is turned.
        oversize_mm: Of the blank.
        seed: Of everything that is drawn.
        nominal: Whether the machine and day are those of the file.

    Attributes:
        cycle_s: How long the machine is ACTIVE.
        result: What came of the part; None before.
    """

    def __init__(self, across_mm: float, oversize_mm: float, seed: int, *, nominal: bool) -> None:
        self.process, self._seed, self._nominal = process(across_mm), seed, nominal
        # A larger blank is cut deeper, and forces grow in proportion.
        self._deeper = 1.0 + oversize_mm / 2.0 / self.process.part.stock_mm
        self._apart_s = 60.0 * self.process.times.handling_min
        load = machine.nominal_load(self.process)
        self.cycle_s = 60.0 * float(load.cutting_min[0]) + self._apart_s
        self._off_axis_m = 0.0
        self.result: Result | None = None

    @cached_property
    def _day(self) -> tuple[Lanes, State]:
        """Machine, bar and day; worked out when something is cut, which many an episode does not come to."""
        lanes = split("nominal" if self._nominal else "seen").lanes(
            np.array([self._seed], np.uint64), np.zeros(1, np.int64)
        )
        state = _on_a_day(self.process, lanes, nominal=self._nominal)
        return replace(lanes, hardness=lanes.hardness * self._deeper), state

    def begin(self, ledger: Ledger) -> None:
        """The machine waits."""
        ledger.append(0.0, "READY", UNIT)
        self._power(ledger, 0.0, self.process.machine_spec.power_kw.ready)

    def follow(self, ledger: Ledger, time_s: float, execution: str, run_out_m: float) -> None:
        """The machine's execution has changed.

        Args:
            ledger: Where to write.
            time_s: When.
            execution: READY, ACTIVE or INTERRUPTED.
            run_out_m: Total run-out of the part as it is clamped. It is turned about the spindle's axis, so
                the new end runs out by as much against the old one. Where that is more than the stock, a part
                of the round is never reached by the edge.
        """
        ready_kw = self.process.machine_spec.power_kw.ready
        if execution == "ACTIVE":
            self._off_axis_m = run_out_m / 2.0
            under = machine.under_way(self.process, *self._day, self._setting())
            kwh = float(under.energy_kwh[0]) + ready_kw * self._apart_s / 3600.0
            ledger.append(time_s, "cycle_start", UNIT)
            self._power(ledger, time_s, kwh * 3600.0 / self.cycle_s)
            return
        self._power(ledger, time_s, ready_kw)
        if execution == "READY":
            ledger.append(time_s, "cycle_end", UNIT)
            self.result = self._done()
            self._judge(ledger, time_s, self.result)

    @staticmethod
    def _power(ledger: Ledger, time_s: float, kilowatts: float) -> None:
        ledger.append(time_s, "power", UNIT, power_w=1e3 * kilowatts)

    def _setting(self) -> Setting:
        one, no, chosen = np.ones(1), np.zeros(1, np.bool_), self.process.handbook
        return Setting(
            one * chosen.speed_m_min, one * chosen.feed_mm, one * chosen.depth_mm, one * 0.0, no, no,
            np.array([FLOOD]), np.array([READY]),
        )  # fmt: skip

    def _done(self) -> Result:
        lanes, state = self._day
        after, part, _ = machine.cut(self.process, lanes, state, self._setting())
        spec, error_um = self.process.part, float(part.size_um[0])
        run_out_um = 2e6 * self._off_axis_m
        reached = 1e3 * self._off_axis_m < spec.stock_mm * self._deeper
        return Result(
            size_mm=spec.size_mm - 2.0 * spec.stock_mm + 1e-3 * error_um,
            error_um=error_um,
            run_out_um=run_out_um,
            ra_um=float(part.ra_um[0]),
            good=bool(part.good[0]) and reached and run_out_um <= RUN_OUT_LIMIT_UM,
            wear_share=float(after.used[0] - state.used[0]),
        )

    def _judge(self, ledger: Ledger, time_s: float, result: Result) -> None:
        limit = self.process.part.tolerance_um
        for name, value, lower, upper in (
            ("size_um", result.error_um, -limit, limit),
            ("run_out_um", result.run_out_um, None, RUN_OUT_LIMIT_UM),
            ("ra_um", result.ra_um, None, self.process.part.ra_limit_um),
        ):
            ledger.append(time_s, "characteristic", PART, name=name, value=value, lower=lower, upper=upper)
        ledger.append(time_s, "tool_wear", "edge", life_share=result.wear_share)


def _on_a_day(process: Process, lanes: Lanes, *, nominal: bool) -> State:
    """The machine before the part: half worn and warm, as the offset is right for, or a little off that."""
    state, heat = machine.fresh(process, lanes), process.machine_spec.thermal

    def at(used: F64, warm: F64) -> State:
        return replace(
            state, used=used, spindle_k=warm * heat.spindle.full_rise_k, feed_k=warm * heat.feed.full_rise_k,
            coolant_k=warm * heat.coolant.full_rise_k,
        )  # fmt: skip

    half = np.full(1, HALF)
    middle = machine.expected_size_um(process, lanes, at(half, half), machine.nominal_load(process))
    drawn = [2.0 * noise.uniform(lanes.key, state.part, use) - 1.0 for use in (_USED, _WARM)]
    used, warm = (half if nominal else half + DRIFTED * one for one in drawn)
    return replace(at(used, warm), offset_um=state.setting_um - middle)
