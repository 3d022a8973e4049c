"""The layered model: one SavedModel, slices in, tumour probability and mask out.

Stage 2 runs only on the slices that stage 1 let through; the mask of the others is empty. Preprocessing and both
thresholds are inside the graph.
"""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

from models import examples
from models.export import SERIALIZED, SLICES, mask_probability, tumor_probability


class Layered(tf.Module):
    """Classifier and segmenter in one graph.

    Args:
        classifier, segmenter: the trained networks.
        tumor_threshold: a slice passes stage 1 at this tumour probability or more.
        mask_threshold: a pixel belongs to the mask at this probability or more.
    """

    def __init__(
        self, classifier: keras.Model, segmenter: keras.Model, *, tumor_threshold: float, mask_threshold: float
    ) -> None:
        super().__init__(name="layered")
        self.classifier, self.segmenter = classifier, segmenter
        self._tumor_probability, self._mask_probability = tumor_probability(classifier), mask_probability(segmenter)
        self.tumor_threshold = tf.constant(tumor_threshold, tf.float32)
        self.mask_threshold = tf.constant(mask_threshold, tf.float32)

    @tf.function(input_signature=[SLICES])
    def serve(self, slices: tf.Tensor) -> dict[str, tf.Tensor]:
        """Detect and outline.

        Args:
            slices: uint8 [batch, height, width, 3], channels pre-contrast, FLAIR, post-contrast; batch may be 0.

        Returns:
            tumor_probability: float32 [batch], 0..1.
            has_tumor: bool [batch].
            mask: uint8 {0, 1} [batch, height, width], all 0 where has_tumor is False.
        """
        probability = self._tumor_probability(slices)[:, 0]
        has_tumor = probability >= self.tumor_threshold
        passed = tf.where(has_tumor)
        maps = self._mask_probability(tf.gather_nd(slices, passed))[..., 0]
        found = tf.cast(maps >= self.mask_threshold, tf.uint8)
        mask = tf.scatter_nd(passed, found, tf.shape(slices, out_type=tf.int64)[:3])
        return {"tumor_probability": probability, "has_tumor": has_tumor, "mask": mask}

    @tf.function(input_signature=[SERIALIZED])
    def serve_examples(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        """Do the same for serialised tf.Examples [batch]."""
        return self.serve(examples.parse_images(serialized))

    @tf.function(input_signature=[SLICES])
    def stages(self, slices: tf.Tensor) -> dict[str, tf.Tensor]:
        """Run both stages on every slice: `tumor_probability` [batch], `mask_probability` [batch, height, width]."""
        return {
            "tumor_probability": self._tumor_probability(slices)[:, 0],
            "mask_probability": self._mask_probability(slices)[..., 0],
        }

    def save(self, folder: str | Path) -> None:
        """Write the SavedModel with the signatures serving_default, examples and stages."""
        signatures = {"serving_default": self.serve, "examples": self.serve_examples, "stages": self.stages}
        tf.saved_model.save(self, str(folder), signatures=signatures)
