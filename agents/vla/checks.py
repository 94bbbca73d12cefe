"""What policies that see and read refuse, in one line: pictures that do not fit, words never met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from agents.policy import Needs, PolicyError
from agents.vla.tokenizer import words


def check_pictures(space: gymnasium.Space, needs: Needs) -> None:
    """Check that the pictures that are needed are there and of the right size.

    Raises:
        PolicyError: If not, in one line.
    """
    size = needs.image_size
    held: Mapping[str, Any] = getattr(space, "spaces", {})
    for camera in needs.cameras:
        picture = held.get(f"image_{camera}")
        if picture is None or f"calibration_{camera}" not in held:
            there = ", ".join(k.removeprefix("image_") for k in held if k.startswith("image_")) or "none"
            raise PolicyError(
                f"camera {camera!r} is missing: this policy looks through it; there are {there}"
            )
        if picture.shape != (size, size, 3):
            h, w = picture.shape[:2]
            raise PolicyError(
                f"camera {camera!r} gives {w} x {h} pixels: this policy was learned with {size} x {size}"
            )


def check_words(instruction: str, known: frozenset[str]) -> None:
    """Check that a word of an instruction was met while learning; an empty one is no mistake.

    Raises:
        PolicyError: If none was, in one line.
    """
    if instruction.strip() and known and not known.intersection(words(instruction)):
        raise PolicyError(
            f"instruction {instruction!r}: not one known word; words met while learning are such as "
            f"{', '.join(sorted(known)[:8])}"
        )
