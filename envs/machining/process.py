"""What a machine is to do: a lot of parts, the tool, the machine's figures, times and prices.

A process is one file in `configs/processes/`; each becomes an environment of its own.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, get_type_hints

from configs.strict_yaml import read_yaml

KINDS = ("turning", "milling")


class _Positive:
    """Numbers of it must be finite and not negative."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{field.name} is {value}: allowed are finite numbers from 0")


@dataclass(frozen=True)
class Material(_Positive):
    """Kienzle's constants: ISO 513 group, kc1.1 (N/mm2) and mc, for this kind of cutting."""

    group: str
    kc11: float
    mc: float


@dataclass(frozen=True)
class Part(_Positive):
    """The part: size that counts (a diameter or a width), length, what is cut away, what is allowed."""

    size_mm: float
    length_mm: float
    stock_mm: float
    tolerance_um: float
    ra_limit_um: float


@dataclass(frozen=True)
class Tool(_Positive):
    """The tool: geometry, and its life at the handbook's cutting data with exponents around it."""

    diameter_mm: float
    teeth: int
    nose_radius_mm: float
    stickout_mm: float
    engagement_mm: float
    edge_life_min: float
    speed_exponent: float
    feed_exponent: float
    depth_exponent: float
    life_scatter: float
    recession: float


@dataclass(frozen=True)
class CuttingData(_Positive):
    """Cutting speed, feed (mm/rev turning, mm/tooth milling), depth of a pass."""

    speed_m_min: float
    feed_mm: float
    depth_mm: float


@dataclass(frozen=True)
class Machine(_Positive):
    """Limits and stiffness; `chatter_hz` 0 takes `chatter_depth_mm` at any speed, else there are lobes."""

    max_rpm: float
    max_power_kw: float
    efficiency: float
    stiffness_n_um: float
    chatter_depth_mm: float
    chatter_hz: float
    chatter_n_um: float
    damping_ratio: float


@dataclass(frozen=True)
class Lag(_Positive):
    """One source of thermal growth: um when saturated (ambient: um per K), and a time constant."""

    gain_um: float
    tau_min: float


@dataclass(frozen=True)
class Heat:
    """The sources of thermal growth."""

    spindle: Lag
    feed: Lag
    ambient: Lag
    coolant: Lag


@dataclass(frozen=True)
class Power(_Positive):
    """Electric power in kW: states of the machine, and what runs besides when it cuts."""

    standby_kw: float
    ready_kw: float
    spindle_kw: float
    coolant_kw: float
    mql_kw: float


@dataclass(frozen=True)
class Spread(_Positive):
    """Standard deviations in um."""

    repeatability_um: float
    fixture_um: float
    gauge_um: float
    setting_um: float


@dataclass(frozen=True)
class Faults(_Positive):
    """Chances per part at the handbook's data, where they begin to grow, and minutes to clear them.

    `bearing` is wear per part (1 is failed), `probe_um` the step of the gauge's drift.
    """

    breakage: float
    broken_min: float
    jam: float
    jam_min: float
    breaking_feed_mm: float
    built_up_m_min: float
    coolant: float
    chuck: float
    bearing: float
    probe_um: float


@dataclass(frozen=True)
class Times(_Positive):
    """Minutes of what is not cutting; `gap_share` of parts wait up to `gap_min` for their blank."""

    handling_min: float
    change_min: float
    measure_min: float
    warm_up_min: float
    gap_share: float
    gap_min: float


@dataclass(frozen=True)
class Prices(_Positive):
    """One currency: rates per hour and kWh, and of an edge, a blank, a bad part that nobody found."""

    machine_per_h: float
    labour_per_h: float
    attended_share: float
    energy_per_kwh: float
    edge: float
    blank: float
    escape: float


@dataclass(frozen=True)
class Process:
    """A lot of parts on a machine; `sha256` is that of its file."""

    name: str
    sha256: str
    kind: str
    words: str
    n_parts: int
    material: Material
    part: Part
    tool: Tool
    handbook: CuttingData
    machine: Machine
    heat: Heat
    power: Power
    spread: Spread
    faults: Faults
    times: Times
    prices: Prices

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}: allowed are {', '.join(KINDS)}")
        if not 1 <= self.n_parts <= 10_000:
            raise ValueError(f"n_parts is {self.n_parts}: allowed are 1 to 10000")
        if self.kind == "milling" and not 0 < self.tool.engagement_mm <= self.tool.diameter_mm:
            raise ValueError(f"engagement_mm is {self.tool.engagement_mm}: allowed is up to the tool's diameter")


def names() -> tuple[str, ...]:
    """Names of the processes."""
    found = (p.name for p in (files("configs") / "processes").iterdir())
    return tuple(sorted(n.removesuffix(".yaml") for n in found if n.endswith(".yaml")))


@cache
def process(name: str) -> Process:
    """The process of that name.

    Raises:
        ValueError: if there is none, or its file is wrong; one line that says where.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"process {name!r}: allowed are {', '.join(names())}{hint}")
    source = f"configs/processes/{name}.yaml"
    text = (files("configs") / "processes" / f"{name}.yaml").read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return filled(Process, read_yaml(text, source), source, name=name, sha256=digest)


def filled(kind: type[Any], data: Any, source: str, **given: Any) -> Any:
    """The dataclass `kind` with the values of a mapping, nested ones too; every field must be there."""
    hints = get_type_hints(kind)
    if not isinstance(data, Mapping):
        raise ValueError(f"{source}: {data!r:.40}: a mapping with {', '.join(hints)} is needed")
    wanted = {f.name for f in dataclasses.fields(kind)} - set(given)
    for key in data:
        if key not in wanted:
            raise ValueError(f"{source}: unknown key {key!r}: allowed are {', '.join(sorted(wanted))}")
    values: dict[str, Any] = dict(given)
    for key in sorted(wanted):
        if key not in data:
            raise ValueError(f"{source}: {key!r} is missing")
        hint, value = hints[key], data[key]
        if dataclasses.is_dataclass(hint):
            value = filled(hint, value, f"{source}: {key}")  # type: ignore[arg-type]
        elif hint is float and type(value) is int:
            value = float(value)
        elif type(value) is not hint:
            raise ValueError(f"{source}: {key} is {value!r}: {hint.__name__} is needed")
        values[key] = value
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
