"""What tasks share that load the named part into a machine: fetch, through the door, seat, clamp, leave."""

from __future__ import annotations

import math
from abc import abstractmethod
from types import MappingProxyType

from envs.cell import level_loading, plan, rewards
from envs.cell.handling import INSIDE_M, fetch, lift
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, PartState, Snapshot
from envs.cell.task import Task
from robots.machine_tool import MachineTool
from robots.spec import Vec3
from robots.workholding import Clamp

SEATED_M = 0.0015
SLOW_M_S = 0.12
CLEAR_OF_TRAY_M = 0.06
RISE_M = 0.035
# Nearer than this, in the plane, to where it belongs, a part is between the jaws.
BETWEEN_M = 0.003
# So far aside a hand before the door goes straight in.
DOORWAY_M = 0.06
_, _SOFT, _HARD = Clamp  # asked for at every step: looking up members costs ten times as much


def machine_of(cell: Cell) -> MachineTool:
    """The cell's machine."""
    assert cell.machine is not None
    return cell.machine


class LoadTask(Task):
    """Load the named part; a subclass says where it goes down, how it is pushed home and what is success."""

    verb = "load"
    max_steps = 300
    weights = MappingProxyType(
        {"reach": 1.0, "grasp": 1.0, "carry": 2.0, "seat": 1.0, "clamp": 2.0, "clear": 1.0}
    )
    # The hand goes down only with the part's middle this close to where it goes down, and turned so far.
    ON_AXIS_M = 0.0012
    TURNED_RAD = 0.02
    # The hand stops this far above where the part bears.
    ABOVE_M = 0.0001

    # -- what a workholding asks for ------------------------------------------------------------------
    def home_m(self, cell: Cell) -> Vec3:
        """Where the middle of the seated part's bottom is (world)."""
        return machine_of(cell).spec.chuck_m

    def entry_m(self, cell: Cell) -> Vec3:
        """Where it goes down between the open jaws."""
        return self.home_m(cell)

    def push(self, seat: KeyPose, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Going down, which is `seat`, and what follows up to where the soft clamp is waited for."""
        return [seat]

    @abstractmethod
    def seats(self, cell: Cell, part: PartState) -> bool:
        """Whether the part is about where it belongs, for the reward."""

    # -- success and reward -----------------------------------------------------------------------------
    def conditions(self, cell: Cell, now: Snapshot) -> list[float]:
        """Clamped hard, released, arm clear, each 0 or 1."""
        machine = machine_of(cell)
        clamped = machine.part_present and machine.grip == _HARD
        released = not now.closed and now.hand.opening_m > now.parts[0].kind.grip_across_m + 0.004
        return [float(clamped), float(released), float(not machine.arm_inside)]

    def desired(self, cell: Cell) -> list[float]:
        """Nothing off, all conditions true."""
        return [0.0] * (len(self.tolerance) - 3) + [1.0, 1.0, 1.0]

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """Hand to part, held, part to seat, on the stops, clamped, arm clear."""
        machine, part = machine_of(cell), now.parts[0]
        grip, placed = machine.grip, machine.part_present or now.held
        clamped = machine.part_present and grip == _HARD
        seat = self.seats(cell, part)
        return {
            "reach": 1.0 if placed else rewards.closeness(math.dist(now.hand.position_m, part.grip_m), 0.08),
            "grasp": float(placed),
            "carry": rewards.closeness(math.dist(part.bottom_m, self.home_m(cell)), 0.15) if placed else 0.0,
            "seat": float(seat),
            "clamp": 1.0 if clamped else 0.5 if seat and grip == _SOFT else 0.0,
            "clear": float(clamped and not machine.arm_inside),
        }

    # -- plan -------------------------------------------------------------------------------------------
    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Fetch, carry through the door, seat, let the PLC clamp, leave."""
        machine, part, home = machine_of(cell), now.parts[0], self.home_m(cell)
        if machine.spec.level:
            return level_loading.load(cell, now, home)
        radius = math.hypot(part.bottom_m[0] - home[0], part.bottom_m[1] - home[1])
        gap = part.bottom_m[2] - home[2]
        inside = radius < BETWEEN_M and gap < SEATED_M and not cell.plc.wants_removal
        if now.held and not (inside and machine.grip != Clamp.OPEN):
            return self._carry(cell, now)
        if inside and machine.clamp != Clamp.OPEN:
            return self._leave(cell, now)
        if inside and not now.held and now.hand.opening_m > 0.07 and machine.part_present:
            # Lying well but let go before the PLC clamped: stay still and let it.
            return self._leave(cell, now)
        keys = fetch(cell, now)
        return [*keys, *self._loading(cell, now, keys[-1])]

    def _carry(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """From wherever the held part is to the seat."""
        part, at, to = now.parts[0], now.command_m, self.entry_m(cell)
        hand, z = now.hand.position_m, cell.layout.travel_z_m
        here = now.command_yaw_rad
        # The part hangs in the fingers as it was caught: aim its axis, not the hand's, at the seat's.
        x = to[0] - (part.bottom_m[0] - hand[0])
        y = to[1] - (part.bottom_m[1] - hand[1])
        down = to[2] + (hand[2] - part.bottom_m[2]) + self.ABOVE_M
        yaw = here
        if part.kind.symmetry:
            yaw += plan.wrap(-part.yaw_rad, 2 * math.pi / part.kind.symmetry)
        above = KeyPose("above", (x, y, z), yaw, True)
        turned = abs(yaw - here) < self.TURNED_RAD
        aside = math.hypot(at[0] - x, at[1] - y)
        radius = math.hypot(part.bottom_m[0] - to[0], part.bottom_m[1] - to[1])
        seat = KeyPose("seat", (x, y, down), yaw, True, SLOW_M_S, wait="soft clamp")
        rest = self._seat_and_leave(cell, now, seat)
        low = part.bottom_m[2] - to[2]
        if cell.plc.wants_removal and low < 0.02:
            return [lift(now, 0.03), *rest]
        if turned and low < SEATED_M and radius < BETWEEN_M and rest[1].name != "release":
            return rest[1:]
        if aside < self.ON_AXIS_M and radius < 2 * self.ON_AXIS_M and turned:
            return rest
        if radius < 0.02 and low < 0.022:  # between the jaws but off the axis or not turned: up first
            return [KeyPose("lift", (at[0], at[1], at[2] + 0.03), here, True), above, *rest]
        door_x = cell.layout.door_x_m
        doorway = at[0] > door_x - 0.01 and abs(at[1] - to[1]) < DOORWAY_M
        if doorway or at[0] > door_x + INSIDE_M:
            up = KeyPose("lift", (at[0], at[1], z), here, True)
            return [above, *rest] if at[2] > z - 0.03 else [up, above, *rest]
        keys = [KeyPose("door", (door_x, self.home_m(cell)[1], z), yaw, True)]
        if part.bottom_m[2] < cell.layout.tray_m[2] + CLEAR_OF_TRAY_M - 0.005:
            keys.insert(0, lift(now, 0.04))
        return [*keys, above, *rest]

    def _loading(self, cell: Cell, now: Snapshot, close: KeyPose) -> list[KeyPose]:
        """Key poses after the grasp, as far as they can be known before it."""
        part, to, z = now.parts[0], self.entry_m(cell), cell.layout.travel_z_m
        g, yaw = close.position_m, close.yaw_rad
        turned = yaw
        if part.kind.symmetry:
            turned += plan.wrap(-part.yaw_rad, 2 * math.pi / part.kind.symmetry)
        seat_at = (to[0], to[1], to[2] + part.kind.grip_height_m + self.ABOVE_M)
        seat = KeyPose("seat", seat_at, turned, True, SLOW_M_S, wait="soft clamp")
        return [
            KeyPose("lift", (g[0], g[1], g[2] + CLEAR_OF_TRAY_M), yaw, True, frame="part"),
            KeyPose("door", (cell.layout.door_x_m, self.home_m(cell)[1], z), turned, True),
            KeyPose("above", (to[0], to[1], z), turned, True),
            *self._seat_and_leave(cell, now, seat),
        ]

    def _seat_and_leave(self, cell: Cell, now: Snapshot, seat: KeyPose) -> list[KeyPose]:
        pushes = self.push(seat, cell, now)
        (x, y, z), top = pushes[-1].position_m, cell.layout.travel_z_m
        symmetry = now.parts[0].kind.symmetry
        return [
            *pushes,
            KeyPose("release", (x, y, z), seat.yaw_rad, False, wait="hard clamp", symmetry=symmetry),
            KeyPose("retreat", (x, y, min(top, z + RISE_M)), seat.yaw_rad, False),
            KeyPose("exit", (cell.layout.door_x_m - 0.02, y, top), seat.yaw_rad, False),
        ]

    def _leave(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Open, wait for the hard clamp, straight up, then out of the door."""
        part, at, top = now.parts[0], now.command_m, cell.layout.travel_z_m
        yaw = now.command_yaw_rad
        out = KeyPose("exit", (cell.layout.door_x_m - 0.02, at[1], top), yaw, False)
        if math.hypot(at[0] - part.grip_m[0], at[1] - part.grip_m[1]) > 0.03:
            return [out]
        free_z = part.grip_m[2] + RISE_M
        if at[2] >= free_z - 0.004:
            return [out]
        up = KeyPose("retreat", (at[0], at[1], min(top, free_z)), yaw, False)
        wide = now.hand.opening_m > part.kind.grip_across_m + 0.010
        if wide and cell.seated():
            return [up, out]
        symmetry = part.kind.symmetry
        return [KeyPose("release", at, yaw, False, wait="hard clamp", symmetry=symmetry), up, out]
