"""Rules for a shift: a person at the machine, a robot that stops on every alarm, a good integrator's cell.

A rule is fixed beforehand and says which it is (`why`). Cutting data, offsets and edges follow the rules of
`agents.machining`, which are held to the same machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from agents.decider import Answer, Asked, Decider, open_orders
from agents.machining import (
    CHANGE,
    CORRECTION,
    DEPTH,
    FEED,
    FULL_CORRECTION_UM,
    MEASURE,
    SPEED,
    Handbook,
    HandbookHyper,
    Machinist,
    MachinistHyper,
    Rules,
    TunedHyper,
    TunedRules,
)


class RuleDecider(Decider):
    """What all rules share; subclasses bring the machine's rules and what they do otherwise.

    Attributes:
        cutting: Rules for data, offsets, edges and gauging.
        words: Who says so, in an answer's reason.
        first_article: Above 0, the first part after a changeover is checked before the lot runs.
        slack_min: An order of the part type that is set up goes before one that is due in more than this;
            0 for none.
    """

    cutting: Rules
    words: ClassVar[str] = "rule"
    first_article: float = 1.0
    slack_min: float = 0.0
    _type: str = ""

    def _rule(self, asked: Asked) -> dict[int, float]:
        return {key: float(value) for key, value in self.cutting.rule(asked.signals()).items()}

    def machining(self, asked: Asked) -> Answer:
        """Before a cut: its data; while waiting: what stays switched on."""
        if "cut" not in asked.tools:
            return self.waiting(asked)
        r = self._rule(asked)
        values: dict[str, float | str] = {
            name: max(-1.0, min(1.0, r.get(key, 0.0)))
            for name, key in (("speed", SPEED), ("feed", FEED), ("depth", DEPTH))
        }
        um = max(-1.0, min(1.0, r.get(CORRECTION, 0.0))) * FULL_CORRECTION_UM
        values |= {"correction_um": um, "coolant": "flood"}
        return Answer("cut", values, f"{self.words}: data for this part, offset {um:+.1f} um")

    def waiting(self, asked: Asked) -> Answer:
        """While waiting: everything stays switched on."""
        return asked.first(f"{self.words}: leave it running", "stay_ready")

    def tool_care(self, asked: Asked) -> Answer:
        """Change the edge when the rule says so."""
        edge = asked.number("edge_min")
        if self._rule(asked).get(CHANGE, -1.0) <= 0.5:
            return asked.first(f"{self.words}: {edge:.0f} min in the cut, edge stays", "keep_edge")
        why = f"{self.words}: edge is due after {edge:.0f} min, load {asked.number('load_percent'):.0f} %"
        return asked.first(why, "sister_tool", "preset_tools", "index_edge")

    def due(self, asked: Asked) -> bool:
        """Whether this part is to be measured."""
        return self._rule(asked).get(MEASURE, -1.0) > 0.0

    def dispatch(self, asked: Asked) -> Answer:
        """Finish what was begun, then the order that is due first; ask for blanks in time."""
        event = asked.text("event")
        self._type = asked.text("part_type") or self._type
        if event == "night_ahead":
            return asked.first(f"{self.words}: fill it up for the night", "stock_up")
        if event in ("blanks_low", "starved") and "refill_tray" in asked.tools:
            return asked.first(f"{self.words}: {asked.number('blanks'):.0f} blanks left", "refill_tray")
        if event == "rework_waits" or (event == "no_order" and asked.number("rework") > 0):
            return asked.first(f"{self.words}: parts wait for rework", "rework_parts", "carry_on", "hold")
        if event in ("start", "order_done") and "start_order" in asked.tools:
            return self._next_order(asked)
        if event == "no_order":
            return asked.first(f"{self.words}: nothing to do", "hold", wait_min=10.0)
        return asked.first(f"{self.words}: one order after the other", "carry_on", "start_order", "hold")

    def _next_order(self, asked: Asked) -> Answer:
        orders = open_orders(asked)
        same = next((o for o in orders if o.part_type == self._type), None)
        if self.slack_min > 0 and same is not None and orders[0].due_min > self.slack_min:
            return asked.first(
                f"{self.words}: {same.name} needs no changeover", "start_order", order=same.name
            )
        return asked.first(f"{self.words}: the order that is due first", "start_order")

    def changeover(self, asked: Asked) -> Answer:
        """Use the robot's program where there is one; have it taught where there is none."""
        check = "yes" if self.first_article > 0 else "no"
        if asked.text("known") == "taught":
            why = f"{self.words}: the program of {asked.text('new_type')} is stored"
            return asked.first(why, "recall_program", first_article=check)
        minutes = asked.number("teach_min")
        why = f"{self.words}: nobody has taught {asked.text('new_type')}: {minutes:.0f} min of teaching"
        return asked.first(why, "teach", first_article=check)


