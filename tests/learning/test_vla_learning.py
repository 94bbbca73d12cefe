"""From demonstrations to a policy: looks from a data set, disturbed pictures, a run that is stopped."""

import json
import threading
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import envs  # noqa: F401 (registers the ids)
from agents.catalog import AgentError, create
from agents.dataset import Dataset, DatasetError, Feature, Writer
from agents.policy import Policy
from agents.taught import COMMANDED
from agents.vla import geometry
from agents.vla.augment import NONE, Augmenter, AugmentSpec
from agents.vla.fitting import FitSpec, Fitter, spot
from agents.vla.grips import holds
from agents.vla.keyframe import CAMERAS, IMAGE_SIZE, Keyframe
from agents.vla.network import STRIDE, NetworkSpec
from agents.vla.samples import Samples, from_dataset
from agents.vla.seeing import Seer, View, turn_of
from agents.vla.tokenizer import Tokenizer
from agents.vla.training import TASKS, UNDONE, KeyframeHyper, VlaKeyframe
from experiments.config import UserError
from experiments.demonstrations import _scenes as looked_at
from experiments.demonstrations import shared
from experiments.recording import Recipe, features_of, shown
from experiments.rollout import EnvRequest
from experiments.train import Config as TrainConfig
from experiments.training import check, train
from tests.learning.local import Stopped, learn_on, show

HYPER = KeyframeHyper(updates=12, batch=4, width=16, deep=16, blocks=1, words=16, threads=1, half=False)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two episodes of the expert, at key poses."""
    return show(tmp_path_factory.mktemp("demos") / "set", VlaKeyframe(HYPER).demonstrations(quick=True))


@pytest.fixture(scope="module")
def samples(folder):
    return from_dataset(Dataset(folder), Tokenizer())


def test_looks_are_labelled_with_where_the_gripper_closes_and_opens(folder, samples):
    data = Dataset(folder)
    takes = np.flatnonzero(samples.closes == 1)
    assert len(takes) >= 2
    assert (samples.closes == 0).sum() >= 4
    names = data.column("key.close").astype(bool).ravel()
    for episode, row in zip(data.episodes, takes, strict=False):
        closing = next(f for f in range(episode.start, episode.stop) if names[f])
        lens = data.column("calibration.tray").reshape(-1, 3, 4)[episode.start]
        at = data.column("key.position_m")[closing]
        assert samples.pixels[row] == pytest.approx(geometry.project(lens, at), abs=1e-3)
        assert samples.heights[row] == pytest.approx(at[2])
        # The mask says that the named part is there.
        column, line = np.floor(samples.pixels[row]).astype(int)
        assert samples.masks[row][line, column] == 5
    # A chuck's stop is 0.16 m above the floor; there a part stands.
    assert samples.heights[samples.closes == 0] == pytest.approx(0.16, abs=2e-3)
    for row in np.flatnonzero(samples.closes == 0):
        column, line = np.floor(samples.pixels[row]).astype(int)
        assert samples.masks[row][line, column] in (1, 2, 3, 5)  # the chuck, or what hides it
    assert set(samples.symmetry.tolist()) <= {0, 4, 6}
    assert {"load", "chuck"} & samples.known
    said = {data.episodes[0].tasks[0]}
    assert said <= {text for episode in data.episodes for text in episode.tasks}


def test_a_data_set_without_what_is_needed_is_refused_in_one_line(tmp_path):
    features = {"observation.state": Feature("float32", (30,))}
    with Writer(tmp_path / "set", features=features, fps=20, robot="x") as writer:
        writer.add_episode({"observation.state": np.zeros((3, 30), np.float32)}, tasks=["load it"])
    with pytest.raises(DatasetError, match=r"'key.position_m' is missing"):
        from_dataset(Dataset(tmp_path / "set"), Tokenizer())


def batch(samples, rows):
    part = samples.take(rows)
    return torch.from_numpy(part.pictures).permute(0, 3, 1, 2).float() / 255, part


def test_what_is_marked_moves_with_the_picture():
    """A white spot in a black picture is where the moved pixel says."""
    n = 64
    rng = np.random.default_rng(0)
    pixels = rng.uniform(20, 44, (12, 2))
    columns, rows = np.meshgrid(np.arange(n) + 0.5, np.arange(n) + 0.5)
    bells = [np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / 8) for u, v in pixels]
    pictures = torch.from_numpy(np.stack(bells).astype(np.float32))[:, None].expand(-1, 3, n, n).clone()
    move = Augmenter(AugmentSpec(0, 40.0, 0.1, 0.15, 0.15, 0, 0, 0, 0), n, 0)
    masks = torch.zeros(12, n, n, dtype=torch.uint8)
    moved, at, turned = move(pictures, masks, pixels, np.repeat([1.0, 0.4], 6), rng)
    weight = moved[:, 0].numpy().astype(float) ** 2
    u, v = ((weight * grid).sum((1, 2)) / weight.sum((1, 2)) for grid in (columns, rows))
    assert np.abs(np.stack([u, v], 1) - at).max() < 0.3
    assert np.abs(turned).max() > 0.1


def test_a_picture_that_is_turned_turns_the_yaw(samples):
    """A grasp turned with the picture: the two ends of the hand's closing line stay on one line."""
    rng = np.random.default_rng(1)
    move = Augmenter(AugmentSpec(0, 40.0, 0, 0, 0, 0, 0, 0, 0), 96, 0)
    yaw, middle = 0.4, np.array([[48.0, 48.0]])
    # Seen from above with columns along the heading, a turn of `yaw` against it points up and to the right.
    along = middle + 10 * np.array([[np.cos(yaw), -np.sin(yaw)]])
    black, mask = torch.zeros(1, 3, 96, 96), torch.zeros(1, 96, 96, dtype=torch.uint8)
    state = rng.bit_generator.state
    _, a, turned = move(black, mask, middle, np.ones(1), rng)
    rng.bit_generator.state = state
    _, b, _ = move(black, mask, along, np.ones(1), rng)
    dx, dy = (b - a)[0]
    assert np.arctan2(-dy, dx) == pytest.approx(yaw - turned[0], abs=1e-6)


