"""A shift as a whole: it balances, is the same bits for the same seed, and modes meet the same blanks."""

import json
import math
from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
from crews import ByHand, Fuzz, Rules, crew
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.balance import check_balance
from envs.ledger import Ledger
from envs.prices import load_prices, load_region
from envs.shift import Choice, load_shift
from envs.shift.cycles import Group, RecordedHandling, Row, Table
from envs.shift.handling import RESULTS, Skill
from envs.shift.lathe import blank_hardness
from envs.shift.shift import Shift, drawn_state, planned_run_s, warm_states
from envs.shift.spec import FACTORS, Block, Strengths
from experiments.qcde import Setting, figures, totals
from experiments.totals import add_up

SPEC = load_shift()
SHORT = SPEC.with_blocks(Block(hours=1.5))
HANDLING = RecordedHandling("skilled", "integrator")


def rough(*results):
    """A skill that does everything wrong that can be done wrong, each as often; it needs no teaching."""
    rows = []
    for k, result in enumerate([*results, "misseated"] * 2):
        seat_ok = int(result in ("seated", "wrong_part") or k % 2)
        off = 0.3 if result == "misseated" else 0.01
        rows.append(Row(k, "shaft", "medium", 4.0 + k, result, off, off, 100.0, seat_ok, 1))
    groups = (Group(task, False, 0, "", tuple(rows)) for task in ("load", "unload"))
    return RecordedHandling(Table(Skill("rough", needs_teaching=False), tuple(groups)), "skilled")


ROUGH = rough(*RESULTS)
CREWS = {"rules": Rules, "by hand": ByHand, "fuzz": Fuzz, "nobody": None}


def run(spec, seed, who, state=None, handling=HANDLING):
    shift = Shift(spec, seed, handling, state)
    shift.run(crew(CREWS[who]()) if CREWS[who] else None)
    return shift


def sums(ledger):
    setting = Setting("lathe", planned_run_s(ledger), load_prices(), load_region("germany"), "lifecycle")
    return totals(ledger, setting)


# What a shift consists of is drawn all at once: any strengths, any crew, any staffing.
SHIFTS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**40),
        "strengths": st.fixed_dictionaries(dict.fromkeys(FACTORS, st.integers(0, 5))),
        "who": st.sampled_from(sorted(CREWS)),
        "operators": st.integers(0, 2),
        "machines": st.integers(1, 6),
        "lot": st.sampled_from([1, 5, 60]),
        "absence": st.sampled_from([0.0, 0.5, 1.0]),
        "blocks": st.sampled_from(
            [
                (Block(hours=1.5),),
                (Block(hours=0.5), Block(hours=1.0, manned=False)),
                (Block(hours=0.75, gap_h=16.0), Block(hours=0.75, gap_h=16.0)),
            ]
        ),
        "carried": st.booleans(),
        "handling": st.sampled_from(["recorded", "rough"]),
    }
)


def built(drawn):
    spec = SPEC.with_blocks(*drawn["blocks"]).with_strengths(**drawn["strengths"])
    spec = spec.with_people(
        operators=drawn["operators"], machines_per_operator=drawn["machines"], absence=drawn["absence"]
    )
    return spec.with_orders(lot_size=drawn["lot"])


def ran(drawn):
    """The shift, begun afresh or with what another left."""
    spec = built(drawn)
    handling = ROUGH if drawn["handling"] == "rough" else HANDLING
    state = None
    if drawn["carried"]:
        state = run(spec, drawn["seed"] + 1, drawn["who"], handling=handling).state
    return run(spec, drawn["seed"], drawn["who"], state, handling)


