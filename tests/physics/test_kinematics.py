import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from robots import ARMS, arm_spec
from robots import kinematics as kin
from robots.spec import ZERO, ArmSpec, Joint, Link

N_POSES = 10_000


def _arm(name, rows, flange_rpy, home):
    """Build a spherical-wrist arm from rows of offset, axis, lower, upper, frame pitch."""
    joints = tuple(
        Joint(f"J{i}", xyz, axis, lo, hi, 5.0, 100.0, Link(1.0), (0.0, pitch, 0.0))
        for i, (xyz, axis, lo, hi, pitch) in enumerate(rows, 1)
    )
    return ArmSpec(name, name, Link(1.0), joints, ZERO, flange_rpy, home, 6.0, 0.9, "spherical_wrist")


X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
NX, NY, NZ = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)
GP8 = _arm(
    "gp8",
    (
        ((0, 0, 0.330), Z, -2.967, 2.967, 0.0),
        ((0.040, 0, 0), Y, -1.134, 2.531, 0.0),
        ((0, 0, 0.345), NY, -1.222, 3.316, 0.0),
        ((0, 0, 0.040), NX, -3.316, 3.316, 0.0),
        ((0.340, 0, 0), NY, -2.356, 2.356, 0.0),
        ((0.080, 0, 0), NX, -6.294, 6.294, 0.0),
    ),
    (math.pi, -math.pi / 2, 0.0),
    (0.0, 0.0, 0.0, 0.0, -1.5, 0.0),
)
KR6 = _arm(
    "kr6",
    (
        ((0, 0, 0.400), NZ, -2.967, 2.967, 0.0),
        ((0.025, 0, 0), Y, -3.316, 0.785, 0.0),
        ((0.455, 0, 0), Y, -2.094, 2.723, 0.0),
        ((0, 0, 0.035), NX, -3.229, 3.229, 0.0),
        ((0.420, 0, 0), Y, -2.094, 2.094, 0.0),
        ((0.080, 0, 0), NX, -6.109, 6.109, 0.0),
    ),
    (0.0, math.pi / 2, 0.0),
    (0.0, -1.5, 1.5, 0.0, 1.5, 0.0),
)
# No real arm: pitched zero poses at every joint that may have one, and a flange off to the side.
PITCHED = replace(
    _arm(
        "pitched",
        (
            ((0.01, -0.02, 0.3), NZ, -3.0, 3.0, 0.0),
            ((0.05, 0, 0.1), NY, -2.0, 2.0, 0.4),
            ((0.1, 0, 0.3), Y, -2.5, 2.5, -0.7),
            ((0.02, 0, 0.05), X, -3.3, 3.3, 0.3),
            ((0.3, 0, 0), Y, -2.2, 2.2, 0.2),
            ((0.08 * math.cos(0.5), 0, -0.08 * math.sin(0.5)), X, -6.0, 6.0, 0.5),
        ),
        (0.1, 1.2, -0.6),
        (0.0,) * 6,
    ),
    flange_xyz_m=(0.03, 0.04, -0.02),
)
SPECS = {name: arm_spec(name) for name in ARMS} | {s.name: s for s in (GP8, KR6, PITCHED)}
SPHERICAL = [name for name, spec in SPECS.items() if spec.solver == "spherical_wrist"]
REDUNDANT = [name for name, spec in SPECS.items() if spec.solver == "redundant"]
every_arm = pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
CLOSED = [name for name, spec in SPECS.items() if spec.solver != "redundant"]
closed_form_arm = pytest.mark.parametrize("spec", [SPECS[n] for n in CLOSED], ids=CLOSED)
spherical_arm = pytest.mark.parametrize("spec", [SPECS[n] for n in SPHERICAL], ids=SPHERICAL)
redundant_arm = pytest.mark.parametrize("spec", [SPECS[n] for n in REDUNDANT], ids=REDUNDANT)


@cache
def _samples(spec, count, seed=0):
    lower = np.array([j.lower_rad for j in spec.joints])
    upper = np.array([j.upper_rad for j in spec.joints])
    return np.random.default_rng(seed).uniform(lower, upper, (count, len(lower)))


def _inside(spec, q):
    return all(j.lower_rad <= a <= j.upper_rad for j, a in zip(spec.joints, q, strict=True))


