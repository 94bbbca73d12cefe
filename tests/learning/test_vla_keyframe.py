"""The policy between looks: told the right places it loads the part, told wrong ones it looks again."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401 (registers the ids)
from agents.policy import Policy, PolicyError
from agents.vla import geometry
from agents.vla.keyframe import CAMERAS, IMAGE_SIZE, SURE, Keyframe
from agents.vla.network import Network, NetworkSpec
from agents.vla.seeing import Seen, Seer, View, gathered, height_of, turn_of
from agents.vla.tokenizer import Tokenizer
from agents.vla.training import TASKS, UNDONE
from experiments.controls import Reworded, VisionBlind

SMALL = {"width": 16, "deep": 16, "blocks": 1, "words": 16}


def make(split="seen", size=IMAGE_SIZE, cameras=CAMERAS, task="LoadChuck"):
    return gymnasium.make(
        f"Monozukuri/{task}-v0", observation="rgb", split=split, cameras=cameras, image_size=size
    ).unwrapped


class Told:
    """Says what the plan says, through the camera: a perfect heat map. The first looks may be wrong."""

    known = frozenset()

    def __init__(self, env, wrong_m=(0.0, 0.0), n_wrong=0, noise=(0.0, 0.0, 0.0), seed=0):
        self.env, self.wrong_m, self.n_wrong, self.noise = env, wrong_m, n_wrong, noise
        self.n_looks, self.off_px = 0, []
        self.rng = np.random.default_rng(seed)

    def camera(self, text, stage, cameras):
        used = TASKS[self.env.task.name]
        return used[0] if stage == "take" else used[-1]

    def see(self, view, text):
        name = "close" if view.stage == "take" else "release"
        plan = self.env.plan()
        key = next((k for k in plan if k.name == name), plan[-1])
        pixel = geometry.project(view.lens, key.position_m)
        at = geometry.at_height(view.lens, pixel, key.position_m[2])
        self.off_px.append(np.hypot(*np.subtract(geometry.project(view.lens, at), pixel)))
        self.n_looks += 1
        dx, dy = self.wrong_m if self.n_looks <= self.n_wrong else (0.0, 0.0)
        xy, z, turn = self.noise
        x, y, h = np.array(at) + [dx, dy, 0] + self.rng.normal(0, 1, 3) * [xy, xy, z]
        yaw = geometry.wrap(key.yaw_rad, 2 * np.pi) + self.rng.normal(0, 1) * turn
        return Seen((x, y, h), yaw, name == "close", None, pixel)


def run(env, policy, seed):
    observation, info = env.reset(seed=seed)
    policy.attach(env.observation_space, env.action_space)
    policy.reset(info["instruction"], 0)
    over, names = False, []
    while not over:
        action = policy.act(observation)
        names.append(policy.keys[policy.index].name)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    return info["is_success"], names


@pytest.fixture(scope="module")
def env():
    made = make()
    yield made
    made.close()


def seer(**other):
    import torch

    torch.manual_seed(0)
    network = Network(NetworkSpec(**SMALL))
    return Seer(SMALL, {k: v.numpy() for k, v in network.state_dict().items()}, Tokenizer(), **other)


@pytest.mark.parametrize("seed", [2_000_000, 2_000_003, 2_000_004, 2_000_011])
def test_told_the_right_places_it_loads(env, seed):
    told = Told(env)
    done, names = run(env, Keyframe(told), seed)
    assert done, names[-1]
    assert max(told.off_px) < 1e-3
    assert told.n_looks == 3  # for the part, before the door, over the chuck


@pytest.mark.parametrize(("sure", "doubted"), [(SURE - 0.01, True), (SURE, False)])
def test_it_doubts_while_it_takes_what_has_too_little_of_the_heat(env, sure, doubted):
    """From the look until the part is lifted; it acts the same."""
    told = Told(env)
    look = told.see
    told.see = lambda view, text: replace(look(view, text), sure=sure)
    policy, doubts = Keyframe(told), {}
    observation, info = env.reset(seed=2_000_000)
    policy.reset(info["instruction"], 0)
    over = False
    while not over:
        action = policy.act(observation)
        doubts.setdefault(policy.keys[policy.index].name, policy.doubts)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    assert info["is_success"]
    assert doubts["approach"] == doubts["grasp"] == doubted
    assert not doubts["door"]
    assert not doubts["seat"]


def test_heat_is_gathered_round_a_place():
    shares = np.zeros((32, 32))
    shares[10, 20], shares[10, 23], shares[10, 24], shares[31, 0] = 0.4, 0.3, 0.2, 0.1
    assert gathered(shares, 10 * 32 + 20) == pytest.approx(0.7)
    assert gathered(shares, 10 * 32 + 24) == pytest.approx(0.5)
    assert gathered(shares, 31 * 32) == pytest.approx(0.1)


@pytest.mark.parametrize("task", sorted({*TASKS} - {"LoadChuck", *UNDONE}))
def test_told_the_right_places_it_does_every_task(task):
    """What lies between looks knows nothing of tasks."""
    env = make(task=task, cameras=tuple(dict.fromkeys(TASKS[task])), size=64)
    policy = Keyframe(Told(env), env.config.cameras, 64)
    done, names = run(env, policy, 2_000_001)
    env.close()
    assert done, names


@pytest.mark.slow
@pytest.mark.parametrize("split", ["seen", "objects-hard", "environments-easy", "environments-hard"])
def test_told_about_the_right_places_it_mostly_loads(split):
    env = make(split)
    told = [Told(env, noise=(0.001, 0.002, 0.03), seed=seed) for seed in range(10)]
    done = [run(env, Keyframe(t), 2_000_000 + i)[0] for i, t in enumerate(told)]
    env.close()
    assert sum(done) >= 9


def test_a_part_that_is_missed_is_looked_for_again(env):
    told = Told(env, wrong_m=(0.0, 0.06), n_wrong=1)
    done, names = run(env, Keyframe(told), 2_000_000)
    assert done
    assert "home" in names
    assert told.n_looks == 4


def test_a_hand_that_is_off_over_the_seat_is_corrected(env):
    """The first look for the seat is 20 mm off; the one over it is not."""

    class Late(Told):
        def see(self, view, text):
            seen = super().see(view, text)
            if view.stage == "put" and self.n_looks == 2:
                x, y, z = seen.position_m
                return replace(seen, position_m=(x, y + 0.02, z))
            return seen

    done, names = run(env, Keyframe(Late(env)), 2_000_003)
    assert done, names[-1]


def test_pixels_and_places_agree(env):
    observation, _ = env.reset(seed=7)
    rng = np.random.default_rng(0)
    for camera, middle in (("tray", (0.185, -0.355, 0.07)), ("chuck", (0.5, 0.0, 0.2))):
        lens = observation[f"calibration_{camera}"]
        for point in np.array(middle) + rng.uniform(-0.05, 0.05, (20, 3)):
            pixel = geometry.project(lens, point)
            assert geometry.at_height(lens, pixel, point[2]) == pytest.approx(point, abs=1e-4)
    assert geometry.looks_down(observation["calibration_tray"])
    assert not geometry.looks_down(observation["calibration_chuck"])
    with pytest.raises(ValueError, match="no point at height"):
        geometry.at_height(np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]), (0.0, 0.0), 0.0)


@pytest.mark.parametrize("turn", [0.0, 0.5, 1.5])
def test_turning_the_camera_turns_its_heading(turn):
    c, s = np.cos(turn), np.sin(turn)
    down = np.array([[0.0, -1, 0], [-1, 0, 0], [0, 0, -1]]) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    lens = np.array([[100.0, 0, 48], [0, 100, 48], [0, 0, 1]]) @ np.hstack([down, [[0], [0], [0.8]]])
    straight = np.array([[100.0, 0, 48], [0, 100, 48], [0, 0, 1]]) @ np.hstack(
        [np.array([[0.0, -1, 0], [-1, 0, 0], [0, 0, -1]]), [[0], [0], [0.8]]]
    )
    difference = geometry.heading(lens) - geometry.heading(straight)
    assert geometry.wrap(difference - turn, 2 * np.pi) == pytest.approx(0, abs=1e-9)


def test_tokens_say_heights_and_turns_between_them():
    from agents.vla.fitting import height_target, yaw_target

    for height in (0.031, 0.0762, 0.1301):
        logits = np.log(height_target(np.array([height]))[0].numpy() + 1e-12)
        assert height_of(logits) == pytest.approx(height, abs=1e-4)
    for yaw in (0.1, 1.0, 3.1):
        logits = np.log(yaw_target(np.array([yaw]), np.ones(1, int))[0].numpy() + 1e-12)
        assert geometry.wrap(turn_of(logits, yaw) - yaw, np.pi) == pytest.approx(0, abs=2e-3)
    for equal, period in ((6, np.pi / 3), (4, np.pi / 2), (8, np.pi / 4)):  # of equal turns the nearest
        logits = np.log(yaw_target(np.array([2.9]), np.array([equal]))[0].numpy() + 1e-12)
        turn = turn_of(logits, 0.2)
        assert geometry.wrap(turn - 2.9, period) == pytest.approx(0, abs=2e-2)
        assert abs(geometry.wrap(turn - 0.2, np.pi)) < period / 2 + 0.1
    logits = np.log(yaw_target(np.array([1.0]), np.zeros(1, int))[0].numpy() + 1e-12)
    assert turn_of(logits, 0.3) == 0.3  # any will do: the hand's own


def test_it_is_saved_and_comes_back_the_same(env, tmp_path):
    policy = Keyframe(seer(known=frozenset({"load", "shaft"})))
    policy.save(tmp_path)
    again = Policy.load(tmp_path)
    assert isinstance(again, Keyframe)
    assert again.needs == policy.needs
    assert again.seer.known == policy.seer.known
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 5e6
    observation, _ = env.reset(seed=3)
    view = View(observation["image_tray"], observation["calibration_tray"], "tray", "take")
    one, other = (p.seer.see(view, "load the red shaft") for p in (policy, again))
    assert one.heat.tobytes() == other.heat.tobytes()
    assert one.position_m == other.position_m
    assert one.heat.sum() == pytest.approx(1, abs=1e-4)


def test_blind_policies_get_nothing(env):
    observation, _ = env.reset(seed=3)

    class Spy(Policy):
        def reset(self, instruction, seed):
            self.text = instruction

        def act(self, observation):
            self.seen = observation
            return np.zeros(5, np.float32)

    spy = Spy()
    blind = Reworded(spy, ("",))
    blind.reset("load the red shaft", 0)
    blind.act(observation)
    assert spy.text == ""
    assert not spy.seen["instruction"].any()
    assert np.array_equal(spy.seen["image_tray"], observation["image_tray"])
    VisionBlind(spy).act(observation)
    assert np.ptp(spy.seen["image_tray"]) == 0
    assert np.array_equal(spy.seen["agent_pos"], observation["agent_pos"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cameras": ("chuck",)}, "camera 'tray' is missing"),
        ({"size": 64}, "64 x 64 pixels: this policy was learned with 128 x 128"),
    ],
)
def test_pictures_that_do_not_fit_are_refused_in_one_line(options, told):
    env = make(**options)
    with pytest.raises(PolicyError, match=told) as error:
        Keyframe(seer()).attach(env.observation_space, env.action_space)
    env.close()
    assert "\n" not in str(error.value)


def test_an_instruction_in_an_unknown_language_is_refused_in_one_line():
    policy = Keyframe(seer(known=frozenset({"load", "the", "shaft"})))
    with pytest.raises(PolicyError, match="not one known word") as error:
        policy.reset("赤い軸をチャックに", 0)
    assert "\n" not in str(error.value)
    policy.reset("Load it", 0)
    policy.reset("", 0)
