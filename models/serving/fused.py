"""The same network with less to compute: 1x1 convolutions before pixels are repeated instead of after."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

Parts = tuple[Any, Any]  # what is up-sampled, and what is concatenated after it


class _Fuser:
    """Calls a network's layers again, in order.

    Attributes:
        upsampled, concatenated, convolved: each output of an up-sampling, a concatenation and a convolution, and what
            it was made of, by the output's id. Outputs are kept so that no other object gets their id.
    """

    def __init__(self) -> None:
        self.upsampled: dict[int, tuple[Any, Any]] = {}
        self.concatenated: dict[int, tuple[Any, Parts]] = {}
        self.convolved: dict[int, tuple[Any, keras.layers.Conv2D, Parts]] = {}

    def __call__(self, layer: Any, x: Any, *others: Any, **options: Any) -> Any:
        if isinstance(layer, keras.layers.Conv2D) and id(x) in self.concatenated and _pointwise(layer):
            parts = self.concatenated[id(x)][1]
            out = _convolve_parts(layer, parts, np.ones(layer.filters), np.zeros(layer.filters))
            self.convolved[id(out)] = out, layer, parts
            return out
        if isinstance(layer, keras.layers.BatchNormalization) and id(x) in self.convolved:
            _, convolution, parts = self.convolved[id(x)]
            return _convolve_parts(convolution, parts, *_scale_and_offset(layer))
        out = layer(x, *others, **options)
        if isinstance(layer, keras.layers.UpSampling2D) and (layer.size, layer.interpolation) == ((2, 2), "nearest"):
            self.upsampled[id(out)] = out, x
        if isinstance(layer, keras.layers.Concatenate) and len(x) == 2 and id(x[0]) in self.upsampled:
            self.concatenated[id(out)] = out, (self.upsampled[id(x[0])][1], x[1])
        return out


def fuse_for_inference(network: keras.Model) -> keras.Model:
    """Rebuild a network for inference, with 1x1 convolutions before pixel repetition, on a quarter of the pixels.

    A 1x1 convolution of concatenated maps is the sum of the convolutions of each part, and it commutes with repeating
    pixels. A batch normalisation that follows is folded into its weights.

    Args:
        network: a trained network; the new one shares its other layers.

    Returns:
        A network with the same outputs, except for rounding, when not training; the same computation if nothing repeats
        pixels.
    """
    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=_Fuser())


def _pointwise(layer: keras.layers.Conv2D) -> bool:
    plain = layer.activation is keras.activations.linear and layer.groups == 1
    return plain and layer.kernel_size == layer.strides == (1, 1)


def _convolve_parts(layer: keras.layers.Conv2D, parts: Parts, scale: np.ndarray, offset: np.ndarray) -> Any:
    """Convolve concatenated maps separately and add the results, scaled map by map, with an offset."""
    small, beside = parts
    weights = np.asarray(layer.kernel) * scale
    bias = (np.asarray(layer.bias) if layer.use_bias else 0) * scale + offset
    first = keras.layers.Conv2D(layer.filters, 1, use_bias=False, name=f"{layer.name}_small")
    second = keras.layers.Conv2D(layer.filters, 1, name=f"{layer.name}_beside")
    both = [keras.layers.UpSampling2D(2, name=f"{layer.name}_up")(first(small)), second(beside)]
    first.set_weights([weights[:, :, : small.shape[-1]]])
    second.set_weights([weights[:, :, small.shape[-1] :], bias])
    return keras.layers.Add(name=f"{layer.name}_sum")(both)


def _scale_and_offset(layer: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """What a batch normalisation multiplies by and adds when not training (Ioffe and Szegedy 2015, algorithm 2)."""
    scale = 1 / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
    scale = scale if layer.gamma is None else scale * np.asarray(layer.gamma)
    offset = -np.asarray(layer.moving_mean) * scale
    return scale, offset if layer.beta is None else offset + np.asarray(layer.beta)