@settings(max_examples=25, deadline=None)
@given(SHIFTS)
def test_all_balances(drawn):
    shift = ran(drawn)
    ledger = shift.ledger
    assert check_balance(ledger, ["lathe"]) == []
    whole = sums(ledger)
    # Time: the shift is the planned operation time, all of it.
    assert math.isclose(whole.times.pot_s, 3600.0 * 1.5, rel_tol=1e-9)
    # Parts: what entered is good, scrap, in rework or in progress, and the cell counts alike.
    parts = whole.parts
    assert parts.entered == parts.good + parts.scrap + parts.in_rework + parts.in_progress
    assert parts.good == shift.floor.counts.good
    assert parts.scrap == shift.floor.counts.scrap
    assert parts.in_rework == len(shift.floor.rework)
    # Money: the causes make the total, and labour is the hours that were paid.
    assert whole.costs.labour == pytest.approx(whole.paid_h * load_region("germany").labour_eur_per_h)
    # People: who is there is paid, and nobody is paid for more than the shift but for idle time shared.
    assert whole.attended_h <= whole.paid_h + 1e-9
    persons = {e.subject for e in ledger.select("paid")} - {"technician"}
    for person in persons:
        paid_s = sum(e.data["duration_s"] for e in ledger.select("paid", person))
        assert paid_s <= 3600.0 * 1.5 + 1e-6


@settings(max_examples=25, deadline=None)
@given(SHIFTS)
def test_interlocks_hold(drawn):
    """No spindle-on with the arm inside, no door on the arm, no cycle without a seated part."""
    ledger = ran(drawn).ledger
    inside = door = seated = spinning = False
    for event in ledger:
        kind, subject = event.kind, event.subject
        if subject == "robot" and kind in ("ACTIVE", "INTERRUPTED"):
            assert not spinning
            inside = True
        elif subject == "robot" and kind == "READY":
            inside = False
        elif kind in ("door_open", "door_closed"):
            assert not inside
            assert not spinning
            door = kind == "door_closed"
        elif kind == "part_seated":
            seated = True
        elif kind == "chuck_unclamped":
            assert not spinning
            seated = False
        elif kind == "cycle_start":
            assert door
            assert seated
            assert not inside
            spinning = True
        elif kind in ("cycle_end", "breakdown"):
            spinning = False


@pytest.mark.parametrize("who", sorted(CREWS))
def test_same_seed_same_bits(who, tmp_path):
    spec = SHORT.with_strengths(all=3)
    first, second = run(spec, 5, who).ledger, run(spec, 5, who).ledger
    assert first == second
    assert first != run(spec, 6, who).ledger
    first.to_jsonl(tmp_path / "a.jsonl")
    assert Ledger.from_jsonl(tmp_path / "a.jsonl") == json_form(first)


def json_form(ledger):
    """The ledger as JSON keeps it: tuples are lists there."""
    again = Ledger()
    for event in ledger:
        again.append(event.time_s, event.kind, event.subject, **json.loads(json.dumps(event.data)))
    return again


def test_rough_handling_is_cleared_up():
    """Everything that can go wrong does: faults are told, people come, undetected mis-seats are cut."""
    spec = SPEC.with_blocks(Block(hours=6.0))
    ledger = run(spec, 5, "rules", handling=rough(*RESULTS[:-1])).ledger
    assert check_balance(ledger, ["lathe"]) == []
    told = {e.data["name"] for e in ledger.select("alarm")}
    assert {"missed_grasp", "dropped", "jammed", "collision", "no_seat", "unload_failed"} <= told
    assert ledger.count("intervention") > 0
    off = [e for e in ledger.select("characteristic") if e.data["name"] == "runout_mm"]
    assert any(e.data["value"] > e.data["upper"] for e in off)
    assert not ledger.select("expense", "crash")


def test_a_wrong_part_in_the_chuck_is_a_crash():
    """Money, hours, a broken tool, a scrapped part."""
    shift = run(SPEC, 5, "rules", handling=rough("seated", "wrong_part"))
    ledger = shift.ledger
    crashes = [e for e in ledger.select("collision") if e.data.get("cause") == "wrong part"]
    assert crashes
    assert len(crashes) == ledger.count("expense", "crash")
    low, high = SPEC.breakdowns.crash_eur
    assert all(low <= e.data["amount_eur"] <= high for e in ledger.select("expense", "crash"))
    assert sums(ledger).times.failures == len(crashes)
    assert ledger.count("attended", "technician") > 0


