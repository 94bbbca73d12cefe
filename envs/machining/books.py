"""The ledger of a lot on one machine: what a part took in time, power, people and material, as it happened.

`envs.accounts` says which values each kind of event carries. Everything written is of one lane; writing needs
no random number and changes no state.
"""

from __future__ import annotations

import math
from functools import cache

from envs.ledger import Ledger
from envs.machining.library import material
from envs.machining.process import Process
from envs.machining.state import STANDBY, WARM_UP, Part, Setting, State

ORDER, PERSON, TOOL = "lot", "operator", "edge"
# Ours: what of a block is left around and below a pocket.
_WALL_MM = 10.0


@cache
def masses_kg(process: Process) -> tuple[float, float]:
    """Mass of a blank, and of the chips that are cut off it."""
    part, density = process.part, material(process.material).physical.density_kg_m3
    if process.kind == "turning":
        inside, outside = part.size_mm, part.size_mm + 2.0 * part.stock_mm
        blank = math.pi / 4.0 * outside**2 * part.length_mm
        chips = blank - math.pi / 4.0 * inside**2 * part.length_mm
    else:
        chips = part.size_mm * part.length_mm * part.stock_mm
        walls = (part.size_mm + 2 * _WALL_MM) * (part.length_mm + 2 * _WALL_MM)
        blank = walls * (part.stock_mm + _WALL_MM)
    return blank * 1e-9 * density, chips * 1e-9 * density


class Books:
    """Writes the ledger of one lane of a batch.

    Args:
        process: What is cut on what; its machine is the unit.
        lane: Which of the batch's.
    """

    def __init__(self, process: Process, lane: int) -> None:
        self.process, self.lane = process, lane
        self.ledger, self._now_s = Ledger(), 0.0

    def begin(self) -> None:
        """A new lot, and with it a new ledger, begins at 0 s."""
        self.ledger, self._now_s, unit = Ledger(), 0.0, self.process.machine
        self.ledger.append(0.0, "READY", unit)
        self.ledger.append(0.0, "PRODUCTION", unit)
        self.ledger.append(0.0, "order_released", ORDER, quantity=self.process.n_parts)
        self.ledger.append(0.0, "job_start", ORDER, unit=unit)

    def write(self, before: State, setting: Setting, part: Part) -> None:
        """A part.

        Args:
            before: The batch's state before it.
            setting: What the agents set.
            part: What came of it.
        """
        k, process = self.lane, self.process
        name = f"part-{int(before.part[k]) + 1}"
        blank_kg, chips_kg = masses_kg(process)
        begin_s = self._now_s
        self.ledger.append(begin_s, "part_arrived", name)
        self.ledger.append(begin_s, "material", name, mass_kg=blank_kg, chips_kg=chips_kg)
        cut_s = self._waiting(begin_s, before, setting)
        done_s = self._cutting(cut_s, name, part)
        end_s = begin_s + 60.0 * float(part.time_min[k])
        self._now_s = self._after(done_s, end_s, name, setting, part)
        if int(before.part[k]) + 1 == process.n_parts:
            self.ledger.append(self._now_s, "power", process.machine, power_w=0.0)
            self.ledger.append(self._now_s, "job_end", ORDER)

    def _power(self, at_s: float, kilowatts: float) -> None:
        self.ledger.append(at_s, "power", self.process.machine, power_w=1000.0 * kilowatts)

    def _waiting(self, at_s: float, before: State, setting: Setting) -> float:
        """An edge changed, the blank waited for, the machine warmed up; returns when the cut begins."""
        k, unit, times = self.lane, self.process.machine, self.process.times
        power = self.process.machine_spec.power_kw
        changes, idle = bool(setting.change[k]), int(setting.idle[k])
        change_min, warm_min = times.change_min * changes, times.warm_up_min * (idle == WARM_UP)
        waiting_min = max(float(before.gap_min[k]), change_min + warm_min)
        self._power(at_s, power.standby if idle == STANDBY else power.ready)
        if changes:
            self.ledger.append(at_s, "SETUP", unit)
            self.ledger.append(at_s, "STOPPED", unit)
            at_s += 60.0 * change_min
            self._edge(at_s, "worn")
            self.ledger.append(at_s, "PRODUCTION", unit)
        self.ledger.append(at_s, "READY", unit)
        at_s += 60.0 * (waiting_min - change_min - warm_min)
        if warm_min:
            self.ledger.append(at_s, "SETUP", unit)
            self._power(at_s, power.warm_up)
            at_s += 60.0 * warm_min
            self.ledger.append(at_s, "PRODUCTION", unit)
        return at_s

    def _cutting(self, at_s: float, name: str, part: Part) -> float:
        """The cut; returns when it ends."""
        k, unit = self.lane, self.process.machine
        self.ledger.append(at_s, "part_loaded", name)
        self.ledger.append(at_s, "cycle_start", unit)
        self.ledger.append(at_s, "ACTIVE", unit)
        self._power(at_s, float(part.cutting_kw[k]))
        at_s += 60.0 * float(part.cutting_min[k])
        self.ledger.append(at_s, "cycle_end", unit)
        self._power(at_s, self.process.machine_spec.power_kw.ready)
        return at_s

    def _after(self, at_s: float, end_s: float, name: str, setting: Setting, part: Part) -> float:
        """Mishaps cleared, the part handled, gauged and judged, people's time; returns when that is done."""
        k, process, unit = self.lane, self.process, self.process.machine
        broke, jammed = bool(part.broke[k]), bool(part.jammed[k])
        stop_min = process.faults.broken_min * broke + process.faults.jam_min * jammed
        if stop_min:
            self.ledger.append(at_s, "INTERRUPTED", unit)
            self.ledger.append(at_s, "alarm", unit, reason="edge broken" if broke else "chips")
            at_s += 60.0 * stop_min
            if broke:
                self._edge(at_s, "broken")
            if jammed:
                self.ledger.append(at_s, "intervention", unit, reason="chips")
            self.ledger.append(at_s, "alarm_cleared", unit)
        self.ledger.append(at_s, "READY", unit)
        end_s = max(at_s, end_s)  # the same up to rounding, where handling takes no time
        limit = process.part.tolerance_um
        if part.measured[k]:
            self.ledger.append(end_s, "measurement", name, name="size_um", value=float(part.reading_um[k]))
        for what, value, lower, upper in (
            ("size_um", part.size_um, -limit, limit), ("ra_um", part.ra_um, None, process.part.ra_limit_um)
        ):  # fmt: skip
            self.ledger.append(
                end_s, "characteristic", name, name=what, value=float(value[k]), lower=lower, upper=upper
            )
        self.ledger.append(end_s, "part_unloaded", name)
        self.ledger.append(end_s, "part_scrap" if part.caught[k] else "part_good", name, order=ORDER)
        changes = int(setting.change[k]) + broke
        near_min = process.prices.attended_share * float(part.time_min[k])
        spent_s = 60.0 * (near_min + changes * process.times.change_min + stop_min)
        self.ledger.append(end_s, "attended", PERSON, duration_s=spent_s)
        self.ledger.append(end_s, "paid", PERSON, duration_s=spent_s)
        return end_s

    def _edge(self, at_s: float, reason: str) -> None:
        self.ledger.append(at_s, "tool_change", TOOL, edges=1)
        self.ledger.append(at_s, "intervention", self.process.machine, reason=f"edge {reason}")
