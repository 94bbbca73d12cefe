"""Heat: published answers, exact lags, and growth along the axes."""

import numpy as np
import pytest

from envs.machining import thermal


def test_a16_growth():
    assert thermal.thermal_growth_um(11.7e-6, 500, 5) == pytest.approx(29.25, rel=1e-12)


def test_lag_is_the_solution():
    assert thermal.lag(0, 10, 30, 30) == pytest.approx(10 * (1 - np.exp(-1)))
    assert thermal.lag(3.0, 10, 0, 30) == 3.0
    assert thermal.lag(3.0, 10, 1e6, 1) == 10.0


def test_steps_add_up():
    one = thermal.lag(2.0, 12.0, 30.0, 25.0)
    many = 2.0
    for _ in range(300):
        many = thermal.lag(many, 12.0, 0.1, 25.0)
    assert many == pytest.approx(one, rel=1e-12)


def test_mean_lag_is_the_mean():
    times = (np.arange(20_000) + 0.5) / 20_000 * 40
    assert thermal.mean_lag(1.0, 9.0, 40, 25) == pytest.approx(
        thermal.lag(1.0, 9.0, times, 25).mean(), rel=1e-7
    )
    assert thermal.mean_lag(1.0, 9.0, 0.0, 25) == 1.0


def test_warm_up_reaches_nine_tenths_after_2_3_time_constants():
    share = thermal.lag(0, 1, np.array([2.3, 4.6]) * 40, 40)
    assert share == pytest.approx([0.9, 0.99], abs=1e-3)


def test_spindle_rise():
    rise = thermal.spindle_rise_k([0, 3000, 12_000], 12_000, 16)
    assert rise == pytest.approx([0, 2, 16])
    with pytest.raises(ValueError, match=r"spindle_rpm is 13000: allowed are 0 to max_rpm \(12000\)"):
        thermal.spindle_rise_k([100, 13_000], 12_000, 16)


def test_axis_growth_is_the_matrix_product():
    rng = np.random.default_rng(0)
    rises, gains = rng.uniform(-5, 20, (7, 4)), rng.uniform(-2, 4, (3, 4))
    assert thermal.axis_growth_um(rises, gains) == pytest.approx(rises @ gains.T)
    assert thermal.axis_growth_um(rises[0], gains).shape == (3,)
    with pytest.raises(ValueError, match="gains_um_k has shape"):
        thermal.axis_growth_um(rises, gains[:, :3])
