"""What the simulated hardware does: kinematics, forces, grasps, chuck, interlocks, separate worlds."""

import dataclasses
import math
import resource

import numpy as np
import pytest

from envs.cell.control import tool_down
from envs.cell.parts import families
from envs.cell.task import Task
from robots import kinematics
from robots.arm import Arm
from robots.catalog import ARMS, arm_spec
from robots.chuck import Clamp
from robots.gripper import GripperSpec
from robots.machine_body import MachineSpec
from robots.machine_tool import REQUESTS, MachineTool
from robots.plc import Plc
from robots.scene_types import EngineSpec, Surface
from robots.spec import Link, Shape
from robots.world import World

HZ = Task.rate_hz
ENGINE = EngineSpec(rate_hz=HZ, contact_erp=0.8)
PERIOD = HZ // 20  # physics steps in a control period
TABLE = (Shape("box", (2.0, 2.0, 0.04), (0.2, 0.0, -0.02)),)


@pytest.fixture
def world():
    opened = World(ENGINE)
    yield opened
    opened.close()


def cell(world, robot="lrmate200id", gripper=None):
    world.rebuild()
    world.add_fixed("table", TABLE)
    return Arm(world, arm_spec(robot), gripper or GripperSpec(), (0.0, 0.0, 0.0))


def go(arm, target, steps, close=False):
    """Straight to a pose, tool down; `steps` control periods."""
    start, _ = arm.tcp(arm.q_command)
    arm.grip(close=close)
    for k in range(1, steps + 1):
        at = [a + (b - a) * k / steps for a, b in zip(start, target, strict=True)]
        arm.move(arm.solve(at, tool_down(0.0)), PERIOD)
        hand = arm.read()
    return hand


def lifted(world, mass_kg, friction, size=0.04):
    """Grasps a cylinder and lifts it 0.1 m; returns the arm's readings and the part's body."""
    arm = cell(world, gripper=GripperSpec(pad_friction=friction / 0.5))
    shape = (Shape("cylinder", (size / 2, 0.05)),)
    part = world.add_part(
        "part", Link(mass_kg, shapes=shape), (0.3, -0.3, 0.025), (0, 0, 0, 1), Surface(0.5, 0.02)
    )
    arm.place(arm.solve((0.3, -0.3, 0.04), tool_down(0.0)))
    go(arm, (0.3, -0.3, 0.04), 10, close=True)
    return arm, go(arm, (0.3, -0.3, 0.14), 12, close=True), part


@pytest.mark.parametrize("robot", ARMS)
def test_forward_kinematics_is_the_engines(world, robot):
    arm = cell(world, robot)
    rng = np.random.default_rng(0)
    joints = arm.spec.joints
    for _ in range(20):
        q = [rng.uniform(j.lower_rad, j.upper_rad) for j in joints]
        arm.place(q)
        frames = kinematics.link_frames(arm.spec, q)
        for i, joint in enumerate(joints):
            com = frames[i] @ np.array([*joint.link.com_m, 1.0])
            assert np.abs(com[:3] - world.link_com_m(arm.body, i)).max() < 1e-9


@pytest.mark.parametrize("robot", ARMS)
def test_speed_and_joint_limits_hold(world, robot):
    arm = cell(world, robot)
    arm.place(arm.spec.home_rad)
    rng = np.random.default_rng(1)
    for _ in range(30):
        before = list(arm.q_command)
        arm.move([rng.uniform(-9, 9) for _ in before], PERIOD)
        for a, b, joint in zip(before, arm.q_command, arm.spec.joints, strict=True):
            assert abs(b - a) <= joint.speed_rad_s * 0.05 + 1e-9
            assert joint.lower_rad <= b <= joint.upper_rad
        arm.guard(arm.read())
        torques = zip(arm.read().torque_joint_nm, arm.spec.joints, strict=True)
        assert all(abs(t) <= joint.torque_nm + 1e-6 for t, joint in torques)


