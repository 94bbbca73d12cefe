"""Nested mappings of arrays and plain values, taken apart for a checkpoint and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SEPARATOR = "|"


def take_apart(tree: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Return the plain values and the arrays (tensors too) in a tree, by their paths.

    Keys that are whole numbers come back as such; lists are kept where they hold plain values.
    """
    values: dict[str, Any] = {}
    arrays: dict[str, NDArray] = {}

    def visit(node: Any, path: str) -> None:
        if isinstance(node, Mapping):
            for key, item in node.items():
                mark = f"#{key}" if isinstance(key, int) else str(key)
                visit(item, f"{path}{_SEPARATOR}{mark}" if path else mark)
        elif hasattr(node, "detach"):
            arrays[path] = node.detach().cpu().numpy()
        elif isinstance(node, np.ndarray):
            arrays[path] = node
        else:
            values[path] = list(node) if isinstance(node, tuple) else node

    visit(tree, "")
    return values, arrays


def put_together(values: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> dict[str, Any]:
    """Return the tree; arrays stay NumPy arrays of their own."""
    tree: dict[Any, Any] = {}
    for path, leaf in [*values.items(), *((key, np.array(a)) for key, a in arrays.items())]:
        *folders, name = [int(part[1:]) if part.startswith("#") else part for part in path.split(_SEPARATOR)]
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = leaf
    return tree
