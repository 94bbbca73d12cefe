"""Finished pieces of the table: what one policy did on one cell, in a file that is whole or absent."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.benchmarking.cells import BenchCell
from experiments.benchmarking.rows import Row
from experiments.benchmarking.trials import Timing, Trial
from experiments.errors import UserError
from experiments.run import to_plain, write_text_atomic

FORMAT = 1
FOLDER = "cells"
_TIMES = ("wall_s", "act_s", "physics_s", "picture_s", "cpu_s", "n_steps", "n_episodes")


@dataclass
class Piece:
    """One policy of one row on one cell.

    Attributes:
        row: The row.
        member: Which of the row's policies.
        cell: The cell.
        identity: What the episodes follow from; where any of it differs, so may they.
        trials: The episodes, in the order of their seeds.
        timing: Where the time went.
        redone: Episodes that were lost with a worker and done again.
        stale: What differs from what would be made now, where it was kept all the same.
        error: Why it could not be finished.
    """

    row: Row
    member: int
    cell: BenchCell
    identity: Mapping[str, Any]
    trials: list[Trial] = field(default_factory=list)
    timing: Timing = field(default_factory=Timing)
    redone: int = 0
    stale: tuple[str, ...] = ()
    error: str | None = None

    @property
    def who(self) -> str:
        """The agent's name or the run's directory."""
        return self.row.who[self.member]

    @property
    def file(self) -> str:
        """The name of its file; which of a row's runs it is, is in the name."""
        named = f"{self.row.name}--{self.member}--{self.cell.split}--{self.cell.name}"
        plain = re.sub(r"[^A-Za-z0-9.@-]+", "_", f"{self.row.name}--{self.member}--{self.cell.name}")
        return f"{plain[:80]}-{hashlib.sha256(named.encode()).hexdigest()[:8]}.json"


def columns(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return episodes as columns, texts once each."""
    texts = list(dict.fromkeys(t.instruction for t in trials))
    parts = list(dict.fromkeys(t.part for t in trials))
    return {
        "seed": [t.seed for t in trials],
        "success": [int(t.success) for t in trials],
        "steps": [t.n_steps for t in trials],
        "return": [t.sum_reward for t in trials],
        "cause": [t.cause for t in trials],
        "took_old": [int(t.took_old) for t in trials],
        "possible": [int(t.possible) for t in trials],
        "instruction": [texts.index(t.instruction) for t in trials],
        "part": [parts.index(t.part) for t in trials],
        "instructions": texts,
        "parts": parts,
        "skills": sorted({t.skill for t in trials}),
    }


def trials_of(data: Mapping[str, Any]) -> list[Trial]:
    """Return the episodes of `columns`.

    Raises:
        ValueError: If the columns do not fit together.
    """
    names = ("seed", "success", "steps", "return", "cause", "took_old", "possible", "instruction", "part")
    skill = " ".join(data["skills"])
    return [
        Trial(
            int(seed), bool(success), int(steps), float(total), cause, data["instructions"][text],
            data["parts"][part], skill, bool(old), bool(possible),
        )
        for seed, success, steps, total, cause, old, possible, text, part in zip(
            *(data[name] for name in names), strict=True
        )
    ]  # fmt: skip


def save(folder: Path, piece: Piece) -> None:
    """Write a piece, one line for each part of it."""
    timing = {name: getattr(piece.timing, name) for name in _TIMES}
    timing["act"] = {str(index): n for index, n in sorted(piece.timing.act.items())}
    data = {
        "format": FORMAT,
        "row": piece.row.name,
        "who": piece.who,
        "member": piece.member,
        "cell": piece.cell.name,
        "identity": piece.identity,
        "redone": piece.redone,
        "timing": timing,
        **{f"episodes.{name}": column for name, column in columns(piece.trials).items()},
    }
    lines = (
        f'"{key}": {json.dumps(to_plain(value), ensure_ascii=False, allow_nan=False)}'
        for key, value in data.items()
    )
    write_text_atomic(folder / piece.file, "{\n" + ",\n".join(lines) + "\n}\n")


def restore(folder: Path, piece: Piece) -> Mapping[str, Any] | None:
    """Fill a piece from its file and return what identity it has there; None where there is no file.

    Raises:
        UserError: For a file that is damaged, naming it.
    """
    path = folder / piece.file
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']!r}, allowed is {FORMAT}")
        episodes = {k.removeprefix("episodes."): v for k, v in data.items() if k.startswith("episodes.")}
        piece.trials = trials_of(episodes)
        times = dict(data["timing"])
        act = Counter({int(index): int(n) for index, n in times.pop("act").items()})
        piece.timing = Timing(act, **{name: times[name] for name in _TIMES})
        piece.redone = int(data["redone"])
        return dict(data["identity"])
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it, and it is done again") from None
