"""The layered model gives the same outputs as both networks composed by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from layered_check import MASK_THRESHOLD, check_outputs, serve
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from models.serving.layered_model import Layered

pytest_plugins = ["tiny_networks", "layered_fixtures"]
pytestmark = pytest.mark.xdist_group("layered")


def test_the_saved_model_equals_both_networks_composed_by_hand(saved, slices, stage_outputs, mixed_threshold):
    served = serve(saved, slices)
    check_outputs(served, *stage_outputs, mixed_threshold)
    assert served["has_tumor"].sum() == 2
    assert 0 < served["mask"][served["has_tumor"]].mean() < 1


@pytest.mark.parametrize(("threshold", "passing"), [(0.0, 5), (1.1, 0)])
def test_all_slices_or_none_may_pass_stage_1(threshold, passing, saved, slices, stage_outputs, set_threshold):
    set_threshold(threshold)
    served = serve(saved, slices)
    check_outputs(served, *stage_outputs, threshold)
    assert served["has_tumor"].sum() == passing
    assert served["mask"].any() == (passing > 0)


def test_single_slices_get_the_same_outputs_as_in_a_batch(saved, slices, stage_outputs, mixed_threshold):
    probability, maps = stage_outputs
    for index in range(len(slices)):
        one = slice(index, index + 1)
        check_outputs(serve(saved, slices[one]), probability[one], maps[one], mixed_threshold)


def test_a_slice_exactly_at_the_threshold_passes(saved, slices, set_threshold):
    probability = serve(saved, slices)["tumor_probability"]
    set_threshold(probability[1])
    assert np.array_equal(serve(saved, slices)["has_tumor"], probability >= probability[1])


def test_examples_give_the_same_outputs_as_slices(saved, slices, serialized):
    from_examples = saved.signatures["examples"](examples=tf.constant(serialized))
    from_slices = serve(saved, slices)
    assert set(from_examples) == set(from_slices)
    assert np.allclose(from_examples["tumor_probability"], from_slices["tumor_probability"], atol=1e-6)
    assert np.array_equal(from_examples["has_tumor"], from_slices["has_tumor"])
    assert (from_examples["mask"].numpy() != from_slices["mask"]).mean() < 0.001


def test_stages_run_both_networks_on_every_slice(saved, slices, stage_outputs, set_threshold):
    set_threshold(1.1)
    stages = saved.signatures["stages"](slices=tf.constant(slices))
    assert set(stages) == {"tumor_probability", "mask_probability"}
    assert np.allclose(stages["tumor_probability"], stage_outputs[0], atol=1e-5)
    assert np.allclose(stages["mask_probability"], stage_outputs[1], atol=1e-5)


def test_the_maps_signature_gives_the_mask_probabilities_of_stages(saved, slices, set_threshold):
    set_threshold(1.1)
    maps = saved.signatures["maps"](slices=tf.constant(slices))
    assert set(maps) == {"mask_probability"}
    stages = saved.signatures["stages"](slices=tf.constant(slices))
    assert np.array_equal(maps["mask_probability"], stages["mask_probability"])


def test_each_network_is_stored_once(saved_folder, slice_classifier, segmenter):
    (graph,) = SavedModel.FromString((saved_folder / "saved_model.pb").read_bytes()).meta_graphs
    stored = Counter(node.op for function in graph.graph_def.library.function for node in function.node_def)
    networks = (slice_classifier, segmenter)
    kernels = [weight for network in networks for weight in network.weights if len(weight.shape) == 4]
    assert sum(stored[kind] for kind in ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput")) == len(kernels)


def test_the_thresholds_can_be_chosen_before_saving(slice_classifier, segmenter, slices, stage_outputs):
    layered = Layered(slice_classifier, segmenter)
    assert (layered.tumor_threshold.numpy(), layered.mask_threshold.numpy()) == (0.5, 0.5)
    layered.tumor_threshold.assign(0.0)
    layered.mask_threshold.assign(MASK_THRESHOLD)
    served = {name: tensor.numpy() for name, tensor in layered.serve(tf.constant(slices)).items()}
    check_outputs(served, *stage_outputs, 0.0)
    layered.mask_threshold.assign(1.1)
    assert not layered.serve(tf.constant(slices))["mask"].numpy().any()
