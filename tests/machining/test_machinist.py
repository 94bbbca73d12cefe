"""The machinist at the machine: what a new edge does to the size, what chatters and what only shakes."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401
from agents import catalog
from agents.machining import CHANGE, Machinist
from envs.machining.variation import Split, split

TASK, LOTS = "MillPockets", 48


@pytest.fixture(scope="module")
def hyper():
    return catalog.create("machinist", TASK).hyper


def cut(rule, **factors):
    """Lots on validation seeds; returns their scores, and by part whether it was good and the edge new."""
    env = gymnasium.make_vec(f"Monozukuri/{TASK}-v0", num_envs=LOTS, observation="signals")
    seen = split("seen")
    env.unwrapped.batch.split = Split("practice", "", seen.seeds, {**seen.factors, **factors})
    observation, _ = env.reset(seed=seen.seeds["validation"][0])
    good, changed, over = [], [], False
    while not over:
        act = rule.act(observation)
        observation, _, _, ended, info = env.step(act)
        good.append(info["good"])
        changed.append(act[:, CHANGE] > 0.5)
        over = ended.all()
    return info["score"], np.stack(good), np.stack(changed)


def test_the_first_part_of_a_new_edge_is_good(hyper):
    _, good, changed = cut(Machinist(hyper))
    _, before, also = cut(Machinist(replace(hyper, um_per_loud=0.0)))
    assert changed.sum() > 20
    assert good[changed].mean() > 0.8
    assert before[also].mean() < 0.5


def test_it_answers_chatter_on_a_machine_that_it_never_met_and_keeps_the_answer(hyper):
    weak = {"stiffness": (0.55, 0.75), "frequency": (0.85, 1.2)}
    score, good, _ = cut(Machinist(hyper), **weak)
    deaf, _, _ = cut(Machinist(replace(hyper, shaking_mm_s=100.0)), **weak)
    forgets, _, _ = cut(Machinist(replace(hyper, creep=0.1)), **weak)
    assert score.mean() > forgets.mean() > deaf.mean()
    assert good[16:].mean() > 0.95


def signals(**values):
    usual = {"vibration_mm_s": 0.85, "acoustic": 0.65, "ra_share": 0.67, "has_reading": 1.0,
             "parts_since_reading": 0.0}  # fmt: skip
    return {name: np.array([value]) for name, value in (usual | values).items()}


@pytest.mark.parametrize(
    ("seen", "heard", "shaking"),
    [
        ({}, False, False),
        ({"vibration_mm_s": 1.4, "acoustic": 1.3}, False, False),  # a worn edge
        ({"vibration_mm_s": 1.65, "acoustic": 0.8, "ra_share": 1.0}, True, True),  # chatter
        ({"vibration_mm_s": 1.65}, True, False),  # a loose jaw
        ({"vibration_mm_s": 1.65, "parts_since_reading": 2.0}, True, True),  # nobody has looked for a while
        ({"vibration_mm_s": 1.65, "has_reading": 0.0}, True, True),
    ],
)
def test_it_tells_chatter_from_a_worn_edge_and_a_loose_jaw(hyper, seen, heard, shaking):
    assert [bool(found[0]) for found in Machinist(hyper).hears(signals(**seen))] == [heard, shaking]
