"""Tool life: published answers, the measured milling lives, and the wear curve."""

import numpy as np
import pytest

from envs.machining import wear


def test_a7_two_points():
    n, c = wear.fit_taylor([160, 100], [5, 41])
    assert n == pytest.approx(0.2234, rel=1e-3)
    assert c == pytest.approx(229.2, rel=1e-3)
    assert wear.taylor_life_min([160, 100], n, c) == pytest.approx([5, 41])


def test_fit_finds_what_made_the_lives():
    speeds = np.array([80.0, 120, 200, 310])
    n, c = wear.fit_taylor(speeds, wear.taylor_life_min(speeds, 0.3, 400))
    assert n == pytest.approx(0.3)
    assert c == pytest.approx(400)
    many = wear.fit_taylor([speeds, speeds], wear.taylor_life_min(speeds, [[0.3], [0.2]], 400))
    assert many[0] == pytest.approx([0.3, 0.2])


def test_fit_is_the_least_squares_of_log_life():
    rng = np.random.default_rng(0)
    speeds = np.linspace(80, 300, 12)
    lives = wear.taylor_life_min(speeds, 0.25, 350) * np.exp(0.2 * rng.standard_normal(12))
    slope, intercept = np.polyfit(np.log(speeds), np.log(lives), 1)
    n, c = wear.fit_taylor(speeds, lives)
    assert n == pytest.approx(-1 / slope)
    assert c == pytest.approx(np.exp(-intercept / slope))


@pytest.mark.parametrize(
    ("speeds", "lives", "message"),
    [
        ([100], [5], "at least 2 points"),
        ([100, 120], [5], "at least 2 points"),
        ([100, 100], [5, 6], "at least 2 different speeds"),
        ([100, 120], [5, 6], "lives that fall with speed"),
        ([100, -120], [5, 6], r"speeds_m_min is -120: allowed are above 0 to"),
        ([100, 120], [5, np.nan], r"lives_min is nan: allowed are above 0 to"),
    ],
)
def test_a_bad_fit_is_refused(speeds, lives, message):
    with pytest.raises(ValueError, match=message):
        wear.fit_taylor(speeds, lives)


def test_extended_form_is_taylors_at_unit_feed_and_depth():
    assert wear.extended_taylor_life_min(150, 1, 1, 0.25, 500, 0.45, 0.15) == pytest.approx(
        wear.taylor_life_min(150, 0.25, 500)
    )


def test_life_falls_with_speed_most_and_with_depth_least():
    def life(v=150.0, f=0.2, d=2.0):
        return wear.extended_taylor_life_min(v, f, d, 0.2, 200, 0.45, 0.15)

    assert life(v=300) / life() == pytest.approx(2**-5)
    assert life(f=0.4) / life() == pytest.approx(2**-2.25)
    assert life(d=4) / life() == pytest.approx(2**-0.75)


# Groover's high-speed steel bar: 100 mm x 500 mm, 0.25 mm feed, 5 min handling, 2 min to change the tool.
BAR = {"n": 0.125, "c": 70, "diameter_mm": 100, "length_mm": 500, "feed_mm": 0.25, "handling_min": 5}
COSTS = {"tool_change_min": 2, "tool_cost": 3.0, "rate_per_min": 0.5}


def test_a8_max_production():
    speed, life = wear.max_production_speed(0.125, 70, 2)
    assert speed == pytest.approx(50.33, rel=1e-3)
    assert life == pytest.approx(14.0, rel=1e-3)
    assert wear.cutting_time_min(speed, 100, 500, 0.25) == pytest.approx(12.48, rel=1e-3)
    whole, _ = wear.turning_economics(speed, **BAR, **COSTS)
    assert whole == pytest.approx(19.48, rel=1e-3)
    continuous, _ = wear.turning_economics(speed, **BAR, **COSTS, whole_parts=False)
    assert continuous == pytest.approx(19.27, rel=1e-3)


def test_the_best_speeds_are_best():
    around = np.linspace(0.7, 1.3, 601)
    fastest, _ = wear.max_production_speed(0.125, 70, 2)
    cycle, _ = wear.turning_economics(fastest * around, **BAR, **COSTS, whole_parts=False)
    assert around[cycle.argmin()] == pytest.approx(1, abs=2e-3)
    cheapest, life = wear.min_cost_speed(0.125, 70, **COSTS)
    assert life == pytest.approx(7 * (2 + 3.0 / 0.5))
    _, cost = wear.turning_economics(cheapest * around, **BAR, **COSTS, whole_parts=False)
    assert around[cost.argmin()] == pytest.approx(1, abs=2e-3)
    assert cheapest < fastest


