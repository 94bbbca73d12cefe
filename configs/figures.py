"""Figures from outside with their standing: a value, its source, and whether that itself was read."""

from __future__ import annotations

import math
from dataclasses import dataclass

STANDINGS = ("primary", "estimate")
_YEARS = (1990, 2100)


@dataclass(frozen=True)
class Figure:
    """A number from the world outside.

    Attributes:
        value: In the unit that the figure's name says.
        year: What year it is for.
        source: Who says so.
        standing: "primary" where the source itself was read, "estimate" for everything else.
        low: Least plausible value; `value` if not given.
        high: Largest plausible value; `value` if not given.

    Raises:
        ValueError: for a value below 0, outside its own range, or without a source.
    """

    value: float
    year: int
    source: str
    standing: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is None and name != "value":
                object.__setattr__(self, name, self.value)
            elif isinstance(number, bool) or not isinstance(number, int | float):
                raise ValueError(f"{name} is {number!r}: allowed is a number, 0 or more")
            elif not 0 <= number < math.inf:
                raise ValueError(f"{name} is {number:g}: allowed is 0 or more")
        if not self.low <= self.value <= self.high:  # type: ignore[operator]
            raise ValueError(
                f"value is {self.value:g}: allowed is its own range, {self.low:g} to {self.high:g}"
            )
        if not isinstance(self.year, int) or not _YEARS[0] <= self.year <= _YEARS[1]:
            raise ValueError(f"year is {self.year!r}: allowed is {_YEARS[0]} to {_YEARS[1]}")
        if not isinstance(self.source, str) or not self.source.strip():
            raise ValueError(f"source is {self.source!r}: allowed is who says so")
        if self.standing not in STANDINGS:
            raise ValueError(f"standing is {self.standing!r}: allowed are {', '.join(STANDINGS)}")


def within(
    name: str, value: float, low: float = 0.0, high: float = math.inf, *, above: bool = False
) -> float:
    """Return a finite value from `low` (or `above` it) to `high`.

    Raises:
        ValueError: for any other, with name, value and range.
    """
    good = not isinstance(value, bool | str) and low <= value <= high and math.isfinite(value)
    if not good or (above and value == low):
        most = "" if high == math.inf else f", at most {high:g}"
        raise ValueError(f"{name} is {value!r}: allowed is {'above' if above else 'at least'} {low:g}{most}")
    return value
