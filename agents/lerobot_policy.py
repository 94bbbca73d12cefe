"""A policy that unmodified lerobot trained (ACT, Diffusion ...), loaded from a local folder.

What it wants to see is read from the folder's JSON, for which lerobot is not needed; to act it is. Nothing is
fetched, and nothing in the folder is executed: weights are safetensors, and processors that name a class to
import, instead of one of lerobot's own steps, are refused. See docs/remote.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.environ import environ
from agents.one_thread import one_thread
from agents.policy import Action, Needs, Observation, Policy, PolicyError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PROCESSORS = ("policy_preprocessor.json", "policy_postprocessor.json")
_PICTURE = "observation.images."
# What a vector of `collect`'s data sets is called in an observation.
_VECTORS = {"observation.state": "agent_pos", "observation.machine": "machine"}
_DEVICE_STEP = "device_processor"  # keeps the device of the training machine
_ACTION = "action"


@dataclass(frozen=True)
class LeRobotHyper:
    """Where the policy lies, and how it is run.

    Attributes:
        folder: lerobot's `pretrained_model` folder.
        cameras: Pairs "theirs=ours" for cameras that are called otherwise, such as "camera1=tray".
        device: What torch calls the device to run on.
    """

    folder: str = ""
    cameras: tuple[str, ...] = ()
    device: str = "cpu"

    def __post_init__(self) -> None:
        for pair in self.cameras:
            theirs, equals, ours = pair.partition("=")
            if not (theirs and equals and ours):
                raise ValueError(f"cameras: {pair!r}: THEIRS=OURS is needed, such as camera1=tray")


@dataclass(frozen=True)
class Signature:
    """What a policy sees and gives.

    Attributes:
        kind: What lerobot calls it, such as "act".
        vectors: Numbers by lerobot's name.
        pictures: Our camera by lerobot's name.
        image_size: Side of the pictures in pixels.
        n_actions: Numbers in an action.
    """

    kind: str
    vectors: Mapping[str, int] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    image_size: int = 96
    n_actions: int = 0


def holds_policy(folder: str | os.PathLike[str]) -> bool:
    """Return whether lerobot left a policy there, be it incomplete."""
    return any((Path(folder) / name).is_file() for name in (CONFIG, WEIGHTS))


class LeRobot(Policy):
    """Acts as lerobot's own evaluation lets a policy act: pre-processor, policy, post-processor.

    Raises:
        PolicyError: If the folder is incomplete, or its policy cannot see what a cell shows.
    """

    hyper_class = LeRobotHyper

    def __init__(self, hyper: LeRobotHyper = LeRobotHyper()) -> None:
        self._hyper = hyper
        self._parts: _Parts | None = None
        self._random: Any = None
        self._instruction = ""
        self.signature: Signature | None = None
        if hyper.folder:
            self.signature = signature_of(Path(hyper.folder), dict(p.split("=", 1) for p in hyper.cameras))
            cameras = tuple(dict.fromkeys(self.signature.pictures.values()))
            self.needs = Needs(observation="rgb", cameras=cameras, image_size=self.signature.image_size)

    def attach(self, observation_space: gymnasium.Space, action_space: gymnasium.spaces.Box) -> None:
        """Check that what is seen and done has the sizes that the policy learned with.

        Raises:
            PolicyError: If not, or no folder was named.
        """
        learned = self._known()
        if not isinstance(observation_space, gymnasium.spaces.Dict):
            raise PolicyError("agent lerobot needs observation 'rgb'")
        for name, n in learned.vectors.items():
            seen = observation_space[_VECTORS[name]].shape
            if seen != (n,):
                raise PolicyError(f"{self._hyper.folder}: {name} has {n} numbers, this arm's has {seen}")
        if action_space.shape != (learned.n_actions,):
            control = self.needs.control
            raise PolicyError(
                f"{self._hyper.folder}: actions of {learned.n_actions} numbers, {action_space.shape[0]} are "
                f"needed here: another --control than {control}, or --robot?"
            )

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode; loads the policy in the first.

        Raises:
            PolicyError: If lerobot is missing, or refuses the folder.
        """
        import torch

        if self._parts is None:
            self._parts = _load(Path(self._hyper.folder), self._known(), self._hyper.device)
        for part in (self._parts.policy, self._parts.before, self._parts.after):
            part.reset()
        self._instruction = instruction
        # Policies that draw (Diffusion) take torch's own generator: each episode has its own state of it.
        self._random = torch.Generator().manual_seed(seed).get_state()

    def act(self, observation: Observation) -> Action:
        """Return the next action; the policy itself keeps chunks and histories.

        Raises:
            PolicyError: If it gives what is no action.
        """
        import torch

        learned, parts = self._known(), self._parts
        assert parts is not None, "reset comes first"
        assert isinstance(observation, Mapping)
        batch: dict[str, Any] = {
            name: _tensor(value)[None] for name, value in seen(learned, observation).items()
        }
        batch["task"] = [self._instruction]
        with torch.random.fork_rng(devices=[]), one_thread():
            torch.set_rng_state(self._random)
            given = parts.after(parts.policy.select_action(parts.before(batch)))
            self._random = torch.get_rng_state()
        action: NDArray[np.float32] = given.detach().cpu().numpy().astype(np.float32)
        if action.shape != (1, learned.n_actions) or not np.isfinite(action).all():
            raise PolicyError(
                f"{self._hyper.folder}: action {action.shape} is not {learned.n_actions} finite numbers"
            )
        return np.clip(action[0], -1.0, 1.0)

    def _known(self) -> Signature:
        if self.signature is None:
            raise PolicyError(
                "agent lerobot: name the policy's folder as the agent, or `folder` in a YAML file"
            )
        return self.signature


