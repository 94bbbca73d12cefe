"""Lots of parts on many machine tools at once, which come out as one after another would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from agents.learner import Episode, Rollouts
from agents.policy import Privileged
from experiments.lot_books import lot_totals

if TYPE_CHECKING:
    from experiments.rollout import EnvRequest


def run_lots(request: EnvRequest, rollouts: Rollouts, seeds: Sequence[int]) -> list[Episode]:
    """Run a lot for each seed, side by side.

    Args:
        request: The environment, batched natively.
        rollouts: Who acts, and whether ledgers are added up; nobody teaches.
        seeds: Of the lots; each comes out the same, to the bit, whichever lie beside it.
    """
    actor, n = rollouts.actor, len(seeds)
    recorded: dict[str, Any] = {"recorded": tuple(range(n))} if rollouts.books else {}
    env: Any = gymnasium.make_vec(request.id, num_envs=n, **request.options, **recorded)
    actor.attach(env.single_observation_space, env.single_action_space)
    if isinstance(actor, Privileged):
        actor.bind(env)
    observation, _ = env.reset(seed=list(seeds))
    actor.reset(env.batch.process.words, seeds[0])
    rewards: list[np.ndarray] = []
    over = False
    while not over:
        observation, reward, terminated, truncated, info = env.step(actor.act(observation))
        rewards.append(reward)
        over = bool((terminated | truncated).all())
    by_lot = np.ascontiguousarray(np.stack(rewards, axis=1))
    final = {name: value for name, value in info.items() if not name.startswith("_")}
    return [
        Episode(
            seed=int(seed),
            success=bool(info["is_success"][k]),
            n_steps=len(rewards),
            sum_reward=float(np.sum(by_lot[k])),
            max_reward=float(np.max(by_lot[k])),
            final={name: float(value[k]) for name, value in final.items()},
            totals=lot_totals(env.ledgers[k], env.batch.process) if rollouts.books else None,
        )
        for k, seed in enumerate(seeds)
    ]
