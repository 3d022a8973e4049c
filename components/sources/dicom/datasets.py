"""DICOM files as found: with the preamble and file header that the standard requires, or as a bare data set."""

from __future__ import annotations

import logging
import re
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import VR

HEAD = 132  # bytes that show whether a file is DICOM
SUFFIXES = (".dcm", ".ima", ".dicom")
# Names that scanners and archives give without a suffix: IM0008, MR.1.2.840, 00000001, 1.2.840.113619.2.5.
NUMBERED = re.compile(r"[A-Za-z]{0,4}[\d._-]*\d")
# Numbers that help but that no scan needs: one that holds other text ("5mm", "5,0") counts as missing.
HELPFUL = (
    *("SliceThickness", "SpacingBetweenSlices", "RepetitionTime", "EchoTime", "InversionTime", "ContrastBolusVolume"),
    *("SeriesNumber", "InstanceNumber"),
)


@contextmanager
def silent() -> Iterator[None]:
    """Suppress the libraries' messages about headers, because they quote them."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def is_named_as_dicom(name: str) -> bool:
    """Return whether a file is called as DICOM files are, so that other content means damage."""
    return name.lower().endswith(SUFFIXES) or bool(NUMBERED.fullmatch(name))


def is_dicom(head: bytes) -> bool:
    """Return whether a file is DICOM, by its first `HEAD` bytes."""
    return _has_preamble(head) or any(_starts_data_set(head, order) for order in "<>")


def _has_preamble(head: bytes) -> bool:
    return head[128:132] == b"DICM"


def _starts_data_set(head: bytes, order: str) -> bool:
    """Return whether a bare data set starts here: an element of the file header or group 0008, followed by another."""
    if len(head) < 8:
        return False
    group, element = struct.unpack_from(f"{order}HH", head)
    length: int
    if head[4:6].isalpha() and head[4:6] in {vr.value.encode() for vr in VR}:
        start, length = 8, struct.unpack_from(f"{order}H", head, 6)[0]
    else:
        start, length = 8, struct.unpack_from(f"{order}I", head, 4)[0]
    if group not in (0x0002, 0x0008) or element > 0x9999 or length > 1024:
        return False
    after = start + length
    if after + 4 > len(head):
        return True
    next_group, next_element = struct.unpack_from(f"{order}HH", head, after)
    return next_group in (0x0002, 0x0008) and (next_group, next_element) > (group, element)


def read_file(source: Path | BinaryIO, **kwargs: Any) -> Any:
    """Read a data set as `pydicom.dcmread` does, without broken values of `HELPFUL`.

    A bare one is accepted, too, and gets the transfer syntax it is in.

    Raises:
        InvalidDicomError: the file is not DICOM.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            head = file.read(HEAD)
    else:
        head = source.read(HEAD)
        source.seek(0)
    bare = not _has_preamble(head) and is_dicom(head)
    data = dcmread(source, force=bare, **kwargs)
    if bare and not data.file_meta.get("TransferSyntaxUID") and not _is_encapsulated(data):
        implicit, little = data.original_encoding
        plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain
    for name in HELPFUL:
        if not _is_number(data, name):
            del data[name]
    return data


def _is_number(data: Any, name: str) -> bool:
    """Return whether a tag holds numbers, or nothing."""
    try:
        value = data.get(name)  # pydicom converts a value on access, and only then complains, if at all
        for one in [] if value in (None, "") else [value] if isinstance(value, (str, int, float)) else value:
            float(one)
    except (ValueError, TypeError, OverflowError, ArithmeticError):
        return False
    return True


def read_headers(paths: Sequence[Path]) -> list[Any]:
    """Read all tags but the pixels."""
    return [read_file(path, stop_before_pixels=True) for path in paths]


def file_identity(data: Any) -> dict[str, Any]:
    """SOP class and instance UIDs of an image, from the file meta information, by keyword."""
    meta = data.file_meta
    names = {"SOPClassUID": "MediaStorageSOPClassUID", "SOPInstanceUID": "MediaStorageSOPInstanceUID"}
    return {name: meta.get(other) for name, other in names.items() if meta.get(other)}


def _is_encapsulated(data: Any) -> bool:
    """Return whether the pixels are compressed; only the missing file header would name the compression."""
    return "PixelData" in data and data["PixelData"].is_undefined_length