def test_least_cost_of_the_same_bar():
    """Groover's example goes on: 30 an hour and 3 an edge give 56 min, 42.3 m/min and 11.26 a piece."""
    speed, life = wear.min_cost_speed(0.125, 70, **COSTS)
    assert life == pytest.approx(56)
    assert speed == pytest.approx(42.3, abs=0.05)
    assert wear.turning_economics(speed, **BAR, **COSTS)[1] == pytest.approx(11.26, abs=0.01)


def test_cost_is_time_at_the_rate_and_edges():
    speed = 50.0
    cycle, cost = wear.turning_economics(speed, **BAR, **COSTS, whole_parts=False)
    edges = wear.cutting_time_min(speed, 100, 500, 0.25) / wear.taylor_life_min(speed, 0.125, 70)
    assert cost == pytest.approx(0.5 * cycle + 3.0 * edges)


def test_whole_parts_never_cost_less_and_agree_where_the_life_is_whole():
    speeds = np.linspace(30, 70, 400)
    whole = wear.turning_economics(speeds, **BAR, **COSTS)
    continuous = wear.turning_economics(speeds, **BAR, **COSTS, whole_parts=False)
    for a, b in zip(whole, continuous, strict=True):
        assert (a >= b - 1e-9).all()
        assert (a > b + 1e-6).any()
    # A life of exactly three cuts serves three parts.
    speed = 40.0
    c = speed * (3 * wear.cutting_time_min(speed, 100, 500, 0.25)) ** 0.125
    bar = {**BAR, "c": c}
    exact = [wear.turning_economics(speed, **bar, **COSTS, whole_parts=w)[1] for w in (True, False)]
    assert exact[0] == pytest.approx(exact[1], rel=1e-8)


def test_no_cost_of_an_edge_no_best_life():
    with pytest.raises(ValueError, match="tool_change_min is 0: allowed"):
        wear.min_cost_speed(0.25, 300, 0.0, 0.0, 1.0)


def test_wear_curve():
    at = wear.flank_wear_mm(np.array([0.0, 0.15, 1.0]))
    assert at == pytest.approx([0.0, 0.08, 0.3])
    x = np.linspace(0, wear.MAX_LIFE_FRACTION, 5001)
    slope = np.diff(wear.flank_wear_mm(x)) / np.diff(x)
    assert (slope > 0).all()
    # Break-in slows down, the middle is a line, the end speeds up, and nowhere is a kink.
    middles = (x[1:] + x[:-1]) / 2
    assert (np.diff(slope[middles < 0.15]) < 0).all()
    assert np.ptp(slope[(middles > 0.151) & (middles < 0.999)]) < 1e-9
    assert (np.diff(slope[middles > 1.001]) > 0).all()
    assert np.abs(np.diff(slope)).max() < 0.01


def test_wear_curve_inverse():
    x = np.linspace(0, wear.MAX_LIFE_FRACTION, 2001)
    assert wear.life_fraction_used(wear.flank_wear_mm(x)) == pytest.approx(x, abs=1e-12)


# Medians of the NASA readings (time over the case's own life to 0.3 mm, VB in mm) over bins of life.
MEASURED = np.array([
    (0.062, 0.065), (0.141, 0.08), (0.196, 0.09), (0.321, 0.11), (0.499, 0.16), (0.701, 0.21),
    (0.884, 0.26), (1.008, 0.31), (1.132, 0.365), (1.320, 0.43), (1.478, 0.475), (1.673, 0.57),
    (1.958, 0.635), (2.530, 0.92),
])  # fmt: skip


def test_wear_curve_follows_the_measured_medians():
    found = wear.flank_wear_mm(MEASURED[:, 0])
    worn = MEASURED[:, 0] > 1.05
    assert np.abs(found - MEASURED[:, 1])[~worn].max() < 0.025
    assert np.abs(found / MEASURED[:, 1] - 1)[worn].max() < 0.09


def test_scatter_is_lognormal_about_the_median():
    draws = np.random.default_rng(1).standard_normal(20_000)
    lives = wear.scattered_life_min(15.0, draws)
    assert np.median(lives) == pytest.approx(15, rel=0.01)
    assert np.log(lives).std() == pytest.approx(0.2, rel=0.02)
    assert wear.scattered_life_min(15.0, 0.0) == 15.0
