"""A machine tool: workholding, door, sensors and interlocks.

Words follow MTConnect: execution READY, ACTIVE, INTERRUPTED; door OPEN, UNLATCHED, CLOSED; chuck, whatever
the workholding, OPEN, UNLATCHED (moving or only gently closed), CLOSED. `MachineTool` holds the hardware and
refuses what is unsafe, whoever asks; the program that runs it, the same for every agent, is in `plc.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from robots.chuck import Chuck
from robots.machine_body import DOOR_TRAVEL_M, Chip, MachineSpec, door, frame, handle_at, laid
from robots.scene_types import Surface
from robots.spec import ZERO, Link, Vec3
from robots.vise import Vise
from robots.workholding import Clamp, Workholding
from robots.world import World

# An enum's members cost ten times as much to look up on it, and the signals are read at every step.
_OPEN, _SOFT, _HARD = Clamp
REQUESTS = ("none", "clamp", "unclamp", "close door", "open door", "blow", "cycle start")
Notice = Callable[[str, str, dict[str, Any]], None]


class MachineState(NamedTuple):
    """What the machine's sensors say, as the robot controller reads it; `clamp` as `MachineTool.grip`."""

    execution: str
    door: str
    chuck: str
    clamp: Clamp
    part_present: bool
    seat_ok: bool
    alarm: str
    cycle_left_s: float


DOOR_N, LATCH_N = 150.0, 3000.0
# A door this close to the ends of its travel is open, or closed.
OPEN_WITHIN_M, CLOSED_WITHIN_M = 0.020, 0.005
SEAT_SENSOR_M = 0.0001
PRESENT_SENSOR_M = 0.003
_PRESENT_RADIUS_M = 0.012


