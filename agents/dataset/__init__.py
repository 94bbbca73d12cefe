"""Demonstrations on disk: LeRobotDataset v3.0, written and read here, and by lerobot itself.

    writer = Writer("demos", features={"action": Feature("float32", (5,))}, fps=20, robot="lrmate200id")
    writer.add_episode({"action": actions}, tasks=["load the red shaft"], extra={"seed": 7})
    writer.close()
    data = Dataset("demos")
    data.column("action")  # (N, 5) float32

An episode is whole or absent. It lies in the folder `journal` when `add_episode` returns; from there episodes
move into the large files of the format, at the latest in `close`. A writer that is killed leaves a data set
that `Dataset` reads and `Writer(..., resume=True)` goes on with; lerobot reads it after `close`.

What is ours alone is in `meta/monozukuri.json`, which lerobot ignores.
"""

from __future__ import annotations

from agents.dataset.layout import DatasetError, Feature
from agents.dataset.pack import Packed, pack
from agents.dataset.reader import Dataset, Episode
from agents.dataset.writer import Writer

__all__ = ["Dataset", "DatasetError", "Episode", "Feature", "Packed", "Writer", "pack"]
