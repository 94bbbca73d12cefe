"""What a reset is asked for: another named part of the same scene, or a scene for a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from envs.cell.candidates import Wish
from envs.cell.draw import Draw
from envs.cell.language import parse
from envs.cell.stations import STATIONS
from envs.cell.task import Task
from envs.cell.variation import Split

RESET_OPTIONS = ("named", "instruction")


@dataclass(frozen=True)
class Asked:
    """The reset's options, checked.

    Attributes:
        named: Which candidate is the named part, as numbered in `info["candidates"]`; None for the usual one.
        text: The sentence that the scene is made for; "" for none.
        wish: What that asks of the scene.
    """

    named: int | None = None
    text: str = ""
    wish: Wish | None = None


def asked(task: Task, split: Split, options: Mapping[str, Any] | None) -> Asked:
    """Checks a reset's options.

    Raises:
        ValueError: for what this task cannot be asked for, in one line.
    """
    for name in options or {}:
        if name not in RESET_OPTIONS:
            raise ValueError(f"unknown reset option {name!r}: allowed are {', '.join(RESET_OPTIONS)}")
    if not options:
        return Asked()
    if len(options) > 1:
        raise ValueError("reset options named and instruction: only one of them")
    if "named" in options:
        k = options["named"]
        if isinstance(k, bool) or not isinstance(k, int):
            raise ValueError(f"named {k!r}: a whole number, as in info['candidates'], is needed")
        if not task.parts and k != 0:
            raise ValueError(f"named {k}: {task.name} has no parts")
        return Asked(k) if task.parts else Asked()
    text = options["instruction"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"instruction {text!r}: a sentence is needed")
    return Asked(text=text, wish=_wish(task, split, text))


def _wish(task: Task, split: Split, text: str) -> Wish | None:
    order = parse(text)
    if order.verb != task.verb:
        raise ValueError(
            f"instruction {text!r}: {task.name} is about {task.verb!r}, this about {order.verb!r}"
        )
    if not task.parts:
        if order.part != task.thing:
            raise ValueError(f"instruction {text!r}: {task.name} is about the {task.thing}")
        return None
    words = {sizes["medium"].word: family for family, sizes in split.types.items()}
    family = words.get(order.part, "")
    if family:
        kind = split.types[family]["medium"]
        fits = task.workholding in ("", kind.workholding) and (not task.families or family in task.families)
        if not fits:
            raise ValueError(f"instruction {text!r}: a {order.part} does not suit {task.name}")
    if not 0 <= order.slot <= 4:
        raise ValueError(f"instruction {text!r}: slot {order.slot}: allowed are 1 to 4")
    below, target = ("", ""), order.target
    *_, colour, word = ("", "", *target.split())
    if word in words:
        below = (colour, words[word])
        if below == (order.colour, family):
            raise ValueError(f"instruction {text!r}: a part cannot be stacked on itself")
    else:
        places = {STATIONS[name].word: name for name in task.stations} | {task.target: task.target}
        if target and target not in places:
            raise ValueError(f"instruction {text!r}: {target!r} is no place of {task.name}")
        target = places.get(target, "")
    return Wish(family, order.colour, order.size, order.slot, target, below)


def renamed(draw: Draw, k: int, task: str) -> Draw:
    """The same scene with candidate `k` as the named part; the others follow in their order.

    Raises:
        ValueError: where the task cannot be about that candidate, or there is none.
    """
    some = draw.candidates
    if k not in draw.nameable:
        told = ", ".join(f"{i} ({some[i].described})" for i in draw.nameable) or "none"
        raise ValueError(f"named {k}: {task} can name {told} in this scene")
    return replace(draw, candidates=(some[k], *some[:k], *some[k + 1 :]))
