"""What the hand is told, as numbers: how it stands, what signals say, how far the pointed-at places are.

Places come as world coordinates and are told against the hand, each distance through three magnifying
glasses, as in the cell's state observation: what is about to touch is told to a tenth of a millimetre.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.taught import COMMANDED, FORCE, MEASURED, OPENING, ROTATION

# A place is x, y, z (m) and turn (rad); not a number where it is not known.
TAKE, PUT = 0, 1
PLACE = 4
# Scales over which distances and turns are told; beyond, they are cut off at 1.
ZOOMS_M = (0.3, 0.03, 0.006)
TURNS_RAD = (1.0, 0.1)
# Where the hand is, is told from here, over this.
_MIDDLE_M, _REACH_M = np.array([0.3, -0.15, 0.2]), 0.25
_LAG_M, _FORCE_N, _TORQUE_NM, _OPENING_M = 0.005, 50.0, 5.0, 0.08
_MOST = 2.0
_FLAGS = slice(-9, -6)  # closed, gripped, inside
_TORQUE = slice(-3, None)
_N_PLACE = 3 * len(ZOOMS_M) + len(TURNS_RAD) + 1
# Groups of numbers, each of which becomes a token of the transformer.
GROUPS = {"hand": 8, "signals": 16, "take": _N_PLACE, "put": _N_PLACE}


def senses(robot: NDArray, machine: NDArray, places: NDArray) -> NDArray[np.float32]:
    """All groups side by side, (n, sum of `GROUPS`).

    Args:
        robot: (n, d) `agent_pos`.
        machine: (n, 6) the machine's signals.
        places: (n, 2, 4) where to take and where to put, in the world.
    """
    robot = np.asarray(robot, float)
    at, yaw = robot[:, COMMANDED], yaws_of(robot)
    lag = (robot[:, MEASURED] - at) / _LAG_M
    hand = [(at - _MIDDLE_M) / _REACH_M, lag, np.cos(yaw)[:, None], np.sin(yaw)[:, None]]
    signals = [
        robot[:, [OPENING]] / _OPENING_M,
        robot[:, _FLAGS],
        robot[:, FORCE] / _FORCE_N,
        robot[:, _TORQUE] / _TORQUE_NM,
        machine,
    ]
    found = [np.concatenate(group, 1).clip(-_MOST, _MOST) for group in (hand, signals)]
    found += [_told(places[:, which], at, yaw) for which in (TAKE, PUT)]
    return np.concatenate(found, 1).astype(np.float32)


def _told(place: NDArray, at: NDArray, yaw: NDArray) -> NDArray:
    """(n, _N_PLACE): a place against the hand, and whether it is known; zeros where it is not."""
    known = np.isfinite(place).all(1)
    away = place[:, :3] - at
    turn = np.angle(np.exp(1j * (place[:, 3] - yaw)))[:, None]
    parts = [(away / zoom).clip(-1, 1) for zoom in ZOOMS_M] + [(turn / t).clip(-1, 1) for t in TURNS_RAD]
    told = np.concatenate([*parts, np.ones((len(place), 1))], 1)
    return np.where(known[:, None], told, 0.0)


def yaws_of(robot: NDArray) -> NDArray:
    """(n,) turn about the vertical of tools that point down (rad)."""
    x, y, z, w = np.asarray(robot, float)[:, ROTATION].T
    yaw: NDArray = np.arctan2(2 * (x * y + z * w), 1 - 2 * (y * y + z * z))
    return yaw
