"""Slices and masks to augment, and a seeded augmenter."""

from __future__ import annotations

import keras
import numpy as np

from models.networks.augment import Augmenter

MOVES = {"flip": True, "rotate": 15.0, "zoom": 0.1, "shift": 0.1}
ALL = MOVES | {"elastic": 0.08, "intensity": 0.2, "gamma": 0.3, "bias": 0.3}
SIZE = 33  # odd, so that one pixel is the centre


def augmenter(seed: int = 1, **settings: object) -> Augmenter:
    return Augmenter(**settings, seed=seed)


def noise(batch: int, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (batch, size, size, 3)).astype("uint8")


def rectangle_masks(batch: int) -> np.ndarray:
    """Masks with an off-centre rectangle, so that every flip and shift changes them."""
    masks = np.zeros((batch, SIZE, SIZE, 1), "float32")
    masks[:, 8:20, 7:15] = 1
    return masks


def apply(augment: Augmenter, images: np.ndarray, masks: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    images, masks = augment(images, masks)
    return keras.ops.convert_to_numpy(images), masks if masks is None else keras.ops.convert_to_numpy(masks)