class MachineTool:
    """The hardware: valves, sensors and the interlocks that hold whatever anyone asks."""

    def __init__(self, world: World, spec: MachineSpec, notice: Notice, offset_m: Vec3 = ZERO):
        """Builds the machine, `offset_m` away from where its spec says that it stands."""
        at = tuple(a + b for a, b in zip(spec.chuck_m, offset_m, strict=True))
        self.world, self._notice = world, notice
        self.spec = replace(spec, chuck_m=(at[0], at[1], at[2]))
        make = Vise if spec.workholding == "vise" else Chuck
        self.fixture: Workholding = make(world, spec, offset_m)
        self.door_body = world.add_articulated("door", Link(0.0), door(spec), xyz_m=offset_m)
        body = world.add_fixed("machine", frame(spec), Surface(spec.seat_friction), xyz_m=offset_m)
        for moving in (self.fixture.body, self.door_body):
            world.ignore(moving, body)
        x, y, z = handle_at(spec)
        self._handle_m = (x + offset_m[0], y + offset_m[1], z + offset_m[2])
        self.door_target = "OPEN"
        self.execution = "READY"
        self.alarm = ""
        self.refused = 0
        self.cycle_left_s = 0.0
        self.cycles_done = 0
        self._chip: int | None = None
        self._chip_goes = False
        self.blowing_s = 0.0
        self.arm_inside = False
        self.part_present = self.seat_ok = False
        if spec.door_drive == "hand":
            self.door_target = "BY HAND"
            # Whoever touches the handle does not touch the door.
            world.name_link(self.door_body, 1, "handle")
            self.leave_door(0.0)
        else:
            self.door_m = DOOR_TRAVEL_M
            world.set_joint(self.door_body, 0, DOOR_TRAVEL_M)
            self._drive_door()
        self.fixture.drive(Clamp.OPEN)
        for body in (self.fixture.body, self.door_body):
            world.let_sleep(body)

    @property
    def clamp(self) -> Clamp:
        """What the workholding's valve was told."""
        return self.fixture.clamp

    def begin_holding(self, part: int, across_m: float) -> None:
        """Starts with a part, `across_m` between the jaws, seated and clamped hard (only while building)."""
        self.fixture.begin_holding(part, across_m)
        self.part_present = self.seat_ok = True

    def add_chip(self, chip: Chip) -> None:
        """Puts a chip on the seat (only while building)."""
        (x, y, z), level = self.spec.chuck_m, self.spec.level
        dx, dy, dz = laid((chip.x_m, chip.y_m, 0.0)) if level else (chip.x_m, chip.y_m, 0.0)
        at = (x + dx, y + dy, z + dz)
        surface = Surface(self.spec.seat_friction)
        self._chip = self.world.add_fixed("chip", chip.shapes(level=level), surface, xyz_m=at)
        self._chip_goes = chip.blown_away

    def begin_closed(self) -> None:
        """Starts with the powered door closed (only while building)."""
        self.door_target, self.door_m = "CLOSED", 0.0
        self.world.set_joint(self.door_body, 0, 0.0)
        self._drive_door(latched=True)
        self.world.let_sleep(self.door_body)

    def leave_door(self, opening_m: float, friction_n: float | None = None) -> None:
        """Leaves a hand door so far open, on a rail of that dry friction (only while building)."""
        self.door_m = opening_m
        self.world.set_joint(self.door_body, 0, opening_m)
        self.world.drag(self.door_body, 0, self.spec.door_friction_n if friction_n is None else friction_n)

    @property
    def handle_m(self) -> Vec3:
        """Where a hand door's handle is gripped, now (world)."""
        x, y, z = self._handle_m
        return (x, y + self.door_m, z)

    # -- valves -----------------------------------------------------------------------------------
    def _drive_door(self, *, latched: bool = False) -> None:
        self._latched = latched
        self.world.wake(self.door_body)
        target = DOOR_TRAVEL_M if self.door_target == "OPEN" else 0.0
        force = LATCH_N if latched else DOOR_N
        self.world.servo(self.door_body, 0, target, force, self.spec.door_speed_m_s, gain=0.1)

    def set_clamp(self, clamp: Clamp) -> bool:
        """Opens or closes the workholding; refused while the spindle turns."""
        if clamp == self.clamp:
            return True
        if self.execution == "ACTIVE":
            return self._refuse("clamp", "the cycle is running")
        self.fixture.drive(clamp)
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
            return self._move_door(what)
        if what == "blow":
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

    def _move_door(self, what: str) -> bool:
        if self.spec.door_drive == "hand":
            return self._refuse(what, "the door is moved by hand")
        if what == "close door" and self.arm_inside:
            return self._refuse(what, "the arm is inside")
        if what == "open door" and self.execution == "ACTIVE":
            return self._refuse(what, "the cycle is running")
        target = "CLOSED" if what == "close door" else "OPEN"
        if target != self.door_target:
            self.door_target = target
            self._drive_door()
            self._notice("door", "machine", {"target": target})
        return True

    def _start_blocked(self) -> str:
        checks = (
            (self.execution == "ACTIVE", "the cycle is running"),
            (self.grip != Clamp.HARD, "the part is not clamped"),
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
        if self.door_m > DOOR_TRAVEL_M - OPEN_WITHIN_M:
            return "OPEN"
        return "CLOSED" if self.door_m < CLOSED_WITHIN_M else "UNLATCHED"

    @property
    def grip(self) -> Clamp:
        """What the pressure switches tell: SOFT once the jaws have met something, HARD with a part held."""
        fixture = self.fixture
        if fixture.clamp == _HARD:
            return _HARD if fixture.held else _SOFT
        return _SOFT if fixture.stood else _OPEN

    @property
    def chuck(self) -> str:
        """MTConnect chuck state."""
        fixture = self.fixture
        if fixture.clamp == _OPEN:
            return "OPEN" if fixture.travel_m < 0.0005 else "UNLATCHED"
        return "CLOSED" if self.grip == _HARD else "UNLATCHED"

    def sense(self, seats: list[tuple[float, float]], arm_inside: bool, period_s: float) -> None:
        """Reads the sensors once a control period.

        Args:
            seats: (largest gap to what it is pushed against, distance in the plane from where it belongs) of
                every loose part's bottom, m.
            arm_inside: whether any of the arm is, or would be, behind the plane of the door.
            period_s: time since the last reading.
        """
        self.fixture.sense()
        self.door_m = self.world.joint_position(self.door_body, 0)
        closed = self.door_m < CLOSED_WITHIN_M
        if closed and self.door_target == "CLOSED" and not self._latched:
            self._drive_door(latched=True)
        # The light curtain is behind the door: closed, it hides the hand in front.
        self.arm_inside = arm_inside = arm_inside and not closed
        if arm_inside and self.door_target == "CLOSED":
            self._refuse("close door", "the arm came inside")
            self.request("open door")
        self.part_present = self.seat_ok = False
        for gap, radius in seats:
            if radius < _PRESENT_RADIUS_M and gap < PRESENT_SENSOR_M:
                self.part_present = True
                self.seat_ok = gap <= SEAT_SENSOR_M
        if self._chip is not None and self._chip_goes and self.blowing_s > 0.0 and not self.part_present:
            self.world.put_away(self._chip)
            self._chip = None
        if self.blowing_s:
            self.blowing_s = max(0.0, self.blowing_s - period_s)
        if self.execution == "ACTIVE":
            self._run(period_s, closed=closed)

    def _run(self, period_s: float, *, closed: bool) -> None:
        """A control period of the cycle."""
        if not closed:  # somebody forces it
            self.raise_alarm("door")
            self._execute("INTERRUPTED")
            return
        self.cycle_left_s = max(0.0, self.cycle_left_s - period_s)
        if self.cycle_left_s == 0.0:
            self.cycles_done += 1
            self._execute("READY")

    def state(self) -> MachineState:
        """The signals on the robot's side of the handshake."""
        return MachineState(
            self.execution,
            self.door,
            self.chuck,
            self.grip,
            self.part_present,
            self.seat_ok,
            self.alarm,
            self.cycle_left_s,
        )
