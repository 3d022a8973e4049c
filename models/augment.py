"""Augmentation of a batch on the device, inside the training step: the same transform for a slice and its mask."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


class Augmenter:
    """Random flip, small affine and intensity change, drawn anew for every slice of a batch.

    Args:
        flip: mirror left and right in half of the slices.
        rotate: up to so many degrees either way.
        zoom: up to this share larger or smaller.
        shift: up to this share of the side, either axis.
        intensity: contrast and brightness up to this share.
        seed: of the random numbers.
    """

    def __init__(
        self, *, flip: bool, rotate: float, zoom: float, shift: float, intensity: float, seed: int | None = None
    ) -> None:
        self.flip, self.rotate, self.zoom, self.shift, self.intensity = flip, rotate, zoom, shift, intensity
        self.seeds = keras.random.SeedGenerator(seed)

    def _uniform(self, count: Any, reach: float) -> Any:
        return keras.random.uniform((count,), -reach, reach, seed=self.seeds)

    def transforms(self, count: Any, size: int) -> Any:
        """Affine transforms [count, 8] as `keras.ops.image.affine_transform` takes them, about the picture's centre."""
        angle = self._uniform(count, self.rotate * math.pi / 180)
        scale = 1.0 + self._uniform(count, self.zoom)
        mirror = ops.sign(self._uniform(count, 1.0)) if self.flip else ops.ones((count,))
        mirror = ops.where(mirror == 0, 1.0, mirror)
        cos, sin = ops.cos(angle) * scale, ops.sin(angle) * scale
        middle = (size - 1) / 2
        a, b, c, d = cos * mirror, -sin, sin * mirror, cos
        tx = middle - (a + b) * middle + self._uniform(count, self.shift * size)
        ty = middle - (c + d) * middle + self._uniform(count, self.shift * size)
        zero = ops.zeros_like(a)
        return ops.stack([a, b, tx, c, d, ty, zero, zero], axis=1)

    def __call__(self, images: Any, masks: Any = None) -> tuple[Any, Any]:
        """Transform a batch.

        Args:
            images: [batch, size, size, channels], 0..255.
            masks: [batch, size, size, 1], {0, 1}; None where there are none.

        Returns:
            images, float32 in 0..255, and masks, float32 {0, 1}, or None.
        """
        images = ops.cast(images, "float32")
        count, size, channels = ops.shape(images)[0], images.shape[1], images.shape[-1]
        both = images if masks is None else ops.concatenate([images, 255.0 * ops.cast(masks, "float32")], axis=-1)
        both = ops.image.affine_transform(both, self.transforms(count, size), interpolation="bilinear")
        images, moved = both[..., :channels], both[..., channels:]
        gain = ops.reshape(1.0 + self._uniform(count, self.intensity), (-1, 1, 1, 1))
        offset = ops.reshape(255.0 * self._uniform(count, self.intensity / 4), (-1, 1, 1, 1))
        images = ops.clip(images * gain + offset, 0.0, 255.0)
        return images, None if masks is None else ops.cast(moved >= 127.5, "float32")


class AugmentedModel(keras.Model):
    """A network that augments its batches while it trains, and nowhere else.

    Runs under the TensorFlow and the JAX backend: their `train_step` differ only in what comes before the batch.
    """

    def __init__(self, network: keras.Model, augmenter: Augmenter, *, with_masks: bool) -> None:
        super().__init__(name=f"augmented_{network.name}")
        self.network, self.augmenter, self.with_masks = network, augmenter, with_masks
        self.augmenter_seeds = augmenter.seeds  # tracked, so that its state travels through compiled steps

    def call(self, slices: Any, training: bool | None = None) -> Any:
        """Run the network."""
        return self.network(slices, training=training)

    def train_step(self, *args: Any) -> Any:
        """Augment, then do what Keras does."""
        *state, batch = args
        images, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        reference = targets if self.with_masks else None
        if state:
            # JAX hands over the values of all variables, which hold none of their own while a step is compiled.
            trainable, fixed, *others = state[0]
            with keras.StatelessScope(list(zip(self.non_trainable_variables, fixed, strict=True))) as scope:
                images, masks = self.augmenter(images, reference)
            fixed = [scope.get_current_value(variable) for variable in self.non_trainable_variables]
            state = [(trainable, fixed, *others)]
        else:
            images, masks = self.augmenter(images, reference)
        return super().train_step(*state, (images, masks if self.with_masks else targets, weights))
