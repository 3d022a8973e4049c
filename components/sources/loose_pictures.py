"""Reader of a single image: one slice of a patient, as tif, PNG or another lossless format, or JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.scans.identity import site_of
from components.scans.scan import Scan
from components.sources.kaggle_3m import read_picture
from components.sources.reading import Options, Reading
from components.sources.volumes.copies import check_slices

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")


def is_picture(name: str) -> bool:
    """Return whether a file name has an image suffix."""
    return name.lower().endswith(SUFFIXES)


def read(place: Path, patient: str, options: Options, masks: bool = True) -> Reading:
    """Read an image, with pre-contrast, FLAIR and post-contrast as red, green and blue; it has no mask beside it."""
    reading = Reading(patient)
    if masks:
        reading.add("missing_mask", place.name, "a single image has no reference mask")
    pixels = read_picture(place, reading, channels=3)
    if pixels is not None:
        check_slices(pixels, place.name, reading)
        reading.scan = Scan(patient, site_of(patient), np.ascontiguousarray(pixels)[None], None)
    return reading
