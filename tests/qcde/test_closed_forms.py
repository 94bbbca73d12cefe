"""Age replacement against a simulation; machines and operators against the published figures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from envs.reliability import best_replacement_age_h, mean_life_h, repairman, replacement_cost_rate

COSTS = {"planned_cost": 100.0, "failure_cost": 600.0}


@pytest.mark.parametrize("shape", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("age_h", [300.0, 700.0, math.inf])
def test_renewal_theory_and_simulation_agree(shape, age_h):
    rng = np.random.default_rng([int(10 * shape), int(min(age_h, 9999.0))])
    n = 20_000
    lives = 1000.0 * rng.weibull(shape, n)
    hours = np.minimum(lives, age_h)
    money = np.where(lives < age_h, COSTS["failure_cost"], COSTS["planned_cost"])
    rate = money.sum() / hours.sum()
    error = (money - rate * hours).std() / math.sqrt(n) / hours.mean()  # of a ratio, by the delta method
    exact = replacement_cost_rate(age_h=age_h, shape=shape, scale_h=1000.0, **COSTS)
    assert abs(rate - exact) < 2.58 * error  # 99%
    assert error < 0.01 * exact  # tight enough to tell


@given(st.floats(0.3, 10.0), st.floats(0.01, 5.0))
def test_mean_life_is_the_integral_of_reliability(shape, age):
    exact, _ = integrate.quad(
        lambda t: math.exp(-(t**shape)), 0.0, age, epsabs=1e-12, epsrel=1e-10, limit=200
    )
    assert mean_life_h(shape, 1.0, age) == pytest.approx(exact, rel=1e-6)


def test_the_best_age_is_best():
    age = best_replacement_age_h(shape=2.5, scale_h=1000.0, **COSTS)
    best = replacement_cost_rate(age_h=age, shape=2.5, scale_h=1000.0, **COSTS)
    ages = np.geomspace(1.0, 1e4, 2000)
    assert all(
        replacement_cost_rate(age_h=a, shape=2.5, scale_h=1000.0, **COSTS) >= best - 1e-12 for a in ages
    )
    assert best < 0.6 * replacement_cost_rate(age_h=math.inf, shape=2.5, scale_h=1000.0, **COSTS)
    # What does not wear out, or fails for no more money, is left to run.
    assert best_replacement_age_h(shape=1.0, scale_h=1000.0, **COSTS) == math.inf
    assert best_replacement_age_h(shape=3.0, scale_h=1.0, planned_cost=5.0, failure_cost=5.0) == math.inf


@pytest.mark.parametrize(
    ("run_min", "availability", "busy"), [(60, 0.68, 90), (120, 0.88, 59), (480, 0.98, 16)]
)
def test_ten_machines_and_one_operator(run_min, availability, busy):
    found = repairman(machines=10, run_min=run_min, service_min=8)
    assert found.availability == pytest.approx(availability, abs=0.005)
    assert 100 * found.operator_busy == pytest.approx(busy, abs=0.5)


def test_operators_enough_leave_nobody_waiting():
    found = repairman(machines=4, run_min=90, service_min=10, operators=4)
    assert found.availability == pytest.approx(0.9)
    assert (found.waiting, found.wait_min) == pytest.approx((0.0, 0.0), abs=1e-12)


@given(st.integers(1, 200), st.floats(0.1, 1e5), st.floats(0.1, 1e3), st.integers(1, 5))
def test_little_and_balance(machines, run_min, service_min, operators):
    found = repairman(machines=machines, run_min=run_min, service_min=service_min, operators=operators)
    assert 0.0 < found.availability < 1.0
    calls_per_min = machines * found.availability / run_min
    # Work that comes is work that is done; who waits is the rate times the wait.
    assert operators * found.operator_busy == pytest.approx(calls_per_min * service_min, rel=1e-6)
    assert found.waiting == pytest.approx(calls_per_min * found.wait_min, rel=1e-6, abs=1e-9)
    more = repairman(machines=machines, run_min=run_min, service_min=service_min, operators=operators + 1)
    assert more.availability >= found.availability - 1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: repairman(machines=0, run_min=1, service_min=1),
            "machines is 0: allowed is a whole number from 1",
        ),
        (lambda: repairman(machines=2.5, run_min=1, service_min=1), r"machines is 2\.5: allowed is a whole"),
        (lambda: repairman(machines=1, run_min=0, service_min=1), "run_min is 0: allowed is above 0"),
        (
            lambda: repairman(machines=1, run_min=1, service_min=math.nan),
            "service_min is nan: allowed is above 0",
        ),
        (
            lambda: replacement_cost_rate(age_h=0, shape=2, scale_h=1, **COSTS),
            "age_h is 0: allowed is above 0",
        ),
        (
            lambda: replacement_cost_rate(age_h=1, shape=0.1, scale_h=1, **COSTS),
            r"shape is 0\.1: allowed is at least 0\.2, at most 20",
        ),
        (
            lambda: replacement_cost_rate(age_h=1, shape=2, scale_h=1, planned_cost=-1, failure_cost=1),
            "planned_cost is -1: allowed is at least 0",
        ),
    ],
)
def test_wrong_input_is_told_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
