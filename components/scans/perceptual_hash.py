"""A hash of a slice's appearance: similar for copies, whatever happened to them on the way."""

from __future__ import annotations

import numpy as np
from PIL import Image

from components.scans.scan import FLAIR

SIDE = 16  # the hash has 16 x 16 bits, from the lowest frequencies of a cosine transform
HEAD = 0.2  # pixels brighter than this fraction of the brightest hundredth are head
SHOWN, BRIGHT = 0.2, 25  # slices with less head, or nothing brighter than 25 of 255, can't be told apart
FRAME = 2.4  # half the frame's side, in standard deviations of the head's pixels around their centre


def perceptual_hash(image: np.ndarray) -> str:
    """Hash the FLAIR channel of a slice, uint8 [height, width, 3]; 64 hexadecimal digits, "" if it shows too little.

    The frame is fitted to the head's centre and spread, so that shifted and cropped copies also get similar hashes.
    Distances between copies and between different persons: `benchmarks/near_duplicates.py`.

    Source: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, as ImageHash has it; the
    frame is normalisation by image moments (Hu 1962, doi:10.1109/TIT.1962.1057692).
    """
    import imagehash  # ingest needs both, and reading for a prediction needs neither
    from scipy.ndimage import uniform_filter

    flair = np.ascontiguousarray(image[..., FLAIR])
    smooth = uniform_filter(flair.astype(np.float32), 5)  # otherwise noise would count as head
    brightest = np.percentile(smooth, 99)
    rows, columns = np.nonzero(smooth > HEAD * brightest)
    if brightest < BRIGHT or rows.size < SHOWN * flair.size:
        return ""
    # Pillow's coordinates refer to the corners of pixels.
    y, x, half = rows.mean() + 0.5, columns.mean() + 0.5, FRAME * np.sqrt((rows.var() + columns.var()) / 2)
    frame = (x - half, y - half, x + half, y + half)
    picture = Image.fromarray(flair).transform(
        (8 * SIDE, 8 * SIDE), Image.Transform.EXTENT, frame, Image.Resampling.BILINEAR
    )
    return str(imagehash.phash(picture, hash_size=SIDE))


def bits(hashes: list[str]) -> np.ndarray:
    """Return hashes as float32 [n, 256], -1 and +1: two of them are (256 - their dot product) / 2 bits apart."""
    raw = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), -1)
    return np.unpackbits(raw, axis=1).astype(np.float32) * 2 - 1


def mirrored(signs: np.ndarray) -> np.ndarray:
    """Return the approximate hashes of the left-right mirrored images: odd horizontal frequencies change sign."""
    return signs * np.tile((-1.0) ** np.arange(SIDE), SIDE).astype(np.float32)
