"""Handling by the engine for shifts: any agent or run that loads and unloads a chuck is a skill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from envs.shift.cycles import Group, Row, Table, load_table, merged, recorded_skills, write_table
from envs.shift.handling import Skill
from envs.shift.physics import FIRST_SEED, TASK_IDS, FullPhysicsHandling, group_of, record
from experiments.comparison.pool import run_jobs
from experiments.errors import UserError, unknown

# Kinds of skill that ship: whether a new part type has to be taught, and what the computer draws.
_LEARNED_W = 200.0
# A part in the machine is where the robot left it, and no camera sees it: the integrator, and whoever did not
# learn to unload, do it by a taught program.
_UNLOADS_AS_TAUGHT = ("integrator",)
# Policies that ship with the source go by their folder's name, as their recorded cycles do.
_POLICIES = Path("docs/policies")
STRENGTHS = (0, 1, 3, 5)
# Cycles recorded at a time: so much is lost at most, and whoever must be taught is taught as often.
_PIECE = 125


def maker(who: str) -> Callable[[str, Mapping[str, Any]], tuple[Any, Any]]:
    """Return what makes an environment of an id, and the policy of an agent or run prepared for it."""

    def make(env_id: str, options: Mapping[str, Any]) -> tuple[Any, Any]:
        from experiments.rollout import prepare

        task = env_id.removeprefix("Monozukuri/").removesuffix("-v0")
        kept, request = _prepared(actor_of(who, task), task, options["split"], options.get("stress") or "")
        env, policy = request.make(), deepcopy(kept)  # what sees true state is bound to one environment
        prepare(policy, env)
        return env, policy

    return make


@lru_cache(maxsize=64)
def _prepared(actor: str, task: str, split: str, stress: str) -> tuple[Any, Any]:
    """Return a policy, taught if it must be, and the environment it needs.

    Kept, as one shift after another wants the same, and teaching takes as long as twenty cycles.
    """
    from experiments.evaluation import prepared

    names = {"task": task, "split": split, "robot": "lrmate200id", "control": "ee_yaw"}
    return prepared(actor, names, {"stress": stress} if stress else None)


def actor_of(who: str, task: str) -> str:
    """Return the agent or run that does a task for a skill."""
    from experiments.evaluation import read_run

    where = who if Path(who).exists() or not (_POLICIES / who).is_dir() else str(_POLICIES / who)
    learned = str(read_run(where).get("task", task))
    able = task in learned.split(",") or learned == "all"
    return where if able and not (task == "UnloadChuck" and who in _UNLOADS_AS_TAUGHT) else "taught"


def skill_named(who: str) -> Skill:
    """Return a skill's figures: its recorded cycles', a learned policy's for a run, else an agent's."""
    if who in recorded_skills() or who.endswith(".json"):
        return load_table(who).skill
    learned = Path(who).is_dir()
    return Skill(Path(who).name, needs_teaching=not learned, computer_w=_LEARNED_W if learned else 0.0)


def physics_handling(who: str) -> FullPhysicsHandling:
    """Return handling in which every load and unload is simulated."""
    skill = skill_named(who)
    return FullPhysicsHandling({skill.name: maker(who)}, {skill.name: skill})


def parse_record(text: str) -> tuple[str, Path]:
    """Return who is recorded and the file to write, of WHO=FILE.json.

    Raises:
        UserError: for another form.
    """
    who, _, file = text.partition("=")
    if not who or not file.endswith(".json"):
        raise UserError(f"record is {text!r}: WHO=FILE.json is needed, such as runs/vla=vla.json")
    return who, Path(file)


def record_cycles(
    who: str,
    file: Path,
    n: int,
    strengths: tuple[int, ...] = STRENGTHS,
    workers: int = 1,
    on_done: Callable[[int], None] | None = None,
) -> Table:
    """Record cycles of an agent or run into a table; those that are in the file already are kept.

    Args:
        who: An agent's name, or a run's directory.
        file: The table, written after every piece of a group.
        n: Cycles of each group.
        strengths: Of the disturbances.
        workers: Processes; what is recorded does not depend on how many.
        on_done: Called with how many cycles have come to be there.
    """
    for strength in strengths:
        if not 0 <= strength <= 5:
            raise unknown("strength", strength, range(6))
    table = load_table(file) if file.exists() else Table(skill_named(who), ())
    kept = {_which(group): {row.seed: row for row in group.rows} for group in table.groups}
    wanted = groups_of(table.skill, strengths)
    jobs = []
    # All groups grow alike, so that a table is of use wherever it is stopped.
    for first in range(FIRST_SEED, FIRST_SEED + n, _PIECE):
        for which in wanted:
            seeds = range(first, min(first + _PIECE, FIRST_SEED + n))
            left = tuple(seed for seed in seeds if seed not in kept.get(which, {}))
            jobs += [Piece(who, which, left)] if left else []

    def keep(piece: Piece, rows: list[Row]) -> None:
        nonlocal table
        known = kept.setdefault(piece.which, {})
        known.update({row.seed: row for row in rows})
        in_order = [known[seed] for seed in sorted(known)]
        table = merged(table, [group_of(in_order, **piece.which._asdict())])
        write_table(table, file)
        if on_done is not None:
            on_done(len(rows))

    if on_done is not None:
        on_done(len(wanted) * n - sum(len(job.seeds) for job in jobs))
    run_jobs(record_piece, jobs, workers, keep)
    return table


class Which(NamedTuple):
    """Conditions of a group, named as `group_of` names them."""

    task: str
    nested: bool
    strength: int
    moved: bool
    novel: bool


@dataclass(frozen=True)
class Piece:
    """Cycles to record: whose, under which conditions, and the seeds of their episodes."""

    who: str
    which: Which
    seeds: tuple[int, ...]


def record_piece(piece: Piece) -> list[Row]:
    """Record a piece in this process."""
    return list(record(maker(piece.who), **piece.which._asdict(), seeds=piece.seeds))


def _which(group: Group) -> Which:
    return Which(group.task, group.nested, group.strength, group.moved, group.novel)


def groups_of(skill: Skill, strengths: tuple[int, ...] = STRENGTHS) -> list[Which]:
    """Return the groups of a skill's table.

    What is unloaded starts in the machine: how blanks lie in the tray is nothing to it. Who must be taught a
    part type never meets a novel one.
    """
    lies = [(True, False), (False, False)] + ([] if skill.needs_teaching else [(False, True)])
    return [
        Which(task, nested, strength, moved, novel)
        for task in TASK_IDS
        for nested, novel in (lies if task == "load" else [(False, False)])
        for strength in strengths
        for moved in ((False, True) if strength else (False,))
    ]
