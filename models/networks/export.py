"""Write the trained networks as SavedModels with explicit signatures.

serving_default   slices, uint8 [batch, height, width, channels] -> the network's output, at the slices' own size
examples          serialised tf.Examples [batch]                 -> the same
evaluate          serialised tf.Examples [batch] with masks      -> pixel counts, for pooling (segmenter only)

There are 3 channels, or 3 (2 n + 1) for a network that sees n slices on either side.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from models import examples
from models.networks import preprocessing
from models.networks.compiled import compiled

SERIALIZED = tf.TensorSpec([None], tf.string, name="examples")


def slices_spec(neighbors: int) -> tf.TensorSpec:
    """Slices of any height and width, with `neighbors` slices on either side."""
    return tf.TensorSpec([None, None, None, 3 * (2 * neighbors + 1)], tf.uint8, name="slices")


def with_channels(slices: tf.Tensor, neighbors: int) -> tf.Tensor:
    """Return `slices`; when the graph runs, another number of channels is an error.

    A saved signature takes any, whatever its spec says, and a convolution takes any multiple of its own.
    """
    return tf.ensure_shape(slices, slices_spec(neighbors).shape)


def neighbors_of(network: keras.Model) -> int:
    """Number of slices that a network sees on either side."""
    return (network.input_shape[-1] // 3 - 1) // 2


def tumor_probability(classifier: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Map slices of any size, uint8 [batch, height, width, channels], to the tumour probability, float32 [batch, 1]."""
    size = classifier.input_shape[1]
    return lambda slices: classifier(preprocessing.to_grid(slices, size), training=False)


def mask_probability(segmenter: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Map slices of any size, uint8 [batch, height, width, channels], to pixel probabilities, float32 [.., 1]."""
    size = segmenter.input_shape[1]

    def predict(slices: tf.Tensor) -> tf.Tensor:
        maps = segmenter(preprocessing.to_grid(slices, size), training=False)
        # Like preprocessing.from_grid, but for sizes not known yet: from 3.13 on Keras rejects those.
        return tf.image.resize(tf.cast(maps, tf.float32), tf.shape(slices)[1:3], method="bilinear")

    return predict


def _write(
    network: keras.Model,
    folder: str | Path,
    output: str,
    predict: Callable[[tf.Tensor], tf.Tensor],
    evaluate: Callable[[tf.Tensor], dict[str, tf.Tensor]] | None = None,
) -> None:
    """Write `network` with the signatures shared by all networks, and `evaluate` if there is one."""
    neighbors = neighbors_of(network)
    predict = compiled(predict, input_signature=[slices_spec(neighbors)])  # traced once for all callers

    @compiled(input_signature=[slices_spec(neighbors)])
    def from_slices(slices: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: predict(with_channels(slices, neighbors))}

    @compiled(input_signature=[SERIALIZED])
    def from_examples(records: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: predict(examples.parse_images(records, neighbors))}

    signatures = {"serving_default": from_slices, "examples": from_examples}
    if evaluate is not None:
        signatures["evaluate"] = compiled(evaluate, input_signature=[SERIALIZED])
    saved = tf.Module()  # Keras' own ExportArchive traces everything twice
    saved.weights = [variable.value for variable in network.variables]
    tf.saved_model.save(saved, str(folder), signatures=signatures)


def export_classifier(classifier: keras.Model, folder: str | Path) -> None:
    """Write the classifier with the signatures serving_default and examples, both returning `tumor_probability`."""
    _write(classifier, folder, "tumor_probability", tumor_probability(classifier))


def export_segmenter(segmenter: keras.Model, folder: str | Path, threshold: float = 0.5) -> None:
    """Write the segmenter with serving_default and examples, returning `mask_probability`, and evaluate.

    `evaluate` returns, per slice, float32 [batch, 1]: `intersection`, `predicted` and `reference`, in pixels at the
    slice's own size, for masks of probability `threshold` or more.
    """
    neighbors = neighbors_of(segmenter)
    predict = compiled(mask_probability(segmenter), input_signature=[slices_spec(neighbors)])

    def evaluate(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.cast(predict(examples.parse_images(serialized, neighbors)) >= threshold, tf.float32)
        truth = tf.cast(examples.parse_masks(serialized), tf.float32)

        def count(pixels: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(pixels, axis=[1, 2])

        return {"intersection": count(found * truth), "predicted": count(found), "reference": count(truth)}

    _write(segmenter, folder, "mask_probability", predict, evaluate)
