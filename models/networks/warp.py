"""Geometry of augmentation: smooth random fields, and one bilinear look-up of every pixel at its warped position.

Plain array operations, which every backend can compile: XLA can't compile `keras.ops.image.affine_transform` under
TensorFlow, and it can't deform a slice elastically on any backend.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops


def spline(points: int, size: int) -> np.ndarray:
    """Weights [size, points], float32, of a uniform cubic B-spline's control points at the pixels of a side.

    Each row sums to 1 and none is negative: the curve is smooth (two continuous derivatives) and never leaves the range
    of its control points. The outermost two lie one span outside the image.

    Args:
        points: number of control points, 4 or more; the side is `points` - 3 spans long.
        size: pixels along the side.
    """
    place = np.linspace(0, points - 3, size)
    first = np.minimum(place.astype(int), points - 4)
    t = place - first
    pieces = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    weights = np.zeros((size, points), "float32")
    for offset, piece in enumerate(pieces):
        weights[np.arange(size), first + offset] = piece / 6
    return weights


def smooth_field(knots: Any, size: int) -> Any:
    """Interpolate control points [batch, points, points, fields] to fields, float32 [batch, size, size, fields]."""
    weights = spline(knots.shape[1], size)
    return ops.einsum("ik,bklf,jl->bijf", weights, knots, weights)


def affine_grid(angle: Any, scale: Any, mirror: Any, right: Any, down: Any, size: int) -> tuple[Any, Any]:
    """Return the source of each pixel in images mirrored, rotated and zoomed about their centre and shifted.

    Args:
        angle: radians, [batch].
        scale: step in the old image for one pixel of the new one, [batch]; below 1 magnifies.
        mirror: -1 to swap left and right, else 1, [batch].
        right, down: shift of the position in the old image, pixels, [batch].
        size: side length of the images, pixels.

    Returns:
        rows and columns in the old image, float32 [batch, size, size] each.
    """
    cos, sin = ops.cos(angle) * scale, ops.sin(angle) * scale
    cos, sin, mirror, right, down = (ops.reshape(value, (-1, 1, 1)) for value in (cos, sin, mirror, right, down))
    middle = (size - 1) / 2
    axis = np.arange(size, dtype="float32") - middle
    x, y = mirror * axis[None, None, :], axis[None, :, None]
    return sin * x + cos * y + (middle + down), cos * x - sin * y + (middle + right)


def sample(images: Any, rows: Any, columns: Any) -> Any:
    """Sample images between their pixels (bilinear); beyond the border they are 0.

    Args:
        images: float32 [batch, height, width, channels].
        rows, columns: positions, float32 [batch, new height, new width], pixels; whole numbers are centres of pixels.

    Returns:
        float32 [batch, new height, new width, channels].
    """
    height, width, channels = images.shape[1:]
    stride = width + 2
    pixels = ops.reshape(ops.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]]), (-1, channels))
    y, x = ops.clip(rows + 1.0, 0.0, height + 1.0), ops.clip(columns + 1.0, 0.0, width + 1.0)
    top, left = ops.minimum(ops.floor(y), height), ops.minimum(ops.floor(x), width)
    first = ops.reshape(ops.arange(ops.shape(images)[0], dtype="int32") * ((height + 2) * stride), (-1, 1, 1))
    corner = first + ops.cast(top, "int32") * stride + ops.cast(left, "int32")
    down, right = (y - top)[..., None], (x - left)[..., None]

    def between(start: Any) -> Any:
        return ops.take(pixels, start, axis=0) * (1.0 - right) + ops.take(pixels, start + 1, axis=0) * right

    return between(corner) * (1.0 - down) + between(corner + stride) * down
