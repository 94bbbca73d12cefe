"""An arm with its gripper in a World: commands within limits, readings, nothing hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from operator import sub
from typing import NamedTuple

from robots import kinematics
from robots.gripper import PALM_LEVER_M, GripperSpec
from robots.scene_types import Node, Surface
from robots.spec import ArmSpec, Vec3
from robots.world import World

# Gain of the engine's implicit position motor: high enough to follow a moving set-point within
# 0.02 rad at full speed, low enough not to ring when a finger or part touches something stiff.
POSITION_GAIN = 0.35
# A real controller stops on a following error and on a collision; at full speed joints lag by 0.02 rad, and
# the heaviest part asks for 30 N at the wrist, a jam for no more than the fingers' friction, 85 N.
FOLLOWING_ERROR_RAD = 0.06
COLLISION_N = 150.0
_FINGER_GEAR_N = 2000.0
PRESS_SPEED_M_S = 0.3
END_STOP_N = 2000.0
AT_END_M = 0.002
# Fingers that move less than this in a control period stand still.
STALLED_M = 0.0004

Flat = tuple[float, ...]


class HandState(NamedTuple):
    """What the arm reads: joints (rad, rad/s, N m), TCP pose, finger opening and wrist load.

    `rotation` is row-major (9,), `position_m` (3,), both of the TCP in the world. `force_n` and
    `torque_nm` (3,) act on the wrist about the flange, in flange axes, less the gripper's own weight at rest.
    """

    q_rad: tuple[float, ...]
    dq_rad_s: tuple[float, ...]
    torque_joint_nm: tuple[float, ...]
    position_m: Vec3
    rotation: Flat
    opening_m: float
    force_n: Vec3
    torque_nm: Vec3


@cache
def _shares(substeps: int) -> tuple[tuple[float, float], ...]:
    """For each physics step the share of the period that is over, and half its square."""
    shares = (k / substeps for k in range(1, substeps + 1))
    return tuple((u, u * u / 2) for u in shares)


Shares = Sequence[tuple[float, float]]


def _ramp_of_any(p: Sequence[float], b: Sequence[float], d: Sequence[float], shares: Shares) -> list[Flat]:
    """Set-points of all joints by physics step: from `p`, the speed going from `b` to `d` (rad a period)."""
    joints = []
    for at, before, after in zip(p, b, d, strict=True):
        change = after - before
        joints.append([at + before * u + change * h for u, h in shares])
    return list(zip(*joints, strict=True))


def _ramp_of_six(p: Sequence[float], b: Sequence[float], d: Sequence[float], shares: Shares) -> list[Flat]:
    """The same sums for the usual arm, unrolled: half the time of what is run at every step."""
    (p1, p2, p3, p4, p5, p6), (b1, b2, b3, b4, b5, b6), (d1, d2, d3, d4, d5, d6) = p, b, d
    c1, c2, c3, c4, c5, c6 = d1 - b1, d2 - b2, d3 - b3, d4 - b4, d5 - b5, d6 - b6
    return [
        (
            p1 + b1 * u + c1 * h,
            p2 + b2 * u + c2 * h,
            p3 + b3 * u + c3 * h,
            p4 + b4 * u + c4 * h,
            p5 + b5 * u + c5 * h,
            p6 + b6 * u + c6 * h,
        )
        for u, h in shares
    ]


class Arm:
    """One arm and gripper as a single articulated body."""

    def __init__(
        self,
        world: World,
        spec: ArmSpec,
        gripper: GripperSpec,
        base_m: Vec3,
        base_yaw_rad: float = 0.0,
    ):
        self.world, self.spec, self.gripper, self.base_m = world, spec, gripper, base_m
        if base_yaw_rad != 0.0:
            raise ValueError("base_yaw_rad: only 0 is supported; turn the layout instead")
        self.n = len(spec.joints)
        nodes = [
            Node(
                j.name,
                "revolute",
                i - 1,
                j.xyz_m,
                j.link,
                j.axis,
                j.rpy_rad,
                j.lower_rad,
                j.upper_rad,
                Surface(0.3),
            )
            for i, j in enumerate(spec.joints)
        ]
        nodes += gripper.nodes(self.n - 1, spec.flange_xyz_m, spec.flange_rpy_rad)
        self.sensor, self.left, self.right = self.n, self.n + 1, self.n + 2
        self.body = world.add_articulated("arm", replace(spec.base, mass_kg=0.0), nodes, xyz_m=base_m)
        self.links: dict[int, str] = {i: node.name for i, node in enumerate(nodes)}
        world.gear(self.body, self.left, self.right, -1.0, _FINGER_GEAR_N)
        world.watch_force(self.body, self.sensor)
        self.solver = kinematics.solver(spec)
        self._joints = list(range(self.n))
        self._read_joints = [*self._joints, self.sensor, self.left, self.right]
        self._gains = [POSITION_GAIN] * self.n
        self._efforts = [j.torque_nm for j in spec.joints]
        self._ramp = _ramp_of_six if self.n == 6 else _ramp_of_any
        self._limits = [(j.lower_rad, j.upper_rad, j.speed_rad_s) for j in spec.joints]
        self._weight_n = gripper.mass_kg * world.engine.gravity_m_s2
        self._limit_n = COLLISION_N + self._weight_n
        self._moment_nm = gripper.moment_kgm * world.engine.gravity_m_s2
        self.q_command: list[float] = []
        self._set_point: list[float] = []
        self._delta: list[float] = []
        self.closed = False
        self.place(spec.home_rad)

    def place(self, q_rad: Sequence[float], opening_m: float | None = None) -> None:
        """Puts the arm at rest at `q_rad`, fingers open (only while building a scene)."""
        for i, q in enumerate(q_rad):
            self.world.set_joint(self.body, i, q)
        opening = self.gripper.stroke_m if opening_m is None else opening_m / 2
        for finger in (self.left, self.right):
            self.world.set_joint(self.body, finger, opening)
        self.q_command, self._set_point = list(q_rad), list(q_rad)
        self._delta = [0.0] * self.n
        self.closed, self._pressing = True, False
        self.stalled, self._opening_m = False, 2 * opening
        self.grip(close=False)

    # -- commands ---------------------------------------------------------------------------------
    def grip(self, *, close: bool) -> None:
        """Switches the gripper's valve; nothing is sent where it is already so."""
        if close != self.closed:
            self.closed, self._pressing = close, False
            self._drive_fingers()

    def _press(self) -> None:
        """Lets the pressure build up behind fingers that stand against something, and ends that."""
        self._pressing = self.stalled
        self._drive_fingers()

    def _drive_fingers(self) -> None:
        # The solver adds at most (mass x speed) of the force at an iteration: at the speed of a free
        # stroke, 50 iterations would not reach it.
        speed = PRESS_SPEED_M_S if self._pressing else self.gripper.speed_m_s
        # Fingers that are open stand against the ends of their stroke, which give way to nothing.
        at_end = not self.closed and self._opening_m > 2 * self.gripper.stroke_m - AT_END_M
        force = END_STOP_N if self._pressing and at_end else self.gripper.force_n
        target = 0.0 if self.closed else self.gripper.stroke_m
        for finger in (self.left, self.right):
            self.world.servo(self.body, finger, target, force, speed)

    def move(self, q_target: Sequence[float], substeps: int) -> bool:
        """One control period towards `q_target`.

        The set-points of the physics steps follow the uniform quadratic B-spline through the targets of the
        periods: their speed is continuous, as a robot controller's is (a jump to 0.6 m/s would ask the
        fingers for more than friction gives), and they come to rest at a target half a period after it.

        Within the period, a hand that is pushed harder than `COLLISION_N` stops where it is.

        Returns False where that or a speed or joint limit shortened the move.
        """
        if self.stalled != self._pressing:
            self._press()
        delta, whole = self._wanted(q_target, substeps)
        if whole:
            self.q_command = list(q_target)
        else:
            self.q_command, delta = self._shortened(q_target, delta, substeps)
        rows = self._ramp(self._set_point, self._delta, delta, _shares(substeps))
        self._set_point, self._delta = list(rows[-1]), delta
        world, body, joints, gains, efforts = self.world, self.body, self._joints, self._gains, self._efforts
        done = world.drive(body, joints, rows, gains, efforts, sensor=self.sensor, limit_n=self._limit_n)
        if done < substeps:
            self._stop([state[0] for state in world.joint_states(body, joints)])
            world.drive(body, joints, [self.q_command] * (substeps - done), gains, efforts)
            return False
        return whole

    def _stop(self, q_rad: Sequence[float]) -> None:
        """Holds where the arm is."""
        self._set_point, self.q_command = list(q_rad), list(q_rad)
        self._delta = [0.0] * self.n

    def _wanted(self, end: Sequence[float], substeps: int) -> tuple[list[float], bool]:
        """The move from where the arm comes to rest if nothing more is asked of it; whether it is allowed."""
        period, delta, allowed = substeps / self.world.engine.rate_hz, [], True
        joints = zip(end, self._set_point, self._delta, self._limits, strict=True)
        for q, at, before, (lower, upper, speed) in joints:
            d = q - at - before / 2
            delta.append(d)
            if not (lower <= q <= upper and abs(d) <= speed * period):
                allowed = False
        return delta, allowed

    def _shortened(
        self, end: Sequence[float], delta: Sequence[float], substeps: int
    ) -> tuple[list[float], list[float]]:
        """The move as far as the slowest joint gets in the period, each joint within its limits."""
        period = substeps / self.world.engine.rate_hz
        rest = [q - d for q, d in zip(end, delta, strict=True)]
        ratios = (speed * period / abs(d) for d, (*_, speed) in zip(delta, self._limits, strict=True) if d)
        share = min([1.0, *ratios])
        wanted = [a + share * d for a, d in zip(rest, delta, strict=True)]
        cut = [min(hi, max(lo, q)) for q, (lo, hi, _) in zip(wanted, self._limits, strict=True)]
        return cut, [q - a for q, a in zip(cut, rest, strict=True)]

    def guard(self, hand: HandState) -> bool:
        """Stops short as a robot controller does at the end of a period; True where it had to.

        A joint that lags too far keeps its set-point at the following-error limit; a hand that is pushed
        harder than `COLLISION_N` stops where it is.
        """
        if math.hypot(*hand.force_n) > COLLISION_N:
            self._stop(hand.q_rad)
            return True
        if max(map(abs, map(sub, self._set_point, hand.q_rad))) <= FOLLOWING_ERROR_RAD:
            return False
        for i, (point, q) in enumerate(zip(self._set_point, hand.q_rad, strict=True)):
            if abs(point - q) > FOLLOWING_ERROR_RAD:
                self._set_point[i] = self.q_command[i] = q + math.copysign(FOLLOWING_ERROR_RAD, point - q)
                self._delta[i] = 0.0
        return True

    def solve(self, position_m: Sequence[float], rotation: Sequence[float]) -> list[float]:
        """Joint angles for a TCP pose (world), the branch nearest to the set-point.

        Raises:
            Unreachable: if no branch reaches it within limits.
        """
        r, t, b = rotation, self.gripper.tcp_m, self.base_m
        flange = (
            position_m[0] - b[0] - t * r[2],
            position_m[1] - b[1] - t * r[5],
            position_m[2] - b[2] - t * r[8],
        )
        x, y, z = flange
        a, b_, c, d, e, f, g, h, i = r
        return self.solver.solve(x, y, z, a, b_, c, d, e, f, g, h, i, self.q_command)

    def tcp(self, q_rad: Sequence[float]) -> tuple[Vec3, Flat]:
        """TCP position (m, world) and rotation (row-major) for given joints."""
        f = self.solver.forward_flat(q_rad)
        t, b = self.gripper.tcp_m, self.base_m
        return (f[9] + b[0] + t * f[2], f[10] + b[1] + t * f[5], f[11] + b[2] + t * f[8]), f[:9]

    # -- readings ---------------------------------------------------------------------------------
    def read(self) -> HandState:
        """Reads joints, TCP, wrist and fingers in one engine call, once a control period."""
        n = self.n
        q, dq, loads, torques = zip(*self.world.joint_states(self.body, self._read_joints), strict=True)
        opening, q = q[n + 1] + q[n + 2], q[:n]
        self.stalled, self._opening_m = abs(opening - self._opening_m) < STALLED_M, opening
        at, rotation = self.tcp(q)
        force, torque = self._wrist(loads[n], rotation)
        return HandState(q, dq[:n], torques[:n], at, rotation, opening, force, torque)

    def _wrist(self, load: Sequence[float], r: Flat) -> tuple[Vec3, Vec3]:
        """Load on the wrist about the flange, less the gripper's weight.

        The engine gives the reaction at the child's centre of mass (bullet3 #2966): shift it to the flange.
        """
        fx, fy, fz, mx, my, mz = load
        lever = PALM_LEVER_M
        # Gravity in flange axes is the third row of the rotation.
        gx, gy, gz = -r[6], -r[7], -r[8]
        w, m = self._weight_n, self._moment_nm
        force = (-fx - w * gx, -fy - w * gy, -fz - w * gz)
        torque = (-(mx - lever * fy) + m * gy, -(my + lever * fx) - m * gx, -mz)
        return force, torque
