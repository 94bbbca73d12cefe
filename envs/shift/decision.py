"""What is decided in a shift, by whom, with which tools: the contract with those who decide.

A shift stops at decision points. Each belongs to a role; whoever fills the role is shown a `Decision` and
answers with a `Choice` of one of the tools that are allowed now. People, rules, a learned policy and a
language model use the same tools. A choice is never trusted: the interlocks refuse what is unsafe or
impossible, write it down, and the first allowed tool, which is always safe, is taken instead.

Deciders need not import anything from here: a decision is read by attribute, and any object with `tool`,
`values` and `why`, or a plain tool's name, is a choice.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

ROLES = ("loading", "machining", "tool_care", "measuring", "dispatch", "fault_handling", "changeover")
Value = float | str


@dataclass(frozen=True)
class FieldSpec:
    """A value that a tool takes.

    Attributes:
        name: With its unit.
        meaning: In a few words.
        default: What it is where a choice leaves it out; "" for text that the shift fills in.
        low: Least number allowed; None for text.
        high: Largest number allowed.
        words: Texts allowed; () for numbers, and for text that the view lists, such as an order's name.
    """

    name: str
    meaning: str
    default: Value = 0.0
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether it is a number and not text."""
        return self.low is not None

    @property
    def limits(self) -> tuple[float, float]:
        """Least and largest number allowed.

        Raises:
            ValueError: for text.
        """
        if self.low is None or self.high is None:
            raise ValueError(f"{self.name} is text: it has no limits")
        return self.low, self.high


@dataclass(frozen=True)
class ToolSpec:
    """Something that can be done at a decision point.

    Attributes:
        name: Unique over all roles.
        role: Whose tool it is.
        meaning: In one line, for people and language models.
        fields: Values that it takes, all optional.
        person: Whether it takes a person's time.
    """

    name: str
    role: str
    meaning: str
    fields: tuple[FieldSpec, ...] = ()
    person: bool = False


class Decision(NamedTuple):
    """A decision point.

    Attributes:
        time_s: Simulated time since the beginning.
        role: Whose turn it is.
        tools: Names of the tools that are allowed now; the first is always safe.
        view: What sensors, ledger, order book and PLC can honestly tell, by name (`VIEW`); nothing hidden.
            What is not known is None.
    """

    time_s: float
    role: str
    tools: tuple[str, ...]
    view: Mapping[str, float | str | None]


class Choice(NamedTuple):
    """What is to be done.

    Attributes:
        tool: One of the decision's tools.
        values: Values for its fields; what is left out is the default.
        why: In a few words, for the ledger.
    """

    tool: str
    values: Mapping[str, Value] = MappingProxyType({})
    why: str = ""


@runtime_checkable
class Decider(Protocol):
    """Whoever fills a role. One object may fill several; it is reset once a shift for each."""

    def reset(self, facts: Mapping[str, Any], seed: int) -> None:
        """Begin a run.

        Args:
            facts: What is known beforehand: `role`, `tools` (`TOOLS`), `skills` (names of the ways of
                loading), `process` (its public figures by part type), `times_min` (usual minutes of a
                person's work), `hours`, `operators`, `machines_per_operator`, `prices` (euros).
            seed: Of the decider's own randomness.
        """

    def decide(self, decision: Decision) -> Any:
        """Return a `Choice`, or something like it."""