def test_state_carries_on():
    """Two shifts in a row: the second begins with what the first left."""
    first = run(SHORT, 1, "rules")
    second = run(SHORT, 2, "rules", first.state)
    left = [o.left for o in first.state.orders]
    before = [e for e in second.ledger.select("order_released") if e.subject.startswith("before")]
    assert [e.data["quantity"] for e in before] == left
    assert second.ledger.select("tool_wear")[0].data["life_share"] == -first.state.heat.edge_used
    assert check_balance(second.ledger, ["lathe"]) == []
    assert second.ledger == run(SHORT, 2, "rules", first.state).ledger


def test_modes_meet_the_same_blanks():
    """However fast a mode is, blank k is as hard, as large and as oily, and lies alike."""
    spec = SHORT.with_strengths(all=3)
    shifts = [run(spec, 9, who) for who in ("rules", "by hand", "fuzz")]
    made = [s.floor.next_blank for s in shifts]
    assert len(set(made)) > 1, "the modes are equally fast: this shows nothing"
    for k in range(min(made)):
        seen = {
            (
                blank_hardness(s.floor.lathe, k), s.floor.disturbed.stock_mm(k),
                s.floor.disturbed.conditions(k, frozenset(), blown=False).nested,
            )
            for s in shifts
        }  # fmt: skip
        assert len(seen) == 1


def test_orders_are_the_same_for_all_modes():
    spec = SPEC.with_strengths(new_types=4, rush_orders=3).with_blocks(Block(hours=3.0))

    def released(who):
        events = run(spec, 11, who).ledger.select("order_released")
        return [(e.subject, e.data["part_type"], e.data["due_s"]) for e in events]

    assert released("rules") == released("by hand") == released("nobody")


@pytest.mark.parametrize("lot", [1, 3])
def test_no_more_is_made_than_ordered(lot):
    """A lot ends with its last good part, though that is measured while the cell could go on."""
    spec = SPEC.with_orders(lot_size=lot).with_blocks(Block(hours=6.0))
    ledger = run(spec, 8, "by hand").ledger
    # What comes back from rework may find that its order did not wait for it.
    again = {e.subject for e in ledger.select("part_rework")}
    good = [e.data["order"] for e in ledger.select("part_good") if e.subject not in again]
    asked = {e.subject: e.data["quantity"] for e in ledger.select("order_released")}
    assert good
    assert all(good.count(order) <= asked[order] for order in set(good))


def test_without_operators_a_run_completes():
    """Nobody comes: the cell goes on until it needs somebody, and then stands to the end."""
    spec = SHORT.with_people(operators=0)
    ledger = run(spec, 3, "rules").ledger
    assert ledger.count("paid", "operator-0") == 0
    assert sums(ledger).times.pot_s == pytest.approx(5400.0)
    by_hand = run(spec, 3, "by hand").ledger
    assert by_hand.count("cycle_start") == 0


def test_night_is_unmanned():
    """Nobody works in an unmanned block, but who is in the middle of something."""
    spec = SPEC.with_blocks(Block(hours=1.0, manned=False), Block(hours=1.0))
    ledger = run(spec, 3, "by hand").ledger
    begins = [e.time_s for e in ledger.select("attended")]
    assert begins
    assert min(begins) >= 3600.0


class Evening(Rules):
    """Has everything filled up when the night is told of."""

    def decide(self, d):
        if d.view.get("event") == "night_ahead":
            return Choice("stock_up", why=f"{d.time_s} {d.view['operators']}")
        return super().decide(d)


