"""Figures of the machining physics, as SVG."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from envs.machining.chatter import Lobes, stability_limit_mm
from experiments.figures import line_chart_svg


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
