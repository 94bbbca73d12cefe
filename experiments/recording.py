"""How a demonstration is recorded: what a worker does, and what each frame holds."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.dataset import Feature, Packed, pack
from agents.dataset.pack import pictures_of
from agents.policy import Action, Observation, Policy
from envs.cell.plan import KeyPose, MachineWait, Wait
from envs.cell.signals import AGENT_POS_TAIL, MACHINE
from experiments.bursts import Bursts
from experiments.rollout import EnvRequest, kept_env, prepare
from robots.machine_tool import REQUESTS

# What the numbers in key.name, key.wait and key.request stand for; new names go to the end.
KEY_NAMES = (
    "other", "approach", "clear", "grasp", "close", "lift", "pass", "door", "above", "seat", "push",
    "release", "retreat", "exit", "place", "settle", "insert", "line up", "ease", "hold", "wait", "reach",
    "pull", "tilt", "blow", "clamp", "unclamp", "shut", "start", "cut", "open",
    "level", "turn down",
)  # fmt: skip
KEY_WAITS: tuple[str, ...] = (*get_args(Wait), *get_args(MachineWait))
CODES: Mapping[str, Sequence[str]] = {
    "key.name": KEY_NAMES, "key.wait": KEY_WAITS, "key.request": REQUESTS
}  # fmt: skip
_HAND = ("dx", "dy", "dz")
_ACTIONS = {"ee_yaw": (*_HAND, "dyaw"), "ee": (*_HAND, "rx", "ry", "rz")}


@dataclass(frozen=True)
class Recipe:
    """What is recorded of every episode, and how the agent is disturbed.

    Attributes:
        frames: "all" control periods, or only "keys": those at which a new key pose of the plan begins.
        cameras: Whose pictures.
        image_size: Side of the pictures in pixels.
        masks: Whether the class of every pixel goes with them.
        noise: Standard deviation of what is added to actions, in bursts.
        salt: Of the noise; which noise follows from it and from the episode's seed.
        last: Whether the observation after the last action is one more frame, with an action of zeros.
        video: Whether pictures are kept in films, masks excepted.
        every: With "keys", every so many control periods are frames too; 0 for none.
        chunk: With each frame go the agent's actions in so many control periods from it on.
        pairs: Share of all pairs of a named part (colour, family) and the tray's surface that are shown.
    """

    frames: str = "all"
    cameras: tuple[str, ...] = ("tray", "chuck")
    image_size: int = 96
    masks: bool = True
    noise: float = 0.0
    salt: int = 0
    last: bool = False
    video: bool = False
    every: int = 0
    chunk: int = 0
    pairs: float = 1.0


@dataclass(frozen=True)
class Take:
    """One episode to be recorded.

    Attributes:
        number: Of the episode, counted from 0 with those that fail.
        request: The environment.
        actor: Who acts; or None for `actions`.
        seed: Of the episode.
        turn: Which of the candidates that the scene can name is named; None for the one that the seed names.
        actions: (n, d) what a person did, where one did it.
        extra: What else is told of the episode.
    """

    number: int
    request: EnvRequest
    actor: Policy | None
    seed: int
    turn: int | None = None
    actions: NDArray[np.float32] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """What came of a take.

    Attributes:
        number: Of the take.
        success: Whether the task was done; None where the scene has no such candidate to name.
        packed: The episode.
    """

    number: int
    success: bool | None
    packed: Packed | None


class Replayed(Policy):
    """Does again what was done.

    Args:
        actions: (n, d).
    """

    def __init__(self, actions: NDArray[np.float32]) -> None:
        self._actions = actions

    def reset(self, instruction: str, seed: int) -> None:
        """Begin again."""
        self._left = iter(self._actions)

    def act(self, observation: Observation) -> Action:
        """The next action."""
        action: Action = next(self._left)
        return action


# --- What a frame holds ----------------------------------------------------------------------------


def features_of(request: EnvRequest, recipe: Recipe) -> dict[str, Feature]:
    """The data set's features; the environment is made for it, and may refuse its options."""
    env = kept_env(request)
    bare: Any = env.unwrapped
    joints = len(bare.cell.arm_spec.joints)
    size, hand = recipe.image_size, _ACTIONS.get(bare.config.control)
    moves = (*(hand or [f"dq_{i + 1}" for i in range(joints)]), "gripper")
    moves = (*moves, "request") if bare.task.commands else moves
    position = ("x", "y", "z")
    features = {
        "observation.state": Feature(
            "float32",
            (joints + len(AGENT_POS_TAIL),),
            (*(f"q_{i + 1}" for i in range(joints)), *AGENT_POS_TAIL),
        ),
        "observation.machine": Feature("float32", (len(MACHINE),), MACHINE),
        "action": Feature("float32", (len(moves),), moves),
        "executed": Feature("float32", (len(moves),), moves),
    }
    if recipe.chunk:
        features["action.chunk"] = Feature("float32", (recipe.chunk, len(moves)))
        features["action.foreseen"] = Feature("int64")
    for camera in recipe.cameras:
        features[f"observation.images.{camera}"] = Feature(
            "video" if recipe.video else "image", (size, size, 3)
        )
        if recipe.masks:
            features[f"observation.segmentation.{camera}"] = Feature("image", (size, size))
        features[f"calibration.{camera}"] = Feature("float32", (3, 4))
    return features | {
        "key.position_m": Feature("float32", (3,), position),
        "key.yaw_rad": Feature("float32"),
        "key.tilt_rad": Feature("float32"),
        "key.pan_rad": Feature("float32"),
        "key.symmetry": Feature("int64"),
        "key.speed_m_s": Feature("float32"),
        "key.close": Feature("bool"),
        "key.index": Feature("int64"),
        "key.name": Feature("int64"),
        "key.wait": Feature("int64"),
        "key.request": Feature("int64"),
        "step": Feature("int64"),
        "next.reward": Feature("float32"),
        "next.done": Feature("bool"),
        "next.success": Feature("bool"),
    }


