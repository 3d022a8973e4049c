from __future__ import annotations

import keras
import numpy as np
import pytest

from models.augment import AugmentedModel, Augmenter

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")

OFF = {"flip": False, "rotate": 0.0, "zoom": 0.0, "shift": 0.0, "intensity": 0.0}
MOVES = {"flip": True, "rotate": 15.0, "zoom": 0.1, "shift": 0.1, "intensity": 0.0}
SIZE = 33  # odd, so that a pixel is the centre
CENTRE = 16


def augmenter(seed: int = 1, **settings: object) -> Augmenter:
    return Augmenter(**(OFF | settings), seed=seed)


def noise(batch: int, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (batch, size, size, 3)).astype("uint8")


def squares(batch: int) -> np.ndarray:
    """Masks with a rectangle left of the middle, so that no flip or shift gives them back."""
    masks = np.zeros((batch, SIZE, SIZE, 1), "float32")
    masks[:, 8:20, 7:15] = 1
    return masks


def apply(augment: Augmenter, images: np.ndarray, masks: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    images, masks = augment(images, masks)
    return keras.ops.convert_to_numpy(images), masks if masks is None else keras.ops.convert_to_numpy(masks)


def spot_offsets(augment: Augmenter, batch: int = 64) -> np.ndarray:
    """Where a bright spot ten pixels right of the centre goes: [batch, (down, right)], pixels from the centre."""
    images = np.zeros((batch, SIZE, SIZE, 3), "float32")
    images[:, CENTRE - 1 : CENTRE + 2, CENTRE + 9 : CENTRE + 12] = 100
    moved, _ = apply(augment, images)
    weight = moved[..., 0] / moved[..., 0].sum(axis=(1, 2), keepdims=True)
    axis = np.arange(SIZE) - CENTRE
    return np.stack([(weight.sum(axis=2) * axis).sum(axis=1), (weight.sum(axis=1) * axis).sum(axis=1)], axis=1)


def test_slice_and_mask_get_the_same_transform():
    masks = squares(32)
    images = np.repeat(255 * masks, 3, axis=-1).astype("uint8")
    moved, moved_masks = apply(augmenter(**MOVES), images, masks)
    assert moved_masks.shape == masks.shape
    assert set(np.unique(moved_masks)) == {0.0, 1.0}
    differs = (moved[..., :1] >= 127.5) != (moved_masks == 1)
    assert differs.mean(axis=(1, 2, 3)).max() < 0.002  # a pixel or two of rounding at the border
    changed = (moved_masks != masks).mean(axis=(1, 2, 3))
    assert (changed > 0.02).sum() > 24
    assert moved_masks.sum(axis=(1, 2, 3)).min() > 0.7 * masks[0].sum()


def test_every_slice_of_a_batch_and_every_batch_is_drawn_anew():
    augment = augmenter(**MOVES)
    images = np.repeat(noise(1), 4, axis=0)
    first, second = apply(augment, images)[0], apply(augment, images)[0]
    pictures = [*first, *second]
    for index, picture in enumerate(pictures):
        assert all(np.abs(picture - other).mean() > 1 for other in pictures[:index])


def test_settings_of_zero_change_nothing():
    images, masks = noise(4), squares(4)
    moved, moved_masks = apply(augmenter(), images, masks)
    assert moved.dtype == moved_masks.dtype == np.float32
    assert np.allclose(moved, images, atol=1e-3)
    assert np.array_equal(moved_masks, masks)


@pytest.mark.parametrize("size", [32, 33])
def test_flip_alone_gives_the_slice_or_its_exact_mirror_in_about_half_of_the_slices(size):
    images = noise(64, size)
    masks = (images[..., :1] > 127).astype("float32")
    moved, moved_masks = apply(augmenter(flip=True), images, masks)
    kept = np.abs(moved - images).max(axis=(1, 2, 3)) < 1e-3
    mirrored = np.abs(moved - images[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-3
    assert (kept ^ mirrored).all()
    assert 16 < mirrored.sum() < 48
    assert np.array_equal(moved_masks, np.where(mirrored[:, None, None, None], masks[:, :, ::-1], masks))


def test_rotation_turns_about_the_centre_up_to_its_reach_either_way():
    down, right = spot_offsets(augmenter(rotate=20.0)).T
    assert np.hypot(down, right) == pytest.approx(10, abs=0.2)
    degrees = np.degrees(np.arctan2(down, right))
    assert np.abs(degrees).max() <= 20.5
    assert degrees.min() < -12
    assert degrees.max() > 12


def test_zoom_keeps_the_centre_and_stays_within_its_reach():
    down, right = spot_offsets(augmenter(zoom=0.2)).T
    assert down == pytest.approx(0, abs=0.05)
    assert right.min() > 10 / 1.2 - 0.3
    assert right.max() < 10 / 0.8 + 0.3
    assert right.min() < 9
    assert right.max() > 11


def test_shift_moves_both_axes_up_to_its_share_of_the_side():
    moved = spot_offsets(augmenter(shift=0.1)) - [0, 10]
    assert np.abs(moved).max() <= 0.1 * SIZE + 0.05
    assert (moved.min(axis=0) < -1.5).all()
    assert (moved.max(axis=0) > 1.5).all()
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.5


def test_turning_flipping_and_zooming_together_keep_angles_and_proportions():
    augment = augmenter(**(MOVES | {"rotate": 40.0}))
    a, b, _, c, d, *_ = keras.ops.convert_to_numpy(augment.transforms(64, SIZE)).T
    area = a * d - b * c
    assert np.allclose(a * b + c * d, 0, atol=1e-5)
    assert np.allclose(a**2 + c**2, np.abs(area), atol=1e-5)
    assert np.allclose(b**2 + d**2, np.abs(area), atol=1e-5)
    assert np.abs(np.sqrt(np.abs(area)) - 1).max() <= 0.1 + 1e-5
    assert 16 < (area < 0).sum() < 48


def test_intensity_changes_contrast_and_brightness_of_the_slice_and_never_the_mask():
    images = np.full((64, SIZE, SIZE, 3), 60, "uint8")
    images[:, ::2] = 160
    masks = squares(64)
    changed, same_masks = apply(augmenter(intensity=0.2), images, masks)
    assert np.array_equal(same_masks, masks)
    dark, bright = changed[:, 1, 0, 0], changed[:, 0, 0, 0]
    gain = (bright - dark) / 100
    offset = dark - 60 * gain
    assert np.allclose(changed, images * gain[:, None, None, None] + offset[:, None, None, None], atol=1e-2)
    assert 0.1 < np.abs(gain - 1).max() <= 0.2 + 1e-4
    assert 6 < np.abs(offset).max() <= 255 * 0.2 / 4 + 1e-2
    assert abs(np.corrcoef(gain, offset)[0, 1]) < 0.5


def test_values_stay_in_0_to_255():
    moved, _ = apply(augmenter(**(MOVES | {"intensity": 0.9})), noise(16))
    assert moved.min() == 0
    assert moved.max() == 255


def test_a_batch_without_masks_gets_the_same_pictures_and_no_masks():
    with_masks, _ = apply(augmenter(**MOVES), noise(4), squares(4))
    alone, masks = apply(augmenter(**MOVES), noise(4))
    assert masks is None
    assert np.allclose(alone, with_masks, atol=1e-3)


def test_a_seed_repeats_what_is_drawn_and_another_seed_does_not():
    def drawn(seed: int) -> np.ndarray:
        augment = augmenter(seed, **(MOVES | {"intensity": 0.1}))
        return np.stack([apply(augment, noise(4))[0] for _ in range(2)])

    assert np.array_equal(drawn(3), drawn(3))
    assert not np.allclose(drawn(3), drawn(4), atol=1)


def channel_reader() -> keras.Model:
    """A network that gives the first channel, 0..1, and learns nothing at a learning rate of 0."""
    slices = keras.Input((SIZE, SIZE, 3))
    layer = keras.layers.Conv2D(1, 1)
    network = keras.Model(slices, layer(slices), name="reader")
    layer.set_weights([np.array([1 / 255, 0, 0]).reshape(1, 1, 3, 1), np.zeros(1)])
    return network


@pytest.mark.parametrize(("with_masks", "low", "high"), [(True, 0.001, 0.03), (False, 0.05, 0.3)])
def test_fit_moves_the_slices_and_their_masks_alike_and_other_targets_not_at_all(with_masks, low, high):
    masks = squares(32)
    images = np.repeat(255 * masks, 3, axis=-1)
    model = AugmentedModel(channel_reader(), augmenter(**MOVES), with_masks=with_masks)
    model.compile(keras.optimizers.SGD(0.0), loss="mae")
    history = model.fit(images, masks, batch_size=32, epochs=1, verbose=0).history
    assert low < history["loss"][0] < high
    assert model.evaluate(images, masks, verbose=0) < 1e-6


@pytest.mark.parametrize("with_masks", [True, False])
def test_fit_trains_the_network_and_evaluation_and_prediction_are_not_augmented(with_masks):
    slices = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(2, 3, padding="same")(slices / 127.5 - 1)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(1, 1, activation="sigmoid")(x)
    network = keras.Model(slices, x if with_masks else keras.layers.GlobalMaxPooling2D()(x), name="tiny")
    targets = squares(8) if with_masks else np.array([[0.0], [1.0]] * 4)
    images = noise(8)
    model = AugmentedModel(network, augmenter(**(MOVES | {"intensity": 0.2})), with_masks=with_masks)
    model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["mae"])
    before = [variable.numpy() for variable in network.trainable_variables]
    history = model.fit(images, targets, batch_size=4, epochs=2, verbose=0, validation_data=(images, targets)).history
    assert np.isfinite(history["loss"]).all()
    for variable, old in zip(network.trainable_variables, before, strict=True):
        assert not np.array_equal(variable, old)
    expected = network.predict(images, verbose=0)
    drawn = keras.ops.convert_to_numpy(model.augmenter_seeds.state).copy()
    assert np.allclose(model.predict(images, verbose=0), expected, atol=1e-6)
    measured = model.evaluate(images, targets, return_dict=True, verbose=0)
    entropy = float(np.mean(keras.losses.binary_crossentropy(targets, expected)))
    assert measured["loss"] == pytest.approx(entropy, abs=1e-5)
    assert measured["mae"] == pytest.approx(np.abs(targets - expected).mean(), abs=1e-5)
    assert np.array_equal(model.augmenter_seeds.state, drawn)


def test_training_draws_new_transforms_in_every_step():
    model = AugmentedModel(channel_reader(), augmenter(**MOVES), with_masks=False)
    model.compile(keras.optimizers.SGD(0.0), loss="mae")
    images = np.repeat(255 * squares(4), 3, axis=-1)
    costs = model.fit(images, squares(4), batch_size=4, epochs=3, verbose=0).history["loss"]
    assert len(set(costs)) == 3
