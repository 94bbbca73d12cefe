"""What a real cell gives a policy: cameras, robot and machine signals; nothing privileged."""

from __future__ import annotations

import math
from collections.abc import Callable, ItemsView, Iterator, Sequence, ValuesView
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from envs.cell.language import TOKENS, VOCABULARY, encode
from envs.cell.observation import Obs, box
from envs.cell.options import CellConfig, choice
from envs.cell.scene import Cell, Snapshot
from robots.scene_types import CameraSpec

# agent_pos: joints, then these, so that the last 24 numbers mean the same for every arm.
AGENT_POS_TAIL = (
    *(f"commanded_{k}" for k in ("x", "y", "z", "qx", "qy", "qz", "qw")),
    *(f"measured_{k}" for k in ("x", "y", "z", "qx", "qy", "qz", "qw")),
    "opening_m",
    "closed",
    "gripped",
    "inside",
    *(f"force_{k}_n" for k in "xyz"),
    *(f"torque_{k}_nm" for k in "xyz"),
)
MACHINE = ("door", "clamp", "part_present", "seat", "cycle", "alarm")
# What a pixel shows, where segmentation is asked for: labels for training, which no camera gives.
CLASSES = ("nothing", "arm", "machine", "workholding", "fixture", "named part", "other part")
_CLASS_OF = {"arm": 1, "machine": 2, "backdrop": 2, "door": 2, "chuck": 3, "vise": 3, "part_0": 5}


_NOT_YET = np.empty(0)


class ImageObserver:
    """Pictures and the signals of a real cell; nothing privileged."""

    def __init__(self, joints: int, cameras: Sequence[str], size: int, *, depth: bool, labels: bool = False):
        self.cameras, self.size, self.depth, self.labels = tuple(cameras), size, depth, labels
        # Whether a picture is taken when it is read, not at every step.
        self.triggered = False
        self._n_observed = 0
        entries: dict[str, spaces.Space[Any]] = {
            "agent_pos": box((joints + len(AGENT_POS_TAIL),), -1e4, 1e4),
            "joint_torque": box((joints,), -1e4, 1e4),
            "machine": box((len(MACHINE),), 0.0, 1.0),
            "instruction": box((TOKENS,), 0, len(VOCABULARY) - 1, np.int32),
        }
        for name in self.cameras:
            entries[f"image_{name}"] = spaces.Box(0, 255, (size, size, 3), np.uint8)
            entries[f"calibration_{name}"] = box((3, 4), -1e4, 1e4)
            if depth:
                entries[f"depth_{name}"] = box((size, size), 0.0, 10.0)
            if labels:
                entries[f"segmentation_{name}"] = spaces.Box(0, len(CLASSES) - 1, (size, size), np.uint8)
        self.space = spaces.Dict(entries)

    @property
    def signals(self) -> tuple[list[int], str | None]:
        """Where the machine's signals are, and under which key."""
        return list(range(len(MACHINE))), "machine"

    @property
    def own(self) -> tuple[str, list[int]]:
        """What the controller knows of its own commands: under which key, and where."""
        n = len(AGENT_POS_TAIL)
        known = [i - n for i, name in enumerate(AGENT_POS_TAIL) if name == "closed" or "commanded" in name]
        return "agent_pos", known

    def begin(self, now: Snapshot) -> None:
        """Starts an episode."""

    def observe(
        self, cell: Cell, now: Snapshot, text: str, achieved: list[float], desired: list[float]
    ) -> Obs:
        """The observation of this step."""
        hand = now.hand
        command, rotation = cell.arm.tcp(cell.arm.q_command)
        tail = [
            *command,
            *_quaternion(rotation),
            *hand.position_m,
            *_quaternion(hand.rotation),
            hand.opening_m,
            float(now.closed),
            float(now.gripped),
            float(cell.reaches_in(hand)),
            *hand.force_n,
            *hand.torque_nm,
        ]
        m = now.machine
        signals = [0.0] * len(MACHINE)
        if m is not None:
            door = {"OPEN": 1.0, "UNLATCHED": 0.5, "CLOSED": 0.0}[m.door]
            signals = [
                door,
                m.clamp / 2,
                m.part_present,
                m.seat_ok,
                m.execution == "ACTIVE",
                bool(m.alarm),
            ]
        result: Obs = {
            "agent_pos": np.array([*hand.q_rad, *tail], np.float32).clip(-1e4, 1e4),
            "joint_torque": np.array(hand.torque_joint_nm, np.float32).clip(-1e4, 1e4),
            "machine": np.array(signals, np.float32),
            "instruction": encode(text),
        }
        for name in self.cameras:
            result[f"calibration_{name}"] = projection(cell.camera_spec(name, true=False), self.size)
        self._n_observed = number = self._n_observed + 1

        def take(camera: str) -> Obs:
            if number != self._n_observed:
                raise RuntimeError(
                    f"camera {camera!r}: its picture is gone with the next step: read it before"
                )
            return self._taken(cell, camera)

        if self.triggered:
            return Triggered(result, self._keys(), take)
        for name in self.cameras:
            result |= take(name)
        return result

    def _keys(self) -> dict[str, str]:
        """The camera of each entry that comes from a picture."""
        kinds = ["image", *(["depth"] if self.depth else []), *(["segmentation"] if self.labels else [])]
        return {f"{kind}_{name}": name for name in self.cameras for kind in kinds}

    def _taken(self, cell: Cell, name: str) -> Obs:
        """What one camera gives now."""
        spec = cell.camera_spec(name, true=True)
        picture = cell.world.camera(spec, self.size, self.size, light=cell.light)
        taken: Obs = {f"image_{name}": picture.rgb}
        if self.depth:
            taken[f"depth_{name}"] = picture.depth_m.clip(0.0, 10.0)
        if self.labels:
            taken[f"segmentation_{name}"] = _classes(cell)[picture.segmentation]
        return taken


