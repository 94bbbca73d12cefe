"""A machine tool as a batch: its state, and one part after another cut on every lane at once.

Nothing here looks across lanes, and every random number comes from a lane's own key, so lane k of a batch
and a single machine with the same key go through the same bits.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from envs.machining import faults, noise
from envs.machining.load import Frame, Load, load_of
from envs.machining.noise import F64, U64
from envs.machining.process import Process
from envs.machining.spec import HeatSource
from envs.machining.state import (
    DRY,
    STANDBY,
    WARM_UP,
    Bool,
    Lanes,
    Part,
    Setting,
    Signals,
    State,
    UnderWay,
)
from envs.machining.surface import WORN_MM, roughness_um
from envs.machining.thermal import lag
from envs.machining.wear import MAX_LIFE_FRACTION, flank_wear_mm

# Tool life against flood coolant (estimate: switching changes Taylor's C by 10 to 30 %).
LIFE_BY_COOLANT = np.array([0.7, 0.88, 1.0])
# Power of the pump: none, minimum quantity, flood.
PUMP_SHARE = np.array([0.0, 0.2, 1.0])
# Of full heat, that a warm-up program runs at.
WARM_UP_SHARE = 0.6
# Harder material wears the edge faster than in proportion.
HARDNESS_ON_WEAR = 3.0
# Of the forces on an edge, by the end of its life: 1.3 to 1.5 is typical.
FORCE_WHEN_WORN = 0.4
# Bars come in lots, a little different in hardness (estimate).
LOT_PARTS = 16
LOT_SPREAD = 0.04

# Each use of randomness has a number.
(_REPEAT, _FIXTURE, _GAUGE, _SETTING, _EDGE, _LOT, _GAP, _GAP_LONG, _ROUGH, _LOAD_READ, _VIBRATION, _AE,
 _HEAT_1, _HEAT_2, _HEAT_3, _EDGE_BROKEN, _SETTING_BROKEN) = range(17)  # fmt: skip


def fresh(process: Process, lanes: Lanes) -> State:
    """Cold machines with a new edge, set up by a person."""
    key, n = lanes.key, len(lanes.key)
    zero, none, step = np.zeros(n), np.zeros(n, np.bool_), np.zeros(n, np.uint64)
    return State(
        part=step, minute=zero, used=zero, cut_min=zero,
        scatter=_scatter(process, key, step, _EDGE), offset_um=zero,
        setting_um=process.spread.setting_um * noise.normal(key, step, _SETTING),
        spindle_k=zero, feed_k=zero, coolant_k=zero, ambient_k=_shop_k(lanes, zero), probe_um=zero,
        bearing=zero, coolant_lost=none, chuck_lost=none, gap_min=zero,
    )  # fmt: skip


def _scatter(process: Process, key: U64, step: U64, use: int) -> F64:
    scatter: F64 = np.exp(process.tool.life_scatter * noise.normal(key, step, use))
    return scatter


def _shop_k(lanes: Lanes, minute: F64) -> F64:
    """Temperature of the shop less 20 degrees Celsius, over the day."""
    shop: F64 = lanes.ambient_k + lanes.swing_k * np.sin(minute * (2 * np.pi / 1440.0) + lanes.phase_rad)
    return shop


def hardness(lanes: Lanes, part: U64) -> F64:
    """Hardness of the blank: every lot of bars is a little different."""
    lot = part // np.uint64(LOT_PARTS)
    ratio: F64 = lanes.hardness * np.exp(LOT_SPREAD * noise.normal(lanes.key, lot, _LOT))
    return ratio


def renewed(
    process: Process, lanes: Lanes, state: State, change: Bool, *, broken: bool = False, drawn: bool = True
) -> State:
    """Edges changed where `change` says so; the person who does it puts right what is amiss.

    A part may see two: one `broken` comes after one that was changed, and draws numbers of its own. An edge
    that is not `drawn` yet is as one expects it: of middling life, set where it should be.
    """
    if not change.any():
        return state
    edge, place = (_EDGE_BROKEN, _SETTING_BROKEN) if broken else (_EDGE, _SETTING)
    after = state.part + np.uint64(1)
    chance = 1.0 if drawn else 0.0
    setting = chance * process.spread.setting_um * noise.normal(lanes.key, after, place)
    scatter = _scatter(process, lanes.key, after, edge) if drawn else 1.0
    return replace(
        state,
        used=np.where(change, 0.0, state.used),
        cut_min=np.where(change, 0.0, state.cut_min),
        scatter=np.where(change, scatter, state.scatter),
        setting_um=np.where(change, setting, state.setting_um),
        coolant_lost=state.coolant_lost & ~change,
        chuck_lost=state.chuck_lost & ~change,
    )


def growth_um(process: Process, lanes: Lanes, state: State) -> F64:
    """Thermal growth of the machine towards the part."""
    heat, axis = process.machine_spec.thermal, process.axis
    growth: F64 = lanes.growth * (
        heat.spindle.gain_um_k[axis] * state.spindle_k + heat.feed.gain_um_k[axis] * state.feed_k
        + heat.coolant.gain_um_k[axis] * state.coolant_k + heat.ambient.gain_um_k[axis] * state.ambient_k
    )  # fmt: skip
    return growth


def warmed(process: Process, lanes: Lanes, state: State, minutes: F64, share: F64) -> State:
    """Heat after so many minutes with spindle, drives and coolant at a share of full heat."""
    heat = process.machine_spec.thermal

    def to(x: F64, target: F64, source: HeatSource) -> F64:
        return lag(x, target, minutes, source.time_constant_min * lanes.pace)

    return replace(
        state,
        minute=state.minute + minutes,
        spindle_k=to(state.spindle_k, heat.spindle.full_rise_k * share, heat.spindle),
        feed_k=to(state.feed_k, heat.feed.full_rise_k * share, heat.feed),
        coolant_k=to(state.coolant_k, heat.coolant.full_rise_k * share, heat.coolant),
        ambient_k=to(state.ambient_k, _shop_k(lanes, state.minute), heat.ambient),
    )


def expected_size_um(process: Process, lanes: Lanes, state: State, load: Load) -> F64:
    """Size error without what falls by chance: across a diameter or a pocket, + where material is left.

    Growth moves the tool into the part, wear and deflection keep it out; the program was written for the
    deflection of a sharp edge at the handbook's data.
    """
    wear = flank_wear_mm(state.used)
    bend = load.deflection_um - nominal_load(process).deflection_um
    out = 1e3 * process.tool.recession * wear + bend
    error: F64 = process.sides * (out - growth_um(process, lanes, state)) + state.offset_um + state.setting_um
    return error


def under_way(
    process: Process, lanes: Lanes, state: State, setting: Setting, *, drawn: bool = True
) -> UnderWay:
    """Wait, change, warm up and cut, without what falls by chance; a new edge's luck is or is not `drawn`."""
    times, power = process.times, process.machine_spec.power_kw
    auxiliary, spindle = process.machine_spec.auxiliaries_kw, process.machine_spec.spindle
    state = replace(state, offset_um=state.offset_um + setting.correction_um)
    state = renewed(process, lanes, state, setting.change, drawn=drawn)
    still = np.zeros_like(state.minute)
    warming = np.where(setting.idle == WARM_UP, times.warm_up_min, 0.0)
    waiting = np.maximum(state.gap_min, warming + np.where(setting.change, times.change_min, 0.0))
    idle = waiting - warming
    state = warmed(process, lanes, state, idle, still)
    state = warmed(process, lanes, state, warming, still + WARM_UP_SHARE)
    hard = hardness(lanes, state.part)
    worn = 1.0 + FORCE_WHEN_WORN * flank_wear_mm(state.used) / WORN_MM
    load = load_of(
        process, setting.speed_m_min, setting.feed_mm, setting.depth_mm, hard * worn,
        Frame(lanes.stiffness, lanes.frequency),
    )  # fmt: skip
    state = warmed(process, lanes, state, load.cutting_min, load.heat)
    coolant = np.where(state.coolant_lost, DRY, setting.coolant)
    life = load.life_min * LIFE_BY_COOLANT[coolant] * state.scatter
    life = life / (lanes.abrasion * hard**HARDNESS_ON_WEAR)
    idle_kw = np.where(setting.idle == STANDBY, power.standby, power.ready)
    pump = auxiliary.coolant * PUMP_SHARE[coolant] + auxiliary.chip_conveyor
    turning_kw = auxiliary.spindle_idle_at_max * load.rpm / spindle.max_rpm
    cutting_kw = power.processing + turning_kw + pump + load.power_kw
    energy = idle * idle_kw + warming * power.warm_up + load.cutting_min * cutting_kw
    return UnderWay(
        state, load, expected_size_um(process, lanes, state, load),
        np.minimum(state.used + load.cutting_min / life * (1.0 + 2.0 * load.chatter), MAX_LIFE_FRACTION),
        coolant, waiting, energy / 60.0, cutting_kw,
    )  # fmt: skip


