"""A vertical turning centre: coupled three-jaw chuck, door, sensors, interlocks and its small PLC.

Words follow MTConnect: execution READY, ACTIVE, INTERRUPTED; door OPEN, UNLATCHED, CLOSED; chuck OPEN,
UNLATCHED (moving or only gently closed), CLOSED. `MachineTool` holds the hardware and refuses what is
unsafe, whoever asks; `Plc` is the program that runs it, the same for every agent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from robots.scene_types import Node, Surface
from robots.spec import Link, Shape, Vec3
from robots.world import World

REQUESTS = ("none", "clamp", "unclamp", "close door", "open door", "blow", "cycle start")
Notice = Callable[[str, str, dict[str, Any]], None]

_CAST = (0.80, 0.82, 0.84, 1.0)
_SKIN = (0.93, 0.94, 0.95, 1.0)
_TRIM = (0.13, 0.33, 0.53, 1.0)
_DARK = (0.20, 0.22, 0.25, 1.0)
_STEEL = (0.53, 0.55, 0.58, 1.0)
_JAW = (0.36, 0.38, 0.42, 1.0)


class Clamp(IntEnum):
    """What the chuck's valve was told."""

    OPEN = 0
    SOFT = 1
    HARD = 2


@dataclass(frozen=True)
class MachineSpec:
    """A vertical turning centre, chuck axis up, in world coordinates.

    `chuck_m` is the middle of the seat (back stop). `jaw_radius_m` is where the jaw faces stand open: the
    jaws are set up for the job, `jaw_clearance_m` outside the part, and travel `jaw_stroke_m` inwards.
    """

    chuck_m: Vec3 = (0.50, 0.0, 0.16)
    jaw_radius_m: float = 0.022
    jaw_stroke_m: float = 0.0035
    jaw_height_m: float = 0.016
    jaw_width_m: float = 0.014
    jaw_friction: float = 0.30
    seat_friction: float = 0.30
    soft_force_n: float = 15.0
    hard_force_n: float = 80.0
    wedge_force_n: float = 2000.0
    jaw_speed_m_s: float = 0.015
    press_speed_m_s: float = 0.001
    door_speed_m_s: float = 0.30
    cycle_s: float = 20.0
    front_x_m: float = 0.355

    def __post_init__(self) -> None:
        if not 0.002 <= self.jaw_stroke_m <= 0.004:
            raise ValueError(f"jaw_stroke_m {self.jaw_stroke_m}: allowed are 0.002 to 0.004")
        if not 0.0 < self.soft_force_n < self.hard_force_n:
            raise ValueError("soft_force_n must be positive and below hard_force_n")


@dataclass(frozen=True, slots=True)
class MachineState:
    """What the machine's sensors say, as the robot controller reads it."""

    execution: str
    door: str
    chuck: str
    clamp: Clamp
    part_present: bool
    seat_ok: bool
    alarm: str
    cycle_left_s: float


DOOR_TRAVEL_M = 0.40
OPENING_Y_M = 0.19
SEAT_SENSOR_M = 0.0001
PRESENT_SENSOR_M = 0.003
_PRESENT_RADIUS_M = 0.012


