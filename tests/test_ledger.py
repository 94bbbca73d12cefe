"""The ledger: what may be appended, what is counted, what survives a file."""

import math
import timeit

import numpy as np
import pytest

from envs.ledger import Event, Ledger


@pytest.fixture
def ledger():
    ledger = Ledger()
    ledger.append(0.0, "READY", "lathe")
    ledger.append(1.5, "part_grasped", "shaft-1", grip_n=np.float32(120))
    ledger.append(1.5, "energy", "arm", energy_j=2.5)
    ledger.append(2.0, "energy", "lathe", energy_j=4.0)
    ledger.append(3.0, "ACTIVE", "lathe", program="P1")
    return ledger


def test_counts_and_totals(ledger):
    assert len(ledger) == 5
    assert ledger[1] == Event(1.5, "part_grasped", "shaft-1", {"grip_n": 120})
    assert [event.kind for event in ledger][-1] == "ACTIVE"
    assert ledger.count("energy") == 2
    assert ledger.count("energy", "arm") == 1
    assert ledger.count("alarm") == 0
    assert ledger.total("energy", "energy_j") == 6.5
    assert ledger.total("energy", "energy_j", "lathe") == 4.0
    with pytest.raises(KeyError):
        ledger.total("ACTIVE", "energy_j")


def test_events_are_frozen(ledger):
    with pytest.raises(AttributeError):
        ledger[0].time_s = 5


@pytest.mark.parametrize(
    ("time_s", "kind", "message"),
    [
        (2.9, "READY", "time_s is 2.9: the last event was at 3.0"),
        (math.nan, "READY", "time_s is nan"),
        (4.0, "Ready", "event kind 'Ready' is unknown: allowed are"),
    ],
)
def test_a_bad_event_is_refused_and_leaves_no_trace(ledger, time_s, kind, message):
    with pytest.raises(ValueError, match=message):
        ledger.append(time_s, kind, "lathe")
    with pytest.raises(ValueError, match="'Alarm' is unknown"):
        ledger.count("Alarm")
    assert len(ledger) == 5


def test_file_round_trip(ledger, tmp_path):
    path = tmp_path / "ledger.jsonl"
    ledger.to_jsonl(path)
    assert Ledger.from_jsonl(path) == ledger
    ledger.append(9.0, "alarm", "lathe", code=math.nan)
    with pytest.raises(ValueError, match="JSON"):
        ledger.to_jsonl(path)
    assert len(Ledger.from_jsonl(path)) == 5  # the old file is whole
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.jsonl"]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[1]",
        '{"time_s": 1}',
        '{"time_s": "a", "kind": "READY", "subject": "x", "data": {}}',
        '{"time_s": 1, "kind": "nope", "subject": "x", "data": {}}',
    ],
)
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"time_s": 0, "kind": "READY", "subject": "x", "data": {}}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"bad\.jsonl:2: not a ledger event"):
        Ledger.from_jsonl(path)


def test_appending_costs_about_a_microsecond():
    ledger = Ledger()
    n = 20_000
    best = min(timeit.repeat(lambda: ledger.append(1.0, "energy", "arm", energy_j=1.0), number=n, repeat=5))
    assert best / n < 5e-6  # 0.5 µs on an idle core; the margin is for a busy one
