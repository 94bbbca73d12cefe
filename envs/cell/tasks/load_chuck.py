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

from envs.cell.loading import LoadTask
from envs.cell.scene import Cell, PartState, Snapshot

GAP_M = 0.0001
RUN_OUT_M = 0.0001


class LoadChuck(LoadTask):
    """Load the named part into the chuck."""

    name = "LoadChuck"
    target = " into the chuck"
    machines = ("vertical_lathe",)
    workholding = "chuck"
    tolerance = (RUN_OUT_M, GAP_M, 0.5, 0.5, 0.5)
    goals = ("run-out [m]", "gap [m]", "clamped hard", "released", "arm clear")

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """Run-out (m), gap (m), clamped hard, released, arm clear."""
        part, axis = now.parts[0], self.home_m(cell)
        return [part.run_out_m(axis), part.seat_gap_m(axis[2]), *self.conditions(cell, now)]

    def seats(self, cell: Cell, part: PartState) -> bool:
        """Whether the part is about where it belongs, for the reward."""
        axis = self.home_m(cell)
        return part.run_out_m(axis) < 0.003 and part.seat_gap_m(axis[2]) < 0.001

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """Run-out and gap in m, not finite until the part is clamped and let go and the arm is clear."""
        run_out, gap, *conditions = achieved
        done = all(conditions)
        return {"run_out_m": run_out if done else math.inf, "gap_m": gap if done else math.inf}
