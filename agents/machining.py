"""Who runs a machine tool: the handbook, a well-tuned cell's rules, a skilled machinist, the upper bound.

All but the last see what the machine's sensors say, by name and in engineering units. Rules are arithmetic
on those numbers, so the same code runs one machine or a batch of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.policy import Action, Needs, Observation, Policy, Privileged

# What the numbers of an action mean; a whole correction is so many um.
SPEED, FEED, DEPTH, CORRECTION, CHANGE, MEASURE, COOLANT, IDLE = range(8)
FULL_CORRECTION_UM = 30.0
YES, NO = 1.0, -1.0
FLOOD = 1.0
# Acoustic emission of a fresh edge.
FRESH = 0.3
# How much rougher a worn edge cuts than a sharp one, by how loud it is.
ROUGH_PER_LOUD = 0.7
STANDBY, READY, WARM_UP = -1.0, 0.0, 1.0


class Rules(Policy):
    """Rules over signals; each subclass writes down what it does before a part."""

    needs = Needs(observation="signals")
    batched = True

    def act(self, observation: Observation) -> Action:
        """The action (8,) before the next part; (n, 8) for a batch of machines."""
        if not isinstance(observation, Mapping):
            raise TypeError("rules need the observation 'signals'")
        signals = {name: np.asarray(value, np.float64)[..., 0] for name, value in observation.items()}
        numbers = self.rule(signals)
        shape = signals["edge_min"].shape
        columns = [np.broadcast_to(numbers.get(i, 0.0), shape) for i in range(8)]
        return np.clip(np.stack(columns, axis=-1), -1.0, 1.0).astype(np.float32)

    @abstractmethod
    def rule(self, s: Mapping[str, NDArray]) -> dict[int, Any]:
        """What is set before a part, by `SPEED` to `IDLE`; what is left out is the handbook's (0)."""


@dataclass(frozen=True)
class HandbookHyper:
    """The catalogue's guide value, and the warm-up of the work instruction.

    Attributes:
        edge_min: Minutes in the cut after which an edge is changed.
        warm_up_after_min: A wait so long is followed by a warm-up; so is the start.
    """

    edge_min: float = 15.0
    warm_up_after_min: float = 10.0


class Handbook(Rules):
    """Catalogue data, edges of fixed life, a fixed warm-up; nothing is measured or corrected."""

    hyper_class: ClassVar[type] = HandbookHyper

    def __init__(self, hyper: HandbookHyper = HandbookHyper()) -> None:
        self.hyper = hyper

    def rule(self, s: Mapping[str, NDArray]) -> dict[int, Any]:
        """What the work instruction says."""
        cold = (s["parts_since_reading"] == 0) & (s["edge_min"] == 0) & (s["has_reading"] == 0)
        warm = cold | (s["gap_min"] >= self.hyper.warm_up_after_min)
        return {
            CHANGE: np.where(s["edge_min"] >= self.hyper.edge_min, YES, NO),
            MEASURE: NO,
            COOLANT: FLOOD,
            IDLE: np.where(warm, WARM_UP, READY),
        }


@dataclass(frozen=True)
class TunedHyper:
    """What an integrator tunes on validation seeds for a part.

    Attributes:
        speed: Cutting speed as an action.
        feed: Feed as an action.
        depth: Depth as an action.
        edge_min: Minutes in the cut after which a sister tool comes.
        load_percent: Spindle load at which it comes earlier.
        every: Parts from one gauging to the next.
        dead_band_um: A reading within it corrects nothing.
        gain: Share of a reading that is corrected.
        um_per_k: Linear compensation of the spindle's temperature.
        um_per_ambient_k: And of the shop's.
        um_per_edge_min: And of the minutes that an edge has cut.
    """

    speed: float = 0.0
    feed: float = 0.0
    depth: float = 0.0
    edge_min: float = 12.0
    load_percent: float = 90.0
    every: float = 3.0
    dead_band_um: float = 4.0
    gain: float = 0.7
    um_per_k: float = 2.0
    um_per_ambient_k: float = 3.0
    um_per_edge_min: float = 0.0


class TunedRules(Rules):
    """A well-tuned automatic cell: gauge feedback, thermal compensation, load limit, sister tool, standby."""

    hyper_class: ClassVar[type] = TunedHyper

    def __init__(self, hyper: TunedHyper = TunedHyper()) -> None:
        self.hyper = hyper

    def rule(self, s: Mapping[str, NDArray]) -> dict[int, Any]:
        """Rules fixed beforehand."""
        h = self.hyper
        change = (s["edge_min"] >= h.edge_min) | (s["load_percent"] >= h.load_percent)
        due = (
            (s["parts_since_reading"] >= h.every - 1) | (s["has_reading"] == 0) | change | (s["changed"] > 0)
        )
        return {
            SPEED: h.speed, FEED: h.feed, DEPTH: h.depth,
            CORRECTION: self.correction_um(s) / FULL_CORRECTION_UM,
            CHANGE: np.where(change, YES, NO), MEASURE: np.where(due, YES, NO), COOLANT: FLOOD,
            IDLE: np.where(s["gap_min"] > 1.0, STANDBY, READY),
        }  # fmt: skip

    def correction_um(self, s: Mapping[str, NDArray]) -> NDArray:
        """What is still to be corrected of the last reading, and of what has drifted since."""
        h = self.hyper
        wanted = np.where(np.abs(s["reading_um"]) > h.dead_band_um, -h.gain * s["reading_um"], 0.0)
        drift = (
            h.um_per_k * s["reading_spindle_k"] + h.um_per_ambient_k * s["reading_ambient_k"]
            - h.um_per_edge_min * s["reading_edge_min"]
        )  # fmt: skip
        known = wanted + drift - s["corrected_um"]
        return np.where(s["has_reading"] > 0, known, 0.0)


