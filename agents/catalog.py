"""Agents by name: `configs/agent/NAME.yaml` names a class and its hyper-parameters.

A new agent is one file with its class and one YAML file; outside the packages both lie in the folder
`agents`. The class may have a frozen dataclass `hyper_class`, which is then its constructor's only argument;
keys of the YAML file are its fields. `tasks` in the file overrides them for single tasks.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from agents.learner import Learner
from agents.policy import CONTROLS, Policy
from configs import extensions
from configs.strict_yaml import StrictYamlError, read_yaml

Agent = Policy | Learner

_ORDER = ("random", "expert", "taught", "integrator", "bc", "dagger", "ppo", "sac", "tqc", "vla-keyframe",
          "vla-chunk", "remote", "lerobot", "handbook", "tuned_rules", "machinist", "oracle")  # fmt: skip


class AgentError(ValueError):
    """An agent that does not exist, or cannot do what is asked, told in one line."""


def names() -> list[str]:
    """Return the names of the agents, from the least to the most able, then those from outside."""
    return [*_own(), *_outside()]


def _own() -> list[str]:
    found = [p.name.removesuffix(".yaml") for p in (files("configs") / "agent").iterdir()
             if p.name.endswith(".yaml")]  # fmt: skip
    rank = {name: i for i, name in enumerate(_ORDER)}
    return sorted(found, key=lambda name: (rank.get(name, len(rank)), name))


def _outside() -> Mapping[str, Path]:
    return extensions.added("agents", _own(), ".yaml")


def create(
    name: str, task: str = "", control: str = "ee_yaw", hyper: Mapping[str, Any] | None = None
) -> Agent:
    """Make an agent.

    Args:
        name: One of `names()`, or the path of a YAML file.
        task: The task that it is for; the file may hold other hyper-parameters for it.
        control: What its actions are to mean.
        hyper: Hyper-parameters that go before those of the file.

    Raises:
        AgentError: If there is no such agent, its file is wrong, or it cannot do `control`.
    """
    data, source = _read(name)
    path = _path_of_class(data, source)
    per_task = data.pop("tasks", None) or {}
    data |= {**per_task.get(task, {}), **(hyper or {})}
    chosen = _agent_class(path, source)
    _choose("control", control, CONTROLS)
    if control not in chosen.controls:
        raise AgentError(
            f"agent {name!r} cannot do control {control!r}: allowed are {', '.join(chosen.controls)}"
        )
    hyper_class = getattr(chosen, "hyper_class", None)
    if hyper_class is None:
        for key in data:
            raise AgentError(f"{source}: unknown key {key!r}: this agent has none")
        agent = chosen()
    else:
        agent = chosen(fill(hyper_class, data, source))  # type: ignore[call-arg]
    agent.needs = dataclasses.replace(agent.needs, control=control)
    if isinstance(agent, Learner):
        agent.take_on(task)
    return agent


def kind(name: str) -> type[Agent]:
    """Return an agent's class.

    Args:
        name: One of `names()`, or the path of a YAML file.

    Raises:
        AgentError: If there is no such agent, or its file is wrong.
    """
    data, source = _read(name)
    return _agent_class(_path_of_class(data, source), source)


def settings(name: str, task: str) -> dict[str, Any]:
    """Return what an agent's file says for a task: its class and hyper-parameters.

    Raises:
        AgentError: If there is no such agent, or its file is wrong.
    """
    data, _ = _read(name)
    per_task = data.pop("tasks", None) or {}
    return {**data, **per_task.get(task, {})}


def _path_of_class(data: dict[str, Any], source: str) -> str:
    path = data.pop("class", None)
    if not isinstance(path, str):
        raise AgentError(f"{source}: key 'class' is missing (such as agents.imitation:Dagger)")
    return path


def _read(name: str) -> tuple[dict[str, Any], str]:
    if name.endswith(".yaml"):
        source = name
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise AgentError(f"cannot read agent {name!r}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise AgentError(f"cannot read agent {name!r}: it is not UTF-8 text") from None
    else:
        _choose("agent", name, names())
        file = _outside().get(name)
        source = str(file or f"configs/agent/{name}.yaml")
        text = (file or files("configs") / "agent" / f"{name}.yaml").read_text(encoding="utf-8")
    try:
        data = read_yaml(text, source)
    except StrictYamlError as error:
        raise AgentError(str(error)) from None
    if not isinstance(data, dict):
        raise AgentError(f"{source}: {data!r} is not a mapping from keys to values")
    return data, source


def _agent_class(path: str, source: str) -> type[Agent]:
    module, _, name = path.partition(":")
    file = extensions.added("agents").get(module.removeprefix("agents."))
    try:
        kind = getattr(extensions.module(module, file), name, None)
    except extensions.ExtensionError as error:
        raise AgentError(str(error)) from error
    except ImportError as error:
        raise AgentError(f"{source}: class {path!r}: {error}") from None
    if not isinstance(kind, type) or not issubclass(kind, Policy | Learner):
        raise AgentError(f"{source}: class {path!r} is neither a Policy nor a Learner")
    return kind


def _choose(what: str, value: str, allowed: Iterable[str]) -> None:
    allowed = list(allowed)
    if value not in allowed:
        close = difflib.get_close_matches(value, allowed, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise AgentError(f"unknown {what} {value!r}: allowed are {', '.join(allowed)}{hint}")


def fill(kind: type, data: Mapping[str, Any], source: str) -> Any:
    """Return the dataclass `kind` with the values in `data`, each of the type it declares."""
    hints = get_type_hints(kind)
    for key, value in data.items():
        try:
            _choose("key", str(key), hints)
        except AgentError as error:
            raise AgentError(f"{source}: {error}") from None
        if not _fits(hints[key], value):
            raise AgentError(f"{source}: {key}: {value!r} is not {_describe(hints[key])}")
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise AgentError(f"{source}: {error}") from None


def _fits(hint: Any, value: Any) -> bool:
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(option, value) for option in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(_fits(get_args(hint)[0], v) for v in value)
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def _describe(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return "a list"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return words.get(hint, str(hint))
