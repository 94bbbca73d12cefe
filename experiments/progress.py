"""What people see while something is learned: a bar with success and time left, TensorBoard."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tqdm import tqdm


class Progress:
    """A bar on stderr, and scalars for TensorBoard if that is installed.

    Args:
        total: Environment steps in all.
        title: What is being done.
        folder: Where TensorBoard's files go.
    """

    def __init__(self, total: int, title: str, folder: Path) -> None:
        self._bar = tqdm(
            total=total, desc=title, unit="step", unit_scale=True, file=sys.stderr, smoothing=0.1,
            bar_format="{desc} {percentage:3.0f}%|{bar:24}| {n_fmt} steps, {elapsed} gone, "
            "{remaining} left{postfix}", mininterval=0.5,
        )  # fmt: skip
        self._shown: dict[str, float] = {}
        self._writer: Any = None
        if find_spec("tensorboard") and find_spec("torch"):
            module: Any = importlib.import_module("torch.utils.tensorboard")
            self._writer = module.SummaryWriter(str(folder))

    def show(self, n_done: int, metrics: Mapping[str, float]) -> None:
        """Move the bar, and show the numbers that people want to see."""
        names = {"success": "success", "collect_success": "while learning", "reward": "reward"}
        self._shown |= {names[key]: value for key, value in metrics.items() if key in names}
        shown = {k: f"{v:.0%}" if k != "reward" else f"{v:.2f}" for k, v in self._shown.items()}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(min(n_done, self._bar.total) - self._bar.n)
        if self._writer is not None:
            for key, value in metrics.items():
                self._writer.add_scalar(key, value, n_done)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()
        if self._writer is not None:
            self._writer.close()