def _frame(spec: MachineSpec) -> tuple[Shape, ...]:
    """Column, bed and front of the machine; its windows collide but are not drawn (they are glass)."""
    (cx, cy, cz), fx = spec.chuck_m, spec.front_x_m
    y, back, top = 0.36, 0.80, 0.72

    def box(
        size: Vec3,
        at: Vec3,
        rgba: tuple[float, float, float, float],
        *,
        glass: bool = False,
        solid: bool = True,
    ) -> Shape:
        return Shape("box", size, (at[0], at[1] + cy, at[2]), rgba=rgba, visible=not glass, collides=solid)

    deep, mid = back - fx, (back + fx) / 2
    side = y - OPENING_Y_M
    parts = [
        box((deep, 2 * y, 0.05), (mid, 0, 0.025), _CAST),
        box((0.04, 2 * y, top), (back, 0, top / 2), _SKIN),
        box((0.20, 0.22, 0.14), (back - 0.12, 0, 0.62), _CAST, solid=False),
        box((0.06, 0.06, 0.16), (back - 0.14, 0, 0.50), _STEEL, solid=False),
        box((0.02, 2 * y, 0.07), (fx, 0, top - 0.035), _TRIM),
        box((0.02, 2 * y, 0.06), (fx, 0, 0.03), _TRIM),
        box((deep, 0.02, 0.05), (mid, y, top - 0.025), _TRIM, solid=False),
        box((deep, 0.02, 0.05), (mid, -y, top - 0.025), _TRIM, solid=False),
        box((deep, 0.02, 0.08), (mid, y, 0.09), _SKIN, solid=False),
        box((deep, 0.02, 0.08), (mid, -y, 0.09), _SKIN, solid=False),
    ]
    for s in (1, -1):
        parts += [
            box(
                (0.02, side, top - 0.13),
                (fx, s * (OPENING_Y_M + side / 2), (top - 0.01) / 2),
                _SKIN,
                glass=True,
            ),
            box((deep, 0.02, top), (mid, s * y, top / 2), _SKIN, glass=True),
            box((0.03, 0.03, top), (fx, s * (y - 0.01), top / 2), _SKIN, solid=False),
            box((0.03, 0.03, top), (back - 0.03, s * (y - 0.01), top / 2), _SKIN, solid=False),
            box(
                (0.015, 0.02, top - 0.13),
                (fx, s * (OPENING_Y_M + 0.01), (top - 0.01) / 2),
                _TRIM,
                solid=False,
            ),
        ]
    # The seat is a flat plate: the part's bottom bears on it, as on a chuck's stop pads.
    parts += [
        Shape(
            "cylinder",
            (0.105, cz - 0.075),
            (cx, cy, 0.05 + (cz - 0.075) / 2),
            rgba=_DARK,
            collides=False,
        ),
        Shape("cylinder", (0.090, 0.030), (cx, cy, cz - 0.0160), rgba=_STEEL, collides=False),
        Shape(
            "box",
            (0.18, 0.18, cz - 0.06),
            (cx, cy, cz - (cz - 0.06) / 2),
            rgba=_STEEL,
            visible=False,
        ),
        Shape("cylinder", (0.018, 0.0015), (cx, cy, cz - 0.00075), rgba=_DARK, collides=False),
    ]
    return tuple(parts)


def _nodes(spec: MachineSpec) -> list[Node]:
    cx, cy, cz = spec.chuck_m
    depth, lift = 0.030, 0.0008
    jaw = Link(
        0.6,
        (depth / 2, 0.0, spec.jaw_height_m / 2),
        (
            Shape(
                "box",
                (depth, spec.jaw_width_m, spec.jaw_height_m - lift),
                (depth / 2, 0.0, (spec.jaw_height_m + lift) / 2),
                rgba=_JAW,
            ),
            Shape("box", (0.030, 0.024, 0.010), (0.043, 0.0, 0.005), rgba=_JAW, collides=False),
        ),
    )
    nodes = []
    for k in range(3):
        angle = 2.0 * math.pi * k / 3.0
        c, s = math.cos(angle), math.sin(angle)
        at = (cx + spec.jaw_radius_m * c, cy + spec.jaw_radius_m * s, cz)
        nodes.append(
            Node(
                f"jaw_{k + 1}",
                "prismatic",
                -1,
                at,
                jaw,
                axis=(-1.0, 0.0, 0.0),
                rpy_rad=(0.0, 0.0, angle),
                upper=spec.jaw_stroke_m,
                surface=Surface(spec.jaw_friction),
            )
        )
    z0, z1, width = 0.065, 0.645, 2 * OPENING_Y_M + 0.02
    handle = Shape("box", (0.02, 0.02, 0.20), (-0.02, width / 2 - 0.04, 0.0), rgba=_DARK, collides=False)
    panel = Shape("box", (0.012, width, z1 - z0), rgba=_SKIN, visible=False)
    rails = tuple(
        Shape("box", size, at, rgba=_CAST, collides=False)
        for size, at in (
            ((0.012, width, 0.05), (0.0, 0.0, (z1 - z0) / 2 - 0.025)),
            ((0.012, width, 0.10), (0.0, 0.0, -(z1 - z0) / 2 + 0.05)),
            ((0.012, 0.03, z1 - z0), (0.0, width / 2 - 0.015, 0.0)),
            ((0.012, 0.03, z1 - z0), (0.0, -width / 2 + 0.015, 0.0)),
        )
    )
    door = Link(6.0, shapes=(panel, *rails, handle))
    at = (spec.front_x_m - 0.022, cy, (z0 + z1) / 2)
    nodes.append(Node("door", "prismatic", -1, at, door, axis=(0.0, 1.0, 0.0), upper=DOOR_TRAVEL_M))
    return nodes