def test_only_the_background_is_repainted(samples):
    pictures, part = batch(samples, np.flatnonzero(samples.closes == 1))
    paint = Augmenter(AugmentSpec(1.0, 0, 0, 0, 0, 0, 0, 0, 0), IMAGE_SIZE, 0)
    masks = torch.from_numpy(part.masks)
    found, pixels, turned = paint(pictures.clone(), masks, part.pixels, part.turns, np.random.default_rng(0))
    parts = (masks >= 5)[:, None].expand_as(found)
    assert torch.equal(found[parts], pictures[parts])
    ground = (masks == 4)[:, None].expand_as(found)
    assert (found[ground] != pictures[ground]).float().mean() > 0.5
    assert np.array_equal(pixels, part.pixels)
    assert not turned.any()


def test_disturbing_follows_from_the_seed_and_can_be_left_out(samples):
    pictures, part = batch(samples, [0, 1, 2])
    masks = torch.from_numpy(part.masks)
    every = Augmenter(AugmentSpec(), IMAGE_SIZE, 0)
    one, other = (
        every(pictures.clone(), masks, part.pixels, part.turns, np.random.default_rng(4))[0] for _ in range(2)
    )
    assert torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 1
    none = Augmenter(NONE, IMAGE_SIZE, 0)
    assert torch.equal(
        none(pictures.clone(), masks, part.pixels, part.turns, np.random.default_rng(4))[0], pictures
    )
    with pytest.raises(ValueError, match="recolour is 2"):
        AugmentSpec(recolour=2)


def test_heat_is_drawn_to_the_place():
    shares = spot(np.array([[3.0, 1.0], [0.2, 6.7]]), 8).reshape(2, 8, 8)
    assert shares.sum((1, 2)) == pytest.approx([1, 1])
    assert divmod(int(shares[0].argmax()), 8) == (1, 3)
    assert divmod(int(shares[1].argmax()), 8) == (7, 0)


