"""Many resets and many careless steps: memory, numbers, interlocks, solid bodies; quick and slow."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import cells
import numpy as np
import pytest

import envs

ROOT = Path(__file__).resolve().parent.parent.parent
SLOW = pytest.mark.slow
# How deep a part may be pressed into something else; what moves may be found as deep as it came in one
# physics step, be it in a fall or knocked over.
DEEP_M = 0.002
GRAVITY_M_S2, PERIOD_S = 9.81, 0.05
# The elbow may lean over the machine, above the door.
ROOF_M = 0.65
# Between processes memory differs by some pages, whatever was done in them.
QUICK_MB, LIMIT_MB = 4.0, 20.0


def growth_mb(options, n):
    """Return by how much a fresh process grows over n resets of LoadChuck."""
    code = (
        "import json\n"
        "from experiments.measure import memory_growth\n"
        "from experiments.rollout import EnvRequest\n"
        f"print(json.dumps(memory_growth(EnvRequest('LoadChuck', {options!r}), {n}, 0)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=1800
    )
    return json.loads(done.stdout)["growth_mb"]


PLAIN, PICTURES = {}, {"render_mode": "rgb_array"}


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="elsewhere only the peak is known")
@pytest.mark.parametrize(
    ("options", "n", "limit_mb"),
    [
        pytest.param(PLAIN, 300, QUICK_MB, id="plain-300"),
        pytest.param(PICTURES, 300, QUICK_MB, id="pictures-300"),
        pytest.param(PLAIN, 10_000, LIMIT_MB, id="plain-10000", marks=SLOW),
        pytest.param(PICTURES, 2_000, LIMIT_MB, id="pictures-2000", marks=SLOW),
    ],
)
def test_resets_do_not_grow(options, n, limit_mb):
    assert growth_mb(options, n) < limit_mb


def part_speeds(env):
    """Return the speed of each part, m/s."""
    world = env.world
    return {n: math.hypot(*world.velocity(world.body(n))[0]) for n in world.names if n.startswith("part_")}


def deepest(env, speeds_before):
    """Return (depth over what is allowed in m, depth in m, what is in what) of the worst part."""
    world, worst = env.world, (0.0, 0.0, "")
    for name, speed in speeds_before.items():
        body = world.body(name)
        contacts = world.contacts(body)
        (velocity, spin), (centre, _) = world.velocity(body), world.pose(body)
        fell = speed + GRAVITY_M_S2 * PERIOD_S
        free = not any(c.body_b == "arm" for c in contacts)
        for c in contacts:
            there = np.add(velocity, np.cross(spin, np.subtract(c.point_m, centre)))
            fastest = max(float(np.linalg.norm(there)), fell if free else 0.0)
            allowed = max(DEEP_M, fastest / world.engine.rate_hz)
            over = -c.distance_m - allowed
            worst = max(worst, (over, -c.distance_m, f"{c.body_a} in {c.body_b} link {c.link_b}"))
    return worst


def reaches_in(env):
    """Whether any joint of the arm or its gripper is behind the machine's front, from raw poses."""
    world, arm = env.world, env.world.body("arm")
    places = [world.link_pose(arm, link)[0] for link in env.cell.arm.links]
    return any(x > env.cell.machine_spec.front_x_m and z < ROOF_M for x, _, z in places)


def assert_sound(env, observation, reward, info):
    """What has to hold after every step, whatever was done."""
    numbers = [reward, info["energy_j"], info["cost"], *info["reward_terms"].values()]
    assert np.isfinite(observation).all()
    assert np.isfinite(numbers).all()
    machine = env.cell.machine
    if machine is not None and machine.execution == "ACTIVE":
        assert machine.door == "CLOSED"
        assert not machine.arm_inside
    if machine is not None and machine.door == "CLOSED":
        assert not reaches_in(env)


@pytest.mark.parametrize("n_steps", [500, pytest.param(10_000, marks=SLOW)])
@pytest.mark.parametrize("act", [cells.random_action, cells.clumsy], ids=["random", "clumsy"])
@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_careless_steps_break_nothing(env_id, act, n_steps):
    env = cells.make(env_id, observation="flat")
    rng = np.random.default_rng(5)
    env.reset(seed=5)
    energy_j = step = 0
    for _ in range(n_steps):
        speeds = part_speeds(env)
        observation, reward, won, cut, info = env.step(act(env, rng, step))
        assert_sound(env, observation, reward, info)
        if act is cells.random_action:  # who holds a part can still press it deeper into the table
            over_m, depth_m, where = deepest(env, speeds)
            assert over_m <= 0.0, f"{1000 * depth_m:.2f} mm: {where}, at {info['time_s']:.2f} s"
        assert info["energy_j"] >= energy_j
        energy_j, step = info["energy_j"], step + 1
        if won or cut:
            env.reset()
            energy_j = step = 0
    env.close()


@pytest.mark.parametrize("n_episodes", [1, pytest.param(20, marks=SLOW)])
@pytest.mark.parametrize("env_id", cells.MACHINE_IDS)
def test_nobody_gets_at_a_running_spindle(env_id, n_episodes):
    """After a loading that is not taken as the end, the cycle starts; then the arm wants in again."""
    env = cells.make(env_id, observation="flat")
    env.task.HOLD_STEPS = 10**6
    for seed in range(n_episodes):
        ran = 0
        for k, (observation, reward, _, _, info) in enumerate(cells.play(env, seed, push_in, 300)):
            if k:
                assert_sound(env, observation, reward, info)
            ran += env.cell.machine.execution == "ACTIVE"
        assert ran > 0, "the cycle never started"
        assert k == 300
    env.close()


def push_in(env, rng, step):
    """Load; once the spindle has turned, push against the door with some noise."""
    if env.cell.machine.execution == "READY":
        return env.expert_action()
    action = cells.random_action(env, rng, step)
    action[0] = 1.0
    return action
