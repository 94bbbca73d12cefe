"""Charts, lanes and money besides the shift, on examples whose answer is plain."""

import json
import math
from dataclasses import asdict, replace

import pytest

from envs.ledger import Ledger
from envs.prices import load_region
from envs.shift import load_shift
from experiments.comparison.canvas import Canvas
from experiments.comparison.charts import Bar, Grid, break_even, gantt, heat_map
from experiments.comparison.maps import Square, grid_of, work_maps
from experiments.comparison.mixing import combinations_of
from experiments.comparison.modes import Burden, burden, load_finance, load_mode, mode_names
from experiments.comparison.reading import lane, losses_min
from experiments.errors import UserError


def grid(values):
    rows = tuple(tuple(row) for row in values)
    return Grid("x", "y", ("a", "b", "c"), ("p", "q"), rows, tuple((True,) * 3 for _ in rows))


def test_the_break_even_line_runs_where_the_sign_turns():
    assert break_even(grid([[-1.0, -1.0, -1.0], [-2.0, -0.5, -3.0]])) == []
    edges = break_even(grid([[-1.0, 1.0, 1.0], [-1.0, -1.0, None]]))
    assert sorted(edges) == [[(1.0, 0.0), (1.0, 1.0)], [(1.0, 1.0), (2.0, 1.0)]]


def test_everything_that_is_text_is_escaped():
    canvas = Canvas(10, 10, "<a>")
    canvas.text(0, 0, "<b>")
    canvas.rect(0, 0, 1, 1, "#000000", "<c>")
    drawn = canvas.svg() + gantt({"<d>": [Bar(0, 1, "cutting", "<e>")]}, {}, "<f>")
    drawn += heat_map(grid([[1.0, None, -1.0]] * 2), "<g>", "<h>", "<i>")
    for letter in "abcdefghi":
        assert f"<{letter}>" not in drawn


def test_lanes_say_what_the_machine_did_and_why_it_stood():
    ledger = Ledger()
    ledger.append(0.0, "PRODUCTION", "lathe")
    ledger.append(0.0, "ACTIVE", "lathe")
    ledger.append(60.0, "decision", "machining", tool="standby", why="", saw={"reason": "person"})
    ledger.append(60.0, "WAIT", "lathe")
    ledger.append(180.0, "SETUP", "lathe")
    ledger.append(300.0, "shift_end", "other")
    found = [(bar.start_s, bar.end_s, bar.state) for bar in lane(ledger, "lathe")]
    assert found == [(0.0, 60.0, "cutting"), (60.0, 180.0, "standby"), (180.0, 300.0, "setting up")]
    assert losses_min([ledger], "lathe") == {"wait for person": 2.0, "setting up": 2.0}


def test_capital_is_an_annuity_and_a_learned_policy_is_paid_for_only_where_there_is_one():
    germany, finance = load_region("germany"), load_finance("default", "germany")
    manual = burden(load_mode("manual"), germany, finance)
    assert manual.capital_eur_per_h == pytest.approx(3000.0 * 0.1920724 / 3600.0, rel=1e-6)  # 7 years, 8 %
    autonomous = load_mode("autonomous")
    assert autonomous.learned_handling
    taught = replace(autonomous, learned_handling=False)
    assert burden(autonomous, germany, finance).one_offs_eur > burden(taught, germany, finance).one_offs_eur
    india = burden(autonomous, load_region("india"), load_finance("default", "india"))
    assert india.one_offs_eur < burden(autonomous, germany, finance).one_offs_eur
    assert india.capital_eur_per_h > burden(autonomous, germany, finance).capital_eur_per_h


def test_all_modes_between_two_keep_what_their_parts_cost():
    base, other = load_mode("automated"), load_mode("autonomous")
    assert len(combinations_of(base, replace(other, handling=base.handling))) == 4  # then it is no factor
    found = dict(combinations_of(base, other))
    assert len(found) == 8
    assert found[(True, False, False)].handling == other.handling
    assert found[(False, False, False)].roles == base.roles
    both = found[(False, True, True)]
    assert both.roles == other.roles
    what = {entry.what for entry in (*both.running, *both.one_offs)}
    assert "licence" in what
    assert not any("pre-written recovery" in text for text in what)


def test_modes_that_ship_name_every_figures_source():
    assert mode_names() == ("manual", "automated_basic", "automated", "autonomous")
    for name in mode_names():
        mode = load_mode(name)
        for entry in (*mode.capital, *mode.running, *mode.one_offs, *mode.new_part_type):
            assert entry.figure.source
            assert entry.figure.low < entry.figure.high


def test_a_side_that_alone_makes_parts_is_marked_and_counts_as_the_cheaper_one():
    far = float("inf")
    drawn = heat_map(grid([[1.0, -far, -1.0], [far, None, -2.0]]), "a", "b", "c")
    assert drawn.count(">only<") == 2
    assert "inf" not in drawn
    edges = break_even(grid([[1.0, -far, -1.0], [far, None, -2.0]]))
    assert sorted(edges) == [[(1.0, 0.0), (1.0, 1.0)]]


def test_a_map_tells_where_only_one_side_makes_good_parts():
    """Certain where it does so in every shift; nothing where neither does."""
    free = Burden(0.0, 0.0, 0.0, 0.0, 0.0)

    def grid_with(goods):
        squares = [
            Square("lots", 1.0, 0.0, mode, seed, 10.0, good, 8.0, 0, 8.0, 1.0)
            for mode, made in goods.items()
            for seed, good in enumerate(made)
        ]
        found = grid_of("lots", squares, ("a", "b"), {"a": free, "b": free})
        return found.values[0][0], found.sure[0][0]

    assert grid_with({"a": [5] * 6, "b": [0] * 6}) == (-math.inf, True)
    assert grid_with({"a": [0] * 6, "b": [5, 0, 1, 1, 1, 1]}) == (math.inf, False)
    assert grid_with({"a": [0] * 6, "b": [0] * 6}) == (None, False)
    value, sure = grid_with({"a": [5] * 6, "b": [10] * 6})
    assert value == pytest.approx(1.0)
    assert sure


def test_squares_of_shifts_and_of_weeks_do_not_mix(tmp_path):
    file = tmp_path / "maps.json"
    square = Square("lots", 1.0, 0.0, "automated", 1, 10.0, 5, 8.0, 0, 8.0, 1.0)
    file.write_text(json.dumps([asdict(square)]))
    spec = load_shift()
    week = spec.with_blocks(*spec.blocks * 5)
    assert week.hours == 40.0
    with pytest.raises(UserError, match="other hours than 40") as error:
        work_maps((), week, (), None, file, handling="recorded", workers=1)
    assert "\n" not in str(error.value)
    assert work_maps((), spec, (), None, file, handling="recorded", workers=1) == [square]
