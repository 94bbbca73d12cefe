"""Every way to command the arm, in every environment: checkers, resets, numbers, and what moves."""

import itertools

import cells
import numpy as np
import pytest

import envs
from envs.cell.control import CONTROLS, JOINT_STEP_RAD
from robots.catalog import ARMS

CASES = list(itertools.product(envs.ENV_IDS, CONTROLS))
# The default, ee_yaw, is checked with every observation in test_cells.py.
OTHERS = [case for case in CASES if case[1] != "ee_yaw"]
# Where the hand has come to after a command, and how still the rest stays.
NEAR_M, NEAR_RAD = 0.001, 0.005
PUSH_STEPS, SETTLE_STEPS = 2, 8


@pytest.mark.parametrize(("env_id", "control"), OTHERS)
def test_gymnasium_checker(env_id, control):
    cells.gymnasium_checker(env_id, control=control)


@pytest.mark.parametrize(("env_id", "control"), OTHERS)
def test_stable_baselines_checker(env_id, control):
    cells.baselines_checker(env_id, control=control)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize(("env_id", "robot"), cells.pairs())
def test_resets_are_exact_and_numbers_finite(env_id, control, robot):
    env = cells.make(env_id, control=control, robot=robot, observation="flat")
    first = cells.stretch(env, 3, 40)
    for observation, reward, _, _, info in cells.play(env, 4, cells.random_action, 100):
        assert np.isfinite(observation).all()
        told = [reward, info["energy_j"], info["time_s"], info["cost"], *info["reward_terms"].values()]
        assert np.isfinite(told).all()
    assert cells.stretch(env, 3, 40) == first
    env.close()


def push(env, axis, size):
    """Act along one number of the action from a reset, let the arm settle; return (before, after)."""
    env.reset(seed=0)
    before = env.cell.arm.read()
    action = np.zeros(env.action_space.shape, np.float32)
    action[axis] = size
    for k in range(PUSH_STEPS + SETTLE_STEPS):
        env.step(action if k < PUSH_STEPS else np.zeros_like(action))
    return before, env.cell.arm.read()


def rotation_vector(r):
    """The rotation vector (world axes) of a rotation matrix below half a turn."""
    angle = np.arccos(np.clip((np.trace(r) - 1) / 2, -1, 1))
    vector = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    return vector / 2 if angle < 1e-6 else vector * angle / (2 * np.sin(angle))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("env_id", "robot"), cells.pairs())
@pytest.mark.parametrize(
    ("control", "axis"),
    [(c, a) for c, n in (("ee", 6), ("ee_yaw", 4)) for a in range(n)],
)
def test_the_hand_moves_along_the_commanded_axis(env_id, control, axis, robot, sign):
    """Numbers 0 to 2 shift, 3 to 5 turn about the world's axes; `ee_yaw` has the vertical alone."""
    env = cells.make(env_id, control=control, robot=robot, split="nominal", observation="flat")
    size = 0.4 * sign  # within the joint speeds of every arm
    before, after = push(env, axis, size)
    moved, turned = np.zeros(3), np.zeros(3)
    if axis < 3:
        moved[axis] = PUSH_STEPS * size * env.stride.step_m
    else:
        turned[2 if control == "ee_yaw" else axis - 3] = PUSH_STEPS * size * env.stride.step_rad
    shift = np.subtract(after.position_m, before.position_m)
    old, new = (np.reshape(state.rotation, (3, 3)) for state in (before, after))
    assert np.abs(shift - moved).max() < NEAR_M
    assert np.abs(rotation_vector(new @ old.T) - turned).max() < NEAR_RAD
    env.close()


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("env_id", envs.ENV_IDS)
def test_the_last_number_closes_the_gripper_where_negative(env_id, control):
    env = cells.make(env_id, control=control, split="nominal", observation="flat")
    grip = cells.gripper(env)
    opened, closed = push(env, grip, 1.0)[1], push(env, grip, -1.0)
    assert closed[0].opening_m == pytest.approx(opened.opening_m, abs=1e-4)
    # It closes for as long as it is told to, then opens again.
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    action[grip] = -1.0
    for _ in range(10):
        env.step(action)
    assert env.cell.arm.read().opening_m < 0.01
    env.close()


@pytest.mark.parametrize(("env_id", "robot"), cells.pairs())
def test_a_joint_action_moves_that_joint_alone(env_id, robot):
    env = cells.make(env_id, control="joint", robot=robot, split="nominal", observation="flat")
    for joint, spec in enumerate(env.cell.arm_spec.joints):
        # Away from the nearer limit, so that none is met.
        env.reset(seed=0)
        q = env.cell.arm.read().q_rad[joint]
        size = 0.5 if q < (spec.lower_rad + spec.upper_rad) / 2 else -0.5
        before, after = push(env, joint, size)
        expected = np.zeros(len(before.q_rad))
        expected[joint] = PUSH_STEPS * size * JOINT_STEP_RAD
        assert np.abs(np.subtract(after.q_rad, before.q_rad) - expected).max() < NEAR_RAD, spec.name
    env.close()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("robot", ARMS)
def test_joints_stay_within_limits(robot, sign):
    """A free wrist that is driven against its stop; the set-point never passes it."""
    env = cells.make("Monozukuri/PickPart-v0", control="joint", robot=robot, split="nominal")
    joints = env.cell.arm_spec.joints
    for joint in (0, len(joints) - 1):
        env.reset(seed=0)
        action = np.zeros(env.action_space.shape, np.float32)
        action[joint] = sign
        spec, over = joints[joint], False
        while not over:
            _, _, won, cut, _ = env.step(action)
            over = won or cut
            assert spec.lower_rad <= env.cell.arm.q_command[joint] <= spec.upper_rad
            assert spec.lower_rad - 0.01 < env.cell.arm.read().q_rad[joint] < spec.upper_rad + 0.01
        stop = spec.upper_rad if sign > 0 else spec.lower_rad
        if joint:  # the first joint may be stopped by what stands round the arm
            assert env.cell.arm.read().q_rad[joint] == pytest.approx(stop, abs=0.01)
    env.close()
