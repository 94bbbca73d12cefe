"""The ledger of a shift as it is written: states of the machine, power, decisions; hours of rest between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envs.ledger import Ledger
from envs.shift.decision import Choice, Decision
from envs.shift.spec import Block

# What of a view goes into the ledger with a decision, by role; what is None or 0 is left out.
SAW: Mapping[str, tuple[str, ...]] = {
    "loading": ("blanks", "failures", "failure_share"),
    "machining": (
        "reason", "expected_min", "reading_um", "parts_since_reading", "corrected_um", "reading_spindle_k",
        "reading_edge_min", "edge_min", "vibration_mm_s",
    ),
    "tool_care": ("edge_min", "load_percent", "acoustic", "vibration_mm_s", "ra_share", "sister_tools"),
    "measuring": ("since_gauged", "suspect", "reading_um", "reading_spindle_k", "edge_min"),
    "dispatch": ("event", "order", "order_left", "due_min", "blanks", "rework", "open_orders"),
    "fault_handling": ("fault", "attempts", "failures", "failure_share", "seat_ok", "calls_waiting"),
    "changeover": ("new_type", "setup_type", "known", "teach_min", "due_min"),
}  # fmt: skip


class Books:
    """Writes the ledger; a state or power that is there already is not written again.

    Args:
        unit: The machine.
        blocks: Hours worked, and of rest after each.
    """

    def __init__(self, unit: str, blocks: tuple[Block, ...]) -> None:
        self.ledger, self.unit, self._blocks = Ledger(), unit, blocks
        self.rested_s = 0.0
        self.now_s = 0.0
        self._state: tuple[str, str] | None = None
        self._power: dict[str, float] = {}

    def at(self, work_s: float) -> float:
        """Return the ledger's time of a working time, with the hours of rest before it."""
        end_s = rest_s = 0.0
        for block in self._blocks:
            end_s += 3600.0 * block.hours
            if work_s <= end_s:
                break
            rest_s += 3600.0 * block.gap_h
        return work_s + rest_s

    def write(self, kind: str, subject: str | None = None, /, **data: Any) -> None:
        """Write an event that happens now."""
        self.ledger.append(self.now_s + self.rested_s, kind, subject or self.unit, **data)

    def state(self, mode: str, execution: str) -> None:
        """The machine's functional mode and execution from now on."""
        if self._state != (mode, execution):
            if self._state is None or self._state[0] != mode:
                self.write(mode)
            if self._state is None or self._state[1] != execution:
                self.write(execution)
            self._state = (mode, execution)

    @property
    def current(self) -> tuple[str, str]:
        """The machine's mode and execution."""
        return self._state or ("PRODUCTION", "READY")

    def power(self, consumer: str, watts: float) -> None:
        """A consumer's power from now on."""
        if self._power.get(consumer) != watts:
            self._power[consumer] = watts
            self.write("power", consumer, power_w=watts)

    def power_of(self, consumer: str) -> float:
        """A consumer's power now."""
        return self._power.get(consumer, 0.0)

    def rest(self, seconds: float) -> None:
        """Hours outside the planned operation time: everything is off."""
        powers = dict(self._power)
        for consumer in powers:
            self.power(consumer, 0.0)
        self.rested_s += seconds
        for consumer, watts in powers.items():
            self.power(consumer, watts)

    def decision(self, decision: Decision, choice: Choice) -> None:
        """A decision, with what was seen and why."""
        saw = {name: _short(decision.view.get(name)) for name in SAW[decision.role]}
        values = {name: _short(value) for name, value in choice.values.items()}
        self.write(
            "decision", decision.role, tool=choice.tool, values=values, why=choice.why,
            saw={name: value for name, value in saw.items() if value},
        )  # fmt: skip


def _short(value: Any) -> Any:
    """Four digits are enough to see why."""
    return float(f"{value:.4g}") if isinstance(value, float) else value
