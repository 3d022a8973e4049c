"""Slices and masks resized to a network's grid and back, and the scaling of their values."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from models.networks import preprocessing
from models.networks.zoo import scaling


def noise(height: int, width: int, batch: int = 2) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (batch, height, width, 3)).astype("uint8")


def pillow_resize(images: np.ndarray, size: int) -> np.ndarray:
    """Pillow's antialiased bilinear resize, channel by channel, unrounded."""

    def shrink(plane: np.ndarray) -> np.ndarray:
        image_plane = Image.fromarray(plane.astype("float32"))
        return np.asarray(image_plane.resize((size, size), Image.Resampling.BILINEAR))

    return np.stack([np.stack([shrink(image[..., c]) for c in range(3)], axis=-1) for image in images])


@pytest.mark.parametrize(("height", "width"), [(64, 64), (45, 70), (20, 12), (96, 24)])
def test_to_grid_gives_whole_numbers_close_to_pillows_resize(height, width):
    images = noise(height, width)
    grid = keras.ops.convert_to_numpy(preprocessing.to_grid(images, 32))
    assert grid.shape == (2, 32, 32, 3)
    assert grid.dtype == np.float32
    assert np.array_equal(grid, np.round(grid))
    assert grid.min() >= 0
    assert grid.max() <= 255
    assert np.abs(grid - pillow_resize(images, 32)).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_to_grid_changes_nothing_at_the_same_size(dtype):
    images = noise(32, 32).astype(dtype)
    assert np.array_equal(preprocessing.to_grid(images, 32), images.astype("float32"))


def test_to_grid_changes_nothing_at_the_same_size_with_dynamic_shapes():
    images = noise(32, 32)
    unknown = tf.TensorSpec([None, None, None, 3], tf.uint8)
    graph = tf.function(lambda x: preprocessing.to_grid(x, 32), input_signature=[unknown])
    assert np.array_equal(graph(images), images.astype("float32"))


@pytest.mark.parametrize("shape", [(32, 32), (50, 41), (16, 20)])
def test_caching_the_grid_as_uint8_is_lossless(shape):
    grid = preprocessing.to_grid(noise(*shape), 32)
    cache = keras.ops.cast(grid, "uint8")
    assert np.array_equal(preprocessing.to_grid(cache, 32), grid)


def test_to_grid_uses_every_pixel_of_a_larger_slice():
    thin = np.zeros((1, 128, 128, 3), "uint8")
    thin[:, :, ::4] = 200  # sampling every fourth column without a low-pass filter would miss all of these
    grid = keras.ops.convert_to_numpy(preprocessing.to_grid(thin, 32))
    assert np.abs(grid[:, :, 1:-1] - 50).max() <= 1


@pytest.mark.parametrize("size", [20, 32, 64])
def test_mask_to_grid_keeps_empty_and_full_masks_and_the_area_of_others(size):
    masks = np.zeros((3, 40, 48, 1), "uint8")
    masks[1] = 1
    masks[2, 10:30, 12:36] = 1
    grid = keras.ops.convert_to_numpy(preprocessing.mask_to_grid(masks, size))
    assert grid.shape == (3, size, size, 1)
    assert grid.dtype == np.float32
    assert not grid[0].any()
    assert (grid[1] == 1).all()
    assert 0 <= grid[2].min() < grid[2].max() <= 1
    assert grid[2].mean() == pytest.approx(masks[2].mean(), abs=0.005)


def test_mask_to_grid_gives_the_tumour_share_of_each_pixel():
    masks = np.zeros((3, 32, 32, 1), "uint8")
    masks[0, :, :11] = 1  # covers a little less than half of the second of four pixels, columns 8 to 15
    masks[1, :, :12] = 1  # exactly half
    masks[2, :, :13] = 1  # a little more than half
    grid = keras.ops.convert_to_numpy(preprocessing.mask_to_grid(masks, 4))[:, 1, :, 0]
    assert (grid >= 0.5).tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, False, False],
    ]
    assert grid[0, 1] < 0.5 < grid[2, 1]
    assert grid[0, 1] > 0
    assert grid[2, 1] < 1


