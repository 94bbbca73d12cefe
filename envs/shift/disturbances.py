"""What disturbs a shift: named factors at strengths 0 to 5; draws are functions of (seed, factor, entity)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from configs.records import record
from configs.strict_yaml import read_yaml
from envs.shift import draws
from envs.shift.handling import Conditions
from envs.shift.spec import FACTORS, STRONGEST, Strengths

# What is found moved stays so until the robot or a person finds the zero again.
MOVED = ("fixture_offset", "camera")


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """A factor: unit, what it does, its value at each strength, and the cell's disturbance it stands for."""

    unit: str
    meaning: str
    strengths: tuple[float, ...]
    stress: str = ""

    def __post_init__(self) -> None:
        if len(self.strengths) != STRONGEST + 1 or list(self.strengths) != sorted(self.strengths):
            raise ValueError(f"strengths is {self.strengths}: allowed are {STRONGEST + 1} that do not fall")


@cache
def disturbances() -> Mapping[str, Disturbance]:
    """Return all factors by name.

    Raises:
        ValueError: for a file that is wrong, in one line.
    """
    source = "configs/shift/disturbances.yaml"
    text = (files("configs") / "shift" / "disturbances.yaml").read_text(encoding="utf-8")
    data = read_yaml(text, source)
    if tuple(data) != FACTORS:
        raise ValueError(f"{source}: factors are {', '.join(data)}: allowed are {', '.join(FACTORS)}")
    return MappingProxyType({n: record(Disturbance, v, f"{source}: {n}") for n, v in data.items()})


class Disturbed:
    """What the disturbances of one run do to blank k, tool j, handling i.

    Args:
        seed: Of the run.
        strengths: Of the factors.
    """

    def __init__(self, seed: int, strengths: Strengths) -> None:
        self.seed, self.strengths = seed, strengths
        self._values = {n: d.strengths[getattr(strengths, n)] for n, d in disturbances().items()}

    def value(self, factor: str) -> float:
        """Return what the factor's strength means, in its unit."""
        return self._values[factor]

    def loose(self, blank: int) -> bool:
        """Whether a blank lies loose instead of in its nest."""
        return draws.uniform(self.seed, "blank_pose", blank) < self._values["blank_pose"]

    def hardness(self, blank: int) -> float:
        """Return a blank's hardness against its bar's."""
        sigma = self._values["hardness"]
        return draws.lognormal(1.0, sigma, self.seed, "hardness", blank) if sigma else 1.0

    def stock_mm(self, blank: int) -> float:
        """Return how much more there is to cut off a blank, at most 3 standard deviations."""
        return self._values["blank_size"] * max(-3.0, min(3.0, draws.normal(self.seed, "blank_size", blank)))

    def moves(self, factor: str, blank: int) -> bool:
        """Whether fixture or camera are found moved at this blank."""
        return draws.uniform(self.seed, factor, blank) < self._values[factor] / 100.0

    def conditions(self, blank: int, moved: frozenset[str], *, blown: bool) -> Conditions:
        """Return what disturbs the handling of a blank.

        Args:
            blank: Its number.
            moved: Which of `MOVED` are off now.
            blown: Whether the seat was blown clean just before.
        """
        strengths: dict[str, int] = {}
        for factor in ("oil_film", "chips"):
            strength = getattr(self.strengths, factor)
            there = draws.uniform(self.seed, factor, blank) < self._values[factor]
            if strength and there and not (factor == "chips" and blown):
                strengths[factor] = strength
        for factor in moved:
            if strength := getattr(self.strengths, factor):
                strengths[disturbances()[factor].stress] = strength
        return Conditions(not self.loose(blank), strengths, blown)
