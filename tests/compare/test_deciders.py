"""Deciders answer every decision that a shift could ask with something that its interlocks accept."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from views import BY_ROLE, FACTS, decisions

from agents import supervisor
from agents.catalog import AgentError
from agents.crews import create, crew, names
from agents.decider import ROLES
from agents.supervisor import Supervisor
from envs.shift import decision as contract
from envs.shift.decision import Decision, as_choice, refusal
from envs.shift.spec_blocks import NOVEL

PHASES = (Phase.explicit, Phase.generate)  # shrinking such views takes minutes
HERE = [name for name in names() if name != "language"]  # that one needs an endpoint
WORDS = {"skill": ("integrator",), "order": ("order-1", "order-2")}


def test_roles_are_those_of_the_contract():
    assert ROLES == contract.ROLES


@pytest.mark.parametrize("name", HERE)
@settings(max_examples=40, deadline=None, phases=PHASES)
@given(asked=st.lists(decisions(), min_size=1, max_size=4))
def test_answers_are_legal_and_say_why(name, asked):
    decider = create(name)
    decider.reset(FACTS, 0)
    for decision in asked:
        choice = as_choice(decider.decide(decision))
        assert refusal(choice, decision, WORDS) == ""
        assert choice.why


@pytest.mark.parametrize("name", HERE)
@settings(max_examples=10, deadline=None, phases=PHASES)
@given(asked=st.lists(decisions(), min_size=1, max_size=4))
def test_the_same_shift_gets_the_same_answers(name, asked):
    def answers():
        decider = create(name)
        decider.reset(FACTS, 3)
        return [decider.decide(decision) for decision in asked]

    assert answers() == answers()


def test_a_crew_shares_one_decider_between_its_roles():
    roles = {**dict.fromkeys(ROLES, "autonomous"), "loading": "automated"}
    made = crew(roles)
    assert made["machining"] is made["dispatch"]
    assert made["loading"] is not made["machining"]


def test_unknown_names_say_what_is_allowed():
    with pytest.raises(AgentError, match=r"unknown agent 'automatd'.*did you mean 'automated'"):
        create("automatd")
    with pytest.raises(AgentError, match="role 'dispatch' is filled by nobody"):
        crew({role: "manual" for role in ROLES if role != "dispatch"})


def fault(attempts, tools=("call_person", "retry", "skip_slot"), name="missed_grasp"):
    view = {"fault": name, "attempts": float(attempts), "calls_waiting": 0.0}
    return Decision(0.0, "fault_handling", tools, view)


def test_pre_written_recovery_ends_with_a_person():
    decider = create("automated", {"retries": 2.0})
    decider.reset(FACTS, 0)
    tools = [decider.decide(fault(k)).tool for k in range(4)]
    assert tools == ["retry", "retry", "skip_slot", "call_person"]
    basic = create("automated_basic")
    basic.reset(FACTS, 0)
    assert basic.decide(fault(0)).tool == "call_person"


def test_a_supervisor_learns_that_a_way_out_does_not_work():
    decider = create("autonomous")
    decider.reset(FACTS, 0)
    first = decider.decide(fault(0, ("call_person", "air_blow", "reseat"), "no_seat")).tool
    for _ in range(30):
        if decider.decide(fault(0, ("call_person", "air_blow", "reseat"), "no_seat")).tool == first:
            decider.decide(fault(1, ("call_person",), "no_seat"))
    assert first == "air_blow"
    assert decider.decide(fault(0, ("call_person", "air_blow", "reseat"), "no_seat")).tool == "reseat"


def machining(**view):
    return Decision(0.0, "machining", ("cut",), {"part_type": "shaft_m", "edge_min": 1.0, **view})


def test_a_supervisor_corrects_what_the_gauge_says_and_believes_it_more_when_unsure():
    corrections = []
    for spread in (1.0, 100.0):
        decider = Supervisor()
        decider.reset(FACTS, 0)
        for _ in range(3):  # readings of parts before these are not believed
            decider.decide(machining())
        decider.size = decider.size.moved(-decider.size.mean_um, spread - decider.size.variance_um2)
        view = {"has_reading": 1.0, "parts_since_reading": 0.0, "reading_um": 10.0}
        corrections.append(decider.decide(machining(**view)).values["correction_um"])
    assert -10.0 < corrections[1] < corrections[0] < 0.0


def test_a_supervisor_changes_a_worn_edge_and_keeps_a_fresh_one():
    decider = Supervisor()
    decider.reset(FACTS, 0)
    tools = tuple(BY_ROLE["tool_care"])

    def chosen(acoustic):
        view = {"edge_min": 10.0, "acoustic": acoustic, "ra_share": 0.2}
        return decider.decide(Decision(0.0, "tool_care", tools, view)).tool

    assert chosen(0.2) == "keep_edge"
    assert chosen(1.6) == "sister_tool"


def test_with_nobody_about_a_supervisor_keeps_an_edge_that_a_person_would_change():
    """A call would wait for hours; and while one waits, the machine stands by."""
    decider = Supervisor()
    decider.reset(FACTS, 0)

    def chosen(role, tools, **view):
        return decider.decide(Decision(0.0, role, tools, {"part_type": "shaft_m", **view})).tool

    worn = {"edge_min": 10.0, "acoustic": 1.25, "ra_share": 0.2}
    by_hand = ("keep_edge", "index_edge", "preset_tools")
    assert chosen("tool_care", by_hand, **worn, operators=1.0, left_h=6.0) == "index_edge"
    assert chosen("tool_care", by_hand, **worn, operators=0.0, left_h=6.0) == "keep_edge"
    waits = ("stay_ready", "standby", "warm_up")
    told = {"reason": "person", "expected_min": 0.5, "left_h": 6.0}
    assert chosen("machining", waits, **told, operators=1.0) == "stay_ready"
    assert chosen("machining", waits, **told, operators=0.0) == "standby"


@pytest.mark.parametrize("name", ["manual", "automated_basic", "automated", "autonomous"])
def test_before_a_night_everybody_fills_up(name):
    decider = create(name)
    decider.reset(FACTS, 0)
    tools = ("carry_on", "start_order", "refill_tray", "stock_up", "hold")
    view = {
        "event": "night_ahead",
        "open_orders": "order-1:shaft_m:12:55.0",
        "sister_tools": 1.0,
        "blanks": 9.0,
    }
    assert decider.decide(Decision(0.0, "dispatch", tools, view)).tool == "stock_up"


def test_a_supervisor_trusts_a_skill_with_few_parts_of_a_new_geometry_and_has_many_taught():
    assert supervisor.NOVEL == NOVEL
    decider = Supervisor()
    decider.reset(FACTS, 0)
    tools = ("teach", "generalise", "by_hand_only")

    def chosen(known, parts):
        view = {"known": known, "order_left": parts, "teach_min": 120.0, "new_type": "new-1"}
        return decider.decide(Decision(0.0, "changeover", tools, view)).tool

    assert chosen("size", 1000.0) == "generalise"
    assert chosen("geometry", 1000.0) == "teach"
    assert chosen("geometry", 5.0) != "teach"
