"""A chart with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Panel:
    """What a figure of the page holds.

    Attributes:
        title: its heading.
        note: how to read it; or, without a chart, why there is none.
        svg: the chart; None if nothing was measured.
        legend: kind of line or dot (a CSS class) and what it is.
    """

    title: str
    note: str
    svg: Markup | None = None
    legend: tuple[tuple[str, str], ...] = ()