@dataclass(frozen=True)
class ManualHyper(MachinistHyper):
    """What a skilled worker does besides cutting.

    Attributes:
        guard_um: Limits are drawn in by so much when sorting.
        switch_off_min: A wait of so long is worth switching off.
        first_article: Above 0, the first part after a changeover is checked before the lot runs.
        slack_min: An order that needs no changeover goes before one that is due in more than this.
    """

    guard_um: float = 1.0
    switch_off_min: float = 15.0
    first_article: float = 1.0
    slack_min: float = 120.0


class Manual(RuleDecider):
    """A person at the machine: loads, measures, clears and decides by hand, with a machinist's rules."""

    hyper_class: ClassVar[type] = ManualHyper
    words = "machinist"

    def __init__(self, hyper: ManualHyper = ManualHyper()) -> None:
        self.hyper = hyper
        self.cutting = Machinist(hyper)
        self.first_article, self.slack_min = hyper.first_article, hyper.slack_min

    def loading(self, asked: Asked) -> Answer:
        """By hand."""
        return asked.first("machinist: by hand", "load_by_hand", "unload_by_hand")

    def waiting(self, asked: Asked) -> Answer:
        """Switch off what will stand for long."""
        if asked.number("expected_min") >= self.hyper.switch_off_min:
            return asked.first("machinist: this will take long, switch off", "standby")
        return asked.first("machinist: leave it running", "stay_ready")

    def measuring(self, asked: Asked) -> Answer:
        """By hand, when unsure."""
        if not self.due(asked) and asked.number("suspect") <= 0:
            return asked.first("machinist: sure of this one", "skip_gauge")
        return asked.first(
            "machinist: not sure, measure it", "measure_by_hand", "gauge", guard_um=self.hyper.guard_um
        )

    def fault_handling(self, asked: Asked) -> Answer:
        """Clears it with a hand."""
        fault = asked.text("fault")
        if fault == "tool_broken":
            return asked.first(
                "machinist: the edge is gone, take the next", "swap_broken_tool", "call_person"
            )
        if fault == "size_reject":
            return asked.first("machinist: set it aside and go on", "go_on", "call_person")
        return asked.first(f"machinist: clear it by hand ({fault})", "call_person")

    def changeover(self, asked: Asked) -> Answer:
        """There is no robot to teach."""
        check = "yes" if self.first_article > 0 else "no"
        return asked.first("machinist: set up for loading by hand", "by_hand_only", first_article=check)


@dataclass(frozen=True)
class BasicHyper(HandbookHyper):
    """Fixed counts.

    Attributes:
        every: Parts from one gauging to the next.
    """

    every: float = 10.0


class AutomatedBasic(RuleDecider):
    """Replays what was taught, changes edges by the clock, gauges by count, stops on every alarm."""

    hyper_class: ClassVar[type] = BasicHyper
    words = "basic rule"

    def __init__(self, hyper: BasicHyper = BasicHyper()) -> None:
        self.hyper = hyper
        self.cutting = Handbook(hyper)

    def loading(self, asked: Asked) -> Answer:
        """Replay."""
        return asked.first("basic rule: replay the program", "load", "unload")

    def measuring(self, asked: Asked) -> Answer:
        """Every so many parts."""
        if asked.number("since_gauged") + 1 >= self.hyper.every:
            return asked.first("basic rule: the count is full", "gauge")
        return asked.first("basic rule: between two counts", "skip_gauge")

    def fault_handling(self, asked: Asked) -> Answer:
        """Stop and wait for a person."""
        return asked.first(f"basic rule: stop on alarm ({asked.text('fault')})", "call_person")


@dataclass(frozen=True)
class AutomatedHyper(TunedHyper):
    """What an integrator tunes on validation shifts besides the data of the part.

    Attributes:
        retries: Handlings tried again before a person is called.
        guard_um: Limits are drawn in by so much when sorting.
        standby_min: A wait that took so long before is spent in standby.
        warm_up_after_min: After so long a wait the spindle is warmed up; none where the wait is shorter.
        preempt_min: An order due within so many minutes goes before one that is not.
        sister_um_per_min: A sister tool's own offset: what a minute of the old edge's wear is undone by.
        ra_change: Share of the roughness allowed at which the edge goes.
        suspect_gauge: Above 0, parts with a warning in their cycle are gauged.
        first_article: Above 0, the first part after a changeover is checked before the lot runs.
        slack_min: An order that needs no changeover goes before one that is due in more than this.
    """

    retries: float = 2.0
    guard_um: float = 2.0
    standby_min: float = 3.0
    warm_up_after_min: float = 60.0
    preempt_min: float = 0.0
    sister_um_per_min: float = 1.2
    ra_change: float = 0.9
    suspect_gauge: float = 1.0
    first_article: float = 1.0
    slack_min: float = 120.0