def _residual(a, b):
    """Position (m) and angle (rad) between two flat poses."""
    gap = np.array(a[:9]) - np.array(b[:9])
    return math.dist(a[9:], b[9:]), 2.0 * math.asin(min(1.0, np.linalg.norm(gap) / math.sqrt(8)))


def _down(x, y, z):
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[:3, 3] = x, y, z
    return pose


def _plain_forward(spec, q):
    """Base to flange from quaternions, sharing no code with the package."""

    def quat(axis, angle):
        return np.array([math.cos(angle / 2), *(math.sin(angle / 2) * np.array(axis))])

    def times(a, b):
        w = a[0] * b[0] - a[1:] @ b[1:]
        return np.array([w, *(a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:]))])

    def turn(a, v):
        return times(times(a, np.array([0.0, *v])), a * [1, -1, -1, -1])[1:]

    def rpy(angles):
        return times(times(quat(Z, angles[2]), quat(Y, angles[1])), quat(X, angles[0]))

    place, facing = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
    for joint, angle in zip(spec.joints, q, strict=True):
        place = place + turn(facing, joint.xyz_m)
        facing = times(times(facing, rpy(joint.rpy_rad)), quat(joint.axis, angle))
    place = place + turn(facing, spec.flange_xyz_m)
    facing = times(facing, rpy(spec.flange_rpy_rad))
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([turn(facing, axis) for axis in (X, Y, Z)])
    pose[:3, 3] = place
    return pose


@every_arm
def test_forward_agrees_with_quaternion_product(spec):
    for q in _samples(spec, 300):
        expected = _plain_forward(spec, q)
        np.testing.assert_allclose(kin.forward(spec, q), expected, rtol=0, atol=1e-13)
        last = kin.link_frames(spec, q)[-1]
        np.testing.assert_allclose(
            last[:3, 3] + last[:3, :3] @ spec.flange_xyz_m, expected[:3, 3], rtol=0, atol=1e-13
        )


@every_arm
def test_jacobian_agrees_with_differences(spec):
    step = 1e-6
    for q in _samples(spec, 30):
        jacobian = kin.jacobian(spec, q)
        assert jacobian.shape == (6, len(q))
        for i in range(len(q)):
            ahead, behind = q.copy(), q.copy()
            ahead[i] += step
            behind[i] -= step
            a, b = kin.forward(spec, ahead), kin.forward(spec, behind)
            spin = (a[:3, :3] - b[:3, :3]) @ kin.forward(spec, q)[:3, :3].T / (2 * step)
            expected = [*(a[:3, 3] - b[:3, 3]) / (2 * step), spin[2, 1], spin[0, 2], spin[1, 0]]
            np.testing.assert_allclose(jacobian[:, i], expected, rtol=0, atol=1e-8)


@closed_form_arm
def test_closed_form_is_exact_everywhere(spec):
    solver = kin.solver(spec)
    nears = _samples(spec, N_POSES, seed=1)
    worst = np.zeros(2)
    for q, near in zip(_samples(spec, N_POSES).tolist(), nears.tolist(), strict=True):
        flat = solver.forward_flat(q)
        answer = solver.solve(*flat[9:], *flat[:9], near)
        assert _inside(spec, answer)
        assert math.dist(answer, near) <= math.dist(q, near) + 1e-6
        worst = np.maximum(worst, _residual(solver.forward_flat(answer), flat))
    assert worst[0] <= 1e-9
    assert worst[1] <= 1e-8


@closed_form_arm
def test_branch_is_the_nearest_of_all(spec):
    counts = set()
    for q, near in zip(_samples(spec, 500), _samples(spec, 500, seed=1), strict=True):
        pose = kin.forward(spec, q)
        branches = kin.inverse_all(spec, pose, near)
        answer = kin.inverse(spec, pose, near)
        gaps = np.linalg.norm(branches - near, axis=1)
        np.testing.assert_array_equal(answer, branches[gaps.argmin()])
        # The sampled vector must be among the branches, up to whole turns.
        turned = np.abs(np.remainder(branches - q + np.pi, 2 * np.pi) - np.pi).max(axis=1)
        assert turned.min() < 1e-5
        for branch in branches:
            assert _inside(spec, branch)
            np.testing.assert_allclose(kin.forward(spec, branch), pose, rtol=0, atol=1e-9)
        counts.add(len(branches))
    assert max(counts) <= 8
    assert len(counts) > 2


