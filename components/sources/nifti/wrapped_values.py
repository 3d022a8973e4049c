"""Images without sign that a program saved under a type with sign: all values above its largest became negative."""

from __future__ import annotations

import numpy as np

from components.sources.reading import Reading

# Wrapped values reach to both ends of the type; hardly any others do.
REACH = 0.97
# The first and last part of a range, as a fraction of it, in which voxels are counted.
PART = 0.05
CERTAIN = 2  # ratio of two counts that leaves no doubt


def unwrap(raw: np.ndarray, where: str, reading: Reading) -> np.ndarray | None:
    """Return the values as they were before they were saved, if they were wrapped; None if that is uncertain.

    Args:
        raw: values as they lie in the file, before any scale factor.
        where: name of the file in problems.
        reading: reading that records problems: of kind "intensities" (they were wrapped) or "type" (uncertain).
    """
    if raw.dtype.kind != "i" or raw.dtype.itemsize > 2:
        return raw
    limits = np.iinfo(raw.dtype)
    if raw.max() < REACH * limits.max or raw.min() > REACH * limits.min:
        return raw
    bits = 8 * raw.dtype.itemsize
    save = f"save it as uint{bits}"
    wrapped = _is_wrapped(raw, 2**bits)
    if wrapped is None:
        what = f"holds int{bits} from {raw.min()} to {raw.max()}, and negative ones may be those above {limits.max}"
        reading.add("type", where, what, f"{save}, or as float32 if it has negative values")
        return None
    if not wrapped:
        return raw
    what = f"its negative values are those above {limits.max} of an image without sign, saved as int{bits}; undone"
    reading.add("intensities", where, what, save)
    return raw.view(f"{raw.dtype.byteorder}u{raw.dtype.itemsize}")


def _is_wrapped(raw: np.ndarray, levels: int) -> bool | None:
    """Return whether values were wrapped; None if that is uncertain.

    If they were, air is just above 0, the most negative values are a middle grey, and those just below 0 are the
    brightest, of which there are few. If they were not, most are near the mean, which is near 0, or air is the most
    negative.
    """
    part = int(PART * levels)
    air, brightest, middle = (np.count_nonzero((raw >= low) & (raw < low + part)) for low in (0, -part, -(levels // 2)))
    if brightest > CERTAIN * middle or middle > CERTAIN * air:
        return False
    return True if middle > CERTAIN * brightest and air > CERTAIN * middle else None
