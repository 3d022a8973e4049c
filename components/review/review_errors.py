"""Why a request can't be served, in a line for the page."""

from __future__ import annotations


class ReviewError(Exception):
    """A request that the page, or whoever sent it, has to change; the message quotes nothing of it.

    Args:
        status: HTTP status, 400 to 499.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
