"""Pictures: what is drawn in layers is, bit for bit, what is drawn whole."""

import pickle

import cells
import numpy as np
import pytest

import envs
from envs.cell.layout import CAMERAS
from envs.cell.signals import CLASSES


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_layers_give_the_whole_picture(env_id):
    env = cells.make(env_id, observation="flat", render_mode="rgb_array")
    renderer = env.world._renderer
    for seed in range(2):
        env.reset(seed=seed)
        for step in range(40):
            if env.step(env.expert_action())[2]:
                break
            if step % 13:
                continue
            for name in CAMERAS:
                spec = env.cell.camera_spec(name, true=True)
                layered = env.world.camera(spec, 64, 64, light=env.cell.light)
                renderer._layered = False
                whole = env.world.camera(spec, 64, 64, light=env.cell.light)
                renderer._layered = True
                for one, other in zip(
                    (layered.rgb, layered.depth_m, layered.segmentation),
                    (whole.rgb, whole.depth_m, whole.segmentation),
                    strict=True,
                ):
                    assert np.array_equal(one, other), (name, step)
                if name == "cell":
                    assert len(np.unique(layered.rgb.reshape(-1, 3), axis=0)) > 5
    env.close()


def test_a_picture_is_of_this_moment():
    env = cells.make(envs.CELL_IDS[0], observation="flat", render_mode="rgb_array")
    env.reset(seed=0)
    spec = env.cell.camera_spec("cell", true=True)
    before = env.world.camera(spec, 64, 64).rgb
    for _ in range(12):
        env.step(env.expert_action())
    assert not np.array_equal(before, env.world.camera(spec, 64, 64).rgb)
    env.close()


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_labels_tell_what_each_pixel_shows(env_id):
    env = cells.make(env_id, observation="rgbd", segmentation=True, image_size=96)
    env.reset(seed=3)
    observation = env.step(env.expert_action())[0]
    labels, depth_m = observation["segmentation_cell"], observation["depth_cell"]
    seen = {CLASSES[k] for k in np.unique(labels)}
    assert {"arm", "fixture"} <= seen
    assert ("machine" in seen) == bool(env.task.machines)
    if env.task.parts:
        assert "other part" in seen or "named part" in seen
    # What is nothing is far away, what is something is not.
    assert depth_m[labels == 0].min() > depth_m[labels == 1].max()
    env.close()


def test_joint_torques_are_observed():
    env = cells.make("Monozukuri/LoadChuck-v0", observation="rgb")
    observation, _ = env.reset(seed=3)
    for _ in range(5):
        observation = env.step(cells.still(env))[0]
    torques = observation["joint_torque"]
    # At rest the shoulder carries the arm, and each joint stays within what it can give.
    assert 1.0 < abs(torques[1]) < env.cell.arm_spec.joints[1].torque_nm
    env.close()


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_a_triggered_camera_shows_what_it_would_have_shown(env_id):
    options = {"observation": "rgbd", "segmentation": True, "cameras": ("tray", "chuck"), "image_size": 64}
    always, asked = (cells.make(env_id, **options, triggered=how) for how in (False, True))
    first, second = (env.reset(seed=5)[0] for env in (always, asked))
    for step in range(25):
        assert set(second) == set(first)
        if step % 6 == 0:  # in between nobody looks
            copies = {**second} if step % 12 else pickle.loads(pickle.dumps(second))
            assert type(copies) is dict
            for key, value in first.items():
                assert np.array_equal(value, second[key]), (key, step)
                assert np.array_equal(value, copies[key]), (key, step)
                assert value.dtype == second[key].dtype
        action = always.expert_action()
        assert np.array_equal(action, asked.expert_action())
        (first, *_), (second, _, over, *_) = (env.step(action) for env in (always, asked))
        if over:
            break
    always.close()
    asked.close()


def test_a_triggered_picture_is_not_taken_too_late():
    env = cells.make("Monozukuri/LoadChuck-v0", observation="rgb", cameras=("tray", "chuck"), triggered=True)
    early, _ = env.reset(seed=1)
    tray = early["image_tray"].copy()
    env.step(env.expert_action())
    assert np.array_equal(early["image_tray"], tray)  # taken in time
    with pytest.raises(RuntimeError, match="camera 'chuck'"):
        early["image_chuck"]
    # What may be old when it comes was taken at its time.
    env.close()
    env = cells.make("Monozukuri/LoadChuck-v0", observation="rgb", triggered=True, stress="latency:3")
    assert type(env.reset(seed=1)[0]) is dict
    env.close()
