"""Which parts lie in the tray: hard to tell apart without reading, never ambiguous once one has.

The first part is drawn from the split's named pairs. Each of the others is like a part already there, any of
them alike: of the same family in another colour (two in five), of the same colour and another family (two in
five), the same in another size (one in ten), or anything. The second suits the task too wherever the split
has such a pair. Which of those that suit is named is drawn last, so that nothing but the instruction tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.cell.parts import COLOURS, PartType, families, outside_families
from envs.cell.variation import Split

# How a part is like one that lies there already.
SAME_FAMILY, SAME_COLOUR, OTHER_SIZE = 0.4, 0.4, 0.1
# Sizes that differ enough to be told apart by looking.
FAR_SIZE = {"small": "large", "large": "small", "medium": ""}
Pair = tuple[str, str]


@dataclass(frozen=True)
class Wish:
    """What an instruction that came first asks of a scene; "" and 0 for anything.

    Attributes:
        family: Of the named part.
        colour: Of the named part.
        size: Of the named part.
        slot: That it lies in.
        target: A place's name, or (colour, family) of the part on which it is stacked, as words.
        below: Colour and family of that part.
    """

    family: str = ""
    colour: str = ""
    size: str = ""
    slot: int = 0
    target: str = ""
    below: Pair = ("", "")


@dataclass(frozen=True)
class _Part:
    colour: str
    family: str
    size: str

    def pair(self) -> Pair:
        return self.colour, self.family


def choose_parts(
    rng: np.random.Generator,
    split: Split,
    n: int,
    workholding: str,
    only: tuple[str, ...],
    wish: Wish | None = None,
) -> tuple[list[tuple[PartType, str]], tuple[int, ...]]:
    """Kind and colour of n parts, the named one first; and the numbers of those that the task could name.

    Args:
        rng: A generator of their own.
        split: What pairs there are.
        n: How many parts, two to four.
        workholding: What the named part must suit; "" for anything.
        only: Families that it may be of; empty for all.
        wish: What an instruction asks for, if it came first.
    """
    types = split.types
    outside = [f for f in only if f in outside_families()]
    colours = tuple(dict.fromkeys(colour for colour, _ in split.pairs("named")))
    foreign = [(colour, family) for family in outside for colour in colours]

    def suits(family: str) -> bool:
        return workholding in ("", types[family]["medium"].workholding) and (not only or family in only)

    named = [pair for pair in (*split.pairs("named"), *foreign) if suits(pair[1])]
    others = list(dict.fromkeys((*split.pairs("others"), *foreign)))
    first = _pick(rng, named)
    if wish is not None:
        first = wish.colour or first[0], wish.family or first[1]
    parts = [_Part(*first, (wish.size if wish else "") or split.choose(rng, "sizes"))]
    while len(parts) < n:
        pool = others
        if len(parts) == 1:
            pool = [pair for pair in others if suits(pair[1]) and pair != first] or others
            if wish is not None and wish.below != ("", ""):
                parts.append(_Part(*wish.below, split.choose(rng, "sizes")))
                continue
        parts.append(_alike(rng, split, parts, pool))
    allowed = [k for k, part in enumerate(parts) if suits(part.family)]
    if wish is None:
        # Only one of an unseen pair may be what an unseen split names.
        eligible = [k for k in allowed if parts[k].pair() in named]
        k = eligible[int(rng.integers(len(eligible)))]
        parts.insert(0, parts.pop(k))
    allowed = [k for k, part in enumerate(parts) if suits(part.family)]
    return [(types[p.family][p.size], p.colour) for p in parts], tuple(allowed)


def _pick(rng: np.random.Generator, pool: list[Pair]) -> Pair:
    return pool[int(rng.integers(len(pool)))]


def _alike(rng: np.random.Generator, split: Split, parts: list[_Part], pool: list[Pair]) -> _Part:
    """A part like one of those there, of a pair that none of them has, or of another size."""
    model = parts[int(rng.integers(len(parts)))]
    share, size, taken = rng.random(), split.choose(rng, "sizes"), {part.pair() for part in parts}
    far = FAR_SIZE[model.size]
    twins = sum(part.pair() == model.pair() for part in parts)
    if share >= 1.0 - OTHER_SIZE and far in split.choices["sizes"] and twins == 1:
        return _Part(model.colour, model.family, far)
    free = [pair for pair in pool if pair not in taken]
    like = [p for p in free if p[1] == model.family]
    if SAME_FAMILY <= share < SAME_FAMILY + SAME_COLOUR:
        like = [p for p in free if p[0] == model.colour]
    elif share >= SAME_FAMILY + SAME_COLOUR:
        like = free
    colour, family = _pick(rng, like or free)
    return _Part(colour, family, size)


def ambiguous(candidates: list[Pair], k: int) -> bool:
    """Whether colour and family leave it open which of the candidates is meant."""
    return candidates.count(candidates[k]) > 1


def known_part(word: str, split: Split) -> str:
    """The family that a word names; "" for none."""
    for family, sizes in {**split.types, **families()}.items():
        if sizes["medium"].word == word:
            return family
    return ""


def known_colour(word: str) -> bool:
    """Whether a word is a colour of parts."""
    return word in COLOURS
