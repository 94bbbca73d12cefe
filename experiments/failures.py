"""Why an episode failed: one cause, told by signs that are read off the episode's ledger and parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# In the order in which they are asked for, see `cause`.
CAUSES = ("interlock", "wrong object", "dropped", "jammed", "collision", "missed grasp", "time-out")
# A part whose middle has risen by this, or that was moved by this while held, has been taken.
TAKEN_M = 0.015
# A part that fell this far after the hand let go of it was dropped; what is put down falls 0.2 mm.
DROP_M = 0.010
# A part this close to where it belongs, in the plane and in height, that is not as it should be is jammed.
NEAR_M, LOW_M = 0.025, 0.060
# A brush is not a collision: so many control periods (of 50 ms) in contact are.
COLLISION_STEPS = 5


@dataclass(frozen=True)
class Signs:
    """What is seen of an episode.

    Attributes:
        success: Whether the task was done.
        taken: Parts that were taken, in the order in which they first were; 0 is the named one.
        fell_m: How far the named part fell after the hand had let go of it, at most.
        at_goal: Whether it ended near where it belongs.
        seat_alarms: How often the machine found it badly seated.
        refused: Requests that an interlock refused.
        collision_steps: Control periods in which arm or hand pressed on what they must not touch.
        closed: Whether the gripper was told to close.
    """

    success: bool
    taken: tuple[int, ...] = ()
    fell_m: float = 0.0
    at_goal: bool = False
    seat_alarms: int = 0
    refused: int = 0
    collision_steps: int = 0
    closed: bool = False


def cause(signs: Signs) -> str | None:
    """Return one of `CAUSES`; None for a success.

    What is unsafe comes first, then what was done to parts in the order of the work turned round: a part
    that was dropped on the way had been grasped, whatever was brushed before.
    """
    if signs.success:
        return None
    named = 0 in signs.taken
    found = {
        "interlock": signs.refused > 0,
        "wrong object": bool(signs.taken) and signs.taken[0] != 0,
        "dropped": named and signs.fell_m > DROP_M,
        "jammed": named and (signs.at_goal or signs.seat_alarms > 0),
        "collision": signs.collision_steps >= COLLISION_STEPS,
        "missed grasp": not named and signs.closed,
        "time-out": True,
    }
    return next(name for name in CAUSES if found[name])


class Witness:
    """Watches an episode in a cell, step by step; of other environments it sees only how they end.

    Args:
        env: The environment, wrapped or not.
    """

    def __init__(self, env: Any) -> None:
        self._env = env.unwrapped

    def begin(self) -> None:
        """Start, just after a reset."""
        cell = getattr(self._env, "cell", None)
        self._bodies = list(getattr(cell, "bodies", ()))
        self._start = self._places()
        self._taken: list[int] = []
        self._grasps = self._releases = self._collisions = 0
        self._released_z_m: float | None = None
        self._fell_m = 0.0
        self._closed = self._success = False

    def look(self, info: Mapping[str, Any], action: Any) -> None:
        """Take in one step."""
        self._success = bool(info.get("is_success", False))
        self._collisions += bool(info.get("costs", {}).get("collision", 0.0))
        if not self._bodies:
            return
        gripper = -2 if self._env.task.commands else -1
        self._closed = self._closed or float(action[gripper]) < 0.0
        places = self._places()
        ledger = self._env.ledger
        grasps, releases = ledger.count("part_grasped"), ledger.count("part_released")
        for k, (now, before) in enumerate(zip(places, self._start, strict=True)):
            held = k == 0 and grasps > releases and math.dist(now, before) > TAKEN_M
            if k not in self._taken and (now[2] - before[2] > TAKEN_M or held):
                self._taken.append(k)
        z_m = places[0][2]
        if releases > self._releases:
            self._released_z_m = z_m
        if grasps > self._grasps:
            self._released_z_m = None
        if self._released_z_m is not None:
            self._fell_m = max(self._fell_m, self._released_z_m - z_m)
        self._grasps, self._releases = grasps, releases

    def signs(self) -> Signs:
        """Return what was seen, at the end of the episode."""
        ledger = getattr(self._env, "ledger", None)
        alarms = [e.data.get("name") for e in ledger.select("alarm")] if ledger is not None else []
        return Signs(
            self._success,
            tuple(self._taken),
            self._fell_m,
            self._at_goal(),
            alarms.count("seat"),
            ledger.count("interlock") if ledger is not None else 0,
            self._collisions,
            self._closed,
        )

    def _places(self) -> list[tuple[float, float, float]]:
        """Middles of the parts (m, world)."""
        return [self._env.world.pose(body)[0] for body in self._bodies]

    def _at_goal(self) -> bool:
        if not self._bodies:
            return False
        task, cell = self._env.task, self._env.cell
        if hasattr(task, "home_m"):
            goal = task.home_m(cell)
        elif task.places:
            goal = cell.draw.goal_m
        else:
            return False
        (x, y, z), height = self._places()[0], cell.kinds[0].height_m
        return math.hypot(x - goal[0], y - goal[1]) < NEAR_M and abs(z - height / 2 - goal[2]) < LOW_M
