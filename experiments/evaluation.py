"""Evaluates a policy on held-out episodes; the part that the verbs share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents import catalog
from agents.checkpoint import CheckpointError
from agents.learner import Episode, Rollouts
from agents.lerobot_policy import holds_policy
from agents.policy import Policy, PolicyError, Privileged, Teachable
from experiments.config import read_yaml
from experiments.errors import UserError, user_input
from experiments.executor import Workers
from experiments.outcomes import summarise
from experiments.rollout import SEED_STRIDE, EnvRequest, episode_seed

# What holds where neither the command line nor a run says otherwise.
_DEFAULTS = {"task": "LoadChuck", "split": "seen", "robot": "lrmate200id", "control": "ee_yaw"}
_DECIDED = {*_DEFAULTS, "observation", "reward", "cameras", "image_size", "render_mode"}


def read_run(what: str) -> dict[str, Any]:
    """Return the configuration of a run's directory; empty if `what` is none."""
    file = Path(what) / "config.yaml"
    if not file.is_file():
        return {}
    data = read_yaml(file.read_text(encoding="utf-8"), str(file))
    if not isinstance(data, dict):
        raise UserError(f"{file}: not a run's configuration")
    return data


def names_of(config: Any, run: dict[str, Any]) -> dict[str, str]:
    """Return task, split, robot and control: the command line's, else the run's, else defaults.

    Raises:
        UserError: If the run learned several tasks and none is named.
    """
    names = {key: getattr(config, key) or run.get(key) or _DEFAULTS[key] for key in _DEFAULTS}
    if "," in names["task"]:
        raise UserError(f"task {names['task']!r}: one at a time, name it with --task")
    return names


def own_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Return a task's own options from pairs NAME=VALUE, each value read as YAML.

    Raises:
        UserError: For an option that a flag or the agent decides; what the task refuses, it says itself.
    """
    options = {}
    for name, _, text in (pair.partition("=") for pair in pairs):
        if name in _DECIDED:
            raise UserError(f"option {name}: a flag or the agent decides it; allowed are the task's own")
        options[name] = read_yaml(text, f"option {name}")
    return options


def prepared(
    what: str, names: dict[str, str], own: Mapping[str, Any] | None = None
) -> tuple[Policy, EnvRequest]:
    """Return a run's policy or an agent, taught if it must be, and the environment it needs.

    Args:
        what: A run's directory, or an agent's name.
        names: Task, split, robot and control.
        own: The task's own options, if any are chosen.
    """
    policy = load(what, names["task"], names["control"])
    options = {key: names[key] for key in ("robot", "split")}
    request = request_for(names["task"], policy.needs, **options, **(own or {}))
    if "machine" in (own or {}) and _follows(policy, request):
        request = request_for(names["task"], policy.needs, **options, **(own or {}))
    teach(policy, request)
    return policy, request


def _follows(policy: Policy, request: EnvRequest) -> bool:
    """Gives an agent that follows plans the control that this machine's plan needs, if another."""
    if not isinstance(policy, Privileged | Teachable):
        return False
    env: Any = request.make()
    controls = env.unwrapped.plan_controls
    env.close()
    if policy.needs.control in controls:
        return False
    wanted = next((name for name in controls if name in policy.controls), None)
    if wanted is not None:
        policy.needs = replace(policy.needs, control=wanted)
    return wanted is not None


def load(what: str, task: str, control: str) -> Policy:
    """Return the policy of a run's or lerobot's directory, or the agent of that name, ready to act.

    Raises:
        UserError: If there is neither, or the agent has to learn first.
    """
    if (Path(what) / "policy").is_dir() or (Path(what) / "policy.json").is_file():
        inner = Path(what) / "policy"
        with user_input(CheckpointError):
            return Policy.load(inner if inner.is_dir() else what)
    foreign = Path(what).is_dir()
    if foreign and not holds_policy(what):
        raise UserError(
            f"{what!r} holds no policy: allowed are a run's directory, agents' names and lerobot's folders"
        )
    with user_input(catalog.AgentError, PolicyError):
        agent = (
            catalog.create("lerobot", task, control, {"folder": what})
            if foreign
            else catalog.create(what, task, control)
        )
    if not isinstance(agent, Policy):
        raise UserError(
            f"agent {what!r} has to learn first: python -m experiments.train --agent {what}, "
            "then evaluate its run's directory"
        )
    return agent


def request_for(task: str, needs: Any, **options: Any) -> EnvRequest:
    """Return the environment that an agent needs.

    Raises:
        UserError: If there is no such task, or it has no arm to choose.
    """
    request = EnvRequest(task)
    if request.batched:  # a machine tool alone
        for name, value in (("robot", options.pop("robot", None)), ("control", needs.control)):
            if value not in (None, _DEFAULTS[name]):
                raise UserError(f"{name} {value!r}: {request.name} is a machine tool without an arm")
        return EnvRequest(task, {**options, "observation": needs.observation})
    pictures = needs.observation in ("rgb", "rgbd")
    request = EnvRequest(
        task,
        {
            **options,
            "observation": needs.observation,
            "control": needs.control,
            "reward": needs.reward,
            **({"cameras": needs.cameras, "image_size": needs.image_size} if pictures else {}),
            **({"triggered": True} if pictures and needs.triggered else {}),
        },
    )
    request.check()
    return request


def teach(policy: Policy, request: EnvRequest) -> None:
    """Teach a policy that is taught, at the nominal layout."""
    if isinstance(policy, Teachable):
        policy.teach(request.make)


def evaluate_policy(
    policy: Policy,
    workers: Workers,
    n_episodes: int,
    seed: int,
    on_done: Callable[[list[Episode]], None] | None = None,
    request: EnvRequest | None = None,
) -> tuple[dict[str, Any], list[Episode]]:
    """Return the summary and the episodes of a policy on the test seeds.

    Args:
        policy: Who acts; taught already.
        workers: Where.
        n_episodes: How many.
        seed: Of the run; each has its own test episodes.
        on_done: Called whenever some are done.
        request: Another environment than the workers' own.
    """
    facts = workers.facts()
    limits = facts.seeds["test"]
    seeds = [episode_seed(limits, SEED_STRIDE * seed + i) for i in range(n_episodes)]
    start = time.perf_counter()
    before = workers.n_died
    episodes = workers.submit(Rollouts(policy, books=True), seeds, on_done, request).result()
    summary = summarise(episodes, facts.fps, time.perf_counter() - start)
    if workers.n_died > before:
        summary["workers_died"] = workers.n_died - before
    if all(e.totals is not None for e in episodes):
        from experiments.lot_books import lot_qcde

        summary["qcde"] = lot_qcde([e.totals for e in episodes])
    return summary, episodes
