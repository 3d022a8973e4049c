"""Masks as text: the run-length encoding of Kaggle competitions.

Pixels are numbered from 1, column by column: top to bottom, then left to right. A mask is the pairs "start length" of
its runs, "1 3 10 5" for the pixels 1, 2, 3, 10, 11, 12, 13 and 14; the empty mask is the empty string.
"""

from __future__ import annotations

import numpy as np


def encode(mask: np.ndarray) -> str:
    """Encode a mask, bool [height, width]; runs are in order and never touch."""
    edges = np.flatnonzero(np.diff(np.pad(mask.ravel(order="F"), 1).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    return " ".join(map(str, np.stack([starts + 1, ends - starts], axis=1).ravel()))


def decode(text: str, height: int, width: int) -> np.ndarray:
    """Decode to a mask, bool [height, width]; runs may come in any order.

    Raises:
        ValueError: the text is not pairs of whole numbers from 1 on, runs overlap, or a run leaves the image.
    """
    words = text.split()
    if len(words) % 2 or not all(word.isascii() and word.isdigit() and len(word) < 16 for word in words):
        raise ValueError("not pairs of whole numbers")
    runs = np.array(words, np.int64).reshape(-1, 2)
    starts, ends = runs[:, 0] - 1, runs[:, 0] - 1 + runs[:, 1]
    if (runs < 1).any() or (ends > height * width).any():
        raise ValueError(f"a run outside of {width} x {height} pixels")
    steps = np.zeros(height * width + 1, np.int64)
    np.add.at(steps, starts, 1)
    np.add.at(steps, ends, -1)
    depth = np.cumsum(steps[:-1])
    if (depth > 1).any():
        raise ValueError("runs that overlap")
    return (depth > 0).reshape(height, width, order="F")
