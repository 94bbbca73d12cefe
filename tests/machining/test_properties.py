"""What holds for any allowed input: finite, the same bits alone and in a batch; what is wrong is named."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.machining import chatter, cutting, energy, surface, thermal, wear

FEED, DEPTH, SPEED, RPM, KC = (1e-4, 20), (0, 100), (1e-3, 20_000), (1e-3, 200_000), (1e-3, 1e5)
LIFE_SPEED, N, C = (0.1, 20_000), (0.05, 1), (0.1, 1e5)
MIN, KW, MONEY = (0, 1e4), (0, 1e4), (0, 1e6)
# Elementwise functions: each argument with the ends of its range. Zero-width ends stand for fixed relations.
ELEMENTWISE = {
    cutting.specific_cutting_force: {"kc11": KC, "mc": (0, 0.999), "chip_thickness_mm": (1e-6, 20)},
    cutting.chip_thickness_mm: {"feed_mm": FEED, "cutting_edge_angle_deg": (1, 179)},
    cutting.mean_chip_thickness_mm: {
        "feed_per_tooth_mm": FEED, "radial_immersion": (1e-300, 1), "cutting_edge_angle_deg": (1, 179)},
    cutting.cutting_force_n: {
        "kc11": KC, "mc": (0, 0.999), "depth_mm": DEPTH, "feed_mm": FEED, "cutting_edge_angle_deg": (1, 179)},
    cutting.rake_factor: {"rake_deg": (-30, 45), "reference_deg": (-30, 45)},
    cutting.wear_factor: {"flank_wear_mm": (0, 5), "limit_mm": (0.01, 5), "at_limit": (1, 3)},
    cutting.turning_power_kw: {
        "speed_m_min": SPEED, "depth_mm": DEPTH, "feed_mm": FEED, "kc": KC, "efficiency": (0.01, 1)},
    cutting.milling_power_kw: {
        "depth_mm": DEPTH, "width_mm": (0, 2000), "table_feed_mm_min": (0, 1e6),
        "kc": KC, "efficiency": (0.01, 1)},
    cutting.turning_removal_mm3_s: {"speed_m_min": SPEED, "depth_mm": DEPTH, "feed_mm": FEED},
    cutting.milling_removal_mm3_s: {
        "depth_mm": DEPTH, "width_mm": (0, 2000), "table_feed_mm_min": (0, 1e6)},
    cutting.spindle_speed_rpm: {"speed_m_min": SPEED, "diameter_mm": (0.01, 1e4)},
    cutting.cutting_speed_m_min: {"spindle_rpm": RPM, "diameter_mm": (0.01, 1e4)},
    cutting.feed_per_tooth_mm: {"table_feed_mm_min": (0, 1e6), "spindle_rpm": RPM, "teeth": (1, 200)},
    cutting.tool_deflection_um: {
        "force_n": (0, 1e6), "length_mm": (1e-3, 5000), "diameter_mm": (0.01, 1e4), "youngs_gpa": (1, 2000),
        "effective_diameter_ratio": (0.1, 1)},
    wear.taylor_life_min: {"speed_m_min": LIFE_SPEED, "n": N, "c": C},
    wear.extended_taylor_life_min: {
        "speed_m_min": LIFE_SPEED, "feed_mm": (0.001, 20), "depth_mm": (0.001, 100), "n": N, "c": C,
        "feed_exponent": (0, 1), "depth_exponent": (0, 1)},
    wear.max_production_speed: {"n": (0.05, 0.999999), "c": C, "tool_change_min": (1e-6, 1e4)},
    wear.min_cost_speed: {
        "n": (0.05, 0.999999), "c": C, "tool_change_min": (1e-6, 1e4), "tool_cost": MONEY,
        "rate_per_min": (1e-6, 1e6)},
    wear.turning_economics: {
        "speed_m_min": LIFE_SPEED, "n": N, "c": C, "diameter_mm": (0.01, 1e4), "length_mm": (1e-3, 1e5),
        "feed_mm": (0.001, 20), "handling_min": (0, 1e5), "tool_change_min": MIN, "tool_cost": MONEY,
        "rate_per_min": MONEY},
    wear.cutting_time_min: {
        "speed_m_min": LIFE_SPEED, "diameter_mm": (0.01, 1e4), "length_mm": (1e-3, 1e5),
        "feed_mm": (0.001, 20)},
    wear.flank_wear_mm: {"life_fraction": (0, 5)},
    wear.life_fraction_used: {"wear_mm": (0, wear.MAX_WEAR_MM)},
    wear.scattered_life_min: {"life_min": (1e-100, 1e200), "standard_normal": (-10, 10), "sigma": (0, 2)},
    surface.kinematic_roughness_um: {"feed_mm": (1e-9, 0.2), "nose_radius_mm": (0.1, 100)},
    surface.roughness_um: {
        "feed_mm": (0.005, 0.2), "nose_radius_mm": (0.1, 100), "flank_wear_mm": (0, 5),
        "chatter": (0, 10), "measured_factor": (0.1, 10)},
    surface.feed_for_roughness_mm: {
        "ra_um": (1e-9, 1e5), "nose_radius_mm": (0.001, 100), "measured_factor": (0.1, 10)},
    chatter.orthogonal_limit_mm: {
        "stiffness_n_m": (1, 1e13), "damping_ratio": (1e-9, 0.999), "cutting_coefficient_mpa": (0.1, 1e6)},
    chatter.orthogonal_chatter_hz: {"frequency_hz": (1e-3, 1e5), "damping_ratio": (1e-9, 0.999)},
    chatter.tooth_passing_hz: {"spindle_rpm": RPM, "teeth": (1, 200)},
    chatter.best_lobe_rpm: {"frequency_hz": (1e-3, 1e5), "teeth": (1, 200), "lobe": (0, 1000)},
    thermal.lag: {
        "value": (-1e6, 1e6), "target": (-1e6, 1e6), "step_min": (0, 1e7), "time_constant_min": (1e-3, 1e6)},
    thermal.mean_lag: {
        "value": (-1e6, 1e6), "target": (-1e6, 1e6), "step_min": (0, 1e7), "time_constant_min": (1e-3, 1e6)},
    thermal.spindle_rise_k: {"spindle_rpm": (0, 4000), "max_rpm": (4000, 200_000), "rise_at_max_k": (0, 500)},
    thermal.thermal_growth_um: {"expansion_1_k": (0, 1e-3), "length_mm": (0, 1e5), "rise_k": (-500, 500)},
    energy.cutting_power_kw: {"kc": KC, "removal_mm3_s": (0, 1e7), "efficiency": (0.01, 1)},
    energy.energy_kwh: {"power_kw": KW, "minutes": (0, 1e8)},
    energy.specific_energy_j_mm3: {"fixed_kw": KW, "cutting_j_mm3": (0, 1e3), "removal_mm3_s": (1e-3, 1e7)},
    energy.li_kara_energy_kj_cm3: {"removal_cm3_s": (1e-6, 1e4)},
    energy.diaz_energy_j_mm3: {"removal_mm3_s": (1e-3, 1e7)},
    energy.part_energy_kwh: {
        "fixed_kw": KW, "cutting_kw": KW, "cutting_min": (0, 1e8), "handling_min": (0, 1e8)},
    energy.standby_pays_above_min: {"ready_kw": (51, 1e4), "standby_kw": (0, 50), "wake_kwh": (0, 1e4)},
}  # fmt: skip
every = pytest.mark.parametrize("function", ELEMENTWISE, ids=lambda f: f.__name__)


def results(function, arguments):
    found = function(**arguments)
    return found if isinstance(found, tuple) else (found,)


def inside(low, high):
    return st.floats(low, high, allow_subnormal=False)


@every
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_allowed_input_gives_numbers(function, data):
    arguments = {name: data.draw(inside(*ends), name) for name, ends in ELEMENTWISE[function].items()}
    with np.errstate(all="raise", under="ignore"):
        for found in results(function, arguments):
            assert np.isfinite(found)
            assert found.dtype == np.float64
            assert np.ndim(found) == 0


@every
def test_the_ends_of_every_range_are_allowed(function):
    ranges = ELEMENTWISE[function]
    for corner in range(2 ** len(ranges)):
        arguments = {name: ends[corner >> i & 1] for i, (name, ends) in enumerate(ranges.items())}
        with np.errstate(all="raise", under="ignore"):
            assert all(np.isfinite(found).all() for found in results(function, arguments))


def spread(ends, size, rng):
    """Draw within a range over all its orders of magnitude."""
    low, high = ends
    if low > 0 and high / low > 100:
        return np.clip(np.exp(rng.uniform(math.log(low), math.log(high), size)), low, high)
    return rng.uniform(low, high, size)


@every
def test_a_lane_has_the_same_bits_alone_and_in_any_batch(function):
    rng = np.random.default_rng(7)
    ranges = ELEMENTWISE[function]
    for size in (*range(1, 20), 31, 64, 127, 1000, 4097):
        arguments = {name: spread(ends, size, rng) for name, ends in ranges.items()}
        # Exponents with shortcuts of their own in NumPy are among them.
        for name in {"n", "mc"} & set(ranges):
            arguments[name][rng.random(size) < 0.3] = 0.5
        batch = results(function, arguments)
        for k in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
            slices = results(function, {n: a[k : k + 1] for n, a in arguments.items()})
            scalars = results(function, {n: float(a[k]) for n, a in arguments.items()})
            for whole, one, scalar in zip(batch, slices, scalars, strict=True):
                assert whole[k].tobytes() == one[0].tobytes() == scalar.tobytes()
        # Strided memory takes other paths through NumPy.
        strided = results(function, {n: np.repeat(a, 3)[::3] for n, a in arguments.items()})
        for whole, other in zip(batch, strided, strict=True):
            assert whole.tobytes() == other.tobytes()


@every
def test_a_wrong_argument_is_named_with_its_value_and_the_range(function):
    ranges = ELEMENTWISE[function]
    good = {name: (low + high) / 2 for name, (low, high) in ranges.items()}
    good.update({"spindle_rpm": 100.0} if "max_rpm" in good else {})
    results(function, good)
    for name in ranges:
        for value, shown in (
            (math.nan, "nan"),
            (math.inf, "inf"),
            (-1e9, "-1e+09"),
            ("a", "'a'"),
            (None, "nan"),
        ):
            for wrong in (value, [good[name], value]) if isinstance(value, float) else (value,):
                with pytest.raises(ValueError, match="allowed are") as caught:
                    function(**{**good, name: wrong})
                assert str(caught.value).startswith(f"{name} is {shown}: allowed are ")
                assert "\n" not in str(caught.value)


@given(a=inside(0, 5), b=inside(0, 5))
@settings(deadline=None)
def test_wear_never_falls(a, b):
    low, high = sorted((a, b))
    assert wear.flank_wear_mm(low) <= wear.flank_wear_mm(high)
    assert wear.life_fraction_used(wear.flank_wear_mm(a)) == pytest.approx(a, rel=1e-9, abs=1e-12)


@given(
    teeth=st.integers(1, 8), immersion=inside(0.01, 1), direction=st.sampled_from(["up", "down"]),
    kt=inside(100, 4000), kr=inside(0, 1), f=inside(50, 3000), z=inside(0.002, 0.2), k=inside(1e6, 1e9),
    second=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_any_lobe_diagram_is_finite_and_scales(teeth, immersion, direction, kt, kr, f, z, k, second):
    def diagram(stiffer):
        x, y = [(f, z, k * stiffer)], [(f * 1.3, z, k * stiffer)]
        return chatter.zero_order_lobes(teeth, immersion, direction, kt, kr, x if second else [], y, lobes=3)

    one, two = diagram(1), diagram(2)
    for array in (one.limit_depth_mm, one.chatter_hz, one.spindle_rpm):
        assert np.isfinite(array).all()
        assert (array > 0).all()
    assert two.limit_depth_mm.min() == pytest.approx(2 * one.limit_depth_mm.min(), rel=1e-6)


@given(
    teeth=st.integers(1, 6), immersion=inside(0.01, 1), direction=st.sampled_from(["up", "down"]),
    turns=inside(0.2, 4), z=inside(0.001, 0.1), depth=inside(0, 3), kn=inside(0, 1000),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_any_cut_has_multipliers_on_which_both_methods_agree(
    teeth, immersion, direction, turns, z, depth, kn
):
    rpm = 60 * 900 / (teeth * turns)
    cut = (900.0, z, 0.05, 600.0, kn, teeth, immersion, direction, depth, rpm)
    truth = chatter.floquet_multiplier_accurate(*cut)
    # 0.003 was the most over 700 random cuts; the discretisation errs with the square of 1/intervals.
    assert chatter.floquet_multiplier(*cut, intervals=200) == pytest.approx(truth, abs=0.01 * max(1, truth))
