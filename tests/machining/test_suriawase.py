"""Fitting cutting data in few trial cuts: the trials, the ways of searching, the verb."""

import json

import numpy as np
import pytest

from agents.search import GaussianSearch, OneFactor, RandomSearch, squared_exponential
from envs.machining.process import names
from envs.machining.trials import Trials
from experiments import suriawase
from experiments.config import UserError
from experiments.suriawase import LEARNED, Config, search, table

AXES = np.linspace(-1, 1, 7), np.linspace(-1, 1, 6), np.array([-0.5, 0.0, 0.5])
GRID = np.stack([a.ravel() for a in np.meshgrid(*AXES, indexing="ij")])
N = 8


def costs(seed=0):
    """A valley for every machine, each elsewhere."""
    at = np.random.default_rng(seed).uniform(-0.6, 0.6, (N, 3, 1))
    return np.exp(((GRID[None] - at) ** 2).sum(axis=1))


def ways():
    covariance = squared_exponential(GRID, np.array([0.7, 0.7, 0.7]), 0.8)
    mean = np.full(GRID.shape[1], 0.8)
    start = int(np.argmin(np.abs(GRID).sum(axis=0)))
    return {
        "gp": GaussianSearch(GRID, N, mean, covariance, 0.02),
        "one": OneFactor(GRID, N, start, (2, 1, 0), 6),
        "random": RandomSearch(GRID, N, start, 0),
    }


def run(way, truth, trials=18):
    for _ in range(trials):
        chosen = way.propose()
        way.tell(chosen, truth[np.arange(N), chosen])
    return truth[np.arange(N), way.best()] / truth.min(axis=1) - 1


def test_searches_find_the_valley_and_a_model_finds_it_best():
    excess = {name: run(way, costs()).mean() for name, way in ways().items()}
    assert excess["gp"] < 0.02
    assert excess["gp"] < excess["random"]
    assert excess["one"] < excess["random"]  # no interaction, no noise: its own ground


def test_machines_do_not_look_at_each_other():
    truth = costs()
    both = {name: run(way, truth, 6) for name, way in ways().items() if name != "random"}
    swapped = truth[::-1]
    other = {name: run(way, swapped, 6) for name, way in ways().items() if name != "random"}
    for name, found in both.items():
        np.testing.assert_allclose(found, other[name][::-1])


def test_one_factor_varies_one_factor():
    way, truth = ways()["one"], costs()
    chosen = []
    for _ in range(4):
        chosen.append(way.propose())
        way.tell(chosen[-1], truth[np.arange(N), chosen[-1]])
    for column in chosen[1:]:
        moved = (GRID[:, column] != GRID[:, chosen[0]]).any(axis=1)
        assert not moved[:2].any()


@pytest.mark.parametrize("name", names())
def test_a_trial_tells_the_truth_but_for_its_error_and_always_the_same(name):
    trials = Trials(name, "seen", np.arange(40))
    truth = trials.truth()
    best = truth.argmin(axis=1)
    assert truth.shape == (40, trials.grid.shape[1])
    assert (truth > 0).all()
    logs = np.stack([np.log(trials.cut(best, k) / truth.min(axis=1)) for k in range(6)])
    assert abs(np.median(logs)) < 0.05
    assert 0.001 < np.median(np.abs(logs)) < 0.15
    np.testing.assert_array_equal(trials.cut(best, 3), trials.cut(best, 3))
    alone = Trials(name, "seen", np.arange(40)[5:6])
    np.testing.assert_array_equal(alone.cut(best[5:6], 3), trials.cut(best, 3)[5:6])
    np.testing.assert_array_equal(alone.truth()[0], truth[5])


def test_a_learned_prior_beats_what_knows_nothing(monkeypatch):
    monkeypatch.setattr(suriawase, "_KNOWN", 64)
    found = search(Config("TurnShafts", machines=12, trials=8, seed=9))
    ends = {way: row["mean"][-1] for way, row in found["ways"].items()}
    assert ends[LEARNED] < ends["Gaussian process"]
    assert ends[LEARNED] < found["without trials"]["tuned_rules"]["mean"]
    assert all(min(row["mean"]) >= 0 for row in found["ways"].values())
    json.dumps(found)
    assert len(list(table(found))) == 2 + 4 + 3
    assert suriawase.chart(found) == suriawase.chart(found)


@pytest.mark.parametrize(("wrong", "told"), [
    ({"task": "LoadChuck"}, "task 'LoadChuck'"), ({"split": "sen"}, "split 'sen'")
])  # fmt: skip
def test_what_is_not_there_is_told_in_one_line(wrong, told):
    with pytest.raises(UserError, match=told):
        search(Config(**wrong))