def test_caching_mask_shares_as_uint8_is_lossless():
    masks = np.random.default_rng(5).integers(0, 2, (2, 40, 48, 1)).astype("uint8")
    grid = keras.ops.convert_to_numpy(preprocessing.mask_to_grid(masks, 32))
    cache = np.rint(255 * grid).astype("uint8")
    assert np.array_equal(cache.astype("float32") / 255, grid)
    assert len(np.unique(cache)) > 20


def test_mask_to_grid_changes_nothing_at_the_same_size():
    masks = np.random.default_rng(5).integers(0, 2, (2, 32, 32, 1)).astype("uint8")
    assert np.array_equal(preprocessing.mask_to_grid(masks, 32), masks.astype("float32"))


@pytest.mark.parametrize(("height", "width"), [(40, 48), (32, 32), (20, 64)])
def test_from_grid_gives_float32_maps_of_the_original_size(height, width):
    maps = np.random.default_rng(5).uniform(size=(2, 32, 32, 1)).astype("float32")
    maps[1] = 0.25
    back = preprocessing.from_grid(keras.ops.cast(maps, "bfloat16"), height, width)
    assert keras.ops.dtype(back) == "float32"
    back = keras.ops.convert_to_numpy(back)
    assert back.shape == (2, height, width, 1)
    assert back.min() >= 0
    assert back.max() <= 1
    assert np.allclose(back[1], 0.25)
    expected = tf.image.resize(tf.cast(tf.cast(maps, tf.bfloat16), tf.float32), (height, width))
    assert np.allclose(back, expected, atol=1e-6)


def test_unit_scales_0_to_255_to_minus_1_to_1():
    assert np.allclose(preprocessing.unit(np.array([0.0, 127.5, 255.0])), [-1, 0, 1])


def test_standardise_gives_every_slice_and_channel_zero_mean_and_unit_variance():
    images = noise(20, 24).astype("float32") * np.linspace(0.1, 1, 6).reshape(2, 1, 1, 3)
    images[1, ..., 2] = 90  # a missing modality is constant
    standard = keras.ops.convert_to_numpy(preprocessing.standardise(images))
    mean, deviation = standard.mean(axis=(1, 2)), standard.std(axis=(1, 2))
    assert np.abs(mean).max() < 1e-4
    assert np.allclose(deviation, [[1, 1, 1], [1, 1, 0]], atol=1e-4)
    assert np.abs(standard[1, ..., 2]).max() < 1e-4
    single = keras.ops.convert_to_numpy(preprocessing.standardise(images[:1]))
    assert np.allclose(single, standard[:1], atol=1e-5)  # does not depend on the rest of the batch


def test_standardise_removes_brightness_and_contrast():
    images = noise(20, 24).astype("float32")
    assert np.allclose(preprocessing.standardise(images), preprocessing.standardise(0.4 * images + 30), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("ResNet50", keras.applications.resnet),
        ("MobileNet", keras.applications.mobilenet),
        ("EfficientNetB0", keras.applications.efficientnet),
        ("VGG16", keras.applications.vgg16),
        ("DenseNet121", keras.applications.densenet),
        ("MobileNetV3Small", keras.applications.mobilenet_v3),
    ],
)
def test_backbone_scaling_equals_that_of_keras(name, module):
    images = noise(8, 8).astype("float32")
    scaled = scaling(name)(images.copy())
    assert np.array_equal(scaled, module.preprocess_input(images.copy()))


def test_backbone_scaling_follows_the_papers():
    pixel = np.array([[[[10.0, 100.0, 200.0]]]], "float32")
    caffe = scaling("ResNet50")(pixel.copy())
    assert np.allclose(caffe, [[[[200 - 103.939, 100 - 116.779, 10 - 123.68]]]], atol=1e-4)
    tensorflow = scaling("MobileNet")(pixel.copy())
    assert np.allclose(tensorflow, pixel / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("name", ["ResNet51", "resnet50", ""])
def test_scaling_for_an_unknown_backbone_is_refused(name):
    with pytest.raises(ValueError, match=f"no backbone '{name}'.*ResNet50"):
        scaling(name)
