"""Tuning on validation shifts: what is least, who takes part, and what the log holds."""

import json
import math
from dataclasses import replace

import pytest
from cell import mode_file, table

from envs.prices import load_prices, load_region
from envs.shift.cycles import write_table
from envs.shift.spec import Block, load_shift
from experiments.comparison import tuning
from experiments.comparison.modes import load_finance, load_mode
from experiments.comparison.shifts import seeds_of
from experiments.comparison.summing import Money
from experiments.comparison.tuning import FIXED, Search, best_staffing, score, tune


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """Return what makes a search of a way of working over other strengths."""
    folder = tmp_path_factory.mktemp("modes")
    spec = load_shift("default").with_blocks(Block(hours=1.5))
    money = Money(load_prices(), load_region("germany"), load_finance("default", "germany"), "lifecycle")

    def make(strengths, shifts=1):
        mode = load_mode(str(mode_file(folder, "automated")))
        return Search(mode, spec, strengths, shifts, money, seed=3)

    return make


def test_a_percent_counts_the_same_at_every_strength(search):
    calm, harsh, both = (score(search(strengths), {}) for strengths in ((0,), (3,), (0, 3)))
    assert calm < harsh
    assert both == pytest.approx(math.sqrt(calm * harsh))


def test_policies_take_the_shifts_in_turn(search, tmp_path, monkeypatch):
    names = []
    for name in ("one", "two"):
        write_table(table(name), tmp_path / f"{name}.json")
        names.append(str(tmp_path / f"{name}.json"))
    jobs, run = [], tuning.run_shift

    def noted(job):
        jobs.append((job.skill, job.seed))
        return run(job)

    monkeypatch.setattr(tuning, "run_shift", noted)
    some = search((0, 3), shifts=3)
    score(replace(some, mode=replace(some.mode, handling=tuple(names))), {})
    seeds = seeds_of(3, 3, validation=True)
    assert jobs == 2 * list(zip([names[0], names[1], names[0]], seeds, strict=True))
    assert not set(seeds) & set(seeds_of(3, 100))


def test_the_log_holds_every_candidate_and_the_best_only_gets_better(search):
    seen = []
    best, log = tune(search((0,)), 5, seen.append)
    assert seen == log
    assert [row["candidate"] for row in log] == list(range(5))
    least = math.inf
    for row in log:
        assert row["best"] == (row["cost_per_good_part"] < least)
        least = min(least, row["cost_per_good_part"])
    assert best == [row["hyper"] for row in log if row["best"]][-1]
    for name in FIXED & best.keys():
        assert len({row["hyper"][name] for row in log}) == 1
    assert any(row["hyper"] != log[0]["hyper"] for row in log[1:])
    assert tune(search((0,)), 5, seen.append)[1] == log


def test_candidates_without_a_good_part_are_logged_as_such_and_never_best(search, monkeypatch):
    costs = iter([math.inf, 5.0, math.inf])
    monkeypatch.setattr(tuning, "score", lambda *_: next(costs))
    best, log = tune(search((0,)), 3, lambda row: None)
    assert [row["cost_per_good_part"] for row in log] == [None, 5.0, None]
    assert [row["best"] for row in log] == [False, True, False]
    assert best == log[1]["hyper"]
    json.dumps(log, allow_nan=False)


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ({1: (9.0, 1.0), 2: (5.0, 0.97), 3: (4.0, 0.90)}, 2),  # the cheapest of those that are on time
        ({1: (9.0, 0.4), 2: (5.0, 0.3), 3: (4.0, 0.1)}, 3),  # nobody is: the cheapest
        ({1: (9.0, 1.0), 2: (math.inf, 0.0), 3: (math.inf, 0.0)}, 1),  # the only one with a good part
        (dict.fromkeys((1, 2, 3), (math.inf, 0.0)), 1),  # none
    ],
)
def test_staffing_is_the_cheapest_that_keeps_orders_on_time(search, monkeypatch, found, best):
    monkeypatch.setattr(tuning, "_worked", lambda _, mode, how: found[mode.machines_per_operator])
    told = []
    number, log = best_staffing(search((0,)), range(1, 4), lambda *row: told.append(row))
    assert number == best
    assert [row[0] for row in told] == [1, 2, 3]
    assert [row["cost_per_good_part"] is None for row in log] == [math.isinf(c) for c, _ in found.values()]
