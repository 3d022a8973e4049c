"""Slices resampled to a network's grid, and its maps back to theirs, in NumPy: the steps around a LiteRT network.

The results are those of `models.networks.preprocessing.to_grid` and of bilinear resizing in TensorFlow: the grid to the
last bit, because a value at an exact half rounds either way, and the way it is rounded reaches the mask.
"""

from __future__ import annotations

import functools

import numpy as np


@functools.lru_cache(maxsize=8)
def _taps(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of an antialiased bilinear resampling, in float32 throughout as TensorFlow computes them.

    Returns:
        Indices of the source, int [taps, target], and their weights, float32 [taps, target].
    """
    scale = np.float32(1) / (np.float32(target) / np.float32(source))
    reach = max(scale, np.float32(1))
    at = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * scale
    first = np.ceil(at - reach - np.float32(0.5)).astype(int).clip(0, source - 1)
    last = np.floor(at + reach - np.float32(0.5)).astype(int).clip(0, source - 1)
    index = first + np.arange((last - first).max() + 1)[:, None]
    distance = np.abs((index.astype(np.float32) + np.float32(0.5) - at) * (np.float32(1) / reach))
    weight = np.where(index <= last, np.maximum(np.float32(1) - distance, np.float32(0)), np.float32(0))
    total = np.zeros(target, np.float32)
    for one in weight:  # in this order, as TensorFlow adds them up
        total += one
    return index.clip(0, source - 1), weight * (np.float32(1) / total)


def _resampled(rows: np.ndarray, size: int, backwards: bool = False) -> np.ndarray:
    """Resample the rows of a matrix, in reverse order if `backwards`, adding up the taps in their order."""
    index, weight = _taps(len(rows), size)
    if backwards:
        index = len(rows) - 1 - index
    result = np.zeros((size, rows.shape[1]), np.float32)
    for i, w in zip(index, weight, strict=True):
        result += np.multiply(rows[i], w[:, None], dtype=np.float32)
    return result


def to_grid(images: np.ndarray, size: int, views: int = 1) -> list[np.ndarray]:
    """Resample slices and, as a second view, their left-right mirror images.

    Args:
        images: uint8 [batch, height, width, channels].
        size: side length of the grid, pixels.
        views: 1, or 2 with mirror images.

    Returns:
        uint8 [batch, size, size, channels] for each view.
    """
    count, height, width, channels = images.shape
    if (height, width) == (size, size):
        return [images, images[:, :, ::-1]][:views]
    grids = np.empty((views, count, size, size, channels), np.uint8)
    for at, image in enumerate(images):  # one by one: each stays in the processor's cache
        columns = _resampled(image.reshape(height, -1), size).reshape(size, width, channels).swapaxes(0, 1)
        columns = np.ascontiguousarray(columns).reshape(width, -1)
        for view in range(views):
            resized = _resampled(columns, size, backwards=view == 1)
            grids[view, at] = np.rint(resized.clip(0, 255)).reshape(size, size, channels).swapaxes(0, 1)
    return list(grids)


@functools.lru_cache(maxsize=8)
def _between(source: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both neighbours of each target pixel in the source, and how far it lies from the first, 0..1."""
    scale = np.float32(source) / np.float32(target)
    at = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    first = np.floor(at)
    low = first.astype(int)
    return low.clip(0), (low + 1).clip(0, source - 1), at - first


def from_grid(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample maps, float32 [batch, size, size], to float32 [batch, height, width], bilinearly."""
    if maps.shape[1:] == (height, width):
        return maps
    low, high, share = _between(maps.shape[1], height)
    rows = maps[:, low] + (maps[:, high] - maps[:, low]) * share[:, None]
    low, high, share = _between(maps.shape[2], width)
    return rows[:, :, low] + (rows[:, :, high] - rows[:, :, low]) * share
