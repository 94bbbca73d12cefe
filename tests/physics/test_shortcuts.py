"""What is left out or unrolled for speed gives the same numbers as the whole sums."""

import math

import numpy as np
import pytest

from robots import _spherical, arm
from robots import kinematics as kin
from robots.catalog import ARMS, arm_spec

SPHERICAL = [name for name in ARMS if arm_spec(name).solver == "spherical_wrist"]


def drawn(spec, n, seed):
    """Joint vectors all over the limits."""
    rng = np.random.default_rng(seed)
    return rng.uniform([j.lower_rad for j in spec.joints], [j.upper_rad for j in spec.joints], (n, 6))


@pytest.mark.parametrize("spread_rad", [0.01, 0.2, 0.6])
@pytest.mark.parametrize("name", SPHERICAL)
def test_the_branch_from_nearby_is_the_nearest_of_all(name, spread_rad):
    spec, rng = arm_spec(name), np.random.default_rng(1)
    for q in drawn(spec, 300, seed=0):
        pose, near = kin.forward(spec, q), q + spread_rad * rng.uniform(-1.0, 1.0, 6)
        branches = kin.inverse_all(spec, pose, near)
        nearest = branches[np.linalg.norm(branches - near, axis=1).argmin()]
        np.testing.assert_array_equal(kin.inverse(spec, pose, near), nearest)


@pytest.mark.parametrize("name", SPHERICAL)
def test_out_of_reach_is_told_as_after_squaring(name, monkeypatch):
    spec, rng = arm_spec(name), np.random.default_rng(2)

    def told(near):
        solver, found = _spherical.build(spec), []
        for q, out in zip(drawn(spec, 200, seed=3), places, strict=True):
            *turn, _, _, _ = solver.forward_flat(q.tolist())
            try:
                found.append(solver.solve(*out, *turn, near))
            except ValueError as error:
                found.append(f"{type(error).__name__}: {error}")
        return found

    far = rng.uniform(-1.3, 1.3, (197, 3)).tolist()
    places = [*far, [math.nan, 0.0, 0.5], [math.inf, 0.0, 0.5], [1e308, 1e308, 0.0]]
    for near in (list(spec.home_rad), [0.0, math.nan, 0.0, 0.0, 0.0, 0.0], [100.0] * 6):
        quick = told(near)
        with monkeypatch.context() as without:
            without.setattr(_spherical, "is_square", lambda r: False)
            assert told(near) == quick
    assert any("wrist centre" in str(answer) for answer in told(list(spec.home_rad)))


def test_six_joints_are_ramped_as_any():
    rng = np.random.default_rng(4)
    shares = arm._shares(15)
    for _ in range(100):
        p, b, d = rng.normal(size=(3, 6)).tolist()
        assert arm._ramp_of_six(p, b, d, shares) == arm._ramp_of_any(p, b, d, shares)
