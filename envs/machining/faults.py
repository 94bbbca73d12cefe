"""What goes wrong at a machine tool, each with a rate that the state of tool and cut drives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envs.machining import noise
from envs.machining.load import Load
from envs.machining.noise import F64, U64
from envs.machining.process import Process

if TYPE_CHECKING:
    from envs.machining.state import State

Bool = NDArray[np.bool_]
# Numbers of randomness, after those of the machine.
_BREAK, _JAM, _BUILT_UP, _COOLANT, _CHUCK, _BEARING, _PROBE = range(32, 39)


@dataclass(frozen=True)
class Accidents:
    """What happened to a part, (n,) each; `stop_min` is a person's time to clear it."""

    broke: Bool
    jammed: Bool
    built_up: Bool
    stop_min: F64


def breakage_rate(process: Process, load: Load, wear_mm: F64) -> F64:
    """Chance that the edge breaks on a part: with force over the handbook's, and steeply beyond the life."""
    worn = wear_mm / 0.3
    heavy = load.feed_mm / process.handbook.feed_mm
    rate: F64 = process.faults.breakage * heavy**3 * (1.0 + 30.0 * np.maximum(0.0, worn - 0.8) ** 2)
    return np.minimum(rate * (1.0 + 4.0 * load.chatter), 1.0)


def jam_rate(process: Process, load: Load, coolant: NDArray[np.intp]) -> F64:
    """Chance of a nest of chips: below the breaking feed they grow long; without coolant they stay."""
    long_chips = np.maximum(0.0, 1.0 - load.feed_mm / process.faults.breaking_feed_mm)
    rate: F64 = process.faults.jam * (1.0 + 25.0 * long_chips) * np.array([2.0, 1.3, 1.0])[coolant]
    return np.minimum(rate, 1.0)


def accidents(
    process: Process, key: U64, step: U64, load: Load, wear_mm: F64, coolant: NDArray[np.intp]
) -> Accidents:
    """Draw what happens to a part."""
    figures, speed = process.faults, load.speed_m_min
    broke = noise.uniform(key, step, _BREAK) < breakage_rate(process, load, wear_mm)
    jammed = noise.uniform(key, step, _JAM) < jam_rate(process, load, coolant)
    sticky = np.clip(1.0 - speed / figures.built_up_m_min, 0.0, 1.0)
    built_up = noise.uniform(key, step, _BUILT_UP) < sticky
    stop = np.where(broke, figures.broken_min, 0.0) + np.where(jammed, figures.jam_min, 0.0)
    return Accidents(broke, jammed, built_up, stop)


def aged(process: Process, state: State, key: U64, step: U64) -> State:
    """The slow ones after a part: coolant and clamping pressure lost, bearing worn, gauge drifted."""
    figures = process.faults
    bearing = state.bearing + figures.bearing * 2.0 * noise.uniform(key, step, _BEARING)
    return replace(
        state,
        coolant_lost=state.coolant_lost | (noise.uniform(key, step, _COOLANT) < figures.coolant),
        chuck_lost=state.chuck_lost | (noise.uniform(key, step, _CHUCK) < figures.chuck),
        bearing=np.minimum(bearing, 1.0),
        probe_um=state.probe_um + figures.probe_um * noise.normal(key, step, _PROBE),
    )
