"""Every environment: checkers, bad input, and success read again from raw poses."""

import math

import cells
import gymnasium
import numpy as np
import pytest
from cells import baselines_checker, episode, gymnasium_checker, make

import envs
from envs.cell.observation import OBSERVATIONS, state_names
from envs.cell.parts import families
from robots.catalog import ARMS

CASES = [(i, o) for i in envs.CELL_IDS for o in OBSERVATIONS]


@pytest.mark.parametrize(("env_id", "observation"), CASES)
def test_gymnasium_checker(env_id, observation):
    gymnasium_checker(env_id, observation=observation)


@pytest.mark.parametrize(("env_id", "observation"), CASES)
def test_stable_baselines_checker(env_id, observation):
    baselines_checker(env_id, observation=observation)


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_bad_actions_change_nothing(env_id):
    env, twin = make(env_id, observation="flat"), make(env_id, observation="flat")
    size = env.action_space.shape[0]
    env.reset(seed=1)
    twin.reset(seed=1)
    for bad in ([np.nan] * size, [0.0] * (size - 1) + [np.inf], [0.0] * (size + 1), 0.0):
        with pytest.raises(ValueError, match="action"):
            env.step(bad)
    good = np.full(size, 0.3, np.float32)
    assert np.array_equal(env.step(good)[0], twin.step(good)[0])
    env.close()
    with pytest.raises(RuntimeError):
        env.step(good)
    env.close()
    twin.close()


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"robot": "lrmate"}, "lrmate200id"),
        ({"observation": "stat"}, "state"),
        ({"control": "eeyaw"}, "ee_yaw"),
        ({"split": "sen"}, "seen"),
        ({"split": "unseen-esy"}, "unseen-easy"),
        ({"split": "seen@3"}, "drawn afresh"),
        ({"split": "objects-hard@x"}, "0 to 2147483647"),
        ({"reward": "dens"}, "dense"),
        ({"image_size": 8}, "64 to 512"),
        ({"robbot": "panda"}, "robot"),
        ({"cameras": ("tay",)}, "tray"),
    ],
)
@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_bad_options_are_one_clear_line(env_id, options, hint):
    with pytest.raises(ValueError, match=hint) as caught:
        gymnasium.make(env_id, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_observations_and_rewards(env_id):
    env = make(env_id, observation="state")
    seen = []
    for seed in range(10):
        observation, info = env.reset(seed=seed)
        assert not info["is_success"]
        over = False
        while not over:
            observation, reward, terminated, truncated, info = env.step(env.expert_action())
            over = terminated or truncated
            seen.append(np.concatenate([observation["observation"], observation["achieved_goal"]]))
            assert all(0.0 <= v <= 1.0 for v in info["reward_terms"].values())
            assert set(info["reward_terms"]) == set(env.task.weights)
            goals = observation["achieved_goal"], observation["desired_goal"]
            assert reward == env.compute_reward(*goals, info)
    values = np.array(seen)
    assert np.isfinite(values).all()
    names = state_names(type(env.task), len(env.cell.arm_spec.joints))
    constant = [names[i] for i in range(len(names)) if np.ptp(values[:, i]) == 0]
    # Nothing is mis-seated here, there is always one distractor, and Reach neither grips nor turns.
    allowed = {"remove", "other_1_here"}
    if not env.task.parts:
        allowed |= {"closed", "held", "gripped", "opening", "hand_cos"}
    named = [f for f in env.task.families if f in families()]
    if named and not any(families()[f]["medium"].symmetry for f in named):
        # Round parts look the same from all sides: neither they nor the hand have to turn.
        allowed |= {"part_turn_cos", "part_turn_sin", "hand_cos", "hand_sin"}
    assert set(constant) <= allowed
    env.close()


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_what_nobody_touches_does_not_move(env_id):
    env = make(env_id, observation="flat")
    cell, world = env.cell, env.world

    def resting():
        bodies = [world.body(name) for name in world.names if name != "arm"]
        fixture = cell.machine.fixture if cell.machine else None
        jaws = [world.joint_states(fixture.body, fixture.joints)] if fixture else []
        return [world.pose(body) for body in bodies], jaws

    still = cells.still(env)
    for seed in range(12):
        env.reset(seed=seed)
        before = resting()
        for _ in range(30):
            env.step(still)
        assert resting() == before
    env.close()


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_sparse_reward_is_success_and_batches(env_id):
    env = make(env_id, observation="state", reward="sparse")
    observation, _ = env.reset(seed=2)
    rewards = []
    over = False
    while not over:
        observation, reward, terminated, truncated, info = env.step(env.expert_action())
        rewards.append(reward)
        over = terminated or truncated
    assert rewards[-5:] == [0.0] * 5
    assert rewards[0] == -1.0
    pair = [np.stack([observation[k]] * 2) for k in ("achieved_goal", "desired_goal")]
    assert env.compute_reward(*pair, [info, info]).tolist() == [0.0, 0.0]
    env.close()


def test_a_loaded_part_is_where_it_should_be():
    """Success read again from the engine's own poses, not from the task's figures."""
    env = make("Monozukuri/LoadChuck-v0", observation="flat", split="seen")
    for seed in range(3):
        episode(env, seed)
        world, cell = env.world, env.cell
        (x, y, z), q = world.pose(world.body("part_0"))
        kind, (cx, cy, cz) = cell.kinds[0], cell.machine.spec.chuck_m
        up_z = 1 - 2 * (q[0] ** 2 + q[1] ** 2)
        assert math.hypot(x - cx, y - cy) < 5e-5
        assert abs(z - kind.height_m / 2 - cz) < 1e-4
        assert up_z > 1 - 1e-5
        arm = world.body("arm")
        assert not world.touching(arm, world.body("part_0"))
        for link in cell.arm.links:
            assert world.link_pose(arm, link)[0][0] < cell.machine_spec.front_x_m
        gaps = [world.gap_m(world.body("part_0"), world.body("chuck"), 0.01, link_b=jaw) for jaw in (0, 1, 2)]
        assert max(map(abs, gaps)) < 1e-4
    env.close()


def test_a_part_in_the_vise_is_where_it_should_be():
    """Success read again from the engine's own distances, not from the task's figures."""
    env = make("Monozukuri/LoadVise-v0", observation="flat", split="seen")
    for seed in range(3):
        episode(env, seed)
        world, spec = env.world, env.cell.machine.spec
        part, across = world.body("part_0"), env.cell.draw.candidates[0].across_m
        (x, y, z), q = world.pose(part)
        jaw_x, stop_y = spec.stops_m
        assert abs(jaw_x - x - across / 2) < 1e-4
        assert abs(stop_y - y - across / 2) < 1e-4
        assert abs(z - env.cell.kinds[0].height_m / 2 - spec.chuck_m[2]) < 1e-4
        assert 1 - 2 * (q[0] ** 2 + q[1] ** 2) > 1 - 1e-5
        assert abs(world.gap_m(part, world.body("vise"), 0.01)) < 1e-4
        assert not world.touching(world.body("arm"), part)
    env.close()


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_random_actions_neither_solve_nor_break_anything(env_id):
    env = make(env_id, observation="flat")
    rng = np.random.default_rng(1)
    wins = 0
    for seed in range(4):
        env.reset(seed=seed)
        over = False
        while not over:
            observation, _, won, cut, _ = env.step(rng.uniform(-1, 1, env.action_space.shape))
            assert np.isfinite(observation).all()
            machine = env.cell.machine
            if machine is not None and machine.execution == "ACTIVE":
                assert machine.door == "CLOSED"
                assert not machine.arm_inside
            over = won or cut
            wins += won
    assert wins == 0 or env.task.name == "Reach"
    env.close()


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
@pytest.mark.parametrize("robot", ARMS)
def test_the_expert_solves_the_nominal_task(env_id, robot):
    env = make(env_id, observation="flat", split="nominal", robot=robot)
    wins = sum(episode(env, seed)[2]["is_success"] for seed in range(4))
    assert wins >= 3
    env.close()
