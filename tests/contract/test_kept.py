"""What is kept from step to step, as it is told of what lies at rest, is what would be worked out anew."""

import sys

import cells
import pytest

import envs
from envs.cell import kept as module
from envs.cell.part_state import PartState

STEPS = 60


@pytest.fixture
def nothing_kept(monkeypatch):
    """A call that has every kept function work out its answer at every call; returns how many there are."""

    def forget():
        code, n = module.kept(len).__code__, 0
        for name, one in list(sys.modules.items()):
            if name.startswith("envs.cell"):
                for key, value in list(vars(one).items()):
                    if getattr(value, "__code__", None) is code:
                        monkeypatch.setattr(one, key, value.__wrapped__)
                        n += 1
        return n

    return forget


def test_an_answer_is_kept_for_the_same_arguments_only():
    asked = []

    @module.kept
    def twice(number, other):
        asked.append(number)
        return 2 * number + other

    assert [twice(1, 0), twice(1, 0), twice(2, 0), twice(2, 1), twice(1, 0)] == [2, 2, 4, 5, 2]
    assert asked == [1, 2, 2, 1]


@pytest.mark.parametrize("env_id", envs.CELL_IDS)
def test_keeping_changes_nothing(env_id, nothing_kept):
    env, other = cells.make(env_id), cells.make(env_id)
    # Two cells in turns: what is kept of the one must not be told of the other.
    pairs = zip(_trail(env, 3), _trail(other, 4), strict=True)
    kept, kept_other = zip(*pairs, strict=True)
    assert nothing_kept()
    assert tuple(_trail(env, 3)) == kept
    assert tuple(_trail(other, 4)) == kept_other
    env.close()
    other.close()


def _act(env, rng, step):
    return (cells.random_action if step < 10 else cells.expert)(env, rng, step)


def _trail(env, seed):
    """The bytes of so many steps, one episode after the other; what the cell keeps is checked at each."""
    played = iter(())
    for _ in range(STEPS):
        step = next(played, None)
        if step is None:
            played, seed = cells.play(env, seed, _act), seed + 10
            step = next(played)
        _check(env.cell)
        observation, reward, _, _, info = step
        yield cells.raw(observation), reward, cells.raw_info(info)


def _check(cell):
    poses = [cell.world.pose(body) for body in cell.bodies]
    parts = [
        PartState.of(kind, *pose, level=cell.level) for kind, pose in zip(cell.kinds, poses, strict=True)
    ]
    assert cell._parts == parts
    assert cell._seats == cell._sensed(parts)
