"""The upper bound: what one would do who knows the hidden state, but not what falls by chance.

Cutting data come from a grid, by expected cost with the edge's wear priced at what a new edge costs; the
offset cancels the expected error; an edge goes when keeping it costs more than a new one is worth.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.machining import faults
from envs.machining.machine import under_way
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


@cache
def grid(process: Process) -> F64:
    """(3, m): speed, feed and depth as actions; depths are those of whole numbers of passes."""
    stock, data = process.part.stock_mm, process.handbook
    passes = np.arange(1, 33)
    depths = np.log2(stock / passes / data.depth_mm)
    depths = depths[(depths >= -1.0) & (depths <= 1.0)]
    return np.stack([a.ravel() for a in np.meshgrid(SPEEDS, FEEDS, depths, indexing="ij")])


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
    load, prices, labour = under.load, process.prices, process.prices.labour_per_h / 60.0
    rate, wear = _rate_per_min(process), flank_wear_mm(under.used)
    spread = process.spread
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
    breaks, jams = faults.breakage_rate(process, load, wear), faults.jam_rate(process, load, under.coolant)
    sticky = np.clip(1.0 - load.speed_m_min / process.faults.built_up_m_min, 0.0, 1.0)
    bad = 1.0 - inside * smooth * (1.0 - jams) * (1.0 - 0.5 * sticky)
    stop = rate + labour
    return (
        (under.waiting_min + load.cutting_min + process.times.handling_min) * rate
        + under.energy_kwh * prices.energy_per_kwh
        + (under.used - state.used) * price_of_wear
        + breaks * (edge_price(process) + process.faults.broken_min * stop + prices.blank)
        + jams * process.faults.jam_min * stop
        + bad * prices.escape
    )  # fmt: skip


def action(batch: Batch) -> F64:
    """The best action (8, n) for every lane of a batch."""
    return np.concatenate([_of_lane(batch, k) for k in range(batch.n)], axis=1)


def _of_lane(batch: Batch, k: int) -> F64:
    from envs.machining.lots import FULL_CORRECTION_UM

    process, tried = batch.process, grid(batch.process)
    m = tried.shape[1]
    lanes, state = _spread(Lanes, batch.lanes, k, 2 * m), _spread(State, batch.state, k, 2 * m)
    change = np.repeat([False, True], m)
    both = np.concatenate([tried, tried], axis=1)
    setting = batch.setting(np.stack([*both, *np.zeros((3, 2 * m)), np.ones(2 * m), -np.ones(2 * m)]))
    setting = replace(setting, change=change)
    under = under_way(process, lanes, state, setting)
    start = np.where(change, 0.0, state.used)
    price = edge_price(process)
    cost = expected_cost(process, replace(state, used=start), under, np.full(2 * m, price))
    # A new edge costs its price less what the life so far was worth.
    cost = cost + np.where(change, price * np.maximum(0.0, 1.0 - state.used), 0.0)
    at = int(np.argmin(cost))
    # Where this edge lasts to the end of the lot at that pace, its life is spent to the end.
    left = process.n_parts - int(batch.state.part[k])
    wearing = under.used - start
    if start[at] + left * wearing[at] < 0.95 and not change[at]:
        lasting = (start + left * wearing < 0.95) & ~change
        free = expected_cost(process, replace(state, used=start), under, np.zeros(2 * m))
        at = int(np.argmin(np.where(lasting, free, np.inf)))
    correction = np.clip(-under.size_um[at] / FULL_CORRECTION_UM, -1.0, 1.0)
    chosen = [*both[:, at], correction, 1.0 if change[at] else -1.0, -1.0, 1.0, -1.0]
    return np.array(chosen)[:, None]


def _spread(kind: type[Any], rows: Any, k: int, m: int) -> Any:
    """Lane k repeated m times."""
    return kind(**{f.name: np.repeat(getattr(rows, f.name)[k : k + 1], m) for f in fields(kind)})