class MachineTool:
    """The hardware: valves, sensors and the interlocks that hold whatever anyone asks."""

    def __init__(self, world: World, spec: MachineSpec, notice: Notice):
        self.world, self.spec, self._notice = world, spec, notice
        self.body = world.add_articulated(
            "machine",
            Link(0.0, shapes=_frame(spec)),
            _nodes(spec),
            surface=Surface(spec.seat_friction),
        )
        self._jaws, self._door = (0, 1, 2), 3
        for other in (1, 2):
            world.gear(self.body, 0, other, -1.0, 20_000.0, erp=1.0)
        self.clamp = Clamp.OPEN
        self.door_target = "OPEN"
        self.execution = "READY"
        self.alarm = ""
        self.refused = 0
        self.cycle_left_s = 0.0
        self.blowing_s = 0.0
        self.arm_inside = False
        self.part_present = self.seat_ok = False
        self.travel_m = 0.0
        self.door_m = DOOR_TRAVEL_M
        world.set_joint(self.body, self._door, DOOR_TRAVEL_M)
        self._drive_door()
        self._drive_jaws()
        world.let_sleep(self.body)

    # -- valves -----------------------------------------------------------------------------------
    def _drive_jaws(self) -> None:
        spec, self._locked = self.spec, False
        force = spec.soft_force_n if self.clamp == Clamp.SOFT else spec.hard_force_n
        target = 0.0 if self.clamp == Clamp.OPEN else spec.jaw_stroke_m
        # A hard clamp on a part that the soft clamp already holds builds up pressure, not speed.
        speed = spec.press_speed_m_s if self.clamp == Clamp.HARD else spec.jaw_speed_m_s
        self.world.wake(self.body)
        for jaw in self._jaws:
            self.world.servo(self.body, jaw, target, force, speed)

    def _lock_jaws(self) -> None:
        """The wedge of a power chuck holds the jaws where they stopped, all at the same radius."""
        self._locked = True
        for jaw in self._jaws:
            self.world.servo(
                self.body, jaw, self.travel_m, self.spec.wedge_force_n, self.spec.press_speed_m_s
            )

    def _drive_door(self) -> None:
        self.world.wake(self.body)
        target = DOOR_TRAVEL_M if self.door_target == "OPEN" else 0.0
        self.world.servo(self.body, self._door, target, 150.0, self.spec.door_speed_m_s, gain=0.1)

    def set_clamp(self, clamp: Clamp) -> bool:
        """Opens or closes the chuck; refused while the spindle turns."""
        if clamp == self.clamp:
            return True
        if self.execution == "ACTIVE":
            return self._refuse("clamp", "the cycle is running")
        self.clamp = clamp
        self._drive_jaws()
        self._notice("chuck", "machine", {"clamp": clamp.name})
        return True

    def request(self, what: str) -> bool:
        """Carries out one request of `REQUESTS`; False (an alarm, counted) where an interlock refuses it.

        Raises:
            ValueError: for a request that the machine does not know.
        """
        if what not in REQUESTS:
            raise ValueError(f"machine request {what!r}: allowed are {', '.join(REQUESTS)}")
        running = self.execution == "ACTIVE"
        if what == "clamp":
            return self.set_clamp(Clamp.HARD)
        if what == "unclamp":
            return self.set_clamp(Clamp.OPEN)
        if what in ("close door", "open door"):
            if what == "close door" and self.arm_inside:
                return self._refuse(what, "the arm is inside")
            if what == "open door" and running:
                return self._refuse(what, "the cycle is running")
            target = "CLOSED" if what == "close door" else "OPEN"
            if target != self.door_target:
                self.door_target = target
                self._drive_door()
                self._notice("door", "machine", {"target": target})
        elif what == "blow":
            if running:
                return self._refuse(what, "the cycle is running")
            self.blowing_s = 0.5
        elif what == "cycle start":
            reason = self._start_blocked()
            if reason:
                return self._refuse(what, reason)
            self._execute("ACTIVE")
            self.cycle_left_s = self.spec.cycle_s
        return True

    def _start_blocked(self) -> str:
        checks = (
            (self.execution == "ACTIVE", "the cycle is running"),
            (self.clamp != Clamp.HARD, "the chuck is not clamped"),
            (not self.part_present, "no part is present"),
            (not self.seat_ok, "the part is not seated"),
            (self.door != "CLOSED", "the door is not closed"),
            (self.arm_inside, "the arm is inside"),
        )
        return next((why for blocked, why in checks if blocked), "")

    def _refuse(self, what: str, why: str) -> bool:
        self.refused += 1
        self.raise_alarm("interlock", {"request": what, "why": why})
        return False

    def raise_alarm(self, name: str, data: dict[str, Any] | None = None) -> None:
        """Shows an alarm and writes it down."""
        self.alarm = name
        self._notice("alarm", name, data or {})

    def _execute(self, state: str) -> None:
        if state != self.execution:
            self.execution = state
            self._notice("execution", "machine", {"state": state})

    # -- sensors ----------------------------------------------------------------------------------
    @property
    def door(self) -> str:
        """MTConnect door state from the door's position."""
        if self.door_m > DOOR_TRAVEL_M - 0.02:
            return "OPEN"
        return "CLOSED" if self.door_m < 0.005 else "UNLATCHED"

    @property
    def chuck(self) -> str:
        """MTConnect chuck state."""
        if self.clamp == Clamp.HARD:
            return "CLOSED"
        return "OPEN" if self.clamp == Clamp.OPEN and self.travel_m < 0.0005 else "UNLATCHED"

    def sense(self, seats: list[tuple[float, float]], arm_inside: bool, period_s: float) -> None:
        """Reads the sensors once a control period.

        Args:
            seats: (gap to the seat, radial distance from the chuck axis) of every loose part's bottom, m.
            arm_inside: whether any of the arm is behind the plane of the door.
            period_s: time since the last reading.
        """
        states = self.world.joint_states(self.body, (0, 1, 2, 3))
        before, self.travel_m = self.travel_m, (states[0][0] + states[1][0] + states[2][0]) / 3.0
        if self.clamp == Clamp.HARD and not self._locked and abs(self.travel_m - before) < 2e-5:
            self._lock_jaws()
        self.door_m = states[3][0]
        self.arm_inside = arm_inside
        if arm_inside and self.door_target == "CLOSED" and self.door != "CLOSED":
            self._refuse("close door", "the arm came inside")
            self.request("open door")
        self.part_present = self.seat_ok = False
        for gap, radius in seats:
            if radius < _PRESENT_RADIUS_M and gap < PRESENT_SENSOR_M:
                self.part_present = True
                self.seat_ok = gap <= SEAT_SENSOR_M
        self.blowing_s = max(0.0, self.blowing_s - period_s)
        if self.execution == "ACTIVE":
            if arm_inside:  # cannot happen with the door shut; a broken door stops the spindle
                self.raise_alarm("intrusion")
                self._execute("INTERRUPTED")
            self.cycle_left_s = max(0.0, self.cycle_left_s - period_s)
            if self.cycle_left_s == 0.0:
                self._execute("READY")

    def state(self) -> MachineState:
        """The signals on the robot's side of the handshake."""
        return MachineState(
            self.execution,
            self.door,
            self.chuck,
            self.clamp,
            self.part_present,
            self.seat_ok,
            self.alarm,
            self.cycle_left_s,
        )


