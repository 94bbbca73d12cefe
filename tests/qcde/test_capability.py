"""Capability indices against published and exact values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from experiments.capability import (
    Spread,
    capability_of,
    cp_interval,
    cpk_interval,
    gauge_rr,
    machine_capability,
    process_capability,
    process_performance,
    spread,
)

# The gauge study printed in AIAG's handbook: three operators' three trials of ten parts.
AIAG = np.array(
    [
        [0.29, -0.56, 1.34, 0.47, -0.80, 0.02, 0.59, -0.31, 2.26, -1.36],
        [0.41, -0.68, 1.17, 0.50, -0.92, -0.11, 0.75, -0.20, 1.99, -1.25],
        [0.64, -0.58, 1.27, 0.64, -0.84, -0.21, 0.66, -0.17, 2.01, -1.31],
        [0.08, -0.47, 1.19, 0.01, -0.56, -0.20, 0.47, -0.63, 1.80, -1.68],
        [0.25, -1.22, 0.94, 1.03, -1.20, 0.22, 0.55, 0.08, 2.12, -1.62],
        [0.07, -0.68, 1.34, 0.20, -1.28, 0.06, 0.83, -0.34, 2.19, -1.50],
        [0.04, -1.38, 0.88, 0.14, -1.46, -0.29, 0.02, -0.46, 1.77, -1.49],
        [-0.11, -1.13, 1.09, 0.20, -1.07, -0.67, 0.01, -0.56, 1.45, -1.77],
        [-0.15, -0.96, 0.67, 0.11, -1.45, -0.49, 0.21, -0.49, 1.87, -2.16],
    ]
).reshape(3, 3, 10)  # operators, trials, parts


def test_cpk_from_a_hundred_parts():
    assert cpk_interval(1.67, 100) == pytest.approx((1.43, 1.91), abs=0.005)


@pytest.mark.parametrize(("dof", "error"), [(5, 0.025), (20, 0.005), (99, 0.005), (1000, 0.005)])
def test_cp_interval_is_near_that_of_chi_square(dof, error):
    exact = [math.sqrt(stats.chi2.ppf(p, dof) / dof) for p in (0.025, 0.975)]
    assert cp_interval(1.0, dof) == pytest.approx(exact, rel=error)


def test_indices_by_hand():
    values = np.array([9.0, 10.0, 11.0, 10.0, 10.0])  # mean 10, s^2 = 2 / 4
    found = process_performance(values, 8.0, 13.0)
    assert found.sigma == pytest.approx(math.sqrt(0.5))
    assert found.potential == pytest.approx(5.0 / (6 * math.sqrt(0.5)))
    assert found.actual == pytest.approx(2.0 / (3 * math.sqrt(0.5)))
    assert machine_capability(values, 8.0, 13.0) == found
    one_sided = process_performance(values, None, 13.0)
    assert one_sided.potential is None
    assert one_sided.actual == pytest.approx(3.0 / (3 * math.sqrt(0.5)))


def test_drift_shows_in_ppk_and_not_in_cpk():
    rng = np.random.default_rng(1)
    still = rng.normal(20.0, 0.002, 500)
    drifting = still + np.linspace(-0.01, 0.01, 500)
    assert process_capability(still, 19.98, 20.02).actual == pytest.approx(3.33, rel=0.1)
    assert process_capability(drifting, 19.98, 20.02).actual == pytest.approx(3.33, rel=0.1)
    assert process_performance(still, 19.98, 20.02).actual == pytest.approx(3.33, rel=0.1)
    assert process_performance(drifting, 19.98, 20.02).actual < 1.2


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(2)
    samples = [process_performance(rng.normal(0.0, 1.0, 100), -5.0, 5.0) for _ in range(1000)]
    for kind in ("actual", "potential"):
        inside = [low <= 5.0 / 3.0 <= high for low, high in (getattr(s, f"{kind}_ci") for s in samples)]
        # Bissell's interval is a little wide where the mean is centred.
        assert 0.93 <= np.mean(inside) <= 0.98


values = st.lists(st.floats(-1.0, 1.0), min_size=0, max_size=30)


@given(values, values)
@settings(max_examples=100, deadline=None)
def test_sums_of_shifts_add_up_and_indices_are_numbers(a, b):
    lower, upper = -0.5, 0.7
    both = spread(a, lower, upper) + spread(b, lower, upper)
    assert both.n == len(a) + len(b)
    whole = process_performance(a + b, lower, upper)
    added = capability_of(both, lower, upper, short_term=False)
    if both.n < 2:
        assert added is None
        assert whole is None
        return
    assert added.sigma == pytest.approx(whole.sigma, abs=1e-9)
    for found in (added, capability_of(both, lower, upper, short_term=True)):
        if found is not None and found.actual is not None:
            assert math.isfinite(found.actual)
            assert found.actual <= found.potential * (1 + 1e-9)
            assert found.actual_ci[0] < found.actual < found.actual_ci[1]


@pytest.mark.parametrize("value", [0.1, 20.003, 1e-9])
def test_equal_values_have_no_index(value):
    found = process_performance([value] * 7, 0.0, 30.0)
    assert (found.actual, found.potential, found.sigma) == (None, None, 0.0)
    assert process_capability([value], 0.0, 30.0) is None
    assert capability_of(Spread(), 0.0, 1.0, short_term=False) is None
    averaged = Spread(1.5, 0.3, 0.2, 0.1, 1.0)  # of three values and none
    assert capability_of(averaged, 0.0, 1.0, short_term=True) is None


def test_the_handbooks_gauge_study():
    found = gauge_rr(AIAG.transpose(2, 0, 1))
    assert found.repeatability == pytest.approx(0.199933, abs=1e-6)
    assert found.reproducibility == pytest.approx(0.226838, abs=1e-6)
    assert found.gauge == pytest.approx(0.302373, abs=2e-6)
    assert found.parts == pytest.approx(1.042327, abs=1e-6)
    assert found.share_of_variation == pytest.approx(0.2786, abs=1e-4)
    assert found.distinct_categories == 4
    assert found.share_of_tolerance(-4.0, 4.0) == pytest.approx(6 * 0.302373 / 8, abs=1e-5)


def test_gauge_study_finds_what_was_put_in():
    rng = np.random.default_rng(3)
    parts, operators = rng.normal(0, 5, (400, 1, 1)), rng.normal(0, 1, (1, 60, 1))
    both = rng.normal(0, 1.5, (400, 60, 1))
    found = gauge_rr(parts + operators + both + rng.normal(0, 0.5, (400, 60, 3)))
    assert found.repeatability == pytest.approx(0.5, rel=0.02)
    assert found.reproducibility == pytest.approx(math.hypot(operators.std(ddof=1), 1.5), rel=0.03)
    assert found.parts == pytest.approx(parts.std(ddof=1), rel=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: process_performance([1.0, math.nan], 0.0, 2.0), "values has nan: allowed are finite"),
        (lambda: process_performance([1.0], 2.0, 2.0), r"lower is 2\.0: allowed is below upper = 2\.0"),
        (lambda: process_performance([1.0]), "lower is None and upper is None: allowed is at most one"),
        (lambda: process_performance([1.0], 0.0, math.inf), "upper is inf: allowed is a finite number"),
        (lambda: process_capability([1.0], 0.0, 2.0, subgroup=1), "subgroup is 1: allowed is 2 or more"),
        (lambda: cpk_interval(1.0, 1), "n is 1: allowed is at least 2"),
        (lambda: cpk_interval(1.0, 9, 1.0), r"confidence is 1\.0: allowed is between 0 and 1"),
        (lambda: gauge_rr(np.ones((3, 1, 2))), r"readings has shape \(3, 1, 2\): allowed is"),
    ],
)
def test_wrong_input_is_told_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
