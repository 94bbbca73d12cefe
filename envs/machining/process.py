"""What a machine is to do: a lot of parts, the tool, the machine's figures, times and prices.

A process is one file in `configs/processes/` or from outside; each becomes an environment of its own.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cache, cached_property

from configs import data
from configs.records import record
from envs.machining.library import machine, material
from envs.machining.spec import Kienzle, Machine
from envs.prices import load_region

KINDS = ("turning", "milling")


class _Positive:
    """Numbers of it must be finite and not negative."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{field.name} is {value}: allowed are finite numbers from 0")


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
    stiffness_n_um: float
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
class Spread(_Positive):
    """Standard deviations in um, besides the machine's own."""

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
    """In euros: a machine's hour, an edge, a blank, a bad part that nobody found.

    Labour and electricity are the region's; `attended_share` of a person is near while the machine runs.
    """

    region: str
    machine_per_h: float
    attended_share: float
    edge: float
    blank: float
    escape: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.labour_per_h  # says so where there is no such region

    @cached_property
    def labour_per_h(self) -> float:
        """What an hour of work costs."""
        return load_region(self.region).labour_eur_per_h

    @cached_property
    def energy_per_kwh(self) -> float:
        """What electricity costs."""
        return load_region(self.region).electricity_eur_per_kwh


@dataclass(frozen=True)
class Process:
    """A lot of parts; `machine` and `material` are names in the library, `sha256` is that of its file."""

    name: str
    sha256: str
    kind: str
    words: str
    n_parts: int
    machine: str
    material: str
    part: Part
    tool: Tool
    handbook: CuttingData
    spread: Spread
    faults: Faults
    times: Times
    prices: Prices

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}: allowed are {', '.join(KINDS)}")
        if not 1 <= self.n_parts <= 10_000:
            raise ValueError(f"n_parts is {self.n_parts}: allowed are 1 to 10000")
        _ = self.machine_spec, self.kienzle  # each says so where there is none
        if self.kind == "milling" and not 0 < self.tool.engagement_mm <= self.tool.diameter_mm:
            raise ValueError(
                f"engagement_mm is {self.tool.engagement_mm}: allowed is up to the tool's diameter"
            )

    @cached_property
    def machine_spec(self) -> Machine:
        """The machine."""
        return machine(self.machine)

    @cached_property
    def kienzle(self) -> Kienzle:
        """The material's constants for this kind of cutting.

        Raises:
            ValueError: if the library has none.
        """
        found = material(self.material)
        pair = found.turning if self.kind == "turning" else found.milling
        if pair is None:
            raise ValueError(f"material {self.material!r}: no constants for {self.kind}")
        return pair

    @property
    def axis(self) -> int:
        """Along which heat counts: x of a lathe, y of a machining centre."""
        return 0 if self.kind == "turning" else 1

    @property
    def sides(self) -> float:
        """What happens at the edge counts twice on a diameter, once on a wall."""
        return 2.0 if self.kind == "turning" else 1.0


def names() -> tuple[str, ...]:
    """Names of the processes."""
    return data.names("processes")


@cache
def process(name: str) -> Process:
    """The process of that name.

    Raises:
        ValueError: if there is none, or its file is wrong; one line that says where.
    """
    read = data.read("processes", name)
    content = read.content
    if isinstance(content, dict):
        content = content | {"name": name, "sha256": read.sha256}
    return record(Process, content, read.source)
