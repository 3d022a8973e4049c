"""Which of the files that outline something is the tumour's mask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.sources.dicom.datasets import read_file
from components.sources.dicom.refused import RefusedError
from components.sources.dicom.segments import tumour_segments
from components.sources.nifti import file_names
from components.sources.reading import DAMAGE

CONTOURS = "RTSTRUCT"  # contours as polygons, which are not read


def masks(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the masks, without those of anatomy if others are there, and the files of contours."""
    headers = {path: None if file_names.is_volume(path.name) else _header(path) for path in paths}
    contours = [path for path, header in headers.items() if header is not None and header.get("Modality") == CONTOURS]
    found = [path for path in paths if path not in contours]
    of_tumours = [path for path in found if not _is_of_anatomy(headers[path])]
    return of_tumours or found, contours


def _header(path: Path) -> Any | None:
    try:
        return read_file(path, stop_before_pixels=True, specific_tags=["Modality", "SegmentSequence"])
    except DAMAGE:  # reported when it is read
        return None


def _is_of_anatomy(header: Any | None) -> bool:
    """Return whether a DICOM SEG outlines anatomy alone."""
    if header is None:
        return False
    try:
        tumour_segments(header, lambda what: None)
    except RefusedError:
        return True
    except DAMAGE:
        return False
    return False
