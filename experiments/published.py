"""Published success rates that stand beside ours as reference: `configs/published/success_rates.yaml`."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from experiments.config import read_yaml
from experiments.errors import UserError

_KEYS = {"name", "label", "source", "standing", "seen", "cells", "unseen_average"}
_LABELS = ("not comparable: real robot", "other simulator")


def published() -> list[dict[str, Any]]:
    """Return the rows of the file, each with its source and why it is not comparable; rates in percent.

    Raises:
        UserError: For a row that lacks something or has a rate that is none.
    """
    source = "configs/published/success_rates.yaml"
    text = (files("configs") / "published" / "success_rates.yaml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = read_yaml(text, source)["rows"]
    for row in rows:
        if set(row) != _KEYS:
            raise UserError(f"{source}: {row.get('name')!r}: {', '.join(sorted(_KEYS))} are needed")
        if row["label"] not in _LABELS or row["standing"] not in ("S", "T"):
            raise UserError(f"{source}: {row['name']}: label {row['label']!r}, standing {row['standing']!r}")
        rates = [row["seen"], row["unseen_average"], *row["cells"].values()]
        for rate in (value for value in rates if value is not None):
            if not 0 <= rate <= 100:
                raise UserError(f"{source}: {row['name']}: rate {rate}: allowed is 0 to 100")
    return rows
