"""Instructions: what is said is what is asked for, read back whatever the words; unseen ones are unseen."""

import cells
import gymnasium
import numpy as np
import pytest

import envs
from configs import extensions
from envs.cell import language
from envs.cell.instructions import instructions, orders
from envs.cell.language import LEVELS, Wording, parse, say, templates
from envs.cell.parts import COLOURS
from envs.cell.variation import CELLS, UNSEEN, split

# The grammar has no words for tasks and parts from outside.
OUTSIDE = extensions.added("tasks")
OWN_IDS = [i for i in envs.CELL_IDS if gymnasium.spec(i).kwargs["task"] not in OUTSIDE]


def test_there_are_as_many_as_are_asked_for():
    """By what they mean, and by the letter."""
    seen, unseen = (
        set(orders("seen")),
        {order for level in UNSEEN[:2] for order in orders(level)} - set(orders("seen")),
    )
    assert len(seen) >= 200
    assert len(unseen) >= 280
    assert len(set(instructions("seen"))) >= 200
    assert len(set(instructions("objects-easy")) - set(instructions("seen"))) >= 280


def test_there_are_as_many_for_one_network_that_learns_every_task_it_can_see():
    from agents.vla.training import TASKS

    found = {
        level: {order for order, task in orders(level) if task in TASKS} for level in ("seen", *UNSEEN[:2])
    }
    assert len(found["seen"]) >= 200
    assert len(found["objects-easy"] | found["objects-hard"]) >= 280
    assert not found["seen"] & found["objects-easy"]
    verbs = {order.verb for order in found["seen"]}
    assert verbs == {"load", "unload", "sort", "stack", "insert", "measure"}


@pytest.mark.parametrize("level", CELLS)
def test_every_sentence_is_read_back(level):
    """Every eleventh order of each cell, in the cell's own words."""
    chosen = split(level).choices
    into = {task.name: task.into for task in map(task_of, envs.TASKS)}
    for k, (order, task) in enumerate(orders(level)[::11]):
        wording = Wording(chosen["wording"][k % len(chosen["wording"])], chosen["words"][0], k, sized=True)
        text = say(order, wording, into[task])
        assert language.unknown_words(text) == ()
        assert len(language.words(text)) <= language.TOKENS
        read = parse(text)
        assert (read.verb, read.part, read.colour, read.target) == (
            order.verb, order.part, order.colour, order.target), text  # fmt: skip
        assert read.size == order.size, text
        assert 1 not in language.encode(text)


def task_of(name):
    from envs.cell.core import task_class

    spec = gymnasium.spec(f"Monozukuri/{name}-v0")
    return task_class(spec.kwargs["task"])


@pytest.mark.parametrize("env_id", OWN_IDS)
def test_an_episode_says_what_its_success_asks_for(env_id):
    for level in ("seen", "unseen-hard"):
        env = cells.make(env_id, split=level, observation="flat")
        for seed in range(12):
            _, info = env.reset(seed=seed)
            read, draw = parse(info["instruction"]), env.cell.draw
            assert read.verb == env.task.verb
            if not env.task.parts:
                continue
            named = draw.candidates[0]
            assert (read.colour, read.part) == (named.colour, named.kind.word)
            assert read.size in ("", named.kind.size)
            assert read.slot in (0, named.slot)
            assert read.target in ("", env.task.target_of(draw))
            meant = [
                c for c in draw.candidates
                if (c.colour, c.kind.word) == (read.colour, read.part) and read.size in ("", c.kind.size)
            ]  # fmt: skip
            assert meant == [named], info["instruction"]
        env.close()


@pytest.mark.parametrize(
    "env_id", [pytest.param(i, marks=pytest.mark.slow if "Tend" in i else ()) for i in OWN_IDS]
)
def test_a_sentence_makes_a_scene_that_the_expert_can_do(env_id):
    """A sample of the sentences of all unseen cells, each done by the expert in the scene made for it."""
    name = env_id.removeprefix("Monozukuri/").removesuffix("-v0")
    for k, level in enumerate(("seen", "unseen-hard")):
        env = cells.make(env_id, split=level, observation="flat")
        mine = [order for order, task in orders(level) if task == name]
        rng = np.random.default_rng([k, len(mine)])
        order = mine[int(rng.integers(len(mine)))]
        text = say(order, Wording("plain", "usual", 0, sized=True), env.task.into)
        env.reset(seed=5, options={"instruction": text})
        assert env.instruction == text
        if env.task.parts:
            named = env.cell.draw.candidates[0]
            assert (named.colour, named.kind.word, named.kind.size) == (order.colour, order.part, order.size)
            assert env.task.target_of(env.cell.draw) == order.target
        done = False
        while not done:
            *_, won, cut, info = env.step(env.expert_action())
            done = won or cut
        assert info["is_success"], (level, text)
        env.close()


def test_seen_and_unseen_words_have_nothing_in_common():
    assert not set(templates("seen").values()) & set(templates("unseen").values())
    lexicon = language._lexicon()  # refuses a phrase that stands for two things
    for kind in language.KINDS:
        for word in [w for k, w in lexicon.values() if k == kind]:
            seen, unseen = (set(language.synonyms(kind, word, level)) for level in LEVELS)
            assert not seen & unseen
            assert word not in seen | unseen
    for phrase in lexicon:
        assert language.unknown_words(phrase) == ()
    assert set(COLOURS) <= set(language._book()["colours"])


def test_unseen_synonyms_replace_at_least_one_word():
    for order, _ in orders("seen")[::11]:
        usual = say(order, Wording("plain"), "into")
        for style in range(8):
            said = say(order, Wording("plain", "unseen", style), "into")
            assert said != usual
            assert parse(said).verb == order.verb


def test_the_vocabulary_only_grows():
    first = "<pad> <unknown> load pick up reach move put into the a from to slot 1 2 3 4 5 6".split()  # noqa: SIM905
    assert language.VOCABULARY[: len(first)] == tuple(first)
    assert len(set(language.VOCABULARY)) == len(language.VOCABULARY)
    assert language.VOCABULARY[63:66] == ("onto", "fixture", "yellow")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lade die rote Welle", "unknown words lade, die, rote, welle"),
        ("赤いシャフトを入れて", "unknown words"),
        ("the red shaft", "no verb"),
        ("sort the red shaft into the scrap", "LoadChuck is about 'load'"),
        ("load the red block into the chuck", "a block does not suit LoadChuck"),
        ("load the red shaft into the vise", "'vise' is no place of LoadChuck"),
        ("load the red shaft from slot 9 into the chuck", "slot 9: allowed are 1 to 4"),
        ("", "a sentence is needed"),
        (7, "a sentence is needed"),
    ],
)
def test_a_sentence_that_does_not_suit_is_one_line(text, told):
    env = cells.make("Monozukuri/LoadChuck-v0", observation="flat")
    with pytest.raises(ValueError, match=told) as caught:
        env.reset(seed=0, options={"instruction": text})
    assert "\n" not in str(caught.value)
    env.reset(seed=0)
    env.close()
