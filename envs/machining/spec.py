"""What a material and a machine are: frozen and checked when made; each block names its source."""

from __future__ import annotations

from dataclasses import dataclass

from envs.machining._check import choice, within
from envs.machining.chatter import Mode

Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Sourced:
    """A block of numbers that come from one place."""

    source: str
    standing: str

    def __post_init__(self) -> None:
        choice("standing", self.standing, ("S", "C", "M"))


@dataclass(frozen=True, kw_only=True)
class Kienzle(Sourced):
    """kc1.1 and mc of a process, and the vendor's table of kc (N/mm2) over feed (mm) that they stand for."""

    kc11: float
    mc: float
    feeds_mm: tuple[float, ...]
    kc: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        within("kc11", self.kc11, 50.0, 10_000.0)
        within("mc", self.mc, 0.0, 0.6)
        within("feeds_mm", self.feeds_mm, 0.001, 20.0)
        within("kc", self.kc, 50.0, 100_000.0)
        if len(self.kc) != len(self.feeds_mm):
            raise ValueError(f"kc has {len(self.kc)} values: allowed is one for each of feeds_mm")


@dataclass(frozen=True, kw_only=True)
class Physical(Sourced):
    """What a material is, whatever is done to it."""

    density_kg_m3: float
    expansion_1_k: float
    youngs_gpa: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within("density_kg_m3", self.density_kg_m3, 500.0, 25_000.0)
        within("expansion_1_k", self.expansion_1_k, 1e-7, 1e-4)
        within("youngs_gpa", self.youngs_gpa, 1.0, 1_000.0)


@dataclass(frozen=True, kw_only=True)
class Material:
    """A workpiece material; a process without a pair was not in the vendor's tables."""

    label: str
    iso_513: str
    vdi_3323: int
    physical: Physical
    hardness_hb: float | None = None
    tensile_mpa: float | None = None
    turning: Kienzle | None = None
    milling: Kienzle | None = None

    def __post_init__(self) -> None:
        choice("iso_513", self.iso_513, ("P", "M", "K", "N", "S", "H"))
        within("vdi_3323", self.vdi_3323, 1, 41)
        if self.turning is None and self.milling is None:
            raise ValueError("turning and milling are both missing: allowed is at least one")


@dataclass(frozen=True, kw_only=True)
class Spindle(Sourced):
    """The main drive; `efficiency` is power at the edge over power from the line."""

    min_rpm: float
    max_rpm: float
    power_kw: float
    torque_nm: float
    efficiency: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within("max_rpm", self.max_rpm, 100.0, 200_000.0)
        within("min_rpm", self.min_rpm, 0.0, self.max_rpm)
        within("power_kw", self.power_kw, 0.1, 1_000.0)
        within("torque_nm", self.torque_nm, 0.1, 1e5)
        within("efficiency", self.efficiency, 0.1, 1.0)


@dataclass(frozen=True, kw_only=True)
class StatePowers(Sourced):
    """Power of each state of `energy.STATES` in kW, before spindle, pumps and cut."""

    off: float
    standby: float
    ready: float
    warm_up: float
    processing: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within("off", self.off, 0.0, self.standby)
        within("standby", self.standby, 0.0, self.ready)
        within("ready", self.ready, 0.0, 100.0)
        within("warm_up", self.warm_up, self.ready, 100.0)
        within("processing", self.processing, self.ready, 100.0)

    def in_order(self) -> tuple[float, float, float, float, float]:
        """Return the powers in the order of `energy.STATES`."""
        return self.off, self.standby, self.ready, self.warm_up, self.processing


@dataclass(frozen=True, kw_only=True)
class Auxiliaries(Sourced):
    """Power that is switched by itself, in kW."""

    coolant: float
    chip_conveyor: float
    spindle_idle_at_max: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("coolant", "chip_conveyor", "spindle_idle_at_max"):
            within(name, getattr(self, name), 0.0, 100.0)


@dataclass(frozen=True, kw_only=True)
class HeatSource:
    """One lag: how slow, how warm under full load, and what a kelvin does along x, y and z."""

    time_constant_min: float
    full_rise_k: float
    gain_um_k: Vector

    def __post_init__(self) -> None:
        within("time_constant_min", self.time_constant_min, 0.1, 10_000.0)
        within("full_rise_k", self.full_rise_k, 0.0, 100.0)
        within("gain_um_k", self.gain_um_k, -100.0, 100.0)


@dataclass(frozen=True, kw_only=True)
class Thermal(Sourced):
    """The sources of `thermal.SOURCES`."""

    spindle: HeatSource
    feed: HeatSource
    ambient: HeatSource
    coolant: HeatSource

    def in_order(self) -> tuple[HeatSource, HeatSource, HeatSource, HeatSource]:
        """Return the sources in the order of `thermal.SOURCES`."""
        return self.spindle, self.feed, self.ambient, self.coolant

    def gains_um_k(self) -> tuple[Vector, ...]:
        """Return (axes, sources) gains for `thermal.axis_growth_um`."""
        return tuple(zip(*(source.gain_um_k for source in self.in_order()), strict=True))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Modes(Sourced):
    """Modes at the tool, along the feed and across it, as `chatter.zero_order_lobes` takes them."""

    x: tuple[Mode, ...]
    y: tuple[Mode, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for axis in ("x", "y"):
            for i, (frequency, damping, stiffness) in enumerate(getattr(self, axis)):
                within(f"{axis}[{i}] frequency_hz", frequency, 1.0, 1e5)
                within(f"{axis}[{i}] damping_ratio", damping, 1e-4, 0.5)
                within(f"{axis}[{i}] stiffness_n_m", stiffness, 1e4, 1e12)


@dataclass(frozen=True, kw_only=True)
class Accuracy(Sourced):
    """Standard deviations of the machine and of what holds the part."""

    repeatability_um: float
    workholding_um: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within("repeatability_um", self.repeatability_um, 0.0, 1_000.0)
        within("workholding_um", self.workholding_um, 0.0, 1_000.0)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine tool."""

    label: str
    kind: str
    spindle: Spindle
    power_kw: StatePowers
    auxiliaries_kw: Auxiliaries
    thermal: Thermal
    modes: Modes
    accuracy: Accuracy

    def __post_init__(self) -> None:
        choice("kind", self.kind, ("lathe", "machining_centre"))
