"""Augmentation of intensities: gamma, bias field, contrast and brightness."""

from __future__ import annotations

import numpy as np
import pytest
from augmented_slices import ALL, SIZE, apply, augmenter, noise, rectangle_masks

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")


def ramp(batch: int) -> np.ndarray:
    """Slices that rise from 0 to 255, the same in all channels."""
    return np.broadcast_to(np.linspace(0, 255, SIZE)[:, None], (batch, SIZE, SIZE, 3)).astype("float32")


def test_gamma_applies_one_power_per_slice_and_keeps_both_ends():
    images, masks = ramp(64), rectangle_masks(64)
    changed, same_masks = apply(augmenter(gamma=0.4), images, masks)
    assert np.array_equal(same_masks, masks)
    assert np.array_equal(changed[:, :, 0], images[:, :, 0])
    assert np.allclose(changed[:, :, -1], 255, atol=1e-3)
    power = np.log(changed[:, 0, 16, 0] / 255) / np.log(images[:, 0, 16, 0] / 255)
    expected = 255 * (images / 255) ** power[:, None, None, None]
    assert np.allclose(changed, expected, atol=0.02)
    assert np.exp(-0.4) - 1e-4 <= power.min() < 0.75
    assert 1.35 < power.max() <= np.exp(0.4) + 1e-4
    assert abs(np.median(np.log(power))) < 0.15


def test_bias_multiplies_each_slice_by_a_smooth_field_but_not_the_mask():
    images, masks = np.full((64, SIZE, SIZE, 3), 100, "float32"), rectangle_masks(64)
    images[..., 1:] = [50, 0]
    changed, same_masks = apply(augmenter(bias=0.5), images, masks)
    assert np.array_equal(same_masks, masks)
    assert np.allclose(changed[..., 1], changed[..., 0] / 2, atol=1e-3)
    assert not changed[..., 2].any()
    field = np.log(changed[..., 0] / 100)
    assert np.abs(field).max() <= 0.5 + 1e-4
    assert field.min() < -0.25
    assert field.max() > 0.25
    assert np.ptp(field, axis=(1, 2)).min() > 0.05  # uneven in every slice
    for axis in (1, 2):  # spans of 16 pixels; see the tests of smooth fields
        assert np.abs(np.diff(field, n=2, axis=axis)).max() < 4 * 0.5 / 16**2
    assert np.abs(np.diff(field[:, 0, 0])).min() > 0


def test_intensity_changes_contrast_and_brightness_but_not_the_mask():
    images = np.full((64, SIZE, SIZE, 3), 60, "uint8")
    images[:, ::2] = 160
    masks = rectangle_masks(64)
    changed, same_masks = apply(augmenter(intensity=0.2), images, masks)
    assert np.array_equal(same_masks, masks)
    dark, bright = changed[:, 1, 0, 0], changed[:, 0, 0, 0]
    gain = (bright - dark) / 100
    offset = dark - 60 * gain
    assert np.allclose(changed, images * gain[:, None, None, None] + offset[:, None, None, None], atol=1e-2)
    assert 0.1 < np.abs(gain - 1).max() <= 0.2 + 1e-4
    assert 6 < np.abs(offset).max() <= 255 * 0.2 / 4 + 1e-2
    assert abs(np.corrcoef(gain, offset)[0, 1]) < 0.5


def test_values_stay_between_0_and_255():
    moved, _ = apply(augmenter(**(ALL | {"intensity": 0.9})), noise(16))
    assert moved.min() == 0
    assert 254.9 < moved.max() <= 255
