"""What a cut asks of machine, tool and part: time, force, power, heat, deflection, chatter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from envs.machining.chatter import zero_order_lobes
from envs.machining.cutting import (
    cutting_force_n,
    specific_cutting_force,
    spindle_speed_rpm,
    tool_deflection_um,
)
from envs.machining.noise import F64
from envs.machining.process import Process
from envs.machining.surface import kinematic_roughness_um

# Normal force against tangential, for pressing tool and part apart.
NORMAL_SHARE = 0.4
CARBIDE_GPA = 600.0
# A rubbing flank damps vibration at low speed: the limit grows by this speed over the speed.
DAMPING_M_MIN = 25.0
_RPM_STEPS = 2048
_KR = 0.3


@dataclass(frozen=True)
class Load:
    """What a cut asks for, (n,) each.

    Attributes:
        cutting_min: Time in the cut.
        force_n: Tangential force on an edge.
        power_kw: Drawn from the mains for cutting.
        heat: Share of full heat in spindle and drives.
        deflection_um: Of tool and part away from each other.
        ra_um: Kinematic roughness.
        chatter: How far beyond the stability limit: 0 stable, at most 1.
        life_min: Life of a mean edge in the handbook's material.
        feed_mm: As cut; the drive slows down where power runs out.
        speed_m_min: As cut; the spindle has a highest speed.
    """

    cutting_min: F64
    force_n: F64
    power_kw: F64
    heat: F64
    deflection_um: F64
    ra_um: F64
    chatter: F64
    life_min: F64
    feed_mm: F64
    speed_m_min: F64


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
    tool, machine, part, material = process.tool, process.machine, process.part, process.material
    turning = process.kind == "turning"
    rpm = np.minimum(spindle_speed_rpm(speed, _turned_mm(process)), machine.max_rpm)
    speed = rpm * (np.pi * _turned_mm(process) / 1000.0)
    passes = np.ceil(part.stock_mm / np.minimum(depth, part.stock_mm) - 1e-9)
    depth = part.stock_mm / passes
    thinned = 1.0 if turning else float(np.sqrt(tool.engagement_mm / tool.diameter_mm))
    power = _power_kw(process, speed, feed, depth, thinned, hard)
    slowed = np.minimum(1.0, (machine.max_power_kw / power) ** (1.0 / (1.0 - material.mc)))
    feed, power = feed * slowed, np.minimum(power, machine.max_power_kw)
    if turning:
        force = cutting_force_n(kc11=material.kc11 * hard, mc=material.mc, depth_mm=depth, feed_mm=feed)
        bend, minutes = 0.0, passes * part.length_mm / (rpm * feed)
    else:
        chip = feed * thinned
        force = specific_cutting_force(material.kc11 * hard, material.mc, chip) * depth * chip
        bend = tool_deflection_um(NORMAL_SHARE * force, tool.stickout_mm, tool.diameter_mm, CARBIDE_GPA)
        rows = np.ceil(part.size_mm / tool.engagement_mm - 1.0)
        minutes = passes * rows * part.length_mm / (rpm * feed * tool.teeth)
    limit = _limit_mm(process, rpm / frame.frequency) * frame.stiffness / hard
    limit = limit * (1.0 + DAMPING_M_MIN / speed)
    _, _, ra = kinematic_roughness_um(feed, tool.nose_radius_mm)
    handbook = process.handbook
    life = (
        tool.edge_life_min
        * (handbook.speed_m_min / speed) ** tool.speed_exponent
        * (handbook.feed_mm / feed) ** tool.feed_exponent
        * (handbook.depth_mm / depth) ** tool.depth_exponent
    )
    return Load(
        cutting_min=minutes,
        force_n=force,
        power_kw=power,
        heat=(rpm / machine.max_rpm) * np.sqrt(rpm / machine.max_rpm) * 0.6 + 0.4 * power / machine.max_power_kw,
        deflection_um=bend + NORMAL_SHARE * force / (machine.stiffness_n_um * frame.stiffness),
        ra_um=ra,
        chatter=np.clip(4.0 * (depth / limit - 1.0), 0.0, 1.0),
        life_min=life,
        feed_mm=feed,
        speed_m_min=speed,
    )


def _turned_mm(process: Process) -> float:
    """Diameter that the cutting speed is at."""
    return process.part.size_mm if process.kind == "turning" else process.tool.diameter_mm


def _power_kw(process: Process, speed: F64, feed: F64, depth: F64, thinned: float, hard: F64) -> F64:
    """Cutting power from the mains."""
    material, tool = process.material, process.tool
    kc = specific_cutting_force(material.kc11 * hard, material.mc, feed * thinned)
    if process.kind == "turning":
        area = feed * depth * speed
    else:
        share = tool.teeth * tool.engagement_mm / (np.pi * tool.diameter_mm)
        area = feed * depth * speed * share
    power: F64 = kc * area / (60e3 * process.machine.efficiency)
    return power


def _limit_mm(process: Process, rpm: F64) -> F64:
    """Depth at which a cut in the file's material begins to chatter, on the file's machine."""
    machine = process.machine
    if not machine.chatter_hz:
        return np.full_like(rpm, machine.chatter_depth_mm)
    table = lobe_envelope_mm(process)
    at = np.clip(rpm * ((_RPM_STEPS - 1) / machine.max_rpm), 0, _RPM_STEPS - 1)
    return table[at.astype(np.intp)]


@cache
def lobe_envelope_mm(process: Process) -> F64:
    """The stability limit over spindle speeds from 0 to the highest, in mm; the lobes' lower envelope."""
    tool, machine, data = process.tool, process.machine, process.handbook
    chip = data.feed_mm * float(np.sqrt(tool.engagement_mm / tool.diameter_mm))
    kt_mpa = float(specific_cutting_force(process.material.kc11, process.material.mc, chip))
    mode = [(machine.chatter_hz, machine.damping_ratio, machine.chatter_n_um * 1e6)]
    lobes = zero_order_lobes(
        teeth=tool.teeth, radial_immersion=tool.engagement_mm / tool.diameter_mm, direction="down",
        kt_mpa=kt_mpa, kr=_KR, modes_x=mode, modes_y=mode, lobes=24,
    )  # fmt: skip
    return envelope(lobes.spindle_rpm, lobes.limit_depth_mm, machine.max_rpm)


