"""Which person a DICOM file belongs to, from a few of its tags."""

from __future__ import annotations

from typing import BinaryIO

from components.sources.dicom.datasets import HEAD, SUFFIXES, is_dicom, read_file, silent
from components.sources.reading import DAMAGE


@silent()
def patient_id(file: BinaryIO, name: str) -> str | None:
    """PatientID of a file; "" if it has none, None if its first bytes and its name show that it is not DICOM."""
    return _tag(file, "PatientID", "" if name.lower().endswith(SUFFIXES) else None)


@silent()
def birth_date_and_sex(file: BinaryIO) -> tuple[str, str]:
    """Birth date and sex in a file, "" if unknown, to distinguish persons; neither is kept or shown."""
    try:
        tags = ["PatientBirthDate", "PatientSex"]
        data = read_file(file, stop_before_pixels=True, specific_tags=tags)
        date, sex = (str(data.get(name) or "").strip() for name in tags)
    except DAMAGE:
        return "", ""
    return date if date.strip("0") else "", sex if sex in ("M", "F") else ""


@silent()
def study(file: BinaryIO) -> str | None:
    """StudyInstanceUID of a file; None if its first bytes show that it is not DICOM, or if it has none."""
    return _tag(file, "StudyInstanceUID", None) or None


def _tag(file: BinaryIO, name: str, unknown: str | None) -> str | None:
    """One tag of a file, "" if it is empty or damaged, `unknown` if the first bytes show that the file isn't DICOM."""
    if not is_dicom(file.read(HEAD)):
        return unknown
    file.seek(0)
    try:
        return str(read_file(file, stop_before_pixels=True, specific_tags=[name]).get(name) or "").strip()
    except DAMAGE:
        return ""
