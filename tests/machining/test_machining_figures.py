"""The lobe diagram as a figure."""

from xml.etree import ElementTree

import numpy as np
import pytest

from envs.machining.chatter import zero_order_lobes
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
