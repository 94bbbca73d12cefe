"""Disturbances of a shop floor in five strengths: `stress="chips:3,latency:1"` puts them on any episode.

Their figures are in `configs/factors/stress.yaml`. What they draw comes after everything else, so that an
episode is otherwise the same with and without them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.strict_yaml import read_yaml
from envs.cell.draw import Draw
from robots.machine_body import Chip

if TYPE_CHECKING:
    from envs.cell.task import Task

STRENGTHS = (1, 2, 3, 4, 5)
CHIP_REACH_M = 0.010
BLOWN_AWAY = 0.9


@dataclass(frozen=True)
class Stress:
    """A disturbance: its unit, what it does, and its value at each of five strengths."""

    unit: str
    meaning: str
    strengths: tuple[float, ...]

    def __post_init__(self) -> None:
        steps = np.diff(self.strengths)
        if len(self.strengths) != len(STRENGTHS) or not ((steps > 0).all() or (steps < 0).all()):
            raise ValueError(f"strengths {self.strengths}: five are needed, rising or falling")


@cache
def stresses() -> Mapping[str, Stress]:
    """All disturbances by name."""
    text = (files("configs") / "factors" / "stress.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = read_yaml(text, "configs/factors/stress.yaml")
    return MappingProxyType(
        {n: Stress(v["unit"], v["meaning"], tuple(map(float, v["strengths"]))) for n, v in data.items()}
    )


def parse(text: str) -> dict[str, int]:
    """Strengths by name, from "chips:3,latency:1".

    Raises:
        ValueError: for what is not a disturbance and a strength of it, in one line.
    """
    found: dict[str, int] = {}
    for entry in filter(None, text.split(",")):
        name, _, strength = entry.partition(":")
        if name not in stresses():
            near = difflib.get_close_matches(name, stresses(), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"unknown stress {name!r}: allowed are {', '.join(stresses())}{hint}")
        if strength not in map(str, STRENGTHS):
            raise ValueError(f"stress {name}: strength {strength!r}: allowed are 1 to {STRENGTHS[-1]}")
        if name in found:
            raise ValueError(f"stress {name} is given twice")
        found[name] = int(strength)
    return found


def check(found: Mapping[str, int], task: Task) -> None:
    """Raises ValueError where a task has nothing that a disturbance could act on."""
    for name in found:
        missing = {
            "chips": not (task.machines and task.parts) or task.starts_in_machine,
            "jaw_wear": task.workholding != "chuck" or not task.machines,
            "stuck_bit": not task.machines or not task.parts,
            "oil_film": not task.parts,
            "payload": not task.parts,
            "fixture_offset": not task.machines and "plate" not in task.stations,
        }
        if missing.get(name):
            raise ValueError(f"stress {name!r}: {task.name} has nothing that it acts on")


Effect = Callable[[Draw, float, np.random.Generator], Draw]


def _oil(draw: Draw, value: float, rng: np.random.Generator) -> Draw:
    return replace(draw, finger_friction=min(draw.finger_friction, value))


def _payload(draw: Draw, value: float, rng: np.random.Generator) -> Draw:
    heavy = (replace(c, mass_ratio=value * c.mass_ratio) for c in draw.candidates)
    return replace(draw, candidates=tuple(heavy))


def _offset(draw: Draw, value: float, rng: np.random.Generator) -> Draw:
    x, y = (1e-3 * rng.uniform(-value, value, 2)).tolist()
    return replace(draw, chuck_offset_m=(x, y, 0.0))


def _miscalibrated(draw: Draw, value: float, rng: np.random.Generator) -> Draw:
    moved = (1e-3 * rng.uniform(-value, value, (len(draw.camera_offset_m), 3))).tolist()
    return replace(draw, camera_offset_m=tuple((x, y, z) for x, y, z in moved))


def _chips(draw: Draw, value: float, rng: np.random.Generator) -> Draw:
    there, stays, r, a = rng.random(4).tolist()
    if there >= value:
        return draw
    radius, angle = CHIP_REACH_M * math.sqrt(r), 2 * math.pi * a
    chip = Chip(radius * math.cos(angle), radius * math.sin(angle), blown_away=stays < BLOWN_AWAY)
    return replace(draw, chip=chip)


def _stuck(draw: Draw, value: float, rng: np.random.Generator) -> Draw:
    happens, which = rng.random(2).tolist()
    return replace(draw, stuck_signal=which if happens < value else -1.0)


EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {
        "oil_film": _oil,
        "finger_wear": lambda draw, value, rng: replace(draw, grip_share=value),
        "payload": _payload,
        "fixture_offset": _offset,
        "jaw_wear": lambda draw, value, rng: replace(draw, jaw_wear_m=1e-3 * value),
        "chips": _chips,
        "latency": lambda draw, value, rng: replace(draw, latency_periods=int(value)),
        "sensor_dropout": lambda draw, value, rng: replace(
            draw, dropout=value, fault_seed=int(rng.integers(2**31))
        ),
        "stuck_bit": _stuck,
        "miscalibration": _miscalibrated,
    }
)


def disturbed(draw: Draw, found: Mapping[str, int], rng: np.random.Generator) -> Draw:
    """The same draw with disturbances, in the order of their names."""
    for name in sorted(found):
        value = stresses()[name].strengths[found[name] - 1]
        draw = EFFECTS[name](draw, value, rng)
    return draw
