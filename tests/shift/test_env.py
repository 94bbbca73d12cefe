"""`Monozukuri/Shift-v0` as a Gymnasium environment."""

import warnings

import gymnasium
import numpy as np
import pytest
from crews import Rules, crew
from gymnasium.utils.env_checker import check_env

import envs
from envs.shift import TOOLS
from envs.shift.decision import as_choice
from envs.shift.env import NAMES

OPTIONS = {"skills": ("skilled",), "hours": 0.5}


def make(**options):
    return gymnasium.make("Monozukuri/Shift-v0", **{**OPTIONS, **options}).unwrapped


def play(env, seed, choose):
    """One episode; returns the rewards and the last info."""
    _, info = env.reset(seed=seed)
    rewards, over = [], False
    while not over:
        _, reward, over, _, info = env.step(choose(env))
        rewards.append(reward)
    return rewards, info


def ruled(env):
    return env.action_for(as_choice(Rules().decide(env.decision)))


def test_registered_apart():
    assert envs.SHIFT_IDS == ("Monozukuri/Shift-v0",)
    assert not set(envs.SHIFT_IDS) & set(envs.ENV_IDS)


def test_gymnasiums_checker():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(), skip_render_check=True)


def test_actions_stand_for_choices():
    """Stepping through gives the ledger that a crew of the same rules gives."""
    from envs.shift.shift import Shift

    env = make()
    _, info = play(env, 3, ruled)
    shift = Shift(env.shift_spec, 3, env.handling)
    ledger = shift.run(crew(Rules()))
    kinds = [(e.time_s, e.kind, e.subject) for e in env.ledger]
    assert kinds == [(e.time_s, e.kind, e.subject) for e in ledger]
    assert info["good"] == shift.floor.counts.good


def test_mask_tells_what_is_allowed():
    env = make()
    observation, info = env.reset(seed=1)
    allowed = {NAMES[i] for i in np.flatnonzero(observation["mask"])}
    assert allowed == set(env.decision.tools)
    assert (info["action_mask"] == observation["mask"]).all()
    before = info["refused"]
    bad = next(i for i, name in enumerate(NAMES) if name not in allowed)
    *_, info = env.step({"tool": bad, "values": np.zeros(5, np.float32)})
    assert info["refused"] == before + 1


def test_other_roles_are_the_crews():
    env = make(roles=("dispatch",), crew={r: Rules() for r in ("measuring", "tool_care", "machining")})
    _, info = env.reset(seed=1)
    over = False
    while not over:
        assert env.decision.role == "dispatch"
        *_, over, _, info = env.step(env.action_for(as_choice(Rules().decide(env.decision))))
    assert info["good"] >= 0


def test_money_adds_up():
    """The reward is the value of good parts less what the ledger says was spent."""
    env = make(value_eur=7.0)
    rewards, info = play(env, 4, ruled)
    released = {e.subject: e.data["quantity"] for e in env.ledger.select("order_released")}
    good = [e for e in env.ledger.select("part_good") if e.data["order"] in released]
    begun = 0.0
    assert sum(rewards) == pytest.approx(7.0 * len(good) - info["cost"] + begun, abs=1e-6)


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ({"tool": 99, "values": np.zeros(5)}, "tool is 99"),
        ({"tool": 0, "values": np.zeros(4)}, "values are"),
        ({"tool": 0, "values": np.full(5, np.nan)}, "values are"),
        ({"tool": 0}, "needed"),
        (None, "needed"),
    ],
)
def test_bad_actions(action, says):
    env = make()
    env.reset(seed=1)
    before = len(env.ledger)
    with pytest.raises(ValueError, match=says):
        env.step(action)
    assert len(env.ledger) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"colour": "red"}, "option 'colour' is unknown"),
        ({"roles": ("cook",)}, "role 'cook' is unknown"),
        ({"strengths": {"heat": 9}}, "allowed are 0 to 5"),
        ({"skills": ("magic",)}, "skill 'magic' is unknown"),
        ({"shift": "nowhere"}, "shift 'nowhere' is unknown"),
        ({"hours": -1.0}, "hours is -1.0"),
    ],
)
def test_bad_options(options, says):
    with pytest.raises(ValueError, match=says):
        make(**options)


def test_over_is_over():
    env = make(hours=0.1)
    play(env, 1, ruled)
    with pytest.raises(RuntimeError, match="reset"):
        env.step({"tool": 0, "values": np.zeros(5)})


def test_every_tool_has_an_action():
    env = make()
    for name in TOOLS:
        from envs.shift import Choice

        assert env.action_space.contains(env.action_for(Choice(name)))
