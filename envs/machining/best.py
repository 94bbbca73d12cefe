"""The upper bound: what one would do who knows the hidden state, but not what falls by chance.

Cutting data come from a coarse grid and then a fine one around its best, by the expected cost of the rest of the
lot at that pace, new edges included; the offset cancels the expected error; an edge goes when the rest of the lot
is cheaper with a new one; a part is gauged where its risk costs more than the gauging.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.machining import faults
from envs.machining.machine import reference_cost, under_way
from envs.machining.noise import F64
from envs.machining.process import Process
from envs.machining.state import Lanes, State, UnderWay
from envs.machining.surface import roughness_um
from envs.machining.wear import flank_wear_mm

if TYPE_CHECKING:
    from envs.machining.lots import Batch

# A lot counts as done well when so many of its parts are good.
SUCCESS_SHARE = 0.95
SPEEDS = np.linspace(-0.8, 0.8, 9)
FEEDS = np.linspace(-0.8, 0.6, 8)
_ROUGH_SPREAD = 0.06
# Share of an edge's life to which the upper bound uses it (chosen on validation lots), and up to which it
# never thinks of changing it.
_LAST, _FRESH = 1.3, 0.4
# Of the upper bound: coarse, over all that an action can ask for, and fine, around the best of that.
_SPEEDS, _FEEDS, _N_DEPTHS = np.linspace(-1.0, 1.0, 11), np.linspace(-1.0, 1.0, 7), 7
_NEAR_SPEEDS, _NEAR_FEEDS, _NEAR_DEPTHS = np.linspace(-0.15, 0.15, 7), np.linspace(-0.2, 0.2, 5), 2


def _meshed(*axes: F64) -> F64:
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")])


@cache
def _depths(process: Process) -> F64:
    """Depths as actions, those of whole numbers of passes, the deepest first."""
    depths = np.log2(process.part.stock_mm / np.arange(1, 33) / process.handbook.depth_mm)
    return depths[(depths >= -1.0) & (depths <= 1.0)]


@cache
def _coarse(process: Process) -> F64:
    """(3, m): speed, feed and depth as actions, all over."""
    depths = _depths(process)
    some = depths[np.unique(np.linspace(0, len(depths) - 1, _N_DEPTHS).round().astype(int))]
    return _meshed(_SPEEDS, _FEEDS, some)


def _near(process: Process, chosen: F64) -> F64:
    """(3, m): the same, around one (3,)."""
    depths = _depths(process)
    at = int(np.argmin(np.abs(depths - chosen[2])))
    near = depths[max(0, at - _NEAR_DEPTHS) : at + _NEAR_DEPTHS + 1]
    return np.clip(_meshed(chosen[0] + _NEAR_SPEEDS, chosen[1] + _NEAR_FEEDS, near), -1.0, 1.0)


@cache
def grid(process: Process) -> F64:
    """(3, m): speed, feed and depth as actions; depths are those of whole numbers of passes."""
    return _meshed(SPEEDS, FEEDS, _depths(process))


def _below(x: F64) -> F64:
    """Share of a standard normal below x (Page's tanh form, within 2e-4)."""
    return 0.5 * (1.0 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def _rate_per_min(process: Process) -> float:
    return (process.prices.machine_per_h + process.prices.attended_share * process.prices.labour_per_h) / 60.0


def edge_price(process: Process) -> float:
    """A new edge and the time to put it in."""
    labour = process.prices.labour_per_h / 60.0
    return process.prices.edge + process.times.change_min * (_rate_per_min(process) + labour)


def expected_cost(
    process: Process, state: State, under: UnderWay, price_of_wear: F64, ra_um: F64 | None = None
) -> F64:
    """Expected cost of a part whose offset is right, by what its cutting data risk and wear away.

    Args:
        process: What is cut on what.
        state: Before the part.
        under: The part.
        price_of_wear: Of a whole edge's life.
        ra_um: Roughness that was measured, where it was; else the model's.
    """
    bad = bad_share(process, under, ra_um)
    return _without_bad(process, state, under, price_of_wear) + bad * process.prices.escape


def bad_share(process: Process, under: UnderWay, ra_um: F64 | None = None) -> F64:
    """Chance that a part whose offset is right comes out bad; roughness as in `expected_cost`."""
    load, wear, spread = under.load, flank_wear_mm(under.used), process.spread
    loose = np.where(under.state.chuck_lost, 3.0, 1.0)
    sigma = np.hypot(
        process.machine_spec.accuracy.repeatability_um * (1 + under.state.bearing + 2 * load.chatter),
        spread.fixture_um * loose,
    )
    inside = 2.0 * _below(process.part.tolerance_um / sigma) - 1.0
    ra = (
        ra_um
        if ra_um is not None
        else roughness_um(load.feed_mm, process.tool.nose_radius_mm, wear, load.chatter)
    )
    smooth = _below(np.log(process.part.ra_limit_um / ra) / _ROUGH_SPREAD)
    jams = faults.jam_rate(process, load, under.coolant)
    sticky = np.clip(1.0 - load.speed_m_min / process.faults.built_up_m_min, 0.0, 1.0)
    bad: F64 = 1.0 - inside * smooth * (1.0 - jams) * (1.0 - 0.5 * sticky)
    return bad


def _without_bad(process: Process, state: State, under: UnderWay, price_of_wear: F64) -> F64:
    load, prices, labour = under.load, process.prices, process.prices.labour_per_h / 60.0
    rate, wear = _rate_per_min(process), flank_wear_mm(under.used)
    breaks, jams = faults.breakage_rate(process, load, wear), faults.jam_rate(process, load, under.coolant)
    stop = rate + labour
    return (
        (under.waiting_min + load.cutting_min + process.times.handling_min) * rate
        + under.energy_kwh * prices.energy_per_kwh
        + (under.used - state.used) * price_of_wear
        + breaks * (edge_price(process) + process.faults.broken_min * stop + prices.blank)
        + jams * process.faults.jam_min * stop
    )  # fmt: skip


def action(batch: Batch) -> F64:
    """The best action (8, n) for every lane of a batch."""
    return np.concatenate([_of_lane(batch, k) for k in range(batch.n)], axis=1)


def _of_lane(batch: Batch, k: int) -> F64:
    from envs.machining.lots import FULL_CORRECTION_UM

    state = batch.state
    doubtful = state.used[k] > _FRESH or state.coolant_lost[k] or state.chuck_lost[k]
    chosen = _cheapest(batch, k, _coarse(batch.process), np.array([False, True] if doubtful else [False]))
    chosen = _cheapest(batch, k, _near(batch.process, chosen.data), np.array([chosen.change]))
    correction = np.clip(-chosen.size_um / FULL_CORRECTION_UM, -1.0, 1.0)
    yes_or_no = [1.0 if chosen.change else -1.0, 1.0 if chosen.gauge else -1.0]
    return np.array([*chosen.data, correction, *yes_or_no, 1.0, -1.0])[:, None]


class _Chosen(NamedTuple):
    """The cheapest of some: its cutting data (3,), whether edge and gauge are used, and its size error."""

    data: F64
    change: bool
    gauge: bool
    size_um: float


def _cheapest(batch: Batch, k: int, tried: F64, changes: NDArray[np.bool_]) -> _Chosen:
    """Try cutting data (3, m) on lane k, with each of `changes`."""
    process, m = batch.process, tried.shape[1]
    n = m * len(changes)
    both, change = np.tile(tried, len(changes)), np.repeat(changes, m)
    setting = batch.setting(np.stack([*both, *np.zeros((3, n)), np.ones(n), -np.ones(n)]))
    setting = replace(setting, change=change)
    state = _spread(State, batch.state, k, n)
    under = under_way(process, _spread(Lanes, batch.lanes, k, n), state, setting)
    start = np.where(change, 0.0, state.used)
    fresh = replace(state, used=start)
    bad = bad_share(process, under)
    gauging = process.times.measure_min * _rate_per_min(process)
    unseen, seen = bad * process.prices.escape, bad * reference_cost(process) + gauging
    part = _without_bad(process, fresh, under, np.zeros(n)) + np.minimum(unseen, seen)
    # At that pace to the end of the lot: so many edges more, each used up to `_LAST`.
    left = process.n_parts - int(batch.state.part[k])
    edges = np.ceil(np.maximum(0.0, left * (under.used - start) + start - _LAST) / _LAST) + change
    at = int(np.argmin(left * part + edges * edge_price(process)))
    return _Chosen(both[:, at], bool(change[at]), bool(seen[at] < unseen[at]), float(under.size_um[at]))


def _spread(kind: type[Any], rows: Any, k: int, m: int) -> Any:
    """Lane k repeated m times."""
    return kind(**{f.name: np.repeat(getattr(rows, f.name)[k : k + 1], m) for f in fields(kind)})