def test_it_learns_two_episodes_by_heart(samples):
    spec = NetworkSpec(width=16, deep=16, blocks=1, words=16)
    fit = FitSpec(batch=4, rate=3e-3, drop_words=0, half=False, threads=1)
    fitter = Fitter(samples, spec, fit, NONE, 0)
    first = fitter.run(3, 48)
    fitter.run(40, 48)
    last = fitter.run(5, 48)
    assert last["heat"] < first["heat"] - 0.5
    assert last["height"] < first["height"] / 2


def test_the_closer_look_is_learned_at_a_rate_of_its_own(samples):
    spec, weights = NetworkSpec(width=16, deep=16, blocks=1, words=16), []
    for rate in (1e-4, 1e-2):
        fit = FitSpec(batch=4, closer=6, closer_rate=rate, half=False, threads=1)
        fitter = Fitter(samples, spec, fit, NONE, 0)
        fitter.run(1, 10)
        weights.append(fitter.weights())
    differ = {name for name in weights[0] if not np.array_equal(weights[0][name], weights[1][name])}
    assert differ
    assert all(name.startswith("closer.") for name in differ)
    with pytest.raises(ValueError, match="closer_rate is 0"):
        FitSpec(closer_rate=0.0)


# --- A run that is stopped -------------------------------------------------------------------------


def run(folder, out, *, hyper=HYPER, **other):
    learn_on(VlaKeyframe(hyper), folder, out, **other)


def left_by(out):
    arrays = {name: array.tobytes() for name, array in Policy.load(out / "policy").state()[1].items()}
    return (out / "metrics.jsonl").read_text(), arrays


