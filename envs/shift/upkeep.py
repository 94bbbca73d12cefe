"""Alarms of robot, sensors and machine, crashes, chips and edges: what each choice takes and does."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np

from envs.shift import draws
from envs.shift.floor import MACHINE, Floor, Part
from envs.shift.kernel import Process

CRASHED = "wrong part clamped"
# What works by itself, how often (estimates of ours), and how long it takes.
BLOWS_NEST_AWAY = 0.5
ROBOT_RESETS, MACHINE_RESETS, RESET_S = 0.4, 0.3, 5.0
# Sensor alarms that are true: clamping pressure is low.
TRUE_ALARM = 0.15
REPAIR_SIGMA = 0.7
# Joules of electricity for a norm cubic metre of compressed air: 0.115 kWh (configs/prices).
AIR_J_NM3 = 0.115 * 3.6e6


class Upkeep:
    """What is done about alarms, failures and edges.

    Attributes:
        debris: Dropped parts that lie about.
        dirty: Whether chips were left about the seat.

    Args:
        floor: The shop floor.
    """

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.debris = 0
        self.dirty = False
        self._numbers: dict[str, int] = {}

    def draw(self, use: str) -> float:
        """Return a number in (0, 1) for the n-th use of a kind."""
        number = self._numbers.get(use, 0)
        self._numbers[use] = number + 1
        return draws.uniform(self.floor.seed, use, number)

    def blow(self) -> Process:
        """Blow seat and jaws clean."""
        floor, cell = self.floor, self.floor.spec.cell
        floor.write("air_blow")
        floor.write("energy", "air", energy_j=cell.blow_nm3 * AIR_J_NM3)
        yield cell.air_blow_s

    # -- alarms -----------------------------------------------------------------------------------------
    def _alarm(self, fault: str, tools: tuple[str, ...]) -> Generator[Any, Any, str]:
        """Ask what to do about an alarm; the machine is held meanwhile."""
        tool, _ = yield from self.floor.decide("fault_handling", tools, fault=fault)
        return str(tool)

    def robot_alarm(self) -> Process:
        """Robot or gripper are down."""
        floor = self.floor
        floor.write("alarm", "robot", name="robot_alarm")
        tools: tuple[str, ...] = ("call_person", "reset_alarm")
        while True:
            tool = yield from self._alarm("robot_alarm", tools)
            if tool == "reset_alarm":
                yield RESET_S
                if self.draw("robot reset") < ROBOT_RESETS:
                    break
                tools = ("call_person",)
                continue
            yield from self._person_mends("robot_alarm", floor.work_s("reset"))
            mttr_s = 60.0 * floor.spec.breakdowns.robot_mttr_min
            number = self._numbers.get("robot repair", 0)
            self._numbers["robot repair"] = number + 1
            yield draws.lognormal(mttr_s, REPAIR_SIGMA, floor.seed, "robot repair", number)
            floor.leave()
            break
        floor.write("alarm_cleared", "robot", name="robot_alarm")

    def sensor_alarm(self) -> Process:
        """A sensor's signal is implausible; now and then it is right."""
        floor = self.floor
        true = self.draw("true alarm") < TRUE_ALARM
        if true and floor.lathe.state is not None:
            floor.lathe.state = replace(floor.lathe.state, chuck_lost=np.ones(1, np.bool_))
        floor.write("alarm", None, name="sensor_alarm")
        before = floor.books.current
        floor.lathe_is("PRODUCTION", "FEED_HOLD")
        tool = yield from self._alarm("sensor_alarm", ("call_person", "reset_alarm", "go_on"))
        if tool == "reset_alarm":
            yield RESET_S
        elif tool == "call_person":
            yield from self._person_mends("sensor_alarm", floor.work_s("reset"))
            if true:
                floor.lathe.service()
            floor.leave()
        floor.lathe_is(*before)
        floor.write("alarm_cleared", None, name="sensor_alarm")

    def chip_nest(self) -> Process:
        """Chips about the part."""
        floor = self.floor
        floor.write("alarm", None, name="chip_nest")
        tools: tuple[str, ...] = ("call_person", "air_blow", "go_on")
        while True:
            tool = yield from self._alarm("chip_nest", tools)
            if tool == "air_blow":
                yield from self.blow()
                if self.draw("nest") < BLOWS_NEST_AWAY:
                    break
                tools = ("call_person", "go_on")
                continue
            if tool == "go_on":
                self.dirty = True
                break
            yield from self._person_mends("chip_nest", floor.work_s("chip_nest"))
            floor.leave()
            break
        floor.write("alarm_cleared", None, name="chip_nest")

    def _person_mends(self, fault: str, seconds: float) -> Process:
        floor = self.floor
        floor.lathe_is("PRODUCTION", "INTERRUPTED")
        yield from floor.person(fault, unplanned=True)
        yield seconds
        self.debris = 0

    def running(self, seconds: float) -> Process:
        """The spindle cuts for so long, unless the machine tool fails meanwhile."""
        floor = self.floor
        if not floor.fails_within(MACHINE, seconds):
            yield seconds
            return
        number = floor.failed[MACHINE]
        share = draws.uniform(floor.seed, "failure at", number)
        yield share * seconds
        mode, execution = floor.books.current
        power = floor.books.power_of(floor.spec.unit)
        yield from self._machine_alarm(number)
        floor.lathe_is(mode, execution, power)
        yield (1.0 - share) * seconds

    def _machine_alarm(self, number: int) -> Process:
        floor, b = self.floor, self.floor.spec.breakdowns
        floor.guard.spindle_on = False
        floor.write("breakdown")
        floor.lathe_is("PRODUCTION", "STOPPED", "standby")
        tool = yield from self._alarm("machine_alarm", ("call_person", "reset_alarm"))
        minor = self.draw("machine reset") < MACHINE_RESETS
        if tool == "reset_alarm":
            yield RESET_S
        if tool != "reset_alarm" or not minor:
            yield from floor.person("machine_alarm", unplanned=True)
            yield floor.work_s("diagnosis")
            floor.leave()
            if not minor:
                repair_s = draws.lognormal(
                    3600.0 * b.machine_mttr_h, REPAIR_SIGMA, floor.seed, "repair", number
                )
                if draws.uniform(floor.seed, "spare part", number) < b.part_share:
                    low, high = b.part_wait_h
                    yield 3600.0 * (low + (high - low) * draws.uniform(floor.seed, "part wait", number))
                yield from self._technician(repair_s)
        floor.write("repair")
        floor.guard.spindle_on = True

    def _technician(self, seconds: float) -> Process:
        """Maintenance comes, who is paid for what it is here."""
        floor = self.floor
        for left in _slices(seconds):
            yield left
            for kind in ("attended", "paid"):
                floor.write(kind, "technician", duration_s=left)

    def crash(self, cause: str) -> Process:
        """Tool and part have met: hours and money."""
        floor = self.floor
        floor.write("breakdown")
        floor.lathe_is("PRODUCTION", "STOPPED", "standby")
        low, high = floor.spec.breakdowns.crash_eur
        floor.write("expense", "crash", amount_eur=low + (high - low) * self.draw("crash eur") ** 2)
        yield from floor.person(cause, unplanned=True)
        yield floor.work_s("diagnosis")
        floor.leave()
        yield from self._technician(floor.work_s("crash"))
        floor.write("repair")
        self._edge_out("broken", checked=True)

    # -- edges ------------------------------------------------------------------------------------------
    def _edge_out(self, why: str, *, checked: bool) -> None:
        """The edge at work goes, the next one comes."""
        self.floor.lathe.new_edge(checked=checked)
        self.floor.write("tool_change", "edge", edges=1, why=why)

    def tool_care(self) -> Process:
        """Before a cut: what about the edge?"""
        floor = self.floor
        tools = ["keep_edge", "index_edge", "preset_tools", "service"]
        if floor.sister_tools:
            tools.insert(1, "sister_tool")
        tool, _ = yield from floor.decide("tool_care", tuple(tools))
        if tool == "sister_tool":
            yield from self._swap()
        elif tool == "service":
            yield from floor.person("service")
            self._open()
            floor.lathe_is("MAINTENANCE", "STOPPED")
            yield floor.work_s("service")
            floor.lathe.service()
            floor.lathe_is("PRODUCTION", "READY")
        elif tool != "keep_edge":
            yield from self._edge_by_hand(tool)

    def fresh_tools(self) -> Process:
        """A person sets fresh tools in all stations."""
        yield from self._edge_by_hand("preset_tools")

    def _edge_by_hand(self, kind: str) -> Process:
        """A person changes the edge, or all of the turret's."""
        floor = self.floor
        yield from floor.person(kind)
        self._open()
        floor.lathe_is("SETUP", "STOPPED")
        yield floor.work_s(kind)
        if kind == "preset_tools":
            floor.sister_tools = floor.spec.cell.sister_tools
        self._edge_out(kind, checked=True)
        floor.lathe_is("PRODUCTION", "READY")

    def _open(self) -> None:
        guard = self.floor.guard
        guard.check("open_door")
        if not guard.door_open:
            guard.door_open = True
            self.floor.write("door_open")

    def _swap(self) -> Process:
        floor = self.floor
        yield floor.spec.cell.sister_tool_s
        floor.sister_tools -= 1
        self._edge_out("sister", checked=False)

    def broken_edge(self, part: Part) -> Process:
        """The load monitor has found the edge broken."""
        floor = self.floor
        if part.wrong:
            return
        floor.write("alarm", None, name="tool_broken")
        tools = ("call_person", "swap_broken_tool") if floor.sister_tools else ("call_person",)
        tool = yield from self._alarm("tool_broken", tools)
        if tool == "swap_broken_tool":
            yield from self._swap()
        else:
            floor.lathe_is("PRODUCTION", "INTERRUPTED")
            yield from floor.person("tool_broken", unplanned=True)
            self._open()
            yield floor.work_s("index_edge")
            self._edge_out("broken", checked=True)
            floor.leave()
        floor.write("alarm_cleared", None, name="tool_broken")


def _slices(seconds: float) -> list[float]:
    """Hours of work, so that what is not done by the end of a run is not paid in it."""
    whole, rest = divmod(seconds, 3600.0)
    return [3600.0] * int(whole) + ([rest] if rest > 0.0 else [])
