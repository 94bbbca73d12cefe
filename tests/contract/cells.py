"""What the tests of the contract share: environments, episodes, and raw bytes of what comes out."""

import hashlib
import json
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from robots.catalog import ARMS

CAMERA = {"cameras": ("cell",), "image_size": 64}
# Machines other than the usual one, with the ids that they are for; their plans may need control "ee".
MACHINES = (
    ("Monozukuri/LoadChuck-v0", "horizontal_lathe"),
    ("Monozukuri/UnloadChuck-v0", "horizontal_lathe"),
)
# What an expert brings to its end within the steps of `test_bits`.
SHORT_IDS = tuple(i for i in envs.CELL_IDS if i.endswith(("/Reach-v0", "/PickPart-v0")))
# Loading ends with a machine that is ready to start.
MACHINE_IDS = tuple(i for i in envs.CELL_IDS if i.endswith(("/LoadChuck-v0", "/LoadVise-v0")))


def make(env_id, **options):
    """The bare environment; pictures, where there are any, are few and small."""
    if options.get("observation") in ("rgb", "rgbd"):
        options = CAMERA | options
    return gymnasium.make(env_id, **options).unwrapped


def arms_of(env_id):
    """The usual arm, and one of the others for each id in turn: every arm meets some task."""
    others = [arm for arm in ARMS if arm != "lrmate200id"]
    return ("lrmate200id", others[envs.CELL_IDS.index(env_id) % len(others)])


def pairs():
    """Every id with every arm; those that are not in turn are slow."""
    return [
        pytest.param(i, arm, marks=() if arm in arms_of(i) else pytest.mark.slow, id=f"{i}-{arm}")
        for i in envs.CELL_IDS
        for arm in ARMS
    ]


def gripper(env):
    """Index of the gripper's number in an action; a request to the machine may follow it."""
    return -2 if env.task.commands else -1


def still(env):
    """The action that moves nothing: the gripper open, no request."""
    action = np.zeros(env.action_space.shape, np.float32)
    action[gripper(env)] = 1.0
    return action


def filled_splits():
    """Splits that differ in all that splits differ in: the others mix what these have."""
    return ["nominal", "seen", "unseen-hard"]


def gymnasium_checker(env_id, **options):
    """Gymnasium's own checks; what it warns of counts as an error."""
    env = make(env_id, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Only a registered spec lets the checker try the render modes.
        warnings.filterwarnings("ignore", message=".*render mode.*")
        check_env(env, skip_render_check=True, skip_close_check=True)
    env.close()


def baselines_checker(env_id, **options):
    """The checks of stable-baselines3; what it warns of counts as an error."""
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    env = make(env_id, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The contract gives depth as (h, w) and calibrations as (3, 4); both are advice, not errors.
        warnings.filterwarnings("ignore", message=".*unconventional shape.*")
        checker.check_env(env, skip_render_check=True)
    env.close()


# --- Bytes ---------------------------------------------------------------------------------------


def raw(observation):
    """The bytes of an observation."""
    if isinstance(observation, dict):
        return b"".join(k.encode() + observation[k].tobytes() for k in sorted(observation))
    return observation.tobytes()


def raw_info(info):
    """The bytes of an info; JSON keeps every bit of a float."""
    return json.dumps(info, sort_keys=True, default=lambda value: np.asarray(value).tolist()).encode()


def digest(trail):
    """One hash of many bytes."""
    return hashlib.sha256(b"".join(trail)).hexdigest()


# --- Who acts ------------------------------------------------------------------------------------


def expert(env, rng, step):
    """The expert's action."""
    return env.expert_action()


def random_action(env, rng, step):
    """Uniform noise."""
    return rng.uniform(-1.0, 1.0, env.action_space.shape).astype(np.float32)


def random_then_expert(env, rng, step):
    """Forty steps of noise, then the expert, who has to clear up."""
    return random_action(env, rng, step) if step < 40 else env.expert_action()


def clumsy(env, rng, step):
    """The expert for some steps, noise for some: it bumps into everything on its way."""
    return random_action(env, rng, step) if step // 5 % 4 == 3 else env.expert_action()


# --- Playing -------------------------------------------------------------------------------------


def play(env, seed, act=expert, limit=400):
    """Play from `reset(seed)`; yields (observation, reward, won, cut, info), first of the reset."""
    rng = np.random.default_rng([0 if seed is None else seed, 1])
    observation, info = env.reset(seed=seed)
    yield observation, 0.0, False, False, info
    for step in range(limit):
        result = env.step(act(env, rng, step))
        yield result
        if result[2] or result[3]:
            return


def episode(env, seed, act=expert, limit=400):
    """Play from `reset(seed)`; returns the bytes of every step, steps, and the last info."""
    trail, info = [], {}
    for observation, reward, won, cut, now in play(env, seed, act, limit):
        trail.append(raw(observation) + np.array([reward, won, cut], np.float64).tobytes())
        info = now
    return trail, len(trail) - 1, info


def stretch(env, seed, steps, act=random_action):
    """The bytes of so many steps from `reset(seed)`, infos too; what ends is reset without a seed."""
    rng = np.random.default_rng([0 if seed is None else seed, 2])
    observation, info = env.reset(seed=seed)
    trail, over, since = [raw(observation) + raw_info(info)], False, 0
    for _ in range(steps):
        if over:
            observation, info = env.reset()
            trail.append(raw(observation) + raw_info(info))
            since = 0
        observation, reward, won, cut, info = env.step(act(env, rng, since))
        flags = np.array([reward, won, cut], np.float64).tobytes()
        trail.append(raw(observation) + flags + raw_info(info))
        over, since = won or cut, since + 1
    return trail


def report():
    """Print a JSON object of hashes that have to be the same in every process."""
    hashes = {}
    for env_id in envs.CELL_IDS:
        for robot in arms_of(env_id):
            env = make(env_id, observation="flat", robot=robot)
            trail = stretch(env, 11, 70, expert) + stretch(env, None, 50)
            hashes[f"{env_id} {robot}"] = digest(trail)
            env.close()
        env = make(env_id, observation="rgb")
        hashes[f"{env_id} rgb"] = digest(stretch(env, 11, 5, expert))
        env.close()
    print(json.dumps(hashes))  # noqa: T201
