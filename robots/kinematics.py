"""Forward and inverse kinematics of the arms: never a silently wrong joint vector.

Poses are base to flange, (4, 4), metres; joint vectors are radians. A loop that cannot afford
arrays takes the `Solver` of `solver(spec)`, which every function here wraps.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from robots import _offset, _redundant, _spherical
from robots._chain import Array, Flat, Solver, Unreachable, chain_frames, joint_list
from robots.spec import ArmSpec

__all__ = [
    "Flat",
    "Solver",
    "Unreachable",
    "forward",
    "inverse",
    "inverse_all",
    "jacobian",
    "link_frames",
    "solver",
]


@lru_cache(maxsize=64)
def solver(spec: ArmSpec) -> Solver:
    """Return the scalar solver of an arm, made once per spec.

    `solve(px, py, pz, r00, r01, ..., r22, near)` gives a list of angles; `forward_flat(q)` gives 12
    floats, rotation row by row and then position. Both take plain floats. `solve` checks its answer
    and raises as `inverse` does; `forward_flat` does not check its input.

    Raises:
        ValueError: the arm does not have the structure that its `solver` field names.
    """
    if spec.solver == "spherical_wrist":
        return _spherical.build(spec)
    if spec.solver == "offset_wrist":
        return _offset.OffsetSolver(spec)
    return _redundant.RedundantSolver(spec)


def forward(spec: ArmSpec, q: ArrayLike) -> Array:
    """Return base to flange, (4, 4), for joint angles (n,) in rad, inside the limits or not.

    Raises:
        ValueError: `q` has the wrong length or is not finite.
    """
    flat = solver(spec).forward_flat(joint_list(spec, q, "q"))
    pose = np.empty((4, 4))
    pose[:3, :3] = np.reshape(flat[:9], (3, 3))
    pose[:3, 3] = flat[9:]
    pose[3] = (0.0, 0.0, 0.0, 1.0)
    return pose


def link_frames(spec: ArmSpec, q: ArrayLike) -> Array:
    """Return base to each link frame, (n, 4, 4), for joint angles (n,) in rad.

    Raises:
        ValueError: `q` has the wrong length or is not finite.
    """
    return chain_frames(spec, joint_list(spec, q, "q"))[:-1]


def jacobian(spec: ArmSpec, q: ArrayLike) -> Array:
    """Return the geometric Jacobian at the flange, (6, n), in the base frame.

    Rows are linear velocity (m/s) and then angular velocity (rad/s) per joint speed (rad/s).

    Raises:
        ValueError: `q` has the wrong length or is not finite.
    """
    frames = chain_frames(spec, joint_list(spec, q, "q"))
    axes = np.einsum("nij,nj->ni", frames[:-1, :3, :3], [j.axis for j in spec.joints])
    arms = frames[-1, :3, 3] - frames[:-1, :3, 3]
    return np.vstack([np.cross(axes, arms).T, axes.T])


def inverse(spec: ArmSpec, pose: ArrayLike, near: ArrayLike) -> Array:
    """Return the joint angles, (n,), that bring the flange to a pose (4, 4).

    A six-axis arm gets the branch nearest `near` in Euclidean joint distance, every joint at the turn
    nearest `near` within its limits; at a wrist singularity J4 (offset wrist: J6) stays at `near`, and
    where the centre of a spherical wrist lies on the J1 axis J1 does. Its residual is below 1e-9 m and
    1e-8 rad. A redundant arm gets the joint vector that damped least squares reaches from `near`, to
    1e-6 m and 1e-6 rad; where that fails, from other starts.

    Raises:
        Unreachable: out of reach, or outside the limits in every branch.
        ValueError: the pose is not finite or not rigid, or `near` does not fit the arm.
    """
    flat, start = _flat(pose), joint_list(spec, near, "near")
    return np.array(solver(spec).solve(*flat[9:], *flat[:9], start))


def inverse_all(spec: ArmSpec, pose: ArrayLike, near: ArrayLike | None = None) -> Array:
    """Return every branch to a pose (4, 4) within the limits: (k, n), k from 1 to 8.

    Each joint is at its turn nearest `near` (home if left out). Of a redundant arm's continuum this
    gives up to 8 members.

    Raises:
        Unreachable: out of reach, or outside the limits in every branch.
        ValueError: the pose is not finite or not rigid, or `near` does not fit the arm.
    """
    start = joint_list(spec, spec.home_rad if near is None else near, "near")
    return np.array(solver(spec).solve_all(_flat(pose), start))


def _flat(pose: ArrayLike) -> Flat:
    array = np.asarray(pose, dtype=np.float64)
    if array.shape != (4, 4):
        raise ValueError(f"pose has shape {array.shape}: (4, 4) is needed")
    if array[3].tolist() != [0.0, 0.0, 0.0, 1.0]:
        raise ValueError(f"pose has last row {array[3].tolist()}: 0, 0, 0, 1 is needed")
    flat: Flat = (*array[:3, :3].ravel().tolist(), *array[:3, 3].tolist())
    return flat
