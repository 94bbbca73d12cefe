"""Recorded cycles and draws by hash."""

from collections import Counter

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401 (registers the ids)
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
from envs.shift.handling import RESULTS, Blank, Conditions, Skill
from envs.shift.physics import (
    FIRST_SEED,
    TASK_IDS,
    FullPhysicsHandling,
    episode,
    group_of,
    named_kind,
    record,
    split_of,
    stress_of,
)

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
        assert len(group.rows) >= 20
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


def test_who_was_recorded_more_often_meets_the_same_episode_as_often_as_can_be():
    """Of n episodes of the one and 5 n of the other a fifth is shared, and each comes up equally often."""
    few = Table(Skill("few"), (Group("load", False, 3, "", tuple(row(k) for k in range(10))),))
    many = Table(Skill("many"), (Group("load", False, 3, "", tuple(row(k) for k in range(50))),))
    handling = RecordedHandling(few, many)
    blanks = [Blank(draws.key(5, "blank", k), "shaft", "medium") for k in range(5000)]
    met = [[handling.load(name, b, LOOSE).episode for b in blanks] for name in ("few", "many")]
    shared = np.mean([a == b for a, b in zip(*met, strict=True)])
    assert shared == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 5000))
    counts = np.array(sorted(Counter(met[1]).values()))
    assert len(counts) == 50
    # Chi square of 49 degrees of freedom: mean 49, standard deviation 9.9.
    assert ((counts - 100) ** 2 / 100).sum() < 49 + 4 * 9.9


def test_groups_that_are_chosen_together_all_come_up():
    """Where several groups fit, cycles of one seed are several."""
    groups = tuple(
        Group("load", False, 0, stress, (row(1, duration_s=d),))
        for stress, d in (("", 1.0), ("oil_film:1", 2.0))
    )
    handling = RecordedHandling(Table(Skill("probe"), groups))
    blanks = [Blank(draws.key(6, "blank", k), "shaft", "medium") for k in range(60)]
    assert {handling.load("probe", b, Conditions()).duration_s for b in blanks} == {1.0, 2.0}


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


class PlanFollower:
    """The plan followed from the true state: `envs` has it without any agent."""

    def __init__(self, env):
        self.env = env

    def reset(self, instruction, seed):
        self.instruction = instruction

    def act(self, observation):
        return self.env.unwrapped.expert_action()


def prepare(task, options):
    env = gymnasium.make(task, observation="flat", control="ee_yaw", **options)
    return env, PlanFollower(env)


def test_full_physics_is_a_function_of_the_blank():
    handling = FullPhysicsHandling({"plan": prepare}, {"plan": Skill("plan")})
    blank = Blank(draws.key(1, "blank", 4), "ring", "medium")
    first = handling.load("plan", blank, LOOSE)
    out = handling.unload("plan", blank, LOOSE)
    assert first.result in RESULTS
    assert 1.0 < first.duration_s < 16.0
    assert first.energy_j > 0.0
    assert out.result in RESULTS
    assert handling.load("plan", blank, LOOSE) == first
    with pytest.raises(ValueError, match="skill 'other' is unknown"):
        handling.load("other", blank, LOOSE)
    with pytest.raises(ValueError, match="family 'block'"):
        handling.load("plan", blank._replace(family="block"), LOOSE)
    handling.close()


@pytest.mark.parametrize("task", TASK_IDS)
@pytest.mark.parametrize("stress", [False, True])
def test_what_is_drawn_is_what_is_built(task, stress):
    """An episode is chosen by its part before anything is built; the draw is the same."""
    for novel in (False, True):
        options = {"split": split_of(task, nested=False, novel=novel), "stress": stress_of(task, 3 * stress)}
        env, _ = prepare(TASK_IDS[task], options)
        for seed in range(FIRST_SEED, FIRST_SEED + 8):
            kind = named_kind(env.unwrapped, seed)
            env.reset(seed=seed)
            assert kind == env.unwrapped.cell.draw.candidates[0].kind
        env.close()


