"""Intervals of averages, paired tests and their adjustment, against closed forms and by simulation."""

import math

import numpy as np
import pytest

from experiments.benchmarking import spread
from experiments.benchmarking.table import AVERAGE, classical, paired
from experiments.stats import holm, mcnemar_p, wilson_interval


def outcomes(rng, rates, n=200, cells=("a", "b")):
    """(policies, episodes) by cell; policies differ in their rates, episodes in how hard they are."""
    return {c: (rng.random((len(rates), n)) < np.array(rates)[:, None]).astype(float) for c in cells}


def test_the_interval_of_an_average_is_that_of_independent_episodes_for_one_policy():
    rng = np.random.default_rng(0)
    found = outcomes(rng, [0.6], n=400, cells="abcdef")
    mean, (low, high) = spread.average(found)
    assert mean == pytest.approx(np.mean([v.mean() for v in found.values()]))
    half = 1.96 * math.sqrt(sum(v.mean() * (1 - v.mean()) / 400 for v in found.values())) / 6
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)


def test_policies_that_differ_widen_the_interval():
    rng = np.random.default_rng(1)
    same, differ = outcomes(rng, [0.6] * 3), outcomes(rng, [0.3, 0.6, 0.9])
    widths = [high - low for _, (low, high) in (spread.average(same), spread.average(differ))]
    assert widths[1] > 2 * widths[0]


def test_the_interval_holds_the_truth_about_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(spread, "N_RESAMPLES", 300)
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        _, (low, high) = spread.average(outcomes(rng, [0.7], n=60))
        held += low <= 0.7 <= high
    assert 0.90 <= held / 200 <= 0.99


def test_the_gap_is_seen_less_unseen():
    rng = np.random.default_rng(3)
    seen, unseen = outcomes(rng, [0.9], cells=("s",))["s"], outcomes(rng, [0.5], cells="abcdef")
    mean, (low, high) = spread.gap(seen, unseen)
    assert mean == pytest.approx(seen.mean() - np.mean([v.mean() for v in unseen.values()]))
    assert low < mean < high


def test_what_never_failed_may_still_fail():
    always = {"a": np.ones((1, 20)), "b": np.ones((1, 20))}
    assert spread.average(always) == (1.0, pytest.approx((1 - wilson_interval(0, 40)[1], 1.0)))
    never = {name: 1 - values for name, values in always.items()}
    low, high = spread.difference(always, never).ci95
    assert (low, high) == pytest.approx((1 - wilson_interval(0, 40)[1], 1.0))
    assert spread.gap(always["a"], never).ci95[1] == 1.0


def test_a_difference_of_a_row_to_itself_is_nothing_and_changes_its_sign():
    rng = np.random.default_rng(4)
    a, b = outcomes(rng, [0.8]), outcomes(rng, [0.4, 0.5])
    mean, (low, high) = spread.difference(a, a)
    assert mean == 0.0
    assert -low == pytest.approx(high) == pytest.approx(wilson_interval(0, 400)[1])
    there, back = spread.difference(a, b), spread.difference(b, a)
    assert there.mean == pytest.approx(-back.mean)
    assert there.ci95[0] < there.mean < there.ci95[1]


def test_holm_against_a_worked_example():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005, "none": None})
    assert adjusted == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06, "none": None})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_single_policies_are_compared_by_mcnemar_and_groups_by_their_means():
    a = np.array([[1, 1, 1, 1, 1, 1, 1, 0, 0, 1]], float)
    b = np.array([[0, 0, 0, 0, 0, 0, 1, 1, 0, 1]], float)
    rows = {"a": {"seen": a}, "b": {"seen": b}, "c": {"seen": np.vstack([a, b])}}
    tests = {(t["a"], t["b"]): t for t in paired(rows, ["seen"])}
    assert len(tests) == 3
    first = tests["a", "b"]
    assert (first["better_a"], first["better_b"], first["n_pairs"]) == (6, 1, 10)
    assert first["p"] == pytest.approx(mcnemar_p(6, 1)) == pytest.approx(0.125)
    assert first["p_holm"] >= first["p"]
    assert first["difference"] == pytest.approx(0.5)
    assert tests["a", "c"]["test"].startswith("sign-flip")


def test_the_unseen_average_is_tested_over_its_cells_and_only_where_both_have_them():
    rng = np.random.default_rng(5)
    full = {c: (rng.random((1, 30)) < 0.9).astype(float) for c in ("objects-easy", "objects-hard")}
    rows = {"a": full, "b": {k: 1 - v for k, v in full.items()}, "c": {"objects-easy": full["objects-easy"]}}
    tests = [t for t in paired(rows, list(full)) if t["cell"] == AVERAGE]
    assert [(t["a"], t["b"], t["n_pairs"]) for t in tests] == [("a", "b", 60)]
    assert tests[0]["p_holm"] < 1e-6


def cell(rate, n=200):
    return {"success_rate": rate, "ci95": [max(0, rate - 0.05), min(1, rate + 0.05)], "n_episodes": n}


def row(name, learned=False, **cells):
    return {
        "name": name,
        "learned": learned,
        "control": "",
        "cells": {k.replace("_", "-"): v for k, v in cells.items()},
    }


def test_what_the_classical_row_leaves_is_said():
    text = classical([
        row("integrator", seen=cell(0.99), objects_hard=cell(0.2)),
        row("kf", learned=True, seen=cell(0.97), objects_hard=cell(0.7)),
    ])  # fmt: skip
    assert "already reaches 0.95 on seen" in text
    assert "lies in objects-hard" in text
    assert "kf on objects-hard" in text
    assert classical([row("kf", learned=True, seen=cell(0.9))]) == ""
    assert "on none of these cells" in classical([row("integrator", seen=cell(0.1))])
