"""Where an episode waits, in a file of its own, until it moves into a large one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from agents.dataset import layout
from agents.dataset.layout import JOURNAL, DatasetError

# What is told of the episode, in the metadata of its parquet file.
KEY = b"monozukuri"


def journal_file(folder: Path, episode: int) -> Path:
    """Where an episode lies until it moves into a large file."""
    return folder / JOURNAL / f"episode-{episode:06d}.parquet"


def read_waiting(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """An episode in the journal: its frames, and what is told of it (tasks, extra, stats)."""
    table = layout.read_table(path)
    return table, _told(path, table.schema)


def waiting(folder: Path, first: int) -> Iterable[tuple[Path, dict[str, Any]]]:
    """The episodes in the journal, from number `first` on: file, and what is told of each; reads no frame."""
    numbers = []
    for path in (folder / JOURNAL).glob("episode-*.parquet"):
        digits = path.stem.removeprefix("episode-")
        if digits.isdecimal() and int(digits) >= first:
            numbers.append(int(digits))
    for expected, number in enumerate(sorted(numbers), first):
        if number != expected:
            raise DatasetError(f"data set file {journal_file(folder, expected)} is missing")
        path = journal_file(folder, number)
        yield path, _told(path, layout.read_head(path)[0])


def _told(path: Path, schema: pa.Schema) -> dict[str, Any]:
    try:
        told = json.loads((schema.metadata or {})[KEY])
        return {key: told[key] for key in ("tasks", "extra", "stats")}
    except (KeyError, ValueError, TypeError):
        raise DatasetError(f"data set file {path} is damaged: it does not tell of its episode") from None
