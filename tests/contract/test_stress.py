"""Disturbances in five strengths, on every task that they act on."""

import cells
import numpy as np
import pytest

import envs
from envs.cell import stress
from envs.cell.core import task_class

STRESSES = tuple(stress.stresses())
LOAD = "Monozukuri/LoadChuck-v0"


def module(env_id):
    """The file of a task."""
    name = env_id.removeprefix("Monozukuri/").removesuffix("-v0")
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def acts_on(env_id, name):
    """Whether a disturbance acts on a task."""
    try:
        stress.check({name: 1}, task_class(module(env_id))())
    except ValueError:
        return False
    return True


CASES = [(i, n) for i in envs.CELL_IDS for n in STRESSES if acts_on(i, n)]


def test_every_entry_has_its_effect():
    assert set(STRESSES) == set(stress.EFFECTS)
    for name in STRESSES:
        assert sum(acts_on(i, name) for i in envs.CELL_IDS) >= 1


@pytest.mark.parametrize(("env_id", "name"), CASES)
def test_the_strongest_keeps_an_episode_sound_and_exact(env_id, name):
    env = cells.make(env_id, observation="flat", stress=f"{name}:5")
    first = cells.stretch(env, 7, 40, cells.random_then_expert)
    cells.episode(env, 101, cells.expert, 30)
    assert cells.stretch(env, 7, 40, cells.random_then_expert) == first
    plain = cells.make(env_id, observation="flat")
    plain.reset(seed=7)
    env.reset(seed=7)
    # What is not disturbed is as without.
    assert env.instruction == plain.instruction
    assert env.cell.draw.start_m == plain.cell.draw.start_m
    assert [c.at_m for c in env.cell.draw.candidates] == [c.at_m for c in plain.cell.draw.candidates]
    env.close()
    plain.close()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("chip:3", "did you mean 'chips'"),
        ("chips:6", "allowed are 1 to 5"),
        ("chips", "allowed are 1 to 5"),
        ("chips:1,chips:2", "given twice"),
        (3, "is needed"),
    ],
)
def test_a_mistake_is_one_clear_line(text, hint):
    with pytest.raises(ValueError, match=hint) as caught:
        cells.make(LOAD, stress=text)
    assert "\n" not in str(caught.value)


def test_what_has_nothing_to_act_on_is_refused():
    with pytest.raises(ValueError, match="Reach has nothing that it acts on"):
        cells.make("Monozukuri/Reach-v0", stress="chips:1")


def observations(n, **options):
    """What is observed in the first n steps, and the arm's true joints then."""
    env = cells.make(LOAD, observation="flat", **options)
    seen, true = [env.reset(seed=3)[0]], [env.cell.arm.read().q_rad]
    for _ in range(n):
        seen.append(env.step(env.expert_action())[0])
        true.append(env.cell.arm.read().q_rad)
    env.close()
    return np.array(seen), np.array(true)


@pytest.mark.parametrize("strength", [1, 5])
def test_latency_is_the_age_of_what_is_observed(strength):
    periods = int(stress.stresses()["latency"].strengths[strength - 1])
    seen, true = observations(20, stress=f"latency:{strength}")
    assert np.allclose(seen[periods:, :6], true[: len(true) - periods], atol=1e-6)


def test_the_controller_knows_its_own_commands_at_once():
    env = cells.make(LOAD, observation="rgb", stress="latency:5")
    plain = cells.make(LOAD, observation="rgb")
    for e in (env, plain):
        e.reset(seed=7)
    _, known = env._observer.own
    for _ in range(12):
        action = plain.expert_action()
        late, now = (e.step(action)[0]["agent_pos"] for e in (env, plain))
        np.testing.assert_array_equal(late[known], now[known])
    assert not np.array_equal(late, now)
    env.close()
    plain.close()


def test_dropout_repeats_what_was_seen_as_often_as_it_says():
    seen, true = observations(60, stress="sensor_dropout:5")
    fresh = np.isclose(seen[:, :6], true, atol=1e-6).all(axis=1)
    # 60 periods at 0.4: four standard deviations either way.
    assert 60 * 0.4 - 15.2 <= (~fresh).sum() <= 60 * 0.4 + 15.2


def test_a_stuck_signal_stays_as_it_was():
    stuck = 0
    for seed in range(6):
        env = cells.make(LOAD, observation="flat", stress="stuck_bit:5")
        env.reset(seed=seed)
        signals, _ = env._observer.signals
        rows, over = [], False
        while not over:
            observation, _, won, cut, _ = env.step(env.expert_action())
            rows.append(observation[signals])
            over = won or cut
        moved = np.ptp(np.array(rows), axis=0) > 0
        stuck += not moved.all()
        env.close()
    assert stuck == 6


def test_a_chip_is_felt_by_the_seat_and_blown_away():
    """The seat's sensor tells, the part is lifted out, the PLC blows; a chip that stays keeps its alarm."""
    env = cells.make(LOAD, observation="flat", stress="chips:5")
    for seed in range(4):
        env.reset(seed=seed)
        *_, info = list(cells.play(env, seed))[-1]
        kinds = [(e.kind, e.data.get("name")) for e in env.ledger]
        assert ("alarm", "seat") in kinds
        assert info["is_success"] == env.cell.draw.chip.blown_away
    env.close()


def test_a_worn_jaw_moves_the_part_by_two_thirds_of_its_wear():
    env = cells.make(LOAD, observation="flat", stress="jaw_wear:5")
    wear_m = 1e-3 * stress.stresses()["jaw_wear"].strengths[4]
    off = []
    for seed in range(3):
        for _ in cells.play(env, seed, limit=120):
            pass
        part, axis = env._now.parts[0], env.cell.machine.spec.chuck_m
        assert env.cell.seated()
        off.append(part.bottom_m[0] - axis[0])
    # Towards the worn jaw, which is at +x.
    assert np.mean(off) == pytest.approx(2 * wear_m / 3, rel=0.2)
    env.close()
