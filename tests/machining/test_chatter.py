"""Chatter: published answers, one method against the other, and what must come out by itself."""

import numpy as np
import pytest

from envs.machining import chatter

# Ding's test point: one mode along the feed, two teeth, a full slot, 5000 rpm.
POINT = {
    "natural_frequency_hz": 922,
    "damping_ratio": 0.011,
    "modal_mass_kg": 0.03993,
    "kt_mpa": 600,
    "kn_mpa": 200,
    "teeth": 2,
    "radial_immersion": 1.0,
    "direction": "down",
    "spindle_rpm": 5000,
}
DEPTHS = np.array([0.2, 0.5, 0.7, 1.0])
PUBLISHED = np.array([0.8192, 1.0726, 1.2197, 1.4040])
STIFFNESS = 0.03993 * (2 * np.pi * 922) ** 2
MODE = (922.0, 0.011, STIFFNESS)


def test_a10_orthogonal_limit():
    assert chatter.orthogonal_limit_mm(2.26e8, 0.012, 1000) == pytest.approx(5.489088, rel=1e-6)


def test_orthogonal_limit_is_that_of_the_frequency_response():
    f = np.linspace(90, 120, 300_001)
    r = f / 100
    real = (1 / (2.26e8 * (1 - r * r + 2j * 0.012 * r))).real
    limit = -1 / (2 * 1000e6 * real.min()) * 1e3
    assert chatter.orthogonal_limit_mm(2.26e8, 0.012, 1000) == pytest.approx(limit, rel=1e-6)
    assert chatter.orthogonal_chatter_hz(100, 0.012) == pytest.approx(f[real.argmin()], abs=1e-3)


def test_a11_semi_discretisation():
    found = chatter.floquet_multiplier(**POINT, depth_mm=DEPTHS, intervals=200)
    assert found == pytest.approx(PUBLISHED, abs=2e-4)
    assert ((found > 1) == (PUBLISHED > 1)).all()


def test_semi_discretisation_converges_on_the_accurate_value_with_the_square_of_the_intervals():
    truth = chatter.floquet_multiplier_accurate(**POINT, depth_mm=1.0)
    errors = [truth - chatter.floquet_multiplier(**POINT, depth_mm=1.0, intervals=m) for m in (40, 80, 160)]
    assert errors[0] / truth == pytest.approx(0.04, abs=0.005)
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)
    # Without the leading error of the two finest it is the same number.
    assert errors[2] - (errors[1] - errors[2]) / 3 == pytest.approx(0, abs=5e-5)


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(("teeth", "immersion"), [(1, 0.1), (2, 0.5), (3, 0.3), (4, 0.75), (5, 1.0)])
def test_both_discretisations_agree_with_any_engagement(teeth, immersion, direction):
    point = {**POINT, "teeth": teeth, "radial_immersion": immersion, "direction": direction}
    point["spindle_rpm"] = 20_000 / teeth
    fine = chatter.floquet_multiplier(**point, depth_mm=0.6, intervals=160)
    assert fine == pytest.approx(chatter.floquet_multiplier_accurate(**point, depth_mm=0.6), rel=1e-3)


def test_without_a_cut_the_mode_rings_down():
    tau = 60 / (2 * 5000)
    free = np.exp(-0.011 * 2 * np.pi * 922 * tau)
    for solve in (chatter.floquet_multiplier, chatter.floquet_multiplier_accurate):
        assert solve(**POINT, depth_mm=0.0) == pytest.approx(free, rel=1e-9)


def test_multipliers_broadcast():
    speeds = np.array([[4000.0], [5000.0]])
    found = chatter.floquet_multiplier(**{**POINT, "spindle_rpm": speeds}, depth_mm=DEPTHS, intervals=20)
    assert found.shape == (2, 4)
    assert found[1, 2] == chatter.floquet_multiplier(**POINT, depth_mm=0.7, intervals=20)


