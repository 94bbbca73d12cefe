"""Pictures: what is drawn in layers is, bit for bit, what is drawn whole."""

import cells
import numpy as np
import pytest

import envs
from envs.cell.layout import CAMERAS


@pytest.mark.parametrize("env_id", envs.ENV_IDS)
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
    env = cells.make(envs.ENV_IDS[0], observation="flat", render_mode="rgb_array")
    env.reset(seed=0)
    spec = env.cell.camera_spec("cell", true=True)
    before = env.world.camera(spec, 64, 64).rgb
    for _ in range(12):
        env.step(env.expert_action())
    assert not np.array_equal(before, env.world.camera(spec, 64, 64).rgb)
    env.close()
