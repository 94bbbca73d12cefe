"""Prices and rates to money: machine hours, and the cost of parts by cause. All of it in euros."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from configs.figures import within
from envs.accounts import Additive
from envs.prices import Prices, Region, load_prices, load_region, price_figures

__all__ = [
    "Costs",
    "MachineHourRate",
    "Prices",
    "Region",
    "annuity_eur_per_year",
    "cost_of_part",
    "load_prices",
    "load_region",
    "machine_hour_rate",
    "price_figures",
]


@dataclass(frozen=True)
class MachineHourRate:
    """A machine's hour in euros, by cause (VDI 3258).

    `fixed` leaves out energy and tools: what a scheduled hour costs where these are counted by themselves.
    """

    depreciation: float
    interest: float
    maintenance: float
    energy: float
    space: float
    tools: float

    @property
    def fixed(self) -> float:
        """Without energy and tools."""
        return self.depreciation + self.interest + self.maintenance + self.space

    @property
    def total(self) -> float:
        """All of it."""
        return self.fixed + self.energy + self.tools


def machine_hour_rate(
    *,
    purchase_eur: float,
    life_years: float,
    interest_per_year: float,
    days_per_year: float = 250.0,
    shifts_per_day: float = 2.0,
    hours_per_shift: float = 8.0,
    utilisation: float = 0.9,
    hours_per_year: float | None = None,
    price_index_ratio: float = 1.0,
    disposal_eur: float = 0.0,
    maintenance_eur_per_year: float = 0.0,
    power_kw: float = 0.0,
    electricity_eur_per_kwh: float = 0.0,
    space_m2: float = 0.0,
    space_eur_per_m2_month: float | None = None,
    space_eur_per_m2_year: float | None = None,
    tools_eur_per_set: float = 0.0,
    tool_life_h_per_set: float = 1.0,
) -> MachineHourRate:
    """Return a machine's hour in euros, by cause: VDI 3258, as in abwl-camp.de's example of 70.81 EUR/h.

    Depreciation is linear on what replacing costs; interest is on half the purchase price. Rent is quoted by
    the month or by the year: say which. The example's 8 EUR for 20 m2 make 0.04 EUR/h by the year, as it was
    printed, and 0.53 EUR/h by the month.

    Args:
        purchase_eur: What was paid.
        life_years: Years of use.
        interest_per_year: As a share, such as 0.15.
        days_per_year: Days of work, where `hours_per_year` is not given.
        shifts_per_day: Shifts on such a day.
        hours_per_shift: Hours of a shift.
        utilisation: Share of those hours that the machine is used.
        hours_per_year: Hours of use, instead of the four before.
        price_index_ratio: What a new one costs now over what this one cost, such as 143/110.
        disposal_eur: What getting rid of it costs.
        maintenance_eur_per_year: Repair and upkeep.
        power_kw: Mean electric power in use.
        electricity_eur_per_kwh: Price of electricity.
        space_m2: Floor.
        space_eur_per_m2_month: Rent of a month.
        space_eur_per_m2_year: Rent of a year.
        tools_eur_per_set: Price of a set of tools.
        tool_life_h_per_set: Hours of use that a set lasts.

    Raises:
        ValueError: for a value out of its range, and for floor with no rent or two.
    """
    hours = hours_per_year
    if hours is None:
        within("utilisation", utilisation, 0.0, 1.0, above=True)
        hours = days_per_year * shifts_per_day * hours_per_shift * utilisation
    within("hours_per_year", hours, 0.0, 8784.0, above=True)
    for name, value in (("life_years", life_years), ("tool_life_h_per_set", tool_life_h_per_set)):
        within(name, value, above=True)
    rents = [r for r in (space_eur_per_m2_month, space_eur_per_m2_year) if r is not None]
    if len(rents) > 1 or (space_m2 and not rents):
        raise ValueError(
            f"space_eur_per_m2_month is {space_eur_per_m2_month} and space_eur_per_m2_year is "
            f"{space_eur_per_m2_year}: allowed is exactly one for {space_m2} m2"
        )
    rent = 12.0 * space_eur_per_m2_month if space_eur_per_m2_month is not None else sum(rents)
    replacement = within("purchase_eur", purchase_eur) * within("price_index_ratio", price_index_ratio)
    replacement += within("disposal_eur", disposal_eur)
    return MachineHourRate(
        depreciation=replacement / (life_years * hours),
        interest=purchase_eur / 2.0 * within("interest_per_year", interest_per_year, 0.0, 1.0) / hours,
        maintenance=within("maintenance_eur_per_year", maintenance_eur_per_year) / hours,
        energy=within("power_kw", power_kw) * within("electricity_eur_per_kwh", electricity_eur_per_kwh),
        space=within("space_m2", space_m2) * within("rent", rent) / hours,
        tools=within("tools_eur_per_set", tools_eur_per_set) / tool_life_h_per_set,
    )


def annuity_eur_per_year(*, capital_eur: float, life_years: float, interest_per_year: float) -> float:
    """Return the constant yearly payment that capital costs over its life.

    Raises:
        ValueError: for a value out of its range.
    """
    within("capital_eur", capital_eur)
    within("life_years", life_years, above=True)
    if within("interest_per_year", interest_per_year, 0.0, 1.0) == 0.0:
        return capital_eur / life_years
    return -capital_eur * interest_per_year / math.expm1(-life_years * math.log1p(interest_per_year))


@dataclass(frozen=True, kw_only=True)
class Costs(Additive):
    """Money by cause, in euros; adds up over parts and shifts.

    `material` is of what was not scrapped, less the chips' credit; `scrap` is the material of what was, less
    its credit; `other` is what was written down as an expense, and escapes.
    """

    machine: float = 0.0
    labour: float = 0.0
    tool: float = 0.0
    energy: float = 0.0
    material: float = 0.0
    scrap: float = 0.0
    other: float = 0.0

    @property
    def total(self) -> float:
        """All causes."""
        return math.fsum(getattr(self, f.name) for f in fields(self))

    def per(self, n_good: int) -> dict[str, float] | None:
        """Return the cost of a good part by cause, None where there is none."""
        if within("n_good", n_good) == 0:
            return None
        return {f.name: getattr(self, f.name) / n_good for f in fields(self)}


def cost_of_part(
    *,
    prices: Prices,
    region: Region,
    machine_min: float,
    attended_min: float = 0.0,
    edge_share: float = 0.0,
    energy_kwh: float = 0.0,
    blank_kg: float = 0.0,
    chips_kg: float = 0.0,
    scrapped: bool = False,
) -> Costs:
    """Return what one part cost, by cause.

    The cost of a good part is that of all parts over the number of good ones: add up and use `Costs.per`.

    Args:
        prices: Prices of machine, edges and material.
        region: Labour and electricity.
        machine_min: Minutes for which the machine was taken.
        attended_min: Minutes for which a person was.
        edge_share: Edges worn, such as cutting time over edge life.
        energy_kwh: Electricity.
        blank_kg: Mass of the blank.
        chips_kg: Mass of the chips cut off it.
        scrapped: Whether the part is scrap: all of it brings the credit, and its material counts as scrap.

    Raises:
        ValueError: for a value below 0, or more chips than blank.
    """
    within("chips_kg", chips_kg, 0.0, within("blank_kg", blank_kg))
    sold_kg = blank_kg if scrapped else chips_kg
    material = blank_kg * prices.blank_eur_per_kg - sold_kg * prices.chip_credit_eur_per_kg
    return Costs(
        machine=within("machine_min", machine_min) / 60.0 * prices.machine_eur_per_h,
        labour=within("attended_min", attended_min) / 60.0 * region.labour_eur_per_h,
        tool=within("edge_share", edge_share) * prices.edge_eur,
        energy=within("energy_kwh", energy_kwh) * region.electricity_eur_per_kwh,
        material=0.0 if scrapped else material,
        scrap=material if scrapped else 0.0,
    )
