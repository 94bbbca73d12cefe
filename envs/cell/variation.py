"""What can differ between two episodes: named factors with units, drawn by split and seed."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from configs.strict_yaml import read_yaml
from envs.cell.factor import Factor, drawn, outside

_BUILT_IN: Mapping[str, Factor] = {
    "part_position_mm": Factor("mm", "each part from its slot, along x and along y", -30.0, 30.0),
    "part_yaw_deg": Factor("deg", "each part about the vertical", -180.0, 180.0),
    "part_size_mm": Factor("mm", "added to the size across, in tolerances of the family", -0.2, 0.2),
    "finger_friction": Factor(
        "-", "combined friction of finger on part; 0.2-0.35 dry, 0.08 oil film", 0.05, 0.35
    ),
    "part_mass_ratio": Factor("-", "mass against nominal", 0.5, 2.0),
    "fixture_offset_mm": Factor("mm", "chuck against where it was taught, along x and along y", -10.0, 10.0),
    "start_offset_mm": Factor("mm", "hand's start, along x, y and z", -60.0, 60.0),
    "goal_spread": Factor("-", "share of the goal's range that is used", 0.0, 1.0),
    "light_deg": Factor("deg", "direction of the light about the vertical", -180.0, 180.0),
    "camera_offset_mm": Factor(
        "mm", "each camera from where it was calibrated, along x, y and z", -100.0, 100.0
    ),
}
FACTORS: Mapping[str, Factor] = {**_BUILT_IN, **outside(_BUILT_IN)}
CHOICES = ("colours", "families", "sizes", "wording", "table")
LEVELS = ("nominal", "seen", "unseen-easy", "unseen-hard")


@dataclass(frozen=True)
class Split:
    """A frozen set of ranges, choices and seeds; `sha256` goes into every result."""

    level: str
    seeds: Mapping[str, tuple[int, int]]
    factors: Mapping[str, tuple[float, float]]
    choices: Mapping[str, tuple[str, ...]]
    sha256: str
    extra: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of factors from outside

    def __post_init__(self) -> None:
        for name, (low, high) in self.factors.items():
            if name not in _BUILT_IN:
                raise ValueError(
                    f"split {self.level}: unknown factor {name!r}: allowed are {', '.join(_BUILT_IN)}"
                )
            known = FACTORS[name]
            if not known.lowest <= low <= high <= known.highest:
                allowed = f"{known.lowest} to {known.highest} {known.unit}"
                raise ValueError(f"split {self.level}: {name} [{low}, {high}]: allowed are {allowed}")
        if missing := set(_BUILT_IN) - set(self.factors) or set(CHOICES) - set(self.choices):
            raise ValueError(f"split {self.level}: {sorted(missing)[0]!r} is missing")

    def draw(self, rng: np.random.Generator, factor: str, n: int = 1) -> list[float]:
        """Draw n uniform values of a factor, in its unit."""
        low, high = self.factors[factor]
        values: list[float] = rng.uniform(low, high, n).tolist()
        return values

    def with_factors(self, names: Iterable[str]) -> Split:
        """The split of a task that draws factors from outside too; its hash tells of them.

        Raises:
            ValueError: for a name that is no factor from outside.
        """
        extra, digest = {}, hashlib.sha256(self.sha256.encode())
        for name in names:
            if name in _BUILT_IN or name not in FACTORS:
                known = ", ".join(set(FACTORS) - set(_BUILT_IN)) or "none"
                raise ValueError(f"factor {name!r}: those from outside are {known}")
            extra[name] = FACTORS[name].ranges.get(self.level, FACTORS[name].ranges["seen"])
            digest.update(f"{name}\n{FACTORS[name].text}".encode())
        return replace(self, extra=extra, sha256=digest.hexdigest()) if extra else self

    def draw_extra(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw a value of each factor from outside, in its unit; `rng` goes on as if nothing was drawn."""
        return drawn(self.extra, rng) if self.extra else {}

    def choose(self, rng: np.random.Generator, choice: str) -> str:
        """One of the choices, each as likely."""
        options = self.choices[choice]
        return options[int(rng.integers(len(options)))]


@cache
def split(name: str) -> Split:
    """The split of that name.

    Raises:
        ValueError: for an unknown split, and for one that is declared but not filled in.
    """
    if name not in LEVELS:
        near = difflib.get_close_matches(str(name), LEVELS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown split {name!r}: allowed are {', '.join(LEVELS)}{hint}")
    text = (files("configs") / "splits" / f"{name}.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = read_yaml(text, f"configs/splits/{name}.yaml")
    if not data["filled"]:
        raise ValueError(f"split {name!r} is declared but not filled in yet: allowed are nominal, seen")
    return Split(
        data["level"],
        {k: (v[0], v[1]) for k, v in data["seeds"].items()},
        {k: (float(v[0]), float(v[1])) for k, v in data["factors"].items()},
        {k: tuple(v) for k, v in data["choices"].items()},
        hashlib.sha256(text.encode()).hexdigest(),
    )