class Plc:
    """The machine's loading program.

    - part present and arm still for `STILL_S`: close the chuck gently;
    - gripper open: clamp hard;
    - clamped but not seated for `SEAT_S`: alarm, open again, and wait until the part has been lifted out;
    - clamped, seated and arm clear: close the door; door closed: start the cycle, once for each part.
    """

    STILL_S = 0.15
    SEAT_S = 0.30

    def __init__(self, machine: MachineTool):
        self.machine = machine
        self._still_s = self._unseated_s = 0.0
        self._lift_out = self._machined = False

    @property
    def wants_removal(self) -> bool:
        """Whether a badly seated part must be lifted out before the chuck closes again."""
        return self._lift_out

    def scan(self, arm_still: bool, gripper_open: bool, period_s: float) -> None:
        """One scan, after `MachineTool.sense`."""
        m = self.machine
        self._still_s = self._still_s + period_s if arm_still else 0.0
        if not m.part_present:
            self._lift_out = self._machined = False
            if m.clamp != Clamp.OPEN and m.execution != "ACTIVE":
                m.set_clamp(Clamp.OPEN)
            return
        if m.clamp == Clamp.OPEN:
            if self._still_s >= self.STILL_S and not self._lift_out and m.arm_inside:
                m.set_clamp(Clamp.SOFT)
        elif m.clamp == Clamp.SOFT:
            if gripper_open:
                self._unseated_s = 0.0
                m.set_clamp(Clamp.HARD)
        elif not m.seat_ok:
            self._unseated_s += period_s
            if self._unseated_s >= self.SEAT_S:
                self._lift_out = True
                m.raise_alarm("seat")
                m.set_clamp(Clamp.OPEN)
        elif not m.arm_inside and m.execution == "READY":
            if m.door_target == "OPEN":
                m.request("close door")
            elif m.door == "CLOSED" and not self._machined:
                self._machined = m.request("cycle start")
