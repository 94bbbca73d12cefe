"""UnloadChuck: take the named part out of the chuck of a vertical turning centre and put it on the outfeed.

The named part, which fits a chuck, starts clamped and machined; the door stands open. The PLC lets go of it
when the gripper has closed on it and the arm stands still. The spindle's axis is up, or level (machine
"horizontal_lathe", control "ee"): then the hand goes in level and turns the part down before the door.
Randomised: its size; one to three other parts in the tray; size, mass and friction by the split (seen:
+-0.05 mm, +-10 %, combined friction 0.20-0.35); fixture offset (seen: +-1 mm along x and y); the hand's
start (+-40 mm).
Success: the part stands upright (2 degrees) within 10 mm of the middle of the outfeed, gap below it <= 1 mm,
let go, hand at least 40 mm away, for 5 consecutive steps.
"""

from __future__ import annotations

from envs.cell.unloading import UnloadTask


class UnloadChuck(UnloadTask):
    """Take the named part out of the chuck and put it on the outfeed."""

    name = "UnloadChuck"
    machines = ("vertical_lathe", "horizontal_lathe")
    workholding = "chuck"
