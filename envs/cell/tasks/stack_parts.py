"""StackParts: put the named part on another part.

Randomised: two to four candidates of different colour, any family, size and slot; pose, size, mass and
friction by the split (seen: +-20 mm, any yaw, +-0.05 mm, +-10 %, combined friction 0.20-0.35); the hand's
start (+-40 mm).
Success: the part stands upright (2 degrees) on the other, axes within 8 mm, gap between them <= 1 mm, let go,
hand at least 40 mm away, for 5 consecutive steps.
"""

from __future__ import annotations

from envs.cell.candidates import ambiguous
from envs.cell.draw import Draw
from envs.cell.kept import kept
from envs.cell.placing import GAP_M, LEAN_RAD, PlaceTask
from envs.cell.scene import Cell, PartState, Snapshot
from robots.spec import Vec3


@kept
def top_m(part: PartState) -> Vec3:
    """The middle of a part's top (world)."""
    h = part.kind.height_m
    x, y, z = (b + h * u for b, u in zip(part.bottom_m, part.up, strict=True))
    return (x, y, z)


class StackParts(PlaceTask):
    """Put the named part on another."""

    name = "StackParts"
    verb = "stack"
    into = "on"
    WITHIN_M = 0.008
    tolerance = (WITHIN_M, GAP_M, LEAN_RAD, 0.5, 0.5)

    def destination_m(self, cell: Cell, now: Snapshot) -> Vec3:
        """The middle of the other part's top."""
        return top_m(now.parts[1])

    def target_of(self, draw: Draw) -> str:
        """The other part, by colour and word, and by size where those leave it open which."""
        below = draw.candidates[1]
        size = (
            f"{below.kind.size} " if ambiguous([(c.colour, c.kind.word) for c in draw.candidates], 1) else ""
        )
        return f"{size}{below.colour} {below.kind.word}"