@redundant_arm
def test_least_squares_reaches_random_poses(spec):
    solver = kin.solver(spec)
    rng = np.random.default_rng(2)
    samples = _samples(spec, N_POSES)
    nears = samples + rng.normal(0.0, 0.05, samples.shape)
    nears[:500] = _samples(spec, 500, seed=1)
    for q, near in zip(samples.tolist(), nears.tolist(), strict=True):
        flat = solver.forward_flat(q)
        answer = solver.solve(*flat[9:], *flat[:9], near)
        assert _inside(spec, answer)
        position, angle = _residual(solver.forward_flat(answer), flat)
        assert position <= 1e-6
        assert angle <= 1.01e-6


@redundant_arm
def test_least_squares_follows_a_loop_without_drift(spec):
    pose = kin.forward(spec, spec.home_rad)
    q, ends = np.array(spec.home_rad), []
    for i in range(1, 8 * 200 + 1):
        phase = 2 * math.pi * i / 200
        goal = pose.copy()
        goal[:3, 3] += [0.1 * math.sin(2 * phase), 0.2 * math.sin(phase), 0.1 * math.sin(phase)]
        answer = kin.inverse(spec, goal, q)
        assert np.abs(answer - q).max() < 0.05
        q = answer
        if i % 200 == 0:
            ends.append(q)
    assert np.abs(ends[-1] - ends[-2]).max() < 2e-3
    np.testing.assert_array_equal(kin.inverse(spec, kin.forward(spec, q), q), q)


@spherical_arm
def test_wrist_singularity_keeps_j4_and_stays_exact(spec):
    g = kin.solver(spec)
    pitch = spec.joints[4].rpy_rad[1] + spec.joints[5].rpy_rad[1]
    straight = -pitch * sum(spec.joints[4].axis)
    for exponent in (*range(-17, -3), None):
        for q in _samples(spec, 50, seed=3).tolist():
            q[4] = straight + (10.0**exponent if exponent else 0.0)
            q[5] *= 0.5  # room for J6 to take up what J4 does not do
            near = list(q)
            near[3] = 0.5 * q[3]
            flat = g.forward_flat(q)
            answer = g.solve(*flat[9:], *flat[:9], near)
            position, angle = _residual(g.forward_flat(answer), flat)
            assert position <= 1e-9
            assert angle <= 1e-8
            if exponent is None or exponent < -10:
                assert answer[3] == pytest.approx(near[3], abs=1e-9)


@spherical_arm
def test_wrist_centre_on_the_first_axis_keeps_j1(spec):
    pose = kin.forward(spec, [0.0] * 6)
    tool = pose[:3, 3] - kin.link_frames(spec, [0.0] * 6)[4, :3, 3]
    high = np.add(spec.joints[0].xyz_m, [0.0, 0.0, 0.55])
    pose[:3, 3] = high + tool
    near = np.array(spec.home_rad)
    near[0] = 0.7
    q = kin.inverse(spec, pose, near)
    assert q[0] == pytest.approx(0.7, abs=1e-9)
    np.testing.assert_allclose(kin.forward(spec, q), pose, rtol=0, atol=1e-9)


def test_straight_offset_wrist_keeps_j6_and_stays_exact():
    spec = arm_spec("ur10e")
    g = kin.solver(spec)
    for exponent in (*range(-17, -3), None):
        kept = 0
        for q in _samples(spec, 50, seed=3).tolist():
            q[4] = 10.0**exponent if exponent else 0.0
            q[2], q[3] = 0.8 * q[2], 0.5 * q[3]  # room for J2 to J4 to take up what J6 does not do
            near = list(q)
            near[5] *= 0.99
            flat = g.forward_flat(q)
            answer = g.solve(*flat[9:], *flat[:9], near)
            position, angle = _residual(g.forward_flat(answer), flat)
            assert position <= 1e-9
            assert angle <= 1e-8
            kept += abs(answer[5] - near[5]) < 1e-9
        # J4 and J6 are parallel but not in line: at the rim of the reach another branch may be the nearest.
        if exponent is None or exponent < -10:
            assert kept >= 45


def test_offset_wrist_cannot_come_nearer_to_the_first_axis():
    spec = arm_spec("ur10e")
    with pytest.raises(kin.Unreachable, match=r"0\.100 m off the J1 axis; the wrist keeps 0\.174 m"):
        kin.inverse(spec, _down(0.1, 0.0, 0.5), spec.home_rad)
    turned = replace(spec.joints[4], rpy_rad=ZERO)
    with pytest.raises(ValueError, match="do not fit the offset-wrist structure"):
        kin.solver(replace(spec, joints=(*spec.joints[:4], turned, spec.joints[5])))


