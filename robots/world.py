"""The one door to the physics engine: bodies by name, explicit parameters, exact rebuilds."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from robots._quiet import quiet
from robots.keyboard import Keyboard
from robots.renderer import Renderer
from robots.scene_types import (
    IDENTITY,
    CameraSpec,
    Contact,
    Cover,
    EngineSpec,
    Light,
    Node,
    Picture,
    Quat,
    Surface,
    quaternion,
)
from robots.shapes import ShapeMaker
from robots.spec import ZERO, Link, Shape, Vec3

with quiet():
    import pybullet as bullet


_JOINTS = {
    "revolute": bullet.JOINT_REVOLUTE,
    "prismatic": bullet.JOINT_PRISMATIC,
    "fixed": bullet.JOINT_FIXED,
}


class World:
    """One engine client. `rebuild` empties it; the same calls after it give the same bits."""

    def __init__(self, engine: EngineSpec | None = None, *, visuals: bool = False, window: bool = False):
        """Opens a client; `visuals` adds what cameras see (left out, resets are several times quicker)."""
        self.engine = engine or EngineSpec()
        self.visuals = visuals or window
        self.engine_time_s = 0.0
        with quiet():
            self.client: int = bullet.connect(bullet.GUI if window else bullet.DIRECT)
        if self.client < 0:
            raise RuntimeError("the physics engine gave no client: is a display available for the window?")
        if window:
            bullet.configureDebugVisualizer(bullet.COV_ENABLE_GUI, 0, physicsClientId=self.client)
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._loose: set[str] = set()
        self._link_names: dict[tuple[int, int], str] = {}
        self._window = window
        self._shapes = ShapeMaker(bullet, self.client, visuals=self.visuals)
        self._renderer = Renderer(bullet, self.client, layered=not window)
        self.rebuild()

    # -- building ---------------------------------------------------------------------------------
    def rebuild(self) -> None:
        """Empties the world and sets every engine parameter again."""
        self._ids.clear()
        self._names.clear()
        self._loose.clear()
        self._link_names.clear()
        self._renderer.clear()
        e, c = self.engine, self.client
        bullet.resetSimulation(physicsClientId=c)
        bullet.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / e.rate_hz,
            numSolverIterations=e.solver_iterations,
            numSubSteps=0,
            solverResidualThreshold=e.residual_threshold,
            contactERP=e.contact_erp,
            erp=e.joint_erp,
            frictionERP=e.friction_erp,
            contactSlop=e.linear_slop_m,
            deterministicOverlappingPairs=1,
            enableConeFriction=1,
            physicsClientId=c,
        )
        self._weigh(e.gravity_m_s2)
        self._shapes.begin()

    def _weigh(self, gravity_m_s2: float) -> None:
        bullet.setGravity(0.0, 0.0, -gravity_m_s2, physicsClientId=self.client)

    def lull(self) -> None:
        """Ends building: what was added asleep sleeps from here on.

        The engine puts bodies to sleep in its second step; under gravity, the first would nudge them awake.
        """
        self._weigh(0.0)
        self.step(2)
        self._weigh(self.engine.gravity_m_s2)

    def add_fixed(
        self,
        name: str,
        shapes: tuple[Shape, ...],
        surface: Surface | None = None,
        *,
        xyz_m: Vec3 = ZERO,
        yaw_rad: float = 0.0,
    ) -> int:
        """Adds immovable scenery of `shapes`, about `xyz_m`, turned about the vertical; returns its id."""
        self._new_name(name)
        collision, visual = self._shapes.collision(shapes), self._shapes.visual(shapes)
        at, flags = (xyz_m, quaternion((0.0, 0.0, yaw_rad))), {"useMaximalCoordinates": 1}
        body: int = bullet.createMultiBody(0.0, collision, visual, *at, **flags, physicsClientId=self.client)
        self._register(name, body)
        self.set_surface(body, -1, surface or Surface())
        self._show(body, -1, visual, fixed=True)
        # Awake, it would have the engine solve its contacts with parts that sleep.
        bullet.changeDynamics(
            body, -1, activationState=bullet.ACTIVATION_STATE_SLEEP, physicsClientId=self.client
        )
        return body

    def add_part(
        self,
        name: str,
        link: Link,
        xyz_m: Vec3,
        quat: Quat,
        surface: Surface,
        *,
        asleep: bool = True,
    ) -> int:
        """Adds a loose rigid part; one that starts `asleep` wakes when something touches it."""
        body = self.add_articulated(name, link, (), xyz_m=xyz_m, quat=quat, surface=surface)
        self._loose.add(name)
        self.let_sleep(body, asleep=asleep)
        return body

    def _new_name(self, name: str) -> None:
        if name in self._ids:
            raise ValueError(f"body {name!r} exists already")

    def _register(self, name: str, body: int) -> None:
        if body < 0:
            raise RuntimeError(f"the engine refused body {name!r}")
        self._ids[name], self._names[body] = body, name

    def let_sleep(self, body: int, *, asleep: bool = True) -> None:
        """Lets a body rest until something touches it; who tells its motors to move must wake it."""
        sleeps = bullet.ACTIVATION_STATE_SLEEP if asleep else 0
        state = bullet.ACTIVATION_STATE_ENABLE_SLEEPING | sleeps
        bullet.changeDynamics(body, -1, activationState=state, physicsClientId=self.client)

    def wake(self, body: int) -> None:
        """Wakes a body and keeps it awake."""
        state = bullet.ACTIVATION_STATE_DISABLE_SLEEPING | bullet.ACTIVATION_STATE_WAKE_UP
        bullet.changeDynamics(body, -1, activationState=state, physicsClientId=self.client)

    def add_articulated(
        self,
        name: str,
        base: Link,
        nodes: Sequence[Node],
        *,
        xyz_m: Vec3 = ZERO,
        quat: Quat = IDENTITY,
        surface: Surface | None = None,
    ) -> int:
        """Adds a body with a tree of joints under a base (fixed where its mass is 0); returns its id."""
        self._new_name(name)
        links = [node.link for node in nodes]
        if base.mass_kg == 0.0:
            base = replace(base, com_m=ZERO)
        collisions = [self._shapes.collision(link.shapes) for link in (base, *links)]
        visuals = [self._shapes.visual(link.shapes) for link in (base, *links)]
        body: int = bullet.createMultiBody(
            base.mass_kg,
            collisions[0],
            visuals[0],
            xyz_m,
            quat,
            base.com_m,
            linkMasses=[link.mass_kg for link in links],
            linkCollisionShapeIndices=collisions[1:],
            linkVisualShapeIndices=visuals[1:],
            linkPositions=[n.xyz_m for n in nodes],
            linkOrientations=[quaternion(node.rpy_rad) for node in nodes],
            linkInertialFramePositions=[link.com_m for link in links],
            linkInertialFrameOrientations=[IDENTITY] * len(links),
            linkParentIndices=[node.parent + 1 for node in nodes],
            linkJointTypes=[_JOINTS[node.kind] for node in nodes],
            linkJointAxis=[node.axis for node in nodes],
            physicsClientId=self.client,
        )
        self._register(name, body)
        self.set_surface(body, -1, surface or Surface())
        self._show(body, -1, visuals[0], fixed=base.mass_kg == 0.0)
        for index, node in enumerate(nodes):
            self.set_surface(body, index, node.surface)
            self._show(body, index, visuals[index + 1])
            if node.kind != "fixed":
                limits = {"jointLowerLimit": node.lower, "jointUpperLimit": node.upper}
                bullet.changeDynamics(body, index, jointDamping=0.0, **limits, physicsClientId=self.client)
                # The engine starts every joint with a velocity motor of its own.
                bullet.setJointMotorControl2(
                    body, index, bullet.VELOCITY_CONTROL, force=0.0, physicsClientId=self.client
                )
        return body

    def name_link(self, body: int, link: int, name: str) -> None:
        """Gives a link a name of its own, by which `touched` tells it instead of its body's."""
        self._link_names[body, link] = name

    def set_surface(self, body: int, link: int, surface: Surface) -> None:
        """Sets the contact properties of one link."""
        bullet.changeDynamics(
            body,
            link,
            lateralFriction=surface.friction,
            spinningFriction=surface.spinning_friction_m,
            rollingFriction=surface.rolling_friction_m,
            restitution=surface.restitution,
            frictionAnchor=int(surface.anchored),
            linearDamping=0.0,
            angularDamping=0.0,
            physicsClientId=self.client,
        )

    def _show(self, body: int, link: int, visual: int, *, fixed: bool = False) -> None:
        if self._shapes.paint(body, link, visual):
            self._renderer.add(body, link, fixed=fixed)

    def ignore(self, body: int, other: int) -> None:
        """Lets two bodies pass through each other: those that never meet need not be compared."""
        for link in range(-1, bullet.getNumJoints(body, self.client)):
            bullet.setCollisionFilterPair(body, other, link, -1, 0, physicsClientId=self.client)

    def gear(self, body: int, first: int, second: int, ratio: float, force: float, erp: float = 0.8) -> None:
        """Couples two joints of a body so that q_first + ratio * q_second stays as it is now."""
        constraint = bullet.createConstraint(
            body,
            first,
            body,
            second,
            bullet.JOINT_GEAR,
            (1, 0, 0),
            ZERO,
            ZERO,
            physicsClientId=self.client,
        )
        bullet.changeConstraint(
            constraint, gearRatio=ratio, maxForce=force, erp=erp, physicsClientId=self.client
        )

    def hold(self, body: int, part: int, force_n: float) -> int:
        """Holds a loose part to the base of a body as it lies now, up to a force; `let_go` ends it."""
        (px, py, pz), quat = self.pose(part)
        (x, y, z), _ = self.pose(body)
        at = (px - x, py - y, pz - z)
        constraint: int = bullet.createConstraint(
            body, -1, part, -1, bullet.JOINT_FIXED, ZERO, at, ZERO, quat, physicsClientId=self.client
        )
        bullet.changeConstraint(constraint, maxForce=force_n, erp=0.8, physicsClientId=self.client)
        return constraint

    def let_go(self, held: int) -> None:
        """Ends a `hold`."""
        bullet.removeConstraint(held, physicsClientId=self.client)

    def watch_force(self, body: int, joint: int) -> None:
        """Makes `joint` report its reaction force and torque."""
        bullet.enableJointForceTorqueSensor(body, joint, 1, physicsClientId=self.client)

    def set_joint(self, body: int, joint: int, position: float, velocity: float = 0.0) -> None:
        """Puts a joint somewhere at once (only for building and tests)."""
        bullet.resetJointState(body, joint, position, velocity, physicsClientId=self.client)

    def put_away(self, body: int) -> None:
        """Takes a fixed body out of the way of everything, for good."""
        bullet.resetBasePositionAndOrientation(body, (0.0, 0.0, -50.0), IDENTITY, physicsClientId=self.client)

    # -- running ----------------------------------------------------------------------------------
    def step(self, n: int = 1) -> None:
        """Advances the physics by n steps."""
        start, client, advance = time.perf_counter(), self.client, bullet.stepSimulation
        for _ in range(n):
            advance(client)
        self.engine_time_s += time.perf_counter() - start

    def drive(
        self,
        body: int,
        joints: Sequence[int],
        set_points: Sequence[Sequence[float]],
        gains: Sequence[float],
        efforts: Sequence[float],
        *,
        sensor: int = -1,
        limit_n: float = math.inf,
    ) -> int:
        """One physics step for each row of joint set-points, at limited effort (N or N m).

        Ends early where the force that the joint `sensor` reports passes `limit_n`, looked at in every second
        step. Returns how many steps were made.
        """
        start, client = time.perf_counter(), self.client
        command, advance = bullet.setJointMotorControlArray, bullet.stepSimulation
        mode = bullet.POSITION_CONTROL
        done, limit_n2, read, clock = 0, limit_n * limit_n, bullet.getJointState, time.perf_counter
        for row in set_points:
            command(
                body,
                joints,
                mode,
                targetPositions=row,
                positionGains=gains,
                forces=efforts,
                physicsClientId=client,
            )
            advance(client)
            done += 1
            if sensor >= 0 and done % 2 == 0:
                before = clock()  # reading is not what the engine itself needs
                _, _, (x, y, z, _, _, _), _ = read(body, sensor, client)
                start += clock() - before
                if x * x + y * y + z * z > limit_n2:
                    break
        self.engine_time_s += time.perf_counter() - start
        return done

    def servo(
        self, body: int, joint: int, position: float, effort: float, speed: float, gain: float = 0.3
    ) -> None:
        """Sends one joint to a position at limited effort and speed; holds until told otherwise."""
        start = time.perf_counter()
        bullet.setJointMotorControl2(
            body,
            joint,
            bullet.POSITION_CONTROL,
            targetPosition=position,
            force=effort,
            maxVelocity=speed,
            positionGain=gain,
            physicsClientId=self.client,
        )
        self.engine_time_s += time.perf_counter() - start

    def drag(self, body: int, joint: int, effort: float) -> None:
        """Dry friction in one joint: it resists motion with up to `effort`; replaces any servo."""
        bullet.setJointMotorControl2(
            body,
            joint,
            bullet.VELOCITY_CONTROL,
            targetVelocity=0.0,
            force=effort,
            physicsClientId=self.client,
        )

    # -- reading ----------------------------------------------------------------------------------
    def body(self, name: str) -> int:
        """The engine's id of a body."""
        return self._ids[name]

    def name(self, body: int) -> str:
        """The name of an engine id."""
        return self._names[body]

    @property
    def names(self) -> tuple[str, ...]:
        """All bodies, in the order in which they were added."""
        return tuple(self._ids)

    def pose(self, body: int) -> tuple[Vec3, Quat]:
        """World position (m) and quaternion (x, y, z, w) of a body's base frame."""
        at: tuple[Vec3, Quat] = bullet.getBasePositionAndOrientation(body, self.client)
        return at

    def poses(self, bodies: Sequence[int]) -> list[tuple[Vec3, Quat]]:
        """`pose` of each of the bodies."""
        read, client = bullet.getBasePositionAndOrientation, self.client
        return [read(body, client) for body in bodies]

    def velocity(self, body: int) -> tuple[Vec3, Vec3]:
        """Linear (m/s) and angular (rad/s) velocity of a body's base, world frame."""
        moving: tuple[Vec3, Vec3] = bullet.getBaseVelocity(body, self.client)
        return moving

    def joint_states(self, body: int, joints: Sequence[int]) -> Sequence[tuple[float, float, Vec3, float]]:
        """(position, velocity, reaction (Fx, Fy, Fz, Mx, My, Mz), motor effort) of each joint."""
        states: Sequence[tuple[float, float, Vec3, float]] = bullet.getJointStates(body, joints, self.client)
        return states

    def joint_position(self, body: int, joint: int) -> float:
        """Where one joint is (rad or m)."""
        position: float = bullet.getJointState(body, joint, self.client)[0]
        return position

    def link_pose(self, body: int, link: int) -> tuple[Vec3, Quat]:
        """World pose of a link's joint frame, from the joint positions as they are now."""
        # The engine tells the joint frame in single precision, the centre of mass in double.
        (px, py, pz), (x, y, z, w) = bullet.getLinkState(body, link, 0, 1, self.client)[:2]
        cx, cy, cz = bullet.getDynamicsInfo(body, link, self.client)[3]
        tx, ty, tz = 2 * (y * cz - z * cy), 2 * (z * cx - x * cz), 2 * (x * cy - y * cx)
        at = (
            px - cx - w * tx - (y * tz - z * ty),
            py - cy - w * ty - (z * tx - x * tz),
            pz - cz - w * tz - (x * ty - y * tx),
        )
        return at, (x, y, z, w)

    def link_com_m(self, body: int, link: int) -> Vec3:
        """World position of a link's centre of mass, to the engine's full precision."""
        at: Vec3 = bullet.getLinkState(body, link, 0, 1, self.client)[0]
        return at

    def contacts(self, a: int, b: int | None = None, *, link_a: int | None = None) -> list[Contact]:
        """Contact points of body `a` (with `b`) from the last step."""
        only: dict[str, int] = {"bodyA": a, "physicsClientId": self.client}
        if b is not None:
            only["bodyB"] = b
        if link_a is not None:
            only["linkIndexA"] = link_a
        return [
            Contact(self._names[c[1]], c[3], self._names[c[2]], c[4], c[5], c[7], c[8], c[9])
            for c in bullet.getContactPoints(**only)
        ]

    def touched(self, body: int) -> set[str]:
        """Names of what a body pressed on in the last step: bodies, and links with a name of their own."""
        points = bullet.getContactPoints(body, -1, -2, -2, self.client)  # with any body, of any link
        if not points:
            return set()
        own, names = self._link_names, self._names
        return {own.get((c[2], c[4]), names[c[2]]) for c in points if c[9] > 0.0}

    def parts_touched(self, body: int) -> list[int]:
        """Ids of the loose parts that a body pressed on in the last step."""
        return [self._ids[name] for name in sorted(self.touched(body) & self._loose)]

    def touching(self, a: int, b: int) -> bool:
        """Whether two bodies touched in the last step."""
        return self._names[b] in self.touched(a)

    def gap_m(self, a: int, b: int, reach_m: float, *, link_b: int | None = None) -> float:
        """Smallest distance between two bodies (negative in penetration); `reach_m` where farther."""
        only = {} if link_b is None else {"linkIndexB": link_b}
        points = bullet.getClosestPoints(a, b, reach_m, physicsClientId=self.client, **only)
        return min((point[8] for point in points), default=reach_m)

    def camera(
        self,
        spec: CameraSpec,
        width: int,
        height: int,
        *,
        shadow: bool = False,
        light: Light | None = None,
    ) -> Picture:
        """A picture by the software renderer.

        Raises:
            RuntimeError: if this World was opened without visuals.
        """
        if not self.visuals:
            raise RuntimeError("this World was opened without visuals: open it with visuals=True")
        return self._renderer.picture(spec, width, height, light or Light(), shadow=shadow)

    def dress(self, covers: Mapping[str, Cover], room: tuple[Cover, Cover] | None = None) -> None:
        """Gives fixed bodies surfaces in pictures, and a room (floor, wall); a window shows neither."""
        self._renderer.dress({self._ids[name]: cover for name, cover in covers.items()}, room)

    def look_from(self, spec: CameraSpec) -> None:
        """Puts the window's view where a camera is; without a window nothing happens."""
        if self._window:
            self._renderer.look_from(spec)

    def keys_held(self) -> frozenset[str]:
        """Keys held down in the window, by name; without a window none are."""
        return Keyboard(bullet, self.client).held() if self._window else frozenset()

    @property
    def closed(self) -> bool:
        """Whether the client is gone."""
        return self.client < 0

    def close(self) -> None:
        """Gives the client back; closing twice is harmless."""
        if self.client >= 0:
            with quiet():
                bullet.disconnect(self.client)
            self.client = -1
            self._shapes.close()
