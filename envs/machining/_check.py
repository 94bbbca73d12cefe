"""Range checks in one line, and a power function that rounds alike at any place in any array."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def within(
    name: str, value: ArrayLike, low: float, high: float, *, above: bool = False, below: bool = False
) -> Array:
    """Return `value` as floats if all lie in the range.

    Args:
        name: What to call it in the error: the argument's name.
        value: Any shape; an empty array passes.
        low: Least allowed value.
        high: Largest allowed value.
        above: `low` itself is not allowed.
        below: `high` itself is not allowed.

    Raises:
        ValueError: for anything that is not a number in the range, with name, value and range.
    """
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}: allowed are {_range(low, high, above, below)}") from None
    if not found.size:
        return found
    # Two reductions and no temporary; NaN fails both comparisons.
    least, most = found.min(), found.max()
    if (least > low if above else least >= low) and (most < high if below else most <= high):
        return found
    good = ((found > low) if above else (found >= low)) & ((found < high) if below else (found <= high))
    raise ValueError(f"{name} is {found[~good].flat[0]:g}: allowed are {_range(low, high, above, below)}")


def positive(name: str, value: ArrayLike, high: float) -> Array:
    """Return `value` as floats if all are above 0 and at most `high`.

    Raises:
        ValueError: otherwise, as `within`.
    """
    return within(name, value, 0.0, high, above=True)


def choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is one of the words allowed.

    Raises:
        ValueError: otherwise, naming them.
    """
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} is {value!r}: allowed are {', '.join(map(repr, allowed))}")
    return value


def power(base: Array, exponent: ArrayLike) -> Array:
    """Return base**exponent of positive bases, by logarithm.

    An array raised with `**` to a scalar such as 2 or 0.5 takes a shortcut that one raised to an array does
    not, so that a value could round differently alone and in a batch. This errs by some |exponent ln base|
    units in the last place instead.
    """
    return np.exp(np.asarray(exponent, dtype=np.float64) * np.log(base))


def _range(low: float, high: float, above: bool, below: bool) -> str:
    return f"{'above ' if above else ''}{low:g} to {'below ' if below else ''}{high:g}"
