"""Setting down by feel: straight down, slow where a rim may be, giving way to a push, or beside."""

import math

import numpy as np
import pytest

from agents.vla.keyframe import Keyframe
from agents.vla.lowering import (
    CREEP_M,
    DEEP_M,
    DEEPER_M,
    DOWN_M,
    FELT_M,
    GIVE_M,
    IN_M,
    NEAR_M,
    PATIENCE,
    PRESS_N,
    RIM_M,
    TOUCH_M,
    begun,
    world_force,
)  # fmt: skip
from tests.learning.test_vla_keyframe import Told, make, run

PLACE = (0.1, -0.4, 0.08)
FREE, PUSHED = (0.0, 0.0, -6.0), (0.0, 0.0, 2 * PRESS_N)


def lowered(feels, deeper_m=0.0, above_m=0.027, most=400):
    """Positions of the hand, and what was decided last; `feels` tells the force at a position."""
    lowering, at, way = begun(PLACE, deeper_m), (PLACE[0], PLACE[1], PLACE[2] + above_m), []
    for _ in range(most):
        verdict, lowering, at = lowering.feel(at, feels(at))
        way.append((verdict, at))
        if verdict != "on":
            break
    return np.array([at for _, at in way]), way[-1][0], lowering


@pytest.mark.parametrize("deeper_m", [0.0, DEEPER_M])
def test_unfelt_it_goes_straight_down_and_lets_go_at_its_place(deeper_m):
    way, verdict, _ = lowered(lambda at: FREE, deeper_m)
    assert verdict == "go"
    assert np.ptp(way[:, :2], axis=0).max() == 0
    steps = -np.diff(way[:, 2])
    assert (steps[:-1] > 0).all()
    assert steps.max() <= DEEP_M + 1e-12
    most = max(CREEP_M, DOWN_M if deeper_m else 0)
    assert -deeper_m - most - 1e-9 <= way[-1, 2] - PLACE[2] <= -deeper_m + 1e-9


def test_it_is_slowest_where_a_rim_may_be():
    way, _, _ = lowered(lambda at: FREE)
    steps, from_rim = -np.diff(way[:, 2]), way[:-1, 2] - PLACE[2] - RIM_M
    near = np.abs(from_rim) < NEAR_M - 1e-9
    inside = (from_rim < -NEAR_M - 1e-9) & (from_rim > -IN_M + 1e-9)
    assert near.sum() > 10
    assert steps[near] == pytest.approx(TOUCH_M)
    assert steps[inside] == pytest.approx(CREEP_M)
    assert steps[from_rim > NEAR_M].max() <= DOWN_M + 1e-12


def test_felt_low_it_lets_go_there():
    """A part that stands higher than it looked."""
    way, verdict, _ = lowered(lambda at: PUSHED if at[2] < PLACE[2] + 0.9 * FELT_M else FREE)
    assert verdict == "go"
    assert way[-1, 2] == pytest.approx(PLACE[2] + 0.9 * FELT_M, abs=DEEP_M)


@pytest.mark.parametrize("angle", np.linspace(0, 2 * math.pi, 7))
def test_on_a_chamfer_it_gives_way_whichever_way_it_is_pushed(angle):
    to = np.array([math.cos(angle), math.sin(angle)])
    _, lowering, at = begun(PLACE).feel((*PLACE[:2], PLACE[2] + RIM_M), (*(20 * to), 20.0))
    moved = np.array(at[:2]) - PLACE[:2]
    assert moved == pytest.approx(np.linalg.norm(moved) * to)
    assert 0 < np.linalg.norm(moved) <= GIVE_M + 1e-12
    assert at[2] > PLACE[2] + RIM_M
    assert lowering.n_given == 1


@pytest.mark.parametrize("aside_n", [0.0, 20.0])
def test_where_giving_way_does_not_help_it_goes_beside(aside_n):
    """On the flat of a rim at once, else after some patience; each time elsewhere, and never far."""
    lowering, high, tried = begun(PLACE), PLACE[2] + RIM_M, []
    for _ in range(8 * (PATIENCE + 1)):
        verdict, lowering, at = lowering.feel((*PLACE[:2], high), (aside_n, 0.0, 20.0))
        if verdict == "aside":
            assert at[2] > high
            tried.append(at[:2])
    assert len(tried) == (8 if aside_n else 8 * (PATIENCE + 1))
    off = np.linalg.norm(np.array(tried[:8]) - PLACE[:2], axis=1)
    assert len({*tried[:8]}) == 8
    assert off.max() < 0.002
    assert lowering.rim_m == high


@pytest.mark.parametrize("yaw", np.linspace(-3, 3, 7))
def test_a_turn_of_the_hand_does_not_turn_what_pushes_it(yaw):
    """A tool that points down: its x and y axes in the world, its z axis down."""
    c, s = math.cos(yaw), math.sin(yaw)
    axes = np.array([[c, s, 0], [s, -c, 0], [0, 0, -1]]).T
    force = np.array([3.0, -7.0, 11.0])
    assert world_force(yaw, axes.T @ force) == pytest.approx(force)


@pytest.mark.parametrize("off_m", [(0.0012, 0.0), (-0.0012, 0.0), (0.0, 0.0012), (0.0, -0.0012)])
def test_a_pin_that_is_off_finds_its_hole_without_being_pressed(off_m):
    """Success asks for no more than 50 N in the whole episode."""

    class Off(Told):
        def see(self, view, text):
            self.wrong_m, self.n_wrong = (off_m, 99) if view.stage == "put" else ((0.0, 0.0), 0)
            return super().see(view, text)

    env = make(task="InsertPin", cameras=("tray", "stations"), size=64)
    done, names = run(env, Keyframe(Off(env), env.config.cameras, 64), 1_000_001)
    env.close()
    assert done, names[-1]
