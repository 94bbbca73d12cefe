"""Each cause of failure is provoked in a real cell and told by its name."""

import itertools

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401 (registers the ids)
from experiments.failures import CAUSES, Signs, Witness, cause

SEED = 2_000_003


def cell(task, **options):
    return gymnasium.make(f"Monozukuri/{task}-v0", **{"split": "seen", "observation": "flat", **options})


def witnessed(env, act, n_steps, seed=SEED):
    """Run an episode for some steps; return its signs."""
    env.reset(seed=seed)
    witness = Witness(env)
    witness.begin()
    for step in range(n_steps):
        action = np.asarray(act(env.unwrapped, step), np.float32)
        *_, terminated, truncated, info = env.step(action)
        witness.look(info, action)
        if terminated or truncated:
            break
    return witness.signs()


def two_parts(env):
    """A seed whose scene has another part besides the named one, not too close."""
    for seed in range(SEED, SEED + 50):
        env.reset(seed=seed)
        if len(env.unwrapped.cell.bodies) > 1:
            return seed
    raise AssertionError("no scene with two parts")


def towards(bare, k, aside_m=0.0):
    """Fetches part k, from above, and lifts it; `aside_m` beside it."""
    part, stride, control = bare.cell._part_states()[k], bare.stride, bare._control
    x, y, z = part.grip_m
    at = control.position_m
    goal = (x + aside_m, y, z)

    def go(to, close):
        delta = np.clip((np.array(to) - np.array(at)) / stride.step_m, -1, 1)
        turn = ((part.yaw_rad - control.yaw_rad + np.pi / 2) % np.pi - np.pi / 2) / stride.step_rad
        return [*delta, float(np.clip(turn, -1, 1)), -1.0 if close else 1.0]

    return go, goal, at


class Fetch:
    def __init__(self, k, aside_m=0.0):
        self.k, self.aside_m, self.phase, self.waited = k, aside_m, "over", 0

    def __call__(self, bare, step):
        go, (x, y, z), at = towards(bare, self.k, self.aside_m)
        if self.phase == "over":
            if np.linalg.norm(np.array(at) - (x, y, z + 0.08)) < 2e-3:
                self.phase = "down"
            return go((x, y, z + 0.08), close=False)
        if self.phase == "down":
            if abs(at[2] - z) < 2e-3:
                self.phase = "close"
            return go((x, y, z), close=False)
        if self.phase == "close":
            self.waited += 1
            if self.waited > 12:
                self.phase, self.top = "lift", at[2] + 0.1
            return [0, 0, 0, 0, -1.0]
        return go((at[0], at[1], self.top), close=True)


def test_the_cause_is_always_one_of_the_list_and_none_for_a_success():
    for success, taken, fell, goal, alarm, refused, hit, closed in itertools.product(
        (False, True), ((), (0,), (1,), (0, 1), (1, 0)), (0.0, 0.1), (False, True), (0, 1), (0, 1), (0, 9),
        (False, True),
    ):  # fmt: skip
        found = cause(Signs(success, taken, fell, goal, alarm, refused, hit, closed))
        assert (found is None) == success
        assert success or found in CAUSES


def test_success_and_time_out():
    env = cell("PickPart")
    assert cause(witnessed(env, lambda bare, step: bare.expert_action(), 200)) is None
    still = witnessed(env, lambda bare, step: [0, 0, 0, 0, 1.0], 30)
    assert cause(still) == "time-out"
    assert not still.taken
    env.close()


def test_wrong_object():
    env = cell("LoadChuck")
    signs = witnessed(env, Fetch(1), 90, two_parts(env))
    assert signs.taken == (1,)
    assert cause(signs) == "wrong object"
    right = witnessed(env, Fetch(0), 90)
    assert right.taken == (0,)
    assert cause(right) == "time-out"  # held, but never brought
    env.close()


def test_missed_grasp():
    env = cell("LoadChuck", split="nominal")
    assert cause(witnessed(env, Fetch(0, aside_m=-0.045), 90)) == "missed grasp"
    env.close()


def test_dropped():
    env = cell("LoadChuck")

    def act(bare, step):
        """Lets go as soon as the part is high."""
        part = bare.cell._part_states()[0]
        act.dropped = act.dropped or part.bottom_m[2] > bare.cell.layout.tray_m[2] + 0.05
        return [0, 0, 0, 0, 1.0] if act.dropped else bare.expert_action()

    act.dropped = False
    signs = witnessed(env, act, 120)
    assert signs.fell_m > 0.03
    assert cause(signs) == "dropped"
    env.close()


def test_jammed():
    env = cell("LoadChuck")

    def act(bare, step):
        """Holds the part over the open jaws for ever."""
        part, home = bare.cell._part_states()[0], bare.task.home_m(bare.cell)
        near = np.hypot(part.bottom_m[0] - home[0], part.bottom_m[1] - home[1]) < 0.01
        act.stuck = act.stuck or (near and part.bottom_m[2] - home[2] < 0.04)
        return [0, 0, 0, 0, -1.0] if act.stuck else bare.expert_action()

    act.stuck = False
    signs = witnessed(env, act, 120)
    assert signs.at_goal
    assert cause(signs) == "jammed"
    env.close()


def test_collision():
    env = cell("LoadChuck")
    signs = witnessed(env, lambda bare, step: [0, 0, -1.0, 0, 1.0], 60)
    assert signs.collision_steps > 0
    assert cause(signs) == "collision"
    env.close()


def test_interlock():
    from robots.machine_tool import REQUESTS

    env = cell("TendMachine")
    start = -1 + (2 * REQUESTS.index("cycle start") + 1) / len(REQUESTS)  # nothing is clamped yet
    signs = witnessed(env, lambda bare, step: [0, 0, 0, 0, 1.0, start], 5)
    assert signs.refused == 1
    assert cause(signs) == "interlock"
    env.close()


def test_an_environment_without_a_cell_tells_only_how_it_ended():
    env = gymnasium.make("tests.learning.standin:StandIn-v0")
    assert cause(witnessed(env, lambda bare, step: np.zeros(5), 100)) == "time-out"
    env.close()


@pytest.mark.parametrize(("fell_m", "told"), [(0.0002, "time-out"), (0.05, "dropped")])
def test_what_is_put_down_was_not_dropped(fell_m, told):
    assert cause(Signs(False, (0,), fell_m=fell_m, closed=True)) == told
