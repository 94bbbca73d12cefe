"""TendMachine: the whole cycle with one part, the robot in command of the machine.

Open the door, blow the seat clean, fetch the named part, load, clamp, get out, close the door, start the
cycle, wait, open, take the part out, have it measured, put it on the outfeed. The last number of an action is
the request to the machine; interlocks refuse what is unsafe, and a request is passed on when it changes.
Randomised: two to four candidates of different colour, any size and slot (the named one fits a chuck); pose,
size, mass and friction by the split (seen: +-20 mm, any yaw, +-0.05 mm, +-10 %, combined friction 0.20-0.35);
fixture offset (seen: +-1 mm along x and y); the hand's start (+-40 mm); the gauge's error (normal, 0.5 um).
Machine, bar and day of the cut are drawn as for a lot on a machine tool.
The cycle turns the end that the fingers hold (`envs/cell/cut.py`): 2.9 to 5.3 s by its size, 0.5 mm off its
diameter. The gauge reads what heat, wear and deflection left; a part clamped off the axis runs out as much.
Success: the part has been machined and measured and stands upright within 10 mm of the middle of the outfeed,
gap below it <= 1 mm, let go, hand at least 40 mm away, for 5 consecutive steps.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from envs.cell.draw import Draw
from envs.cell.handling import CARRY_Z_M, RISE_M, SET_DOWN_M_S, deliver
from envs.cell.loading import machine_of
from envs.cell.placing import GAP_M, LEAN_RAD, PlaceTask, placed_at
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, Snapshot
from envs.cell.stations import station
from envs.cell.tasks.load_chuck import LoadChuck
from envs.cell.unloading import unload
from robots.gauge import REPEATABILITY_UM
from robots.spec import Vec3

OUTFEED_M, GAUGE_M = station("outfeed").at_m, station("gauge").at_m


class TendMachine(PlaceTask):
    """Work the named part through the machine and the gauge to the outfeed."""

    name = "TendMachine"
    verb = "machine"
    into = "in"
    target = "chuck"
    machines = ("vertical_lathe",)
    workholding = "chuck"
    commands = True
    stations = ("outfeed", "gauge")
    max_steps = 700
    weights = MappingProxyType(
        {"reach": 1.0, "load": 2.0, "machined": 2.0, "measured": 1.0, "place": 1.0, "leave": 1.0}
    )
    tolerance = (PlaceTask.WITHIN_M, GAP_M, LEAN_RAD, 0.5, 0.5, 0.5, 0.5)
    goals = (*PlaceTask.goals, "machined", "measured")
    view = "left"
    _load = LoadChuck()

    def complete(self, rng: np.random.Generator, draw: Draw, spread: float) -> Draw:
        """The door is closed; the gauge's error and the machine's day this time."""
        error_um = REPEATABILITY_UM * float(rng.standard_normal())
        day = int(rng.integers(2**31)), spread == 0
        return replace(draw, goal_m=OUTFEED_M, door_closed=True, gauge_error_um=error_um, cut=day)

    def destination_m(self, cell: Cell, now: Snapshot) -> Vec3:
        """The seat of the chuck, then the gauge, then the outfeed."""
        machine = machine_of(cell)
        if not machine.cycles_done:
            return machine.spec.chuck_m
        return OUTFEED_M if cell.measured_mm else GAUGE_M

    # -- success and reward -----------------------------------------------------------------------------
    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """As set down on the outfeed, machined, measured."""
        done = machine_of(cell).cycles_done > 0, cell.measured_mm > 0.0
        return [*super().achieved(cell, now), *map(float, done)]

    def lies(self, cell: Cell, now: Snapshot) -> tuple[float, float, float]:
        """On the outfeed."""
        return placed_at(now.parts[0], OUTFEED_M)

    def desired(self, cell: Cell) -> list[float]:
        """On the outfeed, machined and measured."""
        return [*super().desired(cell), 1.0, 1.0]

    def terms(self, cell: Cell, now: Snapshot) -> dict[str, float]:
        """Hand to part, part to where it goes next, machined, measured, on the outfeed, let go and away."""
        machine = machine_of(cell)
        gone = machine.cycles_done > 0
        base = super().terms(cell, now)
        held = now.held or machine.part_present or gone
        return {
            "reach": base["reach"],
            "load": 1.0 if gone else self._carried(cell, now) if held else 0.0,
            "machined": float(gone),
            "measured": float(cell.measured_mm > 0.0),
            "place": base["place"] if gone else 0.0,
            "leave": base["leave"] if gone else 0.0,
        }

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """What the gauge read, and what is true of the part; not finite before it is machined."""
        came = cell.cut.result if cell.cut is not None else None
        return {
            "measured_mm": cell.measured_mm,
            "size_error_um": came.error_um if came else math.inf,
            "part_run_out_um": came.run_out_um if came else math.inf,
            "part_good": float(came.good) if came else 0.0,
        }

    # -- plan -------------------------------------------------------------------------------------------
    def plan(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """What remains: all of it before the first step, then what this stage asks for."""
        machine = machine_of(cell)
        if machine.cycles_done:
            first, *rest = self._unloading(cell, now)
        elif machine.execution == "ACTIVE" or (cell.seated() and not machine.arm_inside):
            first, rest = stay(now), []
        else:
            first, *rest = self._load.plan(cell, now)
            if not now.held and not machine.part_present:
                first, *rest = self._whole(cell, [first, *rest])
        return [replace(first, request=self._request(cell, now)), *rest]

    def _request(self, cell: Cell, now: Snapshot) -> str:
        """What the machine is asked for now."""
        machine = machine_of(cell)
        if machine.execution == "ACTIVE":
            return "none"
        if cell.seated() and not machine.cycles_done:
            if machine.arm_inside or now.closed:
                return "none"
            return "cycle start" if machine.door == "CLOSED" else "close door"
        if machine.door_target != "OPEN":
            return "open door"
        if machine.part_present and now.held:
            still = max(map(abs, now.hand.dq_rad_s)) < 0.05
            if machine.cycles_done:
                return "unclamp" if still and now.gripped else "none"
            return "clamp" if still and not cell.plc.wants_removal else "none"
        return "blow" if machine.door == "OPEN" and not machine.cycles_done else "none"

    def _unloading(self, cell: Cell, now: Snapshot) -> list[KeyPose]:
        if machine_of(cell).door != "OPEN":
            return [stay(now)]
        to = self.destination_m(cell, now)
        if now.parts[0].bottom_m[0] > cell.layout.door_x_m:
            return unload(cell, now, to, self.WITHIN_M / 2)
        return deliver(cell, now, to, within_m=station("gauge").within_m / 2)

    def _whole(self, cell: Cell, load: list[KeyPose]) -> list[KeyPose]:
        """The whole program, as far as it can be known before it: what a taught robot replays."""
        keys: list[KeyPose] = []
        for key in load:
            if key.name == "door":
                keys += [replace(key, wait="door open"), replace(key, name="blow", request="blow")]
            elif key.name == "seat":
                keys.append(replace(key, wait="settled"))
                keys.append(replace(key, name="clamp", request="clamp"))
            else:
                keys.append(key)
        out, held = keys[-1], next(k for k in keys if k.name == "release")
        keys += [
            replace(out, name="shut", request="close door", wait="door closed"),
            replace(out, name="start", request="cycle start", wait="cycle running"),
            replace(out, name="cut", wait="cycle done"),
            replace(out, name="open", request="open door", wait="door open"),
            *_again(held, cell.layout.travel_z_m, cell.layout.travel_z_m),
            replace(held, name="unclamp", close=True, wait="unclamped", request="unclamp"),
            replace(held, name="lift", close=True, wait="none", position_m=up(held.position_m, cell)),
            replace(out, name="door", close=True),
        ]
        grip_m = held.position_m[2] - machine_of(cell).spec.chuck_m[2]
        keys += _set_down(held, GAUGE_M, grip_m)
        keys += _again(keys[-2], keys[-1].position_m[2], CARRY_Z_M)
        keys.append(replace(keys[-1], name="lift", wait="none", position_m=_over(GAUGE_M)))
        return [*keys, *_set_down(held, OUTFEED_M, grip_m)]


def stay(now: Snapshot) -> KeyPose:
    """Where the hand is."""
    return KeyPose("wait", now.command_m, now.command_yaw_rad, now.closed)


def up(at: Vec3, cell: Cell) -> Vec3:
    """The same place at the height at which a hand travels."""
    return (at[0], at[1], cell.layout.travel_z_m)


def _over(at: Vec3) -> Vec3:
    return (at[0], at[1], CARRY_Z_M)


def _again(at: KeyPose, from_z_m: float, to_z_m: float) -> list[KeyPose]:
    """Over a part that was let go at a pose, down, and closed on it."""
    x, y, _ = at.position_m
    above = replace(at, name="approach", close=False, wait="none", position_m=(x, y, max(from_z_m, to_z_m)))
    return [
        above,
        replace(at, name="grasp", close=False, wait="none"),
        replace(at, name="close", close=True, wait="gripped"),
    ]


def _set_down(like: KeyPose, to: Vec3, grip_m: float) -> list[KeyPose]:
    """Above a place, down, open, up."""
    x, y, z = to
    at = replace(
        like, name="place", position_m=(x, y, z + grip_m), close=True, wait="settled", speed_m_s=SET_DOWN_M_S
    )
    above = replace(
        at, name="above", position_m=(x, y, max(CARRY_Z_M, z + grip_m + RISE_M)), wait="none", speed_m_s=1.0
    )
    release = replace(at, name="release", close=False, wait="open", speed_m_s=1.0)
    return [above, at, release, replace(above, name="retreat", close=False)]
