"""The upper bound does what it planned, and knows nothing that has not fallen yet."""

from dataclasses import replace

import numpy as np
import pytest

from envs.machining.best import grid
from envs.machining.lots import Batch
from envs.machining.machine import under_way
from envs.machining.process import names, process

LANES = 16


def begun(name):
    batch = Batch(name, "nominal", LANES)
    batch.begin(np.arange(LANES), np.zeros(LANES, int))
    return batch


@pytest.mark.parametrize("name", names())
def test_a_depth_takes_the_passes_that_were_planned_in_single_precision_too(name):
    """An action is of single precision; a depth rounded down takes a pass more."""
    batch = begun(name)

    def minutes(depth):
        action = np.zeros((8, LANES), np.float32)
        action[2] = depth
        setting = batch.setting(action.astype(float))
        return under_way(batch.process, batch.lanes, batch.state, setting).load.cutting_min

    for depth in np.unique(grid(process(name))[2]):
        np.testing.assert_array_equal(minutes(depth), minutes(depth + 1e-4))
        assert (minutes(depth - 1e-4) > 1.01 * minutes(depth)).all()  # the least that will do


@pytest.mark.parametrize("name", names())
def test_an_edge_that_is_not_in_yet_is_as_one_expects_it(name):
    batch = begun(name)
    state = replace(batch.state, setting_um=np.full(LANES, 5.0), scatter=np.full(LANES, 1.7))
    setting = replace(batch.setting(np.zeros((8, LANES))), change=np.arange(LANES) % 2 == 0)
    new, old = setting.change, ~setting.change
    expected = under_way(batch.process, batch.lanes, state, setting, drawn=False).state
    drawn = under_way(batch.process, batch.lanes, state, setting).state
    assert (expected.scatter[new] == 1.0).all()
    assert (expected.setting_um[new] == 0.0).all()
    assert len(np.unique(drawn.scatter[new])) == len(np.unique(drawn.setting_um[new])) == new.sum()
    for state in (expected, drawn):  # what is in stays what it is
        assert (state.scatter[old] == 1.7).all()
        assert (state.setting_um[old] == 5.0).all()
