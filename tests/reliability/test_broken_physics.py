"""Numbers that are not finite end an episode with a reason; the next reset heals the world."""

import math

import gymnasium
import numpy as np
import pybullet as bullet
import pytest

import envs
from agents.learner import Rollouts
from agents.policy import Policy
from experiments.outcomes import summarise, table_line
from experiments.rollout import prepare, run_episode

MODES = ("flat", "state", "rgb")


def lose_the_arm(env):
    bullet.resetJointState(env.world.body("arm"), 1, math.nan, physicsClientId=env.world.client)


def lose_a_part(env):
    part = env.cell.bodies[0]
    bullet.resetBasePositionAndOrientation(
        part, (math.nan,) * 3, (0, 0, 0, 1), physicsClientId=env.world.client
    )


def lose_the_reward(env):
    env.task.terms = lambda *_: dict.fromkeys(env.task.weights, math.nan)


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)
    return np.array_equal(a, b)


def cases():
    for env_id in envs.CELL_IDS:
        yield env_id, lose_the_arm, "flat", "joints"
        if not env_id.endswith(("/Reach-v0", "/OpenDoor-v0")):  # they have no parts
            yield env_id, lose_a_part, "flat", "part_0"
    for mode in MODES[1:]:
        yield "Monozukuri/LoadChuck-v0", lose_a_part, mode, "part_0"
        yield "Monozukuri/LoadChuck-v0", lose_the_arm, mode, "joints"


@pytest.mark.parametrize(("env_id", "lose", "mode", "reason"), list(cases()))
def test_the_episode_ends_with_a_reason_and_a_reset_heals(env_id, lose, mode, reason):
    options = {"cameras": ("cell",), "image_size": 64} if mode == "rgb" else {}
    env = gymnasium.make(env_id, observation=mode, **options).unwrapped
    still = np.zeros(env.action_space.shape, np.float32)
    first, _ = env.reset(seed=4)
    seen, *_ = env.step(still)
    lose(env)
    observation, reward, won, cut, info = env.step(still)
    assert (won, cut, info["is_success"], reward) == (False, True, False, -1.0)
    assert info["end_reason"].startswith("physics: ")
    assert reason in info["end_reason"]
    assert same(observation, seen)  # the last sound one
    assert env.observation_space.contains(observation)
    assert not any(isinstance(value, float) and math.isnan(value) for value in info.values())
    assert [e.kind for e in env.ledger][-1] == "failure"
    with pytest.raises(RuntimeError, match="the episode is over"):
        env.step(still)
    healed, info = env.reset(seed=4)
    assert same(healed, first)
    assert "end_reason" not in info
    assert same(env.step(still)[0], seen)
    env.close()


def test_a_reward_that_is_not_finite_ends_it_too():
    env = gymnasium.make("Monozukuri/Reach-v0", observation="flat").unwrapped
    env.reset(seed=0)
    lose_the_reward(env)
    _, reward, _, cut, info = env.step(np.zeros(5, np.float32))
    assert (reward, cut, info["end_reason"]) == (-1.0, True, "physics: the reward is not finite")
    env.close()


class LosesIt(Policy):
    """Breaks the physics in every second episode."""

    def reset(self, instruction, seed):
        self.breaks = seed % 2 == 1

    def act(self, observation):
        if self.breaks:
            lose_the_arm(self.env.unwrapped)
        return np.zeros(5, np.float32)


def test_evaluations_tell_how_often_physics_failed():
    policy, env = LosesIt(), gymnasium.make("Monozukuri/Reach-v0", observation="flat")
    prepare(policy, env)
    policy.env = env
    episodes = [run_episode(env, Rollouts(policy), seed) for seed in range(4)]
    assert [e.n_steps for e in episodes] == [60, 1, 60, 1]
    summary = summarise(episodes, 20.0, 1.0)
    assert summary["n_physics_failed"] == 2
    assert "physics failed in 2 episodes" in table_line("a", summary)
    env.close()
