"""The lathe with a level spindle: measures at its chuck, the tool's turns, the expert with control `ee`."""

import math

import cells
import numpy as np
import pytest
from cells import MACHINES, digest, episode, make, stretch

import envs
from envs.cell.level_loading import LEVEL_RAD
from envs.cell.observation import state_names
from envs.cell.part_state import PartState
from envs.cell.parts import families
from envs.cell.plan import KeyPose, Stride
from envs.cell.seating import upright
from envs.cell.turning import rotation_between, tool_down, tool_rotation, turned, turns_of
from robots.catalog import ARMS, machine_spec
from robots.machine_body import MachineSpec, laid, stood

SPEC = machine_spec("horizontal_lathe")
KIND = families()["shaft"]["medium"]
EPISODES = 4


def lying(away_m=0.0, off=(0.0, 0.0), nose_up_rad=0.0):
    """A shaft whose bottom's middle is so far before the stop and off the axis, its top so much higher."""
    x, y, z = SPEC.chuck_m
    bottom = (x - away_m, y + off[0], z + off[1])
    up = (-math.cos(nose_up_rad), 0.0, math.sin(nose_up_rad))
    h, turn = KIND.height_m / 2, -math.pi / 2 + nose_up_rad
    at = tuple(b + h * u for b, u in zip(bottom, up, strict=True))
    return PartState.of(KIND, at, (0.0, math.sin(turn / 2), 0.0, math.cos(turn / 2)), level=True)


def measured(part):
    """Gap to the stop and total run-out."""
    straight = upright(SPEC, part)
    return straight.seat_gap_m(SPEC.chuck_m[2]), straight.run_out_m(SPEC.chuck_m)


def test_a_part_on_the_stop_and_on_the_axis_is_neither_off_nor_away():
    assert measured(lying()) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_gap_and_run_out_of_a_level_part():
    gap, run_out = measured(lying(0.0003, (0.00003, -0.00004)))
    assert gap == pytest.approx(0.0003)
    assert run_out == pytest.approx(2 * 0.00005)
    gap, run_out = measured(lying(nose_up_rad=0.002))
    assert gap == pytest.approx(0.002 * KIND.chuck_across_m / 2, rel=1e-3)
    assert run_out == pytest.approx(2 * 0.002 * KIND.height_m, rel=1e-3)


def test_upright_machines_measure_as_they_did():
    part = lying()
    assert upright(MachineSpec(), part) is part


def test_laid_and_stood():
    assert laid((0.0, 0.0, 1.0)) == (-1.0, 0.0, 0.0)
    assert stood(laid((1.0, 2.0, 3.0))) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("yaw", [-1.5, 0.0, 0.7])
@pytest.mark.parametrize("tilt", [0.0, 0.4, 1.2, LEVEL_RAD, 1.7])
@pytest.mark.parametrize("pan", [0.0, 0.01, -0.02])
def test_turns_are_read_back(yaw, tilt, pan):
    pan = pan if tilt > 1.0 else 0.0
    rotation = tool_rotation(yaw, tilt, pan)
    assert turns_of(rotation) == pytest.approx((yaw, tilt, pan), abs=1e-9)
    to = rotation_between(tool_down(0.3), rotation)
    assert turned(tool_down(0.3), to) == pytest.approx(rotation, abs=1e-9)


def test_half_a_turn():
    to = rotation_between(tool_down(0.0), tool_down(math.pi))
    assert math.hypot(*to) == pytest.approx(math.pi)
    assert turned(tool_down(0.0), to) == pytest.approx(tool_down(math.pi), abs=1e-9)


def test_an_action_keeps_to_the_key_poses_speeds():
    key = KeyPose("tilt", (0.5, 0.0, 0.3), 0.0, True, 0.1, tilt_rad=1.0, turn_rad_s=1.0)
    stride = Stride()
    action = np.array(stride.ee_action(key, (0.4, 0.0, 0.3), tool_down(0.0)))
    # 100 mm at 5 mm a step are 20 steps, 1 rad at 0.05 as many.
    assert action[:3] * stride.step_m == pytest.approx([0.005, 0.0, 0.0])
    assert action[3:6] * stride.step_rad == pytest.approx([0.0, -0.05, 0.0])
    assert action[6] == -1.0


@pytest.mark.parametrize(("env_id", "machine"), MACHINES)
@pytest.mark.parametrize("observation", ["state", "rgb"])
def test_checkers(env_id, machine, observation):
    options = {"machine": machine, "control": "ee", "observation": observation}
    cells.gymnasium_checker(env_id, **options)
    cells.baselines_checker(env_id, **options)


@pytest.mark.parametrize(("env_id", "machine"), MACHINES)
def test_resets_are_exact_after_the_expert_and_after_noise(env_id, machine):
    env = make(env_id, machine=machine, control="ee", observation="flat")
    first = digest(stretch(env, 11, 110, cells.expert))
    stretch(env, 3, 60)
    assert digest(stretch(env, 11, 110, cells.expert)) == first
    env.close()
    other = make(env_id, machine=machine, control="ee", observation="flat")
    assert digest(stretch(other, 11, 110, cells.expert)) == first
    other.close()