@pytest.mark.parametrize(
    ("blocks", "evenings_h"),
    [
        ((Block(hours=2.0),), []),
        ((Block(hours=2.0), Block(hours=2.0)), []),
        ((Block(hours=2.0, manned=False), Block(hours=2.0)), []),
        ((Block(hours=2.0), Block(hours=1.0, manned=False)) * 2, [1.5, 4.5]),
    ],
)
def test_before_a_night_people_are_asked_to_fill_up(blocks, evenings_h):
    """Half an hour before they leave, once each, and the turret and the tray are full after it."""
    shift = Shift(SPEC.with_blocks(*blocks), 3, HANDLING)
    shift.run(crew(Evening()))
    asked = [e for e in shift.ledger.select("decision") if e.data["tool"] == "stock_up"]
    times = [float(e.data["why"].split()[0]) / 3600.0 for e in asked]
    assert times == pytest.approx(evenings_h, abs=0.2)  # a cycle is finished first
    assert all(t >= at for t, at in zip(times, evenings_h, strict=True))
    assert all(float(e.data["why"].split()[1]) > 0 for e in asked)
    fresh = [e.time_s for e in shift.ledger.select("tool_change") if e.data["why"] == "preset_tools"]
    assert all(any(0 < f - 3600 * t < 3600 for f in fresh) for t in times)
    assert check_balance(shift.ledger, ["lathe"]) == []


@pytest.mark.parametrize("seed", [29, 51])
def test_an_order_that_begins_in_the_evening_hides_no_night(seed):
    """One ends and the next begins between the news and the next question."""
    spec = SPEC.with_blocks(Block(hours=2.0), Block(hours=0.5, manned=False)).with_orders(lot_size=3)
    shift = Shift(spec, seed, HANDLING)
    shift.run(crew(Evening()))
    assert sum(e.data["tool"] == "stock_up" for e in shift.ledger.select("decision")) == 1


@pytest.mark.parametrize("seed", [1, 4, 51])
def test_what_was_not_asked_in_the_evening_is_not_asked_at_night(seed):
    """The cell was being set up until people left; to wait for them then would cost the night."""
    spec = SPEC.with_blocks(Block(hours=2.0), Block(hours=0.5, manned=False)).with_orders(lot_size=1)
    shift = Shift(spec, seed, HANDLING)
    shift.run(crew(Evening()))
    assert not [e for e in shift.ledger.select("decision") if e.data["tool"] == "stock_up"]


def test_a_night_that_was_prepared_goes_on_for_longer():
    """The same night with a tray that was filled in the evening."""
    spec = SPEC.with_blocks(Block(hours=2.0), Block(hours=6.0, manned=False)).with_orders(lot_size=300)
    made = []
    for who in (Rules, Evening):
        shift = Shift(spec.with_cell(infeed_places=200), 3, HANDLING)
        shift.run(crew(who()))
        made.append(sum(e.time_s > 7200.0 for e in shift.ledger.select("cycle_end")))
    assert 0 < made[0] < made[1]


def test_week_has_rest_between_shifts():
    blocks = [Block(hours=1.0, gap_h=16.0)] * 3
    ledger = run(SPEC.with_blocks(*blocks), 3, "rules").ledger
    times = sums(ledger).times
    assert times.pot_s == pytest.approx(3 * 3600.0)
    assert times.off_shift_s == pytest.approx(2 * 16 * 3600.0)
    assert check_balance(ledger, ["lathe"]) == []


def test_figures_of_several_shifts_add_up():
    several = [sums(run(SHORT, seed, "rules").ledger) for seed in range(3)]
    whole = add_up(several)
    assert whole.ordered_good == sum(s.ordered_good for s in several)
    assert figures(whole)["cost"]["cost_per_good_part"] > 0.0


def test_warmed_up_states():
    states = warm_states(SHORT, HANDLING, crew(Rules()), seed=4, shifts=3, keep=2)
    assert len(states) == 2
    assert drawn_state(states, 17) in states
    assert states == warm_states(SHORT, HANDLING, crew(Rules()), seed=4, shifts=3, keep=2)
    # The other cells call at this cell's own rate.
    assert states[-1].others != (SPEC.people.others_per_h, SPEC.people.others_min)


