"""Instructions: templates to words, words to integer tokens of one fixed length."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

TOKENS = 16
_TEMPLATES = {
    "with_slot": "{verb} the {size} {part}{source}{target}",
    "plain": "{verb} the {part}{target}",
    "polite": "please {verb} the {part}{target} now",
    "short": "{part}: {verb}{target}",
}
# Index 0 pads, 1 is any word not listed; new words go to the end, so that trained policies keep theirs.
_WORDS = """<pad> <unknown> load pick up reach move put into the a from to slot 1 2 3 4 5 6
chuck vise tray target red green blue purple orange cyan small medium large
shaft flange hexagon ring block please now position lift hold
unload sort stack measure insert open close door outfeed scrap rework gauge plate hole on in of and
machine tend onto fixture"""
VOCABULARY = tuple(_WORDS.split())
_INDEX = {word: i for i, word in enumerate(VOCABULARY)}
_WORD = re.compile(r"[a-z0-9<>]+")


def instruction(wording: str, verb: str, size: str, part: str, source: str, target: str = "") -> str:
    """A sentence such as "load the small red flange from slot 2 into the chuck"."""
    return _TEMPLATES[wording].format(verb=verb, size=size, part=part, source=source, target=target)


def words(text: str) -> list[str]:
    """Lower-case words and numbers of a text."""
    return _WORD.findall(text.lower())


def encode(text: str) -> npt.NDArray[np.int32]:
    """(TOKENS,) int32: one index into `VOCABULARY` a word, padded; longer texts are cut."""
    tokens = [_INDEX.get(word, 1) for word in words(text)][:TOKENS]
    return np.array(tokens + [0] * (TOKENS - len(tokens)), np.int32)


def decode(tokens: npt.ArrayLike) -> str:
    """The words of encoded tokens, spaces between them."""
    return " ".join(VOCABULARY[int(t)] for t in np.asarray(tokens).ravel() if int(t) != 0)
