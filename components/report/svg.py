"""Line charts as SVG with colours from the page: light and dark, no network access, reproducible bytes.

Series differ by dashes as well as by colour. CSS classes: `one`, `two`, `pale` for series, `grid`, `axis` for the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT = 460, 290
LEFT, RIGHT, TOP, BOTTOM = 42, WIDTH - 16, 30, HEIGHT - 42
DASHES = {"one": "", "two": "7 4", "pale": "2 4"}
Ends = tuple[float, float]


def ticks(low: float, high: float, *, most: int = 6, whole: bool = False) -> list[float]:
    """Round numbers from `low` to `high`, at most `most` of them, in steps of 1, 2 or 5 (times a power of 10).

    Args:
        whole: whether to return only whole numbers.
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (power * m for m in (1, 2, 5, 10)):
        steps = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        if len(steps) <= most and not (whole and step < 1):
            break
    return [round(i * step, 10) for i in steps]


class Chart:
    """Axes to draw on; points that are not finite are left out.

    Args:
        x, y: ends of the axes.
        x_label, y_label: labels; the y label stands above its axis.
        whole: whether x counts something.
    """

    def __init__(self, x: Ends, y: Ends, x_label: str, y_label: str, *, whole: bool = False) -> None:
        self.x, self.y = x, y
        self.parts: list[str] = []
        for value in ticks(*y):
            self.parts.append(
                f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{self._y(value)}" y2="{self._y(value)}"/>'
            )
            self._text(LEFT - 6, self._y(value) + 4, f"{value:g}", "end")
        for value in ticks(*x, whole=whole):
            self._text(self._x(value), BOTTOM + 17, f"{value:g}", "middle")
        self.parts.append(f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>')
        self._text(RIGHT, BOTTOM + 35, x_label, "end")
        self._text(4, 14, y_label, "start")

    def line(self, xs: Sequence[float], ys: Sequence[float], kind: str) -> None:
        """Draw a line through the points."""
        points = self._points(xs, ys)
        path = " ".join(f"{x},{y}" for x, y in points)
        self.parts.append(f'<polyline class="{kind}" stroke-dasharray="{DASHES[kind]}" points="{path}"/>')
        if len(points) == 1:  # a line through one point would be invisible
            self.dots(xs, ys, kind)

    def dots(self, xs: Sequence[float], ys: Sequence[float], kind: str, radii: Sequence[float] | None = None) -> None:
        """Draw dots, of radius 4 or of the given radii."""
        for at, (x, y) in enumerate(self._points(xs, ys)):
            self.parts.append(f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radii[at] if radii else 4}"/>')

    def draw(self, words: str) -> Markup:
        """Return the <svg> element; `words` describe it to people who can't see it."""
        head = f'<svg class="chart" role="img" aria-label="{escape(words)}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        return Markup(head + "".join(self.parts) + "</svg>")  # noqa: S704  all text in it is escaped

    def _x(self, value: float) -> float:
        low, high = self.x
        return round(LEFT + (RIGHT - LEFT) * (value - low) / (high - low), 1)

    def _y(self, value: float) -> float:
        low, high = self.y
        return round(BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low), 1)

    def _finite(self, xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
        return [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]

    def _points(self, xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
        return [(self._x(x), self._y(y)) for x, y in self._finite(xs, ys)]

    def _text(self, x: float, y: float, text: str, anchor: str) -> None:
        self.parts.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>')
