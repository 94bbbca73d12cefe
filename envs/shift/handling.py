"""How parts get into the machine and out: what a handling is asked and what it answers.

A skill is a way of handling: a taught program, an integrator's cell, a learned policy, a person. A shift asks
for one load or unload at a time. Each is an episode of its own that begins at the blank's drawn pose; what is
dropped or jammed in it stays until somebody clears it in the shift's state: a slot or door that is blocked, a
robot that stands. The arm's pose at the end of one episode is not the start of the next, and a part that lies
on the floor of the cell is not there as a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

RESULTS = ("seated", "misseated", "missed_grasp", "dropped", "jammed", "collision", "wrong_part")
# What a shift makes of a handling in which it was doubted which part is meant, where that matters.
DECLINED = "declined"
# Results after which the arm stands inside the machine until somebody moves it.
INSIDE = frozenset({"jammed", "collision"})


@dataclass(frozen=True)
class Skill:
    """A way of handling.

    Attributes:
        name: Of the skill.
        by_hand: Whether a person does it.
        needs_teaching: Whether it can do nothing with a part type that nobody has programmed.
        computer_w: Power of the computer that it takes, while the cell works.
    """

    name: str
    by_hand: bool = False
    needs_teaching: bool = True
    computer_w: float = 0.0


class Blank(NamedTuple):
    """A part to be handled.

    Attributes:
        key: Hash of the shift's seed and the blank's number: whoever draws for this blank draws from it.
        family: A family of `configs/parts`.
        size: "small", "medium" or "large".
        attempt: How often it was tried before.
        novel: Whether nobody has programmed or shown anything like it: `family` and `size` stand for it only.
    """

    key: int
    family: str
    size: str
    attempt: int = 0
    novel: bool = False


class Conditions(NamedTuple):
    """What disturbs a handling.

    Attributes:
        nested: Whether blanks lie in nests, as they were taught.
        strengths: Strength 1 to 5 of each disturbance of the cell (`configs/factors/stress.yaml`) at work.
        blown: Whether the seat was blown clean just before.
    """

    nested: bool = False
    strengths: Mapping[str, int] = MappingProxyType({})
    blown: bool = False

    @property
    def strength(self) -> int:
        """The strongest of them, 0 where there is none."""
        return max(self.strengths.values(), default=0)


class Outcome(NamedTuple):
    """What came of a handling.

    Attributes:
        duration_s: From the order to the arm clear of the door, or to the stop.
        result: One of `RESULTS`, or `DECLINED`; an unloaded part on the outfeed is "seated" there.
        gap_mm: Gap between part and stop when clamped; 0 where it does not apply.
        runout_mm: Total run-out when clamped.
        energy_j: Of the arm.
        seat_ok: What the seat's sensor tells.
        gripped: What the gripper's sensor told.
        episode: Which recorded or simulated episode it was, for the ledger.
        doubted_s: When who handles first doubted which part is meant; it went on. Below 0 where it never did.
    """

    duration_s: float
    result: str
    gap_mm: float = 0.0
    runout_mm: float = 0.0
    energy_j: float = 0.0
    seat_ok: bool = True
    gripped: bool = True
    episode: str = ""
    doubted_s: float = -1.0


class Handling(Protocol):
    """Who can load and unload, and what comes of it; a pure function of its arguments."""

    @property
    def skills(self) -> Mapping[str, Skill]:
        """The skills by name, the usual one first."""

    def load(self, skill: str, blank: Blank, conditions: Conditions) -> Outcome:
        """Load a blank into the empty, open machine."""

    def unload(self, skill: str, blank: Blank, conditions: Conditions) -> Outcome:
        """Take the part out of the machine."""
