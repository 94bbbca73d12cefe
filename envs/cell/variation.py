"""What can differ between two episodes: named factors with units, drawn by split and seed.

A split is a frozen file of ranges, choices and seeds in `configs/splits/`. `NAME@N` is an unseen split drawn
afresh by the rules of NAME with split seed N: other pairs, sizes, surfaces, heaps and templates than the
committed file holds, so that the gap between the two shows what was tuned to the committed one.
"""

from __future__ import annotations

import difflib
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from configs.strict_yaml import read_yaml
from envs.cell import language
from envs.cell.factor import Factor, drawn, outside
from envs.cell.parts import COLOURS, SIZES, PartType, families, held_out

_BUILT_IN: Mapping[str, Factor] = {
    "part_position_mm": Factor("mm", "each part from its slot, along x and along y", -30.0, 30.0),
    "part_yaw_deg": Factor("deg", "each part about the vertical", -180.0, 180.0),
    "part_size_mm": Factor("mm", "added to the size across, in tolerances of the family", -0.2, 0.2),
    "finger_friction": Factor(
        "-", "combined friction of finger on part; 0.2-0.35 dry, 0.08 oil film", 0.05, 0.35
    ),
    "part_mass_ratio": Factor("-", "mass against nominal", 0.5, 2.0),
    "fixture_offset_mm": Factor("mm", "chuck against where it was taught, along x and along y", -10.0, 10.0),
    "start_offset_mm": Factor("mm", "hand's start, along x, y and z", -60.0, 60.0),
    "goal_spread": Factor("-", "share of the goal's range that is used", 0.0, 1.0),
    "tray_x_mm": Factor("mm", "tray from where it usually stands, along x", -50.0, 0.0),
    "tray_y_mm": Factor("mm", "tray from where it usually stands, along y", -40.0, 30.0),
    "tray_turn_deg": Factor("deg", "tray about the vertical", -45.0, 45.0),
    "light_deg": Factor("deg", "direction of the light about the vertical", -180.0, 180.0),
    "light_height_deg": Factor("deg", "light above the horizon", 10.0, 90.0),
    "light_gain": Factor("-", "brightness of the light against the usual", 0.3, 1.5),
    "light_warmth": Factor("-", "share of blue that the light lacks, of green half of that", -0.3, 0.5),
    "camera_pose_mm": Factor(
        "mm", "each camera from its usual place, in any direction; its calibration knows", 0.0, 150.0
    ),
    "camera_zoom_pct": Factor("%", "each camera's field of view over the usual; known", -15.0, 15.0),
    "camera_offset_mm": Factor(
        "mm", "each camera from where it was calibrated, along x, y and z", -100.0, 100.0
    ),
}
FACTORS: Mapping[str, Factor] = {**_BUILT_IN, **outside(_BUILT_IN)}
CHOICES = (
    "named",
    "others",
    "sizes",
    "wording",
    "words",
    "textures",
    "clutter",
    "arm",
    "machine",
    "backdrop",
)
# The unseen-task benchmark: the seen cell, the six of RT-2's protocol, two of wording.
UNSEEN = (
    "objects-easy",
    "objects-hard",
    "backgrounds-easy",
    "backgrounds-hard",
    "environments-easy",
    "environments-hard",
)
CELLS = ("seen", *UNSEEN, "wording-templates", "wording-synonyms")
# The last is only looked at, to learn words from.
LEVELS = ("nominal", *CELLS, "unseen-easy", "unseen-hard", "grounding")
# Those that nothing is learned from, so that they can be drawn afresh.
FRESH = LEVELS[2:-1]
LARGEST_SEED = 2**31 - 1
_N_TEMPLATES, _N_PAIRS = 5, 2


