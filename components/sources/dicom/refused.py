"""Why a series can't be used."""

from __future__ import annotations


class RefusedError(Exception):
    """A series that can't be used: the kind of problem, why, and a remedy if the kind's own does not fit."""

    def __init__(self, kind: str, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.kind, self.what, self.remedy = kind, what, remedy
