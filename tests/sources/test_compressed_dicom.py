"""Compressed pixels read like plain ones: single slices and multi-frame files, 8 to 16 bits, signed or not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless
from scan_writers import make_scan, mr_slice, multi_frame
from test_dicom import read

SLICES = 6
# Bits, sign, and the offset added to values of 0 to 2040.
KINDS = {"8 bits": (8, 0, 0), "12 bits": (12, 0, 0), "16 bits": (16, 0, 30_000), "16 with a sign": (16, 1, -1000)}


def to_jpeg_2000(data):
    """Encode with Pillow, because pydicom has no encoder for JPEG 2000."""
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


def flair_data_sets(kind, frames):
    """FLAIR as one data set per slice or, with `frames`, a single one, with the bits of `kind`."""
    scan, (bits, signed, offset) = make_scan(slices=SLICES), KINDS[kind]
    data_sets = (
        [multi_frame(scan, "flair")]
        if frames
        else [mr_slice(scan, "flair", number, "flair") for number in range(SLICES)]
    )
    for data in data_sets:
        if bits > 8:
            values = np.frombuffer(data.PixelData, np.uint8).astype(np.int32) * 8 + offset
            data.PixelData = values.astype("<i2" if signed else "<u2").tobytes()
            data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, bits, bits - 1, signed
    return data_sets


def save(folder, data_sets):
    folder.mkdir(parents=True)
    for number, data in enumerate(data_sets):
        data.save_as(folder / f"IM{number}.dcm", enforce_file_format=True)


@pytest.mark.parametrize("frames", [False, True], ids=["a file a slice", "one file"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_lossless_compression_changes_nothing(tmp_path, kind, compression, frames):
    save(tmp_path / "plain" / "P", flair_data_sets(kind, frames))
    data_sets = flair_data_sets(kind, frames)
    for data in data_sets:
        COMPRESSIONS[compression](data)
    save(tmp_path / "packed" / "P", data_sets)
    plain, packed = (read(tmp_path / name).scan for name in ("plain", "packed"))
    assert plain.image.std() > 20
    np.testing.assert_array_equal(packed.image, plain.image)
