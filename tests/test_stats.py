"""The statistics against SciPy, closed forms and simulated coverage."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from experiments.stats import bootstrap_ci, iqm, mcnemar_p, paired_difference, wilson_interval


@pytest.mark.parametrize(("k", "n"), [(0, 20), (1, 20), (10, 20), (19, 20), (20, 20), (190, 200)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_agrees_with_scipy(k, n, confidence):
    expected = scipy_stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(k, n, confidence) == pytest.approx(tuple(expected), abs=1e-12)


def test_wilson_closed_form_at_the_ends():
    z2 = scipy_stats.norm.ppf(0.975) ** 2
    assert wilson_interval(0, 10) == pytest.approx((0, z2 / (10 + z2)))
    assert wilson_interval(10, 10)[1] == 1.0


def test_wilson_covers():
    rng = np.random.default_rng(1)
    for rate in (0.5, 0.9, 0.97):
        counts = rng.binomial(200, rate, size=2000)
        ends = {k: wilson_interval(int(k), 200) for k in np.unique(counts)}
        covered = np.mean([ends[k][0] <= rate <= ends[k][1] for k in counts])
        assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize("n", [1, 2, 4, 5, 11, 40])
def test_iqm_agrees_with_scipy(n):
    values = np.random.default_rng(n).normal(size=n)
    assert iqm(values) == pytest.approx(scipy_stats.trim_mean(values, 0.25))


def test_iqm_ignores_outliers():
    assert iqm([-1e9, 1, 1, 1, 1, 1, 1, 1e9]) == 1


def test_bootstrap_is_seeded_and_agrees_with_scipy():
    values = np.random.default_rng(0).exponential(size=60)
    interval = bootstrap_ci(values, seed=3)
    assert interval == bootstrap_ci(values, seed=3)
    assert interval != bootstrap_ci(values, seed=4)
    expected = scipy_stats.bootstrap((values,), np.mean, method="percentile", rng=0)
    assert interval == pytest.approx(tuple(expected.confidence_interval), abs=0.03)


def test_bootstrap_within_strata_ignores_the_difference_between_them():
    values = np.r_[np.zeros(10), np.ones(10)]
    assert bootstrap_ci(values, strata=np.repeat(["a", "b"], 10)) == (0.5, 0.5)
    assert bootstrap_ci(values) != (0.5, 0.5)


def test_bootstrap_of_iqm_covers():
    rng = np.random.default_rng(2)
    ends = [bootstrap_ci(rng.normal(size=40), iqm, n_resamples=200) for _ in range(200)]
    covered = np.mean([low <= 0 <= high for low, high in ends])
    assert 0.88 <= covered <= 0.99


@pytest.mark.parametrize("n", [6, 9, 12])
def test_sign_flip_p_agrees_with_scipy(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.8, 1, n), rng.normal(0, 1, n)
    expected = scipy_stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )
    assert paired_difference(a, b).p == pytest.approx(expected.pvalue)


def test_paired_interval_is_near_students_t():
    rng = np.random.default_rng(5)
    a, b = rng.normal(1, 1, 60), rng.normal(0, 1, 60)
    result = paired_difference(a, b)
    expected = scipy_stats.ttest_rel(a, b)
    assert result.mean == pytest.approx(np.mean(a - b))
    assert result.ci95 == pytest.approx(tuple(expected.confidence_interval()), abs=0.05)


def test_paired_interval_covers_and_agrees_with_p():
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(400):
        difference = rng.laplace(size=10)
        (low, high), p = paired_difference(difference, np.zeros(10))[1:]
        covered.append(low <= 0 <= high)
        assert (p > 0.05) == (low < 0 < high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_paired_difference_corner_cases():
    same = paired_difference(np.ones(8), np.ones(8))
    assert (same.mean, same.ci95, same.p) == (0, (0, 0), 1)
    few = paired_difference([3, 4, 5], [1, 1, 1])
    assert few.ci95 == (-math.inf, math.inf)
    assert few.p == 0.25  # 2 of the 8 patterns
    assert paired_difference(np.arange(100) + 1, np.zeros(100)).p <= 1e-3


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (3, 9), (9, 3), (7, 7), (2, 20)])
def test_mcnemar_agrees_with_scipy(only_a, only_b):
    n = only_a + only_b
    expected = scipy_stats.binomtest(only_a, n).pvalue if n else 1.0
    assert mcnemar_p(only_a, only_b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: wilson_interval(1, 0), "n is 0"),
        (lambda: wilson_interval(3, 2), "n_success is 3"),
        (lambda: wilson_interval(1, 2, 1.0), "confidence is 1.0"),
        (lambda: iqm([]), "values is empty"),
        (lambda: iqm([1, math.nan]), "values has values that are not finite: nan"),
        (lambda: bootstrap_ci([1, 2], strata=[0]), "strata has 1 labels for 2 values"),
        (lambda: bootstrap_ci([1, 2], n_resamples=0), "n_resamples is 0"),
        (lambda: paired_difference([1, 2], [1]), "a has 2 values and b has 1"),
        (lambda: paired_difference([1], [math.inf]), "b has values that are not finite: inf"),
        (lambda: mcnemar_p(-1, 2), "n_only_a is -1"),
    ],
)
def test_a_bad_argument_is_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