_CUT = (
    FieldSpec("speed", "cutting speed: the handbook's times 2^a", 0.0, -1.0, 1.0),
    FieldSpec("feed", "feed: the handbook's times 2^a", 0.0, -1.0, 1.0),
    FieldSpec("depth", "depth of a pass: the handbook's times 2^a", 0.0, -1.0, 1.0),
    FieldSpec("correction_um", "added to the tool's offset on the size", 0.0, -30.0, 30.0),
    FieldSpec("coolant", "what cools", "flood", words=("dry", "mql", "flood")),
)
_SKILL = (FieldSpec("skill", "which way of handling; the crew's own where left out", ""),)
_CHANGE = (
    FieldSpec("first_article", "check the first part before the lot runs", "yes", words=("yes", "no")),
)
_TOOLS = (
    # At an empty chuck with a blank and an order there; at a finished part in the chuck.
    ToolSpec("load", "loading", "the robot loads the next blank", _SKILL),
    ToolSpec("load_by_hand", "loading", "a person loads the next blank", (), person=True),
    ToolSpec("unload", "loading", "the robot takes the part out", _SKILL),
    ToolSpec("unload_by_hand", "loading", "a person takes the part out", (), person=True),
    # Before each cut; when the machine begins to wait.
    ToolSpec("cut", "machining", "cut the part with these data", _CUT),
    ToolSpec("stay_ready", "machining", "wait with everything switched on"),
    ToolSpec("standby", "machining", "wait with drives and pumps off"),
    ToolSpec("warm_up", "machining", "run the spindle empty while waiting, for the process's warm-up time"),
    # Before each cut.
    ToolSpec("keep_edge", "tool_care", "go on with this edge"),
    ToolSpec("sister_tool", "tool_care", "swing in the next sister tool of the turret"),
    ToolSpec("index_edge", "tool_care", "a person turns the insert and checks the offset", (), person=True),
    ToolSpec("preset_tools", "tool_care", "a person sets fresh tools in all stations", (), person=True),
    ToolSpec("service", "tool_care", "a person services coolant, chuck, gauge and filters", (), person=True),
    # After each part.
    ToolSpec(
        "gauge", "measuring", "set the part on the gauge; it is sorted by the reading",
        (FieldSpec("guard_um", "limits are drawn in by so much when sorting", 0.0, 0.0, 15.0),),
    ),
    ToolSpec("skip_gauge", "measuring", "put the part on the outfeed unmeasured"),
    ToolSpec(
        "measure_by_hand", "measuring", "a person measures and sorts the part",
        (FieldSpec("guard_um", "limits are drawn in by so much when sorting", 0.0, 0.0, 15.0),), person=True,
    ),
    # When an order ends or comes, blanks run low, parts wait for rework, or there is nothing to do.
    ToolSpec("carry_on", "dispatch", "go on with the order in hand"),
    ToolSpec(
        "start_order", "dispatch", "begin or go back to an order; a new part type needs a changeover",
        (FieldSpec("order", "its name, as in the view's open_orders; the first due where left out", ""),),
    ),
    ToolSpec("refill_tray", "dispatch", "ask for blanks; work goes on meanwhile", (), person=True),
    ToolSpec("stock_up", "dispatch", "a person fills turret and tray, as for a night", (), person=True),
    ToolSpec("rework_parts", "dispatch", "a person reworks what waits for it", (), person=True),
    ToolSpec(
        "hold", "dispatch", "wait for something to change",
        (FieldSpec("wait_min", "at most so long", 10.0, 1.0, 120.0),),
    ),
    # After a handling that failed by its sensors, an alarm, a broken edge, a nest of chips.
    ToolSpec("call_person", "fault_handling", "a person clears it", (), person=True),
    ToolSpec("retry", "fault_handling", "the robot tries the same again", _SKILL),
    ToolSpec("air_blow", "fault_handling", "blow seat and jaws clean, then try again", _SKILL),
    ToolSpec("reseat", "fault_handling", "the robot takes the part out and seats it again", _SKILL),
    ToolSpec("skip_slot", "fault_handling", "leave this blank, take the next"),
    ToolSpec("reject_part", "fault_handling", "the robot drops the part in the reject chute"),
    ToolSpec("reset_alarm", "fault_handling", "acknowledge the alarm and go on"),
    ToolSpec("rezero_robot", "fault_handling", "the robot finds the fixture's zero again by touch or camera"),
    ToolSpec("swap_broken_tool", "fault_handling", "the sister tool takes over from the broken edge"),
    ToolSpec("go_on", "fault_handling", "go on in spite of the warning"),
    # When an order's part type is not the one that the cell is set up for. Jaws, fingers, tools and blanks
    # take a person whatever is chosen; what differs is where the robot's program comes from.
    ToolSpec("recall_program", "changeover", "use the robot's program of that type", _CHANGE, person=True),
    ToolSpec("teach", "changeover", "a person teaches the robot the part type", _CHANGE, person=True),
    ToolSpec(
        "generalise", "changeover", "trust a skill that needs no teaching, watched for some cycles",
        (*_CHANGE, FieldSpec("watched_cycles", "cycles that a person watches", 0.0, 0.0, 100.0)),
        person=True,
    ),
    ToolSpec("by_hand_only", "changeover", "set up without a robot's program", _CHANGE, person=True),
    ToolSpec("decline_order", "changeover", "put the order off and take another"),
)  # fmt: skip
TOOLS: Mapping[str, ToolSpec] = MappingProxyType({tool.name: tool for tool in _TOOLS})

