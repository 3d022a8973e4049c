"""DICOM files as they come: with the preamble and the file header that the standard asks for, or as a bare data set."""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import VR

HEAD = 132  # bytes that return whether a file is DICOM
SUFFIXES = (".dcm", ".ima", ".dicom")


@contextmanager
def silent() -> Iterator[None]:
    """Keep what the libraries have to say about headers off the screen: they quote them."""
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


def is_dicom(head: bytes) -> bool:
    """Tell a DICOM file by its first `HEAD` bytes."""
    return _has_preamble(head) or any(_starts_data_set(head, order) for order in "<>")


def _has_preamble(head: bytes) -> bool:
    return head[128:132] == b"DICM"


def _starts_data_set(head: bytes, order: str) -> bool:
    """Tell a bare data set: an element of the file header or of group 0008, and another of these after it."""
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
    """Read a data set as `pydicom.dcmread` does, from a bare one, too; that then gets the transfer syntax it is in.

    Raises:
        InvalidDicomError: it is none.
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
    return data


def read_headers(paths: Sequence[Path]) -> list[Any]:
    """Read all tags but the pixels."""
    return [read_file(path, stop_before_pixels=True) for path in paths]


def file_identity(data: Any) -> dict[str, Any]:
    """Kind and identifier of an image as the file's header repeats them."""
    meta = data.file_meta
    told = {"SOPClassUID": "MediaStorageSOPClassUID", "SOPInstanceUID": "MediaStorageSOPInstanceUID"}
    return {name: meta.get(other) for name, other in told.items() if meta.get(other)}


def _is_encapsulated(data: Any) -> bool:
    """Tell compressed pixels, whose compression nothing but the missing file header names."""
    return "PixelData" in data and data["PixelData"].is_undefined_length
