"""What happens to a slice before a network sees it: part of every model's graph, equal in training and serving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops


def to_grid(images: Any, size: int) -> Any:
    """Resample slices to the network's grid.

    Args:
        images: [batch, height, width, channels], uint8 or whole numbers 0..255, any height and width.
        size: side length of the square grid of the network, pixels.

    Returns:
        float32 [batch, size, size, channels]: whole numbers 0..255, so that a uint8 cache of them loses nothing. Larger
        slices are low-pass filtered on the way down (bilinear, antialiased).
    """
    images = ops.cast(images, "float32")
    if tuple(images.shape[1:3]) == (size, size):
        return images
    resized = ops.image.resize(images, (size, size), interpolation="bilinear", antialias=True)
    return ops.round(ops.clip(resized, 0.0, 255.0))


def mask_to_grid(masks: Any, size: int) -> Any:
    """Resample masks, {0, 1} [batch, height, width, 1], to the network's grid: the tumour fraction of each pixel.

    Returns:
        float32 [batch, size, size, 1]: whole 255ths, 0..1, so that a uint8 cache of them loses nothing.
    """
    masks = ops.cast(masks, "float32")
    if tuple(masks.shape[1:3]) == (size, size):
        return masks
    resized = ops.image.resize(masks, (size, size), interpolation="bilinear", antialias=True)
    # Exact halves are common, and backends round them either way: up, here.
    return ops.floor(255.0 * ops.clip(resized, 0.0, 1.0) + (0.5 + 1e-2)) / 255.0


def from_grid(probabilities: Any, height: int, width: int) -> Any:
    """Resample probability maps [batch, size, size, 1] to the slice's own height and width (bilinear)."""
    return ops.image.resize(ops.cast(probabilities, "float32"), (height, width), interpolation="bilinear")


def unit(images: Any) -> Any:
    """Scale 0..255 to -1..1. Intensities stay comparable between the slices of a patient, as ingest made them."""
    return images / 127.5 - 1.0


def standardise(images: Any) -> Any:
    """Give every slice and channel zero mean and unit variance over its own pixels.

    Scanners and exports differ in brightness more than tumours differ from brain; this removes that difference. A
    constant channel becomes 0.
    """
    mean = ops.mean(images, axis=(1, 2), keepdims=True)
    deviation = ops.sqrt(ops.mean(ops.square(images - mean), axis=(1, 2), keepdims=True))
    return (images - mean) / ops.maximum(deviation, 1.0)


NORMALIZATIONS: dict[str, Callable[[Any], Any]] = {"unit": unit, "slice": standardise}