_SIGNALS = "as in envs.machining.lots.SIGNALS, in engineering units"
# What a view may hold. Every view has the first block; the rest depends on the role.
VIEW: Mapping[str, str] = MappingProxyType(
    {
        "hour": "hours since the shift began",
        "left_h": "hours left of it",
        "order": "order in hand, None where there is none",
        "part_type": "its part type",
        "order_left": "good parts that it still lacks",
        "due_min": "minutes until it is due, below 0 where late",
        "blanks": "blanks in the infeed tray",
        "rework": "parts that wait for rework",
        "sister_tools": "sister tools left in the turret",
        "operators": "operators on duty, whether free or not",
        "calls_waiting": "calls of all cells that wait for an operator, as the andon board shows",
        "good": "parts judged good in this run",
        "scrap": "parts judged scrap",
        "calls": "times that a person was called",
        "skill": "loading: the crew's usual skill",
        "failures": "loading, fault_handling: handlings in a row that failed",
        "failure_share": "share of the last 20 handlings whose sensors told of a failure",
        "seat_ok": "fault_handling, machining: 1 where the seat's sensor tells that the part bears",
        "gripper_has_part": "fault_handling: 1 where the fingers closed on something",
        "fault": "fault_handling: one of FAULTS, as the sensors tell",
        "attempts": "fault_handling: attempts at this fault so far",
        "reason": "machining, while waiting: what is waited for, one of WAITS",
        "expected_min": "machining, while waiting: how long such a wait took on average so far, None if new",
        "since_gauged": "measuring: parts since one was gauged",
        "suspect": "measuring, loading: 1 where this part's cycle had a warning",
        "gauge_ok": "measuring: 1 where the gauge works",
        "event": "dispatch: why it is asked, one of EVENTS",
        "open_orders": "dispatch: 'name:part_type:left:due_min' of each, first due first, ';' between",
        "tray_free": "dispatch: free places in the infeed tray",
        "new_type": "changeover: part type of the order",
        "setup_type": "changeover: part type that the cell is set up for",
        "known": "changeover: 'taught', 'size' (of a known family), 'geometry', 'family' (first of it)",
        "teach_min": "changeover: usual minutes of teaching it",
        "tolerance_um": "machining, tool_care, measuring: of the part type, either way",
        "load_percent": _SIGNALS,
        "vibration_mm_s": _SIGNALS,
        "acoustic": _SIGNALS,
        "spindle_c": _SIGNALS,
        "ambient_c": _SIGNALS,
        "coolant_c": _SIGNALS,
        "reading_um": _SIGNALS,
        "corrected_um": _SIGNALS,
        "parts_since_reading": _SIGNALS,
        "has_reading": _SIGNALS,
        "ra_share": _SIGNALS,
        "reading_spindle_k": _SIGNALS,
        "reading_ambient_k": _SIGNALS,
        "reading_edge_min": _SIGNALS,
        "edge_min": _SIGNALS,
        "offset_um": _SIGNALS,
        "gap_min": _SIGNALS,
        "parts_left": _SIGNALS,
        "changed": _SIGNALS,
        "jammed": _SIGNALS,
        "speed": _SIGNALS,
        "feed": _SIGNALS,
        "depth": _SIGNALS,
    }
)
FAULTS = (
    "missed_grasp",    # the fingers closed on nothing
    "dropped",         # the part was lost on the way
    "jammed",          # force limit, the robot stopped
    "collision",       # protective stop of the robot
    "no_seat",         # the seat's sensor does not tell that the part bears
    "unload_failed",   # the part is still in the machine, or lost
    "tool_broken",     # load monitor
    "chip_nest",       # chips about the part
    "machine_alarm",   # the machine tool is down
    "robot_alarm",     # the robot or its gripper is down
    "sensor_alarm",    # a sensor's signal is implausible
    "size_reject",     # the gauge refused a part
    "declined",        # a policy doubts which part is meant, and has touched none
)  # fmt: skip
WAITS = ("person", "blanks", "order", "robot", "changeover", "repair")
EVENTS = (
    *("start", "order_done", "order_released", "blanks_low", "starved", "rework_waits", "no_order"),
    "night_ahead",  # people leave soon, and nobody comes after them
)


