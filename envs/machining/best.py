"""The upper bound: what one would do who knows the hidden state, but not what falls by chance.

Cutting data come from a coarse grid and then a fine one around its best, by the expected cost of the rest of
the lot at that pace, new edges included; the offset cancels the expected error; an edge goes when the rest of
the lot is cheaper with a new one; a part is gauged where its risk costs more than the gauging.
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
# Lanes that are reckoned at once: enough for speed, few enough for the cache.
_AT_ONCE = 16
# Of the upper bound: coarse, over all that an action can ask for, and fine, around the best of that.
_SPEEDS, _FEEDS, _N_DEPTHS = np.linspace(-1.0, 1.0, 11), np.linspace(-1.0, 1.0, 7), 7
_NEAR_SPEEDS, _NEAR_FEEDS, _NEAR_DEPTHS = np.linspace(-0.15, 0.15, 7), np.linspace(-0.2, 0.2, 5), 2


def _meshed(*axes: F64) -> F64:
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")])


@cache
def _depths(process: Process) -> F64:
    """Depths as actions, those of whole numbers of passes, the deepest first."""
    depths = np.log2(process.part.stock_mm / np.arange(1, 33) / process.handbook.depth_mm)
    # Actions are of single precision: rounded down, a depth would take one pass more.
    single = depths.astype(np.float32)
    depths = np.where(single < depths, np.nextafter(single, np.float32(np.inf)), single).astype(np.float64)
    return depths[(depths >= -1.0) & (depths <= 1.0)]


@cache
def _coarse(process: Process) -> F64:
    """(3, m): speed, feed and depth as actions, all over."""
    depths = _depths(process)
    some = depths[np.unique(np.linspace(0, len(depths) - 1, _N_DEPTHS).round().astype(int))]
    return _meshed(_SPEEDS, _FEEDS, some)


def _near(process: Process, chosen: F64) -> F64:
    """(3, L, m): the same, around each of (3, L)."""
    depths = _depths(process)
    at = np.abs(depths[:, None] - chosen[2]).argmin(axis=0)
    speed, feed, step = _meshed(_NEAR_SPEEDS, _NEAR_FEEDS, np.arange(-_NEAR_DEPTHS, _NEAR_DEPTHS + 1.0))
    near = depths[np.clip(at[:, None] + step.astype(int), 0, len(depths) - 1)]
    around = np.stack([chosen[0][:, None] + speed, chosen[1][:, None] + feed, near])
    return np.clip(around, -1.0, 1.0)


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


def bad_share(
    process: Process, under: UnderWay, ra_um: F64 | None = None, unsure_um: F64 | float = 0.0
) -> F64:
    """Chance that a part whose offset is right, or off by about `unsure_um`, comes out bad.

    Roughness is that of `expected_cost`.
    """
    load, wear, spread = under.load, flank_wear_mm(under.used), process.spread
    loose = np.where(under.state.chuck_lost, 3.0, 1.0)
    sigma = np.hypot(
        process.machine_spec.accuracy.repeatability_um * (1 + under.state.bearing + 2 * load.chatter),
        np.hypot(spread.fixture_um * loose, unsure_um),
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
    some = (np.arange(k, min(k + _AT_ONCE, batch.n)) for k in range(0, batch.n, _AT_ONCE))
    return np.concatenate([_of_lanes(batch, lanes) for lanes in some], axis=1)


def _of_lanes(batch: Batch, at: NDArray[np.intp]) -> F64:
    """(8, L): the best actions for some lanes."""
    from envs.machining.lots import FULL_CORRECTION_UM

    state, tried = batch.state, _coarse(batch.process)
    doubtful = (state.used[at] > _FRESH) | state.coolant_lost[at] | state.chuck_lost[at]
    best = np.zeros((8, len(at)))
    for mine, changes in ((doubtful, (False, True)), (~doubtful, (False,))):
        lanes = at[mine]
        if len(lanes) == 0:
            continue
        everywhere = np.repeat(tried[:, None], len(lanes), axis=1)
        chosen = _cheapest(batch, lanes, everywhere, np.tile(changes, (len(lanes), 1)))
        chosen = _cheapest(batch, lanes, _near(batch.process, chosen.data), chosen.change[:, None])
        correction = np.clip(-chosen.size_um / FULL_CORRECTION_UM, -1.0, 1.0)
        one = np.ones(len(lanes))
        yes_or_no = [np.where(asked, 1.0, -1.0) for asked in (chosen.change, chosen.gauge)]
        best[:, mine] = np.stack([*chosen.data, correction, *yes_or_no, one, -one])
    return best


class _Chosen(NamedTuple):
    """The cheapest on each of L lanes: cutting data (3, L), whether edge and gauge are used, size error."""

    data: F64
    change: NDArray[np.bool_]
    gauge: NDArray[np.bool_]
    size_um: F64


def _cheapest(batch: Batch, at: NDArray[np.intp], tried: F64, changes: NDArray[np.bool_]) -> _Chosen:
    """Try cutting data (3, L, m) on lanes `at`, with each of `changes` (L, c)."""
    process, m, n = batch.process, tried.shape[2], tried.shape[2] * changes.shape[1]
    both = np.tile(tried, changes.shape[1]).reshape(3, -1)
    change = np.repeat(changes, m, axis=1).ravel()
    row = np.repeat(at, n)
    rest = [np.zeros(len(row))] * 3 + [np.ones(len(row)), -np.ones(len(row))]
    setting = replace(batch.setting(np.stack([*both, *rest])), change=change)
    state = _picked(State, batch.state, row)
    under = under_way(process, _picked(Lanes, batch.lanes, row), state, setting, drawn=False)
    start = np.where(change, 0.0, state.used)
    unseen, seen = _risks(process, under)
    # Where a new edge is set, its first part tells.
    first_unseen, first_seen = _risks(process, under, np.where(change, process.spread.setting_um, 0.0))
    free = _without_bad(process, replace(state, used=start), under, np.zeros(1))
    # At that pace to the end of the lot: so many edges more, each used up to `_LAST`.
    left = process.n_parts - state.part.astype(float)
    edges = np.ceil(np.maximum(0.0, left * (under.used - start) + start - _LAST) / _LAST) + change
    total = (
        left * free + (left - 1.0) * np.minimum(unseen, seen) + np.minimum(first_unseen, first_seen)
        + edges * edge_price(process)
    )  # fmt: skip
    best = np.arange(len(at)) * n + total.reshape(-1, n).argmin(axis=1)
    return _Chosen(both[:, best], change[best], (first_seen < first_unseen)[best], under.size_um[best])


def _risks(process: Process, under: UnderWay, unsure_um: F64 | float = 0.0) -> tuple[F64, F64]:
    """What a part's chance to be bad costs without gauging it, and with."""
    bad = bad_share(process, under, unsure_um=unsure_um)
    gauging = process.times.measure_min * _rate_per_min(process)
    return bad * process.prices.escape, bad * reference_cost(process) + gauging


def _picked(kind: type[Any], rows: Any, at: NDArray[np.intp]) -> Any:
    """Lanes `at`, in that order."""
    return kind(**{f.name: getattr(rows, f.name)[at] for f in fields(kind)})
