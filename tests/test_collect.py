"""Collecting demonstrations: the same bits for any number of workers, after a crash, and when done again."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import envs
from agents.dataset import Dataset, Writer
from agents.dataset.pack import decode
from envs.wrappers import LeRobotObs
from experiments import collect, collecting, evaluation, teaching
from experiments.bursts import Bursts
from experiments.config import UserError
from experiments.gamepad import Held
from experiments.recording import (
    KEY_NAMES,
    KEY_WAITS,
    Recipe,
    Take,
    chunk_of,
    differences,
    features_of,
    record,
)

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [
    "--task",
    "LoadChuck",
    "--frames",
    "keys",
    "--cameras",
    "tray",
    "--image-size",
    "64",
    "--seed",
    "1",
]


def source(task="LoadChuck", agent="expert", **options):
    """An agent and the environment that it acts in."""
    names = {"task": task, "split": "seen", "robot": "lrmate200id", "control": "ee_yaw"}
    actor, request = evaluation.prepared(agent, names)
    return actor, replace(request, options={**request.options, "render_mode": "rgb_array", **options})


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Four episodes, collected without interruption by one worker."""
    folder = tmp_path_factory.mktemp("collect") / "one"
    assert collect.main([*COMMAND, "--episodes", "4", "--workers", "1", "--out", str(folder)]) == 0
    return folder