class Triggered(dict[str, npt.NDArray[Any]]):
    """An observation whose pictures are taken when they are first read, until the next step.

    To every reader it is the dict that it would be otherwise, pickled and copied it is one.

    Args:
        signals: What is there already.
        keys: The camera of each entry to come.
        take: Gives a camera's entries.
    """

    def __init__(self, signals: Obs, keys: dict[str, str], take: Callable[[str], Obs]):
        super().__init__(signals)
        for key in keys:
            self[key] = _NOT_YET
        self._left, self._take = dict(keys), take

    def __getitem__(self, key: str) -> npt.NDArray[Any]:
        """The entry; its camera is triggered at the first time."""
        if key in self._left:
            taken = self._take(self._left[key])
            for name in taken:
                del self._left[name]
            self.update(taken)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The entry, or the default if there is none."""
        return self[key] if key in self else default  # noqa: SIM401 (that would be this very method)

    def __iter__(self) -> Iterator[str]:
        """The keys; being defined, it makes `{**observation}` read by `__getitem__`."""
        return super().__iter__()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """All entries, every picture taken."""
        return self._whole().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """All keys and entries, every picture taken."""
        return self._whole().items()

    def copy(self) -> Obs:
        """A plain dict, every picture taken."""
        return self._whole()

    def __reduce__(self) -> tuple[Any, ...]:
        """As a plain dict."""
        return dict, (self._whole(),)

    def _whole(self) -> Obs:
        return {key: self[key] for key in self}


class OnDemand:
    """Observers for whoever asks now and then.

    Args:
        config: Options of the environment.
        joints: Of its arm.
    """

    def __init__(self, config: CellConfig, joints: int):
        self._config, self._joints = config, joints
        self._made: dict[tuple[Any, ...], ImageObserver] = {}

    def observer(
        self, kind: str, cameras: tuple[str, ...] = (), image_size: int = 96, *, segmentation: bool = False
    ) -> ImageObserver:
        """The observer of these options, made at the first call.

        Raises:
            ValueError: for an option that is refused.
        """
        choice("observation", kind, ("rgb", "rgbd"))
        asked = (kind, cameras, image_size, segmentation)
        if asked not in self._made:
            if cameras and not self._config.pictures:
                raise ValueError("this environment renders nothing: make it with render_mode='rgb_array'")
            asked_for = replace(self._config, observation=kind, cameras=cameras)  # each checks its options
            replace(asked_for, image_size=image_size, segmentation=segmentation)
            depth = kind == "rgbd"
            self._made[asked] = ImageObserver(
                self._joints, cameras, image_size, depth=depth, labels=segmentation
            )
        return self._made[asked]


def _classes(cell: Cell) -> npt.NDArray[np.uint8]:
    """The class of each body's id; the last entry, -1, is for no body."""
    names = cell.world.names
    ids = {cell.world.body(name): name for name in names}
    table = np.zeros(max(ids) + 2, np.uint8)
    for body, name in ids.items():
        other = 6 if name.startswith("part_") else 4
        table[body] = _CLASS_OF.get(name, other)
    return table


def projection(spec: CameraSpec, size: int) -> npt.NDArray[np.float32]:
    """(3, 4) pinhole matrix, world m to pixel (column, row, 1), as the cell believes it to be."""
    eye, target, up = (np.array(v, float) for v in (spec.eye_m, spec.target_m, spec.up))
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    focal = size / 2 / math.tan(math.radians(spec.fov_deg) / 2)
    lens = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    turn = np.stack([right, down, forward])
    return (lens @ np.hstack([turn, -(turn @ eye)[:, None]])).astype(np.float32)


def _quaternion(r: Sequence[float]) -> tuple[float, float, float, float]:
    """(x, y, z, w) of a row-major rotation, w >= 0 (Shepperd)."""
    trace = r[0] + r[4] + r[8]
    candidates = [r[0], r[4], r[8], trace]
    k = candidates.index(max(candidates))
    if k == 3:
        s = 2 * math.sqrt(1 + trace)
        q = [(r[7] - r[5]) / s, (r[2] - r[6]) / s, (r[3] - r[1]) / s, s / 4]
    else:
        i, j = (k + 1) % 3, (k + 2) % 3
        s = 2 * math.sqrt(max(1e-12, 1 + r[4 * k] - r[4 * i] - r[4 * j]))
        q = [0.0, 0.0, 0.0, (r[3 * j + i] - r[3 * i + j]) / s]
        q[k], q[i], q[j] = (
            s / 4,
            (r[3 * i + k] + r[3 * k + i]) / s,
            (r[3 * j + k] + r[3 * k + j]) / s,
        )
    sign = -1.0 if q[3] < 0 else 1.0
    return (sign * q[0], sign * q[1], sign * q[2], sign * q[3])
