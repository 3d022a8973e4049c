"""Each slice of a scan in numbers: the rows of the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from components.scans.perceptual_hash import perceptual_hash
from components.scans.scan import CHANNELS, Scan


def intensities(image: np.ndarray) -> dict[str, float]:
    """Mean and standard deviation of each channel of a slice, uint8 [height, width, 3], on the scale 0..255."""
    numbers = {}
    for channel, name in enumerate(CHANNELS):
        numbers[f"mean_{name}"] = float(image[..., channel].mean())
        numbers[f"std_{name}"] = float(image[..., channel].std())
    return numbers


def is_blank(image: np.ndarray) -> bool:
    """Return whether all pixels of a slice are equal."""
    values, channels = np.ravel(image), image.shape[-1]
    return np.array_equal(values[channels:], values[:-channels])  # thirty times as fast as each pixel with the first


def pixel_hash(image: np.ndarray) -> str:
    """First half of the SHA-256 of a slice's pixels, hexadecimal; "" for a blank slice, which any patient may have."""
    if is_blank(image):
        return ""
    return hashlib.sha256(f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()[:32]


def describe(scan: Scan, synthetic: bool) -> Iterator[dict[str, object]]:
    """Yield one row per slice, `tables.MANIFEST_COLUMNS` but those of a review; without a mask its columns are None."""
    missing = scan.missing_sequences()
    for number, image in enumerate(scan.image, start=1):
        mask = None if scan.mask is None else scan.mask[number - 1]
        yield {
            "patient": scan.patient,
            "subject": scan.subject,
            "site": scan.site,
            "synthetic": int(synthetic),
            "slice": number,
            "has_tumor": None if mask is None else int(mask.any()),
            "tumor_pixels": None if mask is None else int(mask.sum()),
            "missing_pre": int(missing["pre"]),
            "missing_post": int(missing["post"]),
            **{name: round(value, 4) for name, value in intensities(image).items()},
            "pixel_hash": pixel_hash(image),
            "perceptual_hash": perceptual_hash(image),
        }