@pytest.mark.parametrize("robot", ARMS)
def test_pushed_beyond_a_limit_and_told_to_stay_it_goes_back_inside(world, robot):
    """A hand that was pushed and stopped holds where it is, which may be a little beyond a limit."""
    arm = cell(world, robot)
    joints = arm.spec.joints
    beyond = [
        j.upper_rad + 1e-3 if i == 1 else q
        for i, (j, q) in enumerate(zip(joints, arm.q_command, strict=True))
    ]
    arm.place(beyond)
    assert not arm.move(beyond, PERIOD)
    for _ in range(3):
        arm.move(arm.q_command, PERIOD)
    hand = arm.read()
    assert all(j.lower_rad <= c <= j.upper_rad for j, c in zip(joints, arm.q_command, strict=True))
    assert hand.q_rad[1] < joints[1].upper_rad + 1e-4


def test_the_speed_of_set_points_does_not_jump(world):
    arm = cell(world)
    arm.place(arm.solve((0.3, -0.3, 0.3), tool_down(0.0)))
    points, drive = [arm.tcp(arm.q_command)[0]], world.drive

    def drive_none(body, joints, rows, *rest, **guard):
        points.extend(arm.tcp(row)[0] for row in rows)
        return len(rows)

    world.drive = drive_none
    for step_m in (0.03, 0.03, 0.03, 0.0, 0.0, -0.03, 0.0, 0.0):
        x, y, z = arm.tcp(arm.q_command)[0]
        arm.move(arm.solve((x, y + step_m, z), tool_down(0.0)), PERIOD)
    world.drive = drive
    speed_m_s = np.diff(np.array(points), axis=0) * HZ
    # Full speed, 0.6 m/s, is reached within one control period, and again left.
    assert np.abs(np.diff(speed_m_s, axis=0)).max() < 1.1 * 0.6 / PERIOD
    assert np.linalg.norm(speed_m_s, axis=1).max() > 0.55
    assert np.abs(speed_m_s[-PERIOD:]).max() < 1e-6


def test_a_hand_that_is_pushed_stops_within_the_period(world):
    """At full speed on to the table: the set-points end where the arm is, long before the period does."""
    arm = cell(world)
    arm.place(arm.solve((0.3, -0.3, 0.12), tool_down(0.0)))
    arm.move(arm.solve((0.3, -0.3, 0.09), tool_down(0.0)), PERIOD)
    heights = [0.06 - 0.03 * k for k in range(5)]
    whole = [arm.move(arm.solve((0.3, -0.3, z), tool_down(0.0)), PERIOD) for z in heights]
    assert whole[0]
    assert not whole[-1]
    commanded = arm.tcp(arm.q_command)[0][2]
    # Fingers reach half a pad below the TCP.
    assert 0.0 < commanded < 0.03
    depth_m = max(-c.distance_m for c in world.contacts(arm.body, world.body("table")))
    assert depth_m < 0.002


def test_wrist_sensor_reads_the_weight_and_the_grip_is_in_range(world):
    arm, _, part = lifted(world, 0.5, 0.3)
    go(arm, (0.3, -0.3, 0.14), 4, close=True)
    hands = [go(arm, (0.3, -0.3, 0.14), 1, close=True) for _ in range(20)]
    force, torque = (np.mean([getattr(h, k) for h in hands], axis=0) for k in ("force_n", "torque_nm"))
    assert force[2] == pytest.approx(0.5 * 9.81, rel=0.03)
    assert np.abs(force[:2]).max() < 0.3
    assert np.abs(torque).max() < 0.1
    grips = [sum(c.force_n for c in world.contacts(arm.body, part, link_a=f)) for f in (arm.left, arm.right)]
    assert all(80.0 <= force <= 300.0 for force in grips)
    states = world.joint_states(arm.body, (arm.left, arm.right))
    assert abs(states[0][0] - states[1][0]) < 5e-4


@pytest.mark.parametrize(("friction", "held"), [(0.20, True), (0.35, True), (0.01, False)])
def test_grasps_hold_by_friction_alone(world, friction, held):
    heaviest = max(t.mass_kg for sizes in families().values() for t in sizes.values()) * 1.1
    _, hand, part = lifted(world, heaviest, friction)
    (_, _, z), _ = world.pose(part)
    assert (z > 0.11) == held
    assert (hand.opening_m > 0.03) == held or not held