# A part is gauged while the next one is cut: readings are so many cuts behind.
LAG = 2
# What pre-written recovery does, attempt by attempt; a person comes after the last.
_RECOVERY: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "missed_grasp": (("retry",), ("retry",), ("skip_slot",)),
    "declined": (("skip_slot",),),
    "dropped": (("skip_slot", "retry"),),
    "jammed": (("reset_alarm", "retry"), ("retry",)),
    "collision": (),
    "no_seat": (("air_blow",), ("reseat", "air_blow"), ("reject_part",)),
    "unload_failed": (("retry",), ("retry",)),
    "tool_broken": (("swap_broken_tool",),),
    "chip_nest": (("air_blow",),),
    "machine_alarm": (("reset_alarm",),),
    "robot_alarm": (("reset_alarm",),),
    "sensor_alarm": (("reset_alarm",),),
    "size_reject": (("go_on",), ("go_on",)),
    "misplaced": (("rezero_robot",),),
}  # fmt: skip


class Automated(RuleDecider):
    """A good integrator's cell: checks, pre-written recovery, gauge feedback, load limits, standby."""

    hyper_class: ClassVar[type] = AutomatedHyper
    words = "rule"

    def __init__(self, hyper: AutomatedHyper = AutomatedHyper()) -> None:
        self.hyper = hyper
        self.cutting = TunedRules(hyper)
        self.first_article, self.slack_min = hyper.first_article, hyper.slack_min

    def reset(self, facts: Mapping[str, Any], seed: int) -> None:
        """Begin a shift."""
        super().reset(facts, seed)
        self._edge_min, self._cuts = 0.0, LAG

    def machining(self, asked: Asked) -> Answer:
        """As all rules; a new edge has its own offset, and readings of the old one are left out."""
        answer = super().machining(asked)
        if answer.tool != "cut":
            return answer
        before, self._edge_min = self._edge_min, asked.number("edge_min")
        self._cuts = 0 if self._edge_min < before else self._cuts + 1
        if self._cuts >= LAG:
            return answer
        undone = self.hyper.sister_um_per_min * max(0.0, before) if self._cuts == 0 else 0.0
        undone = min(FULL_CORRECTION_UM, undone)
        why = f"rule: the new edge's own offset, {undone:+.1f} um" if undone else "rule: wait for its reading"
        return answer._replace(values={**answer.values, "correction_um": undone}, why=why)

    def tool_care(self, asked: Asked) -> Answer:
        """As all rules, and when the gauge says that parts get rough."""
        share = asked.number("ra_share")
        if self._cuts >= LAG and share >= self.hyper.ra_change:
            why = f"rule: roughness at {share:.0%} of what is allowed"
            return asked.first(why, "sister_tool", "preset_tools", "index_edge")
        return super().tool_care(asked)

    def loading(self, asked: Asked) -> Answer:
        """With the vision offset, checks, compliance and search that the skill has."""
        return asked.first("rule: look, shift the program, check", "load", "unload")

    def waiting(self, asked: Asked) -> Answer:
        """Standby by the clock."""
        wait = asked.number("expected_min")
        if wait >= self.hyper.warm_up_after_min:
            return asked.first("rule: long wait, keep it warm", "warm_up")
        if wait >= self.hyper.standby_min:
            return asked.first(f"rule: waits like this take {wait:.0f} min, standby", "standby")
        return asked.first("rule: short wait, stay ready", "stay_ready")

    def measuring(self, asked: Asked) -> Answer:
        """Every so many parts, after a change and after a warning."""
        suspect = self.hyper.suspect_gauge > 0 and asked.number("suspect") > 0
        if suspect or self.due(asked):
            why = "rule: there was a warning" if suspect else "rule: the count is full or the edge is new"
            return asked.first(why, "gauge", "skip_gauge", guard_um=self.hyper.guard_um)
        return asked.first("rule: between two counts", "skip_gauge")

    def dispatch(self, asked: Asked) -> Answer:
        """As all rules, but an order that is due soon may go first."""
        if asked.text("event") == "order_released" and self.hyper.preempt_min > 0:
            first = next(iter(open_orders(asked)), None)
            late = asked.number("due_min", 1e9) - (first.due_min if first else 1e9)
            urgent = first is not None and first.due_min <= self.hyper.preempt_min and late > 0
            if first is not None and urgent and first.name != asked.text("order"):
                why = f"rule: {first.name} is due in {first.due_min:.0f} min"
                return asked.first(why, "start_order", order=first.name)
        return super().dispatch(asked)

    def fault_handling(self, asked: Asked) -> Answer:
        """Pre-written recovery, then a person."""
        fault, attempt = asked.text("fault"), max(0, int(asked.number("attempts")))
        steps = _RECOVERY.get(fault, ())
        retrying = attempt < len(steps) and attempt <= self.hyper.retries
        if retrying and any(tool in asked.tools for tool in steps[attempt]):
            tool = next(tool for tool in steps[attempt] if tool in asked.tools)
            return asked.first(f"rule: {fault}, attempt {attempt + 1} of {len(steps)}", tool)
        return asked.first(f"rule: {fault}, recovery is at its end: a person", "call_person")
