"""Figures of the machining physics: lobes, economics, wear, heat."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from envs.machining import library
from envs.machining.chatter import zero_order_lobes
from experiments import machining_figures
from experiments.config import UserError
from experiments.machining_figures import lobe_figure

SVG = "{http://www.w3.org/2000/svg}"
CUT = {"radial_immersion": 1.0, "direction": "down", "kt_mpa": 600, "kr": 0.3}


def lines(svg):
    root = ElementTree.fromstring(svg)
    found = [
        np.array([p.split(",") for p in line.get("points").split()], float)
        for line in root.iter(f"{SVG}polyline")
    ]
    return found, [text.text for text in root.iter(f"{SVG}text")]


def test_lobe_figure_shows_a_pocket_and_cuts_it_off():
    found = zero_order_lobes(4, **CUT, modes_x=[(922, 0.011, 1.34e6)], modes_y=[])
    (line,), texts = lines(lobe_figure({"4 teeth": found}, 4_000, 20_000))
    assert {"Stability lobes", "spindle speed (rpm)", "depth of cut (mm)", "4 teeth"} <= set(texts)
    assert len(line) == 1_200
    # SVG's y runs down: the top is the cut-off, ten times the bottom.
    top, bottom = line[:, 1].min(), line[:, 1].max()
    assert (line[:, 1] == top).sum() > 50
    assert bottom - top > 100
    pocket = line[np.searchsorted(line[:, 0], np.interp(13_800, [4_000, 20_000], line[[0, -1], 0])), 1]
    assert pocket == top


def test_two_tools_are_two_lines():
    found = {
        f"{teeth} teeth": zero_order_lobes(teeth, **CUT, modes_x=[(922, 0.011, 1.34e6)], modes_y=[])
        for teeth in (2, 4)
    }
    assert len(lines(lobe_figure(found, 4_000, 20_000, max_depth_mm=2.0))[0]) == 2


def test_a_bad_figure_is_refused():
    with pytest.raises(ValueError, match="lobes is empty"):
        lobe_figure({}, 1, 2)
    found = zero_order_lobes(4, **CUT, modes_x=[(922, 0.011, 1.34e6)], modes_y=[])
    with pytest.raises(ValueError, match=r"min_rpm is 3: allowed are above 0 to below max_rpm \(2\)"):
        lobe_figure({"": found}, 3, 2)


DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


@pytest.mark.parametrize("name", machining_figures.FIGURES)
def test_figures_in_docs_are_what_the_command_draws(name):
    drawn = machining_figures.FIGURES[name]()
    assert drawn == machining_figures.FIGURES[name]()
    assert drawn == (DOCS / f"{name}.svg").read_text(encoding="utf-8")
    assert len(drawn) < 30_000


def circles(svg):
    return [
        (float(c.get("cx")), float(c.get("cy"))) for c in ElementTree.fromstring(svg).iter(f"{SVG}circle")
    ]


def test_the_two_optima_lie_at_the_bottoms_of_their_curves():
    svg = machining_figures.economics_figure()
    (cost, minutes), _ = lines(svg)
    for curve, (x, y) in zip((cost, minutes), circles(svg), strict=True):
        assert curve[curve[:, 1].argmax(), 0] == pytest.approx(x, abs=4)  # y runs down
        assert curve[:, 1].max() == pytest.approx(y, abs=0.5)
    assert circles(svg)[0][0] < circles(svg)[1][0]  # cheapest is slower than fastest


def test_the_wear_figure_shows_every_measured_life_at_its_depth():
    svg = machining_figures.wear_figure()
    n = sum(case.depth_mm == 1.5 for case in library.nasa_lives().cases)
    assert len(circles(svg)) == n >= 6
    for curve in lines(svg)[0]:
        assert (np.diff(curve[:, 1]) <= 0).all()  # wear only grows


def test_heat_parts_add_up_and_die_away():
    svg = machining_figures.heat_figure()
    (whole, *parts), texts = lines(svg)
    assert {"all", "spindle", "drives", "coolant", "shop"} <= set(texts)
    zero = whole[0, 1]
    total = sum(part[:, 1] - zero for part in parts)
    np.testing.assert_allclose(total, whole[:, 1] - zero, atol=0.5)
    assert abs(parts[0][-1, 1] - zero) < 1.0  # the spindle is cold again


def test_the_command_writes_them_all_and_refuses_a_folder_that_is_not_there(tmp_path):
    assert machining_figures.main(["--out", str(tmp_path)]) == 0
    assert {p.stem for p in tmp_path.iterdir()} == set(machining_figures.FIGURES)
    with pytest.raises(UserError, match="allowed is a folder that exists"):
        machining_figures.main(["--out", str(tmp_path / "nowhere")])
