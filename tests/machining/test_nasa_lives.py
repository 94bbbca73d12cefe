"""The simulated machine cuts until the edge is worn, as the NASA Ames machine did, and it lasts as long.

Nothing of the machine is left out but accidents, which the published lives are free of: its wear goes part by
part, through bars of differing hardness, forces that grow with wear, and whatever chatter the cut brings.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from envs.machining import library, noise
from envs.machining.machine import cut, fresh
from envs.machining.process import Process, process
from envs.machining.state import FLOOD, READY, Lanes, Setting
from envs.machining.wear import LIMIT_MM

# 70 mm face mill with six inserts at 200 m/min; feeds are given per revolution.
SPEED_M_MIN, DIAMETER_MM, INSERTS = 200.0, 70.0, 6
MATERIALS = {"cast_iron": "grey_iron", "steel": "mild_steel"}
EDGES = 200  # that are worn out under each of the conditions
STIFFER = 10.0
CHI2_11 = {0.025: 3.816, 0.975: 21.920}  # quantiles of chi-square with 15 - 4 degrees of freedom


def bench(material: str) -> Process:
    """NASA's cut as a process: a blank takes about a minute, nothing breaks, jams or fails."""
    base, fit = process("mill_pockets"), library.nasa_lives().fit()
    life = fit.base_min * (fit.steel_factor if material == "steel" else 1.0)
    tool = replace(
        base.tool, diameter_mm=DIAMETER_MM, teeth=INSERTS, engagement_mm=DIAMETER_MM / 2, edge_life_min=life,
        feed_exponent=-fit.feed_exponent, depth_exponent=-fit.depth_exponent,
    )  # fmt: skip
    return replace(
        base, name=f"nasa_{material}", material=MATERIALS[material], tool=tool,
        part=replace(base.part, size_mm=DIAMETER_MM, length_mm=150.0, stock_mm=1.5),
        handbook=replace(base.handbook, speed_m_min=SPEED_M_MIN, feed_mm=0.5 / INSERTS, depth_mm=1.5),
        faults=replace(base.faults, breakage=0.0, jam=0.0, coolant=0.0, chuck=0.0, bearing=0.0,
                       built_up_m_min=1.0),
    )  # fmt: skip


@cache
def simulated_min(material: str, feed_mm: float, depth_mm: float) -> np.ndarray:
    """(EDGES,) minutes in the cut until flank wear is 0.3 mm, with each edge on a machine of its own."""
    what, one = bench(material), np.ones(EDGES)
    # The machine's modes are those of a slender end mill: a face mill on the spindle's nose is far stiffer.
    key = noise.keys(np.arange(EDGES), np.zeros(EDGES, np.int64))
    lanes = Lanes(key, one, one, STIFFER * one, one, one, one, 0 * one, 0 * one, 0 * one)
    no = np.zeros(EDGES, np.bool_)
    setting = Setting(SPEED_M_MIN * one, feed_mm / INSERTS * one, depth_mm * one, 0 * one, no, no,
                      np.full(EDGES, FLOOD), np.full(EDGES, READY))  # fmt: skip
    state, life = fresh(what, lanes), np.full(EDGES, np.nan)
    minutes, wear = np.zeros(EDGES), np.zeros(EDGES)
    while np.isnan(life).any():
        state, part, _ = cut(what, lanes, state, setting)
        assert (part.chatter[np.isnan(life)] == 0).all()
        share = (LIMIT_MM - wear) / np.maximum(part.wear_mm - wear, 1e-12)
        crossed = np.isnan(life) & (part.wear_mm >= LIMIT_MM)
        life = np.where(crossed, minutes + share * part.cutting_min, life)
        minutes, wear = minutes + part.cutting_min, part.wear_mm
        assert minutes.max() < 500
    return life


def cases():
    return library.nasa_lives().cases


def simulated(case) -> np.ndarray:
    return simulated_min(case.material, case.feed_mm, case.depth_mm)


def test_a_blank_is_short_against_a_life():
    for case in cases():
        what = bench(case.material)
        passes = np.ceil(what.part.stock_mm / case.depth_mm)
        rpm = 1000 * SPEED_M_MIN / np.pi / DIAMETER_MM
        assert passes * what.part.length_mm / (rpm * case.feed_mm) < 0.4 * case.life_min


def test_measured_lives_are_an_ordinary_draw_of_the_simulated():
    """Log lives against the simulated mean, in the published scatter of 0.2: centred, and as wide."""
    left = np.array([np.log(c.life_min) - np.log(simulated(c)).mean() for c in cases()])
    assert abs(left.mean()) < 1.96 * 0.2 / np.sqrt(len(left))
    assert CHI2_11[0.025] < (left**2).sum() / 0.2**2 < CHI2_11[0.975]
    for case in cases():  # none is beyond the 99.9 % range of its own condition
        low, high = np.quantile(simulated(case), [0.0005, 0.9995])
        assert low < case.life_min < high, case


def test_simulated_replicates_scatter_as_the_measured_do():
    """The pooled scatter of the 7 measured pairs lies in what so many simulated pairs show."""
    measured: dict[tuple[str, float, float], list[float]] = {}
    for c in cases():
        measured.setdefault((c.material, c.feed_mm, c.depth_mm), []).append(np.log(c.life_min))
    twice = {key: values for key, values in measured.items() if len(values) == 2}
    assert len(twice) == 7
    found = np.sqrt(np.mean([np.var(values, ddof=1) for values in twice.values()]))
    logs = np.stack([np.log(simulated_min(*key)).reshape(-1, 2) for key in twice])
    pooled = np.sqrt(np.var(logs, axis=2, ddof=1).mean(axis=0))
    low, high = np.quantile(pooled, [0.025, 0.975])
    assert low < found < high
    assert np.log(simulated_min("cast_iron", 0.5, 1.5)).std(ddof=1) == pytest.approx(0.2, abs=0.04)
