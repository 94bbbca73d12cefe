"""Monozukuri's environments: importing this registers every task as `Monozukuri/<Task>-v0`."""

from __future__ import annotations

from pkgutil import iter_modules

import gymnasium

from configs import extensions

NAMESPACE = "Monozukuri"


def _register() -> tuple[str, ...]:
    """Registers one id for each file in `cell/tasks`, then from outside; nothing of it is imported yet."""
    ids = []
    own = sorted(m.name for m in iter_modules([f"{path}/cell/tasks" for path in __path__]))
    for module in (*own, *extensions.added("tasks", own)):
        task = "".join(word.capitalize() for word in module.split("_"))
        name = f"{NAMESPACE}/{task}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(name, "envs.cell.core:make", kwargs={"task": module}, order_enforce=False)
        ids.append(name)
    return tuple(ids)


ENV_IDS: tuple[str, ...] = _register()
TASKS: tuple[str, ...] = tuple(i.removeprefix(f"{NAMESPACE}/").removesuffix("-v0") for i in ENV_IDS)
