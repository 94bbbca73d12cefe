"""Clips of a policy at work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agents.learner import Episode
from agents.policy import Policy
from experiments.executor import Workers
from experiments.figures import Frame, caption, write_clip
from experiments.rollout import EnvRequest, prepare

_EVERY = 2  # steps from one picture to the next


def film_episode(workers: Workers, policy: Policy, episodes: Sequence[Episode], path: Path) -> None:
    """Film one episode as a clip: the first that succeeded, or else the first.

    Args:
        workers: Where it is rolled out once more.
        policy: Who acts.
        episodes: Episodes of that policy.
        path: Where the clip goes.
    """
    episode = next((e for e in episodes if e.success), episodes[0])
    frames, text = workers.call(film, policy, episode.seed)
    outcome = "done" if episode.success else "not done"
    fps = workers.facts().fps / _EVERY
    captioned = [caption(frame, f"{text} ({i / fps:.1f} s)") for i, frame in enumerate(frames)]
    captioned += [caption(frames[-1], f"{text} ({outcome})")] * round(fps)
    write_clip(captioned, path, fps)


def film(request: EnvRequest, policy: Policy, seed: int) -> tuple[list[Frame], str]:
    """Return the pictures of an episode, and its instruction."""
    env = request.make(render_mode="rgb_array")
    try:
        prepare(policy, env)
        observation, info = env.reset(seed=seed)
        text = str(info.get("instruction", ""))
        policy.reset(text, seed)
        frames, over, n_steps = [env.render()], False, 0
        while not over:
            observation, _, terminated, truncated, _ = env.step(policy.act(observation))
            over = terminated or truncated
            n_steps += 1
            if n_steps % _EVERY == 0 or over:
                frames.append(env.render())
        return frames, text  # type: ignore[return-value]
    finally:
        env.close()
