"""Places where a part is put down: outfeed, chutes, gauge. An entry here adds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from envs.cell import plate
from robots.spec import Rgba, Shape, Vec3

_TRAY: Rgba = (0.20, 0.27, 0.40, 1.0)
_NEST: Rgba = (0.27, 0.33, 0.47, 1.0)
_SCRAP: Rgba = (0.67, 0.16, 0.13, 1.0)
_REWORK: Rgba = (0.90, 0.68, 0.10, 1.0)
_STEEL: Rgba = (0.53, 0.55, 0.58, 1.0)
_GRANITE: Rgba = (0.24, 0.26, 0.28, 1.0)


@dataclass(frozen=True)
class Station:
    """A fixed body on the table.

    Attributes:
        word: What instructions call it.
        at_m: Where the middle of a part's bottom belongs (world).
        within_m: How far from there it may lie.
        shapes: What the body is made of, about `at_m` without its height.
        bored: Its bodies by name for a hole of a diameter (m), where it has one; instead of `shapes`.
        shifts: Whether the fixture offset of the split moves it.
    """

    word: str
    at_m: Vec3
    within_m: float
    shapes: tuple[Shape, ...] = ()
    bored: Callable[[float], Mapping[str, tuple[Shape, ...]]] | None = None
    shifts: bool = False

    def __post_init__(self) -> None:
        if bool(self.shapes) == (self.bored is not None):
            raise ValueError(f"station {self.word!r}: either shapes or bored is needed")

    def bodies(self, name: str, hole_m: float) -> Mapping[str, tuple[Shape, ...]]:
        """What to build by name, its hole of the diameter `hole_m`."""
        return {name: self.shapes} if self.bored is None else self.bored(hole_m)

    def place_m(self, offset_m: Vec3) -> Vec3:
        """`at_m` with the fixture offset, where that moves it."""
        if not self.shifts:
            return self.at_m
        (x, y, z), (dx, dy, dz) = self.at_m, offset_m
        return (x + dx, y + dy, z + dz)


def _pallet(height: float) -> tuple[Shape, ...]:
    return (
        Shape("box", (0.07, 0.07, 0.001), (0.0, 0.0, height + 0.0003), rgba=_NEST, collides=False),
        Shape("box", (0.13, 0.13, height), (0.0, 0.0, height / 2), rgba=_TRAY),
    )


def _bin(rgba: Rgba, floor: float = 0.006, wall: float = 0.030, inside: float = 0.13) -> tuple[Shape, ...]:
    """An open box that parts are set into."""
    t, sides = 0.005, []
    for sx, sy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        size = (t if sx else inside + 2 * t, t if sy else inside + 2 * t, wall)
        at = (sx * (inside + t) / 2, sy * (inside + t) / 2, wall / 2)
        sides.append(Shape("box", size, at, rgba=rgba))
    return (*sides, Shape("box", (inside, inside, floor), (0.0, 0.0, floor / 2), rgba=rgba))


def _gauge() -> tuple[Shape, ...]:
    """A granite plate with an anvil and a column that carries the probe, clear of hand and part."""
    return (
        Shape("box", (0.17, 0.16, 0.030), (0.02, 0.0, 0.015), rgba=_GRANITE),
        Shape("cylinder", (0.034, 0.020), (0.0, 0.0, 0.040), rgba=_STEEL),
        Shape("box", (0.02, 0.02, 0.10), (0.08, 0.0, 0.08), rgba=_STEEL),
        Shape("cylinder", (0.004, 0.03), (0.06, 0.0, 0.062), (0.0, 1.5708, 0.0), rgba=_STEEL, collides=False),
    )


STATIONS: Mapping[str, Station] = {
    "outfeed": Station("outfeed", (0.22, 0.27, 0.03), 0.015, _pallet(0.03)),
    "rework": Station("rework", (0.05, 0.33, 0.006), 0.025, _bin(_REWORK)),
    "scrap": Station("scrap", (-0.12, 0.33, 0.006), 0.025, _bin(_SCRAP)),
    "gauge": Station("gauge", (0.03, 0.33, 0.05), 0.002, _gauge()),
    "plate": Station("plate", (0.28, 0.03, plate.FLOOR_M), 0.001, bored=plate.bored_plate, shifts=True),
}


def station(name: str) -> Station:
    """A station by name.

    Raises:
        ValueError: there is no such station.
    """
    if name not in STATIONS:
        raise ValueError(f"station {name!r}: allowed are {', '.join(STATIONS)}")
    return STATIONS[name]
