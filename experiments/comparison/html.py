"""Pieces of a page that stands by itself: no network, no script; everything that is text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2933;background:#f5f7fa;margin:0}
main{max-width:1060px;margin:0 auto;padding:24px}
h1{font-size:26px}h2{font-size:20px;margin-top:42px}h3{font-size:16px}
p,li{max-width:78ch}svg{max-width:100%;height:auto}
table{border-collapse:collapse;background:#fff;font-size:13px;margin:12px 0}
th,td{border:1px solid #d9e2ec;padding:4px 8px;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.worse{background:#fde3d3}.better{background:#d7ecdf}.alike{background:#eef2f6}
.note{color:#52606d;font-size:13px}.scroll{overflow-x:auto}
.lanes{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:12px}
.lane{background:#fff;border:1px solid #d9e2ec;border-radius:8px;padding:10px 14px;font-size:13px}
@media(prefers-color-scheme:dark){body{color:#cdd9e5;background:#0d1117}table,.lane{background:#161b22}
th,td,.lane{border-color:#2d333b}.worse{background:#4a2414}.better{background:#143d28}.alike{background:#22272e}
.note{color:#8b98a5}}
"""


class Raw(str):
    """Text that is HTML already."""


def text(value: object) -> str:
    """Return a value as HTML: escaped, unless it is `Raw`."""
    return value if isinstance(value, Raw) else escape(str(value))


def heading(words: str, level: int = 2) -> Raw:
    """Return a heading."""
    return Raw(f"<h{level}>{escape(words)}</h{level}>")


def paragraph(words: str, kind: str = "") -> Raw:
    """Return a paragraph; `kind` is a class, such as "note"."""
    mark = f' class="{escape(kind)}"' if kind else ""
    return Raw(f"<p{mark}>{text(words)}</p>")


def bullets(items: Iterable[str]) -> Raw:
    """Return a list."""
    return Raw("<ul>" + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>")


def table(head: Sequence[str], rows: Iterable[Sequence[object]], marks: Sequence[Sequence[str]] = ()) -> Raw:
    """Return a table; numbers are set to the right.

    Args:
        head: Column names.
        rows: Cells.
        marks: (rows, cells) classes, such as "worse"; "" for none.
    """
    lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    for i, row in enumerate(rows):
        cells = []
        for j, cell in enumerate(row):
            mark = marks[i][j] if i < len(marks) and j < len(marks[i]) else ""
            kinds = " ".join(filter(None, ["n" if j else "", mark]))
            cells.append(f'<td class="{kinds}">{text(cell)}</td>' if kinds else f"<td>{text(cell)}</td>")
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return Raw('<div class="scroll"><table>' + "".join(lines) + "</table></div>")


def lanes(columns: Sequence[tuple[str, Sequence[str]]]) -> Raw:
    """Return columns side by side: a title and lines for each."""
    found = []
    for title, lines in columns:
        inside = "".join(f"<li>{text(line)}</li>" for line in lines)
        found.append(f'<div class="lane"><h3>{escape(title)}</h3><ol>{inside}</ol></div>')
    return Raw('<div class="lanes">' + "".join(found) + "</div>")


def page(title: str, parts: Iterable[str]) -> str:
    """Return the page."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        "'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(text(part) for part in parts) + "\n</main></body></html>\n"
    )
