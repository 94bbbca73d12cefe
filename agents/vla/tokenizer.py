"""Instructions to numbers: whole words, and hashed pieces of words for those never met.

Nothing is learned and nothing is downloaded: a word's numbers follow from its letters. The pieces are
character n-grams with marks for the word's ends, as in Bojanowski et al. 2017 (subword n-grams), so that a
slip of the keyboard or another ending lands near the word that was meant.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W_]+")
PAD = 0


def words(text: str) -> list[str]:
    """Lower-case words and numbers of a text, in any script."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=65_536)
def bucket(piece: str, n: int) -> int:
    """A number in [1, n) that follows from the letters alone, the same in every process."""
    digest = hashlib.blake2b(piece.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % (n - 1)


@dataclass(frozen=True)
class Tokenizer:
    """Words to rows of numbers.

    Attributes:
        n_words: Words that are read; longer instructions are cut.
        n_pieces: Numbers a word: one for the whole, the rest for its n-grams.
        n_buckets: Different numbers; 0 is for nothing.
        shortest: Letters of the shortest n-gram.
        longest: Letters of the longest.
    """

    n_words: int = 24
    n_pieces: int = 12
    n_buckets: int = 4096
    shortest: int = 3
    longest: int = 5

    def __post_init__(self) -> None:
        for name in ("n_words", "n_pieces", "shortest"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: allowed is 1 or more")
        if self.n_buckets < 2 or self.longest < self.shortest:
            raise ValueError(
                f"n_buckets {self.n_buckets}, n-grams of {self.shortest} to {self.longest} letters: allowed "
                "are 2 buckets or more, and a longest n-gram no shorter than the shortest"
            )

    def pieces(self, word: str) -> list[int]:
        """The numbers of one word, not padded: the whole first, then its n-grams from the longest."""
        marked = f"<{word}>"
        found = [bucket(f"={word}", self.n_buckets)]
        for n in range(min(self.longest, len(marked)), self.shortest - 1, -1):
            found += [bucket(marked[i : i + n], self.n_buckets) for i in range(len(marked) - n + 1)]
        return found[: self.n_pieces]

    def encode(self, text: str) -> NDArray[np.int64]:
        """(n_words, n_pieces) int64, a row a word, 0 where there is nothing."""
        rows = np.zeros((self.n_words, self.n_pieces), np.int64)
        for i, word in enumerate(words(text)[: self.n_words]):
            found = self.pieces(word)
            rows[i, : len(found)] = found
        return rows
