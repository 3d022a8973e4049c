from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import warp
from models.augment import AugmentedModel, Augmenter

pytest_plugins = ["tiny_networks"]
pytestmark = pytest.mark.usefixtures("seeded")

MOVES = {"flip": True, "rotate": 15.0, "zoom": 0.1, "shift": 0.1}
ALL = MOVES | {"elastic": 0.08, "intensity": 0.2, "gamma": 0.3, "bias": 0.3}
SIZE = 33  # odd, so that a pixel is the centre
CENTRE = 16


def augmenter(seed: int = 1, **settings: object) -> Augmenter:
    return Augmenter(**settings, seed=seed)


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


@pytest.mark.parametrize("settings", [{name: reach} for name, reach in MOVES.items()] + [{"elastic": 0.1}, MOVES, ALL])
def test_slice_and_mask_get_the_same_transform(settings):
    masks = squares(32)
    images = np.repeat(255 * masks, 3, axis=-1).astype("uint8")
    geometry = {name: reach for name, reach in settings.items() if name not in ("intensity", "gamma", "bias")}
    moved, moved_masks = apply(augmenter(**geometry), images, masks)
    assert moved_masks.shape == masks.shape
    assert moved_masks.dtype == np.float32
    assert set(np.unique(moved_masks)) == {0.0, 1.0}
    assert np.array_equal(moved[..., :1] >= 127.5, moved_masks == 1)
    assert (np.ptp(moved, axis=-1) < 1e-3).all()
    changed = (moved_masks != masks).mean(axis=(1, 2, 3))
    assert (changed > 0.01).sum() > 10
    assert moved_masks.sum(axis=(1, 2, 3)).min() > 0.6 * masks[0].sum()
    if geometry != settings:  # intensities have no say in where the mask goes
        assert np.array_equal(apply(augmenter(**settings), images, masks)[1], moved_masks)


