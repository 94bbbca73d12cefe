"""The pool of operators against the closed form of the machine-repairman queue, and its books."""

import pytest

from envs.reliability import repairman
from envs.shift import load_shift
from envs.shift.kernel import Kernel
from envs.shift.operators import Pool

PEOPLE = load_shift().people


def availability(run_min, *, machines=10, hours=60_000.0, operators=1, seed=3):
    """Simulated share of the time that the other cells run; this cell never calls."""
    from dataclasses import replace

    people = replace(PEOPLE, operators=operators, rests=(), absence=0.0, walk_min=0.0)
    kernel = Kernel()
    # One cell more, as this one does not call.
    pool = Pool(kernel, people, seed, machines + 1, (60.0 / run_min, 8.0))
    pool.begin(True)
    for _ in kernel.run(3600.0 * hours):
        raise AssertionError("nobody decides here")
    ran = sum(pool.running_s[1:]) / machines
    busy = sum(p.others_s for p in pool.persons) / operators
    return ran / (3600.0 * hours), busy / (3600.0 * hours)


@pytest.mark.parametrize(("run_min", "published"), [(60.0, 0.68), (120.0, 0.88), (480.0, 0.98)])
def test_ten_machines_and_one_operator(run_min, published):
    """8 minutes a call: availability .68, .88, .98 (facts of real cells)."""
    ran, busy = availability(run_min, hours=3_000.0)
    closed = repairman(machines=10, run_min=run_min, service_min=8.0)
    assert closed.availability == pytest.approx(published, abs=0.005)
    assert ran == pytest.approx(closed.availability, abs=0.01)
    assert busy == pytest.approx(closed.operator_busy, abs=0.015)


def test_two_operators():
    ran, _ = availability(60.0, operators=2, hours=3_000.0)
    closed = repairman(machines=10, run_min=60.0, service_min=8.0, operators=2)
    assert ran == pytest.approx(closed.availability, abs=0.01)


def test_hours_of_a_person_are_shared_out():
    """What is paid over all cells alike is the shift, and here it is this cell's share of the idle time."""
    from dataclasses import replace

    people = replace(PEOPLE, operators=1, rests=(), absence=0.0)
    kernel = Kernel()
    pool = Pool(kernel, people, 1, 5, (0.0, 5.0))
    pool.begin(True)
    for _ in kernel.run(3600.0):
        pass
    ((_, untold_s, paid_s),) = pool.end()
    assert untold_s == 0.0
    assert paid_s == pytest.approx(3600.0 / 5)


def test_nobody_comes_when_absent():
    from dataclasses import replace

    kernel = Kernel()
    pool = Pool(kernel, replace(PEOPLE, absence=1.0), 1, 5, (1.0, 5.0))
    pool.begin(True)
    signal = pool.call()
    for _ in kernel.run(3600.0):
        pass
    assert not signal.fired
    assert pool.on_duty == 0
    assert pool.end() == []
