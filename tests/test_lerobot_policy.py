"""Policies of lerobot from a folder: what they are shown, and that what is wrong is one line.

lerobot itself is met in test_conformance.py; here a stand-in takes its place.
"""

import json
import sys
import types

import gymnasium
import numpy as np
import pytest
import torch

from agents.lerobot_policy import LeRobot, LeRobotHyper, seen
from agents.policy import PolicyError
from experiments import evaluation
from experiments.errors import UserError
from experiments.receipts import policy_identity
from experiments.rollout import Rollouts, run_episodes

STATE, PICTURE = "observation.state", "observation.images."
STEPS = [{"registry_name": "rename_observations_processor", "config": {}},
         {"registry_name": "device_processor", "config": {"device": "cuda"}},
         {"registry_name": "normalizer_processor", "state_file": "mean.safetensors"}]  # fmt: skip


def written(folder, inputs=None, outputs=None, **files):
    """A folder as lerobot leaves it; `files` take the place of some, None leaves one out."""
    inputs = (
        {STATE: [30], "observation.machine": [6], PICTURE + "tray": [3, 64, 64]} if inputs is None else inputs
    )
    config = {
        "type": "stand_in",
        "input_features": {name: {"type": "?", "shape": shape} for name, shape in inputs.items()},
        "output_features": {name: {"shape": shape} for name, shape in (outputs or {"action": [5]}).items()},
    }
    found = {
        "config.json": json.dumps(config), "model.safetensors": "weights", "mean.safetensors": "numbers",
        "policy_preprocessor.json": json.dumps({"steps": STEPS}),
        "policy_postprocessor.json": json.dumps({"steps": []}),
    } | {name.replace("__", "."): text for name, text in files.items()}  # fmt: skip
    folder.mkdir(exist_ok=True)
    for name, text in found.items():
        if text is not None:
            (folder / name).write_text(text)
    return folder


class Pipeline:
    """lerobot's processors: they are called, and reset."""

    def __init__(self, what):
        self._what, self.n_resets = what, 0

    def __call__(self, data):
        return self._what(data)

    def reset(self):
        self.n_resets += 1


class StandIn:
    """A policy that draws, and keeps what it was shown."""

    def __init__(self, config, answer):
        self.config, self.answer, self.shown, self.n_resets = config, answer, [], 0

    def reset(self):
        self.n_resets += 1

    def select_action(self, batch):
        self.shown.append(batch)
        return self.answer(batch)


@pytest.fixture
def lerobot(monkeypatch):
    """Modules in lerobot's place; returns what was asked of them."""
    asked = types.SimpleNamespace(answer=lambda batch: 0.1 * torch.randn(1, 5), policies=[])

    class PreTrainedConfig:
        @classmethod
        def from_pretrained(cls, folder, local_files_only):
            return types.SimpleNamespace(folder=folder, pretrained_backbone_weights="IMAGENET", device="cuda")

    class Kind:
        @classmethod
        def from_pretrained(cls, folder, config, local_files_only, strict):
            sys.stdout.write("Loading weights")  # as lerobot does
            assert (local_files_only, strict) == (True, True)
            asked.policies.append(StandIn(config, asked.answer))
            return asked.policies[-1]

    def processors(config, pretrained_path, preprocessor_overrides, postprocessor_overrides):
        asked.overrides = preprocessor_overrides, postprocessor_overrides
        asked.pipelines = Pipeline(dict), Pipeline(lambda action: 2 * action)
        return asked.pipelines

    def kind_of(name):
        asked.kind = name
        return Kind

    modules = {
        "lerobot": {}, "lerobot.configs": {}, "lerobot.policies": {},
        "lerobot.configs.policies": {"PreTrainedConfig": PreTrainedConfig},
        "lerobot.policies.factory": {
            "get_policy_class": kind_of, "make_pre_post_processors": processors},
    }  # fmt: skip
    for name, values in modules.items():
        module = types.ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    return asked


def shown(size=64):
    rng = np.random.default_rng(0)
    return {
        "agent_pos": rng.normal(size=30).astype(np.float32), "machine": np.ones(6, np.float32),
        "image_tray": rng.integers(0, 256, (size, size, 3), np.uint8),
        "image_chuck": np.zeros((size, size, 3), np.uint8), "instruction": np.zeros(4, np.int32),
    }  # fmt: skip


