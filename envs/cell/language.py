"""Instructions: a grammar that says and reads them, and words as integer tokens of one fixed length.

Sentences and words are data, in `configs/words.yaml`. `say` builds a sentence, `parse` reads one back to what
it asks for, whatever its template and synonyms; so a sentence and a task's success can be held to agree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.strict_yaml import read_yaml

TOKENS = 24
# Index 0 pads, 1 is any word not listed; new words go to the end, so that trained policies keep theirs.
_WORDS = """<pad> <unknown> load pick up reach move put into the a from to slot 1 2 3 4 5 6
chuck vise tray target red green blue purple orange cyan small medium large
shaft flange hexagon ring block please now position lift hold
unload sort stack measure insert open close door outfeed scrap rework gauge plate hole on in of and
machine tend onto fixture
yellow pink brown white black stud bolt knob spool pedestal
next i want you robot place take remove fit pile check process pull go little middle big violet rod hub hex
bush cuboid output waste bore goal
could for me work order look first then that one it is time we need done kindly as soon possible
mount install grab hoist extract withdraw press push heap balance transfer deliver inspect probe finish slide
back approach tiny compact midsize average huge bulky crimson scarlet emerald jade azure navy plum lilac amber
tangerine turquoise teal golden lemon rose magenta axle bar collar disc hexbar prism sleeve washer brick cube
jaws clamp exit pallet repair mending reject discard meter socket gate waypoint"""
VOCABULARY = tuple(_WORDS.split())
_INDEX = {word: i for i, word in enumerate(VOCABULARY)}
_WORD = re.compile(r"[a-z0-9<>]+")
LEVELS = ("seen", "unseen")
KINDS = ("verbs", "sizes", "colours", "families", "places", "things")
_TO, _FROM = frozenset(("into", "onto", "on", "in", "to")), "from"
# How likely a word is said by its usual name, and by an unseen one where such are drawn.
USUAL, REPLACED = 0.5, 0.5


@dataclass(frozen=True)
class Order:
    """What an instruction asks for, in the usual words; "" and 0 where it does not say.

    Attributes:
        verb: Such as "load" or "pick up".
        part: The family's word, or that of a thing, such as "door".
        colour: Of the part.
        size: Of the part.
        slot: Of the tray, from 1.
        source: Where the part is, if in no slot, such as "chuck".
        target: A place, such as "outfeed"; or colour and word of a part, such as "red ring".
    """

    verb: str
    part: str = ""
    colour: str = ""
    size: str = ""
    slot: int = 0
    source: str = ""
    target: str = ""

    @property
    def names_part(self) -> bool:
        """Whether it is about a part, which has a colour."""
        return bool(self.colour)


@dataclass(frozen=True)
class Wording:
    """How an order is said.

    Attributes:
        template: A name of `templates()`.
        words: Which synonyms: "usual" for none, "seen", or "unseen", where at least one word is replaced.
        style: Which of them; the same number gives the same words.
        sized: Whether the size is needed to tell the part from others.
    """

    template: str = "plain"
    words: str = "usual"
    style: int = 0
    sized: bool = False


@cache
def _book() -> Mapping[str, Any]:
    text = (files("configs") / "words.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = read_yaml(text, "configs/words.yaml")
    return MappingProxyType(data)


@cache
def templates(level: str) -> Mapping[str, str]:
    """Sentence templates by name, "seen" or "unseen"."""
    found: dict[str, str] = _book()["templates"][level]
    return MappingProxyType(found)


@cache
def synonyms(kind: str, word: str, level: str) -> tuple[str, ...]:
    """Other words for a usual word of a kind of `KINDS`; none for a word that is not ours."""
    return tuple(_book()[kind].get(word, {}).get(level, ()))


@cache
def _lexicon() -> Mapping[str, tuple[str, str]]:
    """Kind and usual word by every word or phrase."""
    found: dict[str, tuple[str, str]] = {}
    for kind in KINDS:
        for usual, others in _book()[kind].items():
            for phrase in (usual, *others["seen"], *others["unseen"]):
                if phrase in found:
                    raise ValueError(f"configs/words.yaml: {phrase!r} stands for two things")
                found[phrase] = kind, usual
    return MappingProxyType(found)


# --- Saying ----------------------------------------------------------------------------------------


def say(order: Order, wording: Wording, into: str = "") -> str:
    """A sentence such as "load the small red flange from slot 2 into the chuck".

    Args:
        order: What it asks for.
        wording: How it is said.
        into: What stands before the target, such as "into"; a place or part follows.
    """
    pattern = templates("seen").get(wording.template) or templates("unseen")[wording.template]
    chosen = _chosen(order, wording)
    thing = order.part if order.names_part else _say(order.part, "things", chosen)
    np_ = " ".join((chosen.get(order.colour, order.colour), chosen.get(thing, thing))).strip()
    size = chosen.get(order.size, order.size)
    sized = f"{size} {np_}" if size else np_
    source = f" from slot {order.slot}" if order.slot else ""
    if order.source:
        source = f" from the {chosen.get(order.source, order.source)}"
    target = f" {into} the {_say(order.target, 'places', chosen)}" if order.target else ""
    text = pattern.format(
        verb=chosen.get(order.verb, order.verb),
        sized=sized,
        np=sized if wording.sized else np_,
        source=source,
        target=target,
    )
    return text.strip(" :,")


def _say(phrase: str, kind: str, chosen: Mapping[str, str]) -> str:
    """A place or thing by its chosen name, another part word by word."""
    if phrase in chosen or phrase in _book()[kind]:
        return chosen.get(phrase, phrase)
    return " ".join(chosen.get(word, word) for word in phrase.split())


def _chosen(order: Order, wording: Wording) -> dict[str, str]:
    """What each usual word of an order is called, for those that are called something else."""
    if wording.words == "usual":
        return {}
    rng = np.random.default_rng(wording.style)
    said = [("verbs", order.verb), ("families", order.part), ("things", order.part)]
    said += [("colours", order.colour), ("sizes", order.size), ("places", order.source)]
    whole = order.target in _book()["places"]
    said += [("places", order.target)] if whole else [(_kind(w), w) for w in order.target.split()]
    found: dict[str, str] = {}
    can = [(word, synonyms(kind, word, wording.words)) for kind, word in said if word]
    can = [(word, others) for word, others in can if others]
    shares = rng.random((len(can) + 1, 2)).tolist()
    limit = USUAL if wording.words == "seen" else REPLACED
    for (word, others), (share, which) in zip(can, shares, strict=False):
        if share < limit:
            found[word] = others[int(which * len(others))]
    visible = [(w, o) for w, o in can if w not in (order.size, order.source)]
    if wording.words == "unseen" and visible and not any(w in found for w, _ in visible):
        word, others = visible[int(shares[-1][0] * len(visible))]
        found[word] = others[int(shares[-1][1] * len(others))]
    return found


def _kind(word: str) -> str:
    return _lexicon().get(word, ("families", word))[0]


# --- Reading ---------------------------------------------------------------------------------------


def parse(text: str) -> Order:
    """What an instruction asks for, whatever its template and synonyms.

    Raises:
        ValueError: for words that are not known and for a sentence without a verb, in one line.
    """
    if unknown := unknown_words(text):
        raise ValueError(f"instruction {text!r}: unknown words {', '.join(unknown)}")
    found: dict[str, Any] = {}
    target: list[str] = []
    tokens, i, mode = words(text), 0, ""
    while i < len(tokens):
        length, kind, usual = _longest(tokens, i)
        token, i = tokens[i], i + length
        if kind == "verbs":
            found["verb"], mode = usual, ""
        elif kind == "places":
            if mode == "from":
                found["source"] = usual
            else:
                target = [usual]
            mode = ""
        elif kind and mode == "to":
            target.append(usual)
            mode = "" if kind == "families" else mode
        elif kind:
            key = {"sizes": "size", "colours": "colour"}.get(kind, "part")
            found.setdefault(key, usual)
        elif token == "slot" and i < len(tokens) and tokens[i].isdigit():
            found["slot"], i, mode = int(tokens[i]), i + 1, ""
        elif token in _TO or token == _FROM:
            mode = "from" if token == _FROM else "to"
    if "verb" not in found:
        raise ValueError(f"instruction {text!r}: no verb: known are {', '.join(_book()['verbs'])}")
    return replace(Order(**found), target=" ".join(target))


def _longest(tokens: list[str], i: int) -> tuple[int, str, str]:
    """How many tokens the longest known phrase from here has, its kind and its usual word."""
    for length in (4, 3, 2, 1):
        if (phrase := " ".join(tokens[i : i + length])) in _lexicon() and i + length <= len(tokens):
            return length, *_lexicon()[phrase]
    return 1, "", ""


def unknown_words(text: str) -> tuple[str, ...]:
    """Words of a text that no instruction has, such as those of another language; numbers are known."""
    stray = [c for c in text if ord(c) > 127 and c.isalpha()]
    alien = tuple(w for w in re.findall(r"\w+", text) if set(w) & set(stray))
    return tuple(dict.fromkeys(w for w in words(text) if w not in _INDEX and not w.isdigit())) + alien


def words(text: str) -> list[str]:
    """Lower-case words and numbers of a text."""
    return _WORD.findall(text.lower())


# --- Tokens ----------------------------------------------------------------------------------------


def encode(text: str) -> npt.NDArray[np.int32]:
    """(TOKENS,) int32: one index into `VOCABULARY` a word, padded; longer texts are cut."""
    tokens = [_INDEX.get(word, 1) for word in words(text)][:TOKENS]
    return np.array(tokens + [0] * (TOKENS - len(tokens)), np.int32)


def decode(tokens: npt.ArrayLike) -> str:
    """The words of encoded tokens, spaces between them."""
    return " ".join(VOCABULARY[int(t)] for t in np.asarray(tokens).ravel() if int(t) != 0)
