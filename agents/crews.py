"""Deciders by name: `configs/decider/NAME.yaml` names a class and its hyper-parameters, as for agents."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from agents.catalog import AgentError, fill
from agents.decider import ROLES, Decider
from configs.strict_yaml import read_yaml


@cache
def names() -> tuple[str, ...]:
    """Return the names of the deciders."""
    folder = files("configs") / "decider"
    return tuple(sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".yaml")))


def create(name: str, hyper: Mapping[str, Any] | None = None) -> Decider:
    """Make a decider.

    Args:
        name: One of `names()`.
        hyper: Hyper-parameters that go before those of the file.

    Raises:
        AgentError: If there is no such decider, or its file is wrong.
    """
    kind, data, source = _described(name)
    return kind(fill(kind.hyper_class, {**data, **(hyper or {})}, source))  # type: ignore[attr-defined, call-arg]


def crew(
    roles: Mapping[str, str], hyper: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Decider]:
    """Return a decider for every role; roles filled by the same name share one, and what it believes.

    Args:
        roles: Decider by role.
        hyper: Hyper-parameters by decider.

    Raises:
        AgentError: For a role that is unknown or filled by nobody, and what `create` refuses.
    """
    for role in ROLES:
        if role not in roles:
            raise AgentError(f"role {role!r} is filled by nobody: allowed are {', '.join(names())}")
    made = {name: create(name, (hyper or {}).get(name)) for name in sorted(set(roles.values()))}
    return {role: made[roles[role]] for role in ROLES}


def hyper_of(name: str) -> tuple[type, dict[str, Any]]:
    """Return the class of a decider's hyper-parameters, and those of its file."""
    kind, data, _ = _described(name)
    return kind.hyper_class, data  # type: ignore[attr-defined]


def _described(name: str) -> tuple[type[Decider], dict[str, Any], str]:
    if name not in names():
        near = difflib.get_close_matches(name, names(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AgentError(f"unknown agent {name!r}: allowed are {', '.join(names())}{hint}")
    source = f"configs/decider/{name}.yaml"
    data = read_yaml((files("configs") / "decider" / f"{name}.yaml").read_text(encoding="utf-8"), source)
    module, _, attribute = str(data.pop("class", "")).partition(":")
    kind = getattr(import_module(module), attribute, None) if module else None
    if not isinstance(kind, type) or not issubclass(kind, Decider):
        raise AgentError(f"{source}: class {module}:{attribute} is no Decider")
    return kind, data, source