def test_an_episode_from_a_folder(lerobot, tmp_path, capsys):
    policy = evaluation.load(str(written(tmp_path / "p")), "PickPart", "ee_yaw")
    assert (policy.needs.observation, policy.needs.cameras, policy.needs.image_size) == ("rgb", ("tray",), 64)
    request = evaluation.request_for("PickPart", policy.needs, split="nominal")
    episodes = run_episodes(request, Rollouts(policy, max_steps=5), [2_000_000])
    again = run_episodes(request, Rollouts(LeRobot(policy._hyper), max_steps=5), [2_000_000])
    assert episodes[0].sum_reward == again[0].sum_reward  # it draws, and draws the same
    made, other = lerobot.policies
    assert lerobot.kind == "stand_in"
    assert (made.config.device, made.config.pretrained_backbone_weights) == ("cpu", None)
    assert lerobot.overrides == ({"device_processor": {"device": "cpu"}}, {})
    assert len(made.shown) == 5
    batch = made.shown[0]
    assert {name: tuple(batch[name].shape) for name in batch if name != "task"} == {
        STATE: (1, 30), "observation.machine": (1, 6), PICTURE + "tray": (1, 3, 64, 64)}  # fmt: skip
    assert isinstance(batch["task"], list)
    assert batch["task"][0].split()
    assert 0 <= batch[PICTURE + "tray"].min() < batch[PICTURE + "tray"].max() <= 1
    for one, two in zip(made.shown, other.shown, strict=True):
        assert torch.equal(one[STATE], two[STATE])
    assert "Loading" not in capsys.readouterr().out


def test_pictures_and_names_are_the_policys_own(tmp_path):
    folder = written(tmp_path / "p", {PICTURE + "camera1": [3, 64, 64], PICTURE + "chuck": [3, 64, 64]})
    policy = LeRobot(LeRobotHyper(str(folder), cameras=("camera1=tray",)))
    assert policy.needs.cameras == ("tray", "chuck")
    observation = shown()
    found = seen(policy.signature, observation)
    assert list(found) == [PICTURE + "camera1", PICTURE + "chuck"]
    picture = found[PICTURE + "camera1"]
    assert (picture.dtype, picture.shape) == (np.float32, (3, 64, 64))
    np.testing.assert_array_equal(picture[2, 5, 7], np.float32(observation["image_tray"][5, 7, 2]) / 255)


def test_drawing_disturbs_nobody(lerobot, tmp_path):
    policy = LeRobot(LeRobotHyper(str(written(tmp_path / "p"))))
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    policy.reset("pick", 7)
    first = [policy.act(shown()) for _ in range(3)]
    assert torch.equal(torch.rand(2), expected)
    policy.reset("pick", 7)
    np.testing.assert_array_equal([policy.act(shown()) for _ in range(3)], first)
    assert len({action.tobytes() for action in first}) == 3
    assert lerobot.policies[0].n_resets == 2  # and loaded once
    assert [pipeline.n_resets for pipeline in lerobot.pipelines] == [2, 2]


def test_actions_are_scaled_back_and_cut(lerobot, tmp_path):
    lerobot.answer = lambda batch: torch.tensor([[0.25, 9.0, -9.0, 0.0, -0.5]])
    policy = LeRobot(LeRobotHyper(str(written(tmp_path / "p"))))
    policy.reset("pick", 0)
    np.testing.assert_array_equal(policy.act(shown()), np.float32([0.5, 1, -1, 0, -1]))


