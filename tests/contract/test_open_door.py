"""OpenDoor: an opened door read from the engine, clean runs, recovery, instructions."""

import cells
import pytest

from envs.cell.language import encode
from envs.cell.tasks.open_door import RISE_M

ENV_ID = "Monozukuri/OpenDoor-v0"


def test_an_opened_door_is_open_and_let_go():
    """Success read again from the engine's own poses, not from the task's figures."""
    env = cells.make(ENV_ID, observation="flat")
    for seed in range(3):
        cost = [info["cost"] for *_, info in cells.play(env, seed)]
        world, door = env.world, env.world.body("door")
        assert sum(cost) == 0.0
        assert world.joint_states(door, (0,))[0][0] >= 0.38
        (x, y, z), _ = world.link_pose(door, 1)
        assert env.cell.machine.handle_m == pytest.approx((x, y, z), abs=1e-6)
        assert world.gap_m(world.body("arm"), door, 0.1, link_b=1) > 0.02
        assert env._now.hand.position_m[2] - z == pytest.approx(RISE_M, abs=0.04)
        assert not env.cell.machine.arm_inside
    env.close()


@pytest.mark.parametrize("act", [cells.random_then_expert, cells.clumsy])
def test_the_expert_recovers(act):
    env = cells.make(ENV_ID, observation="flat")
    wins = sum(cells.episode(env, seed, act)[2]["is_success"] for seed in range(10))
    assert wins >= 9
    env.close()


def test_a_handle_that_slips_out_is_fetched_again():
    env = cells.make(ENV_ID, observation="flat")
    for seed in range(3):
        env.reset(seed=seed)
        while env.cell.machine.door_m < 0.15:
            env.step(env.expert_action())
        let_go = [0.0, 0.0, 0.5, 0.0, 1.0]
        for _ in range(6):
            env.step(let_go)
        assert env.plan()[0].name in ("approach", "grasp")
        over = won = False
        while not over:
            _, _, won, cut, _ = env.step(env.expert_action())
            over = won or cut
        assert won
    env.close()


def test_every_word_of_the_instruction_is_known():
    env = cells.make(ENV_ID, observation="flat")
    said = {env.reset(seed=seed)[1]["instruction"] for seed in range(20)}
    assert len(said) > 3
    assert all("open" in text and "door" in text for text in said)
    assert not any((encode(text) == 1).any() for text in said)
    env.close()
