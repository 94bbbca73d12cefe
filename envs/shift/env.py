"""`Monozukuri/Shift-v0`: a shift whose decision points are steps and whose tools are actions.

An action names a tool and up to five values in [-1, 1]; `observation["mask"]` tells which tools are allowed
now. What is not allowed is refused by the interlocks, and the first allowed tool is taken. Roles that are
filled by a `crew` never come up. The reward is money: the worth of good, ordered parts less what was spent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from configs.records import unknown
from envs.accounts import number
from envs.prices import load_prices, load_region
from envs.shift import draws
from envs.shift.crew import First
from envs.shift.cycles import RecordedHandling
from envs.shift.decision import EVENTS, FAULTS, ROLES, TOOLS, VIEW, WAITS, Choice, Decision, Value
from envs.shift.handling import Handling, Skill
from envs.shift.kernel import Steps
from envs.shift.physics import FullPhysicsHandling
from envs.shift.shift import Crew, Shift
from envs.shift.spec import KNOWN, Block, ShiftSpec, load_shift
from envs.shift.state import ShiftState

NAMES: tuple[str, ...] = tuple(TOOLS)
N_VALUES = max(len(tool.fields) for tool in TOOLS.values())
# Words in a view that become a number each, 1 where they hold.
WORDS: Mapping[str, tuple[str, ...]] = {"fault": FAULTS, "reason": WAITS, "event": EVENTS, "known": KNOWN}
_TEXT = ("order", "part_type", "skill", "open_orders", "new_type", "setup_type", *WORDS)
NUMBERS: tuple[str, ...] = tuple(name for name in VIEW if name not in _TEXT)
# What a number is divided by; 1 where it is not named.
SCALES: Mapping[str, float] = {
    "hour": 8.0, "left_h": 8.0, "order_left": 60.0, "due_min": 480.0, "blanks": 60.0, "rework": 5.0,
    "sister_tools": 5.0, "operators": 2.0, "calls_waiting": 5.0, "good": 100.0, "scrap": 10.0, "calls": 10.0,
    "failures": 3.0, "attempts": 3.0, "expected_min": 10.0, "since_gauged": 10.0, "tray_free": 60.0,
    "teach_min": 120.0, "load_percent": 50.0, "vibration_mm_s": 3.0, "spindle_c": 20.0, "ambient_c": 20.0,
    "coolant_c": 20.0, "reading_um": 20.0, "corrected_um": 20.0, "parts_since_reading": 10.0,
    "reading_spindle_k": 20.0, "reading_ambient_k": 5.0, "reading_edge_min": 15.0, "edge_min": 15.0,
    "offset_um": 60.0, "tolerance_um": 20.0, "gap_min": 25.0, "parts_left": 60.0,
}  # fmt: skip
LIMIT = 10.0
_SIZE = len(NUMBERS) + sum(map(len, WORDS.values()))


class ShiftEnv(gymnasium.Env[dict[str, Any], dict[str, Any]]):
    """A shift, one step a decision.

    Args:
        shift: A shift's name in `configs/shift`, a file, or a `ShiftSpec`.
        roles: Roles that the agent fills; the others are the crew's.
        crew: Deciders by role; a role that is neither's takes the first allowed tool.
        skills: Names of recorded skills, or functions that prepare the real environments (`physics.Prepare`).
        handling: Instead of `skills`.
        strengths: Of disturbances, by factor; `all` stands for every one.
        hours: Of the shift, instead of the spec's blocks.
        state: What was left from before.
        value_eur: What a good, ordered part is worth.
        render_mode: None only.

    Raises:
        ValueError: for what is unknown or out of range, in one line.
    """

    metadata = {"render_modes": [], "render_fps": 20}  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        settled = {**_DEFAULTS, **options}
        for name in options:
            if name not in _DEFAULTS:
                raise unknown("option", name, _DEFAULTS)
        if settled["render_mode"] is not None:
            raise ValueError(
                f"render_mode {settled['render_mode']!r}: there is nothing to draw; allowed is None"
            )
        self.render_mode = None
        spec = settled["shift"]
        spec = spec if isinstance(spec, ShiftSpec) else load_shift(spec)
        spec = spec.with_strengths(**dict(settled["strengths"] or {}))
        if settled["hours"] is not None:
            spec = spec.with_blocks(Block(hours=float(settled["hours"])))
        self.shift_spec: ShiftSpec = spec
        self.roles = tuple(settled["roles"])
        self.crew: Crew = dict(settled["crew"] or {})
        for role in (*self.roles, *self.crew):
            if role not in ROLES:
                raise unknown("role", role, ROLES)
        self.handling: Handling = settled["handling"] or _handling(settled["skills"])
        self.state: ShiftState | None = settled["state"]
        self.value_eur = float(settled["value_eur"])
        self.observation_space = spaces.Dict(
            {
                "view": spaces.Box(-LIMIT, LIMIT, (_SIZE,), np.float32),
                "role": spaces.Discrete(len(ROLES)),
                "mask": spaces.MultiBinary(len(NAMES)),
            }
        )
        self.action_space = spaces.Dict(
            {"tool": spaces.Discrete(len(NAMES)), "values": spaces.Box(-1.0, 1.0, (N_VALUES,), np.float32)}
        )
        self.instruction = self.task_description = self.shift_spec.words
        self._max_episode_steps = 20_000
        self._steps: Steps | None = None
        self._decision: Decision | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin a shift; all of it follows from the seed."""
        super().reset(seed=seed)
        if options:
            raise ValueError(f"unknown reset option {next(iter(options))!r}: there are none")
        self._seed = int(self.np_random.integers(2**31)) if seed is None else seed
        self.shift = Shift(self.shift_spec, self._seed, self.handling, self.state)
        for n, (role, decider) in enumerate(sorted(self.crew.items())):
            decider.reset({**self.shift.facts(), "role": role}, draws.key(self._seed, "crew", n) >> 33)
        self._meter = Meter(self.shift_spec, self.value_eur)
        self._steps = self.shift.steps()
        self._decision = self._others(next(self._steps, None))
        self._meter.read(self.shift.ledger)  # what stood in the books before the first step
        return self._observe(), self._info()

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Decide.

        Raises:
            ValueError: for an action that is none of the space.
            RuntimeError: before `reset` or after the end.
        """
        if self._decision is None or self._steps is None:
            raise RuntimeError("the episode is over: call reset() first")
        choice = self._choice(action)
        self._decision = self._others(self._send(choice))
        reward = self._meter.read(self.shift.ledger)
        over = self._decision is None
        return self._observe(), reward, over, False, self._info()

    @property
    def decision(self) -> Decision:
        """The decision point as deciders see it, with its words.

        Raises:
            RuntimeError: where there is none.
        """
        if self._decision is None:
            raise RuntimeError("the episode is over: call reset() first")
        return self._decision

    def action_for(self, choice: Choice) -> dict[str, Any]:
        """Return the action that stands for a choice; text that a view lists is left to the default."""
        values = np.zeros(N_VALUES, np.float32)
        for i, f in enumerate(TOOLS[choice.tool].fields):
            value = choice.values.get(f.name, f.default)
            if f.is_number:
                low, high = f.limits
                values[i] = 2.0 * (float(value) - low) / (high - low) - 1.0
            elif f.words:
                values[i] = 2.0 * (f.words.index(str(value)) + 0.5) / len(f.words) - 1.0
        return {"tool": np.int64(NAMES.index(choice.tool)), "values": values}

    @property
    def ledger(self) -> Any:
        """The events so far."""
        return self.shift.ledger

    def _send(self, choice: Choice) -> Decision | None:
        assert self._steps is not None
        try:
            return self._steps.send(choice)
        except StopIteration:
            return None

    def _others(self, decision: Decision | None) -> Decision | None:
        """Let the crew decide until it is the agent's turn, or all is over."""
        first = First()
        while decision is not None and decision.role not in self.roles:
            decision = self._send(self.crew.get(decision.role, first).decide(decision))
        return decision

    def _choice(self, action: Any) -> Choice:
        try:
            number, raw = int(action["tool"]), np.asarray(action["values"], np.float64)
        except (KeyError, TypeError, ValueError, IndexError):
            raise ValueError(f"action {action!r:.60}: 'tool' and 'values' are needed") from None
        if not 0 <= number < len(NAMES):
            raise ValueError(f"tool is {number}: allowed are 0 to {len(NAMES) - 1}")
        if raw.shape != (N_VALUES,) or not np.isfinite(raw).all():
            raise ValueError(f"values are {raw!r:.60}: {N_VALUES} finite numbers in [-1, 1] are needed")
        tool, values = TOOLS[NAMES[number]], {}
        for f, value in zip(tool.fields, np.clip(raw, -1.0, 1.0).tolist(), strict=False):
            share = (value + 1.0) / 2.0
            if f.is_number:
                values[f.name] = _within(*f.limits, share)
            elif f.words:
                values[f.name] = f.words[min(len(f.words) - 1, int(share * len(f.words)))]
        return Choice(tool.name, values, "learned")

    def _observe(self) -> dict[str, Any]:
        decision = self._decision
        mask = np.zeros(len(NAMES), np.int8)
        if decision is None:
            return {"view": np.zeros(_SIZE, np.float32), "role": np.int64(0), "mask": mask}
        mask[[NAMES.index(tool) for tool in decision.tools]] = 1
        return {"view": _numbers(decision), "role": np.int64(ROLES.index(decision.role)), "mask": mask}

    def _info(self) -> dict[str, Any]:
        floor, over = self.shift.floor, self._decision is None
        return {
            "is_success": over and not any(o.left > 0 and o.due_s <= floor.now_s for o in floor.open),
            "instruction": self.instruction, "cost": self._meter.spent_eur, "time_s": floor.now_s,
            "good": floor.counts.good, "scrap": floor.counts.scrap, "refused": floor.counts.refused,
            "action_mask": self._observe()["mask"], "role": None if over else self.decision.role,
        }  # fmt: skip