def test_the_expert_loads_it_without_a_bump():
    env = make("Monozukuri/LoadChuck-v0", machine="horizontal_lathe", control="ee", observation="flat")
    for seed in range(EPISODES):
        info = episode(env, seed)[2]
        assert info["is_success"]
        assert info["cost"] == 0.0
        world, cell = env.world, env.cell
        (x, y, z), _ = world.pose(world.body("part_0"))
        cx, cy, cz = cell.machine.spec.chuck_m
        assert math.hypot(y - cy, z - cz) < 6e-5
        assert abs(x + cell.kinds[0].height_m / 2 - cx) < 1e-4
        assert not world.touching(world.body("arm"), world.body("part_0"))
        gaps = [world.gap_m(world.body("part_0"), world.body("chuck"), 0.01, link_b=jaw) for jaw in (0, 1, 2)]
        assert max(map(abs, gaps)) < 1e-4
    env.close()


def test_a_part_in_the_chuck_starts_on_the_stop_and_on_the_axis():
    env = make("Monozukuri/UnloadChuck-v0", machine="horizontal_lathe", control="ee", observation="flat")
    for seed in range(EPISODES):
        env.reset(seed=seed)
        part = upright(env.cell.machine.spec, env._now.parts[0])
        axis = env.cell.machine.spec.chuck_m
        assert part.run_out_m(axis) < 1e-4
        assert abs(part.seat_gap_m(axis[2])) < 1e-4
    env.close()


def test_the_expert_takes_it_out_without_a_bump():
    env = make("Monozukuri/UnloadChuck-v0", machine="horizontal_lathe", control="ee", observation="flat")
    for seed in range(EPISODES):
        info = episode(env, seed)[2]
        assert info["is_success"]
        assert info["cost"] == 0.0
        assert info["peak_force_n"] < 60.0
    env.close()


@pytest.mark.parametrize(("env_id", "machine"), MACHINES)
@pytest.mark.parametrize("robot", [arm for arm in ARMS if arm not in ("lrmate200id", "panda")])
def test_every_arm_that_can_hold_its_tool_level_does_it(robot, env_id, machine):
    env = make(env_id, machine=machine, control="ee", observation="flat", robot=robot)
    assert sum(episode(env, seed)[2]["is_success"] for seed in range(EPISODES)) >= EPISODES - 1
    env.close()


def test_an_arm_that_cannot_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"panda.*level") as caught:
        make(MACHINES[0][0], machine=MACHINES[0][1], control="ee", robot="panda")
    assert "\n" not in str(caught.value)


def test_a_task_that_it_is_not_for_is_refused():
    with pytest.raises(ValueError, match=r"horizontal_lathe.*vertical_lathe"):
        make("Monozukuri/TendMachine-v0", machine="horizontal_lathe", control="ee")


def test_state_tells_how_tool_and_part_are_turned():
    env = make(MACHINES[0][0], machine=MACHINES[0][1], control="ee", observation="state")
    joints = len(env.cell.arm_spec.joints)
    usual, names = state_names(type(env.task), joints), state_names(type(env.task), joints, level=True)
    assert names[: len(usual)] == usual
    observation, _ = env.reset(seed=0)
    first = dict(zip(names, observation["observation"], strict=True))
    assert (first["tool_x"], first["tool_z"]) == pytest.approx((0.0, -1.0), abs=1e-6)
    assert first["seat_up_z"] == pytest.approx(0.0, abs=1e-3)
    over = False
    while not over:
        observation, _, terminated, truncated, _ = env.step(env.expert_action())
        over = terminated or truncated
    last = dict(zip(names, observation["observation"], strict=True))
    assert last["tool_x"] == pytest.approx(1.0, abs=1e-2)
    assert last["seat_up_z"] == pytest.approx(1.0, abs=1e-6)
    assert max(abs(last["lean_x_6mm"]), abs(last["lean_y_6mm"])) < 0.1 / 6
    env.close()


def test_the_chuck_camera_sees_the_chuck():
    env = make(MACHINES[0][0], machine=MACHINES[0][1], control="ee", observation="rgb", cameras=("chuck",))
    observation, _ = env.reset(seed=0)
    column, row, depth = observation["calibration_chuck"] @ [*env.cell.machine.spec.chuck_m, 1.0]
    size = env.config.image_size
    assert depth > 0.0
    assert max(abs(column / depth - size / 2), abs(row / depth - size / 2)) < size / 4
    env.close()


def test_its_plan_asks_for_ee():
    env = make("Monozukuri/LoadChuck-v0", machine="horizontal_lathe", control="ee_yaw", observation="flat")
    env.reset(seed=0)
    assert env.plan_controls == ("ee",)
    with pytest.raises(RuntimeError, match="'ee'"):
        env.expert_action()
    env.close()


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_the_expert_can_do_every_task_with_ee(env_id):
    env = make(env_id, control="ee", observation="flat", split="nominal")
    assert sum(episode(env, seed)[2]["is_success"] for seed in range(EPISODES)) >= EPISODES - 1
    env.close()
