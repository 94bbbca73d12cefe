"""Markdown: pages and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

# A paragraph, or the lines of a table or a list.
Block = str | Sequence[str]


def page(title: str, *blocks: Block) -> str:
    """Return a page: its title and the blocks, with empty lines between them."""
    texts = [block if isinstance(block, str) else "\n".join(block) for block in blocks]
    return "\n\n".join([f"# {title}", *texts]) + "\n"


def plain(words: str) -> str:
    """Return words that somebody else chose, such as an instruction, so that they are read as words."""
    return escape(" ".join(words.split()), quote=False).replace("|", "\\|").replace("[", "\\[")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