def test_all_neighbouring_slices_of_a_scan_change_alike():
    one = noise(4)
    neighbours = np.concatenate([one, one // 2 + 40, one], axis=-1)
    wide, wide_masks = apply(augmenter(**ALL), neighbours, squares(4))
    plain, plain_masks = apply(augmenter(**ALL), one, squares(4))
    assert wide.shape == (4, SIZE, SIZE, 9)
    assert np.allclose(wide[..., :3], plain, atol=1e-3)
    assert np.allclose(wide[..., 6:], plain, atol=1e-3)
    assert np.array_equal(wide_masks, plain_masks)


def test_every_slice_of_a_batch_and_every_batch_is_drawn_anew():
    augment = augmenter(**MOVES)
    images = np.repeat(noise(1), 4, axis=0)
    first, second = apply(augment, images)[0], apply(augment, images)[0]
    pictures = [*first, *second]
    for index, picture in enumerate(pictures):
        assert all(np.abs(picture - other).mean() > 1 for other in pictures[:index])


def test_settings_of_zero_change_no_bit_and_draw_and_look_up_nothing(monkeypatch):
    monkeypatch.setattr(warp, "sample", None)
    images, masks = noise(4), squares(4)
    augment = augmenter()
    state = keras.ops.convert_to_numpy(augment.seeds.state).copy()
    moved, moved_masks = apply(augment, images, masks)
    assert moved.dtype == moved_masks.dtype == np.float32
    assert np.array_equal(moved, images)
    assert np.array_equal(moved_masks, masks)
    assert np.array_equal(augment.seeds.state, state)
    shaded, _ = apply(augmenter(gamma=0.5, bias=0.5, intensity=0.5), images, masks)  # and moves nothing
    assert not np.allclose(shaded, images, atol=10)


def test_what_is_0_costs_nothing_beside_what_is_not(monkeypatch):
    monkeypatch.setattr(warp, "smooth_field", None)
    apply(augmenter(**MOVES, intensity=0.2, gamma=0.3), noise(2), squares(2))
    monkeypatch.undo()
    monkeypatch.setattr(keras.ops, "power", None)
    apply(augmenter(**(ALL | {"gamma": 0.0})), noise(2), squares(2))
    augment = augmenter(gamma=0.3)
    state = keras.ops.convert_to_numpy(augment.seeds.state).copy()
    monkeypatch.undo()
    apply(augment, noise(2), squares(2))
    assert (keras.ops.convert_to_numpy(augment.seeds.state) - state).sum() == 1  # one draw


@pytest.mark.parametrize("name", ["elastic", "gamma", "bias"])
def test_next_to_nothing_changes_next_to_nothing(name):
    images, masks = noise(4), squares(4)
    moved, moved_masks = apply(augmenter(**{name: 1e-6}), images, masks)
    assert np.allclose(moved, images, atol=0.1)
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


def places(augment: Augmenter, batch: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = augment.places(batch, size)
    return keras.ops.convert_to_numpy(rows), keras.ops.convert_to_numpy(columns)


def test_turning_flipping_and_zooming_together_keep_angles_and_proportions():
    rows, columns = places(augmenter(**(MOVES | {"rotate": 40.0})), 64)
    a, c = columns[:, 0, 1] - columns[:, 0, 0], rows[:, 0, 1] - rows[:, 0, 0]  # one pixel to the right
    b, d = columns[:, 1, 0] - columns[:, 0, 0], rows[:, 1, 0] - rows[:, 0, 0]  # one pixel down
    area = a * d - b * c
    assert np.allclose(a * b + c * d, 0, atol=1e-4)
    assert np.allclose(a**2 + c**2, np.abs(area), atol=1e-4)
    assert np.allclose(b**2 + d**2, np.abs(area), atol=1e-4)
    assert np.abs(np.sqrt(np.abs(area)) - 1).max() <= 0.1 + 1e-4
    assert 16 < (area < 0).sum() < 48


@pytest.mark.parametrize("size", [33, 64])
def test_elastic_moves_every_pixel_by_no_more_than_its_share_of_the_side_and_folds_nothing(size):
    rows, columns = places(augmenter(elastic=0.1), 64, size)
    axis = np.arange(size)
    moves = np.stack([rows - axis[:, None], columns - axis])
    assert np.abs(moves).max() <= 0.1 * size + 1e-4
    assert np.abs(moves).max() > 0.06 * size
    assert np.abs(moves).max(axis=(2, 3)).min() > 0.01 * size  # every slice, both axes
    assert abs(np.corrcoef(moves.reshape(2, -1))[0, 1]) < 0.2
    down, right = np.diff(rows, axis=1)[:, :, :-1], np.diff(columns, axis=2)[:, :-1]
    area = down * right - np.diff(rows, axis=2)[:, :-1] * np.diff(columns, axis=1)[:, :, :-1]
    assert area.min() > 0


def test_elastic_is_added_to_the_other_moves_and_the_slice_is_looked_up_once(monkeypatch):
    looked_up = []
    sample = warp.sample
    monkeypatch.setattr(warp, "sample", lambda *arguments: looked_up.append(1) or sample(*arguments))
    still, bent = (apply(augmenter(**MOVES, elastic=elastic), noise(4), squares(4))[0] for elastic in (0.0, 0.1))
    assert len(looked_up) == 2
    assert np.abs(bent - still).mean() > 5
    for before, after in zip(places(augmenter(**MOVES), 8), places(augmenter(**MOVES, elastic=0.1), 8), strict=True):
        assert 0.03 * SIZE < np.abs(after - before).max() <= 0.1 * SIZE + 1e-4


def ramp(batch: int) -> np.ndarray:
    """Slices of 0 to 255 from left to right, the same in all channels."""
    return np.broadcast_to(np.linspace(0, 255, SIZE)[:, None], (batch, SIZE, SIZE, 3)).astype("float32")


def test_gamma_bends_the_scale_between_its_ends_by_one_power_a_slice():
    images, masks = ramp(64), squares(64)
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


def test_bias_multiplies_by_a_smooth_field_a_slice_and_leaves_the_mask_alone():
    images, masks = np.full((64, SIZE, SIZE, 3), 100, "float32"), squares(64)
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
    for axis in (1, 2):  # two spans of sixteen pixels, see the smooth fields' own test
        assert np.abs(np.diff(field, n=2, axis=axis)).max() < 4 * 0.5 / 16**2
    assert np.abs(np.diff(field[:, 0, 0])).min() > 0


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
    moved, _ = apply(augmenter(**(ALL | {"intensity": 0.9})), noise(16))
    assert moved.min() == 0
    assert 254.9 < moved.max() <= 255


def test_a_batch_without_masks_gets_the_same_pictures_and_no_masks():
    with_masks, _ = apply(augmenter(**MOVES), noise(4), squares(4))
    alone, masks = apply(augmenter(**MOVES), noise(4))
    assert masks is None
    assert np.allclose(alone, with_masks, atol=1e-3)


def test_a_seed_repeats_what_is_drawn_and_another_seed_does_not():
    def drawn(seed: int) -> np.ndarray:
        augment = augmenter(seed, **ALL)
        return np.stack([apply(augment, noise(4))[0] for _ in range(2)])

    assert np.array_equal(drawn(3), drawn(3))
    assert not np.allclose(drawn(3), drawn(4), atol=1)


def test_who_restores_the_state_of_the_seeds_draws_the_same_again():
    first, second = augmenter(3, **ALL), augmenter(4, **ALL)
    apply(first, noise(4), squares(4))
    second.seeds.state.assign(first.seeds.state)
    for one, other in zip(apply(first, noise(4), squares(4)), apply(second, noise(4), squares(4)), strict=True):
        assert np.array_equal(one, other)


def compiled(augment: Augmenter, *, xla: bool) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    signature = [tf.TensorSpec([None, SIZE, SIZE, channels]) for channels in (3, 1)]
    return tf.function(augment, input_signature=signature, jit_compile=xla)


def test_a_compiled_step_draws_what_an_eager_one_does():
    eager, step = augmenter(3, **ALL), compiled(augmenter(3, **ALL), xla=False)
    for batch in (4, 2):
        images, masks = noise(batch).astype("float32"), squares(batch)
        expected, expected_masks = apply(eager, images, masks)
        moved, moved_masks = step(images, masks)
        assert np.allclose(moved, expected, atol=0.05)
        assert np.mean(moved_masks != expected_masks) < 0.001


def test_xla_compiles_everything_although_its_random_numbers_are_others():
    masks = squares(16)
    images = np.repeat(255 * masks, 3, axis=-1)
    steps = [compiled(augmenter(3, **MOVES, elastic=0.1), xla=True) for _ in range(2)]
    (moved, moved_masks), again = (step(images, masks) for step in steps)
    assert np.array_equal(moved, again[0])
    assert np.array_equal(moved[..., :1].numpy() >= 127.5, moved_masks == 1)
    assert (np.mean(moved_masks != masks, axis=(1, 2, 3)) > 0.01).sum() > 10
    shaded, _ = compiled(augmenter(3, **ALL), xla=True)(images, masks)
    assert 200 < np.max(shaded) <= 255


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
    model = AugmentedModel(network, augmenter(**ALL), with_masks=with_masks)
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