def as_choice(answer: Any) -> Choice:
    """Return what a decider answered as a choice; what makes no sense is a choice of no tool."""
    if isinstance(answer, str):
        return Choice(answer)
    tool, values, why = (getattr(answer, name, None) for name in ("tool", "values", "why"))
    plain = values if isinstance(values, Mapping) else {}
    return Choice(tool if isinstance(tool, str) else "", plain, why if isinstance(why, str) else "")


def refusal(choice: Choice, decision: Decision, words: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """Return why a choice is refused, "" where it is not.

    Args:
        choice: What was chosen.
        decision: What it answers.
        words: Texts allowed for fields that `TOOLS` leaves open, by field, such as `skill` and `order`.
    """
    tool = TOOLS.get(choice.tool)
    if tool is None:
        near = difflib.get_close_matches(choice.tool, TOOLS, 1, 0.5)
        return f"tool {choice.tool!r} is unknown" + (f"; did you mean {near[0]!r}?" if near else "")
    if choice.tool not in decision.tools:
        return f"tool {choice.tool!r} is not allowed now: allowed are {', '.join(decision.tools)}"
    fields = {f.name: f for f in tool.fields}
    for name, value in choice.values.items():
        if name not in fields:
            return f"{choice.tool} has no value {name!r}"
        field_ = fields[name]
        if field_.is_number:
            low, high = field_.limits
            number = math.nan if isinstance(value, bool | str) else float(value)
            if not low <= number <= high:  # written so that NaN fails too
                return f"{name} is {value!r}: allowed are {low} to {high}"
        else:
            allowed = field_.words or (words or {}).get(name, ())
            if value not in allowed and value != field_.default:
                return f"{name} is {value!r}: allowed are {', '.join(allowed) or 'none'}"
    return ""


def values_of(choice: Choice) -> dict[str, Value]:
    """Return all values of a choice that was not refused, defaults filled in."""
    return {f.name: choice.values.get(f.name, f.default) for f in TOOLS[choice.tool].fields}


def tool_schema(names: tuple[str, ...] = tuple(TOOLS)) -> list[dict[str, Any]]:
    """Return the tools as JSON schema, as language models take functions."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": TOOLS[name].meaning,
                "parameters": {
                    "type": "object",
                    "properties": {f.name: _property(f) for f in TOOLS[name].fields}
                    | {"why": {"type": "string", "description": "the reason, in a few words"}},
                    "additionalProperties": False,
                },
            },
        }
        for name in names
    ]


def _property(spec: FieldSpec) -> dict[str, Any]:
    if spec.is_number:
        return {"type": "number", "description": spec.meaning, "minimum": spec.low, "maximum": spec.high}
    text: dict[str, Any] = {"type": "string", "description": spec.meaning}
    return text | ({"enum": list(spec.words)} if spec.words else {})
