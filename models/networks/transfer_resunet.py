"""Stage 2 with transfer learning: the decoder of the ResUNet on the feature maps of a pre-trained encoder.

A U-Net whose encoder has seen ImageNet converges in a fraction of the steps (Iglovikov and Shvets 2018, TernausNet,
arXiv 1801.05746).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from models.networks.backbones import pyramid
from models.networks.resunet import pixel_head, res_block, up
from models.networks.zoo import scaling


def transfer_resunet(
    filters: Sequence[int],
    *,
    backbone: str,
    weights: str,
    size: int = 256,
    normalization: str = "slice",
    head: str = "sigmoid",
    upsampling: str = "transpose",
    norm: str = "batch",
    neighbors: int = 0,
) -> keras.Model:
    """Build the segmenter on a backbone.

    Args:
        filters: feature maps of the decoder's blocks, from full size down: n of them use the backbone's maps from half
            the side to 1 / 2 ** n of it.
        backbone, weights: see `backbones.backbone`.
        normalization: see `zoo.scaling`.
        size, head, upsampling, norm, neighbors: see `resunet.resunet`.

    Returns:
        As `resunet.resunet`.

    Raises:
        ValueError, WeightsUnavailableError: see `backbones.pyramid`.
    """
    slices = keras.Input((size, size, 3 * (2 * neighbors + 1)), name="slices")
    scaled = scaling(backbone, normalization)(slices)
    *skips, x = pyramid(backbone, weights, size, len(filters), neighbors)(scaled)
    for width, skip in zip(reversed(filters), [*reversed(skips), scaled], strict=True):
        x = res_block(keras.layers.Concatenate()([up(x, width, upsampling), skip]), width, norm)
    return keras.Model(slices, pixel_head(x, head), name="segmenter")
