"""What holds parts in a machine: jaws, a valve with two pressures, and what is held."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import ClassVar

from robots.machine_body import MachineSpec
from robots.world import World


class Clamp(IntEnum):
    """What the valve of a workholding was told."""

    OPEN = 0
    SOFT = 1
    HARD = 2


# Jaws that move less than this in a control period stand still.
JAWS_STILL_M = 2e-5


class Workholding(ABC):
    """The jaws in a World; `sense` once a control period.

    Attributes:
        joints: The joints of the jaws.
        travel_m: How far the jaws are from where they stand open.
        still: Whether they stand.
        stood: Whether they have stood since the valve was switched.
        held: Whether the locked jaws hold something.
    """

    joints: ClassVar[tuple[int, ...]]

    def __init__(self, world: World, spec: MachineSpec, body: int):
        self.world, self.spec, self.body = world, spec, body
        self._holds: list[int] = []
        self._locked = self.still = self.stood = False
        self.clamp = Clamp.OPEN
        self.travel_m = 0.0

    @abstractmethod
    def closed_m(self, across_m: float) -> float:
        """How far the jaws have travelled when they stand on a part that is `across_m` between them."""

    @abstractmethod
    def _read_m(self) -> float:
        """Reads the jaws: one number for where all are."""

    @property
    def held(self) -> bool:
        """Whether the locked jaws hold something."""
        return bool(self._holds)

    def drive(self, clamp: Clamp) -> None:
        """Switches the valve."""
        self.clamp, spec = clamp, self.spec
        while self._holds:
            self.world.let_go(self._holds.pop())
        self._locked = self.stood = False
        force = spec.soft_force_n if clamp == Clamp.SOFT else spec.settle_force_n
        target = 0.0 if clamp == Clamp.OPEN else spec.jaw_stroke_m
        # What the soft clamp has centred is settled slowly: the engine's contacts give way with speed.
        speed = spec.settle_speed_m_s if clamp == Clamp.HARD else spec.jaw_speed_m_s
        self.world.wake(self.body)
        for jaw in self.joints:
            self.world.servo(self.body, jaw, target, force, speed)

    def _lock(self, parts: list[int]) -> None:
        """The wedge of a power chuck or vise: jaws stay where they stopped, and hold what is between them.

        Kilonewtons on a part of half a kilogram are beyond an iterating solver: the part creeps and tilts. So
        friction under the clamping force is a joint that gives way at the force that it can hold.
        """
        self._locked, spec, world = True, self.spec, self.world
        for jaw in self.joints:
            world.servo(self.body, jaw, self.travel_m, spec.clamp_force_n, spec.settle_speed_m_s)
        for part in parts:
            self._holds.append(world.hold(self.body, part, spec.holding_force_n))

    def begin_holding(self, part: int, across_m: float) -> None:
        """Starts clamped hard on a part, `across_m` between the jaws, that is seated (for building)."""
        self.clamp, self.stood, self.still = Clamp.HARD, True, True
        self.travel_m = self.closed_m(across_m)
        for jaw in self.joints:
            self.world.set_joint(self.body, jaw, self.travel_m)
        self._lock([part])

    def sense(self) -> None:
        """Reads the jaws; those that stand under full pressure lock."""
        before, self.travel_m = self.travel_m, self._read_m()
        self.still = abs(self.travel_m - before) < JAWS_STILL_M
        self.stood = self.stood or (self.still and self.clamp != Clamp.OPEN)
        if self.clamp == Clamp.HARD and not self._locked and self.still:
            self._lock(self.world.parts_touched(self.body))
