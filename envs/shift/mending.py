"""Handling that failed: what fault handling chooses among, and what each choice takes and does."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from envs.shift.decision import Value
from envs.shift.floor import Floor, Part
from envs.shift.handling import DECLINED
from envs.shift.kernel import Process
from envs.shift.upkeep import Upkeep

End = Generator[Any, Any, tuple[str, dict[str, Value], bool]]
# What the robot does by itself works so often (estimates of ours), and takes so long.
BACKS_OUT, BACK_OUT_S = 0.7, 5.0
ZEROES = 0.9
REJECT_S, RESEAT_S = 6.0, 4.0
# A dropped part lies where the robot or the door has to go; elsewhere each makes a later handling jam.
IN_THE_WAY, STUMBLES = 0.3, 0.03
# Attempts by the robot at one part, after which only a person is left.
MOST_ATTEMPTS = 6
# What a person does about a fault, besides zeroing what was moved.
WORK_FOR = {
    "missed_grasp": "reset", "dropped": "clear_jam", "jammed": "clear_jam", "collision": "clear_jam",
    "no_seat": "reset", "unload_failed": "clear_jam", DECLINED: "reset",
}  # fmt: skip
NONE: dict[str, Value] = {"skill": ""}


class Mending:
    """What is done where a loading or an unloading fails.

    Args:
        floor: The shop floor.
        upkeep: What is done about alarms.
        scrap: Judges a lost part.
    """

    def __init__(self, floor: Floor, upkeep: Upkeep, scrap: Callable[[Part], None]) -> None:
        self.floor, self.upkeep, self.scrap = floor, upkeep, scrap

    # -- handling ---------------------------------------------------------------------------------------
    def stumbles(self) -> bool:
        """Whether the robot meets what lies about."""
        return self.upkeep.debris > 0 and self.upkeep.draw("stumble") < STUMBLES * self.upkeep.debris

    def watch(self) -> Process:
        """A person watches a new part's loading, as long as that was asked for."""
        floor = self.floor
        if floor.watched > 0:
            floor.watched -= 1
            yield from floor.person("watch")
            yield floor.work_s("watched_cycle")

    def loading(self, fault: str, part: Part) -> End:
        """A loading that failed; ends in "again" by the robot, the "same" as before, "by_hand" or "next"."""
        floor, blocking = self.floor, fault == "dropped" and self.upkeep.draw("in the way") < IN_THE_WAY
        floor.write("alarm", None, name=fault, part=part.name)
        gripped = float(fault not in ("missed_grasp", DECLINED))
        for asked in range(10**6):
            tools = self._loading_tools(fault, part, blocking=blocking, asked=asked)
            tool, values = yield from floor.decide(
                "fault_handling", tools, fault=fault, attempts=float(part.attempt + asked),
                seat_ok=float(floor.guard.seat_ok), gripper_has_part=gripped,
            )  # fmt: skip
            end, blown = yield from self._try(tool, fault, part)
            if end:
                self._cleared(fault)
                return end, values if "skill" in values else NONE, blown
        raise AssertionError("a person ends it")

    def _loading_tools(self, fault: str, part: Part, *, blocking: bool, asked: int) -> tuple[str, ...]:
        tools = ["call_person"]
        cell = self.floor.spec.cell
        robot = fault != "collision" and not blocking and part.attempt + asked < MOST_ATTEMPTS
        robot = robot and bool(self.floor.able_skill)
        if robot and fault not in ("dropped", DECLINED):  # who looks again sees the same
            tools += ["retry", "air_blow"] if fault == "no_seat" else ["retry"]
            if fault == "no_seat":
                tools += ["reseat", "reject_part"]
            if cell.automatic_rezero and fault != "jammed":
                tools.append("rezero_robot")
        if fault in ("missed_grasp", DECLINED) or (fault == "dropped" and not blocking):
            tools.append("skip_slot")
        return tuple(tools)

    def _try(self, tool: str, fault: str, part: Part) -> Generator[Any, Any, tuple[str, bool]]:
        """Do what was chosen; "" where it did not help."""
        floor, cell = self.floor, self.floor.spec.cell
        if tool == "call_person":
            yield from self.called(fault, part)
            if fault == "dropped":
                self.scrap(part)
                return "next", False
            return ("by_hand" if part.attempt > MOST_ATTEMPTS else "same"), fault == "no_seat"
        if tool == "skip_slot":
            if fault == "dropped":
                self.upkeep.debris += 1
                self.scrap(part)
            return "next", False
        floor.write("retry", "robot", tool=tool)
        if tool == "reject_part":
            yield REJECT_S
            self._unclamp()
            self.scrap(part)
            return "next", False
        if tool == "rezero_robot":
            yield 60.0 * cell.rezero_min
            if self.upkeep.draw("rezero") < ZEROES:
                floor.moved = frozenset()
        if tool == "air_blow":
            yield from self.upkeep.blow()
        if tool == "reseat":
            yield RESEAT_S
        if fault == "jammed":
            yield BACK_OUT_S
            if self.upkeep.draw("back out") >= BACKS_OUT:
                return "", False
            floor.guard.arm_inside = False
            floor.write("READY", "robot")
        self._unclamp()
        return "again", tool == "air_blow"

    def unloading(self, result: str, part: Part) -> End:
        """An unloading that failed; ends in "again", "done" or "next" where the part is lost."""
        floor = self.floor
        floor.write("alarm", None, name="unload_failed", part=part.name)
        for asked in range(10**6):
            tools = ["call_person"]
            tired = part.attempt + asked >= MOST_ATTEMPTS
            if result not in ("collision", "dropped") and not tired:
                tools.append("retry")
                if floor.spec.cell.automatic_rezero and result == "missed_grasp":
                    tools.append("rezero_robot")
            tool, values = yield from floor.decide(
                "fault_handling", tuple(tools), fault="unload_failed", attempts=float(part.attempt + asked),
                seat_ok=float(floor.guard.seat_ok), gripper_has_part=float(result != "missed_grasp"),
            )  # fmt: skip
            if tool == "call_person":
                yield from self.called("unload_failed", part)
                self._cleared("unload_failed")
                return ("next" if result == "dropped" else "done"), NONE, False
            end, _ = yield from self._try(tool, "jammed" if result == "jammed" else "unload_failed", part)
            if end:
                self._cleared("unload_failed")
                return end, values if "skill" in values else NONE, False
        raise AssertionError("a person ends it")

    def called(self, fault: str, part: Part) -> Process:
        """A person comes and clears a handling fault."""
        floor = self.floor
        before = floor.books.current
        floor.lathe_is("PRODUCTION", "INTERRUPTED")
        yield from floor.person(fault, unplanned=True)
        yield floor.work_s(WORK_FOR[fault])
        if floor.moved:
            yield floor.work_s("rezero")
            floor.moved = frozenset()
        self.upkeep.debris = 0
        part.relaid = True
        guard = floor.guard
        if guard.arm_inside or guard.robot_stopped:
            floor.write("READY", "robot")
        guard.arm_inside = guard.robot_stopped = False
        if fault != "unload_failed":
            self._unclamp()
        floor.leave()
        floor.lathe_is(*before)

    def _cleared(self, fault: str) -> None:
        self.floor.write("alarm_cleared", None, name=fault)

    def _unclamp(self) -> None:
        guard = self.floor.guard
        if guard.clamped and not guard.seat_ok:
            guard.check("unclamp")
            guard.clamped = False
            self.floor.write("chuck_unclamped")
