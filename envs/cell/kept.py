"""Pure functions that are asked the same again and again, as about a part that lies at rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


def kept(function: Callable[[*Ts], T]) -> Callable[[*Ts], T]:
    """A pure function of unchanging arguments that keeps its last answer for when they are the same again.

    Not `lru_cache`: to compare with what is mostly the very same object costs a tenth of hashing it. What is
    told of a part at rest is so told once, however many ask.
    """
    last: tuple[tuple[*Ts], T] | None = None

    @wraps(function)
    def asked(*args: *Ts) -> T:
        nonlocal last
        found = last  # read once: another thread may ask of another part
        if found is None or found[0] != args:
            last = found = args, function(*args)
        return found[1]

    return asked
