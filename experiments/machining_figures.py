"""Figures of the machining physics, as SVG: lobes, tool-life economics, wear, heat over a day.

All are pure functions of data in `configs/`, so the same files come out to the byte;
`python -m experiments.machining_figures` writes them to `docs/`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from envs.machining import library, wear
from envs.machining.chatter import Lobes, stability_limit_mm, zero_order_lobes
from envs.machining.cutting import specific_cutting_force
from envs.machining.library import Life
from envs.machining.machine import fresh, growth_um, nominal_load, warmed
from envs.machining.noise import F64
from envs.machining.process import Process, process
from envs.machining.state import Lanes, State
from envs.machining.variation import split
from experiments.config import parse, run_verb
from experiments.figures import line_chart_svg

# Groover's example, A8 of the tests, with a carbide edge: what a shop pays for an edge and a minute (ours).
_TOOL, _EDGE_EUR, _EUR_PER_MIN, _HANDLING_MIN, _CHANGE_MIN = "coated_carbide", 6.0, 0.9, 1.0, 2.0
_DIAMETER_MM, _LENGTH_MM, _FEED_MM = 60.0, 200.0, 0.25
_DEPTH_MM = 1.5  # of the NASA cases that are shown


@dataclass(frozen=True)
class Config:
    """Where the figures go."""

    out: Path = Path("docs")
    """The folder."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write every figure."""
    config = parse(Config, "machining_figures", argv, __doc__)
    from experiments.errors import UserError
    from experiments.run import write_text_atomic

    if not config.out.is_dir():
        raise UserError(f"out is {str(config.out)!r}: allowed is a folder that exists")
    for name, draw in FIGURES.items():
        write_text_atomic(config.out / f"{name}.svg", draw())
        sys.stdout.write(f"{config.out / name}.svg\n")
    return 0


def economics_figure() -> str:
    """Return cost and time of a part over cutting speed; dots are the speeds of least of each (Taylor)."""
    tool = library.tool_life().tool(_TOOL)
    n, c = tool.n, tool.c_steel
    fastest, _ = wear.max_production_speed(n, c, _CHANGE_MIN)
    cheapest, _ = wear.min_cost_speed(n, c, _CHANGE_MIN, _EDGE_EUR, _EUR_PER_MIN)
    price = partial(
        wear.turning_economics, n=n, c=c, diameter_mm=_DIAMETER_MM, length_mm=_LENGTH_MM, feed_mm=_FEED_MM,
        handling_min=_HANDLING_MIN, tool_change_min=_CHANGE_MIN, tool_cost=_EDGE_EUR,
        rate_per_min=_EUR_PER_MIN, whole_parts=False,
    )  # fmt: skip
    speeds = np.linspace(0.35 * float(cheapest), 1.45 * float(fastest), 240)
    minutes, euros = price(speeds)
    at = np.array([float(cheapest)]), np.array([float(fastest)])
    series = {
        "EUR": (speeds, euros),
        "min": (speeds, minutes),
        "cheapest": (at[0], price(at[0])[1]),
        "fastest": (at[1], price(at[1])[0]),
    }
    where = f"cutting speed (m/min); cheapest {float(cheapest):.0f}, fastest {float(fastest):.0f}"
    return line_chart_svg(series, "A turned part by cutting speed", where, "per part (EUR, min)")


def wear_figure() -> str:
    """Return flank wear over time: the fitted law with its scatter, and when each measured case was worn."""
    lives, sigma = library.nasa_lives(), 0.2
    fit = lives.fit()
    groups: dict[str, list[Life]] = {}
    for case in lives.cases:
        if case.depth_mm == _DEPTH_MM:
            groups.setdefault(f"{case.material.removeprefix('cast_')} {case.feed_mm:g}", []).append(case)
    series, bands = {}, {}
    for name, (first, *_) in groups.items():
        life = float(fit.life_min(first.feed_mm, first.depth_mm, float(first.material == "steel")))
        minutes = np.linspace(0.0, 1.25 * life, 120)
        curve = partial(_wear_at, minutes)
        series[name] = (minutes, curve(life))
        bands[name] = (curve(life * np.exp(sigma)), curve(life * np.exp(-sigma)))
    worn = np.array([case.life_min for cases in groups.values() for case in cases])
    x = np.stack([worn, np.full_like(worn, np.nan)], axis=1).ravel()
    series["measured"] = (x, np.where(np.isnan(x), np.nan, wear.LIMIT_MM))
    where = f"minutes in the cut; feed in mm, depth {_DEPTH_MM:g} mm, band of one standard deviation"
    return line_chart_svg(series, "NASA milling", where, "flank wear (mm)", bands)


def _wear_at(minutes: F64, life_min: float) -> F64:
    return np.asarray(wear.flank_wear_mm(minutes / life_min))