def cut(process: Process, lanes: Lanes, state: State, setting: Setting) -> tuple[State, Part, Signals]:
    """One part on every lane.

    Args:
        process: What is cut on what.
        lanes: What differs between the lanes.
        state: Before the part; it is not changed.
        setting: What the agents set.

    Returns:
        The state after it, what came of the part, and what the sensors say.
    """
    key, step = lanes.key, state.part
    times, power, still = process.times, process.machine_spec.power_kw, np.zeros_like(state.minute)
    under = under_way(process, lanes, state, setting)
    state, load = under.state, under.load
    size = under.size_um + _chance_um(process, state, key, step, load)
    wear = flank_wear_mm(under.used)
    accident = faults.accidents(process, key, step, load, wear, under.coolant)
    rough = roughness_um(
        load.feed_mm, process.tool.nose_radius_mm, wear, load.chatter, accident.built_up
    )  # fmt: skip
    ra = rough * np.exp(0.06 * noise.normal(key, step, _ROUGH))
    ra = np.where(accident.jammed, 2.0 * ra, ra)
    limit = process.part.tolerance_um
    good = (np.abs(size) <= limit) & (ra <= process.part.ra_limit_um) & ~accident.broke
    reading = size + state.probe_um + process.spread.gauge_um * noise.normal(key, step, _GAUGE)
    refused = (np.abs(reading) > limit) | (ra > process.part.ra_limit_um)
    caught = ~good & (accident.broke | (setting.measure & refused))
    after = times.handling_min + np.where(setting.measure, times.measure_min, 0.0) + accident.stop_min
    energy = under.energy_kwh + after * power.ready / 60.0
    time = under.waiting_min + load.cutting_min + after
    state = replace(state, used=under.used, cut_min=state.cut_min + load.cutting_min)
    state = renewed(process, lanes, state, accident.broke, broken=True)
    state = warmed(process, lanes, state, after, still)
    state = faults.aged(process, state, key, step)
    state = replace(state, part=step + np.uint64(1), gap_min=_gap_min(process, key, step))
    part = Part(
        size_um=size, ra_um=ra, good=good, caught=caught, reading_um=np.where(setting.measure, reading, 0.0),
        measured=setting.measure, changed=setting.change | accident.broke, broke=accident.broke,
        jammed=accident.jammed, time_min=time, cutting_min=load.cutting_min, cutting_kw=under.cutting_kw,
        energy_kwh=energy, wear_mm=wear, chatter=load.chatter, load=load,
        **_costs(process, setting, accident, time, energy, bad=~good, caught=caught),
    )  # fmt: skip
    return state, part, _signals(process, lanes, state, part, key, step)