def test_a_stopped_run_goes_on_to_the_same_bits(folder, tmp_path):
    run(folder, tmp_path / "whole")
    whole = left_by(tmp_path / "whole")
    assert len(whole[0].splitlines()) == 3
    for stop_at in (1, 2):
        out = tmp_path / f"stopped at {stop_at}"
        with pytest.raises(Stopped):
            run(folder, out, stop_at=stop_at)
        run(folder, out, resume=True)
        assert left_by(out) == whole, stop_at
    assert isinstance(Policy.load(tmp_path / "whole" / "policy"), Keyframe)
    row = json.loads(whole[0].splitlines()[-1])
    assert row["env_steps"] == HYPER.updates * HYPER.batch
    assert row["success"] == 1.0


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Two scenes that nobody works in."""
    folder = tmp_path_factory.mktemp("scenes") / "set"
    options = {"observation": "flat", "split": "grounding", "render_mode": "rgb_array"}
    request = EnvRequest("LoadChuck", options)
    recipe = Recipe("keys", CAMERAS, IMAGE_SIZE)
    with Writer(folder, features=features_of(request, recipe), fps=20, robot="lrmate200id") as writer:
        for scene in looked_at(request, request, recipe, [1, 2], 1):
            writer.add(scene)
    return folder


def test_scenes_that_nobody_works_in_are_learned_from_too(folder, scenes, samples, tmp_path):
    looks = from_dataset(Dataset(scenes), Tokenizer())
    assert len(looks) == 2
    assert looks.closes.tolist() == [1, 1]
    for row in range(2):
        column, line = np.floor(looks.pixels[row]).astype(int)
        assert looks.masks[row][line, column] == 5
    run(folder, tmp_path / "robot data only")
    run(folder, tmp_path / "both", hyper=replace(HYPER, grounding=True), scenes=scenes)
    alone, both = (Policy.load(tmp_path / name / "policy").seer for name in ("robot data only", "both"))
    assert alone.known == samples.known
    assert both.known == samples.known | looks.known
    assert any(not np.array_equal(alone.weights[name], both.weights[name]) for name in alone.weights)


def test_heights_and_turns_can_be_numbers_instead_of_tokens(samples):
    spec = NetworkSpec(width=16, deep=16, blocks=1, words=16, continuous=True)
    fitter = Fitter(samples, spec, FitSpec(batch=4, rate=3e-3, drop_words=0, half=False, threads=1), NONE, 0)
    first = fitter.run(3, 60)
    fitter.run(52, 60)
    last = fitter.run(5, 60)
    assert last["height"] < first["height"] / 2
    assert "closer" not in last
    seer = Seer(asdict(spec), fitter.weights(), Tokenizer())
    seen = seer.see(View(samples.pictures[0], np.eye(3, 4) + np.eye(3, 4, 3), "tray", "take"), "load it")
    assert np.isfinite([*seen.position_m, seen.yaw_rad]).all()
    logits = [np.cos(2 * 0.4), np.sin(2 * 0.4), -1.0]
    assert turn_of(np.array(logits), 0.0) == pytest.approx(0.4)
    assert turn_of(np.array([*logits[:2], 1.0]), 0.1) == 0.1


def test_a_share_of_the_pairs_is_left_out():
    """Of parts and surfaces; which, is the same in every process."""
    shares = []
    for pairs in (0.25, 0.5, 1.0):
        scenes = [
            SimpleNamespace(
                candidates=[SimpleNamespace(colour=colour, kind=SimpleNamespace(family=family))],
                look=SimpleNamespace(surfaces=("", f"clouds-{k}", "", "")),
            )
            for colour in ("red", "blue", "pink") for family in ("shaft", "ring") for k in range(48)
        ]  # fmt: skip
        kept = [shown(SimpleNamespace(cell=SimpleNamespace(draw=draw)), pairs) for draw in scenes]
        shares.append(np.mean(kept))
        for first in range(0, len(kept), 48):  # no part and no surface is left out as such
            assert any(kept[first : first + 48])
    assert shares[0] == pytest.approx(0.25, abs=0.08)
    assert shares[1] == pytest.approx(0.5, abs=0.08)
    assert shares[2] == 1


def test_it_learns_all_tasks_that_it_can_see():
    agent = create("vla-keyframe", "all")
    agent.check()
    assert agent.task.split(",") == [task for task in TASKS if task not in UNDONE]
    assert set(agent.demonstrations(quick=False).cameras) == {"tray", "chuck", "stations"}
    assert create("vla-keyframe", "UnloadChuck,UnloadVise").needs.cameras == ("chuck", "stations")
    with pytest.raises(AgentError, match="'Reach': allowed are LoadChuck"):
        create("vla-keyframe", "LoadChuck,Reach").check()


def test_what_others_learn_one_at_a_time_is_refused_together():
    for config, told in (
        (TrainConfig(task="Reach,PickPart", agent="sac"), "learns one task at a time"),
        (TrainConfig(task="Reach", agent="sac", unseen_tasks="PickPart"), "learns one task"),
        (TrainConfig(task="LoadChuck", agent="vla-keyframe", unseen_tasks="LoadChuck"), "learned from"),
    ):
        with pytest.raises(UserError, match=told) as error:
            check(config)
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_one_network_learns_several_tasks_from_nothing(tmp_path):
    """Demonstrations, learning, and a test of each task, of one that was not learned too."""
    out = tmp_path / "run"
    config = TrainConfig(task="LoadChuck,UnloadChuck", agent="vla-keyframe", unseen_tasks="SortParts",
                         quick=True, episodes=1, steps=256, clip=False, workers=1, out=out)  # fmt: skip
    assert train(config) == 0
    summary = json.loads((out / "summary.json").read_text())
    told = {name: task["learned"] for name, task in summary["tasks"].items()}
    assert told == {"LoadChuck": True, "UnloadChuck": True, "SortParts": False}
    assert summary["n_episodes"] == 2
    shown_tasks = {e.extra["task"] for e in Dataset(out / "demonstrations").episodes}
    assert shown_tasks == {"LoadChuck", "UnloadChuck"}


def test_a_broken_data_set_is_told_of_in_one_line(tmp_path):
    (tmp_path / "set" / "meta").mkdir(parents=True)
    (tmp_path / "set" / "meta" / "info.json").write_text("{")
    with pytest.raises(AgentError) as error:
        run(tmp_path / "set", tmp_path / "out")
    assert "\n" not in str(error.value)


def test_the_catalog_makes_it():
    agent = create("vla-keyframe", "LoadChuck")
    assert isinstance(agent, VlaKeyframe)
    agent.check()
    wanted = agent.demonstrations(quick=False)
    assert wanted.frames == "keys"
    assert wanted.cameras == CAMERAS
    for wrong in ({"demos": 0}, {"noise": 2.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            KeyframeHyper(**wrong)
    for wrong in ({"width": 12}, {"rate": 0.0}, {"recolour": 2.0}):
        with pytest.raises(AgentError, match=next(iter(wrong))):
            VlaKeyframe(KeyframeHyper(**wrong)).check()


def test_samples_can_be_taken_apart(samples):
    assert isinstance(samples, Samples)
    assert len(samples.take([0, 1])) == 2
    assert samples.take([0]).ids is samples.ids
    assert STRIDE == 4
    assert COMMANDED.stop - COMMANDED.start == 3


def test_a_closing_that_gripped_nothing_is_none():
    closes = np.array([0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1], bool)
    gripped = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1], bool)
    episode = SimpleNamespace(start=1, stop=len(closes))
    # From 2 to 4 the fingers met nothing; at the end, something is still held.
    assert holds(episode, closes, gripped) == [(6, 9), (11, 13)]
    assert holds(episode, closes, np.zeros_like(gripped)) == []


def test_runs_that_want_the_same_demonstrations_share_a_folder(tmp_path):
    """What they follow from names the folder; who comes second waits."""
    wanted = VlaKeyframe(HYPER).demonstrations(quick=True)
    workers = SimpleNamespace(
        request=EnvRequest("LoadChuck", {"robot": "gp8"}), facts=lambda: SimpleNamespace(split_hash="a")
    )
    other = SimpleNamespace(request=EnvRequest("LoadChuck", {"robot": "ur10e"}), facts=workers.facts)

    def name(wanted=wanted, workers=workers, seed=0, others=()):
        with shared(tmp_path, wanted, workers, seed, others) as folder:
            return str(folder)

    names = [name(), name(replace(wanted, noise=0.3)), name(workers=other), name(seed=1), name(others=("A",))]
    assert len({*names, name()}) == len(names)
    entered = []
    with shared(tmp_path, wanted, workers, 0) as folder:
        second = threading.Thread(target=lambda: entered.append(name()))
        second.start()
        second.join(0.3)
        assert entered == []
    second.join(10)
    assert entered == [str(folder)]


@pytest.mark.slow
def test_what_is_shared_is_collected_once_and_changes_nothing(tmp_path):
    share, policies = tmp_path / "share", []
    for k, where in enumerate((None, share, share)):
        config = TrainConfig(agent="vla-keyframe", quick=True, episodes=1, steps=256, clip=False, workers=1,
                             out=tmp_path / f"run{k}", share=where)  # fmt: skip
        assert train(config) == 0
        assert (tmp_path / f"run{k}" / "demonstrations").exists() == (where is None)
        policies.append(
            [p.read_bytes() for p in sorted((tmp_path / f"run{k}" / "policy").rglob("*.safetensors"))]
        )
        if k == 1:
            before = {p: p.stat().st_mtime_ns for p in share.rglob("*.parquet")}
    assert policies[0]
    assert policies[0] == policies[1] == policies[2]
    assert {p: p.stat().st_mtime_ns for p in share.rglob("*.parquet")} == before


@pytest.mark.parametrize(("device", "allowed"), [("gpu", "auto, cpu"), ("cuda", "auto, cpu")])
def test_a_device_that_is_not_there_is_told_in_one_line(monkeypatch, device, allowed):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    agent = create("vla-keyframe", "LoadChuck", "ee_yaw", {"device": device})
    with pytest.raises(AgentError, match=f"device is '{device}': allowed here are {allowed}") as error:
        agent.check()
    assert "\n" not in str(error.value)
