"""Accounts and balances: what a ledger says is what a clerk beside it wrote down."""

import math
import tempfile
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop import SETTING, all_numbers, books, close, dimension, expected_counts

from envs.accounts import TimeElements, energy_j, hours, part_counts, time_elements
from envs.balance import check_balance
from envs.ledger import Ledger
from experiments.qcde import figures, kpi, totals

ELEMENTS = ("off_shift", "planned_down", "adot", "aust", "apt", "adet")


@given(books())
@settings(max_examples=60, deadline=None)
def test_parts_time_and_energy_are_conserved(b):
    assert check_balance(b.ledger, ["lathe"]) == []
    times = time_elements(b.ledger, "lathe")
    for name in ELEMENTS:
        assert close(getattr(times, f"{name}_s"), b.element_s[name]), name
    assert close(times.calendar_s, b.ledger[-1].time_s)
    counts, fate = part_counts(b.ledger), expected_counts(b.fate)
    assert (counts.entered, counts.good, counts.scrap) == (len(b.fate), fate["good"], fate["scrap"])
    assert (counts.in_rework, counts.in_progress) == (fate["rework"], fate[None])
    assert counts.first_pass == sum(j[-1:] == ["good"] and "rework" not in j for j in b.fate.values())
    assert close(sum(energy_j(b.ledger).values()), b.energy_j)


