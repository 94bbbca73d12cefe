"""Every environment: checkers, exact resets, bad input, and success read again from raw poses."""

import math
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from envs.cell.observation import OBSERVATIONS, state_names
from robots.catalog import ARMS

CASES = [(i, o) for i in envs.ENV_IDS for o in OBSERVATIONS]


def make(env_id, **options):
    if options.get("observation") in ("rgb", "rgbd"):
        options |= {"cameras": ("cell",), "image_size": 64}
    return gymnasium.make(env_id, **options).unwrapped


def play(env, seed, steps=400):
    """One expert episode; the raw bytes of all that came out, and the last info."""
    observation, info = env.reset(seed=seed)
    trail = [observation.tobytes()]
    for _ in range(steps):
        observation, reward, terminated, truncated, info = env.step(env.expert_action())
        trail.append(observation.tobytes() + np.float64(reward).tobytes())
        if terminated or truncated:
            break
    return trail, info


@pytest.mark.parametrize(("env_id", "observation"), CASES)
def test_gymnasium_checker(env_id, observation):
    env = make(env_id, observation=observation)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Only a registered spec lets the checker try the render modes.
        warnings.filterwarnings("ignore", message=".*render mode.*")
        check_env(env, skip_render_check=True, skip_close_check=True)
    env.close()


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_stable_baselines_checker(env_id, observation):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    env = make(env_id, observation=observation)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The contract gives depth as (h, w) and calibrations as (3, 4); both are advice, not errors.
        warnings.filterwarnings("ignore", message=".*unconventional shape.*")
        checker.check_env(env, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
def test_a_reset_gives_the_same_bits_whatever_happened_before(env_id):
    env = make(env_id, observation="flat")
    first, info = play(env, 7)
    assert info["is_success"]
    rng = np.random.default_rng(0)
    env.reset(seed=3)
    for _ in range(30):
        env.step(rng.uniform(-1, 1, env.action_space.shape))
    again, _ = play(env, 7)
    other = make(env_id, observation="flat")
    fresh, _ = play(other, 7)
    assert first == again == fresh
    env.close()
    other.close()


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
def test_seed_then_unseeded_is_reproducible(env_id):
    env = make(env_id, observation="flat")
    env.reset(seed=5)
    second = env.reset()[0]
    assert not np.array_equal(env.reset(seed=6)[0], env.reset(seed=5)[0])
    assert np.array_equal(env.reset()[0], second)
    env.close()


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
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
        ({"split": "unseen-easy"}, "not filled in"),
        ({"reward": "dens"}, "dense"),
        ({"image_size": 8}, "64 to 512"),
        ({"robbot": "panda"}, "robot"),
        ({"cameras": ("tay",)}, "tray"),
    ],
)
@pytest.mark.parametrize("env_id", envs.ENV_IDS)
def test_bad_options_are_one_clear_line(env_id, options, hint):
    with pytest.raises(ValueError, match=hint) as caught:
        gymnasium.make(env_id, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
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
    assert set(constant) <= allowed
    env.close()


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
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
        play(env, seed)
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
        jaws = {c.link_b for c in world.contacts(world.body("part_0"), world.body("machine"))}
        assert {0, 1, 2} <= jaws
    env.close()


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
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


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
@pytest.mark.parametrize("robot", ARMS)
def test_the_expert_solves_the_nominal_task(env_id, robot):
    env = make(env_id, observation="flat", split="nominal", robot=robot)
    wins = sum(play(env, seed)[1]["is_success"] for seed in range(4))
    assert wins >= 3
    env.close()


def test_vectors_equal_single_environments():
    env_id = "Monozukuri/PickPart-v0"
    vector = gymnasium.make_vec(env_id, num_envs=2, observation="flat")
    stacked, _ = vector.reset(seed=[4, 9])
    for k, seed in enumerate((4, 9)):
        single = make(env_id, observation="flat")
        assert np.array_equal(stacked[k], single.reset(seed=seed)[0])
        single.close()
    vector.close()