def check(request: EnvRequest, recipe: Recipe, turns: int) -> None:
    """Raise `ValueError` for what the environment refuses to show, and where it cannot name so many parts."""
    env = kept_env(request)
    most = max(len(env.reset(seed=seed)[1]["nameable"]) for seed in range(8 if turns > 1 else 1))
    if 1 < turns > most:
        raise ValueError(f"instructions_per_scene is {turns}: {request.name} names up to {max(1, most)}")
    seen_by(env.unwrapped, recipe)


def begun(env: gymnasium.Env, seed: int, turn: int | None) -> tuple[Any, dict[str, Any]] | None:
    """Begin an episode; None where the scene has no part that is named in this turn.

    The part that the seed names has turn 0, then come the others that the task could be about.
    """
    observation, info = env.reset(seed=seed)
    if not turn:
        return observation, info
    others = [k for k in info["nameable"] if k != 0]
    if len(others) < turn:
        return None
    return env.reset(seed=seed, options={"named": others[turn - 1]})


def shown(env: Any, pairs: float) -> bool:
    """Whether the pair of named part and surface in a scene is among the share that is shown."""
    draw = env.cell.draw
    if pairs >= 1.0 or not draw.candidates:
        return True
    named, surface = draw.candidates[0], draw.look.surfaces[1]
    pair = f"{named.colour} {named.kind.family} {surface}"
    return zlib.crc32(pair.encode()) < pairs * 2**32


def seen_by(env: Any, recipe: Recipe) -> dict[str, Any]:
    """What cameras, robot and machine tell now."""
    cameras = recipe.cameras
    found = env.observe(
        "rgb", cameras=cameras, image_size=recipe.image_size, segmentation=recipe.masks and bool(cameras)
    )
    row = {"observation.state": found["agent_pos"], "observation.machine": found["machine"]}
    for camera in cameras:
        row[f"observation.images.{camera}"] = found[f"image_{camera}"]
        row[f"calibration.{camera}"] = found[f"calibration_{camera}"]
        if recipe.masks:
            row[f"observation.segmentation.{camera}"] = found[f"segmentation_{camera}"]
    return row


def label_of(key: KeyPose, index: int) -> dict[str, Any]:
    """The key pose that the plan goes to now."""
    return {
        "key.position_m": key.position_m,
        "key.yaw_rad": key.yaw_rad,
        "key.tilt_rad": key.tilt_rad,
        "key.pan_rad": key.pan_rad,
        "key.symmetry": key.symmetry,
        "key.speed_m_s": key.speed_m_s,
        "key.close": key.close,
        "key.index": index,
        "key.name": KEY_NAMES.index(key.name) if key.name in KEY_NAMES else 0,
        "key.wait": KEY_WAITS.index(key.wait),
        "key.request": REQUESTS.index(key.request),
    }


# --- One episode -----------------------------------------------------------------------------------


def record_all(_: EnvRequest, recipe: Recipe, takes: Sequence[Take]) -> list[Recorded]:
    """Record takes in this process, one after the other."""
    return [record(recipe, take) for take in takes]


