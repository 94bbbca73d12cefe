"""Closed-form kinematics of six-axis arms with a spherical wrist.

The structure is J1 about +-z, J2 and J3 about +-y, J4 about +-x, J5 about +-y, J6 about +-x, with
the last three axes meeting in the wrist centre; see `_wrist_geometry`. The solver is scalar code in
one closure: at this size array calls would cost more than the sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import atan2, cos, pi, remainder, sin, sqrt

from robots._chain import Flat, Unreachable, is_square, joint_list, squared_rotation
from robots._wrist_geometry import geometry
from robots.spec import ArmSpec

_POSITION_TOL_M = 1e-9
_ROTATION_TOL_RAD = 1e-8
_LIMIT_TOL_RAD = 1e-10  # rounding allowance; the angle is then clamped to the limit
_BEYOND_M = 1e-6  # farther out of reach than a pose whose rotation is square is brought by squaring it
_SINGULAR_SIN = 2e-9  # below this |sin J5| J4 is free, within the rotation residual
_SINGULAR_R_M = 1e-10  # below this wrist-to-J1-axis distance J1 is free
_TURN = 2.0 * pi
# The other shoulder is half a turn away in J1, the other turn of the wrist in J4: that is more than 4 rad^2
# from where a branch nearer than this has been found, so neither can be nearer.
_NEAR_SQ = 1.0
_FAR = 8.0 * pi  # beyond it (or NaN) `near` goes the slow way, where it is checked and clamped


@dataclass(frozen=True)
class SphericalSolver:
    """The `Solver` of one spherical-wrist arm."""

    forward_flat: Callable[[Sequence[float]], Flat]
    solve: Callable[..., list[float]]
    solve_all: Callable[[Flat, Sequence[float]], list[list[float]]]


def build(spec: ArmSpec) -> SphericalSolver:  # noqa: C901  (unrolled for speed)
    """Return the solver of a spherical-wrist arm, its constants worked out once.

    Raises:
        ValueError: the arm does not have the structure that this module solves.
    """
    g = geometry(spec)
    s1, s2, s3, s4, s5, s6 = g.sign
    o1, o2, o3, o4, o5, o6 = g.offset
    bx, by, bz = g.base
    a1, (ex, ez), (wx, wz), (tx, ty, tz) = g.a1, g.upper, g.fore, g.tool
    f00, f01, f02, f10, f11, f12, f20, f21, f22 = g.flange
    # Most flanges look along J6: then turning by `flange` only swaps axes.
    swaps = (f00, f01, f02, f10, f12, f21, f22) == (0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    upper, fore = math.hypot(ex, ez), math.hypot(wx, wz)
    upper_angle, fore_angle = atan2(ez, ex), atan2(wz, wx)
    lengths_sq, per_two_lengths = upper**2 + fore**2, 0.5 / (upper * fore)
    limits = [(j.lower_rad, j.upper_rad) for j in spec.joints]
    (lo1, hi1), (lo2, hi2), (lo3, hi3), (lo4, hi4), (lo5, hi5), (lo6, hi6) = (
        (lo - _LIMIT_TOL_RAD, hi + _LIMIT_TOL_RAD) for lo, hi in limits
    )
    (min1, max1), (min2, max2), (min3, max3), (min4, max4), (min5, max5), (min6, max6) = limits
    tool = math.hypot(tx, ty, tz)
    # Half of the position residual for the wrist centre, half for what rotation does at the flange.
    wrist_tol_sq = (0.5 * _POSITION_TOL_M) ** 2
    # The Frobenius norm of a difference of rotations is sqrt(2) times the angle between them.
    turn_tol_sq = 2.0 * min(_ROTATION_TOL_RAD, 0.5 * _POSITION_TOL_M / max(tool, 1e-6)) ** 2
    singular_sq = _SINGULAR_SIN**2

    def wrist(q1: float, q2: float, q3: float, q4: float, q5: float, q6: float) -> tuple[float, ...]:
        """Return the wrist centre relative to the base point and the J6 axes x, y, z."""
        t1, t2, t4, t5, t6 = s1 * q1 + o1, s2 * q2 + o2, s4 * q4 + o4, s5 * q5 + o5, s6 * q6 + o6
        t23 = t2 + s3 * q3 + o3
        c1, n1, c2, n2, c, n = cos(t1), sin(t1), cos(t2), sin(t2), cos(t23), sin(t23)
        c4, n4, c5, n5, c6, n6 = cos(t4), sin(t4), cos(t5), sin(t5), cos(t6), sin(t6)
        r = a1 + ex * c2 + ez * n2 + wx * c + wz * n
        xx, xy, xz = c * c1, c * n1, -n
        zx, zy = n * c1, n * n1
        yx, yy, yz = n4 * zx - c4 * n1, n4 * zy + c4 * c1, n4 * c
        zx, zy, zz = c4 * zx + n4 * n1, c4 * zy - n4 * c1, c4 * c
        ux, uy, uz = n5 * xx + c5 * zx, n5 * xy + c5 * zy, n5 * xz + c5 * zz
        return (
            r * c1,
            r * n1,
            ez * c2 - ex * n2 + wz * c - wx * n,
            c5 * xx - n5 * zx,
            c5 * xy - n5 * zy,
            c5 * xz - n5 * zz,
            c6 * yx + n6 * ux,
            c6 * yy + n6 * uy,
            c6 * yz + n6 * uz,
            c6 * ux - n6 * yx,
            c6 * uy - n6 * yy,
            c6 * uz - n6 * yz,
        )

    def forward_flat(q: Sequence[float]) -> Flat:
        px, py, pz, xx, xy, xz, yx, yy, yz, zx, zy, zz = wrist(*q)
        if swaps:
            r00, r01, r02 = zx * f20 + 0.0, yx * f11 + 0.0, xx  # no negative zero
            r10, r11, r12 = zy * f20 + 0.0, yy * f11 + 0.0, xy
            r20, r21, r22 = zz * f20 + 0.0, yz * f11 + 0.0, xz
        else:
            r00 = xx * f00 + yx * f10 + zx * f20
            r01 = xx * f01 + yx * f11 + zx * f21
            r02 = xx * f02 + yx * f12 + zx * f22
            r10 = xy * f00 + yy * f10 + zy * f20
            r11 = xy * f01 + yy * f11 + zy * f21
            r12 = xy * f02 + yy * f12 + zy * f22
            r20 = xz * f00 + yz * f10 + zz * f20
            r21 = xz * f01 + yz * f11 + zz * f21
            r22 = xz * f02 + yz * f12 + zz * f22
        px += bx + r00 * tx + r01 * ty + r02 * tz
        py += by + r10 * tx + r11 * ty + r12 * tz
        pz += bz + r20 * tx + r21 * ty + r22 * tz
        return r00, r01, r02, r10, r11, r12, r20, r21, r22, px, py, pz

    def search(  # noqa: C901  (unrolled for speed)
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
        found: list[list[float]] | None,
    ) -> list[float] | None:
        """Return the branch nearest `near` if its residual holds; put all branches in `found`."""
        m1, m2, m3, m4, m5, m6 = near
        bounded = -_FAR < m1 < _FAR and -_FAR < m2 < _FAR and -_FAR < m3 < _FAR
        if not (bounded and -_FAR < m4 < _FAR and -_FAR < m5 < _FAR and -_FAR < m6 < _FAR):
            return None
        px -= bx + r00 * tx + r01 * ty + r02 * tz
        py -= by + r10 * tx + r11 * ty + r12 * tz
        pz -= bz + r20 * tx + r21 * ty + r22 * tz

        if swaps:  # the target J6 axes
            xx, xy, xz = r02, r12, r22
            yx, yy, yz = r01 * f11 + 0.0, r11 * f11 + 0.0, r21 * f11 + 0.0
            zx, zy, zz = r00 * f20 + 0.0, r10 * f20 + 0.0, r20 * f20 + 0.0
        else:
            xx, xy, xz = (
                r00 * f00 + r01 * f01 + r02 * f02,
                r10 * f00 + r11 * f01 + r12 * f02,
                r20 * f00 + r21 * f01 + r22 * f02,
            )
            yx, yy, yz = (
                r00 * f10 + r01 * f11 + r02 * f12,
                r10 * f10 + r11 * f11 + r12 * f12,
                r20 * f10 + r21 * f11 + r22 * f12,
            )
            zx, zy, zz = (
                r00 * f20 + r01 * f21 + r02 * f22,
                r10 * f20 + r11 * f21 + r12 * f22,
                r20 * f20 + r21 * f21 + r22 * f22,
            )

        r = sqrt(px * px + py * py)
        if r > _SINGULAR_R_M:
            t1, c1, n1 = atan2(py, px), px / r, py / r
        else:
            t1 = s1 * m1 + o1
            c1, n1 = cos(t1), sin(t1)
        best, best_distance = None, math.inf
        for _shoulder in (0, 1):
            q1 = m1 + remainder(s1 * (t1 - o1) - m1, _TURN)
            while q1 > hi1:
                q1 -= _TURN
            while q1 < lo1:
                q1 += _TURN
            d1 = (q1 - m1) * (q1 - m1)
            worth = q1 <= hi1 and (d1 < best_distance or found is not None)
            rho = r - a1
            bend_cos = (rho * rho + pz * pz - lengths_sq) * per_two_lengths if worth else math.inf
            if -1.000000000001 < bend_cos < 1.000000000001:
                # A stretched arm may round to beyond one; the residual check has the last word.
                bend_sin = (1.0 - bend_cos) * (1.0 + bend_cos)
                bend_sin = sqrt(bend_sin) if bend_sin > 0.0 else 0.0
                aim = atan2(pz, rho)
                lift = atan2(fore * bend_sin, upper + fore * bend_cos)
                bend = atan2(bend_sin, bend_cos)
                # The elbows are twice `bend` apart in J3, the short way round.
                apart = bend if bend < 0.5 * pi else pi - bend
                elbow_sq = apart * apart
                if remainder(fore_angle - upper_angle - s3 * m3 - o3, _TURN) < 0.0:
                    lift, bend = -lift, -bend  # the elbow that `near` has first
                for _elbow in (0, 1):
                    t2 = upper_angle - aim + lift
                    q2 = m2 + remainder(s2 * (t2 - o2) - m2, _TURN)
                    while q2 > hi2:
                        q2 -= _TURN
                    while q2 < lo2:
                        q2 += _TURN
                    t3 = fore_angle - upper_angle - bend
                    q3 = m3 + remainder(s3 * (t3 - o3) - m3, _TURN)
                    while q3 > hi3:
                        q3 -= _TURN
                    while q3 < lo3:
                        q3 += _TURN
                    lift, bend = -lift, -bend
                    d3 = d1 + (q2 - m2) * (q2 - m2) + (q3 - m3) * (q3 - m3)
                    if q2 > hi2 or q3 > hi3 or (d3 >= best_distance and found is None):
                        continue
                    t23 = t2 + t3
                    c, n = cos(t23), sin(t23)
                    u = c1 * xx + n1 * xy
                    along, side, down = c * u - n * xz, c1 * xy - n1 * xx, n * u + c * xz
                    sin_sq = side * side + down * down
                    if sin_sq > singular_sq:
                        t4 = atan2(side, -down)
                        n5 = sqrt(sin_sq)
                        c4, n4 = -down / n5, side / n5
                    else:
                        t4 = s4 * m4 + o4
                        c4, n4 = cos(t4), sin(t4)
                        n5 = n4 * side - c4 * down
                    t5 = atan2(n5, along)
                    # J6 from the J4 that was chosen: exact where sin J5 leaves J4 ill-defined.
                    t6 = atan2(
                        c4 * (n1 * zx - c1 * zy) - n4 * (n * (c1 * zx + n1 * zy) + c * zz),
                        c4 * (c1 * yy - n1 * yx) + n4 * (n * (c1 * yx + n1 * yy) + c * yz),
                    )
                    for _ in (0, 1):
                        q4 = m4 + remainder(s4 * (t4 - o4) - m4, _TURN)
                        while q4 > hi4:
                            q4 -= _TURN
                        while q4 < lo4:
                            q4 += _TURN
                        d4 = d3 + (q4 - m4) * (q4 - m4)
                        if q4 <= hi4 and (d4 < best_distance or found is not None):
                            q5 = m5 + remainder(s5 * (t5 - o5) - m5, _TURN)
                            while q5 > hi5:
                                q5 -= _TURN
                            while q5 < lo5:
                                q5 += _TURN
                            q6 = m6 + remainder(s6 * (t6 - o6) - m6, _TURN)
                            while q6 > hi6:
                                q6 -= _TURN
                            while q6 < lo6:
                                q6 += _TURN
                            if q5 <= hi5 and q6 <= hi6:
                                d = d4 + (q5 - m5) * (q5 - m5) + (q6 - m6) * (q6 - m6)
                                if d < best_distance:
                                    best_distance, best = d, [q1, q2, q3, q4, q5, q6]
                                if found is not None:
                                    found.append([q1, q2, q3, q4, q5, q6])
                                elif best_distance < _NEAR_SQ:
                                    break
                        t4, t5, t6 = t4 + pi, -t5, t6 + pi
                    if best_distance < elbow_sq and found is None:
                        break
            if best_distance < _NEAR_SQ and found is None:
                break
            t1, c1, n1, r = t1 + pi, -c1, -n1, -r
        if best is None:
            return None
        q1, q2, q3, q4, q5, q6 = best
        inside = min1 <= q1 <= max1 and min2 <= q2 <= max2 and min3 <= q3 <= max3
        if not (inside and min4 <= q4 <= max4 and min5 <= q5 <= max5 and min6 <= q6 <= max6):
            best = clamped(best)
        gx, gy, gz, exx, exy, exz, eyx, eyy, eyz, ezx, ezy, ezz = wrist(*best)
        gx, gy, gz = gx - px, gy - py, gz - pz
        exx, exy, exz = exx - xx, exy - xy, exz - xz
        eyx, eyy, eyz = eyx - yx, eyy - yy, eyz - yz
        ezx, ezy, ezz = ezx - zx, ezy - zy, ezz - zz
        turn = exx * exx + exy * exy + exz * exz + eyx * eyx + eyy * eyy + eyz * eyz
        turn += ezx * ezx + ezy * ezy + ezz * ezz
        if gx * gx + gy * gy + gz * gz <= wrist_tol_sq and turn <= turn_tol_sq:
            return best
        return None

    def clamped(q: Sequence[float]) -> list[float]:
        return [min(max(a, lo), hi) for a, (lo, hi) in zip(q, limits, strict=True)]

    def spans(flat: Flat) -> tuple[float, float]:
        """Return how far the wrist centre is from the J2 axis, with either shoulder."""
        r00, r01, r02, r10, r11, r12, r20, r21, r22, px, py, pz = flat
        px -= bx + r00 * tx + r01 * ty + r02 * tz
        py -= by + r10 * tx + r11 * ty + r12 * tz
        pz -= bz + r20 * tx + r21 * ty + r22 * tz
        r = sqrt(px * px + py * py)
        return math.hypot(r - a1, pz), math.hypot(-r - a1, pz)

    def spanned(span: float, margin: float = 0.0) -> bool:
        return abs(upper - fore) - margin <= span <= upper + fore + margin

    def why(flat: Flat) -> str:
        near_side, far_side = spans(flat)
        if spanned(near_side) or spanned(far_side):
            return f"{spec.name}: every branch to the pose breaks a joint limit"
        return (
            f"{spec.name}: wrist centre is {near_side:.4f} m from the J2 axis; the arm spans "
            f"{abs(upper - fore):.4f} to {upper + fore:.4f} m"
        )

    def plainly_beyond(flat: Flat) -> bool:
        """Whether even squaring a rotation cannot bring its pose within reach; no for what is no pose."""
        if not (math.isfinite(flat[9] + flat[10] + flat[11]) and is_square(flat[:9])):
            return False
        near_side, far_side = spans(flat)
        return not (spanned(near_side, _BEYOND_M) or spanned(far_side, _BEYOND_M))

    def solve(
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
        best = search(px, py, pz, r00, r01, r02, r10, r11, r12, r20, r21, r22, near, None)
        if best is not None:
            return best
        # Bad input, a `near` outside the limits and a rounded rotation cost nothing until here.
        flat = (r00, r01, r02, r10, r11, r12, r20, r21, r22, px, py, pz)
        if all(map(math.isfinite, near)) and plainly_beyond(flat):
            raise Unreachable(why(flat))
        start = clamped(joint_list(spec, near, "near"))
        flat = squared_rotation(flat)
        best = search(*flat[9:], *flat[:9], start, None)
        if best is None:
            raise Unreachable(why(flat))
        return best

    def solve_all(flat: Flat, near: Sequence[float]) -> list[list[float]]:
        found: list[list[float]] = []
        if search(*flat[9:], *flat[:9], near, found) is None:
            found.clear()
            start = clamped(joint_list(spec, near, "near"))
            flat = squared_rotation(flat)
            if search(*flat[9:], *flat[:9], start, found) is None:
                raise Unreachable(why(flat))
        return [q for q in map(clamped, found) if math.dist(forward_flat(q), flat) < 2e-8]

    return SphericalSolver(forward_flat, solve, solve_all)
