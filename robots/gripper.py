"""Two-finger parallel gripper with padded fingers and a wrist force-torque sensor."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from robots.scene_types import Node, Surface
from robots.spec import Link, Shape

# With its share of the piston: light fingers would take the solver many iterations to reach their force.
FINGER_KG = 0.3
# Centres of mass, out of the flange.
PALM_LEVER_M, _FINGER_LEVER_M = 0.05, 0.12
RIB_DEPTH_M = 0.010
RIB_HEIGHT_M = 0.006
RIB_OFFSET_M = 0.007
_DARK = (0.16, 0.17, 0.19, 1.0)
_METAL = (0.66, 0.68, 0.70, 1.0)
_PAD = (0.85, 0.42, 0.12, 1.0)


@dataclass(frozen=True)
class GripperSpec:
    """A self-centring pneumatic gripper: open or closed, at one force and one speed.

    Forces and strokes are those of the catalogue class that fits a 7 kg arm (80 to 300 N, 40 mm a finger).
    The tool centre point (TCP) lies midway between the pads, `tcp_m` out of the flange along its z.
    """

    force_n: float = 120.0
    stroke_m: float = 0.040
    speed_m_s: float = 0.15
    tcp_m: float = 0.150
    pad_height_m: float = 0.030
    pad_width_m: float = 0.024
    pad_friction: float = 0.55
    mass_kg: float = 1.2

    def __post_init__(self) -> None:
        if not 80.0 <= self.force_n <= 300.0:
            raise ValueError(f"force_n {self.force_n}: allowed are 80 to 300")
        if min(self.stroke_m, self.speed_m_s, self.pad_friction) <= 0.0:
            raise ValueError("stroke_m, speed_m_s and pad_friction must be positive")
        if self.mass_kg <= 2 * FINGER_KG:
            raise ValueError(f"mass_kg {self.mass_kg}: more than two fingers of {FINGER_KG} kg is needed")

    @property
    def moment_kgm(self) -> float:
        """Mass times lever about the flange, of palm and fingers together."""
        fingers = 2 * FINGER_KG
        return (self.mass_kg - fingers) * PALM_LEVER_M + fingers * _FINGER_LEVER_M

    def nodes(
        self, parent: int, xyz_m: tuple[float, float, float], rpy_rad: tuple[float, float, float]
    ) -> list[Node]:
        """The sensor-and-palm link and the two fingers, mounted at the flange frame of link `parent`.

        A finger joint reads 0 with the pads touching and `stroke_m` fully open.
        """
        palm = Link(
            self.mass_kg - 2 * FINGER_KG,
            (0.0, 0.0, PALM_LEVER_M),
            (
                Shape("cylinder", (0.034, 0.024), (0.0, 0.0, 0.012), rgba=_METAL, collides=False),
                Shape("box", (0.062, 0.104, 0.056), (0.0, 0.0, 0.052), rgba=_DARK),
                Shape(
                    "cylinder",
                    (0.007, 0.012),
                    (0.034, 0.03, 0.05),
                    (0.0, pi / 2, 0.0),
                    rgba=_PAD,
                    collides=False,
                ),
            ),
        )
        middle, low = self.tcp_m, self.tcp_m + self.pad_height_m / 2
        rib = RIB_OFFSET_M
        result = [Node("wrist_sensor", "fixed", parent, xyz_m, palm, rpy_rad=rpy_rad)]
        for name, side in (("finger_left", 1.0), ("finger_right", -1.0)):
            finger = Link(
                FINGER_KG,
                (0.0, side * 0.010, _FINGER_LEVER_M),
                (
                    Shape(
                        "box",
                        (0.022, 0.012, low - 0.080),
                        (0.0, side * 0.011, (low + 0.080) / 2),
                        rgba=_METAL,
                        collides=False,
                    ),
                    Shape(
                        "box",
                        (self.pad_width_m, 0.010, self.pad_height_m),
                        (0.0, side * 0.005, middle),
                        rgba=_PAD,
                        collides=False,
                    ),
                    *(self._rib(side, middle + offset) for offset in (rib, -rib)),
                ),
            )
            result.append(
                Node(
                    name,
                    "prismatic",
                    len_parent(parent),
                    (0.0, 0.0, 0.0),
                    finger,
                    axis=(0.0, side, 0.0),
                    upper=self.stroke_m,
                    surface=Surface(self.pad_friction, spinning_friction_m=0.005, anchored=True),
                )
            )
        return result

    def _rib(self, side: float, z_m: float) -> Shape:
        """One of a pad's two ribs, across the finger.

        Two ribs touch at two heights whatever they hold. A flat pad's line of contact on a cylinder dwindles
        to one point now and then, and from that the part turns or is squeezed out.
        """
        at = (0.0, side * RIB_DEPTH_M / 2, z_m)
        return Shape("box", (self.pad_width_m, RIB_DEPTH_M, RIB_HEIGHT_M), at, visible=False)


def len_parent(parent: int) -> int:
    """Index of the sensor link, which follows its parent in the list of nodes."""
    return parent + 1
