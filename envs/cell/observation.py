"""What a policy is given as true state: goal dict or flat; pictures and signals are in `signals.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from envs.cell.faults import SIGNALS
from envs.cell.kept import kept
from envs.cell.part_state import PartState
from envs.cell.scene import Cell, Snapshot
from envs.cell.seating import upright
from envs.cell.task import Task
from robots.spec import Vec3

OBSERVATIONS = ("state", "flat", "rgb", "rgbd")
LIMIT = 100.0  # finite bound of state numbers; all are in m, rad, N/100 or flags
_OTHERS = 3
Obs = dict[str, npt.NDArray[Any]]


def state_names(task: type[Task], joints: int, *, level: bool = False) -> list[str]:
    """Names of the numbers under `observation`, in order; `level`: with a machine whose spindle is level."""
    names = [f"q_{i + 1}" for i in range(joints)]
    names += [f"hand_{k}" for k in ("x", "y", "z", "vx", "vy", "vz", "cos", "sin")]
    names += ["opening", "closed", "held", "gripped", "force_x", "force_y", "force_z"]
    names += [f"lag_{k}" for k in "xyz"]
    if task.parts:
        names += [f"part_{k}" for k in ("dx", "dy", "dz", "up_x", "up_y", "turn_cos", "turn_sin", "z")]
        names += _zoom_names("part")
        names += ["part_across", "part_chuck_across", "part_height"]
        for i in range(_OTHERS):
            names += [f"other_{i + 1}_{k}" for k in ("dx", "dy", "here")]
    if task.places:
        names += [f"goal_{k}" for k in ("dx", "dy", "dz", "x", "y", "z")] + _zoom_names("goal")
    if task.handle:
        names += ["handle_dx", "handle_dy", "handle_dz", *_zoom_names("handle"), "handle_x", "door_open"]
    if task.machines and task.parts:
        names += [f"seat_{k}" for k in ("dx", "dy", "dz", "turn_cos", "turn_sin")]
        names += [*_zoom_names("seat"), *_zoom_names("door")]
        names += ["chuck_x", "chuck_y", "clamp", "jaw_travel", "present", "seat_ok", "remove", "inside"]
    if task.commands:
        names += ["door_open", "cycle_left", "machined", "measured"]
    if level:
        names += [f"tool_{k}" for k in "xyz"] + [f"seat_up_{k}" for k in "xyz"]
        names += [f"lean_{k}_{scale * 1e3:.0f}mm" for scale in ZOOMS_M for k in "xy"]
    return names


# A distance that matters to the millimetre is also given as it looks through a magnifying glass.
ZOOMS_M = (0.030, 0.006)


def _zoom_names(what: str) -> list[str]:
    return [f"{what}_d{k}_{scale * 1e3:.0f}mm" for scale in ZOOMS_M for k in "xyz"]


_NEAR, _CLOSE = (1.0 / scale for scale in ZOOMS_M)


def _zoom(x_m: float, y_m: float, z_m: float) -> tuple[float, float, float, float, float, float]:
    """Each distance over each scale; `StateObserver` cuts them off at +-1."""
    return x_m * _NEAR, y_m * _NEAR, z_m * _NEAR, x_m * _CLOSE, y_m * _CLOSE, z_m * _CLOSE


@kept
def seated(part: PartState, at: Vec3) -> tuple[float, ...]:
    """Where a part is from where it belongs in the machine, and how it is turned there."""
    x, y, z = part.bottom_m
    dx, dy, dz = x - at[0], y - at[1], z - at[2]
    turn = part.kind.symmetry * part.yaw_rad
    return (dx * 10, dy * 10, dz * 10, math.cos(turn), math.sin(turn), *_zoom(dx, dy, dz))


@kept
def off_goal(part: PartState, goal: Vec3) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Where a part is from where it is to be put, ten times as large and through the magnifying glass."""
    x, y, z = part.bottom_m
    dx, dy, dz = x - goal[0], y - goal[1], z - goal[2]
    return (10 * dx, 10 * dy, 10 * dz), _zoom(dx, dy, dz)


