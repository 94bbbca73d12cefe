"""Taking the named part out of a machine and putting it somewhere else, whatever holds it there."""

from __future__ import annotations

from envs.cell import level_unloading
from envs.cell.handling import CARRY_Z_M, INSIDE_M, RISE_M, SET_DOWN_M_S, deliver, fetch
from envs.cell.placing import PlaceTask
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from envs.cell.stations import station
from robots.spec import Vec3
from robots.workholding import Clamp


def unload(cell: Cell, now: Snapshot, to_m: Vec3, within_m: float) -> list[KeyPose]:
    """Key poses that take the named part out of the machine, set it down and leave.

    Args:
        cell: The cell.
        now: Its state.
        to_m: Where the middle of the part's bottom belongs (world).
        within_m: How far from there it may be let go.
    """
    machine, part = cell.machine, now.parts[0]
    if cell.level:
        return level_unloading.unload(cell, now, to_m, within_m)
    if machine is None or part.bottom_m[0] < cell.layout.door_x_m + INSIDE_M:
        return deliver(cell, now, to_m, within_m=within_m)
    if not now.held:
        keys = fetch(cell, now)
        last = keys[-1]
        return [*keys, *_out(cell, last.position_m, last.yaw_rad, to_m, part.kind.grip_height_m)]
    if machine.clamp != Clamp.OPEN or machine.chuck != "OPEN":
        # Closed on it: the PLC lets go of it once the arm stands still.
        hold = now.command_m[2] - part.bottom_m[2]
        return _out(cell, now.command_m, now.command_yaw_rad, to_m, hold)
    return deliver(cell, now, to_m, within_m=within_m)


def _out(cell: Cell, at: Vec3, yaw: float, to: Vec3, hold_m: float) -> list[KeyPose]:
    """From closed on the part: wait until it is let go, up, out through the door, set down, leave."""
    z, door_x = cell.layout.travel_z_m, cell.layout.door_x_m
    down = (to[0], to[1], to[2] + hold_m)
    return [
        KeyPose("hold", at, yaw, True, frame="part", wait="unclamped"),
        KeyPose("lift", (at[0], at[1], z), yaw, True, frame="part"),
        KeyPose("door", (door_x, at[1], z), yaw, True),
        KeyPose("above", (to[0], to[1], max(CARRY_Z_M, down[2] + RISE_M)), yaw, True),
        KeyPose("place", down, yaw, True, SET_DOWN_M_S, wait="settled"),
        KeyPose("release", down, yaw, False, wait="open", symmetry=0),
        KeyPose("retreat", (to[0], to[1], down[2] + RISE_M), yaw, False),
    ]


class UnloadTask(PlaceTask):
    """Take the named part out of the machine and put it on the outfeed."""

    verb = "unload"
    target = "outfeed"
    stations = ("outfeed",)
    starts_in_machine = True
    view = "left"

    def destination_m(self, cell: Cell, now: Snapshot) -> Vec3:
        """The middle of the outfeed's top."""
        return station("outfeed").at_m

    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Close on it, wait until the machine lets go, out through the door, set down, leave."""
        return unload(cell, now, self.destination_m(cell, now), self.WITHIN_M / 2)
