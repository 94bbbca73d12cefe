"""Cells of the unseen-task benchmark: disjoint, drawn afresh, seen in pictures; a scene with another name."""

import math
from itertools import pairwise

import cells
import numpy as np
import pytest

import envs
from envs.cell import textures
from envs.cell.look import HEAPS_M, PAINTS, heap
from envs.cell.parts import families, held_out
from envs.cell.variation import CELLS, FRESH, LEVELS, UNSEEN, split

LOAD = "Monozukuri/LoadChuck-v0"
PICTURES = {"observation": "rgb", "cameras": ("cell", "tray"), "image_size": 64}


def sizes_of(types):
    """(form, size across) of every section."""
    return {
        (s.form, s.across_mm) for sizes in types.values() for kind in sizes.values() for s in kind.sections
    }


# --- Disjoint ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [*UNSEEN[:2], "objects-easy@7", "objects-hard@7", "unseen-easy", "unseen-hard@3"]
)
def test_objects_are_unseen(name):
    seen, unseen = split("seen"), split(name)
    assert not set(seen.pairs("named")) & set(unseen.pairs("named"))
    assert not set(seen.pairs("others")) & set(unseen.pairs("named"))
    if "easy" in name:
        colours, kinds = ({p[k] for p in seen.pairs("named")} for k in (0, 1))
        assert {c for c, _ in unseen.pairs("named")} <= colours
        assert set(unseen.families) == kinds
    else:
        assert not set(seen.families) & set(unseen.families)
        assert {c for c, _ in unseen.pairs("named")} - {c for c, _ in seen.pairs("named")}


def test_seen_varies_enough_to_learn_from():
    seen = split("seen")
    assert len({c for c, _ in seen.pairs("named")}) >= 8
    assert len(seen.families) >= 5
    assert len(seen.choices["textures"]) >= 32
    assert len(seen.choices["wording"]) >= 6
    assert seen.factors["camera_pose_mm"][1] >= 20.0


def test_sizes_of_held_out_parts_are_unseen():
    """Whatever the seed: no section is as large as a seen one of its form."""
    seen = sizes_of(families())
    for assets in (*range(20), 10**9):
        for form, across in sizes_of(held_out(assets)):
            assert all(form != f or abs(across - a) > 0.4 for f, a in seen), (form, across)
        for sizes in held_out(assets).values():
            across = [sizes[s].chuck_across_m for s in ("small", "medium", "large")]
            assert across == sorted(across)
    assert held_out(3) != held_out(4)
    assert len(held_out(0)) >= 3


def test_surfaces_are_unseen():
    seen = {name: textures.surface(name) for name in split("seen").choices["textures"]}
    assert set(textures.SEEN).isdisjoint(textures.UNSEEN)
    for level in ("backgrounds-easy", "backgrounds-hard@4", "unseen-hard"):
        for name in split(level).choices["textures"]:
            assert name not in seen
            one = textures.surface(name)
            assert one.min() >= 0.0
            assert one.max() <= 1.0
            assert not any(np.array_equal(one, other) for other in seen.values())
    with pytest.raises(ValueError, match="kinds are plain"):
        textures.surface("velvet-1")


def test_ranges_of_unseen_environments_are_unseen():
    seen = split("seen").factors
    for level in ("environments-easy", "environments-hard"):
        there = split(level).factors
        for name in ("tray_x_mm", "tray_turn_deg", "camera_pose_mm"):
            (low, high), (a, b) = there[name], seen[name]
            assert high < a or low > b, (level, name)
    assert (
        split("environments-hard").factors["camera_pose_mm"][0]
        > split("environments-easy").factors["camera_pose_mm"][1]
    )
    for name in ("light_height_deg", "light_gain", "light_warmth"):
        (low, high), (a, b) = split("backgrounds-hard").factors[name], seen[name]
        assert high < a or low > b


def test_wording_is_unseen():
    seen, templates, words = (split(n).choices for n in ("seen", "wording-templates", "wording-synonyms"))
    assert not set(seen["wording"]) & set(templates["wording"])
    assert words["words"] == ("unseen",) != seen["words"]
    assert templates["words"] == seen["words"]


