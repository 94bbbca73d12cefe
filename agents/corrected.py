"""A machinist's rule with learned corrections: what reinforcement learning adds on a machine tool.

A lot's hidden state shows only over many parts, so a corrector remembers: a filter of how the machine drifts,
and running means of what wear is heard and felt by. The filter sets the offset, the network corrects that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import machining
from agents.machining import (
    CHANGE,
    CORRECTION,
    DEPTH,
    FEED,
    FRESH,
    FULL_CORRECTION_UM,
    IDLE,
    MEASURE,
    SPEED,
    Rules,
)
from agents.networks import MlpPolicy
from agents.policy import Action, Needs, Observation, Policy

# What may be corrected, and by how much in an action's own unit; coolant stays the rule's. A change of edge
# and a gauging are asked for or called off where a correction outweighs the rule's plain yes or no.
BOUNDS: dict[int, float] = {
    SPEED: 0.5, FEED: 0.5, DEPTH: 0.5, CORRECTION: 0.25, CHANGE: 2.0, MEASURE: 3.0, IDLE: 1.4
}  # fmt: skip
NEEDS = Needs(observation="signals")
# Signals of what was set last.
_SETTINGS = {"speed": SPEED, "feed": FEED, "depth": DEPTH}
# Settings this near are the same.
_SAME = 1e-6
# Signals that are heard and felt, and the weight of the newest part in their running means.
_HEARD, _NEWEST = ("acoustic", "vibration_mm_s", "load_percent"), 0.25


@dataclass(frozen=True)
class Reach:
    """How far cutting data may be corrected.

    Attributes:
        most: The bound, as an action.
        everywhere: Whether also where the rule has left its usual ones for a reason, such as chatter: for
            networks that have met such machines.
    """

    most: float = BOUNDS[SPEED]
    everywhere: bool = False


class Drift:
    """A Kalman filter of the size error less the offset, linear in what the sensors say.

    The error is a place, plus so much per K of spindle, shop and coolant, per minute of the edge's cut and by
    how loud the edge is above a fresh one; it begins at the rule's own coefficients. Variances are in um^2
    (um/K, um/min), chosen on validation lots of split seen.

    Args:
        rule: Whose coefficients are believed at first.
        n: Lanes.
    """

    # A place is known to 10 um at first; a new edge moves it by 6 um, a part by 0.7 um.
    _FIRST = (100.0, 0.5, 0.5, 0.5, 0.01, 30.0)
    _NEW_EDGE, _WALK, _READING = 36.0, 0.5, 10.0

    def __init__(self, rule: Rules, n: int) -> None:
        known = getattr(rule, "hyper", None)
        names = ("um_per_k", "um_per_ambient_k", "um_per_edge_min", "um_per_loud")
        spindle, ambient, minute, loud = (getattr(known, name, 0.0) for name in names)
        # Who knows what a new edge brings has the minutes in it.
        first = np.array([0.0, -spindle, -ambient, 0.0, 0.0 if loud else minute, loud])
        self._mean = np.tile(first, (n, 1))
        self._variance = np.tile(np.diag(self._FIRST), (n, 1, 1))

    def see(self, s: Mapping[str, NDArray], loud: NDArray, change: NDArray) -> NDArray:
        """Take in a part; returns (6, n): expected error of the next, its deviation, four coefficients.

        Args:
            s: The signals, (n,) each.
            loud: The edge's acoustic emission above a fresh one's.
            change: Whether the next part gets a new edge.
        """
        cold, changed = 20.0, s["changed"] > 0
        broke = changed & (s["edge_min"] == 0)  # then the new edge has not cut yet
        x = np.stack(
            [np.ones_like(loud), s["spindle_c"] - cold, s["ambient_c"] - cold, s["coolant_c"] - cold,
             s["edge_min"], loud], axis=-1
        )  # fmt: skip
        self._variance[:, 0, 0] += self._WALK + self._NEW_EDGE * (changed & ~broke)
        read = (s["parts_since_reading"] == 0) & (s["has_reading"] > 0) & ~broke
        spread, expected = self._spread(x), (self._mean * x).sum(axis=-1)
        gain = spread / ((x * spread).sum(axis=-1) + self._READING)[:, None] * read[:, None]
        error = s["reading_um"] - s["offset_um"] - expected
        self._mean = self._mean + gain * error[:, None]
        self._variance = self._variance - gain[:, :, None] * spread[:, None, :]
        self._variance[:, 0, 0] += self._NEW_EDGE * broke
        x[:, 4:] = np.where((change | broke)[:, None], 0.0, x[:, 4:])
        spread, expected = self._spread(x), (self._mean * x).sum(axis=-1)
        variance = (x * spread).sum(axis=-1) + self._NEW_EDGE * (change & ~broke)
        return np.stack([expected + s["offset_um"], np.sqrt(np.maximum(variance, 0.0)),
                         *self._mean[:, (1, 2, 4, 5)].T])  # fmt: skip

    def _spread(self, x: NDArray) -> NDArray:
        return np.asarray((self._variance * x[:, None, :]).sum(axis=-1))


class Corrector:
    """What a rule does on n machines, and what a network is told to correct it by.

    Args:
        rule: Who acts.
        n: Machines, whose lots begin together.
    """

    def __init__(self, rule: Rules, n: int) -> None:
        self.rule, self._drift = rule, Drift(rule, n)
        self._heard, self._edge_min = np.zeros((len(_HEARD), n)), np.zeros(n)
        self._asked: dict[str, NDArray] = {}
        self._usual: NDArray | None = None

    def see(self, observation: Mapping[str, NDArray]) -> tuple[NDArray, NDArray]:
        """Take in signals, (n, 1) each; returns what the rule does (n, 8) and the features (n, F) float32.

        Of the rule's correction the filter takes away the size error that it expects, within its bound.
        """
        s = {name: np.asarray(value, np.float64)[:, 0] for name, value in observation.items()}
        # A rule goes on from what it asked for itself, not from what was made of it.
        act = np.array(self.rule.act({**observation, **self._asked}))
        self._asked = {name: act[:, [i]] for name, i in _SETTINGS.items()}
        data = act[:, list(_SETTINGS.values())]
        self._usual = data if self._usual is None else self._usual
        self._at_usual = (np.abs(data - self._usual) < _SAME).all(axis=1)
        heard = np.stack([s[name] for name in _HEARD])
        fresh = (s["changed"] > 0) | (s["edge_min"] == 0) | (self._edge_min == 0)
        self._edge_min = s["edge_min"]
        self._heard = np.where(fresh, heard, self._heard + _NEWEST * (heard - self._heard))
        drift = self._drift.see(s, np.maximum(self._heard[0] - FRESH, 0.0), act[:, CHANGE] > 0.5)
        open_um = np.where(s["has_reading"] > 0, drift[0] + FULL_CORRECTION_UM * act[:, CORRECTION], 0.0)
        known = FULL_CORRECTION_UM * BOUNDS[CORRECTION]
        act[:, CORRECTION] -= np.clip(open_um, -known, known) / FULL_CORRECTION_UM
        rows = [
            *(s[name] for name in sorted(s)), *act[:, (SPEED, DEPTH, CORRECTION, CHANGE, MEASURE, IDLE)].T,
            open_um, *drift[1:], *self._heard,
        ]  # fmt: skip
        return act, np.stack(rows, axis=-1).astype(np.float32)

    def reach(self, reach: Reach) -> NDArray:
        """How far cutting data may be corrected now (n,)."""
        return np.where(self._at_usual | reach.everywhere, reach.most, 0.0)


def n_features(n_signals: int) -> int:
    """Length of the features of so many signals."""
    return n_signals + 12 + len(_HEARD)


def corrected(act: NDArray, correction: NDArray, reach: float | NDArray = BOUNDS[SPEED]) -> Action:
    """The rule's action (n, 8) with corrections (n, 7) in [-1, 1], each within its bound.

    Args:
        act: What the rule does.
        correction: Of what is in `BOUNDS`.
        reach: The bound of cutting data, or (n,) of them.
    """
    moved = np.array(act, np.float32)
    bounds = np.tile(np.array(list(BOUNDS.values()), np.float32), (len(moved), 1))
    bounds[:, [list(BOUNDS).index(i) for i in _SETTINGS.values()]] = np.reshape(reach, (-1, 1))
    moved[:, list(BOUNDS)] += np.clip(correction, -1.0, 1.0) * bounds
    return np.clip(moved, -1.0, 1.0, out=moved)


class CorrectedRules(Policy):
    """A rule and a small network that corrects it, on one machine or many.

    The network always sees one machine at a time, as matrix products of other sizes round otherwise.

    Args:
        rule: Who acts.
        network: Gives the corrections.
        needs: What the environment must offer.
        reach: How far it may go with cutting data.
    """

    batched = True

    def __init__(self, rule: Rules, network: MlpPolicy, needs: Needs = NEEDS, reach: Reach = Reach()) -> None:
        self.needs, self.rule, self.network, self.reach = needs, rule, network, reach
        self._corrector: Corrector | None = None

    def reset(self, instruction: str, seed: int) -> None:
        """Forget the last lot."""
        self._corrector = None

    def act(self, observation: Observation) -> Action:
        """The action (8,) before the next part, deterministic; (n, 8) for a batch of machines."""
        if not isinstance(observation, Mapping):
            raise TypeError("rules need the observation 'signals'")
        seen = {name: np.asarray(value) for name, value in observation.items()}
        shape = seen["edge_min"].shape
        lanes = {name: value.reshape(-1, 1) for name, value in seen.items()}
        if self._corrector is None:
            self._corrector = Corrector(self.rule, len(lanes["edge_min"]))
        act, features = self._corrector.see(lanes)
        moved = corrected(
            act, np.stack([self.network.act(row) for row in features]), self._corrector.reach(self.reach)
        )
        return moved if len(shape) == 2 else moved[0]

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """The rule's name and numbers, and the network's."""
        values, arrays = self.network.state()
        hyper = asdict(self.rule.hyper)  # type: ignore[attr-defined]
        name = type(self.rule).__name__
        return {"rule": name, "hyper": hyper, **asdict(self.reach), "network": values}, arrays

    @classmethod
    def from_state(cls, values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> CorrectedRules:
        """The policy whose `state` this was."""
        kinds = {
            kind.__name__: kind for kind in (machining.Handbook, machining.TunedRules, machining.Machinist)
        }
        kind = kinds[values["rule"]]
        network = MlpPolicy.from_state(values["network"], arrays)
        reach = Reach(values["most"], values["everywhere"])
        return cls(kind(kind.hyper_class(**values["hyper"])), network, reach=reach)
