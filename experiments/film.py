"""Clips of a policy at work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from PIL import Image, ImageDraw

from agents.learner import Episode, Rollouts
from agents.policy import Policy, Thought
from envs.cell.layout import VIEWS
from experiments.executor import Workers
from experiments.figures import Frame, caption, write_clip
from experiments.rollout import EnvRequest, prepare, run_episode
from robots.scene_types import CameraSpec
from robots.spec import Vec3

EVERY = 2  # steps from one picture to the next
_WIDTH, _HEIGHT = 480, 360
_HOT = (255, 235, 60)  # where a policy saw what matters
_TITLE_PX = 46  # below the picture; even, as MP4 wants it


@dataclass(frozen=True)
class Shot:
    """One picture of an episode.

    Attributes:
        picture: The picture.
        status: What the cell says of itself, and the time.
    """

    picture: Frame
    status: str


@dataclass(frozen=True)
class Film:
    """An episode in pictures.

    Attributes:
        instruction: What was to be done.
        shots: The pictures, the last one at the episode's end.
        episode: What came of it.
    """

    instruction: str
    shots: Sequence[Shot]
    episode: Episode

    def frames(self, fps: float, width: int = _WIDTH) -> list[Frame]:
        """Return the captioned pictures, and the last for one more second with the outcome.

        Args:
            fps: How many are shown in a second.
            width: Of a picture, in pixels.
        """
        text, last = self.instruction, self.shots[-1]
        outcome = "done" if self.episode.success else "not done"
        ending = _titled(last.picture, f"{text} ({outcome})\n{last.status}", width)
        return [
            *(_titled(shot.picture, f"{text}\n{shot.status}", width) for shot in self.shots),
            *[ending] * max(1, round(fps)),
        ]


def _titled(picture: Frame, text: str, width: int) -> Frame:
    """Return a picture with two lines of text below it, which so hide nothing."""
    if width != picture.shape[1]:
        size = (width, round(picture.shape[0] * width / picture.shape[1]))
        picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    return caption(np.pad(picture, ((0, _TITLE_PX), (0, 0), (0, 0))), text)


class Watched(gymnasium.Wrapper):
    """Tells someone after the reset and after every step.

    Args:
        env: The environment.
        watch: Called with the info, and whether the episode is over.
    """

    def __init__(self, env: gymnasium.Env, watch: Callable[[Mapping[str, Any], bool], None]) -> None:
        super().__init__(env)
        self._watch = watch

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Reset, and tell."""
        observation, info = self.env.reset(**options)
        self._watch(info, False)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and tell."""
        result = self.env.step(action)
        self._watch(result[4], result[2] or result[3])
        return result


def film_episode(workers: Workers, policy: Policy, episodes: Sequence[Episode], path: Path) -> None:
    """Film one episode as a clip: the first that succeeded, or else the first.

    Args:
        workers: Where it is rolled out once more.
        policy: Who acts.
        episodes: Episodes of that policy.
        path: Where the clip goes.
    """
    episode = next((e for e in episodes if e.success), episodes[0])
    save([workers.call(film, policy, episode.seed)], path, workers.facts().fps)


def save(films: Sequence[Film], path: Path, fps: float) -> None:
    """Write films as one clip.

    Args:
        films: What is shown, one after the other.
        path: Where it goes.
        fps: Steps in a simulated second.
    """
    rate = fps / EVERY
    write_clip([frame for each in films for frame in each.frames(rate)], path, rate)


def film(request: EnvRequest, policy: Policy, seed: int, camera: str | None = None) -> Film:
    """Return an episode in pictures, seen by one of the cell's cameras; None for the task's own view."""
    env = request.make(render_mode="rgb_array")
    shots: list[Shot] = []
    texts: list[str] = []
    n_seen = 0

    def watch(info: Mapping[str, Any], over: bool) -> None:
        nonlocal n_seen
        if n_seen == 0:
            texts.append(str(info.get("instruction", "")))
        if n_seen % EVERY == 0 or over:
            picture = _with_thought(_picture(env, camera), policy.thought())
            shots.append(Shot(picture, status(env, n_seen)))
        n_seen += 1

    try:
        prepare(policy, env)
        episode = run_episode(Watched(env, watch), Rollouts(policy), seed)
        return Film(texts[0], shots, episode)
    finally:
        env.close()


def status(env: gymnasium.Env, n_steps: int) -> str:
    """Return what the machine and the hand are doing, as far as the environment tells, and the time.

    Args:
        env: The environment.
        n_steps: Steps since its reset.
    """
    bare: Any = env.unwrapped
    cell, ledger = getattr(bare, "cell", None), getattr(bare, "ledger", None)
    words = []
    machine = getattr(cell, "machine", None)
    if machine is not None:
        now = machine.state()
        words.append(f"machine {now.execution}, door {now.door}, {machine.spec.workholding} {now.chuck}")
        if now.alarm:
            words.append(f"alarm: {now.alarm}")
    if ledger is not None and ledger.count("part_arrived"):
        held = ledger.count("part_grasped") > ledger.count("part_released")
        words.append("part held" if held else "hand empty")
    words.append(f"{n_steps / float(env.metadata.get('render_fps') or 20):.1f} s")
    return "   ".join(words)


def _picture(env: gymnasium.Env, camera: str | None) -> Frame:
    bare: Any = env.unwrapped
    task, cell = getattr(bare, "task", None), getattr(bare, "cell", None)
    if task is None or cell is None:
        return env.render()  # type: ignore[return-value]
    name = camera or task.view
    spec = VIEWS.get(name) or cell.camera_spec(name, true=True)
    picture = bare.world.camera(spec, _WIDTH, _HEIGHT, shadow=True, light=cell.light).rgb
    return _marked(picture, spec, cell.draw.goal_m) if task.norm else picture


def _with_thought(picture: Frame, thought: Thought | None) -> Frame:
    """Return a picture with an inset of what a policy last looked at, hot where it saw what matters."""
    if thought is None:
        return picture
    side = picture.shape[0] * 2 // 5 // 2 * 2
    seen = Image.fromarray(thought.picture).resize((side, side), Image.Resampling.BICUBIC)
    heat = np.sqrt(thought.heat / max(float(thought.heat.max()), 1e-9))
    glow = Image.fromarray((255 * heat).astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR)
    share = np.asarray(glow, np.float32)[:, :, None] / 255 * 0.8
    inset = np.asarray(seen, np.float32) * 0.75 * (1 - share) + np.array(_HOT, np.float32) * share
    found = picture.copy()
    found[:side, -side:] = 255
    found[2 : side - 2, -side + 2 : -2] = inset.clip(0, 255).astype(np.uint8)[2:-2, 2:-2]
    return found


def _marked(picture: Frame, spec: CameraSpec, point_m: Vec3) -> Frame:
    """Return a picture with a ring round a point of the world, which nothing in the cell shows."""
    eye, target, up = (np.array(v, float) for v in (spec.eye_m, spec.target_m, spec.up))
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up) / np.linalg.norm(np.cross(forward, up))
    to = np.array(point_m) - eye
    focal = _HEIGHT / 2 / math.tan(math.radians(spec.fov_deg) / 2) / (to @ forward)
    x, y = _WIDTH / 2 + focal * (to @ right), _HEIGHT / 2 + focal * (to @ np.cross(forward, right))
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    for radius, line, colour in ((11, 5, "white"), (10, 3, "#d5006d")):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=line)
    return np.asarray(image)
