"""The blocks of a shift's file: hours, cell, orders, people, breakdowns, disturbances, times of work.

Times of people's work are triangular: least, usual, most. Each block of numbers says where it is from:
`source`, and `standing`, S for seen in a source, C for computed from one, M for memory of the trade (an
estimate).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from configs.figures import within
from configs.records import unknown
from envs.machining.spec import Sourced

STRONGEST = 5
KNOWN = ("taught", "size", "geometry", "family")
# Of these, what looks like nothing that was programmed or shown before.
NOVEL = ("geometry", "family")


@dataclass(frozen=True, kw_only=True)
class Block:
    """Hours worked in one go.

    Attributes:
        hours: How long, 0.1 to 24.
        manned: Whether operators are on duty; at night nobody is.
        gap_h: Hours of rest after it, outside the planned operation time.
    """

    hours: float
    manned: bool = True
    gap_h: float = 0.0

    def __post_init__(self) -> None:
        within("hours", self.hours, 0.1, 24.0)
        within("gap_h", self.gap_h, 0.0, 168.0)


@dataclass(frozen=True, kw_only=True)
class Cell(Sourced):
    """The cell: places, and times and powers of what the robot and the machine do by themselves.

    Attributes:
        infeed_places: Blanks that the infeed tray holds.
        blanks_low: So many left, or fewer, and dispatch is asked.
        sister_tools: Sister tools in the turret when it is full, beside the edge at work.
        quick_change: Whether jaws are changed by a quick-change system.
        heeds_doubts: Whether a part is left where who handles doubts that it is the one meant, and another
            order's lies beside.
        automatic_rezero: Whether the robot can find the fixture's zero by itself.
        gauge: Whether there is a gauge that the robot can use.
        door_s: To open or to close the machine's door.
        gauge_s: To gauge a part; the machine may cut meanwhile.
        air_blow_s: To blow seat and jaws clean.
        sister_tool_s: To swing in a sister tool.
        rezero_min: For the robot to find the fixture's zero.
        standby_wake_s: Until the machine is ready again after standby.
        robot_w: Robot and its controller, besides what the arm moves.
        blow_nm3: Compressed air of a blow (norm cubic metres).
        cameras_w: Cameras and light.
    """

    infeed_places: int
    blanks_low: int
    sister_tools: int
    quick_change: bool
    heeds_doubts: bool
    automatic_rezero: bool
    gauge: bool
    door_s: float
    gauge_s: float
    air_blow_s: float
    sister_tool_s: float
    rezero_min: float
    standby_wake_s: float
    robot_w: float
    blow_nm3: float
    cameras_w: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within("infeed_places", self.infeed_places, 1, 10_000)
        within("blanks_low", self.blanks_low, 0, self.infeed_places)
        within("sister_tools", self.sister_tools, 0, 100)
        for field in fields(self):
            if field.name.endswith(("_s", "_min", "_w", "_nm3")):
                within(field.name, getattr(self, field.name))


@dataclass(frozen=True, kw_only=True)
class WorkTime(Sourced):
    """Minutes that a person's work takes: least, usual, most, as a triangular distribution."""

    least_min: float
    usual_min: float
    most_min: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within("least_min", self.least_min)
        within("usual_min", self.usual_min, self.least_min)
        within("most_min", self.most_min, self.usual_min)

    def at(self, share: float) -> float:
        """Return the minutes below which a share of all such work is done."""
        low, mode, high = self.least_min, self.usual_min, self.most_min
        if high == low:
            return low
        knee = (mode - low) / (high - low)
        if share < knee:
            return low + (share * (high - low) * (mode - low)) ** 0.5
        return high - ((1.0 - share) * (high - low) * (high - mode)) ** 0.5