def test_a_part_does_not_creep_in_the_hand_on_an_arc(world):
    arm, _, part = lifted(world, 0.4, 0.25)

    def offset_m():
        (x, y, _), _ = world.pose(part)
        at, _ = arm.tcp(arm.read().q_rad)
        return x - at[0], y - at[1]

    before = offset_m()
    for k in range(1, 16):  # 0.6 m/s round the base, a quarter turn
        angle = -math.pi / 4 + 0.07 * k
        at = (0.424 * math.cos(angle), 0.424 * math.sin(angle), 0.14)
        arm.move(arm.solve(at, tool_down(0.0)), PERIOD)
        arm.read()
    for _ in range(3):
        arm.move(arm.q_command, PERIOD)
        after = offset_m()
    assert math.dist(before, after) < 3e-4


def test_parts_sleep_until_touched(world):
    world.rebuild()
    world.add_fixed("table", TABLE)
    link = Link(0.3, shapes=(Shape("box", (0.04, 0.04, 0.05)),))
    still = world.add_part("still", link, (0.3, 0.3, 0.5), (0, 0, 0, 1), Surface())
    awake = world.add_part("awake", link, (0.5, 0.3, 0.5), (0, 0, 0, 1), Surface(), asleep=False)
    world.step(4 * PERIOD)
    # The engine integrates gravity once before it looks who sleeps.
    assert world.pose(still)[0][2] == pytest.approx(0.5 - 9.81 / HZ**2, abs=1e-9)
    # Free fall over 0.2 s with the engine's semi-implicit steps.
    fall = 9.81 * 0.2 * (0.2 + 1 / HZ) / 2
    assert 0.5 - world.pose(awake)[0][2] == pytest.approx(fall, rel=1e-3)


def chuck(world, offset_m, across=0.04):
    world.rebuild()
    spec = MachineSpec(jaw_radius_m=across / 2 + 0.002)
    events = []
    machine = MachineTool(world, spec, lambda *event: events.append(event))
    x, y, z = spec.chuck_m
    link = Link(0.45, shapes=(Shape("cylinder", (across / 2, 0.05)),))
    at = (x + offset_m[0], y + offset_m[1], z + 0.0251)
    part = world.add_part("part", link, at, (0, 0, 0, 1), Surface(0.5, 0.02), asleep=False)
    return machine, part, events


@pytest.mark.parametrize("offset_m", [(0.0, 0.0), (0.0006, 0.0003), (-0.001, 0.0008)])
def test_the_chuck_centres_and_its_jaws_stay_coupled(world, offset_m):
    machine, part, _ = chuck(world, offset_m)
    world.step(2 * PERIOD)
    for clamp in (Clamp.SOFT, Clamp.HARD):
        machine.set_clamp(clamp)
        for _ in range(10):
            world.step(PERIOD)
            machine.sense([(0.0, 0.0)], False, 0.05)
    (x, y, _), q = world.pose(part)
    eccentricity = math.hypot(x - machine.spec.chuck_m[0], y - machine.spec.chuck_m[1])
    tilt = 2 * math.hypot(q[0], q[1])
    assert 2 * (eccentricity + 0.025 * tilt) <= 1e-4
    travel = [s[0] for s in world.joint_states(machine.fixture.body, (0, 1, 2))]
    assert max(travel) - min(travel) < 5e-5


def test_what_is_clamped_stays_until_it_is_let_go(world):
    arm = cell(world)
    machine = MachineTool(world, MachineSpec(), lambda *event: None)
    x, y, z = machine.spec.chuck_m
    link = Link(0.45, shapes=(Shape("cylinder", (0.02, 0.05)),))
    part = world.add_part("part", link, (x, y, z + 0.0251), (0, 0, 0, 1), Surface(0.5, 0.005), asleep=False)
    arm.place(arm.solve((x, y, z + 0.04), tool_down(0.0)))
    for clamp in (Clamp.SOFT, Clamp.HARD):
        machine.set_clamp(clamp)
        for _ in range(10):
            arm.move(arm.q_command, PERIOD)
            arm.read()
            machine.sense([(0.0, 0.0)], False, 0.05)
    (*_, before), _ = world.pose(part)
    go(arm, (x, y, z + 0.04), 10, close=True)
    pulled = go(arm, (x, y, z + 0.055), 10, close=True)
    (*_, after), _ = world.pose(part)
    # The fingers' friction, 0.275 x 120 N on two sides, is far below what the chuck holds.
    assert machine.spec.holding_force_n == pytest.approx(3000.0)
    assert abs(after - before) < 1e-4
    assert pulled.force_n[2] > 40.0
    machine.set_clamp(Clamp.OPEN)
    go(arm, (x, y, z + 0.04), 10)
    go(arm, (x, y, z + 0.04), 6, close=True)
    go(arm, (x, y, z + 0.10), 10, close=True)
    assert world.pose(part)[0][2] > before + 0.05