def test_killed_with_two_workers_then_resumed_is_the_same_as_one_worker(whole, tmp_path):
    folder = tmp_path / "two"
    command = [sys.executable, "-m", "experiments.collect", *COMMAND, "--out", str(folder)]
    child = subprocess.Popen(
        [*command, "--episodes", "4", "--workers", "2"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    limit = time.monotonic() + 600
    while len(list(folder.glob("journal/episode-*"))) < 2 and time.monotonic() < limit:
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert len(Dataset(folder).episodes) >= 2
    assert collect.main(["--resume", str(folder), "--workers", "2"]) == 0
    assert files(folder) == files(whole)


def test_training_seeds_only_and_every_wording(whole):
    data = Dataset(whole)
    env = gymnasium.make("Monozukuri/LoadChuck-v0", observation="flat")
    first, last = env.unwrapped.seeds["train"]
    test = range(env.unwrapped.seeds["test"][0], env.unwrapped.seeds["test"][1] + 1)
    for episode in data.episodes:
        assert first <= episode.extra["seed"] <= last
        assert episode.extra["seed"] not in test
        assert episode.extra["split_sha256"] == env.unwrapped.split_sha256
        assert episode.extra["success"]
        _, info = env.reset(seed=episode.extra["seed"])
        assert info["instruction"] == episode.tasks[0] == episode.extra["instruction"]
        assert set(episode.tasks) == set(env.unwrapped.paraphrases())
        assert len(set(episode.tasks)) > 1
    env.close()
    assert [e.extra["seed"] for e in data.episodes] == sorted(
        {37_003 + e.extra["number"] for e in data.episodes}
    )


@pytest.mark.parametrize("split", ["seen", "nominal"])
def test_no_take_has_a_test_seed(split):
    config = collect.Config(split=split, seed=99, instructions_per_scene=2)
    env = gymnasium.make("Monozukuri/LoadChuck-v0", observation="flat", split=split)
    limits, tests = env.unwrapped.seeds["train"], env.unwrapped.seeds["test"]
    env.close()
    wanted = collecting.takes(config, [collecting.Source(source()[1], None)], limits)
    taken = [next(wanted) for _ in range(50)]
    assert all(limits[0] <= take.seed <= limits[1] for take in taken)
    assert not any(tests[0] <= take.seed <= tests[1] for take in taken)
    assert [(t.turn, t.number) for t in taken[:4]] == [(0, 0), (1, 1), (0, 2), (1, 3)]
    assert taken[0].seed == taken[1].seed != taken[2].seed


# --- What is recorded ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both():
    """The same episode, recorded at all steps and at new key poses only."""
    actor, request = source()
    recipe = Recipe(cameras=("tray",), image_size=64, noise=0.3, salt=2)
    take = Take(3, request, actor, seed=41)
    return record(recipe, take).packed, record(replace(recipe, frames="keys"), take).packed


def test_key_frames_are_the_steps_at_which_a_key_pose_begins(both):
    every, keys = (p.columns for p in both)
    assert len(keys["step"]) < len(every["step"]) / 3
    np.testing.assert_array_equal(every["step"], np.arange(len(every["step"])))
    np.testing.assert_array_equal(keys["key.index"], np.arange(len(keys["step"])))
    for name, values in keys.items():
        if not name.startswith("next."):
            assert all(
                np.array_equal(every[name][s], v) for s, v in zip(keys["step"], values, strict=True)
            ), name
    assert np.flatnonzero(np.diff(every["key.index"])).tolist() == (keys["step"][1:] - 1).tolist()
    assert sum(keys["next.reward"]) == pytest.approx(sum(every["next.reward"]), abs=1e-3)
    assert KEY_NAMES[keys["key.name"][0]] == "approach"
    assert keys["next.done"].tolist() == [False] * (len(keys["step"]) - 1) + [True]


def test_labels_are_the_plan_and_the_correction_of_what_was_disturbed(both):
    """What was executed leads to these states again, in which the expert would do what is recorded."""
    every = both[0].columns
    env = source()[1].make()
    env.reset(seed=41)
    bare = env.unwrapped
    for step, executed in enumerate(every["executed"]):
        key = bare.plan()[0]
        np.testing.assert_allclose(every["key.position_m"][step], key.position_m, rtol=1e-6)
        assert every["key.close"][step] == key.close
        assert KEY_WAITS[every["key.wait"][step]] == key.wait
        np.testing.assert_array_equal(every["action"][step], bare.expert_action())
        np.testing.assert_array_equal(every["observation.state"][step], bare.observe("rgb")["agent_pos"])
        env.step(executed)
    env.close()
    disturbed = (every["action"] != every["executed"]).any(1)
    assert 0 < disturbed.sum() < len(disturbed) / 2
    np.testing.assert_array_equal(
        every["action"][:, -1], every["executed"][:, -1]
    )  # the gripper is left alone


def test_noise_follows_from_seed_and_salt_and_shrinks_where_the_plan_is_slow():
    env = gymnasium.make("Monozukuri/LoadChuck-v0", observation="flat")
    env.reset(seed=0)
    key = env.unwrapped.plan()[0]
    env.close()
    still = np.zeros(5, np.float32)

    def path(seed, speed=1.0, noise=0.3, salt=0):
        bursts = Bursts(noise, salt, seed)
        return np.array([bursts.disturb(still, replace(key, speed_m_s=speed)) for _ in range(400)])

    np.testing.assert_array_equal(path(1), path(1))
    assert (path(1) != path(2)).any()
    assert (path(1) != path(1, salt=1)).any()
    assert not path(1, noise=0.0).any()
    np.testing.assert_allclose(path(1, speed=0.06), path(1) * 0.1, atol=1e-7)


def test_every_key_pose_of_every_task_has_a_code():
    """Names of key poses are literals in the tasks' files."""
    text = "".join(p.read_text() for p in (ROOT / "envs" / "cell").rglob("*.py"))
    found = set(re.findall(r'KeyPose\(\s*"([^"]+)"', text)) | set(re.findall(r'\bname="([a-z ]+)"', text))
    assert {"approach", "push", "line up", "unclamp"} <= found
    assert found <= set(KEY_NAMES)
    assert len(set(KEY_NAMES)) == len(KEY_NAMES)


def test_tasks_that_share_an_action_can_share_a_data_set():
    features = [features_of(source(task)[1], Recipe()) for task in ("LoadChuck", "PickPart", "StackParts")]
    assert features[0] == features[1] == features[2]


def test_the_same_scene_with_other_parts_named():
    actor, request = source()
    recipe = Recipe("keys", ("tray",), 64)
    env = request.make()
    seed = next(s for s in range(50) if len(env.reset(seed=s)[1]["nameable"]) > 1)
    env.close()
    usual, first, second = (record(recipe, Take(0, request, actor, seed, turn)) for turn in (None, 0, 1))
    assert usual.packed is not None
    assert not differences(features_of(request, recipe), decoded(usual.packed), first.packed)
    assert usual.packed.tasks == first.packed.tasks
    a, b = decoded(first.packed), decoded(second.packed)
    assert not set(first.packed.tasks) & set(second.packed.tasks)
    np.testing.assert_array_equal(a["observation.images.tray"][0], b["observation.images.tray"][0])
    assert (a["observation.segmentation.tray"][0] != b["observation.segmentation.tray"][0]).any()
    assert np.linalg.norm(a["key.position_m"][0] - b["key.position_m"][0]) > 0.05
    none = record(recipe, Take(0, request, actor, seed, 9))
    assert (none.success, none.packed) == (None, None)


def decoded(packed):
    """What a packed episode holds, with its pictures as arrays."""
    columns = dict(packed.columns)
    for name, values in columns.items():
        if name.startswith(("observation.images.", "observation.segmentation.")):
            shape = (64, 64, 3) if "images" in name else (64, 64)
            columns[name] = np.zeros((len(values), *shape), np.uint8)
            for picture, data in zip(columns[name], values, strict=True):
                decode(data, shape, picture)
    return columns


# --- Done again ------------------------------------------------------------------------------------


def test_verify_matches_and_tells_a_mismatch(whole, tmp_path, capsys):
    assert collect.main(["--verify", str(whole), "--sample", "2", "--workers", "1"]) == 0
    assert capsys.readouterr().out.endswith("2 of 2 episodes are the same bits\n")
    data = Dataset(whole)
    made = Writer(
        tmp_path / "other", features=data.features, fps=data.fps, robot=data.robot, facts=data.facts
    )
    for number, episode in enumerate(data.episodes[:2]):
        at = np.arange(episode.start, episode.stop)
        frames = {
            k: data.images(k, at) if f.is_image else data.column(k)[at].copy()
            for k, f in data.features.items()
        }
        if number == 1:
            frames["observation.images.tray"][0, 5, 5, 0] ^= 1
        made.add_episode(frames, episode.tasks, episode.extra)
    made.close()
    assert collect.main(["--verify", str(tmp_path / "other"), "--workers", "1"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith(": match")
    assert told[1].endswith("mismatch in observation.images.tray")


# --- A person --------------------------------------------------------------------------------------


def person(lesson, detours=(2,)):
    """What a made-up person presses who aims at the plan's key poses; now and then a move is wrong."""
    moves = {(0, 1): "up", (0, -1): "down", (1, 1): "left", (1, -1): "right", (2, 1): "r", (2, -1): "f"}
    turns = {1: "q", -1: "e"}
    bare = lesson._env.unwrapped
    for n in range(400):
        if n in detours:
            yield from (
                frozenset(),
                frozenset({"1"}),
                *[frozenset({"up", "left"})] * 4,
                frozenset(),
                frozenset({"backspace"}),
            )
        key, control = bare.plan()[0], bare._control
        if key.close != lesson._closed:
            yield from (frozenset({"space"}), frozenset())
            continue
        d = [b - a for a, b in zip(control.position_m, key.position_m, strict=True)]
        turn = (key.yaw_rad - control.yaw_rad + np.pi) % (2 * np.pi) - np.pi
        far = max(max(map(abs, d)) / 0.03, abs(turn) / 0.2)
        if far < 0.03:
            yield frozenset({"t"})
            continue
        name, share = next(
            ((k, v) for k, v in (("1", 1.0), ("2", 0.3), ("3", 0.06)) if far >= v), ("3", 0.06)
        )
        held = {moves[i, int(np.sign(v))] for i, v in enumerate(d) if abs(v) / 0.03 >= share / 2}
        held |= {turns[int(np.sign(turn))]} if abs(turn) / 0.2 >= share / 2 else set()
        yield frozenset({name, *held})
        yield frozenset()


def test_a_person_teaches_with_undo(tmp_path):
    _, request = source("PickPart")
    take = Take(0, request, None, seed=5, extra={"agent": "keyboard"})
    env = request.make()
    streams, done = [], []
    for detours in ((), (3, 9)):
        lesson, pressed = teaching.Lesson(env, take), []
        for keys in person(lesson, detours):
            pressed.append(keys)
            lesson.press(keys)
            if lesson.finished:
                break
        assert lesson.success
        streams.append(pressed)
        done.append(np.array(lesson.actions))
    env.close()
    np.testing.assert_array_equal(*done)  # what was undone left no trace
    assert len(streams[1]) > len(streams[0])

    recipe = Recipe(cameras=("tray",), image_size=64)
    config = collect.Config(task="PickPart", agent="keyboard", episodes=1)
    facts = {
        "settings": {"task": "PickPart", "agent": "keyboard"},
        "recipe": {**recipe.__dict__, "cameras": ["tray"]},
    }
    facts["platform"] = collecting.platform_fingerprint()
    made = Writer(
        tmp_path / "d", features=features_of(request, recipe), fps=20, robot="lrmate200id", facts=facts
    )
    skipped = [frozenset({"up"}), frozenset({"n"})]  # the first scene is left out
    keys = iter([*skipped, *streams[1], *[frozenset()] * 50])
    takes = iter([replace(take, seed=6), replace(take, number=1)])
    assert teaching.teach(config, request, recipe, made, takes, lambda: next(map(Held, keys), None)) == 2
    made.close()
    data = Dataset(tmp_path / "d")
    (episode,) = data.episodes
    assert episode.extra["human"] is True
    assert episode.extra["success"] is True
    assert (episode.extra["agent"], episode.extra["seed"]) == ("keyboard", 5)
    np.testing.assert_array_equal(data.column("executed"), done[0])
    np.testing.assert_array_equal(data.column("action"), done[0])
    assert collecting.verify(tmp_path / "d", 1, 0, 1) == 0


def test_time_stands_still_while_nothing_is_pressed_and_stop_stops(tmp_path):
    _, request = source("PickPart")
    env = request.make()
    lesson = teaching.Lesson(env, Take(0, request, None, seed=5))
    for _ in range(20):
        lesson.press(frozenset())
    assert not lesson.actions
    lesson.press(frozenset({"backspace"}))  # nothing to undo
    lesson.press(frozenset({"space"}))
    assert len(lesson.actions) == teaching._GRIP_STEPS
    assert lesson.actions[-1][-1] == -1.0
    lesson.press(frozenset())
    lesson.press(frozenset({"backspace"}))
    assert not lesson.actions
    env.close()
    recipe = Recipe(cameras=())
    made = Writer(tmp_path / "d", features=features_of(request, recipe), fps=20, robot="lrmate200id")
    config = collect.Config(agent="keyboard", episodes=3)
    takes = iter([Take(0, request, None, seed=5)])
    assert teaching.teach(config, request, recipe, made, takes, lambda: Held(frozenset({"z"}))) == 1
    assert made.n_episodes == 0


# --- Mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "LoadChcuk"], "unknown task 'LoadChcuk'"),
        (["--agent", "exprt"], "did you mean 'expert'"),
        (["--agent", "dagger"], "has to learn first"),
        (["--agent", "random", "--noise", "0.2"], "agent 'random' cannot mend it"),
        (["--cameras", "tary"], "unknown camera 'tary'"),
        (["--noise", "3"], "noise is 3.0: allowed are 0 to 1"),
        (["--task", "MillPockets"], "is a machine tool"),
        (["--task", "LoadChuck,TendMachine"], "'TendMachine' has other action"),
        (
            ["--task", "PickPart", "--instructions-per-scene", "9"],
            "instructions_per_scene is 9: PickPart names up",
        ),
        (["--format", "minari", "--frames", "keys"], "frames must be 'all'"),
        (["--agent", "keyboard", "--frames", "keys"], "frames 'all'"),
        (["--agent", "gamepad", "--noise", "0.1"], "agent gamepad: noise must be 0"),
        (["--resume", "nowhere"], "no such directory"),
        (["--resume", "nowhere", "--task", "Reach"], "--task with --resume"),
        (["--verify", "nowhere"], "no such directory"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as told:
        collect.main([*arguments, "--workers", "1"] if "--verify" not in arguments else arguments)
    assert message in str(told.value)
    assert "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())


def test_a_data_set_of_another_split_is_not_gone_on_with(whole, tmp_path):
    for name, data in files(whole).items():
        path = tmp_path / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    ours = tmp_path / "d" / "meta" / "monozukuri.json"
    ours.write_text(re.sub('"split_sha256": "[0-9a-f]{4}', '"split_sha256": "0000', ours.read_text()))
    with pytest.raises(UserError, match="has changed since"):
        collect.main(["--resume", str(tmp_path / "d"), "--workers", "1"])


def test_a_broken_data_set_cannot_be_verified(whole, tmp_path):
    for name, data in files(whole).items():
        path = tmp_path / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if "data/" not in name else data[:-100])
    with pytest.raises(UserError, match="is damaged"):
        collect.main(["--verify", str(tmp_path / "d")])


# --- The environment's part ------------------------------------------------------------------------


def test_asked_for_now_is_what_the_environment_would_observe():
    options = {"cameras": ("chuck", "tray"), "image_size": 64, "segmentation": True}
    seen = gymnasium.make("Monozukuri/LoadChuck-v0", observation="rgb", **options)
    asked = gymnasium.make("Monozukuri/LoadChuck-v0", observation="flat", render_mode="rgb_array")
    for seed in (0, 1):
        expected, _ = seen.reset(seed=seed)
        asked.reset(seed=seed)
        for _ in range(12):
            action = seen.unwrapped.expert_action()
            expected, *_ = seen.step(action)
            asked.step(action)
        found = asked.unwrapped.observe("rgb", **options)
        assert set(found) == set(expected)
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key])
    blind = gymnasium.make("Monozukuri/LoadChuck-v0", observation="flat")
    with pytest.raises(RuntimeError, match="before reset"):
        blind.unwrapped.observe("rgb")
    blind.reset(seed=0)
    assert set(blind.unwrapped.observe("rgb")) == {"agent_pos", "joint_torque", "machine", "instruction"}
    with pytest.raises(ValueError, match="renders nothing"):
        blind.unwrapped.observe("rgb", cameras=("tray",))
    with pytest.raises(ValueError, match="unknown camera 'tary'"):
        asked.unwrapped.observe("rgb", cameras=("tary",))
    for env in (seen, asked, blind):
        env.close()


def test_lerobots_form_of_the_observation():
    env = LeRobotObs(gymnasium.make("Monozukuri/LoadChuck-v0", observation="rgb", image_size=64))
    assert envs.ENV_IDS
    observation, info = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    assert set(observation["pixels"]) == {"tray", "chuck"}
    assert observation["pixels"]["tray"].shape == (64, 64, 3)
    assert observation["agent_pos"].dtype == np.float32
    assert env.task == env.task_description == info["instruction"]
    assert env._max_episode_steps == 300
    env.close()
    with pytest.raises(ValueError, match="needs pictures"):
        LeRobotObs(gymnasium.make("Monozukuri/Reach-v0"))


def test_frames_on_the_way_with_the_actions_ahead():
    """Frames at key poses and every sixth period; what is ahead is what the agent then did."""
    actor, request = source()
    recipe = Recipe("keys", (), noise=0.3, salt=2)
    plain = record(recipe, Take(0, request, actor, 3))
    more = record(replace(recipe, every=6, chunk=10), Take(0, request, actor, 3))
    every = record(replace(recipe, frames="all"), Take(0, request, actor, 3))
    steps, few = more.packed.columns["step"].ravel(), plain.packed.columns["step"].ravel()
    last = int(every.packed.columns["step"].max())
    assert set(steps) == set(few) | set(range(0, last + 1, 6))
    actions, executed = (every.packed.columns[name] for name in ("action", "executed"))
    calm = (actions == executed).all(1)
    chunks, foreseen = (more.packed.columns[f"action.{name}"] for name in ("chunk", "foreseen"))
    for step, chunk, n in zip(steps, chunks, foreseen.ravel(), strict=True):
        ahead, still = actions[step : step + 10], calm[step : step + 10]
        assert np.array_equal(chunk[: len(ahead)], ahead)
        assert (chunk[len(ahead) :] == ahead[-1]).all()
        assert n == (len(ahead) if still.all() else np.argmin(still) + 1)
    assert "action.chunk" not in plain.packed.columns
    short = chunk_of([np.ones(2)], [True], 3, 4)  # after the end
    assert short["action.foreseen"] == 0
    assert not np.any(short["action.chunk"])


@pytest.mark.parametrize("wrong", [{"every": -1}, {"chunk": 101}, {"format": "minari", "chunk": 4}])
def test_frames_and_chunks_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"allowed|must be"):
        collect.Config(**wrong)
