"""What a factor is, and those from outside: `factors/NAME.yaml` in a folder of `MONOZUKURI_PATH`.

A task from outside names the factors that it draws and finds them in `Draw.extra`. They are drawn beside
everything else: from a generator of their own that follows from the episode's, one for each name. So neither
what is built in nor another factor's draws change when one is added.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from configs import extensions
from configs.strict_yaml import read_yaml

_KEYS = ("unit", "meaning", "lowest", "highest", "ranges")


@dataclass(frozen=True)
class Factor:
    """A number that varies: its unit, what it does, and the range that makes sense at all.

    Attributes:
        unit: Such as "mm", "deg" or "-".
        meaning: What it does, in a few words.
        lowest: No range goes below.
        highest: No range goes above.
        ranges: By split, for a factor from outside; splits that it does not name take "seen".
        text: Its file as it was read, for a split's hash; "" where it is built in.
    """

    unit: str
    meaning: str
    lowest: float
    highest: float
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    text: str = ""


def outside(own: Iterable[str]) -> dict[str, Factor]:
    """Factors from outside by name.

    Raises:
        ValueError: for a file that is not a factor, in one line that names it.
    """
    return {name: _read(path) for name, path in extensions.added("factors", own, ".yaml").items()}


def _read(path: Path) -> Factor:
    text = path.read_text(encoding="utf-8")
    data: Any = read_yaml(text, str(path))
    if not isinstance(data, dict):
        raise extensions.ExtensionError(f"{path}: a mapping with {', '.join(_KEYS)} is needed")
    for key in data:
        if key not in _KEYS:
            raise extensions.ExtensionError(f"{path}: unknown key {key!r}: allowed are {', '.join(_KEYS)}")
    for key in _KEYS:
        if key not in data:
            raise extensions.ExtensionError(f"{path}: key {key!r} is missing")
    try:
        ranges = {str(k): (float(low), float(high)) for k, (low, high) in data["ranges"].items()}
        lowest, highest = float(data["lowest"]), float(data["highest"])
    except (TypeError, ValueError, AttributeError):
        raise extensions.ExtensionError(f"{path}: numbers are needed, ranges as SPLIT: [low, high]") from None
    for name in ("nominal", "seen"):
        if name not in ranges:
            raise extensions.ExtensionError(f"{path}: ranges: {name!r} is missing")
    for name, (low, high) in ranges.items():
        if not (math.isfinite(low) and math.isfinite(high) and lowest <= low <= high <= highest):
            allowed = f"{lowest} to {highest} {data['unit']}"
            raise extensions.ExtensionError(f"{path}: {name} [{low}, {high}]: allowed are {allowed}")
    return Factor(str(data["unit"]), str(data["meaning"]), lowest, highest, ranges, text)


def drawn(ranges: Mapping[str, tuple[float, float]], rng: np.random.Generator) -> dict[str, float]:
    """One uniform value of each factor, in its unit; `rng` itself is left as it is."""
    episode = deepcopy(rng).integers(0, 2**32, 4).tolist()
    values = {}
    for name, (low, high) in ranges.items():
        own = np.random.default_rng([*episode, zlib.crc32(name.encode())])
        values[name] = float(own.uniform(low, high))
    return values
