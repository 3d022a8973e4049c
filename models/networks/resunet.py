"""Stage 2: where is the tumour? A U-Net (arXiv 1505.04597) with residual blocks (as in ResUNet-a, arXiv 1904.00592)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from models.networks import preprocessing
from models.networks.norms import MOMENTUM, BatchNormalization

GROUPS = 8  # in a group normalisation, or the next smaller number that divides the feature maps


def normalized(x: Any, norm: str) -> Any:
    """Normalise feature maps over the batch, over each slice and map ("instance"), or over each slice's groups of maps.

    Batch: Ioffe and Szegedy 2015, arXiv 1502.03167. Instance: Ulyanov et al. 2016, arXiv 1607.08022. Group: Wu and He
    2018, arXiv 1803.08494. The latter two don't depend on the batch, so small batches train as well.

    Args:
        x: feature maps [batch, h, w, c].
        norm: "batch", "instance" or "group".

    Raises:
        ValueError: `norm` is none of them.
    """
    if norm == "batch":
        return BatchNormalization(momentum=MOMENTUM)(x)
    if norm == "instance":
        return keras.layers.GroupNormalization(groups=-1)(x)
    if norm == "group":
        groups = max(count for count in range(1, GROUPS + 1) if x.shape[-1] % count == 0)
        return keras.layers.GroupNormalization(groups=groups)(x)
    raise ValueError(f"norm {norm!r} is none of batch, instance, group")


def conv_block(x: Any, filters: int, norm: str) -> Any:
    """First encoder block, [batch, h, w, c] to [batch, h, w, filters]: 3x3 convolution, ReLU, normalisation, twice."""
    for _ in range(2):
        x = keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(x)
        x = normalized(keras.layers.ReLU()(x), norm)
    return x


def res_block(x: Any, filters: int, norm: str) -> Any:
    """Residual block, [batch, h, w, c] to [batch, h, w, filters].

    1x1 and 3x3 convolution beside a 1x1 shortcut, each normalised; then added, ReLU.
    """
    shortcut = normalized(keras.layers.Conv2D(filters, 1, kernel_initializer="he_normal")(x), norm)
    x = normalized(keras.layers.Conv2D(filters, 1, kernel_initializer="he_normal")(x), norm)
    x = keras.layers.ReLU()(x)
    x = normalized(keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")(x), norm)
    return keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))


def up(x: Any, filters: int, kind: str) -> Any:
    """Double height and width: [batch, h, w, c] to [batch, 2 h, 2 w, c or filters].

    Args:
        x: feature maps.
        filters: feature maps of the result, if `kind` is "transpose".
        kind: "transpose", a 2x2 up-sampling convolution, or "nearest", pixel repetition.

    Raises:
        ValueError: `kind` is neither of them.
    """
    if kind == "transpose":
        return keras.layers.Conv2DTranspose(filters, 2, strides=2, kernel_initializer="he_normal")(x)
    if kind == "nearest":
        return keras.layers.UpSampling2D(2)(x)
    raise ValueError(f"up-sampling {kind!r} is neither transpose nor nearest")


def pixel_head(x: Any, kind: str) -> Any:
    """1x1 convolution to the tumour probability of each pixel: [batch, h, w, c] to float32 [batch, h, w, 1].

    Args:
        x: feature maps.
        kind: "sigmoid", or "softmax" over two classes.

    Raises:
        ValueError: `kind` is neither of them.
    """
    if kind == "sigmoid":
        return keras.layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="tumor")(x)
    if kind == "softmax":
        x = keras.layers.Conv2D(2, 1, dtype="float32", name="classes")(x)
        return keras.layers.Softmax(dtype="float32")(x)[..., 1:]
    raise ValueError(f"head {kind!r} is neither sigmoid nor softmax")


def resunet(
    filters: Sequence[int] = (16, 32, 64, 128),
    *,
    size: int = 256,
    normalization: str = "slice",
    head: str = "sigmoid",
    upsampling: str = "transpose",
    norm: str = "batch",
    neighbors: int = 0,
) -> keras.Model:
    """Build the segmenter.

    Encoder: a convolution block, then res-blocks, each followed by 2x2 max pooling. Bottleneck: a res-block with twice
    the last encoder's filters. Decoder: up-sampling, concatenation with the encoder's features of the same size, a
    res-block; finally a 1x1 convolution.

    Args:
        filters: feature maps of the encoder blocks, in order, 2 to 6 of them.
        size: side length of the square input and output, pixels; a multiple of 2 ** len(filters).
        normalization: "slice" (zero mean, unit variance of each slice) or "unit" (0..255 to -1..1).
        head: "sigmoid" (one class) or "softmax" (background and tumour), applied per pixel.
        upsampling: "transpose" or "nearest", see `up`.
        norm: normalisation of the feature maps, "batch", "instance" or "group", see `normalized`.
        neighbors: number of slices that are seen on either side of the one to outline.

    Returns:
        A model from [batch, size, size, 3 (2 neighbors + 1)], whole numbers 0..255, to the tumour probability of each
        pixel of the middle slice [batch, size, size, 1], float32 in 0..1, whatever the head. Channels are the three
        sequences of the first neighbour, then of the next, with the slice itself in the middle.

    Raises:
        ValueError: an argument has any other value; the message names it.
    """
    if not 2 <= len(filters) <= 6:
        raise ValueError(f"filters {list(filters)} are {len(filters)} encoder blocks; 2 to 6 are possible")
    if size % 2 ** len(filters):
        raise ValueError(f"size {size} is not a multiple of {2 ** len(filters)}, which {len(filters)} poolings need")
    if normalization not in preprocessing.NORMALIZATIONS:
        raise ValueError(f"normalization {normalization!r} is none of {', '.join(preprocessing.NORMALIZATIONS)}")
    if neighbors < 0:
        raise ValueError(f"neighbors {neighbors} is negative")
    slices = keras.Input((size, size, 3 * (2 * neighbors + 1)), name="slices")
    x = preprocessing.NORMALIZATIONS[normalization](slices)
    skips = []
    for depth, width in enumerate(filters):
        x = conv_block(x, width, norm) if depth == 0 else res_block(x, width, norm)
        skips.append(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = res_block(x, 2 * filters[-1], norm)
    for width, skip in zip(reversed(filters), reversed(skips), strict=True):
        x = keras.layers.Concatenate()([up(x, width, upsampling), skip])
        x = res_block(x, width, norm)
    return keras.Model(slices, pixel_head(x, head), name="segmenter")