@dataclass(frozen=True)
class Split:
    """A frozen set of ranges, choices and seeds; `sha256` goes into every result.

    Attributes:
        level: Its name.
        seeds: First and last episode seed of training, validation and test.
        factors: Range of each factor, in its unit.
        choices: What else is chosen from; "named" and "others" hold pairs such as "red shaft".
        sha256: Of all that defines it.
        assets: Seed of the sizes of held-out parts.
        fresh: 0 for a committed split, else a number of its own. Committed splits share episodes: a seed
            gives the same poses, parts and looks wherever these are drawn from the same.
        extra: Ranges of factors from outside.
    """

    level: str
    seeds: Mapping[str, tuple[int, int]]
    factors: Mapping[str, tuple[float, float]]
    choices: Mapping[str, tuple[str, ...]]
    sha256: str
    assets: int = 0
    fresh: int = 0
    extra: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (low, high) in self.factors.items():
            if name not in _BUILT_IN:
                raise ValueError(
                    f"split {self.level}: unknown factor {name!r}: allowed are {', '.join(_BUILT_IN)}"
                )
            known = FACTORS[name]
            if not known.lowest <= low <= high <= known.highest:
                allowed = f"{known.lowest} to {known.highest} {known.unit}"
                raise ValueError(f"split {self.level}: {name} [{low}, {high}]: allowed are {allowed}")
        if missing := set(_BUILT_IN) - set(self.factors) or set(CHOICES) - set(self.choices):
            raise ValueError(f"split {self.level}: {sorted(missing)[0]!r} is missing")
        for colour, family in (*self.pairs("named"), *self.pairs("others")):
            if colour not in COLOURS or family not in self.types:
                raise ValueError(f"split {self.level}: {colour} {family}: no such colour or family")
        if unknown := set(self.choices["sizes"]) - set(SIZES):
            raise ValueError(f"split {self.level}: size {sorted(unknown)[0]!r}")

    def pairs(self, who: str) -> tuple[tuple[str, str], ...]:
        """(colour, family) pairs of "named" parts, or of "others" beside them."""
        return tuple((c, f) for c, _, f in (pair.partition(" ") for pair in self.choices[who]))

    @property
    def families(self) -> tuple[str, ...]:
        """Families that a named part may be of, once each."""
        return tuple(dict.fromkeys(family for _, family in self.pairs("named")))

    @property
    def types(self) -> Mapping[str, Mapping[str, PartType]]:
        """Part types by family and size, those held out with the sizes of this split."""
        return _types(self.assets)

    def draw(self, rng: np.random.Generator, factor: str, n: int = 1) -> list[float]:
        """Draw n uniform values of a factor, in its unit."""
        low, high = self.factors[factor]
        values: list[float] = rng.uniform(low, high, n).tolist()
        return values

    def with_factors(self, names: Iterable[str]) -> Split:
        """The split of a task that draws factors from outside too; its hash tells of them.

        Raises:
            ValueError: for a name that is no factor from outside.
        """
        extra, digest = {}, hashlib.sha256(self.sha256.encode())
        for name in names:
            if name in _BUILT_IN or name not in FACTORS:
                known = ", ".join(set(FACTORS) - set(_BUILT_IN)) or "none"
                raise ValueError(f"factor {name!r}: those from outside are {known}")
            extra[name] = FACTORS[name].ranges.get(self.level, FACTORS[name].ranges["seen"])
            digest.update(f"{name}\n{FACTORS[name].text}".encode())
        return replace(self, extra=extra, sha256=digest.hexdigest()) if extra else self

    def draw_extra(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw a value of each factor from outside, in its unit; `rng` goes on as if nothing was drawn."""
        return drawn(self.extra, rng) if self.extra else {}

    def choose(self, rng: np.random.Generator, choice: str) -> str:
        """One of the choices, each as likely."""
        options = self.choices[choice]
        return options[int(rng.integers(len(options)))]


@lru_cache(maxsize=16)
def _types(assets: int) -> Mapping[str, Mapping[str, PartType]]:
    return {**families(), **held_out(assets)}


@lru_cache(maxsize=64)
def split(name: str) -> Split:
    """The split of that name, or for NAME@N that drawn by the same rules with split seed N.

    Raises:
        ValueError: for an unknown split, a split seed that is none, and one of a split that is learned from.
    """
    known, at, seed = str(name).partition("@")
    if known not in LEVELS:
        near = difflib.get_close_matches(known, LEVELS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown split {name!r}: allowed are {', '.join(LEVELS)}{hint}")
    data, digest = _read(known)
    if at:
        if known not in FRESH:
            raise ValueError(f"split {name!r}: only unseen splits are drawn afresh: {', '.join(FRESH)}")
        if not seed.isdigit() or not seed.isascii() or int(seed) > LARGEST_SEED:
            raise ValueError(f"split {name!r}: split seed {seed!r}: allowed are 0 to {LARGEST_SEED}")
        data = _afresh(data, int(seed))
        digest.update(f"@{int(seed)}".encode())
    choices = {k: _flat(v) if k in ("named", "others") else tuple(v) for k, v in data["choices"].items()}
    return Split(
        data["level"],
        {k: (v[0], v[1]) for k, v in data["seeds"].items()},
        {k: (float(v[0]), float(v[1])) for k, v in data["factors"].items()},
        choices,
        digest.hexdigest(),
        data["assets"],
        int(seed) + 1 if at else 0,
    )


def _read(name: str) -> tuple[dict[str, Any], Any]:
    """A split's data, over that of the split that it is like; and the hash of both, to go on with."""
    text = (files("configs") / "splits" / f"{name}.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = read_yaml(text, f"configs/splits/{name}.yaml")
    digest = hashlib.sha256(text.encode())
    if "like" in data:
        base, before = _read(data.pop("like"))
        digest.update(before.digest())
        for key in ("factors", "choices"):
            data[key] = {**base[key], **data.get(key, {})}
        data = {**base, **data}
    return data, digest


def _flat(named: Mapping[str, list[str]]) -> tuple[str, ...]:
    return tuple(f"{colour} {family}" for family, colours in named.items() for colour in colours)


def _afresh(data: dict[str, Any], seed: int) -> dict[str, Any]:
    """The same rules with another split seed: what was chosen for the committed file is chosen again.

    Pairs: two of the three colours that each seen family lacks. Surfaces and heaps: other numbers of the same
    kinds. Templates: five of the unseen ones. Sizes of held-out parts: by another seed. Episodes are others.
    """
    rng = np.random.default_rng([zlib.crc32(data["level"].encode()), seed])
    assets, seen = 1000 + int(rng.integers(2**31)), _read("seen")[0]["choices"]
    choices = dict(data["choices"])
    if data["level"] in ("objects-easy", "unseen-easy"):
        colours = sorted({c for some in seen["named"].values() for c in some})
        named = {}
        for family, known in seen["named"].items():
            lacking = [c for c in colours if c not in known]
            named[family] = rng.permutation(lacking).tolist()[:_N_PAIRS]
        others = {f: [*known, *named[f]] for f, known in seen["named"].items()}
        choices |= {"named": named, "others": others}
    for key in ("textures", "clutter"):
        if choices[key] != seen[key]:
            choices[key] = [
                f"{kind}-{assets + int(n)}" for kind, _, n in (x.partition("-") for x in choices[key])
            ]
    if choices["wording"] != seen["wording"]:
        choices["wording"] = rng.permutation(list(language.templates("unseen"))).tolist()[:_N_TEMPLATES]
    return {**data, "assets": assets, "choices": choices}


def filled() -> tuple[str, ...]:
    """Names of the committed splits."""
    return LEVELS
