"""Totals as rows of numbers, so that thousands of resamples of shifts are one matrix product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.capability import Spread
from experiments.totals import Characteristics, Totals

_SPREAD = [f.name for f in fields(Spread)]


class Sheet:
    """Rows of numbers for totals of shifts, and the way back.

    The columns are the numbers of `Totals` and of each characteristic that some shift has.

    Args:
        shifts: Totals of all shifts that are to be added up in any way.

    Raises:
        ValueError: where two shifts have other limits for a characteristic.
    """

    def __init__(self, shifts: Sequence[Totals]) -> None:
        self.limits: dict[str, tuple[float | None, float | None]] = {}
        for shift in shifts:
            for name, (lower, upper, _) in shift.characteristics.by_name.items():
                if self.limits.setdefault(name, (lower, upper)) != (lower, upper):
                    raise ValueError(f"limits of {name} are {(lower, upper)} and {self.limits[name]}")

    def row(self, shift: Totals) -> NDArray[np.float64]:
        """Return the numbers of one shift."""
        none = (None, None, Spread())
        named = shift.characteristics.by_name
        extra = [getattr(named.get(name, none)[2], key) for name in self.limits for key in _SPREAD]
        return np.array([*_numbers(shift), *extra], dtype=float)

    def rows(self, shifts: Sequence[Totals]) -> NDArray[np.float64]:
        """Return (shifts, columns)."""
        return np.stack([self.row(shift) for shift in shifts])

    def totals(self, row: ArrayLike) -> Totals:
        """Return totals whose numbers are a row, such as a weighted sum of rows."""
        numbers = iter(np.asarray(row, dtype=float).tolist())
        sums: Totals = _fill(Totals, numbers)
        named = {
            name: (*limits, Spread(**{key: next(numbers) for key in _SPREAD}))
            for name, limits in self.limits.items()
        }
        object.__setattr__(sums, "characteristics", Characteristics(named))
        return sums


def _numbers(sums: Any) -> Iterator[float]:
    for field in fields(sums):
        value = getattr(sums, field.name)
        if isinstance(value, Characteristics):
            continue
        if is_dataclass(value):
            yield from _numbers(value)
        else:
            yield value


def _fill(kind: type, numbers: Iterator[float]) -> Any:
    default = kind()
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = getattr(default, field.name)
        if isinstance(value, Characteristics):
            continue
        values[field.name] = _fill(type(value), numbers) if is_dataclass(value) else next(numbers)
    return kind(**values)


def flat(figures: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """Return metrics by name, NaN for what is not defined."""
    return {
        name: np.nan if value is None else float(value)
        for group in figures.values()
        for name, value in group.items()
    }
