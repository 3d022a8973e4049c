"""Why a series can't be used."""

from __future__ import annotations


class RefusedError(Exception):
    """A series that can't be used: kind of problem, why, and what to do, where the kind's own remedy does not fit."""

    def __init__(self, kind: str, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.kind, self.what, self.remedy = kind, what, remedy
