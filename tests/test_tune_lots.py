"""Tuning of rules: it never gets worse, keeps to the ranges, and is the same for the same seed."""

import pytest
import yaml

from agents import catalog
from experiments import tune_lots
from experiments.config import UserError
from experiments.tune_lots import RANGES, search


def test_it_finds_the_lowest_place_and_keeps_to_the_ranges():
    goal = {"speed": -0.4, "every": 6.0, "gain": 2.0}  # the last lies outside
    start = {"speed": 0.9, "every": 1.0, "gain": 0.2}
    done = []

    def cost(hyper):
        assert all(RANGES[k][0] <= v <= RANGES[k][1] for k, v in hyper.items())
        return sum((hyper[k] - goal[k]) ** 2 for k in goal)

    found = search(start, cost, 400, 3, lambda: done.append(1))
    assert len(done) == 400
    costs = [value for value, _ in found]
    assert costs == sorted(costs, reverse=True)
    assert found[0][1] == start
    assert found[-1][1]["speed"] == pytest.approx(-0.4, abs=0.05)
    assert found[-1][1]["gain"] == 1.0
    assert search(start, cost, 400, 3, lambda: None) == found


@pytest.mark.parametrize("who", ["handbook", "tuned_rules", "machinist"])
def test_every_number_of_a_rule_has_a_range(who):
    assert set(vars(catalog.create(who).hyper)) <= set(RANGES)


def test_the_verb_leaves_numbers_that_a_rule_takes(tmp_path, capsys):
    out = tmp_path / "t.yaml"
    words = ["tuned_rules", "--task", "MillPockets", "--candidates", "3", "--lots", "4", "--out", str(out)]
    assert tune_lots.main(words) == 0
    assert "on 16 other validation lots" in capsys.readouterr().out
    catalog.create("tuned_rules", "MillPockets", hyper=yaml.safe_load(out.read_text()))


@pytest.mark.parametrize("words", [["oracle"], ["machinist", "--task", "Reach"]])
def test_others_are_refused(words):
    with pytest.raises(UserError, match="allowed are rules on lots of parts"):
        tune_lots.main(words)


def test_numbers_that_are_kept_stay(tmp_path):
    out, keep = tmp_path / "t.yaml", "hum,smooth,back_off"
    before = vars(catalog.create("machinist", "MillPockets").hyper)
    words = ["machinist", "--task", "MillPockets", "--keep", keep, "--candidates", "8", "--lots", "4"]
    assert tune_lots.main([*words, "--out", str(out)]) == 0
    after = yaml.safe_load(out.read_text())
    assert set(after) == set(before)
    assert all(after[name] == before[name] for name in keep.split(","))
    with pytest.raises(UserError, match="did you mean 'smooth'"):
        tune_lots.main([*words[:4], "smoth"])