def test_last_joint_turns_to_the_turn_nearest_near():
    spec = arm_spec("lrmate200id")
    q = np.array(spec.home_rad)
    for turn in (-5.9, -3.5, 0.1, 3.5, 5.9):
        q[5] = turn
        near = q + 0.05
        np.testing.assert_allclose(kin.inverse(spec, kin.forward(spec, q), near), q, atol=1e-9)
    near[5] = 400.0  # far outside the limits: clamped to them
    assert kin.inverse(spec, kin.forward(spec, q), near)[5] == pytest.approx(5.9)


@every_arm
def test_at_the_limits(spec):
    rng = np.random.default_rng(4)
    for q in _samples(spec, 200, seed=5).copy():
        i = rng.integers(len(q))
        q[i] = spec.joints[i].upper_rad if rng.random() < 0.5 else spec.joints[i].lower_rad
        pose = kin.forward(spec, q)
        answer = kin.inverse(spec, pose, q)
        assert _inside(spec, answer)
        np.testing.assert_allclose(kin.forward(spec, answer), pose, rtol=0, atol=3e-6)


def test_beyond_the_limits_is_unreachable():
    spec = arm_spec("lrmate200id")
    upward = np.eye(4)
    upward[:3, 3] = 0.45, 0.0, 0.1  # near enough, but J5 cannot turn the flange up so low
    with pytest.raises(kin.Unreachable, match="joint limit"):
        kin.inverse(spec, upward, spec.home_rad)


@every_arm
def test_out_of_reach(spec):
    for place in ((1.5, 0.0, 0.5), (0.0, 0.0, 3.0), (-0.9, 0.9, -0.4)):
        with pytest.raises(kin.Unreachable) as error:
            kin.inverse(spec, _down(*place), spec.home_rad)
        assert "\n" not in str(error.value)
        with pytest.raises(kin.Unreachable):
            kin.inverse_all(spec, _down(*place))


@every_arm
def test_bad_input(spec):
    good = kin.forward(spec, spec.home_rad)
    for row, column in ((0, 0), (1, 3), (2, 2)):
        for value in (math.nan, math.inf, -math.inf):
            bad = good.copy()
            bad[row, column] = value
            with pytest.raises(ValueError, match="finite"):
                kin.inverse(spec, bad, spec.home_rad)
    scaled, mirrored, sheared = good.copy(), good.copy(), good.copy()
    scaled[:3, :3] *= 1.001
    mirrored[:3, 2] *= -1.0
    sheared[:3, 0] += 0.01 * good[:3, 1]
    for bad in (scaled, mirrored, sheared, np.zeros((4, 4)) + np.diag([0, 0, 0, 1])):
        with pytest.raises(ValueError, match="rigid"):
            kin.inverse(spec, bad, spec.home_rad)
    with pytest.raises(ValueError, match="last row"):
        kin.inverse(spec, good * 2.0, spec.home_rad)
    with pytest.raises(ValueError, match="shape"):
        kin.inverse(spec, good[:3], spec.home_rad)
    with pytest.raises(ValueError, match="shape"):
        kin.inverse(spec, good, spec.home_rad[:-1])
    with pytest.raises(ValueError, match="finite"):
        kin.inverse(spec, good, [math.nan] * len(spec.joints))
    with pytest.raises(ValueError, match="finite"):
        kin.forward(spec, [math.inf] * len(spec.joints))


@every_arm
def test_single_precision_poses_are_squared(spec):
    pose = kin.forward(spec, spec.home_rad).astype(np.float32)
    q = kin.inverse(spec, pose, spec.home_rad)
    np.testing.assert_allclose(q, spec.home_rad, atol=2e-6)


def test_structure_is_checked():
    crooked = replace(GP8.joints[3], xyz_m=(0.0, 0.01, 0.04))
    with pytest.raises(ValueError, match="one plane"):
        kin.solver(replace(GP8, joints=(*GP8.joints[:3], crooked, *GP8.joints[4:])))
    sideways = replace(GP8.joints[3], axis=Y)
    with pytest.raises(ValueError, match="do not fit"):
        kin.solver(replace(GP8, joints=(*GP8.joints[:3], sideways, *GP8.joints[4:])))