def envelope(rpm: F64, depth_mm: F64, max_rpm: float) -> F64:
    """Lowest of the curves (frequency, lobe) on an even grid of speeds; beyond every lobe, the highest found."""
    grid = np.linspace(0.0, max_rpm, _RPM_STEPS)
    lowest = np.full(_RPM_STEPS, np.inf)
    for lobe in range(rpm.shape[1]):
        n, d = rpm[:, lobe], depth_mm[:, lobe]
        good = np.isfinite(n) & np.isfinite(d) & (d > 0)
        # A lobe is walked along: there and back over the same speeds.
        for i, j in zip(np.flatnonzero(good[:-1] & good[1:]), np.flatnonzero(good[:-1] & good[1:]) + 1, strict=True):
            low, high = sorted((n[i], n[j]))
            inside = slice(*np.searchsorted(grid, (low, high)))
            if inside.start < inside.stop:
                share = (grid[inside] - n[i]) / (n[j] - n[i])
                lowest[inside] = np.minimum(lowest[inside], d[i] + share * (d[j] - d[i]))
    known = np.isfinite(lowest)
    least = lowest[known].min()
    # Below the lobes that were followed they lie so dense that only the least limit counts.
    lowest[: int(np.flatnonzero(known)[0])] = least
    lowest[~np.isfinite(lowest)] = lowest[known].max()
    lowest.setflags(write=False)
    return lowest
