"""What a task is: a scene, a goal, a plan, success and reward terms; one file in `tasks/` each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from envs.cell.candidates import ambiguous
from envs.cell.draw import Draw
from envs.cell.language import Order, say
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from robots.spec import Vec3


class Task(ABC):
    """A task in a cell.

    A subclass states its constants, its goal (`achieved`, `desired`, `tolerance`), when all other conditions
    of success hold (`done`), the reward terms and the plan. Success is held for `HOLD_STEPS` steps.
    """

    name: ClassVar[str]
    verb: ClassVar[str]
    thing: ClassVar[str] = "target position"  # what it is about, where there are no parts
    into: ClassVar[str] = "into"  # what stands before the target
    target: ClassVar[str] = ""  # where the part goes, such as "chuck"
    parts: ClassVar[bool] = True
    machines: ClassVar[tuple[str, ...]] = ()  # those that it can be done with, the usual one first
    workholding: ClassVar[str] = ""  # what the named part must suit: "chuck", "vise", "" for any
    families: ClassVar[tuple[str, ...]] = ()  # that the named part may be of; () for all of the split
    factors: ClassVar[tuple[str, ...]] = ()  # from outside, which it finds in `Draw.extra`
    commands: ClassVar[bool] = False  # whether actions end with a request to the machine
    cycle_s: ClassVar[float] = 0.0  # machining time, where it is not the machine's own
    starts_in_machine: ClassVar[bool] = False
    stations: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[bool] = False  # whether the named part belongs at `destination_m`
    handle: ClassVar[bool] = False  # whether it is about the handle of the machine's door
    options: ClassVar[Mapping[str, tuple[Any, ...]]] = {}  # of its own, the usual value first
    rate_hz: ClassVar[int] = 300
    max_steps: ClassVar[int] = 200
    weights: ClassVar[Mapping[str, float]] = {}
    tolerance: ClassVar[tuple[float, ...]] = ()
    goals: ClassVar[tuple[str, ...]] = ()  # what the numbers of the goal are, with "[unit]" where it has one
    view: ClassVar[str] = "cell"  # of `layout.VIEWS`: from where people see what matters
    norm: ClassVar[bool] = False  # the first three numbers of the goal are a position, judged by distance
    HOLD_STEPS: ClassVar[int] = 5

    def __init__(self, **chosen: Any):
        """Takes `options`; what is not chosen is as usual."""
        self.chosen = {name: chosen.get(name, allowed[0]) for name, allowed in self.options.items()}

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """Adds to a draw what only this task draws; `spread` 0 stands for the middle of every range."""
        return draw

    def destination_m(self, cell: Cell, now: Snapshot) -> Vec3:
        """Where the middle of the named part's bottom belongs (world), for tasks that put it somewhere."""
        return cell.draw.goal_m

    def say(self, draw: Draw) -> str:
        """The episode's instruction."""
        wording, named = draw.wording, draw.candidates[:1]
        if named and ambiguous([(c.colour, c.kind.word) for c in draw.candidates], 0):
            wording = replace(wording, sized=True)
        return say(self.order(draw), wording, self.into)

    def order(self, draw: Draw) -> Order:
        """What the episode's instruction asks for."""
        if not draw.candidates:
            return Order(self.verb, self.thing)
        named = draw.candidates[0]
        return Order(
            self.verb,
            named.kind.word,
            named.colour,
            named.kind.size,
            named.slot,
            "" if named.slot else self.workholding,
            self.target_of(draw),
        )

    def target_of(self, draw: Draw) -> str:
        """Where the part goes, in the usual words, such as "chuck"; "" for nowhere."""
        return self.target

    @abstractmethod
    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """The achieved goal, as many numbers as `tolerance`."""

    @abstractmethod
    def desired(self, cell: Cell) -> list[float]:
        """The desired goal."""

    @abstractmethod
    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """Reward terms in [0, 1] by name."""

    @abstractmethod
    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Key poses that remain from the true state; never empty."""

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """Figures in engineering units that go into `info`; `achieved` is what `achieved()` gave."""
        return {}