class Doubter(PlanFollower):
    """Doubts from its tenth action on, also when it holds the part already."""

    n = 0

    @property
    def doubts(self):
        return self.n >= 10

    def act(self, observation):
        self.n += 1
        return super().act(observation)


def test_a_cycle_tells_when_it_was_first_doubted():
    """It goes on all the same; no doubt is told of who has none."""
    env, plain = prepare("Monozukuri/LoadChuck-v0", {"split": "seen", "stress": ""})
    sure, doubted = episode(env, plain, FIRST_SEED), episode(env, Doubter(env), FIRST_SEED)
    env.close()
    assert sure.doubted_s < 0
    assert doubted.doubted_s == pytest.approx(9 * 0.05)  # before the tenth of its periods
    assert doubted._replace(doubted_s=sure.doubted_s) == sure


def test_recorded_is_what_physics_does():
    """A recorded group holds the very episodes: resampling it and stepping them agree."""
    seeds = range(FIRST_SEED, FIRST_SEED + 2)
    rows = list(record(prepare, task="load", nested=True, strength=0, seeds=seeds))
    assert [r.seed for r in rows] == list(seeds)
    again = list(record(prepare, task="load", nested=True, strength=0, seeds=seeds))
    assert rows == again
    one = Table(Skill("plan"), (group_of(rows, task="load", nested=True, strength=0),))
    outcome = RecordedHandling(one).load("plan", Blank(5, "none of them", "medium"), Conditions(True))
    assert outcome.duration_s in {r.duration_s for r in rows}
    if "skilled" in recorded_skills():  # the same episodes, done by the same expert
        shipped = {r.seed: r for g in load_table("skilled").groups for r in g.rows if g.task == "load"}
        nominal = next(
            g for g in load_table("skilled").groups if (g.task, g.nested, g.strength) == ("load", True, 0)
        )
        assert set(seeds) <= set(shipped)
        for r in rows:
            kept = next(k for k in nominal.rows if k.seed == r.seed)
            assert (kept.family, kept.size, kept.result) == (r.family, r.size, r.result)


def test_where_it_lies_and_what_moved_choose_the_group():
    def group(nested, strength, stress, s):
        return Group("load", nested, strength, stress, (row(1, duration_s=s),))

    groups = (
        group(True, 0, "", 1.0), group(False, 0, "", 2.0), group(False, 3, "chips:3,oil_film:3", 3.0),
        group(False, 3, "chips:3,fixture_offset:3", 4.0),
    )  # fmt: skip
    handling = RecordedHandling(Table(Skill("probe"), groups))
    blank = Blank(1, "shaft", "medium")

    def took(nested, **strengths):
        return handling.load("probe", blank, Conditions(nested, strengths)).duration_s

    assert took(True) == 1.0
    assert took(False) == 2.0
    assert took(False, oil_film=3) == 3.0
    assert took(False, oil_film=3, fixture_offset=3) == 4.0


def test_what_is_novel_and_of_which_size_choose_the_cycles():
    def sized(size, s):
        return row(1, duration_s=s)._replace(size=size)

    known = Group("load", False, 0, "", (sized("small", 1.0), sized("medium", 2.0)))
    novel = Group("load", False, 0, "", (sized("medium", 3.0)._replace(family="star"),), novel=True)
    both, without = (Table(Skill("probe"), groups) for groups in ((known, novel), (known,)))
    blank = Blank(1, "shaft", "medium")

    def took(table, blank):
        return RecordedHandling(table).load("probe", blank, Conditions()).duration_s

    assert took(both, blank) == 2.0
    assert took(both, blank._replace(size="small")) == 1.0
    assert took(both, blank._replace(novel=True)) == 3.0
    assert took(without, blank._replace(novel=True)) == 2.0  # nothing better stands for it
    assert both.n == {"load loose 0": 2, "load novel 0": 1}
