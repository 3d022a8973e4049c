"""The layered model's signatures for image files and for examples with masks."""

from __future__ import annotations

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from models.networks.resunet import resunet
from models.serving.layered_model import Layered

pytest_plugins = ["tiny_networks", "layered_fixtures"]
pytestmark = pytest.mark.xdist_group("layered")


def encode_image(image: np.ndarray, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.fromarray(image).save(data, kind)
    return data.getvalue()


def call_signature(saved, signature, **inputs):
    served = saved.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in served.items()}


def test_png_files_give_the_same_outputs_as_their_pixels(saved, slices):
    raw = call_signature(saved, "serving_default", slices=slices)
    served = call_signature(saved, "encoded", slices=[encode_image(one) for one in slices])
    assert set(served) == {"tumor_probability", "has_tumor", "mask_bytes"}
    assert np.allclose(served["tumor_probability"], raw["tumor_probability"], atol=1e-6)
    assert np.array_equal(served["has_tumor"], raw["has_tumor"])
    assert 0 < raw["mask"].mean() < 1
    for data, mask in zip(served["mask_bytes"], raw["mask"], strict=True):
        assert data.startswith(b"\x89PNG")
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), 255 * mask)


def test_jpeg_files_are_decoded_too(saved, slices):
    files = [encode_image(one, "JPEG") for one in slices]
    pixels = np.stack([tf.io.decode_jpeg(one).numpy() for one in files])
    raw, served = (
        call_signature(saved, "serving_default", slices=pixels),
        call_signature(saved, "encoded", slices=files),
    )
    assert np.allclose(served["tumor_probability"], raw["tumor_probability"], atol=1e-6)


@pytest.mark.parametrize("broken", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_an_undecodable_image_is_an_invalid_argument(saved, broken):
    with pytest.raises(tf.errors.InvalidArgumentError):
        call_signature(saved, "encoded", slices=[broken])


@pytest.mark.parametrize(
    "pixels",
    [np.full((40, 48, 3), 25_700, np.uint16), np.zeros((40, 48, 1), np.uint8), np.zeros((40, 48, 4), np.uint8)],
    ids=["16 bits", "grey", "transparent"],
)
def test_a_png_that_is_not_rgb_with_8_bits_is_an_invalid_argument(saved, pixels):
    with pytest.raises(tf.errors.InvalidArgumentError, match="a PNG has to be RGB, with 8 bits a colour"):
        call_signature(saved, "encoded", slices=[tf.io.encode_png(pixels).numpy()])


def test_a_grey_jpeg_is_an_invalid_argument(saved):
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not compatible with expected shape"):
        call_signature(saved, "encoded", slices=[encode_image(np.zeros((40, 48), np.uint8), "JPEG")])


def test_images_of_two_sizes_are_an_invalid_argument(saved, slices):
    with pytest.raises(tf.errors.InvalidArgumentError):
        call_signature(saved, "encoded", slices=[encode_image(slices[0]), encode_image(slices[1][:-1])])


def test_image_files_with_neighbours_keep_the_scan_order(slices):
    head = keras.layers.Dense(1, activation="sigmoid")
    keras.utils.set_random_seed(7)
    brightness = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), head])
    layered = Layered(brightness, resunet((4, 8), size=32, neighbors=1, norm="instance"), tumor_threshold=0.0)
    surrounding = [[0, 0, 1], [1, 2, 3], [3, 4, 4]]
    raw = layered.serve(tf.constant(np.stack([np.concatenate(slices[indices], axis=-1) for indices in surrounding])))
    served = layered.serve_encoded(tf.constant([[encode_image(slices[i]) for i in indices] for indices in surrounding]))
    masks = np.stack([tf.io.decode_png(one).numpy()[..., 0] for one in served["mask_bytes"]])
    assert 0 < raw["mask"].numpy().mean() < 1
    assert np.array_equal(masks, 255 * raw["mask"].numpy())


def test_evaluate_counts_the_pixels_of_the_served_masks(saved, slices, masks, serialized):
    raw = call_signature(saved, "serving_default", slices=slices)
    measured = call_signature(saved, "evaluate", examples=serialized)
    truth = masks[..., 0]
    expected = {
        "tumor_probability": raw["tumor_probability"],
        "intersection": (raw["mask"] * truth).sum(axis=(1, 2)),
        "predicted": raw["mask"].sum(axis=(1, 2)),
        "reference": truth.sum(axis=(1, 2)),
    }
    assert set(measured) == set(expected)
    assert 0 < expected["intersection"].sum() < expected["predicted"].sum()
    for name, value in expected.items():
        assert measured[name].shape == (5, 1)
        assert np.allclose(measured[name][:, 0], value, atol=1e-6), name
