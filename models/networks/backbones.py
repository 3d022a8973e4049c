"""Networks without their tops, pre-trained as a rule: the classifier's trunk, the segmenter's encoder."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import ops

from models.networks.norms import with_fast_normalization
from models.networks.zoo import BACKBONES, scaling


class WeightsUnavailableError(RuntimeError):
    """The pre-trained weights are unavailable; the message says which and what to do."""


def backbone(name: str, weights: str, size: int, pooling: str | None = None, neighbors: int = 0) -> keras.Model:
    """Build one of `zoo.BACKBONES`, without its top.

    Args:
        name: backbone, e.g. "ResNet50" (He et al. 2015, arXiv 1512.03385).
        weights: "imagenet" downloads them, a path loads that file, "none" starts at random. A file may belong to a
            network with three channels, or with the same number of neighbours (`save_encoder`).
        size: side length of the square input, pixels.
        pooling: "avg" or "max", which pool the last feature maps to a vector; None returns the maps themselves.
        neighbors: number of slices on either side that the first convolution also sees. Pre-trained weights have three
            channels: those become the middle slice's, and the neighbours' start at zero, so that training starts from
            the features of the slice itself.

    Returns:
        A model from slices scaled as the backbone expects, [batch, size, size, 3 (2 neighbors + 1)], to a vector
        [batch, c] if `pooling` is given, else to feature maps [batch, h, w, c].

    Raises:
        ValueError: there is no such backbone, or it can't take this size.
        WeightsUnavailableError: the download failed, the file is missing, or it belongs to another network.
    """
    scaling(name)  # refuses a name that is no backbone's
    build = BACKBONES[name]
    options = {"include_top": False, "pooling": pooling}
    if weights not in ("none", "imagenet") and not Path(weights).is_file():
        raise WeightsUnavailableError(f"{weights}: no such file of weights; set weights to imagenet, none or a file")
    try:  # any wrong argument fails here
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels")
            plain = build(weights=None, input_shape=(size, size, 3 * (2 * neighbors + 1)), **options)
    except ValueError as error:
        least = re.search(r"at least (\d+)", str(error))
        raise ValueError(
            f"size {size} is too small: {name} takes slices of at least {least[1]} pixels" if least else str(error)
        ) from error
    if weights != "none" and not _has_loaded(plain, weights):
        try:
            with missing_weights_as_errors():
                trained = build(weights=weights, input_shape=(size, size, 3), **options)
        except Exception as error:  # Keras raises a bare Exception when a download fails
            if weights == "imagenet":
                raise WeightsUnavailableError(
                    f"ImageNet weights of {name}: download failed; without internet set weights "
                    "to the path of a .weights.h5 file, or to none"
                ) from error
            raise WeightsUnavailableError(
                f"{weights}: not weights of {name} without its top; give that network's own file"
            ) from error
        _copy_weights(trained, plain)
    return with_fast_normalization(plain)


@contextmanager
def missing_weights_as_errors() -> Iterator[None]:
    """Refuse a file that lacks weights for some layers: newer Keras leaves those unchanged, with only a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Skipping nested container")
        yield


def _has_loaded(network: keras.Model, weights: str) -> bool:
    """Load a file saved from a network with as many channels; False if it belongs to another network."""
    try:
        with missing_weights_as_errors():
            network.load_weights(weights)
    except (OSError, ValueError, KeyError, UserWarning):
        return False
    return True


def _copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy weights to a network with at least as many channels; those beside the middle three become zero."""
    for old, new in zip(source.weights, target.weights, strict=True):
        value = ops.convert_to_numpy(old)
        if new.shape != old.shape:
            before = (new.shape[2] - old.shape[2]) // 2
            value = np.pad(value, [(0, 0), (0, 0), (before, before), (0, 0)])
        new.assign(value)


def pyramid(name: str, weights: str, size: int, levels: int, neighbors: int = 0) -> keras.Model:
    """Build `backbone` down to its feature maps of half the side, a quarter, and so on.

    Args:
        name, weights, size, neighbors: see `backbone`.
        levels: number of times that the side is halved.

    Returns:
        A model of scaled slices, as `backbone`, that returns a list of `levels` feature maps: the last ones of half the
        side, [batch, size / 2, size / 2, c], then of a quarter, and so on.

    Raises:
        ValueError: see `backbone`; or the backbone doesn't halve its maps that often.
        WeightsUnavailableError: see `backbone`.
    """
    trunk = backbone(name, weights, size, neighbors=neighbors)
    maps = []
    for level in range(1, levels + 1):
        side = size >> level
        found = [layer.output for layer in trunk.layers if tuple(layer.output.shape[1:3]) == (side, side)]
        if not found:
            raise ValueError(f"{name} has no feature maps of {side} x {side} pixels; take fewer filters")
        maps.append(found[-1])
    return keras.Model(trunk.input, maps, name=f"{name}_pyramid")


def save_encoder(segmenter: keras.Model, name: str, path: str | Path) -> None:
    """Write the backbone inside a trained segmenter as weights that `backbone` accepts.

    A classifier that starts from them already has features that show a tumour.

    Args:
        segmenter: network from `transfer_resunet`, with one filter for each time that `name` halves the side.
        name: name of its backbone.
        path: output file, ending in .weights.h5.

    Raises:
        ValueError: the segmenter has no such backbone, or only its upper part.
    """
    found = [layer for layer in segmenter.layers if layer.name == f"{name}_pyramid"]
    size, neighbors = segmenter.input_shape[1], (segmenter.input_shape[-1] // 3 - 1) // 2
    whole = backbone(name, "none", size, neighbors=neighbors)
    if not found or len(found[0].weights) != len(whole.weights):
        raise ValueError(f"this segmenter does not hold the whole of a {name}; take one filter more")
    whole.set_weights(found[0].get_weights())
    whole.save_weights(path)