@cache
def nominal_load(process: Process) -> Load:
    """The load (1,) of a sharp edge at the handbook's data in the file's material, on the file's machine."""
    one, data = np.ones(1), process.handbook
    return load_of(
        process, one * data.speed_m_min, one * data.feed_mm, one * data.depth_mm, one, Frame(one, one)
    )


@cache
def reference_cost(process: Process) -> float:
    """Cost of a good part at the handbook's data without any mishap, by the file's prices."""
    prices, times, load = process.prices, process.times, nominal_load(process)
    minutes, share = float(load.cutting_min[0]), float(load.cutting_min[0] / load.life_min[0])
    rate = (prices.machine_per_h + prices.attended_share * prices.labour_per_h) / 60.0
    edge = prices.edge + times.change_min * (rate + prices.labour_per_h / 60.0)
    spec = process.machine_spec
    kw = spec.power_kw.processing + spec.auxiliaries_kw.coolant + float(load.power_kw[0])
    return (
        (minutes + times.handling_min) * rate
        + share * edge
        + minutes * kw / 60.0 * prices.energy_per_kwh
        + prices.blank
    )


def _chance_um(process: Process, state: State, key: U64, step: U64, load: Load) -> F64:
    spread = process.spread
    loose = np.where(state.chuck_lost, 3.0, 1.0)
    repeat = process.machine_spec.accuracy.repeatability_um * (1.0 + state.bearing + 2.0 * load.chatter)
    seat = spread.fixture_um * loose
    chance: F64 = repeat * noise.normal(key, step, _REPEAT) + seat * noise.normal(key, step, _FIXTURE)
    return chance