_DEFAULTS: Mapping[str, Any] = {
    "shift": "default", "roles": ROLES, "crew": None, "skills": ("integrator",), "handling": None,
    "strengths": None, "hours": None, "state": None, "value_eur": 10.0, "render_mode": None,
}  # fmt: skip


def _within(low: float, high: float, share: float) -> Value:
    return min(high, max(low, low + (high - low) * share))


def _handling(skills: Sequence[str] | Mapping[str, Any]) -> Handling:
    if isinstance(skills, Mapping):
        return FullPhysicsHandling(skills, {name: Skill(name) for name in skills})
    return RecordedHandling(*([skills] if isinstance(skills, str) else skills))


def _numbers(decision: Decision) -> NDArray[np.float32]:
    """The view as numbers within +-`LIMIT`: what is not known is 0."""
    view = decision.view
    numbers = []
    for name in NUMBERS:
        value = view.get(name)
        numbers.append(float(value) / SCALES.get(name, 1.0) if isinstance(value, int | float) else 0.0)
    for name, words in WORDS.items():
        numbers += [float(view.get(name) == word) for word in words]
    return np.clip(np.array(numbers, np.float32), -LIMIT, LIMIT)


class Meter:
    """Money from a ledger as it grows.

    Args:
        spec: For prices and region.
        value_eur: What a good, ordered part is worth.
    """

    def __init__(self, spec: ShiftSpec, value_eur: float) -> None:
        self.prices, self.region = load_prices(spec.prices), load_region(spec.region)
        self.value_eur, self.spent_eur = value_eur, 0.0
        self._read, self._at_s = 0, 0.0
        self._power_w: dict[str, float] = {}
        self._blank_kg: dict[str, float] = {}
        self._left: dict[str, float] = {}

    def read(self, ledger: Any) -> float:
        """Return what was earned less what was spent since the last reading."""
        earned = 0.0
        spent: list[float] = []
        for i in range(self._read, len(ledger)):
            event = ledger[i]
            hours = (event.time_s - self._at_s) / 3600.0
            self._at_s = event.time_s
            kwh = hours * math.fsum(self._power_w.values()) / 1000.0
            spent += [hours * self.prices.machine_eur_per_h, kwh * self.region.electricity_eur_per_kwh]
            earned += self._good(event)
            spent.append(self._eur(event))
        self._read = len(ledger)
        cost = math.fsum(spent)
        self.spent_eur += cost
        return earned - cost

    def _good(self, event: Any) -> float:
        if event.kind == "order_released":
            self._left[event.subject] = number(event, "quantity")
        elif event.kind == "part_good" and self._left.get(event.data.get("order"), 0.0) > 0.0:
            self._left[event.data["order"]] -= 1.0
            return self.value_eur
        return 0.0

    def _eur(self, event: Any) -> float:
        prices, kind = self.prices, event.kind
        if kind == "power":
            self._power_w[event.subject] = number(event, "power_w")
        elif kind == "energy":
            return number(event, "energy_j") / 3.6e6 * self.region.electricity_eur_per_kwh
        elif kind == "attended":
            return number(event, "duration_s") / 3600.0 * self.region.labour_eur_per_h
        elif kind == "tool_change":
            return number(event, "edges", 1.0) * prices.edge_eur
        elif kind == "tool_wear":
            return number(event, "life_share") * prices.edge_eur
        elif kind == "expense":
            return number(event, "amount_eur")
        elif kind == "material":
            self._blank_kg[event.subject] = number(event, "mass_kg")
            return number(event, "mass_kg") * prices.blank_eur_per_kg
        elif kind == "part_scrap":
            return -self._blank_kg.get(event.subject, 0.0) * prices.chip_credit_eur_per_kg
        return 0.0


def make(**options: Any) -> ShiftEnv:
    """Entry point of the registered id."""
    return ShiftEnv(**options)