@dataclass(frozen=True)
class MachinistHyper:
    """What a skilled worker has in the fingertips.

    Attributes:
        speed: Cutting speed as an action.
        feed: Feed as an action.
        depth: Depth as an action.
        worn: How far the edge sounds and looks worn when it goes: acoustic emission.
        shaking_mm_s: Vibration at which the cut shakes, above `hum` times the acoustic emission.
        hum: How much an edge that sounds so may vibrate, by its acoustic emission.
        aside: Change of speed, as an action, by which a spindle that sings is taken out of its tune.
        back_off: Change of depth, as an action, that goes with it.
        creep: Of either, how much is taken back with every part that is cut in quiet.
        um_per_k: How much the part grows too small per K of the spindle.
        um_per_ambient_k: And of the shop.
        um_per_edge_min: And too large per minute that the edge cuts.
        um_per_loud: And too small with a new edge, by how loud the old one was above a fresh one.
        smooth: Roughness of what is allowed, but for wear as heard, below which a cut that shakes does not
            chatter.
        trust_um: Drift since the last reading, as reckoned, beyond which a part is gauged again.
        patience: Most parts between gaugings.
    """

    speed: float = 0.0
    feed: float = 0.0
    depth: float = 0.0
    worn: float = 0.85
    shaking_mm_s: float = 1.6
    hum: float = 0.0
    aside: float = -0.1
    back_off: float = 0.25
    creep: float = 0.02
    um_per_k: float = 2.0
    um_per_ambient_k: float = 3.0
    um_per_edge_min: float = 2.0
    um_per_loud: float = 0.0
    smooth: float = 0.0
    trust_um: float = 9.0
    patience: float = 5.0


class Machinist(Rules):
    """A skilled worker's rules, written down: gauges when unsure, compensates, listens, watches the edge."""

    hyper_class: ClassVar[type] = MachinistHyper

    def __init__(self, hyper: MachinistHyper = MachinistHyper()) -> None:
        self.hyper = hyper

    def rule(self, s: Mapping[str, NDArray]) -> dict[int, Any]:
        """What a hand on the machine, an ear and a gauge would do."""
        h = self.hyper
        heard, shaking = self.hears(s)
        worn = (s["acoustic"] >= h.worn) & ~shaking & (s["edge_min"] > 1.0)
        change = (worn | ((s["ra_share"] > 0.97) & ~heard)) & (s["parts_left"] > 2)
        drift = (
            h.um_per_k * s["reading_spindle_k"] + h.um_per_ambient_k * s["reading_ambient_k"]
            - h.um_per_edge_min * s["reading_edge_min"]
        )  # fmt: skip
        wanted = np.where(s["has_reading"] > 0, drift - s["reading_um"] - s["corrected_um"], 0.0)
        # What the worn edge was late by goes with it, also when it broke in the last part.
        new = change | ((s["changed"] > 0) & (s["edge_min"] == 0))
        wanted = wanted + np.where(new, h.um_per_loud * np.maximum(s["acoustic"] - FRESH, 0.0), 0.0)
        unsure = (np.abs(drift) > h.trust_um) | (s["parts_since_reading"] >= h.patience - 1)
        look = unsure | change | (s["changed"] > 0) | (s["has_reading"] == 0) | (s["gap_min"] > 5.0)
        look |= shaking | (heard & (s["parts_since_reading"] > 0))
        return {
            SPEED: self._quietened(s, "speed", h.speed, h.aside, shaking), FEED: h.feed,
            DEPTH: self._quietened(s, "depth", h.depth, -h.back_off, shaking),
            CORRECTION: wanted / FULL_CORRECTION_UM, CHANGE: np.where(change, YES, NO),
            MEASURE: np.where(look, YES, NO), COOLANT: FLOOD,
            IDLE: np.where(s["gap_min"] > 1.0, STANDBY, READY),
        }  # fmt: skip

    def hears(self, s: Mapping[str, NDArray]) -> tuple[NDArray, NDArray]:
        """Whether the last part shook, and whether it chattered.

        A loose jaw shakes, too, but leaves the surface as it was: what a reading finds smooth may shake for
        one part more.
        """
        h = self.hyper
        heard = s["vibration_mm_s"] - h.hum * s["acoustic"] > h.shaking_mm_s
        smooth = s["ra_share"] < h.smooth * (1.0 + ROUGH_PER_LOUD * s["acoustic"])
        fresh = (s["has_reading"] > 0) & (s["parts_since_reading"] < 2)
        return heard, heard & ~(smooth & fresh)

    def _quietened(
        self, s: Mapping[str, NDArray], name: str, usual: float, step: float, shaking: NDArray
    ) -> NDArray:
        """The usual setting, moved a step on with every part that shook, and slowly back in quiet."""
        begun = (s["edge_min"] > 0) | (s["has_reading"] > 0) | (s["parts_since_reading"] > 0)
        last = np.where(begun, s.get(name, usual), usual)
        back = np.clip(usual - last, -self.hyper.creep, self.hyper.creep)
        return np.where(shaking, last + step, last + back)


class Oracle(Policy, Privileged):
    """The best policy that knows the hidden state but not what falls by chance: the upper bound."""

    needs = Needs(observation="flat")
    batched = True

    def bind(self, env: gymnasium.Env) -> None:
        """Takes the environment whose hidden state it knows."""
        self._env: Any = env.unwrapped

    def act(self, observation: Observation) -> Action:
        """What the environment says is best."""
        action: Action = self._env.expert_action()
        return action