def record(recipe: Recipe, take: Take) -> Recorded:
    """Record one take; everything in it follows from the take and the recipe."""
    env = kept_env(take.request)
    bare: Any = env.unwrapped
    if take.actions is not None:  # a person takes longer than the limit, which is for policies
        limit, bare._max_episode_steps = bare._max_episode_steps, len(take.actions) + 1
    try:
        rows, info, n_steps = _run(env, recipe, take)
    finally:
        if take.actions is not None:
            bare._max_episode_steps = limit
    if not rows:
        return Recorded(take.number, None, None)
    success = bool(info["is_success"])
    rows[-1] |= {"next.done": True, "next.success": success}
    features = features_of(take.request, recipe)
    frames = {
        name: np.array([row[name] for row in rows], feature.numpy) for name, feature in features.items()
    }
    extra = {
        "number": take.number, "task": take.request.name, "seed": take.seed, "turn": take.turn,
        "noise": recipe.noise, "noise_seed": [take.seed, recipe.salt], "split": bare.config.split,
        "split_sha256": bare.split_sha256, "success": success, "n_steps": n_steps,
        "instruction": info["instruction"], "human": take.actions is not None, **take.extra,
    }  # fmt: skip
    fps = round(float(env.metadata["render_fps"]))
    return Recorded(take.number, success, pack(features, frames, bare.paraphrases(), extra, fps))


def _run(
    env: gymnasium.Env, recipe: Recipe, take: Take
) -> tuple[list[dict[str, Any]], Mapping[str, Any], int]:
    """The recorded frames of an episode, the last info, and how many steps it took."""
    bare: Any = env.unwrapped
    actor = take.actor if take.actions is None else Replayed(take.actions)
    assert actor is not None
    prepare(actor, env)
    begin = begun(env, take.seed, take.turn)
    if begin is None or not shown(bare, recipe.pairs):
        return [], {}, 0
    observation, info = begin
    actor.reset(str(info["instruction"]), take.seed)
    bursts = Bursts(recipe.noise, recipe.salt, take.seed)
    rows: list[dict[str, Any]] = []
    labels: list[NDArray[np.float32]] = []
    calm: list[bool] = []
    mark: tuple[Any, ...] = ()
    index, step, over = -1, 0, False
    while not over and (take.actions is None or step < len(take.actions)):
        key = bare.plan()[0]
        begins = (key.name, key.close, key.wait) != mark
        if begins:
            mark, index = (key.name, key.close, key.wait), index + 1
        label = np.array(actor.act(observation), np.float32)
        done = bursts.disturb(label, key)
        labels.append(label)
        calm.append(bool((done == label).all()))
        if begins or recipe.frames == "all" or (recipe.every and step % recipe.every == 0):
            row: dict[str, Any] = {"action": label, "executed": done, "step": step, "next.reward": 0.0}
            row |= {"next.done": False, "next.success": False}
            rows.append({**row, **seen_by(bare, recipe), **label_of(key, index)})
        observation, reward, terminated, truncated, info = env.step(done)
        rows[-1]["next.reward"] += float(reward)
        over, step = terminated or truncated, step + 1
    if recipe.last:
        still = np.zeros_like(label)
        row = {"action": still, "executed": still, "step": step, "next.reward": 0.0}
        rows.append({**row, "next.done": True, **seen_by(bare, recipe), **label_of(bare.plan()[0], index)})
    if recipe.chunk:
        for row in rows:
            row |= chunk_of(labels, calm, row["step"], recipe.chunk)
    return rows, info, step


def chunk_of(
    labels: Sequence[NDArray[np.float32]], calm: Sequence[bool], step: int, n: int
) -> dict[str, Any]:
    """The agent's actions in `n` control periods from `step` on, the last again beyond the end.

    What follows a disturbance could not be foreseen: so many of them could.
    """
    ahead = calm[step : step + n]
    foreseen = ahead.index(False) + 1 if False in ahead else len(ahead)
    chunk = list(labels[step : step + n]) or [np.zeros_like(labels[0])]
    return {"action.chunk": chunk + [chunk[-1]] * (n - len(chunk)), "action.foreseen": foreseen}


def differences(features: Mapping[str, Feature], expected: Mapping[str, Any], found: Packed) -> list[str]:
    """Names of the features whose values are not the same bits; pictures are compared pixel by pixel."""
    wrong = []
    for name, feature in features.items():
        again = pictures_of(found, name, feature) if feature.is_image else found.columns[name]
        if not np.array_equal(expected[name], again):
            wrong.append(name)
    return wrong
