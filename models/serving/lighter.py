"""The same network with less to compute: 1x1 convolutions before pixels are repeated instead of after."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

Joined = tuple[Any, Any]  # what is up-sampled, and what is concatenated after it


class _Lighter:
    """Calls a network's layers again, in order.

    Attributes:
        raised, joined, convolved: what each output of an up-sampling, a concatenation and a convolution was made of, by
            the output's id. The outputs come first: they are kept so that no other object gets their id.
    """

    def __init__(self) -> None:
        self.raised: dict[int, tuple[Any, Any]] = {}
        self.joined: dict[int, tuple[Any, Joined]] = {}
        self.convolved: dict[int, tuple[Any, keras.layers.Conv2D, Joined]] = {}

    def __call__(self, layer: Any, x: Any, *others: Any, **options: Any) -> Any:
        if isinstance(layer, keras.layers.Conv2D) and id(x) in self.joined and _pointwise(layer):
            made_of = self.joined[id(x)][1]
            out = _apart(layer, made_of, np.ones(layer.filters), np.zeros(layer.filters))
            self.convolved[id(out)] = out, layer, made_of
            return out
        if isinstance(layer, keras.layers.BatchNormalization) and id(x) in self.convolved:
            _, convolution, made_of = self.convolved[id(x)]
            return _apart(convolution, made_of, *_scale_and_offset(layer))
        out = layer(x, *others, **options)
        if isinstance(layer, keras.layers.UpSampling2D) and (layer.size, layer.interpolation) == ((2, 2), "nearest"):
            self.raised[id(out)] = out, x
        if isinstance(layer, keras.layers.Concatenate) and len(x) == 2 and id(x[0]) in self.raised:
            self.joined[id(out)] = out, (self.raised[id(x[0])][1], x[1])
        return out


def lighter(network: keras.Model) -> keras.Model:
    """Rebuild a network for prediction, so that it convolves a quarter of the pixels where it would repeat them first.

    A 1x1 convolution of concatenated maps is the sum of a convolution of each part, and it sees no neighbouring pixels,
    so it may precede the repetition of pixels. If a batch normalisation follows, its averages go into the weights.

    Args:
        network: a trained network; the new one shares its other layers.

    Returns:
        A network with the same outputs, except for rounding, when not training; the same computation if nothing repeats
        pixels.
    """
    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=_Lighter())


def _pointwise(layer: keras.layers.Conv2D) -> bool:
    plain = layer.activation is keras.activations.linear and layer.groups == 1
    return plain and layer.kernel_size == layer.strides == (1, 1)


def _apart(layer: keras.layers.Conv2D, made_of: Joined, scale: np.ndarray, offset: np.ndarray) -> Any:
    """Convolve concatenated maps separately and add the results, scaled map by map, with an offset."""
    small, beside = made_of
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
