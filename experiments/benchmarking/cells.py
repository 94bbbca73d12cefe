"""The cells of the table: on what every row is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.errors import unknown
from experiments.rollout import EnvRequest

SEEN, NOMINAL = "seen", "nominal"
# What agents on machine tools may practise on: a column for who asks for it.
PRACTICE = "practice"
# RT-2's six (Brohan et al. 2023, table 4): their mean is the "unseen average".
UNSEEN = (
    "objects-easy", "objects-hard", "backgrounds-easy", "backgrounds-hard", "environments-easy",
    "environments-hard",
)  # fmt: skip
WORDING = ("wording-templates", "wording-synonyms")
# Disturbances of a shop floor that are put on `seen` together, where the task has something they act on.
PHYSICS = ("oil_film", "payload", "fixture_offset", "latency")
STRENGTHS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class BenchCell:
    """A column of the table.

    Attributes:
        name: Such as "objects-easy" or "physics-3".
        split: What varies.
        options: More options of the environment.
    """

    name: str
    split: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def group(self) -> str:
        """Which heading it stands under."""
        if self.name in UNSEEN:
            return "unseen"
        return self.name.partition("-")[0] if "-" in self.name else "control"


def splits_of(task: str) -> tuple[str, ...]:
    """Return the splits that a task has, those that are declared only left out."""
    import envs

    if EnvRequest(task).id in envs.PROCESS_IDS:
        from envs.machining.variation import names

        return names()
    from envs.cell.variation import filled

    return filled()


def cells_of(task: str, chosen: Sequence[str] = (), split_seed: int | None = None) -> list[BenchCell]:
    """Return the cells of a task in a cell: those chosen, or all.

    Besides those of the table, any other split may be chosen, and any single disturbance, as "oil_film-3".

    Args:
        task: The task.
        chosen: Names of cells; none for all.
        split_seed: Draws every unseen split afresh by the same rules; None for the committed ones.

    Raises:
        UserError: For a cell that there is not.
    """
    usual = _usual(task, split_seed)
    if not chosen:
        return usual
    known = {cell.name: cell for cell in (*usual, *_more(task, split_seed))}
    for name in chosen:
        if name not in known:
            raise unknown("split", name, known)
    return [known[name] for name in chosen]


def _more(task: str, split_seed: int | None) -> list[BenchCell]:
    """What is not of the table: splits that mix its cells, and disturbances one by one."""
    from envs.cell.stress import stresses

    fresh = "" if split_seed is None else f"@{split_seed}"
    cells = [BenchCell(name, name + fresh) for name in splits_of(task)]
    for name in _acting(task, tuple(stresses())):
        cells += [BenchCell(f"{name}-{k}", SEEN, (("stress", f"{name}:{k}"),)) for k in STRENGTHS]
    usual = {cell.name for cell in _usual(task, split_seed)}
    return [cell for cell in cells if cell.name not in usual]


def _usual(task: str, split_seed: int | None) -> list[BenchCell]:
    filled = splits_of(task)
    names = [name for name in (NOMINAL, SEEN, *UNSEEN, *WORDING) if name in filled]
    fresh = "" if split_seed is None else f"@{split_seed}"
    cells = [BenchCell(name, name if name in (NOMINAL, SEEN) else name + fresh) for name in names]
    stresses = _acting(task, PHYSICS)
    for strength in STRENGTHS if stresses else ():
        text = ",".join(f"{name}:{strength}" for name in stresses)
        cells.append(BenchCell(f"physics-{strength}", SEEN, (("stress", text),)))
    return cells


def _acting(task: str, names: Sequence[str]) -> list[str]:
    """Return those disturbances that a task of ours has something for."""
    import envs

    request = EnvRequest(task)
    if request.id not in envs.CELL_IDS:
        return []
    from envs.cell import stress

    kind = task_class_of(request)
    found = []
    for name in names:
        try:
            stress.check({name: 1}, kind())
        except ValueError:
            continue
        found.append(name)
    return found


def task_class_of(request: EnvRequest) -> Any:
    """Return the class of a task of ours."""
    import gymnasium

    from envs.cell.core import task_class

    return task_class(gymnasium.spec(request.id).kwargs["task"])
