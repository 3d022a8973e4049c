"""The layered model: one SavedModel, slices in, tumour probability and mask out.

Stage 2 runs only on the slices that pass stage 1; the mask of the others is empty. Preprocessing and both thresholds
are inside the graph.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import keras
import tensorflow as tf

from models import examples
from models.networks.compiled import compiled
from models.networks.export import (
    SERIALIZED,
    mask_probability,
    neighbors_of,
    slices_spec,
    tumor_probability,
    with_channels,
)
from models.serving import picture_codec


def _scale_temperature(probability: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
    """Temperature scaling (Guo et al. 2017, arXiv 1706.04599): the logit divided by the temperature."""
    clipped = tf.clip_by_value(probability, 1e-7, 1.0 - 1e-7)
    return tf.sigmoid((tf.math.log(clipped) - tf.math.log1p(-clipped)) / temperature)


class Layered(tf.Module):
    """Classifier and segmenter in one graph.

    Args:
        classifier, segmenter: trained networks.
        tumor_threshold: lowest tumour probability at which a slice passes stage 1.
        mask_threshold: lowest probability at which a pixel belongs to the mask.
        mirror: whether every probability, of a slice or a pixel, is the mean over the slice and its left-right mirror
            image.

    The thresholds are variables, so that they can be chosen with the same graph that is saved.
    """

    def __init__(
        self,
        classifier: keras.Model,
        segmenter: keras.Model,
        *,
        tumor_threshold: float = 0.5,
        mask_threshold: float = 0.5,
        mirror: bool = False,
    ) -> None:
        super().__init__(name="layered")
        # Hidden from TensorFlow, which would trace and store each network, and the backbone in it, once more; the
        # signatures need only the variables.
        self.networks = SimpleNamespace(classifier=classifier, segmenter=segmenter)
        self.weights = {name: [one.value for one in network.variables] for name, network in vars(self.networks).items()}
        self.mirror = mirror
        self.neighbors = max(neighbors_of(classifier), neighbors_of(segmenter))
        slices = slices_spec(self.neighbors)
        # Each network's part is a function of its own, shared by all signatures: it is traced and stored once.
        self.tumors = compiled(self._tumor_probability, input_signature=[slices])
        self.maps = compiled(self._maps, input_signature=[slices])
        self.serve = compiled(self._serve, input_signature=[slices])
        self.stages = compiled(self._stages, input_signature=[slices])
        self.serve_encoded = compiled(self._serve_encoded, input_signature=[picture_codec.spec(self.neighbors)])
        self._raw_tumor_probability, self._raw_mask_probability = (
            tumor_probability(classifier),
            mask_probability(segmenter),
        )
        self.tumor_threshold = tf.Variable(tumor_threshold, trainable=False, dtype=tf.float32)
        self.mask_threshold = tf.Variable(mask_threshold, trainable=False, dtype=tf.float32)
        # Of the returned probabilities, see `_scale_temperature`; the thresholds apply to these.
        self.tumor_temperature = tf.Variable(1.0, trainable=False, dtype=tf.float32)
        self.mask_temperature = tf.Variable(1.0, trainable=False, dtype=tf.float32)

    def _tumor_probability(self, slices: tf.Tensor) -> tf.Tensor:
        seen = self._seen_by(self.networks.classifier, slices)
        probability = self._raw_tumor_probability(seen)
        if self.mirror:
            probability = (probability + self._raw_tumor_probability(seen[:, :, ::-1])) / 2
        return _scale_temperature(probability, self.tumor_temperature)

    def _maps(self, slices: tf.Tensor) -> dict[str, tf.Tensor]:
        """Run stage 2 alone on every slice: `mask_probability` [batch, height, width]."""
        seen = self._seen_by(self.networks.segmenter, slices)
        maps = self._raw_mask_probability(seen)
        if self.mirror:
            maps = (maps + self._raw_mask_probability(seen[:, :, ::-1])[:, :, ::-1]) / 2
        return {"mask_probability": _scale_temperature(maps, self.mask_temperature)[..., 0]}

    def _seen_by(self, network: keras.Model, slices: tf.Tensor) -> tf.Tensor:
        """Drop the outer neighbours if this network sees fewer of them than the other."""
        slices = with_channels(slices, self.neighbors)
        left_out = 3 * (self.neighbors - neighbors_of(network))
        return slices[..., left_out : slices.shape[-1] - left_out]

    def _serve(self, slices: tf.Tensor) -> dict[str, tf.Tensor]:
        """Detect and outline.

        Args:
            slices: uint8 [batch, height, width, 3], channels pre-contrast, FLAIR, post-contrast; batch 1 or more. If a
                stage sees n slices on either side, 3 (2 n + 1) channels, the slices in the scan's order.

        Returns:
            tumor_probability: float32 [batch], 0..1.
            has_tumor: bool [batch].
            mask: uint8 {0, 1} [batch, height, width], all 0 if has_tumor is False.
        """
        probability = self.tumors(slices)[:, 0]
        has_tumor = probability >= self.tumor_threshold
        passed, shape = tf.where(has_tumor), tf.shape(slices, out_type=tf.int64)[:3]

        def outline() -> tf.Tensor:
            maps = self.maps(tf.gather_nd(slices, passed))["mask_probability"]
            return tf.scatter_nd(passed, tf.cast(maps >= self.mask_threshold, tf.uint8), shape)

        # Convolutions reject an empty batch.
        mask = tf.cond(tf.reduce_any(has_tumor), outline, lambda: tf.zeros(shape, tf.uint8))
        return {"tumor_probability": probability, "has_tumor": has_tumor, "mask": mask}

    @compiled(input_signature=[SERIALIZED])
    def serve_examples(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        """Do the same for serialised tf.Examples [batch]."""
        return self.serve(examples.parse_images(serialized, self.neighbors))

    def _serve_encoded(self, slices: tf.Tensor) -> dict[str, tf.Tensor]:
        """Do the same for PNG or JPEG files, see `picture_codec.decode`; `mask_bytes`, PNG [batch], replaces `mask`."""
        served = self.serve(picture_codec.decode(slices, self.neighbors))
        masks = picture_codec.encode_masks(served.pop("mask"))
        return {**served, "mask_bytes": masks}  # TensorFlow Serving encodes outputs called *_bytes in base64

    @compiled(input_signature=[SERIALIZED])
    def evaluate(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        """Measure serialised tf.Examples [batch] with masks, end to end.

        Returns:
            tumor_probability, and intersection, predicted, reference: pixel counts of the masks; float32 [batch, 1]
                each.
        """
        served = self.serve_examples(serialized)
        found = tf.cast(served["mask"], tf.float32)
        truth = tf.cast(examples.parse_masks(serialized)[..., 0], tf.float32)
        pixels = {"intersection": found * truth, "predicted": found, "reference": truth}
        return {
            "tumor_probability": served["tumor_probability"][:, None],
            **{name: tf.reduce_sum(area, axis=[1, 2])[:, None] for name, area in pixels.items()},
        }

    def _stages(self, slices: tf.Tensor) -> dict[str, tf.Tensor]:
        """Run both stages on every slice: `tumor_probability` [batch], `mask_probability` [batch, height, width]."""
        return {"tumor_probability": self.tumors(slices)[:, 0], **self.maps(slices)}

    def save(self, folder: str | Path) -> None:
        """Write the SavedModel with the signatures serving_default, encoded, examples, evaluate, stages and maps."""
        signatures = {
            "serving_default": self.serve,
            "encoded": self.serve_encoded,
            "examples": self.serve_examples,
            "evaluate": self.evaluate,
            "stages": self.stages,
            "maps": self.maps,
        }
        tf.saved_model.save(self, str(folder), signatures=signatures)
