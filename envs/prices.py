"""Prices and regions, from `configs/prices` and `configs/regions`, each with year, source and standing.

All money is in euros; a region's own prices are in its currency, with the exchange rate beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from configs.figures import Figure, check_keys, read_figure, within
from configs.strict_yaml import read_yaml

BOUNDARIES = ("direct", "lifecycle")
_REGION_KEYS = ("name", "currency", "per_eur", "electricity_per_kwh", "labour_per_h", "grid")


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


def names(folder: str) -> tuple[str, ...]:
    """Return what there is in `configs/<folder>`, without `.yaml`."""
    entries = (files("configs") / folder).iterdir()
    return tuple(sorted(entry.name[:-5] for entry in entries if entry.name.endswith(".yaml")))


def _read(folder: str, name: str | Path) -> tuple[Any, str]:
    """Plain data by the name of a file that ships, or by a path that ends in .yaml, and what to call it."""
    if str(name).endswith(".yaml"):
        path = Path(name)
        if not path.is_file():
            raise ValueError(f"{path} is not a file")
        return read_yaml(path.read_text(encoding="utf-8"), str(path)), str(path)
    if name not in names(folder):
        kind = folder.removesuffix("s")
        raise ValueError(f"{kind} is {str(name)!r}: allowed are {', '.join(names(folder))}, or a .yaml file")
    source = f"configs/{folder}/{name}.yaml"
    return read_yaml((files("configs") / folder / f"{name}.yaml").read_text(encoding="utf-8"), source), source


@cache
def price_figures(name: str | Path = "default") -> Mapping[str, Figure]:
    """Return the prices with year, source, standing and range.

    Args:
        name: A file in `configs/prices`, or a path to a YAML file of the same form.

    Raises:
        ValueError: for what is not such a file, in one line.
    """
    data, source = _read("prices", name)
    values = check_keys(data, {f.name: True for f in fields(Prices)}, source)
    return {key: read_figure(value, f"{source}: {key}") for key, value in values.items()}


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
    """Return a region: a name in `configs/regions`, or a path to a YAML file of the same form.

    Raises:
        ValueError: for what is not such a file, in one line.
    """
    data, source = _read("regions", name)
    values = check_keys(data, dict.fromkeys(_REGION_KEYS, True), source)
    if not isinstance(values["grid"], list):
        raise ValueError(f"{source}: grid is {values['grid']!r}: allowed is a list, one for each boundary")
    grid: dict[str, Figure] = {}
    for entry in values["grid"]:
        one = check_keys(entry, {"boundary": True, "g_per_kwh": True}, f"{source}: grid")
        if one["boundary"] in grid:
            raise ValueError(f"{source}: grid: boundary {one['boundary']!r} is given twice")
        grid[one["boundary"]] = read_figure(one["g_per_kwh"], f"{source}: grid: {one['boundary']}")
    priced = {key: read_figure(values[key], f"{source}: {key}") for key in _REGION_KEYS[2:5]}
    try:
        return Region(values["name"], values["currency"], grid_g_per_kwh=grid, **priced)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