def test_a_misplaced_part_jams_on_the_jaws(world):
    arm = cell(world)
    machine = MachineTool(world, MachineSpec(), lambda *event: None)
    x, y, z = machine.spec.chuck_m
    link = Link(0.45, shapes=(Shape("cylinder", (0.02, 0.05)),))
    at = (x + 0.006, y, z + 0.08)
    arm.place(arm.solve((at[0], at[1], at[2] + 0.015), tool_down(0.0)), opening_m=0.0402)
    part = world.add_part("part", link, at, (0, 0, 0, 1), Surface(0.5, 0.02))
    go(arm, (at[0], at[1], at[2] + 0.015), 10, close=True)
    for k in range(40):
        height = max(z + 0.04, at[2] + 0.015 - 0.003 * k)
        arm.move(arm.solve((at[0], at[1], height), tool_down(0.0)), PERIOD)
        arm.guard(arm.read())
        worst = min((c.distance_m for c in world.contacts(part, machine.fixture.body)), default=0.0)
        assert worst > -0.001
    (px, py, pz), _ = world.pose(part)
    jammed = pz - 0.025 > z + machine.spec.jaw_height_m - 0.004
    # The fingers may yield along their pads: then it stands between the jaws, not inside one.
    aside = math.hypot(px - x, py - y) < 0.0025
    assert jammed or aside, (px - x, py - y, pz - 0.025 - z)


def test_interlocks_hold_under_random_requests(world):
    machine, _, events = chuck(world, (0.0, 0.0))
    plc = Plc(machine)
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(1500):
        inside = bool(rng.random() < 0.3) and machine.door == "OPEN" and machine.execution != "ACTIVE"
        machine.sense([(0.0, 0.0)], inside, 0.05)
        if inside:  # the door opens again by itself
            assert machine.door_target == "OPEN"
        door, execution = machine.door_target, machine.execution
        accepted = machine.request(REQUESTS[int(rng.integers(len(REQUESTS)))])
        refused += not accepted
        if inside:
            assert not (door == "OPEN" and machine.door_target == "CLOSED")
        if execution != "ACTIVE" and machine.execution == "ACTIVE":
            assert machine.clamp == Clamp.HARD
            assert machine.door == "CLOSED"
            assert not inside
        if execution == "ACTIVE":
            assert machine.clamp == Clamp.HARD
            assert machine.door_target == "CLOSED"
        world.step(PERIOD)
    assert refused > 30
    # An arm that comes inside while the door shuts is an attempt too, though nobody asked for anything.
    assert machine.refused >= refused
    assert machine.refused == sum(e[0] == "alarm" and e[1] == "interlock" for e in events)
    assert plc.wants_removal is False
    with pytest.raises(ValueError, match="machine request"):
        machine.request("open sesame")


def test_worlds_do_not_touch_each_other_and_stay_quiet(capfd):
    one, two = World(ENGINE), World(dataclasses.replace(ENGINE, rate_hz=480))
    link = Link(0.3, shapes=(Shape("box", (0.04, 0.04, 0.05)),))
    for opened in (one, two):
        opened.add_part("part", link, (0, 0, 1), (0, 0, 0, 1), Surface(), asleep=False)
    one.step(2 * PERIOD)
    assert two.pose(two.body("part"))[0][2] == 1.0
    assert one.names == two.names == ("part",)
    one.close()
    one.close()
    two.step(1)
    two.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("visuals", [False, True])
def test_rebuilding_does_not_leak(visuals):
    opened = World(ENGINE, visuals=visuals)

    def rebuild(n):
        for _ in range(n):
            cell(opened)
        return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

    before = rebuild(60)
    assert rebuild(200) - before < 5.0
    opened.close()
