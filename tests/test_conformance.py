"""Unmodified lerobot 0.4.4 and Minari 0.5.4 read our data sets; what lerobot trains on them acts here.

Both are installed apart, once, in pytest's cache; where that is not possible the tests are skipped. lerobot
asks for an older torch than ours, so it is installed without its dependencies, and those that reading and
training need are named here.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import envs
from agents.dataset import Dataset
from agents.remote import Remote, RemoteHyper
from experiments import collect
from experiments.evaluation import request_for
from experiments.rollout import Rollouts, run_episodes

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
READERS = ROOT / "tests" / "conformance"
SHIM = READERS / "shim"
LEROBOT = """lerobot==0.4.4 datasets==4.1.1 pandas<2.4 huggingface-hub==0.35.3 fsspec==2025.9.0 dill==0.4.0
multiprocess==0.70.16 accelerate<2 av==15.1.0 draccus==0.10.0 mergedeep pyyaml-include<2 toml typing-inspect
mypy-extensions jsonlines attrs deepdiff<9 orderly-set einops termcolor torchvision==0.25.0 packaging<26
psutil python-dateutil pytz tzdata six xxhash requests urllib3 idna certifi charset-normalizer httpx httpcore
h11 anyio sniffio hf-xet imageio pyserial diffusers==0.35.2"""
MINARI = ["minari==0.5.4", "h5py>=3.10", "typer"]
COMMAND = ["--cameras", "tray,chuck", "--image-size", "64", "--workers", "1"]


def installed(cache, name, packages):
    """The folder with some packages and nothing of ours, or skip."""
    folder = Path(cache.mkdir("conformance")) / name
    mark = folder / ".complete"
    wanted = "\n".join(packages)
    if not mark.is_file() or mark.read_text() != wanted:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--upgrade",
            "--target",
            str(folder),
        ]
        done = subprocess.run([*command, *packages], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{name} cannot be installed: {(done.stderr.strip() or '?').splitlines()[-1]}")
        mark.write_text(wanted)
    return folder


def environment(path):
    """The environment of a process that has a folder before everything else on the path."""
    shim = [SHIM] if (path / "torchvision").is_dir() else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*shim, path, ROOT])), "HF_HUB_OFFLINE": "1"}


def run(path, *command):
    """Run a Python command with a folder before everything else on the path."""
    command = [sys.executable, *map(str, command)]
    done = subprocess.run(command, cwd=ROOT, env=environment(path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def lerobot(request):
    return installed(request.config.cache, "lerobot", LEROBOT.split())


@pytest.fixture(scope="module")
def minari(request):
    return installed(request.config.cache, "minari", MINARI)


@pytest.mark.parametrize("frames", ["keys", "all"])
def test_lerobot_reads_what_we_collect(lerobot, tmp_path, frames):
    folder, out = tmp_path / "d", tmp_path / "read.npz"
    collect.main([*COMMAND, "--frames", frames, "--episodes", "5", "--out", str(folder)])
    run(lerobot, READERS / "read_lerobot.py", folder, out)
    data = Dataset(folder)
    with np.load(out) as read:
        assert (read["n_frames"], read["n_episodes"], read["fps"]) == (len(data), 5, 20)
        np.testing.assert_array_equal(read["tasks"], data.tasks(np.arange(len(data))))
        for name, feature in data.features.items():
            found = read[f"column {name}"]
            if feature.is_image:  # lerobot gives (channels, height, width) in [0, 1]
                pictures = np.round(np.moveaxis(found, 1, -1) * 255).astype(np.uint8)
                expected = data.image_array(name)
                np.testing.assert_array_equal(pictures.reshape(expected.shape), expected)
                np.testing.assert_array_equal(found, np.moveaxis(pictures, -1, 1).astype(np.float32) / 255)
            else:
                np.testing.assert_array_equal(found.reshape(data.column(name).shape), data.column(name))
        for name in ("observation.state", "action"):
            np.testing.assert_allclose(read[f"mean {name}"], data.column(name).mean(0), rtol=1e-4, atol=1e-6)
        some = [data.episodes[1], data.episodes[3]]
        at = np.concatenate([np.arange(e.start, e.stop) for e in some])
        ends = np.repeat([e.stop for e in some], [len(e) for e in some])
        starts = np.repeat([e.start for e in some], [len(e) for e in some])
        assert read["some length"] == len(at)
        np.testing.assert_array_equal(read["some episode_index"], data.column("episode_index")[at])
        actions, states = data.column("action"), data.column("observation.state")
        for k in range(3):  # now, one and two frames on, the last repeated where the episode ends
            inside = np.minimum(at + k, ends - 1)
            np.testing.assert_array_equal(read["some action"][:, k], actions[inside])
            np.testing.assert_array_equal(read["some action_is_pad"][:, k], at + k >= ends)
        np.testing.assert_array_equal(
            read["some observation.state"][:, 0], states[np.maximum(at - 1, starts)]
        )
        np.testing.assert_array_equal(read["batch action"], actions[:4])


FILMS = """
import sys, numpy
from agents.dataset import Dataset
data = Dataset(sys.argv[1])
numpy.savez(sys.argv[2], **{k: data.image_array(k) for k, f in data.features.items() if f.is_image})
"""


def test_lerobot_reads_films_and_so_do_we(lerobot, tmp_path):
    """The same episodes with pictures in parquet and in films: the same pixels, bit by bit."""
    arguments = [*COMMAND, "--task", "PickPart", "--frames", "keys", "--episodes", "5", "--out"]
    collect.main([*arguments, str(tmp_path / "png")])
    run(lerobot, "-m", "experiments.collect", *arguments, tmp_path / "film", "--video")
    run(lerobot, READERS / "read_lerobot.py", tmp_path / "film", tmp_path / "theirs.npz")
    run(lerobot, "-c", FILMS, tmp_path / "film", tmp_path / "ours.npz")
    data, film = Dataset(tmp_path / "png"), Dataset(tmp_path / "film")
    videos = [name for name, feature in film.features.items() if feature.is_video]
    assert videos == ["observation.images.tray", "observation.images.chuck"]
    assert list(film.features) == list(data.features)
    np.testing.assert_array_equal(film.column("executed"), data.column("executed"))
    with np.load(tmp_path / "theirs.npz") as theirs, np.load(tmp_path / "ours.npz") as ours:
        for name, feature in data.features.items():
            if feature.is_image:
                expected = data.image_array(name)
                np.testing.assert_array_equal(ours[name], expected)
                pictures = np.moveaxis(expected.reshape(*expected.shape[:3], -1), -1, 1)
                np.testing.assert_array_equal(theirs[f"column {name}"], pictures.astype(np.float32) / 255)


# Networks as small as they come: what is tested is the way, not the skill.
TINY = {
    "act": ["dim_model=32", "n_heads=4", "dim_feedforward=64", "n_encoder_layers=1", "n_vae_encoder_layers=1",
            "chunk_size=8", "n_action_steps=8"],
    "diffusion": ["down_dims=[32,64]", "num_inference_steps=2", "crop_shape=[56,56]"],
}  # fmt: skip


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demonstrations") / "d"
    arguments = ["--task", "PickPart", "--episodes", "2", "--cameras", "tray", "--image-size", "64"]
    collect.main([*arguments, "--no-masks", "--workers", "1", "--out", str(folder)])
    return folder


@pytest.mark.parametrize("kind", TINY)
def test_what_lerobot_trains_acts_here_and_served(lerobot, demonstrations, tmp_path, kind):
    settings = [f"type={kind}", "device=cpu", "push_to_hub=false", "pretrained_backbone_weights=null"]
    run(
        lerobot, "-m", "lerobot.scripts.lerobot_train", "--dataset.repo_id=local/d",
        f"--dataset.root={demonstrations}", *(f"--policy.{text}" for text in [*settings, *TINY[kind]]),
        "--batch_size=4", "--num_workers=0", "--steps=2", "--save_freq=2",
        f"--output_dir={tmp_path / 'trained'}",
    )  # fmt: skip
    policy = tmp_path / "trained" / "checkpoints" / "000002" / "pretrained_model"
    arguments = ["--task", "PickPart", "--episodes", "1", "--workers", "1", "--out", tmp_path]
    run(lerobot, "-m", "experiments.evaluate", policy, *arguments)
    told = json.loads((tmp_path / "evaluation.json").read_text())
    assert (told["n_episodes"], told["identity"]["policy"]["class"]) == (1, "agents.lerobot_policy:LeRobot")
    if kind != "act":
        return
    command = [sys.executable, "-m", "experiments.serve", str(policy), "--task", "PickPart", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(lerobot),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            line = server.stdout.readline()
            url = next(word for word in line.split() if word.startswith("http")).rstrip(";")
            client = Remote(RemoteHyper(url=url, cameras=("tray",), image_size=64, timeout_s=120.0))
            request = request_for("PickPart", client.needs, split="seen", robot="lrmate200id")
            (episode,) = run_episodes(request, Rollouts(client), [told["episodes"]["seed"][0]])
        finally:
            server.kill()
    kept = {name: values[0] for name, values in told["episodes"].items()}
    assert (episode.n_steps, episode.sum_reward) == (kept["steps"], kept["return"])


def test_minari_reads_what_we_export(minari, tmp_path):
    name = "monozukuri/loadchuck-expert-v0"
    folder, out = tmp_path / "all" / name, tmp_path / "read.npz"
    command = ["-m", "experiments.collect", *COMMAND, "--format", "minari", "--episodes", "3"]
    run(minari, *command, "--keep-failures", "--noise", "0.3", "--out", folder)
    run(minari, READERS / "read_minari.py", tmp_path / "all", name, out)
    data = Dataset(folder / ".gathered")
    pictures = {k: data.image_array(k) for k in data.features if k.startswith("observation.images.")}
    n_steps = [len(e) - 1 for e in data.episodes]
    with np.load(out) as read:
        assert (read["n_episodes"], read["n_steps"]) == (3, sum(n_steps))
        assert read["n_successes"] == sum(e.extra["success"] for e in data.episodes)
        for number, (n, episode) in enumerate(zip(n_steps, data.episodes, strict=True)):
            at = np.arange(episode.start, episode.stop)
            assert read[f"{number} contained"]
            assert read[f"{number} instruction"] == episode.tasks[0]
            assert read[f"{number} seed"] == episode.extra["seed"]
            np.testing.assert_array_equal(read[f"{number} actions"], data.column("executed")[at[:-1]])
            np.testing.assert_array_equal(
                read[f"{number} observations agent_pos"], data.column("observation.state")[at]
            )
            for key, values in pictures.items():
                found = read[f"{number} observations image_{key.rpartition('.')[2]}"]
                np.testing.assert_array_equal(found, values[at])
            ends = read[f"{number} terminations"] | read[f"{number} truncations"]
            assert ends.tolist() == [False] * (n - 1) + [True]
    _same_as_the_environment(data)


def _same_as_the_environment(data):
    """The transitions are those of the environment that Minari's metadata names."""
    episode, at = data.episodes[0], data.episodes[0].start
    options = {"observation": "rgb", "cameras": ("tray", "chuck"), "image_size": 64}
    assert "Monozukuri/LoadChuck-v0" in envs.ENV_IDS
    env = gymnasium.make("Monozukuri/LoadChuck-v0", **options)
    observation, _ = env.reset(seed=episode.extra["seed"])
    states, actions = data.column("observation.state"), data.column("executed")
    for k in range(len(episode) - 1):
        np.testing.assert_array_equal(states[at + k], observation["agent_pos"])
        observation, reward, *_ = env.step(actions[at + k])
        assert data.column("next.reward")[at + k] == np.float32(reward)
    np.testing.assert_array_equal(states[episode.stop - 1], observation["agent_pos"])
    picture = data.images("observation.images.tray", [episode.stop - 1])[0]
    np.testing.assert_array_equal(picture, observation["image_tray"])
    env.close()
