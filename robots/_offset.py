"""Closed-form kinematics of six-axis arms with an offset wrist, such as Universal Robots'.

J1 is upright, J2, J3 and J4 are parallel and level, J5 and J6 each stand across the one before. With
t = q2 + q3 + q4, the wrist's turn in the frame of J1 is Rz(t) Ry(-q5) Rz(q6), a plain set of Euler angles;
what is left of the position is a plane two-link arm (Hawkins, Georgia Tech 2013, in other words).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from math import atan2, cos, hypot, pi, remainder, sin, sqrt

from robots._chain import Flat, Unreachable, joint_list, squared_rotation
from robots.spec import ArmSpec

_POSITION_TOL_M = 1e-9
# The Frobenius norm of a difference of rotations is sqrt(2) times the angle between them.
_TURN_TOL = 1e-8 * sqrt(2.0)
_LIMIT_TOL_RAD = 1e-10  # rounding allowance; the angle is then clamped to the limit
_SINGULAR_SIN = 2e-9  # below this |sin J5| J6 is free, within the rotation residual
_STRETCHED = 1.000000000001  # a cosine may round to beyond one; the residual check has the last word
_TURN = 2.0 * pi
_QUARTER = pi / 2

# Of each joint frame the roll, whether it may have a yaw, and which offsets it may have.
_STRUCTURE = (
    (0.0, True, (2,)),
    (_QUARTER, False, ()),
    (0.0, False, (0,)),
    (0.0, False, (0, 2)),
    (_QUARTER, False, (1,)),
    (-_QUARTER, False, (1,)),
)


class OffsetSolver:
    """The `Solver` of one offset-wrist arm.

    Raises:
        ValueError: the arm does not have the structure that this module solves.
    """

    def __init__(self, spec: ArmSpec) -> None:
        self._spec = spec
        self._check()
        j1, _, j3, j4, j5, j6 = spec.joints
        self._d1, self._yaw = j1.xyz_m[2], j1.rpy_rad[2]
        self._a2, self._a3, self._d4 = j3.xyz_m[0], j4.xyz_m[0], j4.xyz_m[2]
        self._d5, self._d6 = -j5.xyz_m[1], j6.xyz_m[1]
        self._limits = [(j.lower_rad, j.upper_rad) for j in spec.joints]
        self._squares, self._product = self._a2**2 + self._a3**2, 2.0 * self._a2 * self._a3

    def _check(self) -> None:
        spec = self._spec
        good = len(spec.joints) == 6 and not any((*spec.flange_xyz_m, *spec.flange_rpy_rad))
        for joint, (roll, yawed, free) in zip(spec.joints, _STRUCTURE, strict=False):
            turn = (joint.rpy_rad[0] - roll, joint.rpy_rad[1], 0.0 if yawed else joint.rpy_rad[2])
            aside = (x for i, x in enumerate(joint.xyz_m) if i not in free)
            good &= joint.axis == (0.0, 0.0, 1.0) and max(map(abs, (*turn, *aside))) < 1e-12
        if not good:
            raise ValueError(f"{spec.name}: joints and flange do not fit the offset-wrist structure")

    def forward_flat(self, q: Sequence[float]) -> Flat:
        """Return base to flange as 12 floats: rotation row by row, then position in m."""
        q1, q2, q3, q4, q5, q6 = q
        t1, t23 = q1 + self._yaw, q2 + q3
        t = t23 + q4
        c1, s1, c, s, c5, s5, c6, s6 = cos(t1), sin(t1), cos(t), sin(t), cos(q5), sin(q5), cos(q6), sin(q6)
        # Rz(t) Ry(-q5) Rz(q6) by rows, and the flange in the frame of J1: (along, up, -across).
        m00, m01, m02 = c * c5 * c6 - s * s6, -c * c5 * s6 - s * c6, -c * s5
        m10, m11, m12 = s * c5 * c6 + c * s6, c * c6 - s * c5 * s6, -s * s5
        m20, m21, m22 = s5 * c6, -s5 * s6, c5
        d5, d6 = self._d5, self._d6
        x = self._a2 * cos(q2) + self._a3 * cos(t23) + d5 * s + d6 * m02
        y = self._a2 * sin(q2) + self._a3 * sin(t23) - d5 * c + d6 * m12
        z = self._d4 + d6 * m22
        return (
            c1 * m00 + s1 * m20, c1 * m01 + s1 * m21, c1 * m02 + s1 * m22,
            s1 * m00 - c1 * m20, s1 * m01 - c1 * m21, s1 * m02 - c1 * m22,
            m10, m11, m12,
            c1 * x + s1 * z, s1 * x - c1 * z, self._d1 + y,
        )  # fmt: skip

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
        """Return the joint angles nearest `near`; see `kinematics.inverse`."""
        flat = (r00, r01, r02, r10, r11, r12, r20, r21, r22, px, py, pz)
        best = self._nearest(flat, near) if self._fits(near) else None
        if best is None:  # bad input and a rounded rotation cost nothing until here
            near = self._clamped(joint_list(self._spec, near, "near"))
            best = self._nearest(squared_rotation(flat), near)
        if best is None:
            raise Unreachable(self._why(flat))
        return best

    def solve_all(self, flat: Flat, near: Sequence[float]) -> list[list[float]]:
        """Return every branch within the limits, each joint at its turn nearest `near`."""
        found = [q for _, q in self._branches(flat, near, prune=False)] if self._fits(near) else []
        if not found:
            near, flat = self._clamped(joint_list(self._spec, near, "near")), squared_rotation(flat)
            found = [q for _, q in self._branches(flat, near, prune=False)]
        if not found:
            raise Unreachable(self._why(flat))
        return found

    def _nearest(self, flat: Flat, near: Sequence[float]) -> list[float] | None:
        return min(self._branches(flat, near, prune=True), default=(0.0, None))[1]

    def _fits(self, near: Sequence[float]) -> bool:
        return len(near) == 6 and all(lo <= q <= hi for q, (lo, hi) in zip(near, self._limits, strict=True))

    def _clamped(self, q: Sequence[float]) -> list[float]:
        return [min(max(a, lo), hi) for a, (lo, hi) in zip(q, self._limits, strict=True)]

    def _turned(self, joint: int, angle: float, near: float) -> float | None:
        """The turn of an angle nearest `near` within the joint's limits."""
        low, high = self._limits[joint]
        q = near + remainder(angle - near, _TURN)
        if low <= q <= high:
            return q
        while q > high + _LIMIT_TOL_RAD:
            q -= _TURN
        while q < low - _LIMIT_TOL_RAD:
            q += _TURN
        return min(max(q, low), high) if q <= high + _LIMIT_TOL_RAD else None

    def _branches(
        self, flat: Flat, near: Sequence[float], *, prune: bool
    ) -> Iterator[tuple[float, list[float]]]:
        """Yields squared distance to `near` and joint angles; `prune` leaves out what is not the nearest."""
        best = math.inf
        px, py = flat[9] - self._d6 * flat[2], flat[10] - self._d6 * flat[5]
        rho = hypot(px, py)
        share = self._d4 / rho if rho > 0.0 else math.inf
        if abs(share) > _STRETCHED:
            return
        aim, lean = atan2(py, px) - self._yaw, math.asin(min(1.0, max(-1.0, share)))
        shoulders = []
        for angle in (aim + lean, aim + pi - lean):
            q1 = self._turned(0, angle, near[0])
            if q1 is not None:
                shoulders.append(((q1 - near[0]) ** 2, q1))
        for d1, q1 in sorted(shoulders):
            if prune and d1 >= best:
                return
            for d, wrist in self._wrists(flat, q1, near):
                if prune and d1 + d >= best:
                    continue
                for e, q in self._elbows(flat, q1, *wrist, near):
                    if not (prune and d1 + d + e >= best) and self._exact(q, flat):
                        best = min(best, d1 + d + e)
                        yield d1 + d + e, q

    def _wrists(
        self, flat: Flat, q1: float, near: Sequence[float]
    ) -> list[tuple[float, tuple[float, float, float]]]:
        """Squared distance of J5 and J6 to `near`, and (q5, q6, q2 + q3 + q4), the nearer first."""
        c1, s1 = cos(q1 + self._yaw), sin(q1 + self._yaw)
        r00, r01, r02, r10, r11, r12, r20, r21, _, _, _, _ = flat
        m00, m01 = c1 * r00 + s1 * r10, c1 * r01 + s1 * r11
        m20, m21, m22 = s1 * r00 - c1 * r10, s1 * r01 - c1 * r11, s1 * r02 - c1 * r12
        across = hypot(m20, m21)
        found = []
        for sign in (1.0, -1.0):
            q5 = self._turned(4, atan2(sign * across, m22), near[4])
            free = across < _SINGULAR_SIN
            q6 = near[5] if free else self._turned(5, atan2(-sign * m21, sign * m20), near[5])
            if q5 is not None and q6 is not None:
                # From the J6 that was chosen: exact where sin J5 leaves it ill-defined.
                c6, s6 = cos(q6), sin(q6)
                turn = atan2(-(m00 * s6 + m01 * c6), r20 * s6 + r21 * c6)
                found.append(((q5 - near[4]) ** 2 + (q6 - near[5]) ** 2, (q5, q6, turn)))
        return sorted(found)

    def _elbows(
        self, flat: Flat, q1: float, q5: float, q6: float, turn: float, near: Sequence[float]
    ) -> Iterator[tuple[float, list[float]]]:
        """Yields squared distance of J2 to J4 to `near`, and all joint angles."""
        c1, s1, c, s = cos(q1 + self._yaw), sin(q1 + self._yaw), cos(turn), sin(turn)
        s5 = self._d6 * sin(q5)
        x = c1 * flat[9] + s1 * flat[10] - self._d5 * s + s5 * c
        y = flat[11] - self._d1 + self._d5 * c + s5 * s
        bend = (x * x + y * y - self._squares) / self._product
        if abs(bend) > _STRETCHED:
            return
        side = sqrt(max(0.0, (1.0 - bend) * (1.0 + bend)))
        aim, reach = atan2(y, x), self._a2 + self._a3 * bend
        for s3 in (side, -side):
            t3, t2 = atan2(s3, bend), aim - atan2(self._a3 * s3, reach)
            q2, q3 = self._turned(1, t2, near[1]), self._turned(2, t3, near[2])
            q4 = self._turned(3, turn - t2 - t3, near[3])
            if q2 is not None and q3 is not None and q4 is not None:
                distance = (q2 - near[1]) ** 2 + (q3 - near[2]) ** 2 + (q4 - near[3]) ** 2
                yield distance, [q1, q2, q3, q4, q5, q6]

    def _exact(self, q: Sequence[float], flat: Flat) -> bool:
        got = self.forward_flat(q)
        moved, turned = math.dist(got[9:], flat[9:]), math.dist(got[:9], flat[:9])
        return moved <= _POSITION_TOL_M and turned <= _TURN_TOL

    def _why(self, flat: Flat) -> str:
        rho = hypot(flat[9] - self._d6 * flat[2], flat[10] - self._d6 * flat[5])
        if rho < abs(self._d4):
            return f"{self._spec.name}: {rho:.3f} m off the J1 axis; the wrist keeps {abs(self._d4):.3f} m"
        return f"{self._spec.name}: every branch to the pose is out of reach or breaks a joint limit"
