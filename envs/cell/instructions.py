"""All that can be asked of the cell in a split: orders, and sentences for them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from envs import CELL_IDS
from envs.cell.language import Order, Wording, say
from envs.cell.stations import station
from envs.cell.task import Task
from envs.cell.variation import split


def cell_tasks() -> tuple[type[Task], ...]:
    """The classes of all tasks of the cell."""
    import gymnasium

    from envs.cell.core import task_class

    return tuple(task_class(gymnasium.spec(env_id).kwargs["task"]) for env_id in CELL_IDS)


@lru_cache(maxsize=16)
def orders(level: str) -> tuple[tuple[Order, str], ...]:
    """All that a split's episodes can ask for, slots left open, each with the task that does it."""
    return tuple(dict.fromkeys(_orders(level)))


def _orders(level: str) -> Iterator[tuple[Order, str]]:
    chosen = split(level)
    types, sizes = chosen.types, chosen.choices["sizes"]
    for task in cell_tasks():
        if not task.parts:
            yield Order(task.verb, task.thing), task.name
            continue
        source = task.workholding if task.starts_in_machine else ""
        for colour, family in chosen.pairs("named"):
            kind = types[family]["medium"]
            if task.workholding not in ("", kind.workholding) or (
                task.families and family not in task.families
            ):
                continue
            for size in sizes:
                for target in _targets(task, level, (colour, family)):
                    yield Order(task.verb, kind.word, colour, size, 0, source, target), task.name


def _targets(task: type[Task], level: str, named: tuple[str, str]) -> list[str]:
    """Places by their words; for stacking, the other parts."""
    if task.name == "StackParts":
        chosen = split(level)
        others = [pair for pair in chosen.pairs("others") if pair != named]
        return [f"{colour} {chosen.types[family]['medium'].word}" for colour, family in others]
    if task.target or not task.stations:
        return [task.target]
    return [station(name).word for name in task.stations]


@lru_cache(maxsize=16)
def instructions(level: str) -> tuple[str, ...]:
    """A distinct sentence for each order of a split, templates and synonyms in turn; see `orders`."""
    chosen, into = split(level), {task.name: task.into for task in cell_tasks()}
    templates, words = chosen.choices["wording"], chosen.choices["words"]
    found = {}
    for k, (order, task) in enumerate(orders(level)):
        wording = Wording(templates[k % len(templates)], words[k % len(words)], k, sized=True)
        found[say(order, wording, into[task])] = task
    return tuple(found)
