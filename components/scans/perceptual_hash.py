"""A hash of how a slice looks: alike for copies, whatever was done to them on the way."""

from __future__ import annotations

import imagehash
import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

from components.scans.scan import FLAIR

SIDE = 16  # the hash has 16 x 16 bits, the lowest frequencies of a cosine transform
HEAD = 0.2  # what is brighter than this share of the brightest hundredth is head
SHOWN, BRIGHT = 0.2, 25  # slices with less head, or nothing brighter than 25 of 255, are too poor to tell apart
FRAME = 2.4  # half the frame's side, in standard deviations of the head's pixels around their centre


def perceptual_hash(image: np.ndarray) -> str:
    """Hash the FLAIR channel of a slice, uint8 [height, width, 3]; 64 hexadecimal digits, "" for too poor a slice.

    The frame is laid around the head by its centre and spread, so that shifted and cropped copies hash alike, too. How
    far copies and strangers are apart: `benchmarks/near_duplicates.py`.

    Source: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, as ImageHash has it; the
    frame is normalisation by image moments (Hu 1962, doi:10.1109/TIT.1962.1057692).
    """
    flair = np.ascontiguousarray(image[..., FLAIR])
    smooth = uniform_filter(flair.astype(np.float32), 5)  # else noise would count as head
    brightest = np.percentile(smooth, 99)
    rows, columns = np.nonzero(smooth > HEAD * brightest)
    if brightest < BRIGHT or rows.size < SHOWN * flair.size:
        return ""
    # Pillow's coordinates are of pixels' corners.
    y, x, half = rows.mean() + 0.5, columns.mean() + 0.5, FRAME * np.sqrt((rows.var() + columns.var()) / 2)
    frame = (x - half, y - half, x + half, y + half)
    picture = Image.fromarray(flair).transform(
        (8 * SIDE, 8 * SIDE), Image.Transform.EXTENT, frame, Image.Resampling.BILINEAR
    )
    return str(imagehash.phash(picture, hash_size=SIDE))


def bits(hashes: list[str]) -> np.ndarray:
    """Hashes as float32 [n, 256], -1 and +1: two of them are (256 - their dot product) / 2 bits apart."""
    raw = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), -1)
    return np.unpackbits(raw, axis=1).astype(np.float32) * 2 - 1


def mirrored(signs: np.ndarray) -> np.ndarray:
    """What the left-right mirrored pictures would hash to, nearly: odd horizontal frequencies change their sign."""
    return signs * np.tile((-1.0) ** np.arange(SIDE), SIDE).astype(np.float32)
