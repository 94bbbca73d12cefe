"""Workpieces: families and sizes from `configs/parts/`, as shapes, masses and grip points."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from configs import extensions
from configs.strict_yaml import read_yaml
from robots.spec import Link, Rgba, Shape

COLOURS: Mapping[str, Rgba] = {
    "red": (0.80, 0.13, 0.13, 1.0),
    "green": (0.13, 0.60, 0.20, 1.0),
    "blue": (0.13, 0.33, 0.80, 1.0),
    "purple": (0.53, 0.20, 0.67, 1.0),
    "orange": (0.93, 0.47, 0.07, 1.0),
    "cyan": (0.13, 0.67, 0.73, 1.0),
    "yellow": (0.93, 0.80, 0.13, 1.0),
    "pink": (0.93, 0.47, 0.67, 1.0),
    # Held out: no split that is learned from has them.
    "brown": (0.40, 0.22, 0.10, 1.0),
    "white": (0.95, 0.95, 0.95, 1.0),
    "black": (0.10, 0.10, 0.10, 1.0),
}
# Fingers take a part this far below its top.
GRIP_BELOW_TOP_M = 0.010
# Share of a hexagon's side that is flat, the corners broken: so what bears on a flat bears on one box of
# the three, not on the edges of the two others as well.
HEXAGON_FLAT = 0.90
FORMS = {"cylinder": 0, "hexagon": 6, "box": 4, "octagon": 8}
# Sizes of held-out parts are drawn to this.
GRID_MM = 0.1
SIZES = ("small", "medium", "large")
_KEYS = {"word", "chuckable", "density_kg_m3", "tolerance_mm", "sizes", "bore_mm"}


@dataclass(frozen=True)
class Section:
    """One prismatic piece of a part: form, size across (diameter, flats or side) and height."""

    form: str
    across_mm: float
    height_mm: float

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"section form {self.form!r}: allowed are {', '.join(FORMS)}")
        if not 10.0 <= self.across_mm <= 70.0 or not 5.0 <= self.height_mm <= 120.0:
            raise ValueError(f"section {self.across_mm} x {self.height_mm} mm: allowed are 10-70 x 5-120")

    @property
    def area_m2(self) -> float:
        """Cross-section."""
        octagon = 2 * (math.sqrt(2.0) - 1.0)
        factor = {"cylinder": math.pi / 4, "hexagon": math.sqrt(3) / 2, "box": 1.0, "octagon": octagon}[
            self.form
        ]
        return factor * (self.across_mm * 1e-3) ** 2


@dataclass(frozen=True)
class PartType:
    """A family in one size: sections from the bottom up; the origin is the middle of its bottom."""

    family: str
    size: str
    word: str
    chuckable: bool
    sections: tuple[Section, ...]
    density_kg_m3: float
    tolerance_mm: float
    bore_mm: float = 0.0

    @cached_property
    def height_m(self) -> float:
        """Bottom to top."""
        return sum(s.height_mm for s in self.sections) * 1e-3

    @cached_property
    def grip_height_m(self) -> float:
        """Height above the bottom at which the fingers' middle takes it."""
        return self.height_m - GRIP_BELOW_TOP_M

    @cached_property
    def grip_across_m(self) -> float:
        """Size across between the fingers."""
        return self.sections[-1].across_mm * 1e-3

    @cached_property
    def chuck_across_m(self) -> float:
        """Size across between the jaws."""
        return self.sections[0].across_mm * 1e-3

    @property
    def workholding(self) -> str:
        """What holds it in a machine: a chuck, or a vise."""
        return "chuck" if self.chuckable else "vise"

    @cached_property
    def symmetry(self) -> int:
        """How many equal ways round it can be gripped; 0 for any angle."""
        return FORMS[self.sections[-1].form]

    @cached_property
    def mass_kg(self) -> float:
        """Nominal mass."""
        return self.density_kg_m3 * sum(s.area_m2 * s.height_mm * 1e-3 for s in self.sections)

    def link(self, rgba: Rgba, oversize_m: float = 0.0, mass_ratio: float = 1.0) -> Link:
        """Shapes about the middle of the part's height, `oversize_m` added to every size across.

        What is drawn has nominal sizes: a tolerance cannot be seen, and a mesh made once is used again.
        """
        solid = _shapes(self.sections, oversize_m)
        return Link(self.mass_kg * mass_ratio, shapes=(*solid, *_drawn(self.sections, self.bore_mm, rgba)))


