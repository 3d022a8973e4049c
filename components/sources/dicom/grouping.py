"""Images grouped into series, by SeriesInstanceUID or, if that is corrupt, by other tags they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# What slices of one series share if each has its own SeriesInstanceUID.
_ALIKE = ("StudyInstanceUID", "SeriesDescription", "ProtocolName", "Rows", "Columns", "ImageType")
_OWN = ("SeriesNumber", "SeriesDescription")  # what no two series of an examination share
_TIMES = ("RepetitionTime", "EchoTime", "InversionTime", "ContrastBolusAgent")

File = tuple[Path, Any]  # path and header


def group_into_series(found: dict[str, list[File]]) -> list[list[File]]:
    """Return series as lists of files; slices with a SeriesInstanceUID each are grouped by other tags they share."""
    whole: list[list[File]] = []
    lone: list[list[File]] = []
    for files in _split_by_uid(found):
        single = len(files) == 1 and int(files[0][1].get("NumberOfFrames") or 1) < 2
        (lone if single else whole).append(files)
    # Series numbers separate two of them, unless they, too, differ on each slice.
    for names in ((*_ALIKE, "SeriesNumber"), (*_ALIKE, *_TIMES)):
        together = defaultdict(list)
        for (file,) in lone:
            together[_key(file[1], names)].append(file)
        whole += [files for files in together.values() if len(files) > 1]
        lone = [files for files in together.values() if len(files) == 1]
    return [*whole, *lone]


def _split_by_uid(found: dict[str, list[File]]) -> Iterator[list[File]]:
    """Yield files by SeriesInstanceUID; if several series share one, they are separated by number and description.

    De-identification may write the same SeriesInstanceUID into all series of an examination.
    """
    for _, files in sorted(found.items()):
        parts = defaultdict(list)
        for file in files:
            parts[tuple(str(file[1].get(name)) for name in _OWN)].append(file)
        # Both differ on every slice where careless software counts slices as series.
        apart = len(parts) > 1 and min(map(len, parts.values())) > 1
        apart = apart and all(len(set(names)) > 1 for names in zip(*parts, strict=True))
        yield from parts.values() if apart else [files]


def _key(header: Any, names: Iterable[str]) -> tuple[str, ...]:
    orientation = header.get("ImageOrientationPatient") or []
    return (*(str(header.get(name)) for name in names), str([round(float(x), 1) + 0.0 for x in orientation]))
