"""LoadVise: put the named block into the vise of a machining centre and leave.

Randomised: two to four candidates of different colour, any size and slot (the named one is a block, others
are distractors); pose, size, mass and friction by the split (seen: +-20 mm, any yaw, +-0.05 mm, +-10 %,
combined friction 0.20-0.35); fixture offset (seen: +-1 mm along x and y); the hand's start (+-40 mm).
Fixed jaw and end stop are set up for the block's nominal size, the moving jaw stands open 2 mm. The hand
pushes the block against the end stop, the moving jaw against the fixed one. The PLC clamps and unclamps.
Success: vise clamped hard, gaps to fixed jaw, end stop and bed <= 0.1 mm each, part released by the gripper,
arm clear of the door, for 5 consecutive steps.
"""

from __future__ import annotations

import math
from dataclasses import replace

from envs.cell.loading import LoadTask, machine_of
from envs.cell.plan import KeyPose
from envs.cell.scene import Cell, PartState, Snapshot
from envs.cell.seating import vise_gaps_m
from robots.spec import Vec3

GAP_M = 0.0001
# The block goes down this far off fixed jaw and end stop, then this far on: up to the jaw, and a little
# farther than the stop, which takes up what the fingers yield.
OFF_M = 0.001
SHORT_OF_JAW_M, PAST_STOP_M = 0.00005, 0.0001
PUSH_M_S = 0.02
# A hand that has brought the block so near to the stop stays: pressed harder, it springs back when let go.
AT_STOP_M = 0.00003


class LoadVise(LoadTask):
    """Load the named block into the vise."""

    name = "LoadVise"
    target = "vise"
    machines = ("machining_centre",)
    workholding = "vise"
    tolerance = (GAP_M, GAP_M, GAP_M, 0.5, 0.5, 0.5)
    goals = ("jaw gap [m]", "stop gap [m]", "bed gap [m]", "clamped hard", "released", "arm clear")
    ON_AXIS_M = 0.0003
    TURNED_RAD = 0.005
    # Pressed on the bed a little: what falls a tenth of a millimetre when let go jumps off the stop.
    ABOVE_M = -0.00005

    def home_m(self, cell: Cell) -> Vec3:
        """Where the middle of the seated part's bottom is (world): on both stops, whatever its size."""
        return machine_of(cell).spec.seated_m(cell.draw.candidates[0].across_m)

    def entry_m(self, cell: Cell) -> Vec3:
        """Off the fixed jaw and the end stop."""
        x, y, z = self.home_m(cell)
        return (x - OFF_M, y - OFF_M, z)

    def push(self, seat: KeyPose, cell: Cell, now: Snapshot) -> list[KeyPose]:
        """Along the bed to the end stop, and nearly to the fixed jaw: the soft clamp does the rest."""
        (x, y, z), home = seat.position_m, self.home_m(cell)
        to = (x + OFF_M - SHORT_OF_JAW_M, y + OFF_M + PAST_STOP_M, z)
        part, stop_m = now.parts[0], machine_of(cell).spec.stop_height_m
        # A block that leans on the stop touches it with its face at the stop's upper edge.
        if now.held and home[1] - part.bottom_m[1] - stop_m * max(0.0, part.up[1]) < AT_STOP_M:
            to = now.command_m
        return [replace(seat, wait="none"), replace(seat, name="push", position_m=to, speed_m_s=PUSH_M_S)]

    def achieved(self, cell: Cell, now: Snapshot) -> list[float]:
        """Gaps to fixed jaw, end stop and bed (m), clamped hard, released, arm clear."""
        return [*self._gaps_m(cell, now.parts[0]), *self.conditions(cell, now)]

    def seats(self, cell: Cell, part: PartState) -> bool:
        """Whether the part is about where it belongs, for the reward."""
        return max(self._gaps_m(cell, part)) < 0.001

    @staticmethod
    def _gaps_m(cell: Cell, part: PartState) -> tuple[float, float, float]:
        return vise_gaps_m(machine_of(cell).spec, part, cell.draw.candidates[0].across_m)

    def metrics(self, cell: Cell, now: Snapshot, achieved: list[float]) -> dict[str, float]:
        """Gaps in m, not finite until the part is clamped and let go and the arm is clear."""
        gaps = achieved[:3] if all(achieved[3:]) else (math.inf, math.inf, math.inf)
        return dict(zip(("jaw_gap_m", "stop_gap_m", "bed_gap_m"), gaps, strict=True))
