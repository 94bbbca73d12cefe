"""Frozen dataclasses from strict YAML: every key known, every value of its type, one line for a mistake."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def unknown(what: str, name: object, allowed: Iterable[str]) -> ValueError:
    """Return the error for a name that is not allowed, with the nearest that is."""
    known = sorted(allowed)
    near = difflib.get_close_matches(str(name), known, 1, 0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ValueError(f"{what} {name!r} is unknown: allowed are {', '.join(known)}{hint}")


def record(kind: type[T], data: Any, where: str) -> T:
    """Return a dataclass from plain data.

    Fields are numbers, whole numbers, true or false, text, tuples of one type or of fixed length, optional
    values and other such dataclasses; `where` leads every message, such as
    "configs/machines/lathe.yaml: spindle".

    Raises:
        ValueError: for a key unknown or missing, a value of the wrong type, or what the class refuses.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} is {data!r}: allowed is a mapping")
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            raise unknown(f"{where}: key", key, fields)
    for name, field in fields.items():
        if name not in data and field.default is dataclasses.MISSING:
            raise ValueError(f"{where}: key {name!r} is missing")
    values = {name: _value(hints[name], data[name], f"{where}: {name}") for name in fields if name in data}
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def check_keys(data: Any, allowed: Mapping[str, bool], where: str) -> Mapping[str, Any]:
    """Return `data` if it is a mapping that has no other keys than those of `allowed`.

    Args:
        data: What was read.
        allowed: Keys, and whether each must be there.
        where: What leads the message, such as a file's path.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} is {data!r}: allowed is a mapping of {', '.join(allowed)}")
    for key in data:
        if key not in allowed:
            raise unknown(f"{where}: key", key, allowed)
    for key, needed in allowed.items():
        if needed and key not in data:
            raise ValueError(f"{where}: key {key!r} is missing")
    return data


def _value(hint: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return record(hint, data, where)  # type: ignore[arg-type]
    if get_origin(hint) is types.UnionType:
        inner = next(part for part in get_args(hint) if part is not type(None))
        return None if data is None else _value(inner, data, where)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), data, where)
    if hint is float and isinstance(data, int | float) and not isinstance(data, bool):
        if math.isfinite(data):
            return float(data)
    elif isinstance(data, hint) and isinstance(data, bool) == (hint is bool):
        return data
    raise ValueError(f"{where} is {data!r}: allowed is {_WORDS[hint]}")


def _tuple(parts: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    many = parts[-1] is Ellipsis
    if not isinstance(data, list) or not (many or len(data) == len(parts)):
        raise ValueError(f"{where} is {data!r}: allowed is a list" + ("" if many else f" of {len(parts)}"))
    hints = [parts[0]] * len(data) if many else parts
    return tuple(_value(h, d, f"{where}[{i}]") for i, (h, d) in enumerate(zip(hints, data, strict=True)))


_WORDS = {float: "a finite number", int: "a whole number", str: "text", bool: "true or false"}
