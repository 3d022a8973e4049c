"""One reader a format; each yields the same `Scan`, one patient at a time, so that no step holds the whole set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from components.errors import UserError
from components.scan import Scan
from components.sources import demo, kaggle_3m


@dataclass(frozen=True)
class Source:
    """Patients of one folder: their names, how to read one of them, and whether they are synthetic."""

    patients: list[str]
    read: Callable[[str], Scan]
    synthetic: bool


def open_source(path: str | Path) -> Source:
    """Recognise the format of `path` by its content.

    Raises:
        UserError: there is no such folder, or nothing in it that any reader knows.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder of scans; give one with `make run SOURCE=DIR` (or `source` in params.yaml)"
        )
    names = kaggle_3m.patients(folder)
    if not names:
        raise UserError(
            f"{folder}: no scans found; expected folders <patient>/ with <patient>_<n>.tif and their _mask.tif"
        )
    return Source(names, lambda patient: kaggle_3m.read_patient(folder, patient), (folder / demo.MARKER).exists())
