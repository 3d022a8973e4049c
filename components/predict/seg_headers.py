"""The headers that a DICOM SEG repeats from its source images, completed or blanked so that every viewer accepts it.

De-identifiers delete elements that the standard requires to be present, if only empty; and people write years into
birth dates.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from components.sources.dicom.datasets import file_identity

# Without any one of these, a SEG could not refer to the images.
NEEDED = ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
GEOMETRY = (
    *("Rows", "Columns", "PixelSpacing", "SliceThickness", "ImageOrientationPatient", "ImagePositionPatient"),
    *("NumberOfFrames", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("DimensionIndexSequence", "DimensionOrganizationSequence", "PositionReferenceIndicator"),
)


def source_headers(headers: Sequence[Dataset], thickness: float) -> tuple[list[Dataset], list[str]]:
    """Return headers to pass to highdicom, and the missing tags that make a SEG impossible.

    Args:
        headers: headers of the images, see `components.sources.dicom.flair_headers`.
        thickness: slice distance, millimetres, for images that don't give their own.
    """
    made = [_source_header(header, thickness) for header in headers]
    missing = [name for name in NEEDED if any(not header.get(name) for header in made)]
    if not missing and len({header.SOPInstanceUID for header in made}) < len(made):
        missing = ["SOPInstanceUID"]  # if they all share one, it identifies none
    return made, [f"{name} {tag}" for name in missing if (tag := _tag(name))]


def _source_header(header: Dataset, thickness: float) -> Dataset:
    made = Dataset()
    for name, blank in BLANKED.items():
        setattr(made, name, blank(str(header.get(name) or "").strip()))
    made.SpecificCharacterSet = "ISO_IR 192"  # texts were decoded on reading, and are written as UTF-8
    made.Modality = "MR"
    for name in (*NEEDED, *GEOMETRY):
        if (value := header.get(name)) not in (None, ""):
            setattr(made, name, value)
    for name, value in file_identity(header).items():
        made.setdefault(name, value)
    if "PerFrameFunctionalGroupsSequence" not in made:
        made.setdefault("SliceThickness", f"{thickness:.6g}")
    made.file_meta = header.file_meta
    return made


def _tag(name: str) -> str:
    tag = tag_for_keyword(name) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _date(text: str) -> str:
    """Return a DICOM date, eight digits; "" for anything else."""
    try:
        if re.fullmatch(r"\d{8}", text):
            datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
            return text
    except ValueError:
        pass
    return ""


def _time(text: str) -> str:
    """Return a DICOM time, HH[MM[SS[.FFFFFF]]]; "" for anything else."""
    match = re.fullmatch(r"([01]\d|2[0-3])([0-5]\d)?([0-5]\d)?(\.\d{1,6})?", text)
    return text if match and (match[4] is None or match[3]) else ""


def _sex(text: str) -> str:
    return text.upper() if text.upper() in ("M", "F", "O") else ""


def _short(most: int) -> Callable[[str], str]:
    """Return a function that makes text one line of at most `most` characters, without what ends a value in DICOM."""
    return lambda text: "".join(c for c in text if c.isprintable() and c != "\\")[:most]


BLANKED: dict[str, Callable[[str], Any]] = {
    "PatientID": _short(64),
    "PatientName": _short(64),
    "PatientBirthDate": _date,
    "PatientSex": _sex,
    "StudyID": _short(16),
    "StudyDate": _date,
    "StudyTime": _time,
    "AccessionNumber": _short(16),
    "ReferringPhysicianName": _short(64),
}