def test_disturbances_bite():
    """Each acts on what it is about, and strength 0 is none."""
    calm, rough = (SPEC.with_blocks(Block(hours=4.0)).with_strengths(all=s) for s in (0, 5))
    few, many = run(calm, 21, "rules").ledger, run(rough, 21, "rules").ledger
    assert many.count("alarm") > few.count("alarm")
    assert sums(many).parts.scrap / sums(many).parts.produced > 0.0


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (lambda: SPEC.with_strengths(earthquake=1), "disturbance 'earthquake' is unknown"),
        (lambda: SPEC.with_strengths(heat=6), "heat is 6: allowed are 0 to 5"),
        (lambda: SPEC.with_people(operators=-1), "operators is -1"),
        (lambda: SPEC.with_people(staff=1), "staff"),
        (lambda: SPEC.with_orders(lot_size=0), "lot_size is 0"),
        (lambda: SPEC.with_orders(backlog_eur=-1.0), "backlog_eur is -1.0"),
        (lambda: replace(SPEC, blocks=()), "blocks is empty"),
        (lambda: replace(SPEC, region="atlantis"), "atlantis"),
        (lambda: load_shift("nowhere"), "shift 'nowhere' is unknown"),
        (lambda: Shift(SPEC, 1, HANDLING).run({"cook": Rules()}), "role 'cook' is unknown"),
        (lambda: RecordedHandling("telekinesis"), "skill 'telekinesis' is unknown"),
        (lambda: Strengths(heat=True), "heat is True"),
    ],
)
def test_mistakes_are_one_line(bad, says):
    with pytest.raises(ValueError, match=says.split()[0]) as error:
        bad()
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_expense_below_zero_price_is_refused():
    with pytest.raises(ValueError, match="machine_eur_per_h"):
        replace(load_prices(), machine_eur_per_h=-1.0)


def test_another_blank_of_the_same_order_is_no_wrong_part():
    """Whoever takes a neighbour for what was named takes another order's only where that lies beside."""
    rows = (Row(1, "shaft", "medium", 5.0, "wrong_part", 0.0, 0.02, 100.0, 1, 1),)
    groups = tuple(Group(task, False, 0, "", rows) for task in ("load", "unload"))
    blind = RecordedHandling(Table(Skill("blind", needs_teaching=False), groups))
    crashes = {}
    for lot in (1, 60):
        shift = run(SHORT.with_orders(lot_size=lot), 3, "rules", handling=blind)
        crashes[lot] = len(
            [e for e in shift.ledger.select("collision") if e.data.get("cause") == "wrong part"]
        )
    assert crashes[1] >= 1
    assert crashes[60] == 0


def test_who_doubts_which_part_is_meant_leaves_it_where_another_orders_lies_beside():
    """No crash of a part that was doubted; where all blanks are of one order there is nothing to doubt."""
    row = Row(1, "shaft", "medium", 5.0, "wrong_part", 0.0, 0.02, 100.0, 1, 1, 0.0)
    sure = row._replace(seed=2, result="seated", doubted_s=-1.0)
    groups = (
        Group("load", False, 0, "", (row, sure)),
        Group("unload", False, 0, "", (sure._replace(doubted_s=0.0),)),  # there is but one part to take out
    )
    careful = RecordedHandling(Table(Skill("careful", needs_teaching=False), groups))
    declined, seeds = Counter(), (3, 4, 5)
    for lot, seed in product((1, 60), seeds):
        ledger = run(SHORT.with_orders(lot_size=lot), seed, "rules", handling=careful).ledger
        assert check_balance(ledger, ["lathe"]) == []
        assert not [e for e in ledger.select("collision") if e.data.get("cause") == "wrong part"]
        left = [
            e
            for e in ledger.select("INTERRUPTED") + ledger.select("READY")
            if e.data.get("result") == "declined"
        ]
        declined[lot] += len(left)
        assert ledger.count("part_unloaded") > 0
        assert len([e for e in ledger.select("alarm") if e.data["name"] == "declined"]) == len(left)
    assert declined[1] >= 1
    assert declined[60] == 0
    heedless = replace(SHORT.with_orders(lot_size=1), cell=replace(SHORT.cell, heeds_doubts=False))
    ledgers = [run(heedless, seed, "rules", handling=careful).ledger for seed in seeds]
    assert [e for one in ledgers for e in one.select("collision") if e.data.get("cause") == "wrong part"]
    assert not [e for one in ledgers for e in one.select("alarm") if e.data["name"] == "declined"]
