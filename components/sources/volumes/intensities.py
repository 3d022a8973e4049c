"""From a scanner's intensities, or rescaled ones, to 0..255."""

from __future__ import annotations

from itertools import product

import numpy as np

# This fraction of a volume has the background's value if the brain was cut out.
BACKGROUND = 0.05
SAMPLE = 200_000  # voxels, enough to find that value
# Fractions of the range of all other values. A value further above their minimum than INSIDE is no ordinary dark
# background with small negative interpolation errors; one further below than FAR_BELOW was set by hand.
INSIDE, FAR_BELOW = 0.05, 0.5
# This fraction of the corners has the background's value if there are no negative values.
SURROUNDS = 0.9
# A darkest value above this fraction of the brightest is an offset: air and fluid are darker.
OFFSET = 0.3
# The brightest voxels of an eight-bit image are above this.
DARK = 32


def is_flat(volume: np.ndarray) -> bool:
    """Return whether all voxels have the same value."""
    return bool(volume.max() == volume.min())


def to_uint8(volume: np.ndarray) -> np.ndarray:
    """Scale the intensities of one sequence to 0..255.

    Type uint8 stays as it is, unless its background was set to a grey. Anything else is scanner units: 0, or the
    0.5th percentile if values are negative or all are far above 0, becomes 0, and the 99.5th percentile of the
    values above the darkest becomes 255. Percentiles rather than extremes, because single bright voxels (vessels,
    fat) would otherwise darken the rest. If somebody has standardised the brain and left its surroundings at one
    value, these become 0, and so does the brain's 0.5th percentile.
    """
    background = set_background(volume)
    if volume.dtype == np.uint8 and background is None:
        return volume
    volume = volume.astype(np.float32)
    if background is not None:
        inside = volume != background
        low, high = (float(value) for value in np.percentile(volume[inside], (0.5, 99.5)))
        return np.where(inside, _scaled(volume, low, high), 0).astype(np.uint8)
    darkest = float(np.percentile(volume, 0.5))
    low = darkest if _is_offset(volume) else min(0.0, darkest)
    bright = volume[volume > volume.min()]
    high = float(np.percentile(bright, 99.5)) if bright.size else low + 1.0
    return _scaled(volume, low, high)


def set_background(volume: np.ndarray) -> float | None:
    """The value around a standardised brain, if it is not the darkest of a scale; None if there is no such value.

    There is one if many voxels share a value that lies within the others or far below them. If there are no negative
    values, because they were scaled once more, it has to fill the corners, too.
    """
    some = volume.ravel()[:: max(1, volume.size // SAMPLE)]
    values, counts = np.unique(some, return_counts=True)
    if len(values) < 3 or counts.max() < BACKGROUND * some.size:
        return None
    common, darkest = float(values[counts.argmax()]), float(volume.min())
    if common == darkest >= 0:
        return None
    low, high = np.percentile(volume[volume != common], (0.5, 99.5))
    above = (common - low) / max(high - low, 1e-12)
    if darkest < 0:
        return common if above > INSIDE or above < -FAR_BELOW else None
    surrounds = INSIDE < above < 1 - INSIDE and (_corners(volume) == common).mean() > SURROUNDS
    return common if surrounds else None


def oddity(volume: np.ndarray) -> str | None:
    """What is unusual about a sequence's intensities, in words; None if nothing is."""
    if set_background(volume) is not None:
        return "is standardised (values below those of its uniform background); the background is treated as black"
    if volume.dtype == np.uint8 and volume.max() < DARK:
        return f"has values of 0 to {volume.max()} only, where 8 bits reach to 255"
    if _is_offset(volume):
        return f"has no value below {volume.min():g}, which is treated as black"
    if _is_bright_outside(volume):
        return "is brighter around the head than in it, as inverted images are"
    return None


def _is_offset(volume: np.ndarray) -> bool:
    low, high = (float(value) for value in np.percentile(volume, (0.5, 99.5)))
    return volume.dtype != np.uint8 and low > OFFSET * high > 0


def _is_bright_outside(volume: np.ndarray) -> bool:
    """Compare the corners with the rest: a head leaves them to the air."""
    middle = volume[tuple(slice(length // 4, -(length // 4) or None) for length in volume.shape)]
    return float(np.median(_corners(volume))) > float(np.percentile(middle, 75))


def _corners(volume: np.ndarray) -> np.ndarray:
    size = [max(1, length // 10) for length in volume.shape]
    corners = [
        volume[tuple(slice(None, n) if first else slice(-n, None) for n, first in zip(size, ends, strict=True))].ravel()
        for ends in product((True, False), repeat=volume.ndim)
    ]
    return np.concatenate(corners)


def _scaled(volume: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip(np.round((volume - low) * (255.0 / max(high - low, 1e-12))), 0, 255).astype(np.uint8)
