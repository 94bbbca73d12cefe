"""Inverse kinematics of arms with more joints than the pose needs: damped least squares.

The iteration starts from `near`, so that an arm that follows small steps moves in small steps. A
null-space pull towards the home pose, in proportion to the motion asked for, keeps the elbow from
drifting over repeated paths and is nil when the arm already stands at the pose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from math import atan2, cos, sin, sqrt

import numpy as np

from robots._chain import Array, Flat, Unreachable, joint_list, rotation_rpy, squared_rotation
from robots.spec import ArmSpec, Vec3

_POSITION_TOL_M = 1e-6
_ROTATION_TOL_RAD = 1e-6
_MAX_STEP_RAD = 0.4
_ITERATIONS = 40
_STALL = 8  # iterations without progress before the next start is tried
_STARTS = 24  # of 10,000 random poses with a random `near`, none needed more than 10
_POOL = 6000
_PULL = 0.3  # rad towards home per rad of motion
_PULL_MAX = 0.05
_RIDGE = 1e-9
_UNIT = np.eye(6)


class RedundantSolver:
    """The `Solver` of one serial arm of any structure, 7 joints in mind."""

    def __init__(self, spec: ArmSpec) -> None:
        """Work out the constants of `spec`."""
        self._spec = spec
        self._n = len(spec.joints)
        self._lower = [j.lower_rad for j in spec.joints]
        self._upper = [j.upper_rad for j in spec.joints]
        self._home = np.array(spec.home_rad)
        # Joint frames turned so that each axis is z: the loop then needs one kind of rotation.
        before = np.eye(3)
        steps = []
        for joint in spec.joints:
            turned = _z_to(joint.axis)
            rotation = before.T @ rotation_rpy(joint.rpy_rad) @ turned
            steps.append(_step(rotation, before.T, joint.xyz_m))
            before = turned
        self._steps = tuple(steps)
        last = before.T @ rotation_rpy(spec.flange_rpy_rad)
        arms = [joint.xyz_m for joint in spec.joints[1:]] + [spec.flange_xyz_m]
        self._reach_m = sum(math.hypot(*arm) for arm in arms)
        self._flange = (*last.ravel().tolist(), *(before.T @ spec.flange_xyz_m).tolist())

    def _chain(self, q: Sequence[float]) -> tuple[Flat, list[float]]:
        """Return base to flange and, joint by joint, the axis (3) and the joint centre (3)."""
        xx, xy, xz, yx, yy, yz, zx, zy, zz = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0
        px = py = pz = 0.0
        lines: list[float] = []
        for angle, (ox, oy, oz, rolled, f) in zip(q, self._steps, strict=True):
            px += xx * ox + yx * oy + zx * oz
            py += xy * ox + yy * oy + zy * oz
            pz += xz * ox + yz * oy + zz * oz
            if rolled:
                c, s = rolled
                yx, yy, yz, zx, zy, zz = (
                    c * yx + s * zx,
                    c * yy + s * zy,
                    c * yz + s * zz,
                    c * zx - s * yx,
                    c * zy - s * yy,
                    c * zz - s * yz,
                )
            else:
                f00, f01, f02, f10, f11, f12, f20, f21, f22 = f
                xx, yx, zx = (
                    xx * f00 + yx * f10 + zx * f20,
                    xx * f01 + yx * f11 + zx * f21,
                    xx * f02 + yx * f12 + zx * f22,
                )
                xy, yy, zy = (
                    xy * f00 + yy * f10 + zy * f20,
                    xy * f01 + yy * f11 + zy * f21,
                    xy * f02 + yy * f12 + zy * f22,
                )
                xz, yz, zz = (
                    xz * f00 + yz * f10 + zz * f20,
                    xz * f01 + yz * f11 + zz * f21,
                    xz * f02 + yz * f12 + zz * f22,
                )
            c, s = cos(angle), sin(angle)
            xx, yx = c * xx + s * yx, c * yx - s * xx
            xy, yy = c * xy + s * yy, c * yy - s * xy
            xz, yz = c * xz + s * yz, c * yz - s * xz
            lines += (zx, zy, zz, px, py, pz)
        f00, f01, f02, f10, f11, f12, f20, f21, f22, ox, oy, oz = self._flange
        return (
            xx * f00 + yx * f10 + zx * f20,
            xx * f01 + yx * f11 + zx * f21,
            xx * f02 + yx * f12 + zx * f22,
            xy * f00 + yy * f10 + zy * f20,
            xy * f01 + yy * f11 + zy * f21,
            xy * f02 + yy * f12 + zy * f22,
            xz * f00 + yz * f10 + zz * f20,
            xz * f01 + yz * f11 + zz * f21,
            xz * f02 + yz * f12 + zz * f22,
            px + xx * ox + yx * oy + zx * oz,
            py + xy * ox + yy * oy + zy * oz,
            pz + xz * ox + yz * oy + zz * oz,
        ), lines

    def forward_flat(self, q: Sequence[float]) -> Flat:
        """Return base to flange as 12 floats: rotation row by row, then position in m."""
        return self._chain(q)[0]

    def solve(
        self,
        px: float,
        py: float,
        pz: float,
        r00: float,
        r01: float,
        r02: float,
        r10: float,
        r11: float,
        r12: float,
        r20: float,
        r21: float,
        r22: float,
        near: Sequence[float],
    ) -> list[float]:
        """Return joint angles in rad for a flange position (m) and rotation (rows).

        Raises:
            Unreachable: no start led to the pose within the limits.
            ValueError: the pose or `near` is not finite, or the pose is not rigid.
        """
        flat = (r00, r01, r02, r10, r11, r12, r20, r21, r22, px, py, pz)
        q = self._descend(flat, near)
        if q is not None:
            return q
        joint_list(self._spec, near, "near")
        flat = squared_rotation(flat)
        away = math.dist(flat[9:], self._spec.joints[0].xyz_m)
        if away > self._reach_m:
            raise Unreachable(
                f"{self._spec.name}: flange is {away:.4f} m from the shoulder; the links add up to "
                f"{self._reach_m:.4f} m"
            )
        for start in (near, *self._starts(flat, near)):
            q = self._descend(flat, start)
            if q is not None:
                return q
        raise Unreachable(
            f"{self._spec.name}: no joint vector within the limits found for the pose at "
            f"({flat[9]:.4f}, {flat[10]:.4f}, {flat[11]:.4f}) m from {_STARTS + 1} starts"
        )

    def solve_all(self, flat: Flat, near: Sequence[float]) -> list[list[float]]:
        """Return up to 8 distinct joint vectors out of the infinitely many, `solve`'s first."""
        found = [self.solve(*flat[9:], *flat[:9], near)]
        for start in self._starts(flat, near):
            q = self._descend(flat, start)
            if q is not None and all(math.dist(q, other) > 0.1 for other in found):
                found.append(q)
            if len(found) == 8:
                break
        return found

    @cached_property
    def _pool(self) -> tuple[Array, Array]:
        """Joint vectors spread over the limits and the flange poses that they give."""
        rng = np.random.default_rng(0)
        joints = rng.uniform(self._lower, self._upper, (_POOL, self._n))
        return joints, np.array([self.forward_flat(q) for q in joints.tolist()])

    def _starts(self, flat: Flat, near: Sequence[float]) -> list[list[float]]:
        """Return pool vectors by distance from the pose and, less so, from `near`."""
        joints, poses = self._pool
        distance = np.square(poses - flat).sum(1) + 0.01 * np.square(joints - near).sum(1)
        order = np.argsort(distance, kind="stable")[:_STARTS]
        starts: list[list[float]] = joints[order].tolist()
        return starts

    def _descend(self, flat: Flat, start: Sequence[float]) -> list[float] | None:
        """Return where damped least squares comes to from `start`, if it is at the pose."""
        lower, upper, n = self._lower, self._upper, self._n
        q = [min(max(a, lo), hi) for a, lo, hi in zip(start, lower, upper, strict=True)]
        t00, t01, t02, t10, t11, t12, t20, t21, t22, tx, ty, tz = flat
        best, stalled, pull = math.inf, 0, True
        for _ in range(_ITERATIONS):
            pose, lines = self._chain(q)
            r00, r01, r02, r10, r11, r12, r20, r21, r22, px, py, pz = pose
            ex, ey, ez = tx - px, ty - py, tz - pz
            # Half the sum of the cross products of matching columns: sin(angle) times the axis.
            ax = 0.5 * (r10 * t20 - r20 * t10 + r11 * t21 - r21 * t11 + r12 * t22 - r22 * t12)
            ay = 0.5 * (r20 * t00 - r00 * t20 + r21 * t01 - r01 * t21 + r22 * t02 - r02 * t22)
            az = 0.5 * (r00 * t10 - r10 * t00 + r01 * t11 - r11 * t01 + r02 * t12 - r12 * t02)
            sin_angle = sqrt(ax * ax + ay * ay + az * az)
            trace = r00 * t00 + r10 * t10 + r20 * t20 + r01 * t01 + r11 * t11 + r21 * t21
            trace += r02 * t02 + r12 * t12 + r22 * t22
            angle = atan2(sin_angle, 0.5 * (trace - 1.0))
            if sin_angle > 1e-9:
                k = angle / sin_angle
                ax, ay, az = ax * k, ay * k, az * k
            off_sq = ex * ex + ey * ey + ez * ez
            error = off_sq + angle * angle
            if off_sq <= _POSITION_TOL_M**2 and angle <= _ROTATION_TOL_RAD:
                # A stretched or sheared matrix can pass as an angle, but not entry by entry.
                return q if math.dist(pose, flat) <= 4e-6 else None
            if error < 0.9 * best:
                best, stalled = error, 0
            else:
                stalled += 1
                if stalled > _STALL or not error < math.inf:
                    return None
            jacobian = np.array(_columns(lines, px, py, pz)).reshape(n, 6)
            task = np.array((ex, ey, ez, ax, ay, az))
            step = self._step(jacobian, task, q, 0.2 * error * error + _RIDGE, pull)
            pull = False
            moved = zip(q, step, lower, upper, strict=True)
            q = [min(max(a + d, lo), hi) for a, d, lo, hi in moved]
        return None

    def _step(self, jacobian: Array, task: Array, q: list[float], damping: float, pull: bool) -> list[float]:
        """Return the joint step (n,); joints that stand at a limit and would leave it are held."""
        lower, upper = self._lower, self._upper
        while True:
            normal = jacobian.T @ jacobian + damping * _UNIT
            if pull:
                home = self._home - q
                both = np.linalg.solve(normal, np.array((task, home @ jacobian)).T)
                moves = jacobian @ both
                dq = moves[:, 0]
                gain = min(_PULL_MAX, _PULL * sqrt(float(dq @ dq)))
                dq = dq + gain * (home - moves[:, 1]) * (jacobian != 0.0).any(1)
            else:
                dq = jacobian @ np.linalg.solve(normal, task)
            step: list[float] = dq.tolist()
            held = [
                i
                for i, d in enumerate(step)
                if (q[i] >= upper[i] and d > 1e-12) or (q[i] <= lower[i] and d < -1e-12)
            ]
            if not held:
                break
            jacobian[held] = 0.0
        largest = max(max(step), -min(step))
        if largest > _MAX_STEP_RAD:
            step = [d * _MAX_STEP_RAD / largest for d in step]
        return step


