"""Augmentation of a batch on the device, inside the training step: the same transform for a slice and its mask."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from models.networks import warp

# Spans of the smooth fields across the side. Four bend a brain without wrinkling it; the bias field of a receive coil
# is smoother than that.
ELASTIC_SPANS = 4
BIAS_SPANS = 2


class Augmenter:
    """Random geometry and intensity, drawn anew for every slice of a batch; 0 or False disables a transform.

    All channels of a slice, and its neighbours, change alike, because they are one scan. All randomness comes from the
    variable `seeds.state`; restoring it repeats the same draws.

    Args:
        flip: whether to mirror left and right in half of the slices.
        rotate: maximum angle either way, degrees.
        zoom: maximum change in size, as a fraction.
        shift: maximum shift along either axis, as a fraction of the side length.
        elastic: maximum displacement of a pixel along either axis by smooth bending, as a fraction of the side length.
            Below 0.12 nothing folds over (Choi and Lee 2000: 0.48 of the control points' distance). B-splines: Rueckert
            et al. 1999.
        intensity: maximum change of contrast, as a fraction; brightness changes by up to a quarter of it.
        gamma: range of the exponent of intensities 0..1, exp(-gamma) to exp(gamma).
        bias: range of a smooth multiplicative field, exp(-bias) to exp(bias), like an MRI coil's uneven sensitivity.
        blur: largest weight, 0..1, of a copy blurred by 1.2 pixels, like a coarser scanner's image.
        missing: probability that FLAIR replaces pre and, drawn independently, post, as if that sequence were missing.
        soft: whether a mask keeps the tumour fraction of each pixel; else pixels of half or more become tumour.
        seed: seed of the random numbers.
    """

    def __init__(
        self,
        *,
        flip: bool = False,
        rotate: float = 0.0,
        zoom: float = 0.0,
        shift: float = 0.0,
        elastic: float = 0.0,
        intensity: float = 0.0,
        gamma: float = 0.0,
        bias: float = 0.0,
        blur: float = 0.0,
        missing: float = 0.0,
        soft: bool = False,
        seed: int | None = None,
    ) -> None:
        self.flip, self.rotate, self.zoom, self.shift, self.elastic = flip, rotate, zoom, shift, elastic
        self.intensity, self.gamma, self.bias = intensity, gamma, bias
        self.blur, self.missing, self.soft = blur, missing, soft
        self.seeds = keras.random.SeedGenerator(seed)

    def _uniform(self, count: Any, limit: float) -> Any:
        return keras.random.uniform((count,), -limit, limit, dtype="float32", seed=self.seeds)

    def _smooth(self, count: Any, size: int, fields: int, spans: int, limit: float) -> Any:
        """Smooth random fields [count, size, size, fields] within +-`limit`."""
        shape = (count, spans + 3, spans + 3, fields)
        return warp.smooth_field(keras.random.uniform(shape, -limit, limit, dtype="float32", seed=self.seeds), size)

    def sampling_grid(self, count: Any, size: int) -> tuple[Any, Any]:
        """Draw the source of each pixel: rows and columns in the old image, float32 [count, size, size] each."""
        rows, columns = warp.affine_grid(
            angle=self._uniform(count, self.rotate * math.pi / 180),
            scale=1.0 + self._uniform(count, self.zoom),
            mirror=ops.where(self._uniform(count, 1.0) < 0, -1.0, 1.0) if self.flip else ops.ones((count,)),
            right=self._uniform(count, self.shift * size),
            down=self._uniform(count, self.shift * size),
            size=size,
        )
        if self.elastic:
            bend = self._smooth(count, size, 2, ELASTIC_SPANS, self.elastic * size)
            rows, columns = rows + bend[..., 0], columns + bend[..., 1]
        return rows, columns

    def _degrade(self, images: Any) -> Any:
        """Blur slices, and replace sequences as if they were missing."""
        count, size, channels = ops.shape(images)[0], images.shape[1], images.shape[-1]
        if self.missing:
            slices = ops.reshape(images, (-1, size, size, channels // 3, 3))
            pre, flair, post = (slices[..., at : at + 1] for at in range(3))
            lost = [ops.reshape(self._uniform(count, 1.0), (-1, 1, 1, 1, 1)) < 2 * self.missing - 1 for _ in range(2)]
            slices = ops.concatenate([ops.where(lost[0], flair, pre), flair, ops.where(lost[1], flair, post)], axis=-1)
            images = ops.reshape(slices, (-1, size, size, channels))
        if self.blur:
            smooth = images
            for _ in range(2):
                smooth = ops.average_pool(smooth, 3, strides=1, padding="same")
            weight = ops.reshape(ops.maximum(self._uniform(count, self.blur), 0.0), (-1, 1, 1, 1))
            images = images + weight * (smooth - images)
        return images

    def _change_intensity(self, images: Any) -> Any:
        """Change intensities, 0..255."""
        count, size = ops.shape(images)[0], images.shape[1]
        if self.bias:
            images = images * ops.exp(self._smooth(count, size, 1, BIAS_SPANS, self.bias))
        if self.intensity:
            gain, offset = 1.0 + self._uniform(count, self.intensity), 255.0 * self._uniform(count, self.intensity / 4)
            images = images * ops.reshape(gain, (-1, 1, 1, 1)) + ops.reshape(offset, (-1, 1, 1, 1))
        images = ops.clip(images, 0.0, 255.0)
        if self.gamma:
            exponent = ops.reshape(ops.exp(self._uniform(count, self.gamma)), (-1, 1, 1, 1))
            # x ** e as exp(e log x), which CPUs vectorise: several times faster.
            bent = ops.exp(exponent * ops.log(ops.maximum(images, 1e-12) / 255.0))
            images = ops.where(images > 0.0, 255.0 * bent, 0.0)
        return images

    def __call__(self, images: Any, masks: Any = None) -> tuple[Any, Any]:
        """Transform a batch.

        Args:
            images: [batch, size, size, channels], 0..255, any number of channels.
            masks: [batch, size, size, 1], 0..1; None if there are none.

        Returns:
            images, float32 in 0..255, and masks, float32, {0, 1} or, if soft, 0..1; or None.
        """
        images = ops.cast(images, "float32")
        masks = None if masks is None else ops.cast(masks, "float32")
        if self.flip or self.rotate or self.zoom or self.shift or self.elastic:
            grid = self.sampling_grid(ops.shape(images)[0], images.shape[1])
            if masks is None:
                images = warp.sample(images, *grid)
            else:  # one look-up for both, and for all geometry, so that nothing is blurred twice
                moved = warp.sample(ops.concatenate([images, masks], axis=-1), *grid)
                images, masks = moved[..., :-1], moved[..., -1:]
                if not self.soft:
                    masks = ops.cast(masks >= 0.5, "float32")
        if self.missing or self.blur:
            images = self._degrade(images)
        if self.bias or self.intensity or self.gamma:
            images = self._change_intensity(images)
        return images, masks