def _gap_min(process: Process, key: U64, step: U64) -> F64:
    comes_late = noise.uniform(key, step, _GAP) < process.times.gap_share
    gap: F64 = np.where(comes_late, process.times.gap_min * noise.uniform(key, step, _GAP_LONG), 0.0)
    return gap


def _costs(
    process: Process,
    setting: Setting,
    accident: faults.Accidents,
    time: F64,
    energy: F64,
    *,
    bad: Bool,
    caught: Bool,
) -> dict[str, F64]:
    """What a part costs by cause; a change takes its person's time besides the share of one who is near."""
    prices = process.prices
    changes = setting.change.astype(float) + accident.broke
    attended = prices.attended_share * time + changes * process.times.change_min + accident.stop_min
    return {
        "cost_machine": time * (prices.machine_per_h / 60.0),
        "cost_labour": attended * (prices.labour_per_h / 60.0),
        "cost_tool": changes * prices.edge,
        "cost_energy": energy * prices.energy_per_kwh,
        "cost_blank": np.full_like(time, prices.blank),
        "cost_escape": np.where(bad & ~caught, prices.escape, 0.0),
        "cost_remake": np.where(caught, reference_cost(process), 0.0),
    }


def _signals(process: Process, lanes: Lanes, state: State, part: Part, key: U64, step: U64) -> Signals:
    """Sensor readings with their noise."""
    worn = part.wear_mm / WORN_MM

    def about(value: F64, share: float, use: int) -> F64:
        return value * (1.0 + share * noise.normal(key, step, use))

    load = 100.0 * part.load.power_kw / process.machine_spec.spindle.power_kw
    shaking = 0.6 + 0.5 * worn + 4.0 * part.chatter + 1.5 * state.bearing + 0.8 * state.chuck_lost
    return Signals(
        load_percent=about(load, 0.02, _LOAD_READ),
        vibration_mm_s=about(shaking, 0.06, _VIBRATION),
        acoustic=about(0.3 + 0.7 * worn + 0.8 * part.chatter, 0.06, _AE),
        spindle_c=20.0 + state.ambient_k + state.spindle_k + 0.3 * noise.normal(key, step, _HEAT_1),
        ambient_c=20.0 + _shop_k(lanes, state.minute) + 0.2 * noise.normal(key, step, _HEAT_2),
        coolant_c=20.0 + state.ambient_k + state.coolant_k + 0.3 * noise.normal(key, step, _HEAT_3),
    )
