"""LoadChuck: put the named part into the three-jaw chuck of a vertical turning centre and leave.

Randomised: two to four candidates of different colour, any size and slot (the named one
fits a chuck, blocks are distractors); pose, size, mass and friction by the split (seen: +-20 mm, any yaw,
+-0.05 mm, +-10 %, combined friction 0.20-0.35); fixture offset (seen: +-1 mm along x
and y); the hand's start (+-40 mm).
The jaws stand open 2 mm outside the part. The machine's PLC clamps and unclamps.
Success: chuck clamped hard, gap to the back stop <= 0.1 mm, total run-out <= 0.1 mm, part released by the
gripper, arm clear of the door, for 5 consecutive steps.
"""

from __future__ import annotations

import math
from types import MappingProxyType

from envs.cell import plan, rewards
from envs.cell.handling import INSIDE_M, fetch, lift
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from envs.cell.task import Task
from robots.chuck import Clamp

GAP_M = 0.0001
RUN_OUT_M = 0.0001
# The hand goes down only with the part's axis this close to the chuck's.
ON_AXIS_M = 0.0012
SEATED_M = 0.0015
SLOW_M_S = 0.12
CLEAR_OF_TRAY_M = 0.06
RISE_M = 0.035
# So far aside a hand before the door goes straight in.
DOORWAY_M = 0.06


