"""The smallest crew: takes the first allowed tool, which is always safe. For tests and empty roles only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envs.shift.decision import Choice, Decision


class First:
    """Takes the first allowed tool with its defaults."""

    def reset(self, facts: Mapping[str, Any], seed: int) -> None:
        """Begin a run; there is nothing to remember."""

    def decide(self, decision: Decision) -> Choice:
        """The first tool."""
        return Choice(decision.tools[0], {}, "first allowed")
