"""The contract with those who decide: tools, refusals, schema, what a view may hold."""

import json
import math
from dataclasses import replace

import pytest
from crews import Fuzz, Rules, crew

from envs.shift import ROLES, TOOLS, Choice, Decision, load_shift, tool_schema
from envs.shift.books import SAW
from envs.shift.cycles import RecordedHandling, load_table
from envs.shift.decision import EVENTS, FAULTS, VIEW, WAITS, as_choice, refusal, values_of
from envs.shift.shift import Shift
from envs.shift.spec import Block

DECISION = Decision(0.0, "machining", ("cut",), {})


def test_every_role_has_tools_and_every_tool_a_role():
    assert {tool.role for tool in TOOLS.values()} == set(ROLES)
    assert set(SAW) == set(ROLES)
    assert {name for names in SAW.values() for name in names} <= set(VIEW)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda t: t.name)
def test_tools_are_schema(tool):
    (entry,) = tool_schema((tool.name,))
    function = json.loads(json.dumps(entry))["function"]
    assert function["name"] == tool.name
    assert set(function["parameters"]["properties"]) == {f.name for f in tool.fields} | {"why"}
    for field in tool.fields:
        if field.is_number:
            assert field.low <= field.default <= field.high
    choice = Choice(tool.name)
    assert refusal(choice, Decision(0.0, tool.role, (tool.name,), {})) == ""
    assert set(values_of(choice)) == {f.name for f in tool.fields}


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (Choice("cutt"), "did you mean 'cut'"),
        (Choice("load"), "not allowed now"),
        (Choice("cut", {"speed": 2.0}), "speed is 2.0"),
        (Choice("cut", {"speed": math.nan}), "speed is nan"),
        (Choice("cut", {"speed": "fast"}), "speed is 'fast'"),
        (Choice("cut", {"speed": True}), "speed is True"),
        (Choice("cut", {"coolant": "beer"}), "coolant is 'beer'"),
        (Choice("cut", {"thrust": 1.0}), "no value 'thrust'"),
        (as_choice(None), "unknown"),
        (as_choice(3.0), "unknown"),
        (as_choice({"tool": "cut"}), "unknown"),
    ],
)
def test_bad_choices_are_refused(choice, says):
    assert says in refusal(choice, DECISION)


def test_what_is_like_a_choice_is_one():
    class Own:
        tool, values, why = "cut", {"speed": 0.5}, "mine"

    assert as_choice("cut") == Choice("cut")
    assert as_choice(Own()) == Choice("cut", {"speed": 0.5}, "mine")
    assert refusal(as_choice(Own()), DECISION) == ""


class Watcher(Rules):
    """Plain rules that look at every decision."""

    def __init__(self):
        self.seen = []

    def decide(self, d):
        self.seen.append(d)
        return super().decide(d)


def test_views_hold_what_they_say_and_nothing_hidden():
    watcher = Watcher()
    spec = load_shift().with_strengths(all=4).with_blocks(Block(hours=4.0))
    shift = Shift(spec, 2, RecordedHandling("skilled"))
    shift.run(crew(watcher))
    words = {"fault": FAULTS, "reason": WAITS, "event": EVENTS}
    for decision in watcher.seen:
        assert set(decision.view) <= set(VIEW)
        assert decision.tools
        assert all(TOOLS[tool].role == decision.role for tool in decision.tools)
        for name, value in decision.view.items():
            assert value is None or isinstance(value, float | str), (name, value)
            assert not isinstance(value, float) or math.isfinite(value)
            if value is not None and name in words:
                assert value in words[name]
    # One decision in the ledger for each that was asked, with what was seen.
    assert shift.ledger.count("decision") == len(watcher.seen)
    # Deciders are never told the true size of a part: it is not among what they see.
    true = {e.data["value"] for e in shift.ledger.select("characteristic") if e.data["name"] == "size_um"}
    seen = {v for d in watcher.seen for v in d.view.values() if isinstance(v, float)}
    assert true
    assert not true & seen


def test_nonsense_is_written_down_and_does_no_harm():
    shift = Shift(load_shift().with_blocks(Block(hours=1.0)), 2, RecordedHandling("skilled"))
    ledger = shift.run(crew(Fuzz(nonsense=0.5)))
    refused = ledger.select("interlock")
    assert refused
    assert shift.floor.counts.refused == len(refused)
    assert all(e.data["name"] and "tool" in e.data for e in refused)


def test_untaught_types_need_teaching():
    """A skill with programs does not handle what nobody has programmed, whoever asks for it."""

    class Stubborn(Rules):
        def decide(self, d):
            if d.role == "changeover" and "by_hand_only" in d.tools:
                return "by_hand_only"
            if d.role == "loading":
                return "load" if "load_by_hand" in d.tools else "unload"
            return super().decide(d)

    spec = load_shift().with_orders(new_types_per_week=1000.0).with_blocks(Block(hours=3.0))
    ledger = Shift(spec, 1, RecordedHandling("skilled")).run(crew(Stubborn()))
    assert not ledger.select("ACTIVE", "robot")
    assert ledger.select("interlock")


@pytest.mark.parametrize(("kind", "novel"), [("size", False), ("geometry", True), ("family", True)])
def test_what_is_trusted_untaught_is_novel_unless_only_its_size_is_new(kind, novel):
    class Watched(RecordedHandling):
        """Handling that writes down what it is asked to handle."""

        def load(self, skill, blank, conditions):
            blanks.append(blank)
            return super().load(skill, blank, conditions)

    class Trusting(Rules):
        def decide(self, d):
            return "generalise" if "generalise" in d.tools else super().decide(d)

    blanks = []
    shares = tuple(float(kind == name) for name in ("size", "geometry", "family"))
    spec = load_shift().with_orders(new_types_per_week=1000.0, new_kinds=shares).with_blocks(Block(hours=1.5))
    skilled = load_table("skilled")
    free = replace(skilled, skill=replace(skilled.skill, needs_teaching=False))
    Shift(spec, 1, Watched(free)).run(crew(Trusting()))
    assert blanks
    assert {blank.novel for blank in blanks} == {novel}