@dataclass(frozen=True)
class _Parts:
    policy: Any
    before: Any
    after: Any


def seen(learned: Signature, observation: Mapping[str, NDArray]) -> dict[str, NDArray[np.float32]]:
    """What lerobot's policy is shown of an observation: vectors, and pictures (3, h, w) in [0, 1]."""
    found = {name: np.asarray(observation[_VECTORS[name]], np.float32) for name in learned.vectors}
    for name, camera in learned.pictures.items():
        picture = np.moveaxis(observation[f"image_{camera}"], -1, 0)
        found[name] = picture.astype(np.float32) / np.float32(255)
    return found


def _tensor(array: NDArray[np.float32]) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


# --- The folder ------------------------------------------------------------------------------------


def signature_of(folder: Path, cameras: Mapping[str, str]) -> Signature:
    """Return what the policy in a folder sees and gives.

    Args:
        folder: lerobot's `pretrained_model`.
        cameras: Our camera by their name, for those that are called otherwise.

    Raises:
        PolicyError: If a file is missing or damaged, or a cell cannot show what the policy wants.
    """
    if not folder.is_dir():
        raise PolicyError(f"policy folder {str(folder)!r}: there is no such directory")
    if missing := [name for name in (CONFIG, WEIGHTS, *PROCESSORS) if not (folder / name).is_file()]:
        raise PolicyError(f"policy folder {str(folder)!r} is incomplete: {missing[0]} is missing")
    for name in PROCESSORS:
        _check_steps(folder, name)
    config = _json(folder / CONFIG)
    try:
        kind = str(config["type"])
        inputs = {name: tuple(map(int, entry["shape"])) for name, entry in config["input_features"].items()}
        given = {name: tuple(map(int, entry["shape"])) for name, entry in config["output_features"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise PolicyError(f"{folder / CONFIG}: type, input_features and output_features are needed") from None
    vectors = {name: shape[0] for name, shape in inputs.items() if name in _VECTORS and len(shape) == 1}
    pictures = {name: shape for name, shape in inputs.items() if name.startswith(_PICTURE)}
    if others := sorted(set(inputs) - set(vectors) - set(pictures)):
        known = ", ".join([*_VECTORS, f"{_PICTURE}CAMERA"])
        raise PolicyError(
            f"{folder / CONFIG}: a cell does not show {others[0]!r}: allowed are {known} (train on what was "
            "collected with --no-masks, or name the input features)"
        )
    sides = set(pictures.values())
    if len(sides) > 1 or any(len(s) != 3 or s[0] != 3 or s[1] != s[2] for s in sides):
        told = ", ".join(f"{name} {shape}" for name, shape in pictures.items())
        raise PolicyError(f"{folder / CONFIG}: pictures of (3, n, n), all of one size, are needed: {told}")
    if set(given) != {_ACTION} or len(given[_ACTION]) != 1:
        raise PolicyError(f"{folder / CONFIG}: output_features {given}: one vector {_ACTION!r} is needed")
    named = {name: name.removeprefix(_PICTURE) for name in pictures}
    if unused := sorted(set(cameras) - set(named.values())):
        own = ", ".join(named.values()) or "none"
        raise PolicyError(f"cameras: the policy in {folder} has no {unused[0]!r}: it has {own}")
    ours = {name: cameras.get(theirs, theirs) for name, theirs in named.items()}
    return Signature(kind, vectors, ours, min(sides)[1] if sides else 96, given[_ACTION][0])


def _check_steps(folder: Path, name: str) -> None:
    """Refuse a processor that names a class to import, or a file elsewhere."""
    steps = _json(folder / name).get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise PolicyError(f"{folder / name}: a list of steps is needed")
    for step in steps:
        if "class" in step or not isinstance(step.get("registry_name"), str):
            found = str(step.get("class", step))
            raise PolicyError(
                f"{folder / name}: step {found:.80}: lerobot's own steps are allowed, no classes"
            )
        file = step.get("state_file")
        if file is None:
            continue
        if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
            raise PolicyError(f"{folder / name}: state_file {file!r:.80}: a .safetensors beside it is needed")
        if not (folder / file).is_file():
            raise PolicyError(f"policy folder {str(folder)!r} is incomplete: {file} is missing")


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(f"{path} cannot be read: {' '.join(str(error).split()):.120}") from None
    if not isinstance(data, dict):
        raise PolicyError(f"{path}: an object is needed")
    return data


# --- lerobot ---------------------------------------------------------------------------------------

# The hub's client reads these once, when it is imported, and fetches nothing.
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def _load(folder: Path, learned: Signature, device: str) -> _Parts:
    with environ(_OFFLINE), redirect_stdout(StringIO()):  # lerobot prints where it found the weights
        try:
            from lerobot.configs.policies import PreTrainedConfig
            from lerobot.policies.factory import get_policy_class, make_pre_post_processors
        except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision made for another torch
            told = " ".join(str(error).split())
            raise PolicyError(
                f"agent lerobot needs lerobot 0.4.4 ({told:.100}): pip install 'monozukuri[lerobot]' in an "
                "environment of its own, and there `experiments.serve` for --agent remote: docs/remote.md"
            ) from None
        try:
            config = PreTrainedConfig.from_pretrained(str(folder), local_files_only=True)
            config.device = device
            if hasattr(config, "pretrained_backbone_weights"):
                config.pretrained_backbone_weights = None  # else they are fetched, to be overwritten at once
            kind = get_policy_class(learned.kind)
            policy = kind.from_pretrained(str(folder), config=config, local_files_only=True, strict=True)
            place: list[dict[str, Any]] = [{}, {}]
            for overrides, name in zip(place, PROCESSORS, strict=True):
                if any(step["registry_name"] == _DEVICE_STEP for step in _json(folder / name)["steps"]):
                    overrides[_DEVICE_STEP] = {"device": device if name == PROCESSORS[0] else "cpu"}
            before, after = make_pre_post_processors(
                config, pretrained_path=str(folder),
                preprocessor_overrides=place[0], postprocessor_overrides=place[1],
            )  # fmt: skip
        except Exception as error:  # whatever lerobot and what it loads raise
            told = " ".join(str(error).split())
            raise PolicyError(
                f"lerobot cannot load {str(folder)!r}: {type(error).__name__}: {told:.200}"
            ) from None
    return _Parts(policy, before, after)
