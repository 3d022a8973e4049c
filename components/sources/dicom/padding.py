"""Padding: pixels outside the acquired image, which hold PixelPaddingValue."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian


def remove_padding(image: Any) -> None:
    """Give the pixels that hold PixelPaddingValue, or lie in its range, the darkest value of all others, in memory.

    The value, often -2000 or 63536, would otherwise be the darkest or the brightest of the image.
    """
    if image.get("PixelPaddingValue") is None:
        return
    pixels = image.pixel_array
    values = int(image.PixelPaddingValue), int(image.get("PixelPaddingRangeLimit", image.PixelPaddingValue))
    wrap = 1 << 8 * pixels.dtype.itemsize  # the value may have been written with the wrong sign
    padded = np.zeros(pixels.shape, bool)
    for turn in (-wrap, 0, wrap):
        padded |= (pixels >= min(values) + turn) & (pixels <= max(values) + turn)
    if not padded.any() or padded.all():
        return
    shown = pixels[~padded]
    pixels = np.where(padded, shown.max() if _is_inverted(image) else shown.min(), pixels)
    image.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    image["PixelData"].VR = "OW" if pixels.dtype.itemsize > 1 else "OB"
    image["PixelData"].is_undefined_length = False
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _is_inverted(image: Any) -> bool:
    """Return whether higher stored values are darker (PS3.3 C.7.6.3.1.2, C.11.6); a negative slope reverses it."""
    shape = image.get("PresentationLUTShape")
    inverse = shape == "INVERSE" if shape else image.get("PhotometricInterpretation") == "MONOCHROME1"
    return bool(inverse) != (float(image.get("RescaleSlope") or 1) < 0)