def lobes(**other):
    cut = {"teeth": 4, "radial_immersion": 1.0, "direction": "down", "kt_mpa": 600, "kr": 1 / 3}
    return chatter.zero_order_lobes(**{**cut, "modes_x": [MODE], "modes_y": [], **other})


def test_zero_order_border_is_neutral_where_the_force_does_not_change():
    """Four teeth in a full slot: the sum over the teeth is constant, so that zero order is exact."""
    found = lobes()
    rng = np.random.default_rng(0)
    near = np.flatnonzero(found.limit_depth_mm[:, 0] < 5 * found.limit_depth_mm.min())
    cut = {**POINT, "teeth": 4}
    for f, k in zip(rng.choice(near, 8), rng.integers(0, 4, 8), strict=True):
        depth, rpm = found.limit_depth_mm[f, k], found.spindle_rpm[f, k]
        if depth > chatter.stability_limit_mm(found, rpm) * 1.001:
            continue  # another lobe lies below
        cut["spindle_rpm"] = rpm
        below, at, above = (
            chatter.floquet_multiplier_accurate(**cut, depth_mm=depth * share) for share in (0.97, 1.0, 1.03)
        )
        assert at == pytest.approx(1, abs=1e-7)
        assert below < 1 < above


def test_zero_order_is_near_floquet_at_high_immersion_and_off_at_low():
    def border(immersion, rpm):
        low, high = 0.0, 40.0
        cut = {**POINT, "teeth": 3, "radial_immersion": immersion, "direction": "up", "spindle_rpm": rpm}
        for _ in range(18):
            middle = (low + high) / 2
            stable = chatter.floquet_multiplier_accurate(**cut, depth_mm=middle) < 1
            low, high = (middle, high) if stable else (low, middle)
        return low

    def averaged(immersion, rpm):
        return chatter.stability_limit_mm(lobes(teeth=3, radial_immersion=immersion, direction="up"), rpm)

    for rpm in (8_000, 11_000):
        assert averaged(0.75, rpm) == pytest.approx(border(0.75, rpm), rel=0.05)
    # A flip lobe, which only Floquet sees.
    assert averaged(0.05, 38_000) > 4 * border(0.05, 38_000)


def test_every_point_solves_the_characteristic_equation():
    x, y = [(500.0, 0.04, 2e7), (900.0, 0.02, 5e7)], [(620.0, 0.03, 3e7)]
    found = lobes(teeth=3, radial_immersion=0.6, modes_x=x, modes_y=y, lobes=[0, 2, 5])
    phi = np.linspace(np.arccos(2 * 0.6 - 1), np.pi, 4001)
    sin, cos, kr = np.sin(phi), np.cos(phi), 1 / 3
    # Force on the tool per chip: -(cos + kr sin, -sin + kr cos); chip per displacement: (sin, cos).
    force, chip = np.array([-(cos + kr * sin), sin - kr * cos]), np.array([sin, cos])
    product = force[:, None] * chip[None]
    mean = np.trapezoid(product, phi, axis=-1) * 3 / (2 * np.pi)
    rng = np.random.default_rng(2)
    for f, k in zip(rng.integers(0, len(found.piece), 30), rng.integers(0, 3, 30), strict=True):
        hz, rpm = found.chatter_hz[f, k], found.spindle_rpm[f, k]
        response = [sum(1 / (s * (1 - (hz / n) ** 2 + 2j * z * hz / n)) for n, z, s in m) for m in (x, y)]
        back = 1 - np.exp(-1j * 2 * np.pi * hz * 60 / (3 * rpm))
        gain = found.limit_depth_mm[f, k] * 1e-3 * 600e6 * back
        assert abs(np.linalg.det(np.eye(2) - gain * mean @ np.diag(response))) < 1e-4


