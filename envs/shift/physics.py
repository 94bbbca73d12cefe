"""Handling by the real PyBullet environments, and recording of it for `cycles`.

The caller hands in, for each skill, a function that makes an environment with the policy that acts in it:
`envs` knows no agents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import gymnasium

from configs.records import unknown
from envs.cell.order import Asked
from envs.cell.seating import chuck_gaps_m
from envs.shift import draws
from envs.shift.cycles import MOVED, Group, Row, as_row
from envs.shift.handling import Blank, Conditions, Outcome, Skill

TASK_IDS = {"load": "Monozukuri/LoadChuck-v0", "unload": "Monozukuri/UnloadChuck-v0"}
# Disturbances that are recorded together, each at the same strength; unloading has no seat to be dirty.
TOGETHER = {
    "load": ("chips", "fixture_offset", "miscalibration", "oil_film"),
    "unload": ("fixture_offset", "miscalibration", "oil_film"),
}
# Those of them that come and go with the blank, while fixture and camera are where they were taught.
STAY = ("chips", "oil_film")
# Recorded episodes are test episodes from here on, the same for every skill.
FIRST_SEED = 2_500_000
TEST_SEEDS = (2_000_000, 2_999_999)
LIMIT_M = 1e-4
# Environments that are kept open at a time.
_KEPT = 6
# Episodes looked at for one with the part type asked for.
_PATIENCE = 400
# A part is in the open chuck within so much of its axis and stop.
_IN_CHUCK_M, _ABOVE_STOP_M = 0.015, 0.010
# A part whose bottom is this far below the tray, or whose axis leans so much, was dropped.
_FALLEN_M, _LEANING = 0.01, 0.9


class Actor(Protocol):
    """A policy that was prepared for its environment.

    It may have `doubts`, true while it is about to take what may well not be what was named.
    """

    def reset(self, instruction: str, seed: int) -> None:
        """Begin an episode."""

    def act(self, observation: Any) -> Any:
        """Return the action to take."""


# Makes an environment of an id with options (`split`, `stress`), and the policy prepared for it.
Prepare = Callable[[str, Mapping[str, Any]], tuple[gymnasium.Env[Any, Any], Actor]]


@dataclass
class FullPhysicsHandling:
    """Steps the real environments; an episode's seed follows from the blank's key.

    Attributes:
        makers: How each skill's environments and policies are made.
        skills: The skills by name, the usual one first.
        grouped: Whether disturbances come together, all at the strongest one's strength, as they were
            recorded; otherwise exactly those of the conditions are there.
    """

    makers: Mapping[str, Prepare]
    skills: Mapping[str, Skill]
    grouped: bool = True
    _kept: dict[tuple[str, str, str, str], tuple[gymnasium.Env[Any, Any], Actor]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        for name in self.skills:
            if name not in self.makers:
                raise unknown("skill", name, self.makers)
        self.skills = MappingProxyType(dict(self.skills))

    def load(self, skill: str, blank: Blank, conditions: Conditions) -> Outcome:
        """Load the blank."""
        return self._run(skill, "load", blank, conditions)

    def unload(self, skill: str, blank: Blank, conditions: Conditions) -> Outcome:
        """Take the part out."""
        return self._run(skill, "unload", blank, conditions)

    def close(self) -> None:
        """Close the environments."""
        while self._kept:
            self._kept.popitem()[1][0].close()

    def _run(self, skill: str, task: str, blank: Blank, conditions: Conditions) -> Outcome:
        if skill not in self.skills:
            raise unknown("skill", skill, self.skills)
        env, actor = self._made(skill, task, conditions, novel=blank.novel)
        seed = self._seed(env, blank, task)
        row = episode(env, actor, seed)
        return Outcome(
            row.duration_s, row.result, row.gap_mm, row.runout_mm, row.energy_j, bool(row.seat_ok),
            bool(row.gripped), f"{task}:{seed}", row.doubted_s,
        )  # fmt: skip

    def _made(
        self, skill: str, task: str, conditions: Conditions, *, novel: bool
    ) -> tuple[gymnasium.Env[Any, Any], Actor]:
        if self.grouped:
            moved = any(name in conditions.strengths for name in MOVED)
            stress = stress_of(task, conditions.strength, moved=moved)
        else:
            there = {n: s for n, s in sorted(conditions.strengths.items()) if s and n in TOGETHER[task]}
            stress = ",".join(f"{n}:{s}" for n, s in there.items())
        split = split_of(task, nested=conditions.nested, novel=novel)
        key = (skill, task, split, stress)
        if key in self._kept:
            self._kept[key] = self._kept.pop(key)  # the last used is the last to go
        else:
            if len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))[0].close()
            self._kept[key] = self.makers[skill](TASK_IDS[task], {"split": split, "stress": stress})
        return self._kept[key]

    @staticmethod
    def _seed(env: gymnasium.Env[Any, Any], blank: Blank, task: str) -> int:
        """The first of the blank's seeds whose named part is of its type; its family where no size fits.

        What is novel is of no type that is named: any episode.
        """
        low, high = TEST_SEEDS
        bare: Any = env.unwrapped
        second: int | None = None
        for n in range(_PATIENCE):
            seed = low + draws.key(blank.key, f"{task} episode {blank.attempt}", n) % (high - low + 1)
            if blank.novel and task == "load":
                return seed
            kind = named_kind(bare, seed)
            if (kind.family, kind.size) == (blank.family, blank.size):
                return seed
            if kind.family == blank.family and second is None:
                second = seed
        if second is None:
            raise ValueError(f"family {blank.family!r}: no episode of {bare.task.name} has such a part")
        return second


def named_kind(bare: Any, seed: int) -> Any:
    """Return what part is named in a cell's episode, which is drawn and not built: that takes far longer."""
    gymnasium.Env.reset(bare, seed=seed)
    return bare._completed(bare._draw(Asked())).candidates[0].kind


