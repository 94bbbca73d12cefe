"""A door without a drive: its friction, its handle in the gripper, what the machine refuses."""

import dataclasses

import pytest

from envs.cell.control import tool_down
from envs.cell.task import Task
from envs.cell.tasks.open_door import PULL_M_S
from robots.arm import Arm
from robots.catalog import arm_spec, machine_spec
from robots.gripper import GripperSpec
from robots.machine_body import DOOR_TRAVEL_M
from robots.machine_tool import MachineTool
from robots.scene_types import EngineSpec
from robots.world import World

HZ = Task.rate_hz
PERIOD = HZ // 20
DOOR_KG = 6.2
OFFSET_M = (0.001, -0.001, 0.0)


@pytest.fixture
def world():
    opened = World(EngineSpec(rate_hz=HZ, contact_erp=0.8))
    yield opened
    opened.close()


def machine_with_hand_door(world, friction_n, opening_m=0.01):
    events = []
    machine = MachineTool(world, machine_spec("manual_lathe"), lambda *e: events.append(e), OFFSET_M)
    machine.leave_door(opening_m, friction_n)
    return machine, events


def gripping(world, friction_n, finger_friction=0.20):
    """An arm that has closed on the handle, and the machine."""
    arm = Arm(
        world, arm_spec("lrmate200id"), GripperSpec(pad_friction=finger_friction / 0.5), (0.0, 0.0, 0.0)
    )
    machine, _ = machine_with_hand_door(world, friction_n)
    arm.place(arm.solve(machine.handle_m, tool_down(0.0)))
    world.lull()
    arm.grip(close=True)
    for _ in range(10):
        advance(arm, machine, machine.handle_m)
    return arm, machine


def advance(arm, machine, to_m):
    arm.move(arm.solve(to_m, tool_down(0.0)), PERIOD)
    machine.sense([], False, 0.05)
    return arm.read()


@pytest.mark.parametrize("friction_n", [8.0, 15.0, 25.0])
def test_a_pushed_door_comes_to_rest_by_its_friction(world, friction_n):
    machine, _ = machine_with_hand_door(world, friction_n)
    world.wake(machine.door_body)
    speed_m_s = 0.3
    world.set_joint(machine.door_body, 0, 0.01, speed_m_s)
    world.step(HZ)
    machine.sense([], False, 0.05)
    way_m = DOOR_KG * speed_m_s**2 / 2 / friction_n
    assert machine.door_m - 0.01 == pytest.approx(way_m, abs=speed_m_s / HZ)


@pytest.mark.parametrize("friction_n", [8.0, 25.0])
def test_the_force_to_move_the_door_is_its_friction(world, friction_n):
    arm, machine = gripping(world, friction_n)
    x, y, z = machine.handle_m
    forces = []
    for k in range(1, 31):  # 0.1 m/s
        advance(arm, machine, (x, y + 0.005 * k, z))
        pressing = world.contacts(arm.body, machine.door_body)
        forces.append(-sum(c.force_n * c.normal[1] for c in pressing))
    mean_n = sum(forces[10:]) / len(forces[10:])
    assert mean_n == pytest.approx(friction_n, rel=0.03)


@pytest.mark.parametrize("finger_friction", [0.20, 0.35])
def test_the_handle_stays_in_the_gripper_over_the_whole_travel(world, finger_friction):
    arm, machine = gripping(world, 25.0, finger_friction)
    x, y, z = machine.handle_m
    step_m, far_m = PULL_M_S / 20, DOOR_TRAVEL_M - 0.004 - machine.door_m
    done_m = 0.0
    while done_m < far_m:
        done_m = min(far_m, done_m + step_m)
        hand = advance(arm, machine, (x, y + done_m, z))
        assert not arm.guard(hand)
        handle = machine.handle_m
        assert abs(hand.position_m[0] - handle[0]) < 0.001
        assert abs(hand.position_m[1] - handle[1]) < 0.002
        assert abs(hand.position_m[2] - handle[2]) < 0.001
        # Touching the handle is not touching the door.
        assert world.touched(arm.body) == {"handle"}
    for _ in range(2):
        advance(arm, machine, (x, y + far_m, z))
    assert machine.door == "OPEN"


def test_who_presses_on_the_leaf_touches_the_door(world):
    arm = Arm(world, arm_spec("lrmate200id"), GripperSpec(), (0.0, 0.0, 0.0))
    machine, _ = machine_with_hand_door(world, 15.0)
    arm.place(arm.solve((0.27, 0.05, 0.30), tool_down(0.0)))
    world.lull()
    touched = set()
    for k in range(8):
        arm.guard(advance(arm, machine, (0.27 + 0.01 * k, 0.05, 0.30)))
        touched |= world.touched(arm.body)
    assert touched == {"door"}


def test_a_door_that_nobody_touches_stays_where_it_is(world):
    machine, _ = machine_with_hand_door(world, 8.0, 0.013)
    world.lull()
    world.step(2 * HZ)
    machine.sense([], False, 0.05)
    assert machine.door_m == 0.013
    assert machine.door == "UNLATCHED"


@pytest.mark.parametrize("what", ["open door", "close door"])
def test_requests_to_move_a_hand_door_are_refused(world, what):
    machine, events = machine_with_hand_door(world, 15.0)
    assert not machine.request(what)
    assert machine.refused == 1
    assert events[-1] == ("alarm", "interlock", {"request": what, "why": "the door is moved by hand"})
    world.step(HZ)
    machine.sense([], False, 0.05)
    assert machine.door_m == 0.01


@pytest.mark.parametrize("wrong", [{"door_drive": "motor"}, {"door_friction_n": 0.0}])
def test_a_door_that_does_not_exist_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(machine_spec("manual_lathe"), **wrong)
