"""A patient's files sorted into series and masks, by their headers alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydicom.uid import EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from components.io.storage import walk
from components.sources.dicom.datasets import HEAD, is_dicom, is_named_as_dicom, read_file
from components.sources.dicom.grouping import File, group_into_series
from components.sources.dicom.measured import value
from components.sources.dicom.positions import NEEDED
from components.sources.dicom.refused import RefusedError
from components.sources.dicom.series import TAGS, Series
from components.sources.dicom.tumour_outlines import CONTOURS
from components.sources.nifti import file_names
from components.sources.reading import DAMAGE, Reading

IDENTIFYING = ("SeriesInstanceUID", "SeriesNumber", "SeriesDescription")  # a series
MR_CLASSES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)


def sort_files(place: Path, reading: Reading) -> tuple[list[Series], list[Path]]:
    """Read all headers of a folder, or of one file; returns MR series, and the files that hold outlines.

    Raises:
        RefusedError: the files are of several persons.
    """
    found: dict[str, list[File]] = defaultdict(list)
    outlines: list[Path] = []
    people: set[str] = set()
    on_masks: set[str] = set()
    studies: set[str] = set()
    others: set[str] = set()
    images: set[tuple[str, ...]] = set()
    paths = [place] if place.is_file() else map(Path, walk(place))
    for number, path in enumerate(paths, start=1):
        if file_names.is_volume(path.name):
            outlines += [path] if file_names.role(path.name, "") == "mask" else []
            continue
        header = _header(path, number, reading)
        if header is None:
            continue
        # Reports are ignored, as is the second of two exports of one image.
        modality, image = _modality(header), _identity(header)
        if modality not in ("MR", "SEG", CONTOURS):
            others.add(modality if re.fullmatch("[A-Z]{2,4}", modality) else "none")
        elif image not in images:
            images.add(image)
            if modality != "MR":
                outlines.append(path)
                on_masks.add(str(header.get("PatientID") or "").strip())
            else:
                people.add(str(header.get("PatientID") or "").strip())
                studies.add(str(header.get("StudyInstanceUID")))
                found[str(header.get("SeriesInstanceUID"))].append((path, header))
    _check_one_person(people, on_masks, reading)
    _check_one_examination(studies, sum(map(len, found.values())), reading)
    if not found and others:
        what = f"it holds no MR images; Modality is {', '.join(sorted(others))}"
        reading.add("series", reading.patient, what, "give the MR examination")
    series = [Series([p for p, _ in files], [h for _, h in files]) for files in group_into_series(found)]
    return series, outlines


def _check_one_person(people: set[str], on_masks: set[str], reading: Reading) -> None:
    """Refuse images of several persons in one folder, and report files of which it is unknown whose they are."""
    known = people - {""}
    if len(known) > 1:
        what = f"its folder holds files of {len(known)} patients"
        raise RefusedError("identity", what, "give each patient a folder of its own")
    if "" in people | on_masks:
        reading.add("identity", reading.patient, "some of the files in its folder have no PatientID")
    if on_masks - known - {""}:
        reading.add("identity", reading.patient, "a mask in its folder has another PatientID than its images")


def _check_one_examination(studies: set[str], images: int, reading: Reading) -> None:
    """Report several examinations in one folder."""
    if len(studies) == images > 2:
        what = "each of its images has a StudyInstanceUID of its own"
        remedy = "de-identify all files of an examination in one go, so that identifiers stay the same"
        reading.add("series", reading.patient, what, remedy)
    elif len(studies) > 1:
        what = f"its folder holds {len(studies)} examinations (StudyInstanceUID)"
        reading.add("series", reading.patient, what, "give each examination a folder of its own")


def _identity(header: Any) -> tuple[str, ...]:
    """Identity of an image: SOPInstanceUID; its place and series in case careless software repeats or removes that."""
    names = ("SOPInstanceUID", "Modality", "ImagePositionPatient", "InstanceNumber", *IDENTIFYING)
    return tuple(str(header.get(name)) for name in names)


def _modality(header: Any) -> str:
    """Modality, or what the image class implies if it was removed or says "other"."""
    modality = str(header.get("Modality") or "")
    return "MR" if modality in ("", "OT") and header.get("SOPClassUID") in MR_CLASSES else modality


def _header(path: Path, number: int, reading: Reading) -> Any | None:
    """Read a header; None for files that are not DICOM images, and for damaged ones, which are recorded."""
    if path.name.upper() == "DICOMDIR":  # the index file of a CD or DVD
        return None
    try:
        header = read_file(path, stop_before_pixels=True, specific_tags=TAGS)
        for name in TAGS:  # pydicom converts a value on access, and only then complains
            value(header, name)
        [float(x) for name in NEEDED for x in header.get(name) or []]
        int(header.get("NumberOfFrames") or 1)
    except DAMAGE as error:
        if is_named_as_dicom(path.name) or _is_dicom_file(path):
            reason = f"not a readable DICOM file ({type(error).__name__})"
            reading.add("unreadable", _where(path, number, reading), reason)
        return None
    if not _modality(header):
        remedy = "copy it again from its source; where Modality (0008,0060) was removed, write MR into it"
        reading.add("unreadable", _where(path, number, reading), "its header has no Modality", remedy)
        return None
    return header


def _is_dicom_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(HEAD))
    except OSError:
        return False


def _where(path: Path, number: int, reading: Reading) -> str:
    """Name a file: by its own name if that can't be a person's, else by its position in the order of paths."""
    harmless = re.fullmatch(r"[A-Za-z]{0,3}[\d._-]+(\.dcm)?", path.name, re.IGNORECASE)
    return f"{reading.patient}: {path.name if harmless else f'file {number}'}"


def names(series: Sequence[Series]) -> str:
    """Name series so that people can find them."""
    return ", ".join(one.name for one in series)
