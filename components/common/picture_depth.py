"""Colour images of more than 8 bits, which Pillow reads as if they had 8: it keeps only the high bytes."""

from __future__ import annotations

import re

from PIL import Image


def is_cut(picture: Image.Image) -> bool:
    """Return whether a file has more bits per colour than the 8 to which Pillow silently reduces them.

    Until the pixels are loaded, Pillow's name for their layout in the file ends in the number of bits: "RGB;16L".
    """
    forms = str([tile[3] for tile in getattr(picture, "tile", [])])
    return len(picture.getbands()) > 1 and bool(re.search(r";(1\d|32)", forms))
