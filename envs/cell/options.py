"""Options of a cell environment, checked when made."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from envs.cell import stress
from envs.cell.control import CONTROLS
from envs.cell.layout import CAMERAS
from envs.cell.observation import OBSERVATIONS
from envs.cell.variation import split
from robots.catalog import ARMS, MACHINES
from robots.gripper import GripperSpec

REWARDS = ("dense", "sparse")


def choice(what: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raises one clear ValueError where `value` is not among `allowed`."""
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown {what} {value!r}: allowed are {', '.join(allowed)}{hint}")


@dataclass(frozen=True)
class CellConfig:
    """Options of a cell environment, checked when made.

    `machine` "" is the one usual for the task; `triggered`: a camera takes a picture when it is read, not
    at every step, which saves whoever looks seldom most of the time (`signals.Triggered`).
    """

    robot: str = "lrmate200id"
    machine: str = ""
    observation: str = "state"
    control: str = "ee_yaw"
    reward: str = "dense"
    split: str = "seen"
    cameras: tuple[str, ...] = ("tray", "chuck")
    image_size: int = 96
    segmentation: bool = False
    render_mode: str | None = None
    gripper: GripperSpec = field(default_factory=GripperSpec)
    stress: str = ""
    triggered: bool = False

    def __post_init__(self) -> None:
        choice("robot", self.robot, ARMS)
        choice("machine", self.machine, ("", *MACHINES))
        choice("observation", self.observation, OBSERVATIONS)
        choice("control", self.control, CONTROLS)
        choice("reward", self.reward, REWARDS)
        if not isinstance(self.cameras, tuple):
            raise ValueError(f"cameras {self.cameras!r}: a tuple of names is needed, of {', '.join(CAMERAS)}")
        for camera in self.cameras:
            choice("camera", camera, tuple(CAMERAS))
        if len(set(self.cameras)) < len(self.cameras):
            raise ValueError(f"cameras {self.cameras!r}: each is allowed once")
        if not isinstance(self.gripper, GripperSpec):
            raise ValueError(f"gripper {self.gripper!r}: a robots.gripper.GripperSpec is needed")
        if not isinstance(self.image_size, int) or not 64 <= self.image_size <= 512:
            raise ValueError(f"image_size {self.image_size!r}: allowed are 64 to 512")
        if not isinstance(self.segmentation, bool):
            raise ValueError(f"segmentation {self.segmentation!r}: allowed are True, False")
        if not isinstance(self.triggered, bool):
            raise ValueError(f"triggered {self.triggered!r}: allowed are True, False")
        if self.segmentation and self.observation not in ("rgb", "rgbd"):
            raise ValueError("segmentation True: only with observation 'rgb' or 'rgbd'")
        if self.render_mode not in (None, "rgb_array", "human"):
            raise ValueError(f"render_mode {self.render_mode!r}: allowed are None, 'rgb_array', 'human'")
        if not isinstance(self.stress, str):
            raise ValueError(f"stress {self.stress!r}: text such as 'chips:3,latency:1' is needed")
        stress.parse(self.stress)
        split(self.split)

    @property
    def pictures(self) -> bool:
        """Whether anything is looked at."""
        return self.observation in ("rgb", "rgbd") or self.render_mode is not None