def _columns(lines: list[float], px: float, py: float, pz: float) -> list[float]:
    """Return the Jacobian at point p, joint by joint: axis x (p - centre), then axis."""
    out: list[float] = []
    values = iter(lines)
    for zx, zy, zz, cx, cy, cz in zip(values, values, values, values, values, values, strict=True):
        dx, dy, dz = px - cx, py - cy, pz - cz
        out += (zy * dz - zz * dy, zz * dx - zx * dz, zx * dy - zy * dx, zx, zy, zz)
    return out


def _z_to(axis: Vec3) -> Array:
    """Return a rotation that takes z to a unit axis; the identity for z itself."""
    z = np.array(axis)
    helper = np.eye(3)[0 if abs(z[0]) < 0.9 else 1]
    x = helper - z * (z @ helper)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


_Step = tuple[float, float, float, tuple[float, float] | None, tuple[float, ...]]


def _step(rotation: Array, turn: Array, xyz_m: Vec3) -> _Step:
    """Return a joint's offset, its (cos, sin) if its frame is a mere roll, and its rotation."""
    ox, oy, oz = (turn @ xyz_m).tolist()
    roll = (float(rotation[1, 1]), float(rotation[2, 1])) if rotation[0, 0] == 1.0 else None
    return ox, oy, oz, roll, tuple(rotation.ravel().tolist())
