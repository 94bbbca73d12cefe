"""One part after another: loading, cutting, unloading."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from envs.shift import draws
from envs.shift.floor import ROBOT, SENSOR, Floor, Part
from envs.shift.handling import DECLINED, INSIDE, Blank, Outcome
from envs.shift.kernel import Process
from envs.shift.lathe import Cut
from envs.shift.mending import Mending
from envs.shift.sorting import Sorting
from envs.shift.spec_blocks import NOVEL
from envs.shift.upkeep import CRASHED, Upkeep

# What a handling's result looks like to the sensors; a mis-seat shows where the seat's sensor tells.
SEEN = {
    "missed_grasp": "missed_grasp", "dropped": "dropped", "jammed": "jammed", "collision": "collision",
    DECLINED: DECLINED,
}  # fmt: skip
# Results after which the part lies where it lay.
_UNTOUCHED = ("missed_grasp", DECLINED)
# A look, and the thinking about it.
_LOOK_S = 0.1
# A hand's mis-seat: run-out and gap in mm, and how often the seat's sensor tells.
_HAND_RUNOUT_MM, _HAND_GAP_MM, _HAND_SENSED = 0.3, 0.2, 0.7
# Chips that were left about the seat, as a strength.
_DIRTY = 3
# A handling's scene has up to four candidates; where the order has as many blanks left, all are its own.
_CANDIDATES = 4


def _next_tool(end: str, tool: str) -> str:
    """What a loading goes on with: the robot again, as before where a person put it right, or by hand."""
    return {"by_hand": "load_by_hand", "again": "load", "same": tool}[end]


def _declined(outcome: Outcome) -> Outcome:
    """The same handling up to where who handles doubted which part is meant."""
    seconds = max(outcome.doubted_s, _LOOK_S)
    share = min(1.0, seconds / outcome.duration_s)
    return Outcome(
        seconds, DECLINED, energy_j=share * outcome.energy_j, seat_ok=False, gripped=False,
        episode=outcome.episode, doubted_s=outcome.doubted_s,
    )  # fmt: skip


class Parts:
    """The flow of parts through the cell.

    Args:
        floor: The shop floor.
        mending: What is done where handling fails.
        upkeep: What is done about alarms and edges.
        sorting: Where parts go.
    """

    def __init__(self, floor: Floor, mending: Mending, upkeep: Upkeep, sorting: Sorting) -> None:
        self.floor, self.mending, self.upkeep, self.sorting = floor, mending, upkeep, sorting

    # -- loading ----------------------------------------------------------------------------------------
    def load(self) -> Generator[Any, Any, Part | None]:
        """Get a blank into the chuck; None where this one had to be left."""
        floor = self.floor
        part = self._take()
        robot = bool(floor.able_skill)
        tools = ("load", "load_by_hand") if robot else ("load_by_hand", "load")
        tool, values = yield from floor.decide("loading", tools if robot else tools[:1])
        blown = False
        while True:
            if tool == "load_by_hand":
                yield from self._by_hand(part)
            else:
                fault = yield from self._by_robot(part, str(values["skill"]), blown=blown)
                if fault:
                    end, values, blown = yield from self.mending.loading(fault, part)
                    if end == "next":
                        return None
                    tool = _next_tool(end, tool)
                    part.attempt += 1
                    continue
            if not floor.guard.seat_ok:
                end, values, blown = yield from self.mending.loading("no_seat", part)
                if end == "next":
                    return None
                tool = _next_tool(end, tool)
                part.attempt += 1
                continue
            return part

    def _take(self) -> Part:
        floor = self.floor
        assert floor.hand is not None
        part = Part(floor.next_blank, floor.hand.order.type, floor.hand.order.name)
        floor.next_blank += 1
        floor.blanks -= 1
        for factor in ("fixture_offset", "camera"):
            if floor.disturbed.moves(factor, part.number):
                floor.moved = floor.moved | {factor}
        return part

    def _by_hand(self, part: Part) -> Process:
        floor, people = self.floor, self.floor.spec.people
        yield from floor.person("load_by_hand")
        floor.guard.check("enter")
        self.sorting.arrive(part)
        floor.write("part_grasped", part.name, by="hand")
        yield floor.work_s("load_by_hand", hand=True)
        part.hand = True
        wrong, slip, sensed = (
            draws.uniform(floor.seed, use, part.number)
            for use in ("hand wrong", "hand error", "hand sensed")
        )  # fmt: skip
        part.wrong = wrong < people.wrong_part
        bad = slip < people.hand_error and part.attempt == 0
        part.runout_mm, part.gap_mm = (_HAND_RUNOUT_MM, _HAND_GAP_MM) if bad else (0.01, 0.0)
        self._clamp(part, seat_ok=not (bad and sensed < _HAND_SENSED))

    def _by_robot(self, part: Part, skill: str, *, blown: bool) -> Generator[Any, Any, str]:
        """Let the robot load; returns what the sensors say went wrong, "" where nothing seems to have."""
        floor = self.floor
        yield from self.mending.watch()
        outcome = yield from self._handle("load", part, skill, blown=blown)
        if outcome.result not in _UNTOUCHED:
            self.sorting.arrive(part)
            floor.write("part_grasped", part.name, by="robot")
        fault = SEEN.get(outcome.result, "")
        floor.handled.append(not fault and outcome.seat_ok)
        if outcome.result in INSIDE:
            floor.guard.arm_inside = True
        if outcome.result == "collision":
            floor.guard.robot_stopped = True
            floor.write("collision", "robot")
        if outcome.result == "dropped":
            floor.write("part_dropped", part.name)
        if not fault:
            part.wrong = outcome.result == "wrong_part"
            part.runout_mm, part.gap_mm = outcome.runout_mm, outcome.gap_mm
            self._clamp(part, seat_ok=outcome.seat_ok)
        return fault

    def _clamp(self, part: Part, *, seat_ok: bool) -> None:
        floor, guard = self.floor, self.floor.guard
        floor.write("part_loaded", part.name)
        if seat_ok:
            floor.write("part_seated", part.name)
        floor.write("chuck_clamped")
        guard.clamped, guard.seat_ok = True, seat_ok

    def _handle(self, task: str, part: Part, skill: str, *, blown: bool) -> Generator[Any, Any, Outcome]:
        """One handling by the robot."""
        floor, usual = self.floor, self.floor.able_skill
        floor.leave()
        floor.guard.check("enter")
        kind = part.type
        key = draws.key(floor.seed, "blank", part.number)
        novel = kind.known in NOVEL and kind.name not in floor.programs
        blank = Blank(key, kind.family, kind.size, part.attempt, novel)
        conditions = floor.disturbed.conditions(part.number, floor.moved, blown=blown)
        if part.relaid:  # a person wiped it, cleaned the seat and laid it down where it belongs
            left = {n: s for n, s in conditions.strengths.items() if n not in ("oil_film", "chips")}
            conditions = conditions._replace(nested=True, strengths=left)
        if task == "load" and self.upkeep.dirty:
            dirty = max(_DIRTY, conditions.strengths.get("chips", 0))
            conditions = conditions._replace(strengths={**conditions.strengths, "chips": dirty})
            self.upkeep.dirty = False
        handle = floor.handling.load if task == "load" else floor.handling.unload
        outcome = handle(skill or usual, blank, conditions)
        doubted = task == "load" and outcome.doubted_s >= 0.0 and floor.spec.cell.heeds_doubts
        if doubted and self._mixed(part):
            outcome = _declined(outcome)
        elif outcome.result == "wrong_part" and not self._mixed(part):
            limit_mm = kind.runout_limit_mm
            off = max(outcome.gap_mm, outcome.runout_mm) > limit_mm
            outcome = outcome._replace(result="misseated" if off else "seated")
        if self.mending.stumbles():
            outcome = outcome._replace(result="jammed")
        floor.counts.handlings += 1
        floor.write("ACTIVE", "robot", task=task, part=part.name, episode=outcome.episode)
        yield outcome.duration_s
        floor.write("energy", "arm", energy_j=outcome.energy_j)
        stopped = outcome.result in INSIDE
        floor.write("INTERRUPTED" if stopped else "READY", "robot", result=outcome.result)
        if floor.fails_within(ROBOT, outcome.duration_s):
            yield from self.upkeep.robot_alarm()
        return outcome

    def _mixed(self, part: Part) -> bool:
        """Whether what was taken for this blank is another order's: blanks lie order by order."""
        floor = self.floor
        left = floor.hand.left if floor.hand is not None else 0
        return draws.uniform(floor.seed, "neighbours", part.number) >= left / _CANDIDATES

    # -- cutting ----------------------------------------------------------------------------------------
    def cut(self, part: Part) -> Process:
        """Close the door, look after the edge, cut, open the door."""
        floor, guard, cell = self.floor, self.floor.guard, self.floor.spec.cell
        guard.check("close_door")
        yield cell.door_s
        guard.door_open = False
        floor.write("door_closed")
        yield from self.upkeep.tool_care()
        _, values = yield from floor.decide("machining", ("cut",), seat_ok=float(guard.seat_ok))
        floor.leave()
        if guard.door_open:
            yield cell.door_s
            guard.door_open = False
            floor.write("door_closed")
        guard.check("cycle_start")
        done = floor.lathe.cut(
            part.number, values, (floor.now_s - floor.last_cut_s) / 60.0, warmed=floor.warmed
        )
        floor.warmed = False
        floor.write("cycle_start", None, part=part.name)
        guard.spindle_on = True
        if part.wrong:
            yield from self._crash(part)
        else:
            yield from self._cutting(part, done)
        guard.spindle_on = False
        floor.counts.cycles += 1
        floor.last_cut_s = floor.now_s
        floor.lathe_is("PRODUCTION", "READY")
        floor.write("cycle_end", None, part=part.name)
        if part.broken:
            yield from self.upkeep.broken_edge(part)
        if done.jammed and not part.wrong:
            part.suspect = True
            yield from self.upkeep.chip_nest()
        guard.check("open_door")
        yield cell.door_s
        guard.door_open = True
        floor.write("door_open")

    def _cutting(self, part: Part, done: Cut) -> Process:
        floor = self.floor
        floor.lathe_is("PRODUCTION", "ACTIVE", done.power_w)
        # A broken edge is noticed half-way through.
        seconds = done.cutting_s * (0.5 if done.broke else 1.0)
        yield from self.upkeep.running(seconds)
        part.broken = done.broke
        part.size_um, part.ra_um = done.size_um, done.ra_um
        limit = part.type.tolerance_um
        floor.write(
            "characteristic", part.name, name="size_um", value=part.size_um, lower=-limit, upper=limit
        )
        floor.write(
            "characteristic", part.name, name="ra_um", value=part.ra_um, lower=None,
            upper=part.type.ra_limit_um,
        )  # fmt: skip
        floor.write(
            "characteristic", part.name, name="runout_mm", value=max(part.runout_mm, part.gap_mm), lower=None,
            upper=part.type.runout_limit_mm,
        )  # fmt: skip
        if floor.fails_within(SENSOR, done.cutting_s):
            part.suspect = True
            yield from self.upkeep.sensor_alarm()
        if not part.hand and floor.fails_within(ROBOT, done.cutting_s):
            yield from self.upkeep.robot_alarm()

    def _crash(self, part: Part) -> Process:
        """The wrong part is in the chuck: tool and part meet where nobody expects it."""
        floor = self.floor
        floor.lathe_is("PRODUCTION", "ACTIVE")
        yield 5.0
        floor.guard.spindle_on = False
        floor.write("collision", None, cause="wrong part")
        part.broken = True
        yield from self.upkeep.crash(CRASHED)

    # -- unloading --------------------------------------------------------------------------------------
    def unload(self, part: Part) -> Process:
        """Get the part out and on its way."""
        floor = self.floor
        robot = bool(floor.able_skill)
        tools = ("unload", "unload_by_hand") if robot else ("unload_by_hand",)
        tool, values = yield from floor.decide("loading", tools, suspect=float(part.suspect or part.broken))
        floor.guard.check("unclamp")
        lost = False
        part.attempt, blown = 0, False
        while True:
            if tool == "unload_by_hand":
                yield from floor.person("unload_by_hand")
                yield floor.work_s("unload_by_hand", hand=True)
                break
            outcome = yield from self._handle("unload", part, str(values["skill"]), blown=blown)
            fault = SEEN.get(outcome.result, "")
            floor.handled.append(not fault)
            if not fault:
                break
            floor.guard.arm_inside = outcome.result in INSIDE
            if outcome.result == "collision":
                floor.guard.robot_stopped = True
                floor.write("collision", "robot")
            if outcome.result == "dropped":
                floor.write("part_dropped", part.name)
            end, values, blown = yield from self.mending.unloading(outcome.result, part)
            lost = lost or outcome.result == "dropped" or end == "next"
            part.attempt += 1
            if lost or end == "done":
                break
            tool = "unload"
        floor.guard.clamped = floor.guard.seat_ok = False
        floor.write("chuck_unclamped")
        floor.write("part_unloaded", part.name)
        if lost or part.broken:
            self.sorting.judge(part, "scrap")
            return
        yield from self.sorting.measure(part)
