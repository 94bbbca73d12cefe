"""Monozukuri's environments: importing this registers every task as `Monozukuri/<Task>-v0`.

Tasks of a cell are files in `cell/tasks`; lots of parts on a machine tool are files in `configs/processes`;
folders from outside add to both.
"""

from __future__ import annotations

from pkgutil import iter_modules

import gymnasium

from configs import data, extensions

NAMESPACE = "Monozukuri"


def _modules() -> tuple[str, ...]:
    own = sorted(m.name for m in iter_modules([f"{path}/cell/tasks" for path in __path__]))
    return (*own, *extensions.added("tasks", [*own, *data.names("processes")]))


def _cells() -> tuple[str, ...]:
    """Registers one id for each file in `cell/tasks`, then from outside; nothing of it is imported yet."""
    return tuple(_register(m, "envs.cell.core:make", task=m) for m in _CELLS)


def _processes() -> tuple[str, ...]:
    """Registers one id for each process, batched natively."""
    names = data.names("processes", _CELLS)
    at = "envs.machining.env"
    return tuple(_register(n, f"{at}:make", vector=f"{at}:make_vec", process=n) for n in names)


def _register(file: str, entry_point: str, vector: str | None = None, **options: str) -> str:
    name = f"{NAMESPACE}/{''.join(word.capitalize() for word in file.split('_'))}-v0"
    if name not in gymnasium.registry:
        # Environments check what they are given; what they return, the tests check.
        gymnasium.register(
            name,
            entry_point,
            kwargs=options,
            order_enforce=False,
            disable_env_checker=True,
            vector_entry_point=vector,
        )
    return name


def _shifts() -> tuple[str, ...]:
    """Registers the shift: its actions name a tool, so it is no task of an arm and not in `ENV_IDS`."""
    return (_register("shift", "envs.shift.env:make"),)


_CELLS = _modules()
CELL_IDS: tuple[str, ...] = _cells()
PROCESS_IDS: tuple[str, ...] = _processes()
ENV_IDS: tuple[str, ...] = CELL_IDS + PROCESS_IDS
SHIFT_IDS: tuple[str, ...] = _shifts()
# Names of the tasks in a cell.
TASKS: tuple[str, ...] = tuple(i.removeprefix(f"{NAMESPACE}/").removesuffix("-v0") for i in CELL_IDS)