def heat_figure(name: str = "turn_shafts") -> str:
    """Return what heat does to a size over a day with a break, by what is warm, at the handbook's data."""
    spec, varied = process(name), split("seen")
    middle = {factor: np.array([sum(ends) / 2.0]) for factor, ends in varied.factors.items()}
    lanes = Lanes(np.zeros(1, np.uint64), **middle)
    load, step_min = nominal_load(spec), 5.0
    share = load.heat * load.cutting_min / (load.cutting_min + spec.times.handling_min)
    minutes = np.arange(0.0, _DAY_MIN + step_min, step_min)
    state, rows = fresh(spec, lanes), []
    for now in minutes:
        rows.append([_drift_um(spec, lanes, state, warm) for warm in _WARM.values()])
        working = any(begin <= now < end for begin, end in _WORK_MIN)
        state = warmed(spec, lanes, state, np.full(1, step_min), share if working else 0.0 * share)
    sizes = np.array(rows)
    series = {label: (minutes / 60.0, sizes[:, i] - sizes[0, i]) for i, label in enumerate(_WARM)}
    hours = " and ".join(f"{begin / 60:g} to {end / 60:g} h" for begin, end in _WORK_MIN)
    where = f"hours; work from {hours}"
    return line_chart_svg(series, "Heat over a day", where, "size error (um)")


_DAY_MIN, _WORK_MIN = 14 * 60.0, ((0.0, 240.0), (300.0, 540.0))
# What is shown, and which temperatures it is of.
_WARM: Mapping[str, tuple[str, ...]] = {
    "all": ("spindle_k", "feed_k", "coolant_k", "ambient_k"),
    "spindle": ("spindle_k",),
    "drives": ("feed_k",),
    "coolant": ("coolant_k",),
    "shop": ("ambient_k",),
}


def _drift_um(spec: Process, lanes: Lanes, state: State, warm: Sequence[str]) -> float:
    """Size error by the growth that these temperatures make."""
    cold: Any = {name: np.zeros(1) for name in _WARM["all"] if name not in warm}
    return float(-spec.sides * growth_um(spec, lanes, replace(state, **cold))[0])


def process_lobes_figure(name: str = "mill_pockets") -> str:
    """Return the lobes of a milling process on its machine, with the handbook's data as a dot."""
    spec = process(name)
    tool, data, modes = spec.tool, spec.handbook, spec.machine_spec.modes
    chip = data.feed_mm * (tool.engagement_mm / tool.diameter_mm) ** 0.5
    kt_mpa = float(specific_cutting_force(spec.kienzle.kc11, spec.kienzle.mc, chip))
    found = zero_order_lobes(
        teeth=tool.teeth, radial_immersion=tool.engagement_mm / tool.diameter_mm, direction="down",
        kt_mpa=kt_mpa, kr=0.3, modes_x=modes.x, modes_y=modes.y, lobes=24,
    )  # fmt: skip
    title = f"{spec.machine_spec.label}, {tool.teeth} teeth of {tool.diameter_mm:g} mm: stability lobes"
    return lobe_figure({"limit": found}, 3_000.0, spec.machine_spec.spindle.max_rpm, title)


def lobe_figure(
    lobes: Mapping[str, Lobes],
    min_rpm: float,
    max_rpm: float,
    title: str = "Stability lobes",
    max_depth_mm: float | None = None,
    points: int = 1_200,
) -> str:
    """Return the least stable limit over speed, a line for each diagram: below it a cut is stable.

    Args:
        lobes: Diagrams by name; an empty name shows no legend.
        min_rpm: Left end.
        max_rpm: Right end, above it.
        title: The chart's title.
        max_depth_mm: Where pockets are cut off; ten times the least limit of all when left out.
        points: Speeds per line.

    Raises:
        ValueError: for ends that are not in order, or no diagram.
    """
    if not lobes:
        raise ValueError("lobes is empty: allowed is at least 1 diagram")
    if not 0.0 < min_rpm < max_rpm:
        raise ValueError(f"min_rpm is {min_rpm}: allowed are above 0 to below max_rpm ({max_rpm})")
    speeds = np.linspace(min_rpm, max_rpm, points)
    limits = {name: stability_limit_mm(found, speeds) for name, found in lobes.items()}
    top = max_depth_mm or 10.0 * min(float(limit.min()) for limit in limits.values())
    series = {name: (speeds, np.minimum(limit, top)) for name, limit in limits.items()}
    return line_chart_svg(series, title, "spindle speed (rpm)", "depth of cut (mm)")


FIGURES = {
    "tool_life_economics": economics_figure,
    "wear_curves": wear_figure,
    "heat_over_a_day": heat_figure,
    "stability_lobes": process_lobes_figure,
}

if __name__ == "__main__":
    run_verb(main)
