"""Batch normalisation as fast as the backend allows."""

from __future__ import annotations

from typing import Any

import keras

# Keras' default, 0.99, averages batch statistics over hundreds of steps. In a run that short, validation would still
# use those of the photographs of the pre-training.
MOMENTUM = 0.9


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalisation with channels last, in one kernel when TensorFlow trains it.

    Keras 3 composes it of a dozen element-wise operations, each of which goes through memory; on CPUs that was half of
    a training step's time. Weights, their names and results are those of the layer it replaces (Ioffe and Szegedy 2015,
    arXiv 1502.03167).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise [batch, height, width, channels]; training uses, and averages, the batch's own statistics."""
        one_kernel = keras.backend.backend() == "tensorflow" and len(inputs.shape) == 4 and mask is None
        if not (training and self.trainable and one_kernel):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        channels = inputs.shape[-1:]
        scale = tf.ones(channels) if self.gamma is None else tf.cast(self.gamma, tf.float32)
        offset = tf.zeros(channels) if self.beta is None else tf.cast(self.beta, tf.float32)
        normalized, mean, variance = tf.compat.v1.nn.fused_batch_norm(inputs, scale, offset, epsilon=self.epsilon)
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        variance *= (count - 1.0) / tf.maximum(count, 2.0)  # the kernel's is unbiased, Keras tracks the biased one
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + tf.cast(value, average.dtype) * (1.0 - self.momentum))
        return normalized


def with_fast_normalization(network: keras.Model) -> keras.Model:
    """Copy a functional network, weights included, with every batch normalisation replaced by the fast one."""

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        if type(layer) is keras.layers.BatchNormalization:
            return BatchNormalization.from_config({**layer.get_config(), "momentum": MOMENTUM})
        return layer.__class__.from_config(layer.get_config())

    copy = keras.models.clone_model(network, clone_function=replaced)
    copy.set_weights(network.get_weights())
    return copy
