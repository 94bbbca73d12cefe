"""From demonstrations to a policy: looks from a data set, disturbed pictures, a run that is stopped."""

import json

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
from agents.vla.keyframe import CAMERAS, IMAGE_SIZE, Keyframe
from agents.vla.network import STRIDE, NetworkSpec
from agents.vla.samples import Samples, from_dataset
from agents.vla.tokenizer import Tokenizer
from agents.vla.training import KeyframeHyper, VlaKeyframe
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
    # A chuck's stop is 0.13 m above the tray's surface.
    assert samples.heights[samples.closes == 0] == pytest.approx(0.13, abs=2e-3)
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


# --- A run that is stopped -------------------------------------------------------------------------


def run(folder, out, **other):
    learn_on(VlaKeyframe(HYPER), folder, out, **other)


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
