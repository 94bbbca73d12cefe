"""Prices and regions, from `configs/prices` and `configs/regions`, each with year, source and standing.

All money is in euros; a region's own prices are in its currency, with the exchange rate beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, make_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from configs import data
from configs.data import names
from configs.figures import Figure, within
from configs.records import record
from configs.strict_yaml import read_yaml

BOUNDARIES = ("direct", "lifecycle")
__all__ = ["BOUNDARIES", "Prices", "Region", "load_prices", "load_region", "names", "price_figures"]


@dataclass(frozen=True)
class Prices:
    """What things cost, wherever they are made; the defaults' sources are in `price_figures`.

    Attributes:
        machine_eur_per_h: A scheduled hour of the machine, without energy, tools and people.
        edge_eur: One cutting edge.
        blank_eur_per_kg: Raw material.
        chip_credit_eur_per_kg: What chips and scrapped parts bring.
        escape_eur: A bad part that is shipped.
        blank_kgco2e_per_kg: Greenhouse gases of raw material, cradle to gate.
        air_kwh_per_nm3: Electricity to compress air.

    Raises:
        ValueError: for a price below 0, or a credit above the price.
    """

    machine_eur_per_h: float
    edge_eur: float
    blank_eur_per_kg: float
    chip_credit_eur_per_kg: float
    escape_eur: float
    blank_kgco2e_per_kg: float
    air_kwh_per_nm3: float

    def __post_init__(self) -> None:
        for field in fields(self):
            within(field.name, getattr(self, field.name))
        within("chip_credit_eur_per_kg", self.chip_credit_eur_per_kg, 0.0, self.blank_eur_per_kg)


@dataclass(frozen=True)
class Region:
    """Where it is made: currency, electricity, labour and the grid's greenhouse gases.

    Attributes:
        name: In words.
        currency: ISO 4217 code.
        per_eur: Units of the currency for one euro.
        electricity_per_kwh: Industry's price, in the currency.
        labour_per_h: What an hour costs the employer, in the currency.
        grid_g_per_kwh: Grams of CO2 equivalent by boundary, "direct" or "lifecycle".

    Raises:
        ValueError: for a rate of 0, or a boundary that is unknown.
    """

    name: str
    currency: str
    per_eur: Figure
    electricity_per_kwh: Figure
    labour_per_h: Figure
    grid_g_per_kwh: Mapping[str, Figure]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name is {self.name!r}: allowed is a region's name")
        if not (isinstance(self.currency, str) and len(self.currency) == 3 and self.currency.isupper()):
            raise ValueError(f"currency is {self.currency!r}: allowed are three capitals, as in EUR")
        within("per_eur", self.per_eur.value, above=True)
        for boundary in self.grid_g_per_kwh:
            _check_boundary(boundary)

    @property
    def electricity_eur_per_kwh(self) -> float:
        """Electricity in euros."""
        return self.electricity_per_kwh.value / self.per_eur.value

    @property
    def labour_eur_per_h(self) -> float:
        """Labour in euros."""
        return self.labour_per_h.value / self.per_eur.value

    def grid(self, boundary: str) -> Figure:
        """Return the grid's factor (g CO2e per kWh) within a boundary, never another one's.

        Raises:
            ValueError: for a boundary that is unknown or that this region has no factor for.
        """
        _check_boundary(boundary)
        if boundary not in self.grid_g_per_kwh:
            has = ", ".join(self.grid_g_per_kwh) or "none"
            raise ValueError(f"boundary is {boundary!r}: {self.name} has {has}; the two are never mixed")
        return self.grid_g_per_kwh[boundary]

    def kgco2e(self, energy_kwh: float, boundary: str) -> float:
        """Return the greenhouse gases of electricity.

        Raises:
            ValueError: as `grid`, and for energy below 0.
        """
        return within("energy_kwh", energy_kwh) * self.grid(boundary).value / 1000.0


def _check_boundary(boundary: str) -> None:
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary is {boundary!r}: allowed are {', '.join(BOUNDARIES)}")


@dataclass(frozen=True)
class _Grid:
    """One entry of a region's file: the grid's factor within a boundary."""

    boundary: str
    g_per_kwh: Figure


@dataclass(frozen=True)
class _RegionFile:
    """A region's file as it is written."""

    name: str
    currency: str
    per_eur: Figure
    electricity_per_kwh: Figure
    labour_per_h: Figure
    grid: tuple[_Grid, ...]


def _read(folder: str, name: str | Path) -> data.Data:
    """Data by the name of a file, that ships or comes from outside, or by a path that ends in .yaml."""
    if not str(name).endswith(".yaml"):
        if name not in (known := names(folder)):
            kind = folder.removesuffix("s")
            raise ValueError(f"{kind} is {str(name)!r}: allowed are {', '.join(known)}, or a .yaml file")
        return data.read(folder, str(name))
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    return data.Data(read_yaml(path.read_text(encoding="utf-8"), str(path)), str(path), "")


@cache
def price_figures(name: str | Path = "default") -> Mapping[str, Figure]:
    """Return the prices with year, source, standing and range.

    Args:
        name: A file in `configs/prices`, or a path to a YAML file of the same form.

    Raises:
        ValueError: for what is not such a file, in one line.
    """
    read = _read("prices", name)
    kinds = {field.name: Figure for field in fields(Prices)}
    found: Any = record(make_dataclass("_PriceFile", kinds.items()), read.content, read.source)
    return dict(vars(found))


@cache
def load_prices(name: str | Path = "default") -> Prices:
    """Return the prices. Args and errors are those of `price_figures`."""
    figures = price_figures(name)
    try:
        return Prices(**{key: figure.value for key, figure in figures.items()})
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


@cache
def load_region(name: str | Path) -> Region:
    """Return a region: one of `names("regions")`, or a path to a YAML file of the same form.

    Raises:
        ValueError: for what is not such a file, in one line.
    """
    read = _read("regions", name)
    found = record(_RegionFile, read.content, read.source)
    grid: dict[str, Figure] = {}
    for entry in found.grid:
        if entry.boundary in grid:
            raise ValueError(f"{read.source}: grid: boundary {entry.boundary!r} is given twice")
        grid[entry.boundary] = entry.g_per_kwh
    try:
        return Region(
            found.name, found.currency, found.per_eur, found.electricity_per_kwh, found.labour_per_h, grid
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"{read.source}: {error}") from None
