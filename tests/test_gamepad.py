"""A game pad in a person's hands: a stand-in takes the place of SDL's, which needs a real one."""

import sys
import types

import numpy as np
import pytest

from agents.dataset import Writer
from experiments import collect, evaluation, teaching
from experiments.errors import UserError
from experiments.gamepad import DEAD_ZONE, STILL, Gamepad, Held, _SdlPad
from experiments.recording import Recipe, Take, features_of

FULL = 32767


class StandIn:
    """A pad by SDL's names, pushed and pressed by a test."""

    def __init__(self, *buttons, plugged=True, **axes):
        self.buttons, self.axes, self.plugged = buttons, axes, plugged

    def button(self, name):
        return name in self.buttons

    def axis(self, name):
        return self.axes.get(name, 0)

    def attached(self):
        return self.plugged


def tilt(*buttons, **axes):
    return np.array(Gamepad(StandIn(*buttons, **axes)).held().tilt)


def test_sticks_rest_in_the_dead_zone_and_grow_to_full_speed():
    edge = int(DEAD_ZONE * FULL)
    for axis in ("LEFTX", "LEFTY", "RIGHTX", "RIGHTY"):
        for pushed in (-edge, 0, edge):
            assert not tilt(**{axis: pushed}).any()
        asked = [np.abs(tilt(**{axis: n})).sum() for n in range(edge, FULL + 1, 1000)]
        assert (np.diff(asked) > 0).all()
        assert asked[1] < 0.01  # no jump at the edge
        assert np.abs(tilt(**{axis: -FULL - 1})).max() == 1.0
    np.testing.assert_array_equal(tilt(LEFTY=-FULL), [1, 0, 0, 0])  # away from the person
    np.testing.assert_array_equal(tilt(LEFTX=-FULL), [0, 1, 0, 0])
    np.testing.assert_array_equal(tilt(RIGHTY=-FULL), [0, 0, 1, 0])
    np.testing.assert_array_equal(tilt(RIGHTX=-FULL), [0, 0, 0, 1])
    np.testing.assert_allclose(tilt("LEFTSHOULDER", LEFTX=FULL), [0, -0.1, 0, 0])


def test_sticks_and_keys_move_the_same_way():
    env = evaluation.request_for("PickPart", evaluation.load("expert", "PickPart", "ee_yaw").needs).make()
    for key, axis in {"up": "LEFTY", "left": "LEFTX", "r": "RIGHTY", "q": "RIGHTX"}.items():
        lessons = [teaching.Lesson(env, Take(0, None, None, seed=5)) for _ in range(2)]
        lessons[0].press(frozenset({key}))
        lessons[1].press(*Gamepad(StandIn(**{axis: -FULL})).held())
        np.testing.assert_array_equal(lessons[0].actions, lessons[1].actions)
    env.close()


def test_gripper_and_undo():
    env = evaluation.request_for("PickPart", evaluation.load("expert", "PickPart", "ee_yaw").needs).make()
    lesson = teaching.Lesson(env, Take(0, None, None, seed=5))
    half = StandIn(LEFTX=FULL // 2)
    for pad in (half, half, StandIn(), StandIn("A"), StandIn("A"), StandIn(), half):
        lesson.press(*Gamepad(pad).held())
    assert len(lesson.actions) == 3 + teaching._GRIP_STEPS  # held down, A closes once
    assert [a[-1] for a in lesson.actions] == [1.0] * 2 + [-1.0] * (teaching._GRIP_STEPS + 1)
    assert 0 < -lesson.actions[0][1] < 0.5
    for left in (2 + teaching._GRIP_STEPS, 2, 0):
        lesson.press(*Gamepad(StandIn()).held())
        lesson.press(*Gamepad(StandIn("B")).held())
        assert len(lesson.actions) == left
    assert not lesson.finished
    lesson.press(*Gamepad(StandIn("START")).held())
    assert lesson.finished
    env.close()


def test_a_button_that_is_held_on_ends_one_scene_only(tmp_path):
    policy = evaluation.load("expert", "PickPart", "ee_yaw")
    request = evaluation.request_for("PickPart", policy.needs, robot="lrmate200id", split="seen")
    recipe = Recipe(cameras=())
    made = Writer(tmp_path / "d", features=features_of(request, recipe), fps=20, robot="lrmate200id")
    config = collect.Config(agent="gamepad", task="PickPart", episodes=3)
    takes = (Take(0, request, None, seed=seed) for seed in range(5, 15))
    pads = [StandIn("Y")] * 3 + [StandIn("X")] + [StandIn("START")] * 3 + [StandIn()] + [StandIn("BACK")]
    held = iter([Gamepad(pad).held() for pad in pads])
    assert teaching.teach(config, request, recipe, made, takes, lambda: next(held)) == 3
    assert made.n_episodes == 0  # one left out, one not done, one stopped


def test_what_buttons_stand_for():
    pressed = {name: set(Gamepad(StandIn(name)).held().keys) for name in ("Y", "BACK", "DPAD_UP", "GUIDE")}
    assert pressed == {"Y": {"n"}, "BACK": {"z"}, "DPAD_UP": {"o"}, "GUIDE": set()}
    assert Gamepad(StandIn()).held() == Held(frozenset(), STILL)


def sdl(monkeypatch, pads):
    """Modules in pygame's place, with some pads plugged in."""
    made = types.ModuleType("pygame._sdl2")
    made.controller = types.SimpleNamespace(
        init=lambda: None, get_count=lambda: len(pads), is_controller=lambda n: pads[n] is not None,
        Controller=lambda n: pads[n],
    )  # fmt: skip
    pygame = types.ModuleType("pygame")
    pygame.display = types.SimpleNamespace(init=lambda: None)
    pygame.event = types.SimpleNamespace(pump=lambda: None)
    pygame.CONTROLLER_BUTTON_A, pygame.CONTROLLER_AXIS_LEFTX = 0, 3
    monkeypatch.setitem(sys.modules, "pygame", pygame)
    monkeypatch.setitem(sys.modules, "pygame._sdl2", made)


def test_the_first_pad_that_sdl_knows_is_read(monkeypatch):
    pad = types.SimpleNamespace(
        get_button=lambda code: code == 0, get_axis=lambda code: 10 * code, attached=lambda: True
    )
    sdl(monkeypatch, [None, pad])
    found = _SdlPad()
    assert (found.button("A"), found.axis("LEFTX"), found.attached()) == (True, 30, True)


def test_no_pad_no_library_and_one_that_goes_are_one_line(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    sdl(monkeypatch, [None])
    with pytest.raises(UserError, match="no game pad is plugged in"):
        collect.main(["--agent", "gamepad", "--task", "PickPart"])
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(UserError, match=r"pip install 'monozukuri\[gamepad\]'"):
        collect.main(["--agent", "gamepad", "--task", "PickPart"])
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="gone: what is finished is kept"):
        Gamepad(StandIn(plugged=False)).held()