def test_seeds_of_training_validation_and_test_are_apart():
    for name in LEVELS:
        ranges = sorted(split(name).seeds.values())
        assert all(a[1] < b[0] for a, b in pairwise(ranges))
        assert split(name).seeds == split("seen").seeds


def test_every_split_has_its_hash():
    names = [*LEVELS, *(f"{n}@7" for n in FRESH), *(f"{n}@8" for n in FRESH)]
    assert len({split(n).sha256 for n in names}) == len(names)
    assert set(UNSEEN) < set(CELLS) < set(LEVELS)
    assert split("objects-easy@7").choices != split("objects-easy@8").choices


# --- Scenes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "env_id", [i for i in envs.CELL_IDS if i.split("/")[1] not in ("Reach-v0", "OpenDoor-v0")]
)
def test_scenes_hold_candidates_that_only_words_tell_apart(env_id):
    env = cells.make(env_id, observation="flat")
    free = 0
    negatives = {"family": 0, "colour": 0}
    for seed in range(60):
        _, info = env.reset(seed=seed)
        draw = env.cell.draw
        assert 2 <= len(info["candidates"]) <= 4
        assert info["nameable"][0] == 0
        free += len(info["nameable"]) >= 2
        all_of_it = [(c.colour, c.kind.family, c.kind.size) for c in draw.candidates]
        assert len(set(all_of_it)) == len(all_of_it)
        named, *others = draw.candidates
        negatives["family"] += any(c.kind.family == named.kind.family for c in others)
        negatives["colour"] += any(c.colour == named.colour for c in others)
    assert free == (0 if env.task.starts_in_machine else 60)
    assert negatives["family"] >= 20
    assert negatives["colour"] >= (5 if env.task.families or env.task.workholding == "vise" else 15)
    env.close()


@pytest.mark.parametrize("env_id", [LOAD, "Monozukuri/SortParts-v0", "Monozukuri/StackParts-v0"])
def test_the_same_scene_with_another_part_named(env_id):
    env = cells.make(env_id, **PICTURES, split="objects-easy")
    tried = 0
    for seed in range(6):
        first, info = env.reset(seed=seed)
        usual = env.cell.draw
        again, same = env.reset(seed=seed, options={"named": 0})
        assert cells.raw(first) == cells.raw(again)
        assert same["instruction"] == info["instruction"]
        for k in info["nameable"][1:]:
            other, now = env.reset(seed=seed, options={"named": k})
            draw = env.cell.draw
            assert now["candidates"] == info["candidates"]
            assert draw.candidates[0] == usual.candidates[k]
            assert set(draw.candidates) == set(usual.candidates)
            assert draw.look is not None
            assert now["instruction"] != info["instruction"]
            # Only the machine's jaws are set up for another part; the tray's camera does not see them.
            assert np.array_equal(first["image_tray"], other["image_tray"])
            assert np.array_equal(first["agent_pos"], other["agent_pos"])
            tried += 1
        bad = len(info["candidates"])
        with pytest.raises(ValueError, match=rf"named {bad}: .* can name 0 \(") as caught:
            env.reset(seed=seed, options={"named": bad})
        assert "\n" not in str(caught.value)
    assert tried >= 6
    env.close()


def test_a_part_that_the_chuck_does_not_take_cannot_be_named():
    env = cells.make(LOAD, observation="flat")
    for seed in range(40):
        _, info = env.reset(seed=seed)
        blocks = [k for k, text in enumerate(info["candidates"]) if "block" in text]
        assert not set(blocks) & set(info["nameable"])
        if blocks:
            with pytest.raises(ValueError, match=f"named {blocks[0]}: LoadChuck can name"):
                env.reset(seed=seed, options={"named": blocks[0]})
            break
    else:
        pytest.fail("no scene with a block")
    for options, told in (({"named": True}, "whole number"), ({"nam": 1}, "allowed are named, instruction"),
                          ({"named": 0, "instruction": "load"}, "only one")):  # fmt: skip
        with pytest.raises(ValueError, match=told):
            env.reset(seed=0, options=options)
    env.close()


