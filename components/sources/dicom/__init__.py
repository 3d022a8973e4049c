"""Reader of DICOM: a folder of MR series a patient, masks as DICOM SEG or as NIfTI in the same folder.

The patient is PatientID, whatever the folder is called. No other header that names a person is kept or shown, and
folders are not named in messages, because exports often call them by the patient's name.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import config, dcmread

from components.scans.identity import site_of
from components.sources import nifti, nifti_names
from components.sources.dicom.pixels import RefusedError, read_segmentation, stack_series
from components.sources.dicom.series import TAGS, Series, candidates
from components.sources.reading import DAMAGE, Options, Reading
from components.sources.volumes import Volume, build_scan
from components.tree import walk

SUFFIXES = (".dcm", ".ima")


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what pydicom has to say about headers off the screen: it quotes them."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def is_dicom(head: bytes) -> bool:
    """Tell a DICOM file by its first 132 bytes."""
    return head[128:132] == b"DICM"


@_silent()
def patient_id(file: BinaryIO, name: str) -> str | None:
    """PatientID of a file; "" where it tells none, None where it is no DICOM file by its first bytes and its name."""
    if not is_dicom(file.read(132)):
        return "" if name.lower().endswith(SUFFIXES) else None
    file.seek(0)
    try:
        return str(dcmread(file, stop_before_pixels=True, specific_tags=["PatientID"]).get("PatientID") or "").strip()
    except DAMAGE:
        return ""


@_silent()
def study(file: BinaryIO) -> str | None:
    """StudyInstanceUID of a file; None where it is no DICOM file by its first bytes, or tells none."""
    if not is_dicom(file.read(132)):
        return None
    file.seek(0)
    try:
        header = dcmread(file, stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
        return str(header.get("StudyInstanceUID") or "") or None
    except DAMAGE:
        return None


@_silent()
def flair_headers(place: Path, patient: str) -> list[Any]:
    """Headers, all tags but the pixels, of the FLAIR images that `read` makes the scan's slices of; not in order."""
    reading = Reading(patient)
    fitting = candidates(_sort_files(place, reading)[0]).get("flair", [])
    for one in fitting:
        if len(fitting) == 1 or _load(stack_series, one, "", Reading(patient)) is not None:
            return [dcmread(path, stop_before_pixels=True) for path in one.paths]
    return []


@_silent()
def read(place: Path, patient: str, options: Options, masks: bool = True) -> Reading:
    """Read one patient; see `kaggle_3m.read`."""
    reading = Reading(patient)
    config.settings.reading_validation_mode = config.IGNORE  # values of no interest here are often out of standard
    series, outlines = _sort_files(place, reading)
    volumes = {}
    for name, fitting in candidates(series).items():
        volume = _first_sound(name, fitting, reading)
        if volume is not None:
            volumes[name] = volume
    mask = _mask(outlines, reading) if masks else None
    build_scan(reading, site_of(patient), patient, volumes, mask, options)
    return reading


def _first_sound(name: str, fitting: list[Series], reading: Reading) -> Volume | None:
    """Stack the first of the series that can be; where none can, the first one's problem is recorded."""
    trials = []
    for one in fitting:
        trial = Reading(reading.patient)
        volume = _load(stack_series, one, f"{reading.patient}: {one.name}", trial)
        trials.append(trial)
        if volume is not None:
            if len(fitting) > 1:
                others = ", ".join(other.name for other in fitting if other is not one)
                reading.add("choice", reading.patient, f"{one.name} is taken for {name}, and not {others}")
            return volume
    reading.problems += trials[0].problems
    return None


def _sort_files(place: Path, reading: Reading) -> tuple[list[Series], list[Path]]:
    """Read all headers: MR series, and the files that hold masks."""
    found: dict[str, list[tuple[Path, Any]]] = defaultdict(list)
    outlines: list[Path] = []
    people, studies, images = set(), set(), set()
    for number, path in enumerate(map(Path, walk(place)), start=1):
        if nifti_names.is_volume(path.name):
            outlines += [path] if nifti_names.role(path.name, "") == "mask" else []
            continue
        header = _header(path, number, reading)
        # Reports are passed over, and the second of two exports of one image.
        if header is None or header.Modality not in ("MR", "SEG") or str(header.get("SOPInstanceUID")) in images:
            continue
        images.add(str(header.get("SOPInstanceUID")))
        people.add(str(header.get("PatientID") or "").strip())
        if header.Modality == "SEG":
            outlines.append(path)
        else:
            studies.add(str(header.get("StudyInstanceUID")))
            found[str(header.get("SeriesInstanceUID"))].append((path, header))
    if len(people) > 1:
        reading.add("identity", reading.patient, f"its folder holds files of {len(people)} patients")
    if len(studies) > 1:
        reading.add("series", reading.patient, f"its folder holds {len(studies)} examinations (StudyInstanceUID)")
    series = [Series([p for p, _ in files], [h for _, h in files]) for _, files in sorted(found.items())]
    return series, outlines


def _header(path: Path, number: int, reading: Reading) -> Any | None:
    """Read a header; None for files that are none of DICOM's images, and for damaged ones, which are recorded."""
    if path.name.upper() == "DICOMDIR":  # the directory of a disk
        return None
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
        for name in TAGS:  # pydicom converts a value when it is asked for, and then complains
            header.get(name)
    except DAMAGE as error:
        if path.suffix.lower() in SUFFIXES or _is_dicom_file(path):
            reason = f"not a readable DICOM file ({type(error).__name__})"
            reading.add("unreadable", _where(path, number, reading), reason)
        return None
    if not header.get("Modality"):
        reading.add("unreadable", _where(path, number, reading), "its header ends before it tells what it is")
        return None
    return header


def _is_dicom_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False


def _where(path: Path, number: int, reading: Reading) -> str:
    """Name a file: by its own name where that can't be a person's, else by its place in the order of paths."""
    harmless = re.fullmatch(r"[A-Za-z]{0,3}[\d._-]+(\.dcm)?", path.name, re.IGNORECASE)
    return f"{reading.patient}: {path.name if harmless else f'file {number}'}"


def _load(make: Callable[[Any], Volume], of: Any, where: str, reading: Reading) -> Volume | None:
    """Make a volume; what stands in the way becomes a problem. Words of the libraries may quote headers: not shown."""
    try:
        return make(of)
    except RefusedError as refusal:
        reading.add(refusal.kind, where, refusal.what)
    except DAMAGE as error:
        reading.add("unreadable", where, f"its headers or pixels can't be decoded ({type(error).__name__})")
    return None


def _mask(outlines: list[Path], reading: Reading) -> Volume | None:
    """The one mask among DICOM SEG and NIfTI files."""
    if len(outlines) != 1:
        if outlines:
            reading.add("series", reading.patient, f"{len(outlines)} masks (DICOM SEG or NIfTI) where one is expected")
        else:
            reading.add("missing_mask", reading.patient, "no reference mask (DICOM SEG or NIfTI)")
        return None
    where = f"{reading.patient}: mask"
    if nifti_names.is_volume(outlines[0].name):
        volume = nifti.load(outlines[0], where, reading)
        return volume and nifti.check_mask(volume, where, reading)
    return _load(read_segmentation, outlines[0], where, reading)
