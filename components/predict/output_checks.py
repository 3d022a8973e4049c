"""Early checks of a prediction's arguments, before anything that takes long to import."""

from __future__ import annotations

from pathlib import Path

from components.common.errors import UserError


def check_empty(out: Path, resume: bool) -> None:
    """Refuse an `out` that can't become a folder of results, or that is not empty, unless `resume` is set."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; give a folder with --out")
    if out.is_dir() and any(out.iterdir()) and not resume:
        raise UserError(f"{out}: is not empty; go on with --resume, or give another folder with --out")