@pytest.mark.parametrize("answer", [torch.zeros(1, 4), torch.full((1, 5), torch.nan)], ids=["short", "nan"])
def test_what_is_no_action_is_refused(lerobot, tmp_path, answer):
    lerobot.answer = lambda batch: answer
    policy = LeRobot(LeRobotHyper(str(written(tmp_path / "p"))))
    policy.reset("pick", 0)
    with pytest.raises(PolicyError, match="not 5 finite numbers"):
        policy.act(shown())


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"config__json": None}, "incomplete: config.json is missing"),
        ({"model__safetensors": None}, "incomplete: model.safetensors is missing"),
        ({"policy_postprocessor__json": None}, "incomplete: policy_postprocessor.json is missing"),
        ({"mean__safetensors": None}, "incomplete: mean.safetensors is missing"),
        ({"config__json": "{"}, "config.json cannot be read"),
        ({"config__json": '{"type": "act"}'}, "input_features and output_features are needed"),
        ({"inputs": {"observation.segmentation.tray": [1, 64, 64]}}, "does not show 'observation.seg"),
        ({"inputs": {PICTURE + "tray": [3, 64, 48]}}, r"\(3, n, n\)"),
        ({"inputs": {PICTURE + "tray": [3, 64, 64], PICTURE + "chuck": [3, 96, 96]}}, "all of one size"),
        ({"outputs": {"action": [5], "torque": [2]}}, "one vector 'action' is needed"),
        ({"policy_preprocessor__json":
          '{"steps": [{"class": "subprocess.Popen", "config": {"args": ["true"]}}]}'},
         "step subprocess.Popen: lerobot's own steps are allowed"),
        ({"policy_preprocessor__json":
          '{"steps": [{"registry_name": "x", "class": "subprocess.Popen"}]}'}, "no classes"),
        ({"policy_preprocessor__json":
          '{"steps": [{"registry_name": "x", "state_file": "../mean.safetensors"}]}'}, "beside it is needed"),
        ({"policy_preprocessor__json":
          '{"steps": [{"registry_name": "x", "state_file": "mean.pkl"}]}'}, "beside it is needed"),
    ],
)  # fmt: skip
def test_a_wrong_folder_is_one_line(tmp_path, made, said):
    folder = written(tmp_path / "p", **made)
    with pytest.raises(UserError, match=said) as error:
        evaluation.load(str(folder), "PickPart", "ee_yaw")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("inputs", "control", "said"),
    [({STATE: [31]}, "ee_yaw", "observation.state has 31 numbers"),
     ({STATE: [30]}, "joint", "actions of 5 numbers, 7 are needed"),
     ({PICTURE + "camera1": [3, 64, 64]}, "ee_yaw", "camera1")],
    ids=["state", "action", "camera"],
)  # fmt: skip
def test_a_policy_for_another_cell_is_one_line(tmp_path, inputs, control, said):
    policy = evaluation.load(str(written(tmp_path / "p", inputs)), "PickPart", control)
    with pytest.raises(UserError, match=said):
        run_episodes(evaluation.request_for("PickPart", policy.needs), Rollouts(policy), [2_000_000])


def test_no_folder_no_lerobot_and_strange_names(tmp_path, monkeypatch):
    spaces = gymnasium.spaces.Dict({}), gymnasium.spaces.Box(-1, 1, (5,))
    with pytest.raises(PolicyError, match="name the policy's folder"):
        LeRobot().attach(*spaces)
    with pytest.raises(PolicyError, match="no such directory"):
        LeRobot(LeRobotHyper(str(tmp_path / "nowhere")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no policy"):
        evaluation.load(str(tmp_path / "empty"), "PickPart", "ee_yaw")
    folder = str(written(tmp_path / "p"))
    with pytest.raises(PolicyError, match="has no 'top': it has tray"):
        LeRobot(LeRobotHyper(folder, cameras=("top=tray",)))
    with pytest.raises(ValueError, match="THEIRS=OURS"):
        LeRobotHyper(folder, cameras=("tray",))
    monkeypatch.setitem(sys.modules, "lerobot", None)
    with pytest.raises(PolicyError, match=r"needs lerobot 0.4.4 .*monozukuri\[lerobot\]"):
        LeRobot(LeRobotHyper(folder)).reset("pick", 0)


def test_what_lerobot_refuses_is_one_line(lerobot, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise KeyError("weights\nof another network")

    monkeypatch.setattr(sys.modules["lerobot.policies.factory"], "make_pre_post_processors", refuse)
    with pytest.raises(PolicyError, match=r"cannot load .*KeyError: 'weights") as error:
        LeRobot(LeRobotHyper(str(written(tmp_path / "p")))).reset("pick", 0)
    assert "\n" not in str(error.value)


def test_other_weights_are_another_policy(tmp_path):
    folder = written(tmp_path / "p")
    identities = []
    for text in ("weights", "other weights"):
        (folder / "model.safetensors").write_text(text)
        policy = LeRobot(LeRobotHyper(str(folder)))
        identities.append(policy_identity(str(folder), policy)["weights"])
        assert policy_identity("mine.yaml", policy)["weights"] == identities[-1]
    assert len(set(identities)) == 2
