"""A drawing in SVG that reads well on light and dark pages; every text in it is escaped."""

from __future__ import annotations

from html import escape

# Okabe and Ito's colours, told apart by colour-blind readers.
MODE_COLOURS = {
    "manual": "#8c6d00",
    "automated_basic": "#56b4e9",
    "automated": "#0072b2",
    "autonomous": "#d55e00",
}
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#8c6d00",
    "#56b4e9",
    "#7b8794",
    "#44546a",
    "#a3a300",
    "#b55d9c",
    "#2f6f4f",
)
_FONT = 'fill="#323f4b" font-family="system-ui, sans-serif" font-size="13"'
_DARK = (
    "@media (prefers-color-scheme:dark){.card{fill:#161b22}.grid{stroke:#2d333b}"
    ".axis{stroke:#768390}.ink{stroke:#e6edf3}text{fill:#cdd9e5}text.on{fill:#10151c}}"
)


def colour_of(name: str, index: int) -> str:
    """Return a mode's colour, or that of its place for any other name."""
    return MODE_COLOURS.get(name, COLOURS[index % len(COLOURS)])


def words(name: str) -> str:
    """Return a name of the code as people read it: no underscores."""
    return name.replace("_", " ")


class Canvas:
    """Collects shapes; `svg` returns the document.

    Args:
        width: In pixels.
        height: In pixels.
        title: Drawn at the top, and read by screen readers.
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._body = [f'<rect class="card" fill="#ffffff" width="{width:g}" height="{height:g}" rx="8"/>']
        self.text(16, 26, title, size=15, weight=600)

    def text(
        self, x: float, y: float, text: str, *, anchor: str = "start", size: float = 12, weight: int = 400
    ) -> None:
        """Write a line of text whose baseline is at y."""
        self._body.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" '
            f'font-weight="{weight}">{escape(text)}</text>'
        )

    def on(self, x: float, y: float, text: str, size: float = 11) -> None:
        """Write centred text on a filled shape, in dark ink on any page."""
        self._body.append(
            f'<text class="on" x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="{size:g}" '
            f'fill="#10151c">{escape(text)}</text>'
        )

    def rect(self, x: float, y: float, width: float, height: float, fill: str, hint: str = "") -> None:
        """Draw a filled rectangle; `hint` is shown where the mouse rests on it."""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        self._body.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(0.0, width):.2f}" height="{max(0.0, height):.2f}" '
            f'fill="{fill}">{title}</rect>'
        )

    def line(self, points: list[tuple[float, float]], kind: str = "axis", width: float = 1.0) -> None:
        """Draw a polyline; kinds are "axis", "grid", "ink", or a colour."""
        known = {
            "axis": 'class="axis" stroke="#7b8794"',
            "grid": 'class="grid" stroke="#e4e7eb"',
            "ink": 'class="ink" stroke="#10151c"',
        }
        stroke = known.get(kind, f'stroke="{kind}"')
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._body.append(
            f'<polyline points="{path}" fill="none" {stroke} stroke-width="{width:g}" '
            'stroke-linecap="round"/>'
        )

    def svg(self) -> str:
        """Return the document."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'role="img" width="{self.width:g}" height="{self.height:g}" {_FONT}>\n'
            f"<title>{escape(self.title)}</title>\n<style>{_DARK}</style>\n"
            + "\n".join(self._body)
            + "\n</svg>\n"
        )
