"""What a supervisor reckons with: prices, usual times and powers, from what is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Where nothing was told: a small lathe cell in central Europe.
_PRICES = {
    "machine_eur_per_h": 10.0, "labour_eur_per_h": 45.0, "edge_eur": 3.5, "blank_eur_per_kg": 1.6,
    "escape_eur": 150.0, "electricity_eur_per_kwh": 0.2,
}  # fmt: skip
_MINUTES = {
    "load_by_hand": 0.5, "unload_by_hand": 0.5, "measure_by_hand": 0.7, "index_edge": 2.0, "reset": 2.0,
    "clear_jam": 3.0, "chip_nest": 5.0, "rezero": 8.0, "diagnosis": 20.0, "rework_part": 4.0,
    "teach_taught": 10.0, "preset_tools": 5.0, "watched_cycle": 0.5,
}  # fmt: skip


_CHANGEOVER = ("jaws", "fingers", "tools", "clear_chips", "refill_tray", "prove_out", "teach_taught")


@dataclass(frozen=True)
class Economy:
    """Prices in euros, times in minutes.

    Attributes:
        prices: By name.
        work_min: Usual minutes of a person's work, by name.
        tolerances_um: By part type.
        planned_min: Planned minutes of a part, by part type.
        cell_eur_per_h: What the cell costs an hour on top of the machine: capital and upkeep.
        operators: On duty.
        machines_per_operator: Cells that share one.
    """

    prices: Mapping[str, float]
    work_min: Mapping[str, float]
    tolerances_um: Mapping[str, float]
    planned_min: Mapping[str, float]
    cell_eur_per_h: float
    operators: int
    machines_per_operator: int

    @classmethod
    def of(cls, facts: Mapping[str, Any], cell_eur_per_h: float = 0.0) -> Economy:
        """Return what the facts of a shift tell; what they do not is a small cell's in central Europe."""
        process = facts.get("process", {})
        tolerances = {
            name: float(figures["tolerance_um"])
            for name, figures in process.items()
            if isinstance(figures, Mapping) and "tolerance_um" in figures
        }
        return cls(
            prices={**_PRICES, **facts.get("prices", {})},
            work_min={**_MINUTES, **facts.get("times_min", {})},
            tolerances_um=tolerances,
            planned_min={
                name: float(figures["planned_s"]) / 60.0
                for name, figures in process.items()
                if isinstance(figures, Mapping) and "planned_s" in figures
            },
            cell_eur_per_h=cell_eur_per_h,
            operators=int(facts.get("operators", 1)),
            machines_per_operator=int(facts.get("machines_per_operator", 1)),
        )

    @property
    def setup_min(self) -> float:
        """Usual minutes of a changeover to a part type that is programmed."""
        return sum(self.minutes(work) for work in _CHANGEOVER)

    def part_min(self, part_type: str) -> float:
        """Return the minutes that a part takes, as planned and with a usual handling."""
        return self.planned_min.get(part_type, self.cycle_min)

    # Times that no one tells; estimates of the same cell.
    sister_min = 0.1
    gauge_min = 0.33
    cycle_min = 2.0
    blank_kg = 0.45

    def minutes(self, work: str) -> float:
        """Return the usual minutes of a person's work, 5 where nobody told."""
        return self.work_min.get(work, 5.0)

    @property
    def answer_min(self) -> float:
        """How long a person may take to come: longer the more cells share one; until morning without any."""
        return 1.5 + 0.5 * self.machines_per_operator if self.operators else 240.0

    def machine_eur(self, minutes: float) -> float:
        """Return what minutes of the machine cost."""
        return minutes / 60.0 * (self.prices["machine_eur_per_h"] + self.cell_eur_per_h)

    def person_eur(self, minutes: float) -> float:
        """Return what minutes of a person at the standing machine cost, coming included."""
        waiting = self.machine_eur(self.answer_min) if minutes > 0.0 else 0.0
        return waiting + self.machine_eur(minutes) + minutes / 60.0 * self.prices["labour_eur_per_h"]

    def tolerance_um(self, part_type: str) -> float:
        """Return a part type's tolerance, 20 um where nobody told."""
        return self.tolerances_um.get(part_type, 20.0)

    @property
    def edge_eur(self) -> float:
        """Price of an edge."""
        return self.prices["edge_eur"]

    @property
    def escape_eur(self) -> float:
        """What a bad part that is shipped costs."""
        return self.prices["escape_eur"]

    @property
    def remake_eur(self) -> float:
        """What a bad part that is caught costs: blank and time."""
        return self.blank_kg * self.prices["blank_eur_per_kg"] + self.machine_eur(self.cycle_min)

    @property
    def sorted_out_eur(self) -> float:
        """What a blank that is left lying costs: a person takes it out with the next tray, a minute."""
        return self.prices["labour_eur_per_h"] / 60.0

    @property
    def failed_edge_eur(self) -> float:
        """What an edge that fails in the cut costs: the part, the edge, a stop."""
        return self.remake_eur + self.edge_eur + self.person_eur(self.minutes("index_edge"))

    def standby_saves_eur(self, minutes: float, power_w: float = 1500.0) -> float:
        """Return what standby saves in so many minutes, `power_w` less than ready."""
        return power_w * minutes * 60.0 / 3.6e6 * self.prices["electricity_eur_per_kwh"]

    @property
    def waking_eur(self) -> float:
        """What waking up costs: half a minute of the machine."""
        return self.machine_eur(0.25)
