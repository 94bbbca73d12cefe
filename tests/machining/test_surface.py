"""Roughness: published answers, and what feed, wear and chatter do."""

import numpy as np
import pytest

from envs.machining import surface
from envs.machining.lots import ACTIONS, Batch
from envs.machining.process import names


def test_a4_kinematic_roughness():
    rt, ra, exact = surface.kinematic_roughness_um(0.2, 0.8)
    assert rt == pytest.approx(6.25, rel=1e-3)
    assert ra == pytest.approx(1.5625, rel=1e-3)
    assert exact == pytest.approx(1.6038, rel=1e-3)


def test_exact_mean_deviation_is_that_of_the_parabola():
    y = np.linspace(-0.1, 0.1, 200_001)
    z = y * y / (2 * 0.8) * 1e3
    assert surface.kinematic_roughness_um(0.2, 0.8)[2] == pytest.approx(np.abs(z - z.mean()).mean(), rel=1e-4)


def test_feed_doubled_is_four_times_as_rough():
    for one, two in zip(*(surface.kinematic_roughness_um(f, 0.8) for f in (0.1, 0.2)), strict=True):
        assert two / one == pytest.approx(4, rel=1e-12)


def test_a_feed_wider_than_the_nose_is_refused():
    assert surface.kinematic_roughness_um(0.8, 0.4)[0] == pytest.approx(200)
    with pytest.raises(
        ValueError, match=r"feed_mm is 0.9: allowed are above 0 to twice nose_radius_mm \(0.8\)"
    ):
        surface.kinematic_roughness_um([0.1, 0.9], 0.4)


def test_measured_roughness_is_a_multiple_of_the_theory_in_the_published_range():
    feeds = np.array([0.15, 0.2, 0.3])
    ratio = surface.roughness_um(feeds, 0.8) / surface.kinematic_roughness_um(feeds, 0.8)[2]
    assert ((ratio >= 1.5) & (ratio < 3.0)).all()


def test_ever_finer_feeds_do_not_polish():
    feeds = np.geomspace(0.005, 0.4, 200)
    rough = surface.roughness_um(feeds, 0.8)
    assert (np.diff(rough) > 0).all()
    assert rough[0] == pytest.approx(surface.FLOOR_UM, rel=1e-3)


def test_wear_chatter_and_a_built_up_edge_make_it_rougher():
    good = surface.roughness_um(0.2, 0.8)
    for what, gain in ({"flank_wear_mm": 0.3}, 1.4), ({"chatter": 1.0}, 3.5), ({"built_up": True}, 1.6):
        assert surface.roughness_um(0.2, 0.8, **what) == pytest.approx(gain * good)


@pytest.mark.parametrize("name", names())
def test_it_is_what_the_machine_leaves(name):
    """One model: without noise and mishap a part of the machine's has the roughness of the function."""
    batch = Batch(name, "nominal", 512)
    batch.begin(np.arange(512), np.zeros(512, np.int64))
    _, part = batch.step(np.zeros((len(ACTIONS), 512)))
    spec, load = batch.process, part.load
    clean = ~part.jammed & (load.speed_m_min > spec.faults.built_up_m_min)
    wanted = surface.roughness_um(load.feed_mm, spec.tool.nose_radius_mm, part.wear_mm, load.chatter)
    found = np.log(part.ra_um / wanted)[clean]
    assert clean.sum() > 400
    assert abs(found.mean()) < 0.02
    assert found.std() == pytest.approx(0.06, abs=0.01)


def test_feed_for_roughness_is_the_inverse():
    feed = surface.feed_for_roughness_mm(surface.kinematic_roughness_um(0.17, 1.2)[2], 1.2)
    assert feed == pytest.approx(0.17)
    assert surface.feed_for_roughness_mm(1e5, 0.4) == 0.8
