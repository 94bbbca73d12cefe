"""What the vise does: travel, datum faces, parts over and under size, and the force that it holds."""

import dataclasses

import pytest

from envs.cell.task import Task
from robots.catalog import machine_spec
from robots.chuck import Clamp
from robots.machine_body import JAWS_OPEN_M, MachineSpec
from robots.machine_tool import MachineTool
from robots.scene_types import EngineSpec, Surface
from robots.spec import Link, Shape
from robots.world import World

ENGINE = EngineSpec(rate_hz=Task.rate_hz, contact_erp=0.8)
PERIOD = Task.rate_hz // 20
NOMINAL_M, HEIGHT_M, KG = 0.038, 0.048, 0.544
SPEC = dataclasses.replace(machine_spec("machining_centre"), jaw_radius_m=NOMINAL_M / 2 + JAWS_OPEN_M)


@pytest.fixture
def world():
    opened = World(ENGINE)
    yield opened
    opened.close()


def vise(world, oversize_m=0.0, off_m=(0.0, 0.0), lift_m=0.0001):
    """A machining centre with a block `off_m` from its seat; returns (machine, block)."""
    world.rebuild()
    machine = MachineTool(world, SPEC, lambda *event: None)
    across = NOMINAL_M + oversize_m
    x, y, z = SPEC.seated_m(across)
    link = Link(KG, shapes=(Shape("box", (across, across, HEIGHT_M)),))
    at = (x + off_m[0], y + off_m[1], z + HEIGHT_M / 2 + lift_m)
    part = world.add_part("part", link, at, (0, 0, 0, 1), Surface(0.5, 0.005), asleep=False)
    return machine, part


def run(world, machine, periods):
    for _ in range(periods):
        world.step(PERIOD)
        machine.sense([(0.0, 0.0)], False, 0.05)


def clamp(world, machine):
    run(world, machine, 2)
    for valve in (Clamp.SOFT, Clamp.HARD):
        machine.set_clamp(valve)
        run(world, machine, 12)


def push(world, part, force_n, steps):
    """Pushes on the middle of a part."""
    import pybullet as bullet

    for _ in range(steps):
        at = world.pose(part)[0]
        bullet.applyExternalForce(part, -1, force_n, at, bullet.WORLD_FRAME, physicsClientId=world.client)
        world.step(1)


def test_the_jaw_travels_its_stroke_and_back(world):
    world.rebuild()
    machine = MachineTool(world, SPEC, lambda *event: None)
    assert machine.chuck == "OPEN"
    machine.set_clamp(Clamp.SOFT)
    run(world, machine, 12)
    assert machine.fixture.travel_m == pytest.approx(SPEC.jaw_stroke_m, abs=2e-5)
    # It stands, but on nothing.
    assert machine.grip == Clamp.SOFT
    machine.set_clamp(Clamp.OPEN)
    run(world, machine, 12)
    assert machine.fixture.travel_m == pytest.approx(0.0, abs=2e-5)


@pytest.mark.parametrize("oversize_m", [-0.0002, 0.0, 0.0002])
@pytest.mark.parametrize("short_m", [0.0, 0.0003, 0.001])
def test_a_block_is_pressed_on_the_fixed_jaw(world, oversize_m, short_m):
    machine, part = vise(world, oversize_m, (-short_m, 0.0))
    clamp(world, machine)
    assert machine.grip == Clamp.HARD
    (x, y, z), q = world.pose(part)
    seat = SPEC.seated_m(NOMINAL_M + oversize_m)
    assert x == pytest.approx(seat[0], abs=5e-5)
    assert y == pytest.approx(seat[1], abs=1e-4)
    assert z == pytest.approx(seat[2] + HEIGHT_M / 2, abs=5e-5)
    assert max(map(abs, q[:3])) < 1e-3
    closed_m = machine.fixture.closed_m(NOMINAL_M + oversize_m)
    assert machine.fixture.travel_m == pytest.approx(closed_m, abs=5e-5)


def test_a_soft_clamped_block_presses_with_the_soft_force(world):
    machine, part = vise(world)
    run(world, machine, 2)
    machine.set_clamp(Clamp.SOFT)
    run(world, machine, 12)
    pressed = sum(c.force_n for c in world.contacts(part, machine.fixture.body))
    assert pressed == pytest.approx(SPEC.soft_force_n, rel=0.1)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_clamped_block_gives_way_at_clamping_force_times_friction(world, axis):
    assert SPEC.holding_force_n == pytest.approx(12_000 * 0.15)
    moved = []
    for share in (0.8, 1.6):
        machine, part = vise(world)
        clamp(world, machine)
        before = world.pose(part)[0][axis]
        force = [0.0, 0.0, 0.0]
        force[axis] = (-1.0 if axis == 1 else 1.0) * share * SPEC.holding_force_n
        push(world, part, force, 6)
        moved.append(abs(world.pose(part)[0][axis] - before))
    assert moved[0] < 2e-4
    assert moved[1] > 1e-2


def test_a_block_that_starts_clamped_stays_and_is_let_go(world):
    machine, part = vise(world, oversize_m=0.0002, lift_m=0.0)
    machine.begin_holding(part, NOMINAL_M + 0.0002)
    before = world.pose(part)[0]
    run(world, machine, 10)
    assert machine.grip == Clamp.HARD
    assert world.pose(part)[0] == pytest.approx(before, abs=5e-5)
    machine.set_clamp(Clamp.OPEN)
    run(world, machine, 10)
    assert machine.chuck == "OPEN"
    push(world, part, (0.0, 0.0, 3 * KG * 9.81), 30)
    assert world.pose(part)[0][2] > before[2] + 0.01


def test_a_spec_is_checked():
    with pytest.raises(ValueError, match="workholding"):
        MachineSpec(workholding="magnet")
    assert MachineSpec().seated_m(0.05) == MachineSpec().chuck_m
