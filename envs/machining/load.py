"""What a cut asks of machine, tool and part: time, force, power, heat, deflection, chatter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from envs.machining._check import power as raised
from envs.machining.chatter import orthogonal_limit_mm, stability_limit_mm, zero_order_lobes
from envs.machining.cutting import (
    cutting_force_n,
    specific_cutting_force,
    spindle_speed_rpm,
    tool_deflection_um,
)
from envs.machining.noise import F64
from envs.machining.process import Process

# Normal force against tangential, for pressing tool and part apart.
NORMAL_SHARE = 0.4
CARBIDE_GPA = 600.0
# A rubbing flank damps vibration at low speed: the limit grows by this speed over the speed.
DAMPING_M_MIN = 25.0
_RPM_STEPS = 2048
# Radial force over tangential, which is what drives vibration towards the part.
_KR = 0.3
_LOBES = 24


@dataclass(frozen=True)
class Load:
    """What a cut asks for, (n,) each.

    Attributes:
        cutting_min: Time in the cut.
        force_n: Tangential force on an edge.
        power_kw: Drawn from the mains for cutting.
        heat: Share of full heat in spindle and drives: losses as speed^1.5, and with power.
        deflection_um: Of tool and part away from each other.
        chatter: How far beyond the stability limit: 0 stable, at most 1.
        life_min: Life of a mean edge in the handbook's material.
        feed_mm: As cut; the drive slows down where power runs out.
        speed_m_min: As cut; the spindle has a highest speed.
        rpm: Of the spindle.
    """

    cutting_min: F64
    force_n: F64
    power_kw: F64
    heat: F64
    deflection_um: F64
    chatter: F64
    life_min: F64
    feed_mm: F64
    speed_m_min: F64
    rpm: F64


class Frame(NamedTuple):
    """The lanes' stiffness and natural frequency against the file's, (n,)."""

    stiffness: F64
    frequency: F64


def load_of(process: Process, speed: F64, feed: F64, depth: F64, hard: F64, frame: Frame) -> Load:
    """The load of cutting one part.

    Args:
        process: What is cut on what.
        speed: Cutting speed in m/min.
        feed: In mm per revolution or tooth.
        depth: Deepest pass in mm.
        hard: Forces against those of a sharp edge in the file's material.
        frame: Stiffness and frequency.
    """
    tool, spindle, part, material = process.tool, process.machine_spec.spindle, process.part, process.kienzle
    turning = process.kind == "turning"
    rpm = np.minimum(spindle_speed_rpm(speed, _turned_mm(process)), spindle.max_rpm)
    speed = rpm * (np.pi * _turned_mm(process) / 1000.0)
    passes = np.ceil(part.stock_mm / np.minimum(depth, part.stock_mm) - 1e-9)
    depth = part.stock_mm / passes
    thinned = _thinned(process)
    power = _power_kw(process, speed, feed, depth, thinned, hard)
    slowed = np.minimum(1.0, raised(spindle.power_kw / power, 1.0 / (1.0 - material.mc)))
    feed, power = feed * slowed, np.minimum(power, spindle.power_kw)
    if turning:
        force = cutting_force_n(kc11=material.kc11 * hard, mc=material.mc, depth_mm=depth, feed_mm=feed)
        bend, minutes = np.zeros(1), passes * part.length_mm / (rpm * feed)
    else:
        chip = feed * thinned
        force = specific_cutting_force(material.kc11 * hard, material.mc, chip) * depth * chip
        bend = tool_deflection_um(NORMAL_SHARE * force, tool.stickout_mm, tool.diameter_mm, CARBIDE_GPA)
        rows = np.ceil(part.size_mm / tool.engagement_mm - 1.0)
        minutes = passes * rows * part.length_mm / (rpm * feed * tool.teeth)
    fast = rpm / spindle.max_rpm
    limit = _limit_mm(process, rpm / frame.frequency) * frame.stiffness / hard
    limit = limit * (1.0 + DAMPING_M_MIN / speed)
    handbook = process.handbook
    life = (
        tool.edge_life_min
        * raised(handbook.speed_m_min / speed, tool.speed_exponent)
        * raised(handbook.feed_mm / feed, tool.feed_exponent)
        * raised(handbook.depth_mm / depth, tool.depth_exponent)
    )
    return Load(
        cutting_min=minutes,
        force_n=force,
        power_kw=power,
        heat=np.minimum(1.0, 0.7 * fast * np.sqrt(fast) + 0.5 * power / spindle.power_kw),
        deflection_um=bend + NORMAL_SHARE * force / (tool.stiffness_n_um * frame.stiffness),
        chatter=np.clip(4.0 * (depth / limit - 1.0), 0.0, 1.0),
        life_min=life,
        feed_mm=feed,
        speed_m_min=speed,
        rpm=rpm,
    )


def _turned_mm(process: Process) -> float:
    """Diameter that the cutting speed is at."""
    return process.part.size_mm if process.kind == "turning" else process.tool.diameter_mm


def _power_kw(process: Process, speed: F64, feed: F64, depth: F64, thinned: float, hard: F64) -> F64:
    """Cutting power from the mains."""
    material, tool = process.kienzle, process.tool
    kc = specific_cutting_force(material.kc11 * hard, material.mc, feed * thinned)
    if process.kind == "turning":
        area = feed * depth * speed
    else:
        share = tool.teeth * tool.engagement_mm / (np.pi * tool.diameter_mm)
        area = feed * depth * speed * share
    power: F64 = kc * area / (60e3 * process.machine_spec.spindle.efficiency)
    return power


def _limit_mm(process: Process, rpm: F64) -> F64:
    """Depth at which a cut in the file's material begins to chatter, on the file's machine."""
    table = limit_table_mm(process)
    if len(table) == 1:
        return np.full_like(rpm, table[0])
    at = np.clip(rpm * ((_RPM_STEPS - 1) / process.machine_spec.spindle.max_rpm), 0, _RPM_STEPS - 1)
    return table[at.astype(np.intp)]


@cache
def limit_table_mm(process: Process) -> F64:
    """The stability limit over spindle speeds from 0 to the highest, in mm.

    A lathe's lobes lie so dense at its speeds that only the least limit counts: (1,).
    """
    tool, data, modes = process.tool, process.handbook, process.machine_spec.modes
    chip = data.feed_mm * _thinned(process)
    kt_mpa = float(specific_cutting_force(process.kienzle.kc11, process.kienzle.mc, chip))
    if process.kind == "turning":
        limits = [float(orthogonal_limit_mm(k, damping, _KR * kt_mpa)) for _, damping, k in modes.x]
        return np.array([min(limits)])
    lobes = zero_order_lobes(
        teeth=tool.teeth, radial_immersion=tool.engagement_mm / tool.diameter_mm, direction="down",
        kt_mpa=kt_mpa, kr=_KR, modes_x=modes.x, modes_y=modes.y, lobes=_LOBES,
    )  # fmt: skip
    grid = np.linspace(0.0, process.machine_spec.spindle.max_rpm, _RPM_STEPS)
    limit = stability_limit_mm(lobes, np.maximum(grid, 1.0))
    # Where no lobe reaches, the tool's length is the limit.
    return np.minimum(limit, 3.0 * tool.diameter_mm)


def _thinned(process: Process) -> float:
    """Mean chip thickness over feed."""
    tool = process.tool
    return 1.0 if process.kind == "turning" else float(np.sqrt(tool.engagement_mm / tool.diameter_mm))
