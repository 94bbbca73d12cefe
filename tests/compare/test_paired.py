"""Statistics of paired shifts against answers that are known."""

import numpy as np
import pytest

from envs.accounts import PartCounts, TimeElements
from envs.costing import Costs
from experiments.capability import spread
from experiments.comparison.agreement import agrees
from experiments.comparison.paired import Difference, Study, verdict
from experiments.comparison.sums import Sheet
from experiments.qcde import figures
from experiments.stats import holm
from experiments.totals import Characteristics, Totals, add_up

COST = "cost_per_good_part"


def shift(cost, good, values=(1.0, 2.0, -1.0)):
    """Totals of a shift that cost so much for so many good parts."""
    limits = (-10.0, 10.0)
    return Totals(
        times=TimeElements(apt_s=3600.0), parts=PartCounts(entered=good, good=good, first_pass=good),
        costs=Costs(machine=cost), ordered_good=good, cycles=good,
        characteristics=Characteristics({"size": (*limits, spread(values, *limits))}),
    )  # fmt: skip


def test_holm():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": None})
    assert found["a"] == pytest.approx(0.03)
    assert found["b"] == found["c"] == pytest.approx(0.06)
    assert found["d"] is None
    with pytest.raises(ValueError, match="allowed is 0 to 1"):
        holm({"a": 1.5})


def test_rows_give_back_what_totals_add_up_to():
    shifts = [shift(100.0, 10), shift(50.0, 20, (5.0, -3.0, 0.5, 2.0))]
    sheet = Sheet(shifts)
    assert figures(sheet.totals(sheet.rows(shifts).sum(0))) == figures(add_up(shifts))


def test_limits_that_differ_are_refused():
    other = Totals(characteristics=Characteristics({"size": (-5.0, 5.0, spread([0.0], -5.0, 5.0))}))
    with pytest.raises(ValueError, match="limits of size"):
        Sheet([shift(1.0, 1), other])


def test_a_metric_is_a_ratio_of_totals_not_a_mean_of_ratios():
    study = Study({"a": [[shift(100.0, 10), shift(100.0, 90)]], "b": [[shift(100.0, 10), shift(100.0, 90)]]})
    assert study.figures("a")[COST].mean == pytest.approx(2.0)  # the mean of ratios would be 5.6


def test_few_shifts_get_no_interval():
    study = Study({"a": [[shift(100.0, 10)] * 5], "b": [[shift(90.0, 10)] * 5]})
    one = study.differences("a", "b")[COST]
    assert (one.difference, one.ci95, one.p) == (pytest.approx(1.0), None, None)
    assert study.figures("a")[COST].ci95 is None


def test_the_swap_test_is_exact_and_pairs_matter():
    """Eight shifts that all cost more in one way: only 2 of the 256 labellings are as far apart."""
    base = [100.0 * (1 + k) for k in range(8)]
    a = [shift(cost + 10.0 + 0.1 * k, 10) for k, cost in enumerate(base)]
    b = [shift(cost, 10) for cost in base]
    study = Study({"a": [a], "b": [b]})
    one = study.differences("a", "b")[COST]
    assert one.p == pytest.approx(2 / 256)
    assert one.difference == pytest.approx(1.035)
    low, high = one.ci95
    assert 1.0 < low < one.difference < high < 1.07  # although the shifts themselves differ eightfold


def test_alike_ways_are_not_told_apart():
    shifts = [shift(100.0 + k, 10) for k in range(8)]
    one = Study({"a": [shifts], "b": [shifts]}).differences("a", "b")[COST]
    assert (one.difference, one.p, one.ci95) == (0.0, 1.0, (0.0, 0.0))


def test_intervals_cover_the_truth():
    """Of 40 studies with known means, about 95 % cover the true ratio."""
    rng, covered = np.random.default_rng(1), 0
    for k in range(40):
        costs = rng.normal(100.0, 20.0, 30)
        study = Study({"a": [[shift(float(c), 10) for c in costs]]}, seed=k, resamples=200)
        low, high = study.figures("a")[COST].ci95
        covered += low <= 10.0 <= high
    assert 34 <= covered <= 40


def test_policies_are_a_level_of_their_own():
    """Policies that differ widen the interval as no number of shifts can."""

    def rows(offsets):
        return [[shift(100.0 + k + offset, 10) for k in range(12)] for offset in offsets]

    same = Study({"a": rows([0.0] * 5)}).figures("a")[COST]
    differ = Study({"a": rows([-30.0, -15.0, 0.0, 15.0, 30.0])}).figures("a")[COST]
    assert same.mean == pytest.approx(differ.mean)
    assert np.diff(differ.ci95)[0] > 3 * np.diff(same.ci95)[0]


def test_a_metric_that_some_resample_leaves_undefined_has_no_interval():
    shifts = [shift(10.0, 10)] + [shift(10.0, 0)] * 7
    found = Study({"a": [shifts]}).figures("a")[COST]
    assert found.mean == pytest.approx(8.0)
    assert found.ci95 is None


@pytest.mark.parametrize(
    ("ci95", "word"),
    [((-3.0, -0.5), "better"), ((0.5, 3.0), "worse"), ((-1.0, 1.5), "alike"), ((-9.0, 9.0), "undecided"),
     (None, "undecided")],
)  # fmt: skip
def test_verdicts_at_two_percent(ci95, word):
    assert verdict(Difference(0.0, ci95, None), 100.0, 0.02, lower_is_better=True) == word


def test_other_numbers_of_shifts_are_refused():
    with pytest.raises(ValueError, match="allowed is one number"):
        Study({"a": [[shift(1.0, 1)]], "b": [[shift(1.0, 1)] * 2]})


def test_an_interval_alone_is_no_verdict():
    unsure, sure = (Difference(-2.0, (-3.0, -0.5), 0.04, p) for p in (0.4, 0.04))
    assert verdict(unsure, 100.0, 0.02, lower_is_better=True) == "undecided"
    assert verdict(sure, 100.0, 0.02, lower_is_better=True) == "better"


def test_the_primary_metric_is_not_adjusted_and_the_others_are():
    a = [shift(100.0 + k, 10) for k in range(8)]
    b = [shift(90.0 + 0.5 * k, 10) for k in range(8)]
    found = Study({"a": [a], "b": [b]}).differences("a", "b")
    assert found[COST].p_holm == found[COST].p
    known = {name: one for name, one in found.items() if one.p is not None and name != COST}
    assert all(one.p_holm >= one.p for one in known.values())


@pytest.mark.parametrize(
    ("ci95", "reference", "told"),
    [((-1.0, 1.0), 10.0, True), ((0.01, 0.1), 10.0, True), ((0.1, 0.3), 10.0, False), (None, 10.0, None)],
)
def test_either_handling_agrees_where_nobody_should_care(ci95, reference, told):
    assert agrees(ci95, reference) is told
