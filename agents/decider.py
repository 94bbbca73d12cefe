"""Who decides in a shift: a decision point with its allowed tools and its view goes in, an answer comes out.

A decider fills one role or several. It sees what sensors, ledger and order book tell, as plain numbers and
texts, and answers with one of the tools that are allowed; the shift's interlocks refuse everything else.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROLES = ("loading", "machining", "tool_care", "measuring", "dispatch", "fault_handling", "changeover")
View = Mapping[str, Any]


class Answer(NamedTuple):
    """What is to be done: a tool, values for its fields, and the reason in words."""

    tool: str
    values: Mapping[str, float | str]
    why: str


class Asked(NamedTuple):
    """A decision point, with a view that is asked for numbers.

    Attributes:
        time_s: Simulated time.
        role: Whose turn it is.
        tools: Allowed now; the first is always safe.
        view: What is known.
    """

    time_s: float
    role: str
    tools: tuple[str, ...]
    view: View

    def number(self, key: str, default: float = 0.0) -> float:
        """Return a number of the view, the default where it is unknown or no number."""
        value = self.view.get(key)
        return float(value) if isinstance(value, int | float) else default

    def text(self, key: str) -> str:
        """Return a text of the view, "" where it is unknown."""
        value = self.view.get(key)
        return value if isinstance(value, str) else ""

    def first(self, why: str, *wanted: str, **values: float | str) -> Answer:
        """Return the first wanted tool that is allowed, the safe one where none is.

        Args:
            why: The reason.
            wanted: Tools, the best first.
            values: For the first of them; the others take their defaults.
        """
        for tool in wanted:
            if tool in self.tools:
                return Answer(tool, values if tool == wanted[0] else {}, why)
        return Answer(self.tools[0], {}, f"{why}; that is not possible now")

    def signals(self) -> dict[str, NDArray]:
        """Return the numbers of the view as 0-d arrays, as the rules of `agents.machining` take them."""
        return {
            key: np.asarray(float(value), np.float64)
            for key, value in self.view.items()
            if isinstance(value, int | float)
        } | {key: np.asarray(0.0) for key, value in self.view.items() if value is None}


class Decider(ABC):  # noqa: B024 (a role that nobody wrote down takes the safe tool)
    """Answers decisions; subclasses have a method for each role that they know, named like it."""

    def reset(self, facts: Mapping[str, Any], seed: int) -> None:
        """Begin a shift.

        Args:
            facts: What is known beforehand, such as prices and usual times.
            seed: Of the decider's own randomness.
        """
        self.facts: Mapping[str, Any] = facts

    def decide(self, decision: Any) -> Answer:
        """Return an answer to a decision point."""
        asked = Asked(decision.time_s, decision.role, tuple(decision.tools), decision.view)
        method = getattr(self, asked.role, None) if asked.role in ROLES else None
        if method is None:
            return asked.first("nobody wrote down what to do here: the safe tool")
        answer: Answer = method(asked)
        return answer


class OpenOrder(NamedTuple):
    """An order that is not done: good parts that it lacks, and minutes until it is due."""

    name: str
    part_type: str
    left: float
    due_min: float


def open_orders(asked: Asked) -> list[OpenOrder]:
    """Return the open orders that a view tells, the first due first."""
    found = []
    for text in asked.text("open_orders").split(";"):
        fields = text.split(":")
        if len(fields) == 4:
            found.append(OpenOrder(fields[0], fields[1], float(fields[2]), float(fields[3])))
    return found
