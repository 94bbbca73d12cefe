"""The table of lots: shares of a gap, falls and tests are what they say, from numbers made up."""

import json
from pathlib import Path

import numpy as np
import pytest

from agents.learner import Episode
from experiments.benchmark import Config
from experiments.benchmarking import lot_table, lots
from experiments.benchmarking.cells import PRACTICE, splits_of
from experiments.benchmarking.lot_table import Cell, figures, lines, tables

ROOT = Path(__file__).resolve().parent.parent
LOTS = 60


def cell(split, row, cost, learned=False):
    """A row whose policies have these costs, (policies, lots) or (lots,)."""
    rest = {"share_good": 0.9, "cost_per_good_part": 5.0, "good_parts_per_h": 12.0, "kwh_per_good_part": 1.0}
    episodes = [
        [Episode(k, True, 64, -64.0 * c, 0.0, {"score": -c, **rest}) for k, c in enumerate(some)]
        for some in np.atleast_2d(cost)
    ]
    return Cell("Turn", split, row, learned, tuple(f"{row}{i}" for i in range(len(episodes))), episodes)


def made():
    luck = 0.5 * np.random.default_rng(0).standard_normal(LOTS)  # of the lot, whoever works it
    seeds = np.array([[-0.02], [0.0], [0.02]])
    return [
        cell(split, row, more + level + luck + (seeds if learned else 0.0), learned)
        for split, more in (("seen", 0.0), ("hard", 1.0))
        for row, level, learned in (
            ("handbook", 3.0, False), ("rules", 2.0, False), ("ppo", 1.4, True), ("oracle", 1.0, False)
        )
    ]  # fmt: skip


def told():
    return figures(made())


def test_share_of_the_gap_and_fall():
    rows = {(r["split"], r["row"]): r for r in told()["rows"]}
    assert rows["seen", "rules"]["gap_closed"]["mean"] == pytest.approx(0.5)
    assert rows["seen", "ppo"]["gap_closed"]["mean"] == pytest.approx(0.8)
    assert "gap_closed" not in rows["seen", "oracle"]
    assert rows["hard", "rules"]["more_than_seen"]["mean"] == pytest.approx(1.0)
    assert "more_than_seen" not in rows["seen", "rules"]
    # What a lot brings falls out where the same lots are compared, and does not where costs stand alone.
    for key in ("gap_closed", "more_than_seen"):
        low, high = rows["hard", "rules"][key]["ci95"]
        assert high - low < 1e-9
    low, high = rows["seen", "rules"]["cost"]["ci95"]
    assert high - low > 0.1
    low, high = rows["hard", "ppo"]["gap_closed"]["ci95"]
    assert 0.78 < low < 0.8 < high < 0.82  # three seeds differ by so much
    assert rows["seen", "ppo"]["n_policies"] == 3
    assert rows["seen", "ppo"]["cost_per_policy"] == pytest.approx(
        [rows["seen", "ppo"]["cost"]["mean"] + d for d in (-0.02, 0, 0.02)]
    )


def test_every_two_rows_are_tested_on_every_split():
    tests = {(t["split"], t["a"], t["b"]): t for t in told()["paired"]}
    assert len(tests) == 2 * 6
    found = tests["hard", "rules", "ppo"]
    assert found["difference"]["mean"] == pytest.approx(0.6)
    assert found["n_pairs"] == LOTS
    assert found["p"] < 0.001
    assert found["p"] <= found["p_holm"] <= 6 * found["p"] + 1e-12


def test_nothing_between_the_same():
    twice = figures([cell("seen", "a", np.linspace(1, 2, LOTS)), cell("seen", "b", np.linspace(1, 2, LOTS))])
    assert twice["paired"][0]["difference"] == {"mean": 0.0, "ci95": [0.0, 0.0]}
    assert twice["paired"][0]["p"] == 1.0


def test_for_people():
    text = "\n".join(lines(told()))
    assert "ppo less rules: -0.6000" in text
    assert "less handbook" not in text
    grid, pairs = tables(told())
    assert grid[0] == "| Turn: agent | seen | hard |"
    assert len(grid) == 2 + 4
    assert [row.split(" | ")[0] for row in pairs[2:]] == [
        "| ppo less rules", "| ppo less oracle", "| gap closed by ppo"
    ]  # fmt: skip
    assert "80 [79, 81] %" in pairs[-1]
    assert lot_table._p(0.00001) == "< 0.0001"


def test_the_readme_shows_what_was_measured():
    told = json.loads((ROOT / "docs" / "lots.json").read_text(encoding="utf-8"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = list(tables(told))
    assert len(shown) >= len({row["task"] for row in told["rows"]})
    for table in shown:
        assert "\n".join(table) in text


@pytest.mark.parametrize("task", ["TurnShafts", "MillPockets"])
def test_what_is_practised_on_is_a_column_for_who_asks_for_it(task):
    usual = {piece.split for piece in lots._pieces(Config(who=("handbook",), task=task))}
    assert usual == set(splits_of(task)) - {PRACTICE}
    asked = lots._pieces(Config(who=("handbook",), task=task, splits=(PRACTICE,)))
    assert {piece.split for piece in asked} == {PRACTICE}
