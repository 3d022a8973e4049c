"""A chart with its title, note and legend."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Panel:
    """A figure of the page.

    Attributes:
        title: heading.
        note: how to read it; or, without a chart, why there is none.
        svg: chart; None if nothing was measured.
        legend: kind of line or dot (a CSS class) and its meaning.
    """

    title: str
    note: str
    svg: Markup | None = None
    legend: tuple[tuple[str, str], ...] = ()
