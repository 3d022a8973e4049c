"""Slices are read back from tf.train.Example records as they were written."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models import examples

pytest_plugins = ["tiny_networks"]


def test_slices_and_masks_are_read_back_unchanged(slices, masks, serialized):
    images = examples.parse_images(serialized)
    assert images.dtype == tf.uint8
    assert np.array_equal(images, slices)
    found = examples.parse_masks(serialized)
    assert found.dtype == tf.uint8
    assert np.array_equal(found, masks)


def test_every_feature_is_read_back_unchanged(slices, masks, example_values):
    values = example_values(slices[1], masks[1], patient="pätient", site=b"CS")
    parsed = tf.io.parse_single_example(examples.encode_example(values), examples.FEATURES)
    assert parsed.pop("neighbors").values.numpy().tolist() == values.pop("neighbors")
    for name, value in values.items():
        expected = value.encode() if isinstance(value, str) else value
        assert parsed[name].numpy() == expected, name


def test_neighbours_surround_their_slice_in_scan_order(slices, masks, example_values):
    surrounding = [image.tobytes() for image in (slices[0], slices[1], slices[3], slices[4])]
    one = examples.encode_example(example_values(slices[2], masks[2], neighbors=surrounding))
    images = examples.parse_images([one, one], neighbors=2)
    assert images.shape == (2, 40, 48, 15)
    for position in range(5):
        assert np.array_equal(images[0, ..., 3 * position : 3 * position + 3], slices[position])
    assert np.array_equal(examples.parse_images([one]), slices[2:3])
    with pytest.raises(tf.errors.InvalidArgumentError, match="neighbors"):
        examples.parse_images([one], neighbors=1)


def test_parse_slice_gives_the_values_that_training_reads(slices, masks, example_values):
    parsed = examples.parse_slice(tf.constant(examples.encode_example(example_values(slices[3], masks[3]))))
    assert np.array_equal(parsed["image"], slices[3])
    assert np.array_equal(parsed["mask"], masks[3])
    assert (parsed["patient"].numpy(), parsed["slice"].numpy(), parsed["has_tumor"].numpy()) == (b"patient-1", 11, 1)


def test_parsing_works_in_a_graph_with_unknown_batch_size(slices, masks, serialized):
    def parse(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return examples.parse_images(batch), examples.parse_masks(batch)

    graph = tf.function(parse, input_signature=[tf.TensorSpec([None], tf.string)])
    shapes = [tensor.shape.as_list() for tensor in graph.get_concrete_function().outputs]
    assert shapes == [[None, None, None, 3], [None, None, None, 1]]
    for batch in (serialized, serialized[:1]):
        images, found = graph(tf.constant(batch))
        assert np.array_equal(images, slices[: len(batch)])
        assert np.array_equal(found, masks[: len(batch)])


def test_images_are_parsed_without_masks_or_labels(slices, masks, example_values):
    whole = tf.train.Example.FromString(examples.encode_example(example_values(slices[2], masks[2])))
    needed = {name: whole.features.feature[name] for name in ("image", "height", "width")}
    bare = tf.train.Example(features=tf.train.Features(feature=needed)).SerializeToString()
    assert np.array_equal(examples.parse_images([bare]), slices[2:3])
    with pytest.raises(tf.errors.InvalidArgumentError, match="mask"):
        examples.parse_masks([bare])


@pytest.mark.parametrize("transposed", [False, True])
def test_slices_of_different_sizes_in_a_batch_are_refused(slices, masks, example_values, transposed):
    other = (slices[0].swapaxes(0, 1), masks[0].swapaxes(0, 1)) if transposed else (slices[0, :16], masks[0, :16])
    several = [examples.encode_example(example_values(*pair)) for pair in ((slices[0], masks[0]), other)]
    for parse in (examples.parse_images, examples.parse_masks):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"sizes|same size"):
            tf.function(parse)(tf.constant(several))


@pytest.mark.parametrize("name", sorted(examples.FEATURES))
def test_an_example_that_lacks_a_feature_is_refused(name, slices, masks, example_values):
    values = example_values(slices[0], masks[0])
    del values[name]
    with pytest.raises(ValueError, match="needs exactly the features"):
        examples.encode_example(values)


def test_an_example_with_an_extra_feature_is_refused(slices, masks, example_values):
    with pytest.raises(ValueError, match="needs exactly the features"):
        examples.encode_example(example_values(slices[0], masks[0], age=61))


def test_the_bytes_do_not_depend_on_the_order_of_the_values(slices, masks, example_values):
    values = example_values(slices[1], masks[1])
    backwards = dict(reversed(values.items()))
    assert list(backwards) != list(values)
    assert examples.encode_example(values) == examples.encode_example(backwards)
    assert examples.encode_example(values) != examples.encode_example(values | {"slice": 12})
