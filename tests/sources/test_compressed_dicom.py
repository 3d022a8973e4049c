"""Compressed pixels are the pixels: single slices and multi-frame files, few and many bits, with a sign or without."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless
from test_dicom import read
from written_scans import enhanced, made_up_scan, mr_slice

SLICES = 6
# Bits and sign, and what is added to 0..2040.
KINDS = {"8 bits": (8, 0, 0), "12 bits": (12, 0, 0), "16 bits": (16, 0, 30_000), "16 with a sign": (16, 1, -1000)}


def to_jpeg_2000(data):
    """As Pillow encodes it, because pydicom has no encoder of its own."""
    size = (-1, data.Rows, data.Columns)
    frames = np.frombuffer(data.PixelData, np.uint8 if data.BitsAllocated == 8 else np.uint16).reshape(size)
    coded = [io.BytesIO() for _ in frames]
    for frame, file in zip(frames, coded, strict=True):
        signed = bool(data.PixelRepresentation)
        Image.fromarray(frame).save(file, "JPEG2000", no_jp2=True, irreversible=False, signed=signed)
    data.PixelData = encapsulate([file.getvalue() for file in coded])
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless


def deflate(data):
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian


def compress(syntax):
    return lambda data: data.compress(syntax, generate_instance_uid=False)


COMPRESSIONS = {
    "JPEG 2000": to_jpeg_2000,
    "JPEG-LS": compress(JPEGLSLossless),
    "RLE": compress(RLELossless),
    "deflated": deflate,
}


def files(kind, frames):
    """FLAIR as data sets, one a slice or one of all, in so many bits."""
    scan, (bits, signed, offset) = made_up_scan(slices=SLICES), KINDS[kind]
    found = (
        [enhanced(scan, "flair")] if frames else [mr_slice(scan, "flair", number, "flair") for number in range(SLICES)]
    )
    for data in found:
        if bits > 8:
            values = np.frombuffer(data.PixelData, np.uint8).astype(np.int32) * 8 + offset
            data.PixelData = values.astype("<i2" if signed else "<u2").tobytes()
            data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, bits, bits - 1, signed
    return found


def save(folder, found):
    folder.mkdir(parents=True)
    for number, data in enumerate(found):
        data.save_as(folder / f"IM{number}.dcm", enforce_file_format=True)


@pytest.mark.parametrize("frames", [False, True], ids=["a file a slice", "one file"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_lossless_compression_changes_nothing(tmp_path, kind, compression, frames):
    save(tmp_path / "plain" / "P", files(kind, frames))
    found = files(kind, frames)
    for data in found:
        COMPRESSIONS[compression](data)
    save(tmp_path / "packed" / "P", found)
    plain, packed = (read(tmp_path / name).scan for name in ("plain", "packed"))
    assert plain.image.std() > 20
    np.testing.assert_array_equal(packed.image, plain.image)
