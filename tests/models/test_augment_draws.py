"""Random numbers of augmentation: new in every batch, and reproducible from the seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from augmented_slices import ALL, MOVES, SIZE, apply, augmenter, noise, rectangle_masks

from models.networks.augment import Augmenter

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")


def test_every_slice_of_every_batch_gets_a_new_transform():
    augment = augmenter(**MOVES)
    images = np.repeat(noise(1), 4, axis=0)
    first, second = apply(augment, images)[0], apply(augment, images)[0]
    outputs = [*first, *second]
    for index, output in enumerate(outputs):
        assert all(np.abs(output - other).mean() > 1 for other in outputs[:index])


def test_the_same_seed_repeats_the_transforms_and_another_does_not():
    def augmented(seed: int) -> np.ndarray:
        augment = augmenter(seed, **ALL)
        return np.stack([apply(augment, noise(4))[0] for _ in range(2)])

    assert np.array_equal(augmented(3), augmented(3))
    assert not np.allclose(augmented(3), augmented(4), atol=1)


def test_restoring_the_seed_state_repeats_the_transforms():
    first, second = augmenter(3, **ALL), augmenter(4, **ALL)
    apply(first, noise(4), rectangle_masks(4))
    second.seeds.state.assign(first.seeds.state)
    for one, other in zip(
        apply(first, noise(4), rectangle_masks(4)), apply(second, noise(4), rectangle_masks(4)), strict=True
    ):
        assert np.array_equal(one, other)


def compiled(augment: Augmenter, *, xla: bool) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    signature = [tf.TensorSpec([None, SIZE, SIZE, channels]) for channels in (3, 1)]
    return tf.function(augment, input_signature=signature, jit_compile=xla)


def test_a_compiled_step_draws_the_same_as_an_eager_one():
    eager, step = augmenter(3, **ALL), compiled(augmenter(3, **ALL), xla=False)
    for batch in (4, 2):
        images, masks = noise(batch).astype("float32"), rectangle_masks(batch)
        expected, expected_masks = apply(eager, images, masks)
        moved, moved_masks = step(images, masks)
        assert np.allclose(moved, expected, atol=0.05)
        assert np.mean(moved_masks != expected_masks) < 0.001


def test_xla_compiles_all_transforms_with_its_own_random_numbers():
    masks = rectangle_masks(16)
    images = np.repeat(255 * masks, 3, axis=-1)
    steps = [compiled(augmenter(3, **MOVES, elastic=0.1), xla=True) for _ in range(2)]
    (moved, moved_masks), again = (step(images, masks) for step in steps)
    assert np.array_equal(moved, again[0])
    assert np.array_equal(moved[..., :1].numpy() >= 127.5, moved_masks == 1)
    assert (np.mean(moved_masks != masks, axis=(1, 2, 3)) > 0.01).sum() > 10
    shaded, _ = compiled(augmenter(3, **ALL), xla=True)(images, masks)
    assert 200 < np.max(shaded) <= 255