def _shapes(sections: tuple[Section, ...], oversize_m: float = 0.0) -> list[Shape]:
    """What collides.

    A hexagon is the union of three boxes, an octagon of four: hulls would get a margin from the engine.
    """
    shapes: list[Shape] = []
    z = -sum(s.height_mm for s in sections) * 5e-4
    for s in sections:
        across, height = s.across_mm * 1e-3 + oversize_m, s.height_mm * 1e-3
        at = (0.0, 0.0, z + height / 2)
        if s.form == "cylinder":
            shapes.append(Shape("cylinder", (across / 2, height), at, visible=False))
        elif s.form == "box":
            shapes.append(Shape("box", (across, across, height), at, visible=False))
        else:
            n = FORMS[s.form]
            size = (across, HEXAGON_FLAT * across * math.tan(math.pi / n), height)
            turns = ((0.0, 0.0, 2 * k * math.pi / n) for k in range(n // 2))
            shapes += [Shape("box", size, at, turn, visible=False) for turn in turns]
        z += height
    return shapes


@lru_cache(maxsize=512)
def _drawn(sections: tuple[Section, ...], bore_mm: float, rgba: Rgba) -> tuple[Shape, ...]:
    """What is seen."""
    shapes = [replace(s, rgba=rgba, visible=True, collides=False) for s in _shapes(sections)]
    if bore_mm:
        z = sum(s.height_mm for s in sections) * 5e-4
        dark = (0.13, 0.13, 0.13, 1.0)
        shapes.append(Shape("cylinder", (bore_mm * 5e-4, 0.001), (0.0, 0.0, z), rgba=dark, collides=False))
    return tuple(shapes)


def _load(family: str, text: str, source: str) -> dict[str, PartType]:
    data: dict[str, Any] = read_yaml(text, source)
    try:
        return _sizes(family, data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"key {error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{source}: {what}") from error


def _sizes(family: str, data: Mapping[str, Any]) -> dict[str, PartType]:
    if set(data["sizes"]) != set(SIZES):
        raise ValueError(f"sizes {', '.join(data['sizes'])}: {', '.join(SIZES)} are needed")
    if unknown := set(data) - _KEYS:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}: allowed are {', '.join(sorted(_KEYS))}")
    return {
        size: PartType(
            family,
            size,
            data["word"],
            data["chuckable"],
            tuple(Section(**section) for section in sections),
            float(data["density_kg_m3"]),
            float(data["tolerance_mm"]),
            float(data.get("bore_mm", 0.0)),
        )
        for size, sections in data["sizes"].items()
    }


@lru_cache(maxsize=16)
def held_out(assets: int) -> Mapping[str, Mapping[str, PartType]]:
    """Families that nothing learns from, by family and size: forms and ranges of sizes are data.

    Args:
        assets: Seed of the sizes; each family's and size's follow from it alone.
    """
    folder, found = files("configs") / "parts" / "held_out", {}
    for name in sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")):
        source = f"configs/parts/held_out/{name}.yaml"
        data: dict[str, Any] = read_yaml((folder / f"{name}.yaml").read_text(encoding="utf-8"), source)
        for size, sections in data["sizes"].items():
            rng = np.random.default_rng([assets, zlib.crc32(f"{name} {size}".encode())])
            for section in sections:
                for key in ("across_mm", "height_mm"):
                    low, high = (round(limit / GRID_MM) for limit in section[key])
                    section[key] = round(int(rng.integers(low, high + 1)) * GRID_MM, 1)
        found[name] = _sizes(name, data)
    return found


@cache
def families() -> Mapping[str, Mapping[str, PartType]]:
    """All part types by family and size; a family is one YAML file, here or outside."""
    folder = files("configs") / "parts"
    own = sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml"))
    texts = {n: ((folder / f"{n}.yaml").read_text(encoding="utf-8"), f"configs/parts/{n}.yaml") for n in own}
    for name, path in extensions.added("parts", own, ".yaml").items():
        texts[name] = path.read_text(encoding="utf-8"), str(path)
    found = {name: _load(name, text, source) for name, (text, source) in texts.items()}
    taken: dict[str, str] = {}
    for name, sizes in found.items():
        word = sizes["medium"].word
        if word in taken:
            raise ValueError(f"{texts[name][1]}: word {word!r} is that of {taken[word]} already")
        taken[word] = name
    return found


@cache
def outside_families() -> frozenset[str]:
    """Families from outside: drawn only for tasks that name them."""
    return frozenset(extensions.added("parts", suffix=".yaml"))