@given(books(), st.floats(0.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_time_elements_add_up_over_windows(b, share):
    end = b.ledger[-1].time_s
    whole = time_elements(b.ledger, "lathe")
    halves = time_elements(b.ledger, "lathe", 0.0, share * end)
    halves += time_elements(b.ledger, "lathe", share * end, end)
    for f in fields(TimeElements):
        assert close(getattr(halves, f.name), getattr(whole, f.name)), f.name


def test_ratios_do_not_add_up_over_shifts():
    short, long = TimeElements(apt_s=10, adet_s=90), TimeElements(apt_s=900, adet_s=100)
    both = short + long
    assert both.apt_s / both.pbt_s == pytest.approx(910 / 1100)
    assert both.apt_s / both.pbt_s != pytest.approx((0.1 + 0.9) / 2, abs=0.1)


@given(books(max_steps=6), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_figures_do_not_hang_on_the_order_of_a_tie(b, random):
    events = list(b.ledger)
    # Bubble by random swaps of neighbours at one moment that set different things.
    for _ in range(10 * len(events)):
        k = random.randrange(len(events) - 1)
        one, two = events[k : k + 2]
        if one.time_s == two.time_s and dimension(one) != dimension(two):
            events[k : k + 2] = two, one
    shuffled = Ledger()
    for event in events:
        shuffled.append(event.time_s, event.kind, event.subject, **event.data)
    before, after = totals(b.ledger, SETTING), totals(shuffled, SETTING)
    assert after == before
    assert figures(after) == figures(before)
    assert kpi(after) == kpi(before)


@given(books(max_steps=6))
@settings(max_examples=15, deadline=None)
def test_what_is_read_back_gives_the_same_figures_and_all_are_numbers(b):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shift.jsonl"
        b.ledger.to_jsonl(path)
        again = Ledger.from_jsonl(path)
    assert again == b.ledger
    found = figures(totals(again, SETTING))
    assert found == figures(totals(b.ledger, SETTING))
    assert all(math.isfinite(value) for value in all_numbers(found))
    numbers = [v for v in vars(kpi(totals(again, SETTING))).values() if v is not None]
    assert all(math.isfinite(v) for v in numbers)


def entry(*rows):
    ledger = Ledger()
    for time_s, kind, subject, *data in rows:
        ledger.append(time_s, kind, subject, **(data[0] if data else {}))
    return ledger


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([(1, "part_good", "p")], "p had part_good at 1 s and never arrived"),
        ([(0, "part_arrived", "p"), (1, "part_arrived", "p")], "p arrived twice, again at 1 s"),
        (
            [(0, "part_arrived", "p"), (1, "part_scrap", "p"), (2, "part_good", "p")],
            "p had part_good at 2 s after part_scrap",
        ),
        (
            [(0, "part_arrived", "p"), (1, "part_rework", "p"), (2, "part_shipped", "p")],
            "p was shipped at 2 s after part_rework",
        ),
        ([(0, "breakdown", "m"), (1, "breakdown", "m")], "m had breakdown twice, again at 1 s"),
        ([(0, "job_end", "j")], "j had job_end at 0 s without job_start"),
        ([(0, "energy", "m", {"energy_j": -1.0})], "m has energy -1.0 at 0 s"),
        (
            [(0, "power", "m", {"power_w": 10.0}), (5, "energy", "m", {"energy_j": 51.0})],
            "m metered 51 J and its power makes 50 J",
        ),
        (
            [(9, "paid", "ann", {"duration_s": 3600.0}), (9, "attended", "bob", {"duration_s": 360.0})],
            "bob attended for 0.1 h and was paid for 0 h",
        ),
    ],
)
def test_what_does_not_balance_is_told(rows, problem):
    assert check_balance(entry(*rows)) == [problem]


def test_a_state_must_be_known_from_the_beginning():
    late = entry((0, "alarm", "cell"), (3, "READY", "lathe"))
    assert check_balance(late, ["lathe"]) == ["lathe has no execution state before 3 s"]
    assert check_balance(late, ["mill"]) == ["mill has no execution state at any time"]
    assert check_balance(entry((0, "READY", "lathe"), (3, "ACTIVE", "lathe")), ["lathe"]) == []


def test_a_meter_that_agrees_with_power_counts_once():
    ledger = entry((0, "power", "m", {"power_w": 10.0}), (5, "energy", "m", {"energy_j": 50.0}))
    assert check_balance(ledger) == []
    assert energy_j(ledger) == {"m": 50.0}
    assert energy_j(ledger, 7.0) == {"m": 70.0}
    with pytest.raises(ValueError, match=r"end_s is 4\.0: allowed is 5"):
        energy_j(ledger, 4.0)


def test_a_task_alone_needs_neither_shift_nor_job():
    ledger = entry(
        (0, "READY", "machine"), (4, "ACTIVE", "machine"), (10, "READY", "machine"), (11, "success", "e")
    )
    times = time_elements(ledger, "machine")
    assert (times.apt_s, times.adet_s, times.pbt_s, times.aoet_s) == (6.0, 5.0, 11.0, 11.0)


def test_a_window_holds_its_start_and_not_its_end():
    ledger = entry((0, "READY", "m"), (5, "breakdown", "m"), (8, "repair", "m"))
    before, after = time_elements(ledger, "m", 0, 5), time_elements(ledger, "m", 5, 8)
    assert (before.failures, before.corrective_s) == (0, 0.0)
    assert (after.failures, after.corrective_s) == (1, 3.0)


def test_jobs_of_another_unit_are_no_order():
    rows = [
        (0, "ACTIVE", "lathe"),
        (0, "job_start", "j", {"unit": "mill"}),
        (1, "job_start", "k", {"unit": "lathe"}),
    ]
    times = time_elements(entry(*rows, (5, "alarm", "cell")), "lathe")
    assert (times.adot_s, times.apt_s, times.aoet_s) == (1.0, 4.0, 4.0)


def test_wrong_input_is_told_in_one_line():
    ledger = entry((0, "power", "m", {"power_w": 1.0}), (5, "energy", "arm"))
    with pytest.raises(
        ValueError, match=r"^energy_j is None in energy of arm at 5 s: allowed is a finite number$"
    ):
        energy_j(ledger)
    with pytest.raises(ValueError, match=r"^end_s is 1: allowed is start_s = 2 or more$"):
        time_elements(ledger, "m", 2, 1)
    with pytest.raises(ValueError, match=r"kind is 'alarm': allowed are 'attended', 'paid'"):
        hours(ledger, "alarm")
    with pytest.raises(ValueError, match="time_s is inf"):
        ledger.append(math.inf, "alarm", "m")


def test_nan_in_a_file_is_refused(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"time_s": 0, "kind": "energy", "subject": "x", "data": {"energy_j": NaN}}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl:1: not a ledger event: NaN is not a number"):
        Ledger.from_jsonl(path)