class LoadChuck(Task):
    """Load the named part into the chuck."""

    name = "LoadChuck"
    verb = "load"
    target = " into the chuck"
    machines = ("vertical_lathe",)
    workholding = "chuck"
    max_steps = 300
    weights = MappingProxyType(
        {"reach": 1.0, "grasp": 1.0, "carry": 2.0, "seat": 1.0, "clamp": 2.0, "clear": 1.0}
    )
    tolerance = (RUN_OUT_M, GAP_M, 0.5, 0.5, 0.5)

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """Run-out (m), gap (m), clamped hard, released, arm clear."""
        machine = cell.machine
        assert machine is not None
        part, axis = now.parts[0], machine.spec.chuck_m
        clamped = machine.grip == Clamp.HARD and machine.part_present
        released = not now.closed and now.hand.opening_m > part.kind.grip_across_m + 0.004
        return [
            part.run_out_m(axis),
            part.seat_gap_m(axis[2]),
            float(clamped),
            float(released),
            float(not machine.arm_inside),
        ]

    def desired(self, cell: Cell) -> list[float]:
        """No run-out, no gap, all conditions true."""
        return [0.0, 0.0, 1.0, 1.0, 1.0]

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """Hand to part, held, part to seat, on the stop, clamped, arm clear."""
        machine = cell.machine
        assert machine is not None
        part, axis = now.parts[0], machine.spec.chuck_m
        far = math.dist(part.bottom_m, axis)
        clamped = machine.grip == Clamp.HARD and machine.part_present
        placed = machine.part_present or now.held
        seat = part.run_out_m(axis) < 0.003 and part.seat_gap_m(axis[2]) < 0.001
        return {
            "reach": 1.0 if placed else rewards.closeness(math.dist(now.hand.position_m, part.grip_m), 0.08),
            "grasp": float(placed),
            "carry": rewards.closeness(far, 0.15) if placed else 0.0,
            "seat": float(seat),
            "clamp": 1.0 if clamped else 0.5 if machine.grip == Clamp.SOFT and seat else 0.0,
            "clear": float(clamped and not machine.arm_inside),
        }

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """Run-out and gap in m, not finite until the part is clamped and let go and the arm is clear."""
        run_out, gap, *conditions = achieved
        done = all(conditions)
        return {"run_out_m": run_out if done else math.inf, "gap_m": gap if done else math.inf}

    # -- plan -------------------------------------------------------------------------------------
    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Fetch, carry through the door, seat, let the PLC clamp, leave."""
        machine = cell.machine
        assert machine is not None
        part, axis = now.parts[0], machine.spec.chuck_m
        radius = math.hypot(part.bottom_m[0] - axis[0], part.bottom_m[1] - axis[1])
        gap = part.bottom_m[2] - axis[2]
        in_chuck = radius < 0.003 and gap < SEATED_M and not cell.plc.wants_removal
        if now.held and not (in_chuck and machine.grip != Clamp.OPEN):
            return self._carry(cell, now)
        if in_chuck and machine.clamp != Clamp.OPEN:
            return self._leave(cell, now)
        if in_chuck and not now.held and now.hand.opening_m > 0.07 and machine.part_present:
            # Lying well but let go before the PLC clamped: stay still and let it.
            return self._leave(cell, now)
        keys = fetch(cell, now)
        return [*keys, *self._loading(cell, now, keys[-1])]

    def _carry(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """From wherever the held part is to the seat."""
        machine = cell.machine
        assert machine is not None
        part, at, axis = now.parts[0], now.command_m, machine.spec.chuck_m
        hand, z = now.hand.position_m, cell.layout.travel_z_m
        # The part hangs in the fingers as it was caught: aim its axis, not the hand's, at the chuck's.
        x = axis[0] - (part.bottom_m[0] - hand[0])
        y = axis[1] - (part.bottom_m[1] - hand[1])
        down = axis[2] + (hand[2] - part.bottom_m[2]) + 0.0001
        yaw = now.command_yaw_rad
        if part.kind.symmetry:
            yaw += plan.wrap(-part.yaw_rad, 2 * math.pi / part.kind.symmetry)
        seat = KeyPose("seat", (x, y, down), yaw, True, SLOW_M_S, wait="soft clamp")
        above = KeyPose("above", (x, y, z), yaw, True)
        turned = abs(yaw - at_yaw(now)) < 0.02
        aside = math.hypot(at[0] - x, at[1] - y)
        radius = math.hypot(part.bottom_m[0] - axis[0], part.bottom_m[1] - axis[1])
        rest = self._seat_and_leave(cell, seat)
        if cell.plc.wants_removal and part.bottom_m[2] - axis[2] < 0.02:
            return [lift(now, 0.03), seat, *rest]
        if aside < ON_AXIS_M and radius < 2 * ON_AXIS_M and turned:
            return [seat, *rest]
        low = part.bottom_m[2] - axis[2] < 0.022
        if radius < 0.02 and low:  # between the jaws but off the axis or not turned: up first
            return [
                KeyPose("lift", (at[0], at[1], at[2] + 0.03), at_yaw(now), True),
                above,
                seat,
                *rest,
            ]
        door_x = cell.layout.door_x_m
        doorway = at[0] > door_x - 0.01 and abs(at[1] - axis[1]) < DOORWAY_M
        if doorway or at[0] > door_x + INSIDE_M:
            up = KeyPose("lift", (at[0], at[1], z), at_yaw(now), True)
            return [above, seat, *rest] if at[2] > z - 0.03 else [up, above, seat, *rest]
        keys = [KeyPose("door", (door_x, axis[1], z), yaw, True)]
        if part.bottom_m[2] < cell.layout.tray_m[2] + CLEAR_OF_TRAY_M - 0.005:
            keys.insert(0, lift(now, 0.04))
        return [*keys, above, seat, *rest]

    def _loading(self, cell: Cell, now: Snapshot, close: KeyPose) -> list[KeyPose]:
        """Key poses after the grasp, as far as they can be known before it."""
        machine = cell.machine
        assert machine is not None
        part, axis, z = now.parts[0], machine.spec.chuck_m, cell.layout.travel_z_m
        g, yaw = close.position_m, close.yaw_rad
        turned = yaw
        if part.kind.symmetry:
            turned += plan.wrap(-part.yaw_rad, 2 * math.pi / part.kind.symmetry)
        seat_at = (axis[0], axis[1], axis[2] + part.kind.grip_height_m + 0.0001)
        seat = KeyPose("seat", seat_at, turned, True, SLOW_M_S, wait="soft clamp")
        return [
            KeyPose("lift", (g[0], g[1], g[2] + CLEAR_OF_TRAY_M), yaw, True, frame="part"),
            KeyPose("door", (cell.layout.door_x_m, axis[1], z), turned, True),
            KeyPose("above", (axis[0], axis[1], z), turned, True),
            seat,
            *self._seat_and_leave(cell, seat),
        ]

    def _seat_and_leave(self, cell: Cell, seat: KeyPose) -> list[KeyPose]:
        x, y, z = seat.position_m
        top = cell.layout.travel_z_m
        return [
            KeyPose("release", (x, y, z), seat.yaw_rad, False, wait="hard clamp"),
            KeyPose("retreat", (x, y, min(top, z + RISE_M)), seat.yaw_rad, False),
            KeyPose("exit", (cell.layout.door_x_m - 0.02, y, top), seat.yaw_rad, False),
        ]

    def _leave(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Open, wait for the hard clamp, straight up, then out of the door."""
        part, at, top = now.parts[0], now.command_m, cell.layout.travel_z_m
        yaw = at_yaw(now)
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
        return [KeyPose("release", at, yaw, False, wait="hard clamp"), up, out]


def at_yaw(now: Snapshot) -> float:
    """The commanded turn of the tool."""
    return now.command_yaw_rad
