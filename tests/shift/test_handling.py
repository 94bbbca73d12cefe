"""Recorded cycles and draws by hash."""

from collections import Counter

import numpy as np
import pytest

from envs.shift import draws
from envs.shift.cycles import (
    Group,
    RecordedHandling,
    Row,
    Table,
    load_table,
    merged,
    read_table,
    recorded_skills,
    write_table,
)
from envs.shift.handling import Blank, Conditions, Skill

LOOSE = Conditions(False, {"chips": 3})


def row(seed, family="shaft", result="seated", duration_s=4.0):
    return Row(seed, family, "medium", duration_s, result, 0.0, 0.01, 100.0, 1, 1)


def table(name="probe", strengths=(0, 3, 5)):
    groups = [
        Group("load", nested, s, "", tuple(row(k, duration_s=float(1 + s)) for k in range(10)))
        for nested in (True, False)
        for s in strengths
    ]
    return Table(Skill(name), tuple(groups))


@pytest.mark.parametrize("name", recorded_skills())
def test_tables_that_ship(name):
    shipped = load_table(name)
    assert shipped.skill.name == name
    assert {g.task for g in shipped.groups} == {"load", "unload"}
    for group in shipped.groups:
        assert len(group.rows) >= 40
        seeds = [r.seed for r in group.rows]
        assert seeds == sorted(set(seeds))
        for r in group.rows:
            assert r.result != "seated" or (r.gap_mm <= 0.1 and r.runout_mm <= 0.1)


def test_skills_meet_the_same_episode():
    """Which cycle a blank meets follows from its key, not from who handles it."""
    handling = RecordedHandling(table("a"), table("b"))
    for k in range(50):
        blank = Blank(draws.key(1, "blank", k), "shaft", "medium")
        assert handling.load("a", blank, LOOSE).episode == handling.load("b", blank, LOOSE).episode


def test_strengths_between_are_mixed():
    handling = RecordedHandling(table())
    between = Conditions(False, {"oil_film": 4})
    seen = Counter(
        handling.load("probe", Blank(draws.key(2, "blank", k), "shaft", "medium"), between).duration_s
        for k in range(2000)
    )
    assert set(seen) == {4.0, 6.0}
    assert seen[4.0] / 2000 == pytest.approx(0.5, abs=0.05)


def test_tables_round_trip(tmp_path):
    one = table()
    write_table(one, tmp_path / "probe.json")
    again = load_table(tmp_path / "probe.json")
    assert again == one
    more = Group("unload", False, 0, "", (row(1),))
    assert merged(again, [more]).n["unload loose 0"] == 1
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"skill": {"name": "x"}, "groups": [{"task": "juggle"}]}',
        '{"skill": 3, "groups": []}',
    ],
)
def test_bad_tables_are_one_line(text):
    with pytest.raises(ValueError, match=r"^here: not a table of cycles") as error:
        read_table(text, "here")
    assert "\n" not in str(error.value)


def test_draws_are_uniform_and_unrelated():
    numbers = np.array([draws.uniform(7, "hardness", k) for k in range(20_000)])
    other = np.array([draws.uniform(7, "chips", k) for k in range(20_000)])
    assert numbers.mean() == pytest.approx(0.5, abs=0.01)
    assert numbers.std() == pytest.approx(12**-0.5, abs=0.01)
    assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03
    assert draws.uniform(7, "hardness", 3) == draws.uniform(7, "hardness", 3)
    assert draws.uniform(8, "hardness", 3) != draws.uniform(7, "hardness", 3)