def test_splits_share_their_episodes():
    """Paired comparisons: what a split does not change is, for a seed, as in `seen`."""
    draws = {}
    for level in CELLS:
        env = cells.make(LOAD, observation="flat", split=level)
        for seed in range(4):
            env.reset(seed=seed)
            draws[level, seed] = env.cell.draw
        env.close()
    for (level, seed), draw in draws.items():
        seen = draws["seen", seed]
        assert draw.start_m == seen.start_m
        assert draw.finger_friction == seen.finger_friction
        if not level.startswith("objects"):
            assert [(c.kind, c.colour, c.slot) for c in draw.candidates] == [
                (c.kind, c.colour, c.slot) for c in seen.candidates]  # fmt: skip
        if level.startswith(("objects", "wording")):
            assert draw.look == seen.look
    env = cells.make(LOAD, observation="flat", split="backgrounds-easy@1")
    env.reset(seed=0)
    assert env.cell.draw.look.cameras != draws["seen", 0].look.cameras
    env.close()


# --- Pictures ----------------------------------------------------------------------------------------


def pictures(level, seeds, env_id=LOAD):
    env = cells.make(env_id, **PICTURES, split=level)
    found = []
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        found.append({name: observation[f"image_{name}"] for name in PICTURES["cameras"]})
    env.close()
    return found


def test_what_varies_can_be_seen():
    seen = pictures("seen", range(3))
    for level in CELLS[1:]:
        changed = []
        for one, other in zip(seen, pictures(level, range(3)), strict=True):
            changed.append([(one[n] != other[n]).any(axis=-1).mean() for n in PICTURES["cameras"]])
        cell, tray = np.mean(changed, axis=0)
        if level.startswith("wording"):
            assert cell == tray == 0.0
        elif level.startswith("objects"):
            assert 0.0 < cell < 0.1
            assert 0.0 < tray < 0.2
        else:
            assert cell > 0.15, level
            assert tray > 0.3, level


def test_another_machine_is_seen_behind_tasks_without_one():
    env = cells.make("Monozukuri/PickPart-v0", **PICTURES, split="environments-hard", segmentation=True)
    observation, _ = env.reset(seed=0)
    assert "backdrop" in env.world.names
    assert (observation["segmentation_cell"] == 2).any()
    env.close()


@pytest.mark.parametrize("level", ["seen", "unseen-hard"])
def test_looks_change_no_motion(level):
    """What only cameras see touches nothing: with and without pictures the same bits."""
    bare = cells.make(LOAD, observation="flat", split=level)
    seen = cells.make(LOAD, observation="flat", split=level, render_mode="rgb_array")
    assert cells.stretch(bare, 3, 60, cells.expert) == cells.stretch(seen, 3, 60, cells.expert)
    bare.close()
    seen.close()


def test_heaps_lie_out_of_the_way():
    (x0, x1), (y0, y1) = HEAPS_M
    for number in range(40):
        for shape in heap(f"heap-{number}"):
            assert not shape.collides
            reach = math.hypot(*shape.size_m[:2]) / 2 if shape.kind == "box" else shape.size_m[0]
            assert x0 - 0.07 < shape.xyz_m[0] - reach
            assert shape.xyz_m[0] + reach < x1 + 0.07
            assert y0 - 0.07 < shape.xyz_m[1] < y1 + 0.07


def test_paint_changes_the_arm():
    assert len(PAINTS) >= 4
    env = cells.make(LOAD, **PICTURES, split="environments-hard")
    colours = set()
    for seed in range(6):
        env.reset(seed=seed)
        colours.add(env.cell.draw.look.arm)
    assert len(colours) >= 2
    assert "own" not in colours
    env.close()


@pytest.mark.slow
def test_resets_with_surfaces_leak_nothing():
    import resource

    env = cells.make(LOAD, **PICTURES, split="unseen-hard")
    for seed in range(300):
        env.reset(seed=seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(1000):
        env.reset(seed=seed)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
    env.close()


def test_the_committed_picture_is_of_all_cells():
    from PIL import Image

    from experiments import cells as gallery

    assert gallery.FILE.stat().st_size <= gallery.MOST_BYTES
    with Image.open(gallery.FILE) as image:
        assert image.size == gallery.picture("Reach").size
    page = (gallery.FILE.parent / "cells.md").read_text(encoding="utf-8")
    assert [name for name in CELLS[1:] if f"`{name}`" not in page] == []
