"""Cutting: published answers, limits and what the formulas must keep."""

import numpy as np
import pytest

from envs.machining import cutting


def test_a1_turning_power():
    assert cutting.turning_power_kw(120, 3, 0.2, 3100, efficiency=0.8) == pytest.approx(4.65, abs=0.01)


def test_a2_face_milling():
    rpm = cutting.spindle_speed_rpm(80, 250)
    assert rpm == pytest.approx(101.91, rel=5e-3)  # printed with pi = 3.14
    assert cutting.feed_per_tooth_mm(280, rpm, 12) == pytest.approx(0.228, rel=5e-3)
    power = cutting.milling_power_kw(depth_mm=2, width_mm=80, table_feed_mm_min=280, kc=1800, efficiency=0.8)
    assert power == pytest.approx(1.68, rel=5e-3)


def test_a3_cutting_speed():
    assert cutting.cutting_speed_m_min(700, 50) == pytest.approx(110, abs=1)
    assert cutting.spindle_speed_rpm(cutting.cutting_speed_m_min(700, 50), 50) == pytest.approx(700)


def test_a6_kienzle():
    kc = cutting.specific_cutting_force(kc11=2220, mc=0.14, chip_thickness_mm=0.25)
    assert kc == pytest.approx(2695.5, rel=1e-3)
    force = cutting.cutting_force_n(kc11=2220, mc=0.14, depth_mm=3, feed_mm=0.25)
    assert force == pytest.approx(2021.6, rel=1e-3)
    assert cutting.turning_power_kw(150, 3, 0.25, kc) == pytest.approx(5.054, rel=1e-3)


def test_a15_deflection():
    assert cutting.tool_deflection_um(200, 30, 10, 600) == pytest.approx(14.92, rel=1e-3)
    full = cutting.tool_deflection_um(200, 30, 10, 600, effective_diameter_ratio=1.0)
    assert full == pytest.approx(6.11, rel=1e-3)


def test_a_flat_edge_thins_the_chip_and_raises_the_force():
    straight, flat = (cutting.cutting_force_n(2000, 0.25, 2, 0.3, angle) for angle in (90, 45))
    # b h is the same, kc grows with h^-mc.
    assert flat / straight == pytest.approx(np.sin(np.pi / 4) ** -0.25, rel=1e-12)
    assert cutting.cutting_force_n(2000, 0.25, 2, 0.3, 75) == pytest.approx(
        cutting.cutting_force_n(2000, 0.25, 2, 0.3, 105)
    )


def test_force_is_kc_times_section_and_power_is_force_times_speed():
    kc = cutting.specific_cutting_force(1500, 0.22, cutting.chip_thickness_mm(0.2, 60))
    assert cutting.cutting_force_n(1500, 0.22, 2.5, 0.2, 60) == pytest.approx(kc * 2.5 * 0.2)
    watts = cutting.cutting_force_n(1500, 0.22, 2.5, 0.2, 60) * 180 / 60
    assert cutting.turning_power_kw(180, 2.5, 0.2, kc) == pytest.approx(watts / 1000)
    removal = cutting.turning_removal_mm3_s(180, 2.5, 0.2)
    assert removal * kc * 1e-6 == pytest.approx(watts / 1000)
    slot = cutting.milling_removal_mm3_s(2, 80, 280)
    assert slot * 1800 * 1e-6 == pytest.approx(cutting.milling_power_kw(2, 80, 280, 1800))


def test_mean_chip_is_the_mean_over_the_engagement():
    for immersion in (1e-6, 0.05, 0.3, 0.5, 0.9, 1.0):
        end = np.arccos(1 - 2 * immersion)
        phi = (np.arange(20_000) + 0.5) / 20_000 * end
        found = cutting.mean_chip_thickness_mm(0.1, immersion)
        assert found == pytest.approx(0.1 * np.sin(phi).mean(), rel=1e-4)


def test_rake_and_wear():
    assert cutting.rake_factor(6) == pytest.approx(0.94)
    assert cutting.rake_factor(-6) == pytest.approx(1.06)
    assert cutting.rake_factor(12, reference_deg=12) == 1.0
    assert cutting.wear_factor(0.0) == 1.0
    assert 1.3 <= cutting.wear_factor(0.3) <= 1.5
    assert cutting.wear_factor(0.15, at_limit=1.5) == pytest.approx(1.25)


def test_no_depth_no_force():
    assert cutting.cutting_force_n(2000, 0.25, 0.0, 0.2) == 0.0


def test_shapes_broadcast_and_scalars_stay_scalars():
    force = cutting.cutting_force_n([[2000.0], [1500.0]], 0.25, [1.0, 2.0, 3.0], 0.2)
    assert force.shape == (2, 3)
    assert force.dtype == np.float64
    assert force[1, 2] == cutting.cutting_force_n(1500, 0.25, 3, 0.2)
    assert isinstance(float(cutting.cutting_force_n(2000, 0.25, 1, 0.2)), float)
    assert cutting.cutting_force_n([], 0.25, 1, 0.2).shape == (0,)


def test_inputs_are_left_alone():
    depth = np.array([1.0, 2.0])
    before = depth.copy()
    cutting.cutting_force_n(2000, 0.25, depth, 0.2)
    assert (depth == before).all()
