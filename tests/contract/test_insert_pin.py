"""InsertPin: the hole is what was asked for, success is read again from raw poses, force spoils it."""

import json
import math

import numpy as np
import pytest
from cells import episode, make

from envs.cell import plate
from envs.cell.tasks.insert_pin import FORCE_N, InsertPin
from experiments.errors import UserError
from experiments.evaluate import main as evaluate

ID = "Monozukuri/InsertPin-v0"
CLEARANCES_MM = InsertPin.options["clearance_mm"]


@pytest.mark.parametrize("clearance_mm", CLEARANCES_MM)
def test_an_inserted_pin_is_where_it_should_be(clearance_mm):
    env = make(ID, observation="flat", clearance_mm=clearance_mm)
    for seed in range(3):
        _, _, info = episode(env, seed)
        assert info["is_success"]
        assert info["peak_force_n"] <= FORCE_N
        world, cell = env.world, env.cell
        kind, (dx, dy, _) = cell.kinds[0], cell.draw.chuck_offset_m
        assert kind.family == "shaft"
        (x, y, z), q = world.pose(world.body("part_0"))
        (hx, hy, _), _ = world.pose(world.body("plate"))
        assert math.hypot(hx - 0.28 - dx, hy - 0.03 - dy) < 1e-9
        room = (clearance_mm * 1e-3 - cell.draw.candidates[0].oversize_m) / 2
        assert math.hypot(x - hx, y - hy) < room / math.cos(math.pi / plate.FLATS) + 3e-5
        assert z - kind.height_m / 2 == pytest.approx(plate.FLOOR_M, abs=5e-5)
        assert 1 - 2 * (q[0] ** 2 + q[1] ** 2) > 1 - 1e-4
        assert not world.touching(world.body("arm"), world.body("part_0"))
    env.close()


def test_a_hand_that_pressed_too_hard_has_failed():
    env = make(ID, observation="state")
    env.reset(seed=0)
    env.cell.peak_force_n = FORCE_N + 1.0
    over = False
    while not over:
        observation, _, won, cut, info = env.step(env.expert_action())
        over = won or cut
    assert not won
    assert info["reward_terms"]["place"] == 1.0
    assert info["reward_terms"]["gentle"] == 0.0
    far = np.abs(observation["achieved_goal"] - observation["desired_goal"]) > env.task.tolerance
    assert far.tolist() == [False] * 5 + [True]
    env.close()


@pytest.mark.parametrize("value", [0.3, True, "0.2"])
def test_other_clearances_are_one_clear_line(value):
    with pytest.raises(ValueError, match=r"clearance_mm .*allowed are 0\.5, 1\.0, 0\.2, 0\.1"):
        make(ID, clearance_mm=value)


def test_evaluate_hands_options_on_and_writes_them_down(tmp_path, capsys):
    arguments = ["expert", "--task", "InsertPin", "--episodes", "1", "--workers", "1", "--out", str(tmp_path)]
    assert evaluate([*arguments, "--option", "clearance_mm=0.2"]) == 0
    summary = json.loads((tmp_path / "evaluation.json").read_text())
    assert summary["options"] == {"clearance_mm": 0.2}
    assert "clearance_mm=0.2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["clearance_mm"], "NAME=VALUE"),
        (["clearance_mm=0.2", "clearance_mm=0.1"], "twice"),
        (["robot=panda"], "option robot"),
        (["clearance_mm=0.3"], "0.5, 1.0, 0.2, 0.1"),
        (["clearence_mm=0.2"], "did you mean 'clearance_mm'"),
    ],
)
def test_wrong_options_are_one_clear_line(options, hint):
    given = [word for option in options for word in ("--option", option)]
    with pytest.raises(UserError, match=hint) as caught:
        evaluate(["expert", "--task", "InsertPin", "--episodes", "1", "--workers", "1", *given])
    assert "\n" not in str(caught.value)
