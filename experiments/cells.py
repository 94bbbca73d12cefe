"""A picture of the cells of the unseen-task benchmark: what a policy sees of one episode in each."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from experiments.guard import ROOT

FILE = ROOT / "docs" / "cells.webp"
CAMERAS = ("cell", "tray")
SIDE_PX, HEAD_PX, FOOT_PX = 150, 26, 58
MOST_BYTES = 250_000
# The episode, of the test seeds: the first with four parts.
EPISODE = 10
_LETTERS = 24  # in a line under a picture


def write(path: Path = FILE, task: str = "LoadChuck") -> Path:
    """Write the picture: a column for each cell, a row for each camera.

    Args:
        path: Where to.
        task: Whose cells.
    """
    picture(task).save(path, "WEBP", quality=80, method=6)
    return path


def picture(task: str = "LoadChuck") -> Any:
    """Return it as a `PIL.Image`."""
    from PIL import Image, ImageDraw

    from envs.cell.variation import CELLS

    columns = [column(task, name) for name in CELLS]
    high = HEAD_PX + SIDE_PX * len(CAMERAS)
    whole = Image.new("RGB", (SIDE_PX * len(columns), high + FOOT_PX), "white")
    pen = ImageDraw.Draw(whole)
    for k, (name, (images, said)) in enumerate(zip(CELLS, columns, strict=True)):
        pen.text((k * SIDE_PX + 4, 7), name, fill="black")
        pen.text((k * SIDE_PX + 4, high + 4), textwrap.fill(said, _LETTERS), fill="black")
        for row, image in enumerate(images):
            whole.paste(Image.fromarray(image), (k * SIDE_PX, HEAD_PX + row * SIDE_PX))
    return whole


def column(task: str, split: str) -> tuple[list[Any], str]:
    """Return what each camera sees at the start, (SIDE_PX, SIDE_PX, 3) uint8 each, and the instruction."""
    import gymnasium

    env: Any = gymnasium.make(
        f"Monozukuri/{task}-v0", split=split, observation="rgb", cameras=CAMERAS, image_size=SIDE_PX
    ).unwrapped
    observation, info = env.reset(seed=env.seeds["test"][0] + EPISODE)
    env.close()
    return [observation[f"image_{camera}"] for camera in CAMERAS], str(info["instruction"])
