"""What lies between looks and is never learned: from above, straight down and up, round the robot's foot.

Where the work is follows from the places that were seen, not from the task: hands go through the machine's
door, wait there for its signals and feel their way down to the seat; elsewhere a part is set down and let go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

Vec3 = tuple[float, float, float]
# Over a part before and after it is taken; how far a hand rises that has let go, in a machine and elsewhere.
OVER_M, LIFT_M, RISE_M, AWAY_M = 0.065, 0.060, 0.035, 0.065
# The way point before the door, and how high it is; what is farther along x is inside.
DOOR_M: Vec3 = (0.245, 0.0, 0.270)
INSIDE_M = DOOR_M[0] + 0.06
# No hand comes nearer to the axis of the robot's foot than the first; it passes at the second.
FOOT_M, PASS_M = 0.22, 0.28
# A part goes down slowly: to a seat until a signal tells, elsewhere from so far above until it is felt.
SLOW_M_S, NEAR_PLACE_M = 0.12, 0.027


@dataclass(frozen=True)
class Pose:
    """One pose on the way, in the world; as `agents.taught` follows them."""

    name: str
    position_m: Vec3
    yaw_rad: float
    close: bool
    speed_m_s: float = 1.0
    wait: str = "none"
    tilt_rad: float = 0.0


def is_inside(at_m: Vec3) -> bool:
    """Whether a place is beyond the machine's door."""
    return at_m[0] > INSIDE_M


def fetch(place_m: Vec3, yaw_rad: float) -> list[Pose]:
    """From above down to a part, close, and up; a machine is waited for to let go of it."""
    x, y, z = place_m
    grasp = Pose("grasp", place_m, yaw_rad, False, wait="settled")
    approach = replace(grasp, name="approach", position_m=(x, y, z + OVER_M), wait="none")
    close = replace(grasp, name="close", close=True, wait="gripped")
    high = replace(close, name="lift", position_m=(x, y, z + LIFT_M), wait="none")
    if not is_inside(place_m):
        return [approach, grasp, close, high]
    high = replace(high, position_m=(x, y, DOOR_M[2]))
    door = Pose("door", DOOR_M, yaw_rad, False)
    hold = replace(close, name="hold", wait="unclamped")
    return [door, approach, grasp, close, hold, high, replace(high, name="door", position_m=DOOR_M)]


def over(at_m: Vec3, place_m: Vec3, yaw_rad: float) -> list[Pose]:
    """To above a place with a part in the hand."""
    high = max(DOOR_M[2], place_m[2] + AWAY_M)
    above = Pose("above", (place_m[0], place_m[1], high), yaw_rad, True)
    passing = [] if is_inside(place_m) else around(at_m, place_m)
    return [*(replace(above, name="pass", position_m=(x, y, DOOR_M[2])) for x, y in passing), above]


def set_down(place_m: Vec3, yaw_rad: float) -> list[Pose]:
    """From above a place outside machines straight down, open, and up."""
    x, y, z = place_m
    down = Pose("place", (x, y, z), yaw_rad, True)
    return [replace(down, name="above", position_m=(x, y, z + NEAR_PLACE_M)), down, *let_go(down)]


def let_go(down: Pose) -> list[Pose]:
    """Open where a part stands, and straight up."""
    (x, y, z), release = down.position_m, replace(down, name="release", close=False, wait="open")
    return [release, replace(release, name="exit", position_m=(x, y, z + AWAY_M), wait="none")]


def leave_seat(seat: Pose) -> list[Pose]:
    """Open between the jaws, wait until they hold, straight up, and out of the door."""
    x, y, z = seat.position_m
    release = replace(seat, name="release", close=False, wait="hard clamp", speed_m_s=1.0)
    return [
        release,
        replace(release, name="retreat", position_m=(x, y, min(DOOR_M[2], z + RISE_M)), wait="none"),
        replace(release, name="exit", position_m=(DOOR_M[0] - 0.02, y, DOOR_M[2]), wait="none"),
    ]


def around(at_m: Vec3, to_m: Vec3) -> list[tuple[float, float]]:
    """A way point (x, y) where the straight way comes too near the robot's foot; none where it does not."""
    dx, dy = to_m[0] - at_m[0], to_m[1] - at_m[1]
    length = math.hypot(dx, dy)
    if length < 1e-9:
        return []
    share = -(at_m[0] * dx + at_m[1] * dy) / length**2
    nx, ny = at_m[0] + share * dx, at_m[1] + share * dy
    near = math.hypot(nx, ny)
    if not 0.0 < share < 1.0 or near >= FOOT_M:
        return []
    # On the side of the machine, whatever side the straight way would take.
    c, s = (nx / near, ny / near) if nx > 0.0 else (1.0, 0.0)
    return [(PASS_M * c, PASS_M * s)]