def episode(env: gymnasium.Env[Any, Any], actor: Actor, seed: int) -> Row:
    """Run one episode and say what came of it."""
    observation, info = env.reset(seed=seed)
    actor.reset(str(info["instruction"]), seed)
    bare: Any = env.unwrapped
    over = gripped = False
    doubted_s = -1.0
    while not over:
        action = actor.act(observation)
        if doubted_s < 0 and not gripped and getattr(actor, "doubts", False):
            doubted_s = float(info["time_s"])
        observation, _, terminated, truncated, info = env.step(action)
        gripped |= bare._now.gripped
        over = terminated or truncated
    cell, now = bare.cell, bare._now
    kind = cell.draw.candidates[0].kind
    gap_m = runout_m = 0.0
    if bare.task.workholding == "chuck" and not bare.task.starts_in_machine:
        runout_m, gap_m, *_ = bare.task.achieved(cell, now)
    result = "seated" if info["is_success"] else _failure(bare, gap_m=gap_m, runout_m=runout_m)
    if result == "wrong_part":
        spec = cell.machine.spec
        held = min(now.parts, key=lambda part: math.dist(part.bottom_m, spec.chuck_m))
        runout_m, gap_m = chuck_gaps_m(spec, held)
    clamped = result in ("seated", "misseated", "wrong_part")
    return as_row(
        {
            "seed": seed, "family": kind.family, "size": kind.size,
            "duration_s": float(info["time_s"]), "result": result,
            "gap_mm": max(0.0, 1e3 * gap_m) if clamped else 0.0,
            "runout_mm": 1e3 * runout_m if clamped else 0.0,
            "energy_j": float(info["energy_j"]),
            "seat_ok": int(clamped and cell.seated() and now.machine is not None and now.machine.seat_ok),
            "gripped": int(gripped), "doubted_s": doubted_s,
        }
    )  # fmt: skip


def _failure(bare: Any, *, gap_m: float, runout_m: float) -> str:
    """What went wrong in an episode that was no success."""
    cell, now = bare.cell, bare._now
    part, machine = now.parts[0], now.machine
    unloading = bare.task.starts_in_machine
    grasped = cell.ledger.count("part_grasped") > 0
    clamped = cell.seated() and machine is not None and machine.part_present and not now.held
    inside = cell.machine is not None and cell.machine.arm_inside
    if cell.ledger.count("collision"):
        return "collision"
    if clamped and not unloading:
        chuck = cell.machine.spec.chuck_m
        near = [math.dist(p.bottom_m[:2], chuck[:2]) for p in now.parts]
        if min(near) < near[0]:
            return "wrong_part"
        if not inside:
            return "misseated" if max(gap_m, runout_m) > LIMIT_M else "seated"
    if inside or now.held:
        return "jammed"
    if not unloading and _in_chuck(cell, part):
        return "misseated"  # the seat's sensor told, the machine let go of it
    fallen = part.bottom_m[2] < cell.layout.tray_m[2] - _FALLEN_M or part.up[2] < _LEANING
    if grasped or fallen:
        return "dropped"
    return "missed_grasp"


def _in_chuck(cell: Any, part: Any) -> bool:
    """Whether a part that nobody holds lies in the chuck."""
    x, y, z = cell.machine.spec.chuck_m
    (px, py, pz) = part.bottom_m
    return math.hypot(px - x, py - y) < _IN_CHUCK_M and abs(pz - z) < _ABOVE_STOP_M


def record(
    prepare: Prepare,
    *,
    task: str,
    nested: bool,
    strength: int,
    moved: bool = True,
    novel: bool = False,
    seeds: Sequence[int] | None = None,
) -> Iterator[Row]:
    """Run full-physics cycles under one set of conditions, yielding each as it is done.

    Args:
        prepare: Makes the environment and the policy.
        task: "load" or "unload".
        nested: Whether blanks lie in nests (split "nominal"), or loose ("seen").
        strength: Of the disturbances in `TOGETHER`, 0 for none.
        moved: Whether fixture and camera are off too.
        novel: Whether the parts are of families and sizes that nobody has programmed or shown.
        seeds: Of the episodes; 60 from `FIRST_SEED` if not given.

    Raises:
        ValueError: for an unknown task.
    """
    if task not in TASK_IDS:
        raise unknown("task", task, TASK_IDS)
    split = split_of(task, nested=nested, novel=novel)
    options = {"split": split, "stress": stress_of(task, strength, moved=moved)}
    env, actor = prepare(TASK_IDS[task], options)
    try:
        for seed in seeds or range(FIRST_SEED, FIRST_SEED + 60):
            yield episode(env, actor, seed)
    finally:
        env.close()


def split_of(task: str, *, nested: bool, novel: bool) -> str:
    """Return what varies: where blanks lie, and what they are; the machine holds what it was set up for."""
    if novel and task == "load":
        return "objects-hard"
    return "nominal" if nested else "seen"


def stress_of(task: str, strength: int, *, moved: bool = True) -> str:
    """Return the disturbances of a recorded group, as an environment's option."""
    names = TOGETHER[task] if moved else [n for n in TOGETHER[task] if n in STAY]
    return ",".join(f"{name}:{strength}" for name in names) if strength else ""


def group_of(
    rows: list[Row], *, task: str, nested: bool, strength: int, moved: bool = True, novel: bool = False
) -> Group:
    """Return recorded cycles as a group of a table."""
    return Group(task, nested, strength, stress_of(task, strength, moved=moved), tuple(rows), novel)
