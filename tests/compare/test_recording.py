"""Recording of full-physics cycles: gone on with, and the same for any number of processes."""

from collections import Counter

import pytest

from envs.shift.cycles import load_table, read_table
from envs.shift.physics import FIRST_SEED, TASK_IDS, episode
from experiments import evaluation
from experiments.comparison import makers
from experiments.comparison.modes import load_mode
from experiments.errors import UserError


def read(path):
    return read_table(path.read_text(encoding="utf-8"), str(path))


def test_recording_goes_on_where_it_was_and_does_not_depend_on_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(makers, "_PIECE", 2)
    counted = []
    makers.record_cycles("expert", tmp_path / "a.json", 2, (0,), on_done=counted.append)
    assert sum(counted) == 2 * 3  # load nested, load loose, unload
    first = read(tmp_path / "a.json")
    assert set(first.n.values()) == {2}
    counted.clear()
    makers.record_cycles("expert", tmp_path / "a.json", 3, (0,), on_done=counted.append)
    assert counted[0] == 2 * 3
    assert sum(counted) == 3 * 3
    makers.record_cycles("expert", tmp_path / "b.json", 3, (0,), workers=2)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    for before, after in zip(first.groups, read(tmp_path / "a.json").groups, strict=True):
        assert after.rows[:2] == before.rows
        assert [row.seed for row in after.rows] == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]


def test_a_strength_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"strength .?6"):
        makers.record_cycles("expert", tmp_path / "a.json", 1, (6,))
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    ("who", "loads", "unloads"),
    [
        ("integrator", "integrator", "taught"),
        ("expert", "expert", "expert"),
        ("LoadChuck-vla-keyframe-s0", "docs/policies/LoadChuck-vla-keyframe-s0", "taught"),
        ("docs/policies/LoadChuck-vla-keyframe-s1", "docs/policies/LoadChuck-vla-keyframe-s1", "taught"),
    ],
)
def test_who_did_not_learn_to_unload_does_it_as_taught(who, loads, unloads):
    assert makers.actor_of(who, "LoadChuck") == loads
    assert makers.actor_of(who, "UnloadChuck") == unloads


@pytest.mark.parametrize("name", ["automated", "autonomous"])
def test_either_side_has_500_cycles_of_each_kind_of_load(name):
    """Over all of a way's policies."""
    n = Counter()
    for skill in load_mode(name).handling:
        for group in load_table(skill).groups:
            if group.task == "load":
                n[group.nested, group.novel, group.strength, group.moved] += len(group.rows)
    assert len(n) >= 14
    assert min(n.values()) >= 500


@pytest.mark.parametrize(
    ("who", "needs_teaching"), [("expert", True), ("docs/policies/LoadChuck-vla-keyframe-s1", False)]
)
def test_only_a_learned_skill_meets_novel_parts(who, needs_teaching):
    skill = makers.skill_named(who)
    assert skill.needs_teaching is needs_teaching
    assert any(which.novel for which in makers.groups_of(skill)) is not needs_teaching


def test_teaching_is_done_once_and_nobody_is_shared(monkeypatch):
    """Two environments of a kind: two policies, each bound to its own, prepared once."""
    asked = []
    prepared = evaluation.prepared

    def noted(*names):
        asked.append(names)
        return prepared(*names)

    monkeypatch.setattr(evaluation, "prepared", noted)
    makers._prepared.cache_clear()
    pairs = [makers.maker("expert")(TASK_IDS["load"], {"split": "seen", "stress": ""}) for _ in range(2)]
    seeds = FIRST_SEED, FIRST_SEED + 1
    alone = [episode(*pairs[0], seed) for seed in seeds]
    across = [episode(*pair, seed) for pair, seed in zip(pairs, seeds, strict=True)]
    for env, _ in pairs:
        env.close()
    assert len(asked) == 1
    assert pairs[0][1] is not pairs[1][1]
    assert across == alone
