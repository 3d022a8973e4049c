"""The available backbones, by name, and how each expects its slices to be scaled."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from models.networks import preprocessing

# Builder of each backbone: every function of keras.applications itself. A network of our own is added here and takes
# the same arguments; the module that defines it has a `preprocess_input`, as theirs do.
BACKBONES: dict[str, Callable[..., keras.Model]] = dict(inspect.getmembers(keras.applications, inspect.isfunction))


def scaling(name: str, normalization: str = "unit") -> Callable[[Any], Any]:
    """Return the function that scales slices as in a backbone's pre-training.

    It maps [batch, height, width, 3 n], 0..255, to the same shape, scaling every three channels (one slice) separately.

    Args:
        name: one of `BACKBONES`.
        normalization: "slice" gives every slice and channel the mean and about the spread of photographs first, "unit"
            leaves them as they are.

    Raises:
        ValueError: there is no such backbone, and the message names one that exists; or no such normalization.
    """
    if normalization not in preprocessing.NORMALIZATIONS:
        raise ValueError(f"normalization {normalization!r} is none of {', '.join(preprocessing.NORMALIZATIONS)}")
    if name not in BACKBONES:
        near = difflib.get_close_matches(name, BACKBONES, 1)
        hint = f"did you mean {near[0]}?" if near else "choose e.g. ResNet50, MobileNet or EfficientNetB0;"
        raise ValueError(f"no backbone {name!r}; {hint} keras.applications lists all")
    # The module that defines a backbone has its scaling, too; the public modules don't list all of them (MobileNetV3).
    scale: Callable[[Any], Any] = sys.modules[BACKBONES[name].__module__].preprocess_input

    def by_slice(images: Any) -> Any:
        if normalization == "slice":
            images = 64.0 * preprocessing.standardise(images) + 127.5
        count = images.shape[-1] // 3
        if count == 1:
            return scale(images)
        return ops.concatenate([scale(one) for one in ops.split(images, count, axis=-1)], axis=-1)

    return by_slice
