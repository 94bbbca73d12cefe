"""Crashes and escapes at other prices, against answers that are known."""

from dataclasses import replace

import numpy as np
import pytest
from test_paired import COST, shift

from envs.costing import Costs
from envs.ledger import Ledger
from experiments.comparison.modes import Burden
from experiments.comparison.results import Worked, study_of
from experiments.comparison.whatif import CRASHES, ESCAPES, FACTORS, by_price, crash_eur, whatif_html

NONE = Burden(0.0, 0.0, 0.0, 0.0, 0.0)
ESCAPE_EUR = 7.0


def priced(cost, good, crashed, escaped):
    sums = replace(shift(cost, good), escaped=escaped)
    return replace(sums, costs=sums.costs + Costs(other=crashed + escaped * ESCAPE_EUR))


def ways(n, rng):
    """Two ways of n shifts, one with two policies; what crashes cost in each shift."""
    worked, crashes = [], {}
    for name, policies in (("automated", 1), ("autonomous", 2)):
        eur = 100.0 * rng.integers(0, 3, (policies, n))
        rows = [[priced(50.0 + 10 * k, 10 + k, eur[i][k], k % 3) for k in range(n)] for i in range(policies)]
        worked.append(Worked(name, rows, [[0] * n for _ in rows], NONE))
        crashes[name] = eur
    return worked, crashes


def test_a_cost_is_the_rest_and_so_many_times_what_is_priced():
    worked, crashes = ways(8, np.random.default_rng(0))
    found = by_price(worked, crashes, ESCAPE_EUR, 3)
    study = study_of(worked, 3)
    for one in worked:
        good = np.mean([sum(s.ordered_good for s in row) for row in one.shifts])
        escaped = np.mean([sum(s.escaped for s in row) for row in one.shifts])
        for what, eur in ((CRASHES, np.mean(crashes[one.name].sum(1))), (ESCAPES, escaped * ESCAPE_EUR)):
            cells = found[what]["cost_per_good_part"][one.name]
            at_price = study.figures(one.name)[COST]
            for factor, cell in zip(FACTORS, cells, strict=True):
                assert cell["mean"] == pytest.approx(at_price.mean + (factor - 1) * eur / good)
                if factor == 1:
                    assert cell["ci95"] == pytest.approx(at_price.ci95)
    for what in (CRASHES, ESCAPES):
        at_price = found[what]["increment"][FACTORS.index(1.0)]
        one = study.differences("autonomous", "automated")[COST]
        assert at_price["difference"] == pytest.approx(one.difference)
        assert at_price["ci95"] == pytest.approx(one.ci95)


def test_few_shifts_get_no_interval_and_one_way_alone_no_increment():
    worked, crashes = ways(3, np.random.default_rng(1))
    found = by_price(worked, crashes, ESCAPE_EUR, 0)
    assert all(one["ci95"] is None for one in found[CRASHES]["increment"])
    alone = by_price(worked[:1], crashes, ESCAPE_EUR, 0)
    assert alone[ESCAPES]["increment"] is None
    assert "autonomous less automated" not in "".join(whatif_html(alone))
    assert "autonomous less automated" in "".join(whatif_html(found))


def test_without_a_good_part_nothing_is_said():
    worked = [Worked("automated", [[shift(10.0, 0)] * 6], [[0] * 6], NONE)]
    found = by_price(worked, {"automated": np.zeros((1, 6))}, ESCAPE_EUR, 0)
    assert {cell["mean"] for cell in found[CRASHES]["cost_per_good_part"]["automated"]} == {None}


def test_only_the_money_of_crashes_counts():
    ledger = Ledger()
    ledger.append(0.0, "expense", "crash", amount_eur=2000.0)
    ledger.append(1.0, "expense", "backlog", amount_eur=30.0)
    ledger.append(2.0, "expense", "crash", amount_eur=500.5)
    assert crash_eur(ledger) == 2500.5
