"""The plate with a hole: what goes in, what does not, and that nothing goes through."""

import math

import pytest

from envs.cell import plate
from envs.cell.control import tool_down
from envs.cell.parts import families
from envs.cell.task import Task
from robots.arm import Arm
from robots.catalog import arm_spec
from robots.gripper import GripperSpec
from robots.scene_types import EngineSpec, Surface
from robots.spec import Link, Shape
from robots.world import World

HZ = Task.rate_hz
PERIOD = HZ // 20
PINS = [sizes.chuck_across_m for sizes in families()["shaft"].values()]
HEIGHT_M = 0.06
AT = (0.28, 0.03)


@pytest.fixture
def world():
    opened = World(EngineSpec(rate_hz=HZ, contact_erp=0.8))
    yield opened
    opened.close()


def build(world, hole_m, at=(0.0, 0.0)):
    world.rebuild()
    for name, shapes in plate.bored_plate(hole_m).items():
        world.add_fixed(name, shapes, Surface(0.4), xyz_m=(*at, 0.0))


def pin(world, across_m, xyz_m, asleep=False):
    x, y, bottom = xyz_m
    link = Link(0.4, shapes=(Shape("cylinder", (across_m / 2, HEIGHT_M)),))
    at = (x, y, bottom + HEIGHT_M / 2)
    return world.add_part("pin", link, at, (0, 0, 0, 1), Surface(0.5, 0.005), asleep=asleep)


def bottom_m(world, body):
    """Height of the bottom's middle, and the lean in rad."""
    (_, _, z), (qx, qy, _, _) = world.pose(body)
    return z - HEIGHT_M / 2, 2 * math.hypot(qx, qy)


@pytest.mark.parametrize("across_m", PINS)
@pytest.mark.parametrize(
    ("clearance_mm", "goes_in"), [(0.5, True), (0.1, True), (0.05, True), (0.02, True), (-0.1, False)]
)
def test_pins_fall_into_holes_that_are_wider_and_into_no_others(world, across_m, clearance_mm, goes_in):
    build(world, across_m + clearance_mm * 1e-3)
    body = pin(world, across_m, (0.0, 0.0, plate.TOP_M + 0.002))
    world.step(HZ)
    height, lean = bottom_m(world, body)
    if goes_in:
        assert height == pytest.approx(plate.FLOOR_M, abs=1e-4)
        assert lean < 0.005
    else:  # it hangs in the lead-in
        assert height > plate.TOP_M - 2 * plate.LEAD_M - 1e-3


@pytest.mark.parametrize("side", [1, 5, 11])
def test_the_lead_in_takes_a_pin_that_is_a_millimetre_aside(world, side):
    build(world, 0.0325)
    turn = 2 * math.pi * side / 16
    aside = (0.001 * math.cos(turn), 0.001 * math.sin(turn))
    body = pin(world, 0.032, (*aside, plate.TOP_M + 0.0005))
    world.step(HZ)
    assert bottom_m(world, body)[0] == pytest.approx(plate.FLOOR_M, abs=1e-4)


@pytest.mark.parametrize("aside_m", [0.004, 0.012, 0.025])
def test_a_pin_pressed_on_the_plate_stays_above_it(world, aside_m):
    """At the pace of a set-down and beyond what the task allows in force."""
    build(world, 0.0285, AT)
    arm = Arm(world, arm_spec("lrmate200id"), GripperSpec(), (0.0, 0.0, 0.0))
    x, y, grip = AT[0] + aside_m, AT[1], HEIGHT_M - 0.010
    start = plate.TOP_M + 0.010
    arm.place(arm.solve((x, y, start + grip), tool_down(0.0)), opening_m=0.0282)
    body = pin(world, 0.028, (x, y, start), asleep=True)
    for k in range(40):
        arm.grip(close=True)
        height = start - 0.004 * max(0, k - 10)
        arm.move(arm.solve((x, y, max(plate.FLOOR_M, height) + grip), tool_down(0.0)), PERIOD)
        arm.guard(arm.read())
        names = [name for name in plate.BODIES if name in world.names]
        deepest = min((c.distance_m for n in names for c in world.contacts(body, world.body(n))), default=0.0)
        assert deepest > -0.0015
        # Its lowest point, leaning or not, is on the plate.
        height, lean = bottom_m(world, body)
        assert height - 0.014 * math.sin(lean) > plate.TOP_M - plate.LEAD_M - 0.002


def test_what_the_plate_is_not_made_for_is_refused(world):
    with pytest.raises(ValueError, match="hole_m"):
        plate.bored_plate(0.08)
    many = tuple(Shape("box", (0.01, 0.01, 0.01), (0.02 * k, 0.0, 0.0)) for k in range(17))
    with pytest.raises(ValueError, match="up to 16"):
        world.add_fixed("many", many)
