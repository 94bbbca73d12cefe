"""The cell: built in a World for what an episode draws, advanced by control periods, read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import mul
from typing import Any

from envs.cell import level_reach, plate
from envs.cell.cut import Cut
from envs.cell.draw import Candidate, Draw
from envs.cell.furnish import furnish, mounted
from envs.cell.layout import CAMERAS, LEVEL_CAMERAS, POSTS, TABLE_Y_M, Layout
from envs.cell.look import livery, painted
from envs.cell.part_state import PartState as PartState
from envs.cell.parts import COLOURS, PartType
from envs.cell.seating import sensed_gap_m, upright
from envs.cell.stations import STATIONS
from envs.ledger import Ledger
from robots.arm import Arm, HandState
from robots.gauge import Gauge
from robots.gripper import GripperSpec
from robots.machine_body import JAWS_OPEN_M, MachineSpec
from robots.machine_tool import MachineState, MachineTool
from robots.plc import Plc
from robots.scene_types import CameraSpec, Light, Surface
from robots.spec import ZERO, ArmSpec, Vec3
from robots.workholding import Clamp
from robots.world import World

# The part's own friction; the finger's is chosen so that the product is the drawn combined value.
PART_FRICTION = 0.5
STILL_RAD_S = 0.05
# What arm and hand must not touch.
FIXTURES = frozenset(("tray", "table", "floor", "machine", "chuck", "vise", "door", *STATIONS, *plate.BODIES))
CLEAR_OF_GAUGE_M = 0.035
# Where a tool is tilted, before the front of a machine with a level spindle.
BEFORE_DOOR_M = 0.11
# What stands, turned by a quarter about -y: `laid` as a quaternion.
LYING = (0.0, -math.sqrt(0.5), 0.0, math.sqrt(0.5))
# How far the table reaches along y where stations stand on it.
WIDE_TABLE_Y_M = 0.42


class NotFinite(ArithmeticError):
    """The engine gave a number that is not finite; only a rebuild heals that."""


@dataclass(slots=True)
class Snapshot:
    """The cell after a control step, true values; only tasks and privileged agents see it whole."""

    time_s: float
    hand: HandState
    command_m: Vec3
    command_yaw_rad: float
    closed: bool
    parts: list[PartState]
    held: bool
    gripped: bool
    machine: MachineState | None
    costs: dict[str, float]
    measured_mm: float
    power_w: float
    energy_j: float
    command_tilt_rad: float = 0.0
    command_pan_rad: float = 0.0


@dataclass
class Cell:
    """One cell in one World: built anew for each episode, then advanced by control periods."""

    world: World
    arm_spec: ArmSpec
    gripper: GripperSpec
    machine_spec: MachineSpec | None
    station_names: tuple[str, ...] = ()
    commanded: bool = False
    layout: Layout = field(default_factory=Layout)
    hz: int = 20

    def __post_init__(self) -> None:
        rate = self.world.engine.rate_hz
        if rate % self.hz:
            raise ValueError(f"physics rate_hz {rate}: must be a multiple of the control rate {self.hz}")
        self.substeps = rate // self.hz
        self.period_s = 1.0 / self.hz
        self.ledger = Ledger()
        self.time_s, self.energy_j = 0.0, 0.0
        self.layout = replace(self.layout, base_m=self.arm_spec.mount_m)
        self.level = self.machine_spec is not None and self.machine_spec.level
        if self.machine_spec is not None and self.level:
            door_x_m = self.machine_spec.front_x_m - BEFORE_DOOR_M
            self.layout = replace(self.layout, door_x_m=door_x_m, travel_z_m=self.machine_spec.chuck_m[2])
            level_reach.check(self.arm_spec, self.gripper, self.machine_spec, self.layout)
        self._usual = self.layout

    # -- building ---------------------------------------------------------------------------------
    def build(self, draw: Draw) -> None:
        """Builds the episode's scene from nothing, near things first: the renderer draws in that order.

        Raises:
            Unreachable: if the arm cannot reach the start pose.
        """
        world, self.draw, self.layout = self.world, draw, draw.layout
        world.rebuild()
        self.ledger, self.time_s, self.energy_j = Ledger(), 0.0, 0.0
        self.cut = self._cut_of(draw)
        self._build_arm(draw)
        self._build_parts(draw)
        self.machine: MachineTool | None = None
        if self.machine_spec is not None:
            self._build_machine(self.machine_spec, draw)
        for name in self.station_names:
            x, y, _ = STATIONS[name].place_m(draw.chuck_offset_m)
            for body, shapes in STATIONS[name].bodies(name, draw.hole_m).items():
                world.add_fixed(body, shapes, Surface(0.4), xyz_m=(x, y, 0.0))
        back_m = WIDE_TABLE_Y_M if self.station_names else TABLE_Y_M[1]
        furnish(world, draw.layout, draw.look, back_m, alone=self.machine_spec is None)
        self.gauge: Gauge | None = None
        if "gauge" in self.station_names:
            self.gauge = Gauge(STATIONS["gauge"].within_m, draw.gauge_error_um)
        world.lull()
        self._was_held = False
        self._refused, self.peak_force_n, self.measured_mm = 0, 0.0, 0.0
        self._poses = world.poses(self.bodies)
        pairs = zip(self.kinds, self._poses, strict=True)
        self._parts = [PartState.of(kind, *at, level=self.level) for kind, at in pairs]
        self._seats = self._sensed(self._parts)

    def _cut_of(self, draw: Draw) -> Cut | None:
        """What the machine's cycle does to the named part, where that is simulated."""
        if draw.cut is None:
            return None
        named, (seed, nominal) = draw.candidates[0], draw.cut
        cut = Cut(1e3 * named.kind.grip_across_m, 1e3 * named.oversize_m, seed, nominal=nominal)
        cut.begin(self.ledger)
        return cut

    def _build_arm(self, draw: Draw) -> None:
        grip = replace(
            self.gripper,
            pad_friction=draw.finger_friction / PART_FRICTION,
            force_n=self.gripper.force_n * draw.grip_share,
        )
        self.arm = Arm(self.world, painted(self.arm_spec, draw.look.arm), grip, self.layout.base_m)
        down = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0)
        self.arm.place(self.arm.solve(draw.start_m, down))

    @staticmethod
    def _set_up(machine_spec: MachineSpec, draw: Draw) -> MachineSpec:
        """The machine with its jaws set up for the named part, in its paint."""
        named = draw.candidates[0] if draw.candidates else None
        radius = named.kind.chuck_across_m / 2 + JAWS_OPEN_M if named else 0.022
        spec = livery(machine_spec, draw.look.machine)
        return replace(spec, jaw_radius_m=radius, jaw_wear_m=draw.jaw_wear_m)

    def _build_machine(self, machine_spec: MachineSpec, draw: Draw) -> None:
        """The machine; clamped on the named part where it starts there."""
        named, spec = draw.candidates[0] if draw.candidates else None, self._set_up(machine_spec, draw)
        if self.cut is not None:
            spec = replace(spec, cycle_s=self.cut.cycle_s)
        self.machine = MachineTool(self.world, spec, self._notice, draw.chuck_offset_m)
        if named is not None and named.slot == 0:
            self.machine.begin_holding(self.bodies[0], named.across_m)
        if spec.door_drive == "hand":
            self.machine.leave_door(draw.door_ajar_m, draw.door_friction_n)
        if draw.chip is not None:
            self.machine.add_chip(draw.chip)
        if draw.door_closed:
            self.machine.begin_closed()
        self.plc = Plc(self.machine, commanded=self.commanded)
        self._asked = "none"

    def _start_m(self, candidate: Candidate, draw: Draw) -> Vec3:
        """Middle of a part's bottom at the start."""
        if candidate.slot or self.machine_spec is None:
            return candidate.at_m
        spec = self._set_up(self.machine_spec, draw)
        (x, y, z), (dx, dy, dz) = spec.seated_m(candidate.across_m), draw.chuck_offset_m
        return (x + dx, y + dy, z + dz)

    def _build_parts(self, draw: Draw) -> None:
        self.bodies: list[int] = []
        self.kinds: list[PartType] = []
        for k, c in enumerate(draw.candidates):
            half = c.yaw_rad / 2
            link = c.kind.link(COLOURS[c.colour], c.oversize_m, c.mass_ratio)
            x, y, z = self._start_m(c, draw)
            at = (x, y, z + c.kind.height_m / 2)
            quat = (0.0, 0.0, math.sin(half), math.cos(half))
            if self.level and not c.slot:  # it lies in the chuck
                at, quat = (x - c.kind.height_m / 2, y, z), LYING
            # Spinning friction stands for the width of a pad's or jaw's contact patch.
            surface = Surface(PART_FRICTION, 0.005)
            self.bodies.append(self.world.add_part(f"part_{k}", link, at, quat, surface))
            self.kinds.append(c.kind)
            self.ledger.append(
                0.0,
                "part_arrived",
                f"part_{k}",
                family=c.kind.family,
                size=c.kind.size,
                colour=c.colour,
            )

    def _notice(self, what: str, name: str, data: dict[str, Any]) -> None:
        """Writes down what the machine says."""
        time, ledger = self.time_s, self.ledger
        if what == "execution":
            ledger.append(time, data["state"], "machine")
            if self.cut is not None and self.machine is not None:
                part = upright(self.machine.spec, self._parts[0])
                self.cut.follow(ledger, time, data["state"], part.run_out_m(self.machine.spec.chuck_m))
        elif what == "chuck":
            kind = {"OPEN": "chuck_open", "SOFT": "chuck_soft_clamped", "HARD": "chuck_clamped"}[
                data["clamp"]
            ]
            ledger.append(time, kind, "machine")
        elif what == "door":
            ledger.append(time, "request", "door", target=data["target"])
        else:
            ledger.append(time, "interlock" if name == "interlock" else "alarm", "machine", name=name, **data)

    # -- running ----------------------------------------------------------------------------------
    def advance(self, q_target: Sequence[float], close: bool) -> bool:
        """One control period; False where a limit of the arm shortened the move."""
        arm = self.arm
        if close != arm.closed:
            arm.grip(close=close)
        whole = arm.move(q_target, self.substeps)
        self.time_s += self.period_s
        return whole

    def ask(self, what: str) -> None:
        """Asks the machine for something, once for as long as it is asked for."""
        if what != self._asked and what != "none" and self.machine is not None:
            self.plc.ask(what)
        self._asked = what

    def snapshot(self, command_m: Vec3, command_yaw_rad: float) -> Snapshot:
        """Reads everything, lets the machine sense and its PLC scan.

        Raises:
            NotFinite: where the engine has lost the arm or a part.
        """
        arm = self.arm
        hand = arm.read()
        parts = self._part_states()
        power = sum(map(abs, map(mul, hand.torque_joint_nm, hand.dq_rad_s)))
        if not power < math.inf:
            raise NotFinite("the arm's joints are not finite")
        self.energy_j += power * self.period_s
        # What a gripper's own sensors tell: told to close, stalled, and not at an end stop.
        gripped = arm.closed and arm.stalled and 0.004 < hand.opening_m < 2 * self.gripper.stroke_m - 0.004
        held = (gripped or self._was_held) and arm.closed and bool(parts) and self._holds(hand, parts[0])
        if held != self._was_held:
            self._was_held = held
            self.ledger.append(self.time_s, "part_grasped" if held else "part_released", "part_0")
        state = self._scan_machine(self.machine, hand, gripped) if self.machine is not None else None
        collided = not self.world.touched(arm.body).isdisjoint(FIXTURES)
        if collided:
            self.ledger.append(self.time_s, "collision", "arm")
        self.peak_force_n = max(self.peak_force_n, math.hypot(*hand.force_n))
        costs = {"collision": float(collided), "interlock": self._newly_refused()}
        return Snapshot(
            self.time_s,
            hand,
            command_m,
            command_yaw_rad,
            arm.closed,
            parts,
            held,
            gripped,
            state,
            costs,
            self._measure(hand, parts[0]) if self.gauge is not None else 0.0,
            power,
            self.energy_j,
        )

    def _measure(self, hand: HandState, part: PartState) -> float:
        """The gauge's reading of the named part, 0 where there is none."""
        gauge, at = self.gauge, STATIONS["gauge"].at_m
        assert gauge is not None
        off = math.hypot(part.bottom_m[0] - at[0], part.bottom_m[1] - at[1])
        size_mm = 1e3 * (part.kind.grip_across_m + self.draw.candidates[0].oversize_m)
        if self.cut is not None and self.cut.result is not None:
            size_mm = self.cut.result.size_mm
        clear = math.dist(hand.position_m, part.grip_m) > CLEAR_OF_GAUGE_M
        gap = part.bottom_m[2] - at[2]
        if gauge.sense(off, gap, size_mm, clear=clear, period_s=self.period_s):
            self.measured_mm = gauge.reading_mm
            self.ledger.append(self.time_s, "measurement", "part_0", size_mm=gauge.reading_mm)
        return gauge.reading_mm

    def _newly_refused(self) -> float:
        """Requests that interlocks refused since this was asked last."""
        before, self._refused = self._refused, self.machine.refused if self.machine is not None else 0
        return float(self._refused - before)

    def _part_states(self) -> list[PartState]:
        """The parts now; what has not moved since is not worked out again, and is the same object."""
        before, poses = self._poses, self.world.poses(self.bodies)
        if poses != before:
            parts = self._parts.copy()
            for k, at in enumerate(poses):
                if at != before[k]:
                    if not math.isfinite(sum(at[0])):
                        raise NotFinite(f"the position of part_{k} is not finite")
                    parts[k] = PartState.of(self.kinds[k], *at, level=self.level)
            self._poses, self._parts, self._seats = poses, parts, self._sensed(parts)
        return self._parts

    def _holds(self, hand: HandState, part: PartState) -> bool:
        near = math.dist(hand.position_m, part.grip_m) < 0.015
        return near and abs(hand.opening_m - part.kind.grip_across_m) < 0.003

    def _sensed(self, parts: list[PartState]) -> list[tuple[float, float]]:
        """What the machine's sensors tell of each part near its seat: gap, and distance in the plane (m)."""
        if self.machine is None:
            return []
        spec, seats = self.machine.spec, []
        cx, cy, _ = spec.chuck_m
        for k, part in enumerate(parts):
            p = upright(spec, part) if self.level else part
            x, y, _ = p.bottom_m
            if abs(x - cx) < 0.02:
                across_m = self.draw.candidates[k].across_m
                seats.append((sensed_gap_m(spec, p, across_m), math.hypot(x - cx, y - cy)))
        return seats

    def _scan_machine(self, machine: MachineTool, hand: HandState, gripped: bool) -> MachineState:
        machine.sense(self._seats, self.reaches_in(hand), self.period_s)
        still = max(map(abs, hand.dq_rad_s)) < STILL_RAD_S
        self.plc.scan(still, not self.arm.closed and hand.opening_m > 0.072, gripped, self.period_s)
        return machine.state()

    def reaches_in(self, hand: HandState) -> bool:
        """Whether hand, flange or wrist are behind the plane of the door."""
        if self.machine_spec is None:
            return False
        r, tool = hand.rotation, self.arm.gripper.tcp_m
        foremost = max(hand.position_m[0], hand.position_m[0] - (tool + 0.08) * r[2])
        return foremost + 0.06 > self.machine_spec.front_x_m - 0.028

    def finish(self, success: bool) -> None:
        """Closes the episode's books."""
        self.ledger.append(self.time_s, "energy", "arm", energy_j=self.energy_j)
        self.ledger.append(self.time_s, "success" if success else "failure", "episode")

    # -- cameras ----------------------------------------------------------------------------------
    @property
    def usual_layout(self) -> Layout:
        """Where things stand in this cell unless an episode moves them."""
        return self._usual

    @property
    def cameras(self) -> dict[str, CameraSpec]:
        """The cameras by name, as they usually stand."""
        return LEVEL_CAMERAS if self.level else CAMERAS

    def camera_spec(self, name: str, *, true: bool) -> CameraSpec:
        """A camera by name: where it truly is in this episode, or where the cell believes it to be."""
        draw, k = self.draw, list(self.cameras).index(POSTS.get(name, name))
        follows = name == "tray"  # it is aimed at the tray, wherever that is
        aim = (
            [a - b for a, b in zip(draw.layout.tray_m, self._usual.tray_m, strict=True)] if follows else ZERO
        )
        off = draw.camera_offset_m[k] if true else ZERO
        return mounted(self.cameras[name], draw.look.cameras[k], (aim[0], aim[1], 0.0), off)

    @property
    def light(self) -> Light:
        """The light of this episode."""
        return self.draw.look.light

    def seated(self) -> bool:
        """Whether the workholding holds hard."""
        return self.machine is not None and self.machine.grip == Clamp.HARD
