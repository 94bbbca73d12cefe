"""LoadChuck: put the named part into the three-jaw chuck of a turning centre and leave.

The spindle's axis is up, or level (machine "horizontal_lathe"): then the hand tilts the part before the door,
the PLC clamps hard while the hand still holds it, and control "ee" is needed; the state ends with where the
tool points and how the part lies against the spindle's axis. The Panda cannot hold its tool level there.

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

from envs.cell.loading import LoadTask, machine_of
from envs.cell.scene import Cell, PartState, Snapshot
from envs.cell.seating import chuck_gaps_m

GAP_M = 0.0001
RUN_OUT_M = 0.0001


class LoadChuck(LoadTask):
    """Load the named part into the chuck."""

    name = "LoadChuck"
    target = "chuck"
    machines = ("vertical_lathe", "horizontal_lathe")
    workholding = "chuck"
    tolerance = (RUN_OUT_M, GAP_M, 0.5, 0.5, 0.5)
    goals = ("run-out [m]", "gap [m]", "clamped hard", "released", "arm clear")

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """Run-out (m), gap (m), clamped hard, released, arm clear."""
        return [*chuck_gaps_m(machine_of(cell).spec, now.parts[0]), *self.conditions(cell, now)]

    def seats(self, cell: Cell, part: PartState) -> bool:
        """Whether the part is about where it belongs, for the reward."""
        run_out, gap = chuck_gaps_m(machine_of(cell).spec, part)
        return run_out < 0.003 and gap < 0.001

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """Run-out and gap in m, not finite until the part is clamped and let go and the arm is clear."""
        run_out, gap, *conditions = achieved
        done = all(conditions)
        return {"run_out_m": run_out if done else math.inf, "gap_m": gap if done else math.inf}