def state(task: Task, cell: Cell, now: Snapshot, previous_m: Sequence[float]) -> list[float]:
    """True state in SI units, as named by `state_names`; forces in 100 N, lag in cm."""
    hand, yaw = now.hand, now.command_yaw_rad
    cx, cy, cz = now.command_m
    x, y, z = hand.position_m
    fx, fy, fz = hand.force_n
    values = [
        *hand.q_rad,
        cx,
        cy,
        cz,
        (cx - previous_m[0]) * 20,
        (cy - previous_m[1]) * 20,
        (cz - previous_m[2]) * 20,
        math.cos(yaw),
        math.sin(yaw),
        hand.opening_m * 10,
        float(now.closed),
        float(now.held),
        float(now.gripped),
        fx * 0.01,
        fy * 0.01,
        fz * 0.01,
        (x - cx) * 100,
        (y - cy) * 100,
        (z - cz) * 100,
    ]
    if task.parts:
        part, others = now.parts[0], now.parts[1 : 1 + _OTHERS]
        kind, n = part.kind, part.kind.symmetry
        turn = math.lcm(n, 2) * (part.yaw_rad + (math.pi / 2 if n == 6 else 0.0) - yaw) if n else 0.0
        x, y, z = part.grip_m
        dx, dy, dz = x - cx, y - cy, z - cz
        values += [
            dx,
            dy,
            dz,
            part.up[0],
            part.up[1],
            math.cos(turn),
            math.sin(turn),
            z,
            dx * _NEAR,
            dy * _NEAR,
            dz * _NEAR,
            dx * _CLOSE,
            dy * _CLOSE,
            dz * _CLOSE,
            kind.grip_across_m * 10,
            kind.chuck_across_m * 10,
            kind.height_m * 10,
        ]
        for other in others:
            x, y, _ = other.grip_m
            values += (x - cx, y - cy, 1.0)
        values += (0.0, 0.0, 0.0) * (_OTHERS - len(others))
    if task.places:
        gx, gy, gz = goal = task.destination_m(cell, now)
        off, zoomed = off_goal(now.parts[0], goal)
        values += (*off, gx - cx, gy - cy, gz - cz, *zoomed)
    if task.handle and cell.machine is not None:
        x, y, z = cell.machine.handle_m
        dx, dy, dz = x - cx, y - cy, z - cz
        values += (dx, dy, dz, *_zoom(dx, dy, dz), x, cell.machine.door_m)
    machine, signals = cell.machine, now.machine
    if task.machines and task.parts and machine is not None and signals is not None:
        layout, (ax, ay, _) = cell.layout, machine.spec.chuck_m
        values += seated(now.parts[0], machine.spec.chuck_m)
        values += _zoom(layout.door_x_m - cx, ay - cy, layout.travel_z_m - cz)
        values += (
            ax,
            ay,
            signals.clamp * 0.5,
            machine.fixture.travel_m * 100,
            float(signals.part_present),
            float(signals.seat_ok),
            float(cell.plc.wants_removal),
            float(machine.arm_inside),
        )
    if task.commands and machine is not None:
        values += (
            machine.door_m,
            machine.cycle_left_s * 0.1,
            float(machine.cycles_done > 0),
            float(cell.measured_mm > 0.0),
        )
    if cell.level:
        values += _level_state(cell, now)
    return values


def _level_state(cell: Cell, now: Snapshot) -> list[float]:
    """Where the tool points, and the part's direction in the spindle's frame: (0, 0, 1) is on its axis."""
    assert cell.machine is not None
    part, level = upright(cell.machine.spec, now.parts[0]), math.sin(now.command_tilt_rad)
    tool = (level * math.cos(now.command_pan_rad), level * math.sin(now.command_pan_rad))
    lean_m = [u * part.kind.height_m for u in part.up[:2]]
    zoomed = [d * zoom for zoom in (_NEAR, _CLOSE) for d in lean_m]
    return [*tool, -math.cos(now.command_tilt_rad), *part.up, *zoomed]


def box(shape: tuple[int, ...], low: float, high: float, dtype: Any = np.float32) -> spaces.Box:
    """A box with the same bounds for every number."""
    return spaces.Box(low, high, shape, dtype)


class StateObserver:
    """Goal dict (`state`) or one vector (`flat`)."""

    def __init__(self, task: Task, joints: int, *, flat: bool, level: bool = False):
        self.task, self.flat = task, flat
        self.triggered = False  # it has no pictures
        self._names = names = state_names(type(task), joints, level=level)
        n, g = len(names), len(task.tolerance)
        self._sizes = (n, n + g, n + 2 * g)
        limits = [1.0 if name.endswith("mm") else LIMIT for name in names] + [LIMIT] * 2 * g
        self._high = np.array(limits, np.float32)
        self._low = -self._high
        if flat:
            self.space: spaces.Space[Any] = box((n + 2 * g,), -LIMIT, LIMIT)
        else:
            parts = {"observation": n, "achieved_goal": g, "desired_goal": g}
            self.space = spaces.Dict({k: box((size,), -LIMIT, LIMIT) for k, size in parts.items()})

    @property
    def signals(self) -> tuple[list[int], str | None]:
        """Where the machine's signals are, and under which key."""
        found = [i for i, name in enumerate(self._names) if name in SIGNALS]
        return found, None if self.flat else "observation"

    @property
    def own(self) -> None:
        """Nothing is told of the controller's own commands that is not relative to what is sensed."""

    def begin(self, now: Snapshot) -> None:
        """Starts an episode."""
        self._previous = now.command_m

    def observe(
        self, cell: Cell, now: Snapshot, text: str, achieved: list[float], desired: list[float]
    ) -> Obs | npt.NDArray[np.float32]:
        """The observation of this step."""
        values = state(self.task, cell, now, self._previous)
        self._previous = now.command_m
        values += achieved
        values += desired
        flat = np.fromiter(values, np.float32, self._high.size)
        np.minimum(np.maximum(flat, self._low, out=flat), self._high, out=flat)
        if self.flat:
            return flat
        a, b, _ = self._sizes
        return {
            "observation": flat[:a],
            "achieved_goal": flat[a:b],
            "desired_goal": flat[b:],
        }