@dataclass(frozen=True, kw_only=True)
class Work:
    """What takes a person, and how long; see `configs/shift/default.yaml` for the sources."""

    load_by_hand: WorkTime
    unload_by_hand: WorkTime
    measure_by_hand: WorkTime
    reset: WorkTime
    clear_jam: WorkTime
    chip_nest: WorkTime
    rezero: WorkTime
    index_edge: WorkTime
    preset_tools: WorkTime
    service: WorkTime
    diagnosis: WorkTime
    crash: WorkTime
    refill_tray: WorkTime
    rework_part: WorkTime
    watched_cycle: WorkTime
    jaws: WorkTime
    jaws_quick: WorkTime
    fingers: WorkTime
    tools: WorkTime
    prove_out: WorkTime
    first_article: WorkTime
    clear_chips: WorkTime
    teach_taught: WorkTime
    teach_size: WorkTime
    teach_geometry: WorkTime
    teach_family: WorkTime

    def named(self, name: str) -> WorkTime:
        """Return a kind of work by name.

        Raises:
            ValueError: for a name that is not there, with the nearest that is.
        """
        known = {f.name for f in fields(self)}
        if name not in known:
            raise unknown("work", name, known)
        found: WorkTime = getattr(self, name)
        return found

    @property
    def usual_min(self) -> dict[str, float]:
        """Usual minutes by kind of work."""
        return {f.name: getattr(self, f.name).usual_min for f in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Rest:
    """A break: when it begins, how long it is, and whether it is paid."""

    at_h: float
    minutes: float
    paid: bool

    def __post_init__(self) -> None:
        within("at_h", self.at_h, 0.0, 24.0)
        within("minutes", self.minutes, 0.0, 240.0)


@dataclass(frozen=True, kw_only=True)
class People(Sourced):
    """Operators and what they are shared by.

    Attributes:
        operators: On duty in a manned block; 0 is nobody.
        machines_per_operator: Cells that each looks after; all of them call at this cell's own rate.
        absence: Chance that an operator is not there on a day.
        skill: Time that work takes against the file's: 1 is usual, below is faster.
        walk_min: To a cell that calls.
        allowance: Of hand work, on top of its time.
        hand_error: Chance that a part loaded by hand is not seated.
        wrong_part: Chance that by hand the wrong part is loaded.
        others_per_h: Calls an hour of another cell, until this cell's own rate is known.
        others_min: Minutes of such a call, likewise.
        rests: Breaks in a manned block.
    """

    operators: int
    machines_per_operator: int
    absence: float
    skill: float
    walk_min: float
    allowance: float
    hand_error: float
    wrong_part: float
    others_per_h: float
    others_min: float
    rests: tuple[Rest, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        within("operators", self.operators, 0, 100)
        within("machines_per_operator", self.machines_per_operator, 1, 100)
        for name in ("absence", "hand_error", "wrong_part"):
            within(name, getattr(self, name), 0.0, 1.0)
        within("skill", self.skill, 0.3, 3.0)
        within("allowance", self.allowance, 0.0, 1.0)
        within("walk_min", self.walk_min, 0.0, 60.0)
        within("others_per_h", self.others_per_h, 0.0, 60.0)
        within("others_min", self.others_min, 0.0, 600.0)


@dataclass(frozen=True, kw_only=True)
class PartType:
    """A part that is ordered.

    Attributes:
        name: Of the type.
        family: Of `configs/parts`, as the robot handles it.
        size: "small", "medium" or "large".
        process: A process of `configs/processes` whose part is replaced by the figures below.
        size_mm: What counts.
        length_mm: Of all cuts together.
        stock_mm: To be cut off.
        tolerance_um: On the size, either way.
        ra_limit_um: On the roughness.
        runout_limit_mm: On the total run-out.
        blank_kg: Mass of a blank.
        chips_kg: Of it that becomes chips.
        known: How much of it was programmed before: one of `KNOWN`.
    """

    name: str
    family: str
    size: str
    process: str
    size_mm: float
    length_mm: float
    stock_mm: float
    tolerance_um: float
    ra_limit_um: float
    runout_limit_mm: float
    blank_kg: float
    chips_kg: float
    known: str = "taught"

    def __post_init__(self) -> None:
        if self.known not in KNOWN:
            raise ValueError(f"known is {self.known!r}: allowed are {', '.join(KNOWN)}")
        for field in fields(self):
            if isinstance(getattr(self, field.name), float):
                within(field.name, getattr(self, field.name), above=True)
        within("chips_kg", self.chips_kg, 0.0, self.blank_kg)


@dataclass(frozen=True, kw_only=True)
class Orders(Sourced):
    """What is ordered.

    Attributes:
        lot_size: Good parts of an order, on average; 1 to 10,000.
        load: Planned run time of the orders that come, as a share of the hours.
        slack_h: From release until due, beside twice the planned run time.
        rush_share: Share of orders that are due in `rush_h`, at strength 0 of the factor.
        rush_h: How soon a rush order is due, beside its planned run time.
        new_types_per_week: Part types a week of five shifts that nobody has programmed, likewise.
        new_kinds: Shares of these that are a size of a known family, a new geometry, the first of a family.
        backlog_eur: Charged for each part that is due and not made at the end.
        types: Part types that are ordered, each as often.
    """

    lot_size: int
    load: float
    slack_h: float
    rush_share: float
    rush_h: float
    new_types_per_week: float
    new_kinds: tuple[float, float, float]
    backlog_eur: float
    types: tuple[PartType, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        within("lot_size", self.lot_size, 1, 10_000)
        within("load", self.load, 0.0, 5.0, above=True)
        within("rush_share", self.rush_share, 0.0, 1.0)
        for name in ("slack_h", "rush_h", "new_types_per_week", "backlog_eur"):
            within(name, getattr(self, name))
        if abs(sum(self.new_kinds) - 1.0) > 1e-9 or min(self.new_kinds) < 0.0:
            raise ValueError(f"new_kinds is {self.new_kinds}: allowed are three shares that make 1")
        if not self.types:
            raise ValueError("types is empty: allowed are one or more part types")
        if len({t.name for t in self.types}) < len(self.types):
            raise ValueError("types has a name twice: allowed is each once")


@dataclass(frozen=True, kw_only=True)
class Breakdowns(Sourced):
    """Failures of machine, robot and sensors at strength 0 of their factors.

    Attributes:
        machine_mtbf_h: Mean running hours between failures of the machine tool, exponential.
        machine_mttr_h: Mean hours to repair it, lognormal.
        part_share: Share of these that wait for a spare part.
        part_wait_h: Least and most hours of that wait.
        robot_mtbf_h: Of robot and gripper, in hours that they handle or wait for a cut that they loaded.
        robot_mttr_min: Mean minutes to repair them.
        sensor_mtbf_h: Of a sensor's alarm, true or false, in hours of cutting: minor stops.
        crash_eur: Least and most cost of a crash.
    """

    machine_mtbf_h: float
    machine_mttr_h: float
    part_share: float
    part_wait_h: tuple[float, float]
    robot_mtbf_h: float
    robot_mttr_min: float
    sensor_mtbf_h: float
    crash_eur: tuple[float, float]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("machine_mtbf_h", "machine_mttr_h", "robot_mtbf_h", "robot_mttr_min", "sensor_mtbf_h"):
            within(name, getattr(self, name), above=True)
        within("part_share", self.part_share, 0.0, 1.0)
        for name in ("part_wait_h", "crash_eur"):
            low, high = getattr(self, name)
            within(name, high, within(name, low))


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """Strength of each disturbance, 0 to 5; `configs/shift/disturbances.yaml` says what each does."""

    blank_pose: int = 0
    blank_size: int = 0
    hardness: int = 0
    fixture_offset: int = 0
    oil_film: int = 0
    camera: int = 0
    chips: int = 0
    tool_scatter: int = 0
    breakage: int = 0
    heat: int = 0
    machine_faults: int = 0
    robot_faults: int = 0
    sensor_faults: int = 0
    new_types: int = 0
    rush_orders: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= STRONGEST:
                raise ValueError(f"strength of {field.name} is {value!r}: allowed are 0 to {STRONGEST}")


FACTORS: tuple[str, ...] = tuple(f.name for f in fields(Strengths))
