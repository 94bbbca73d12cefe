"""What the tests of the contract share: environments, episodes, and raw bytes of what comes out."""

import hashlib

import gymnasium
import numpy as np

import envs
from envs.cell.variation import LEVELS, split

CAMERA = {"cameras": ("cell",), "image_size": 64}
MACHINE_IDS = tuple(i for i in envs.ENV_IDS if i.endswith("/LoadChuck-v0"))


def make(env_id, **options):
    """The bare environment; pictures, where there are any, are few and small."""
    if options.get("observation") in ("rgb", "rgbd"):
        options = CAMERA | options
    return gymnasium.make(env_id, **options).unwrapped


def filled_splits():
    """Splits that an environment accepts."""
    names = []
    for name in LEVELS:
        try:
            split(name)
        except ValueError:
            continue
        names.append(name)
    return names


def raw(observation):
    """The bytes of an observation."""
    if isinstance(observation, dict):
        return b"".join(k.encode() + observation[k].tobytes() for k in sorted(observation))
    return observation.tobytes()


def expert(env, rng, step):
    """The expert's action."""
    return env.expert_action()


def random_action(env, rng, step):
    """Uniform noise."""
    return rng.uniform(-1.0, 1.0, env.action_space.shape).astype(np.float32)


def random_then_expert(env, rng, step):
    """Forty steps of noise, then the expert, who has to clear up."""
    return random_action(env, rng, step) if step < 40 else env.expert_action()


def episode(env, seed, act=expert, limit=400):
    """Play from `reset(seed)`; returns the bytes of every step, steps, and the last info."""
    rng = np.random.default_rng([0 if seed is None else seed, 1])
    observation, info = env.reset(seed=seed)
    trail = [raw(observation)]
    over, steps = False, 0
    while not over and steps < limit:
        observation, reward, won, cut, info = env.step(act(env, rng, steps))
        trail.append(raw(observation) + np.array([reward, won, cut], np.float64).tobytes())
        steps += 1
        over = won or cut
    return trail, steps, info


def digest(trail):
    """One hash of many bytes."""
    return hashlib.sha256(b"".join(trail)).hexdigest()