def test_lobes_have_no_gaps_in_their_arrays():
    found = lobes(modes_y=[(700.0, 0.02, 2e6)], lobes=7)
    shape = (len(found.piece), 7)
    for array in (found.limit_depth_mm, found.chatter_hz, found.spindle_rpm):
        assert array.shape == shape
        assert (np.isfinite(array) & (array > 0)).all()
    assert (np.diff(found.spindle_rpm, axis=1) < 0).all()
    inside = np.diff(found.piece) == 0
    assert (np.diff(found.chatter_hz[:, 0])[inside] > 0).all()


def test_limit_scales_with_stiffness_and_teeth():
    one = lobes()
    stiff = lobes(modes_x=[(922.0, 0.011, 2 * STIFFNESS)])
    assert stiff.limit_depth_mm == pytest.approx(2 * one.limit_depth_mm)
    more = lobes(teeth=8)
    assert more.limit_depth_mm == pytest.approx(one.limit_depth_mm / 2)
    assert more.spindle_rpm == pytest.approx(one.spindle_rpm / 2)


def test_up_and_down_are_one_in_a_full_slot_only():
    assert lobes(direction="up").limit_depth_mm == pytest.approx(lobes().limit_depth_mm)
    up, down = (lobes(direction=d, radial_immersion=0.4).limit_depth_mm.min() for d in ("up", "down"))
    assert up != pytest.approx(down, rel=0.1)


def test_a14_best_speed():
    assert chatter.best_lobe_rpm(1000, 4, 0) == 15000
    assert chatter.tooth_passing_hz(7500, 4) == 500


def test_a_pocket_bears_a_deeper_cut_than_beside_it():
    found = lobes()
    for lobe in (0, 1, 2):
        pocket = chatter.best_lobe_rpm(922, 4, lobe)
        at, below, above = chatter.stability_limit_mm(found, np.array([1.0, 0.8, 1.1]) * pocket)
        assert at > 2 * below
        assert at > 5 * above
    grid = chatter.stability_limit_mm(found, np.linspace(500, 20_000, 2_000))
    assert grid.min() == pytest.approx(found.limit_depth_mm.min(), rel=1e-3)
    assert (grid >= found.limit_depth_mm.min() * (1 - 1e-12)).all()
    assert np.isfinite(grid).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"direction": "climb"}, r"direction is 'climb': allowed are 'up', 'down'"),
        ({"radial_immersion": 1.2}, "radial_immersion is 1.2: allowed are"),
        ({"teeth": 2.5}, "teeth is 2.5: allowed are whole numbers 1 to 200"),
        ({"teeth": 0}, "teeth is 0: allowed are"),
        ({"kt_mpa": -600}, "kt_mpa is -600: allowed are"),
        ({"modes_x": []}, "modes_x and modes_y are both empty"),
        ({"modes_x": [(922, 0.011)]}, r"modes_x\[0\] is \(922, 0.011\): allowed is"),
        ({"modes_x": [(922, -0.011, 1e7)]}, r"modes_x\[0\] damping_ratio is -0.011: allowed are"),
        ({"lobes": 0}, "lobes is 0: allowed are"),
        ({"lobes": [0, -1]}, r"lobes is \[0, -1\]: allowed are"),
        ({"frequencies_hz": [3, 2]}, r"frequencies_hz has shape \(2,\): allowed are 2 or more rising"),
        ({"frequencies_hz": [3, np.nan]}, "frequencies_hz is nan: allowed are"),
    ],
)
def test_a_bad_lobe_diagram_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        lobes(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"direction": "Up"}, "direction is 'Up': allowed are 'up', 'down'"),
        ({"intervals": 1}, "intervals is 1: allowed are whole numbers 2 to 2000"),
        ({"intervals": 40.0}, "intervals is 40.0: allowed are"),
        ({"depth_mm": np.nan}, "depth_mm is nan: allowed are 0 to 1000"),
        ({"spindle_rpm": 0}, "spindle_rpm is 0: allowed are"),
        ({"radial_immersion": 0}, "radial_immersion is 0: allowed are"),
    ],
)
def test_a_bad_multiplier_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        chatter.floquet_multiplier(**{**POINT, "depth_mm": 0.5, **wrong})
