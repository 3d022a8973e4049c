from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, logit

from models import examples, preprocessing
from models.classifier import classifier
from models.layered import Layered, _cooled
from models.resunet import resunet

pytest_plugins = ["tiny_networks"]

MASK_THRESHOLD = 0.4


@pytest.fixture(scope="module")
def stage_outputs(slice_classifier, segmenter, slices):
    """What the two networks say on their own: probability [batch] and maps [batch, height, width]."""
    grid = preprocessing.to_grid(slices, 32)
    maps = tf.image.resize(segmenter(grid, training=False), slices.shape[1:3])
    return slice_classifier(grid, training=False).numpy()[:, 0], maps.numpy()[..., 0]


@pytest.fixture(scope="module")
def mixed_threshold(stage_outputs):
    """Lets two of the five slices pass, none of them near the threshold."""
    ordered = np.sort(stage_outputs[0])
    assert ordered[3] - ordered[2] > 0.01
    return float((ordered[3] + ordered[2]) / 2)


@pytest.fixture(scope="module")
def saved(slice_classifier, segmenter, mixed_threshold, tmp_path_factory):
    folder = tmp_path_factory.mktemp("layered")
    layered = Layered(slice_classifier, segmenter, tumor_threshold=mixed_threshold, mask_threshold=MASK_THRESHOLD)
    layered.save(folder)
    return tf.saved_model.load(str(folder))


@pytest.fixture
def with_threshold(saved, mixed_threshold):
    """Change the saved model's threshold of stage 1 for a test."""
    yield saved.tumor_threshold.assign
    saved.tumor_threshold.assign(mixed_threshold)


def serve(saved: tf.Module, slices: np.ndarray) -> dict[str, np.ndarray]:
    served = saved.signatures["serving_default"](slices=tf.constant(slices))
    return {name: tensor.numpy() for name, tensor in served.items()}


def check(served: dict[str, np.ndarray], probability: np.ndarray, maps: np.ndarray, threshold: float) -> None:
    """Compare with the two networks, composed by hand."""
    passed = probability >= threshold
    assert set(served) == {"tumor_probability", "has_tumor", "mask"}
    assert [served[name].dtype for name in ("tumor_probability", "has_tumor", "mask")] == ["float32", "bool", "uint8"]
    assert np.allclose(served["tumor_probability"], probability, atol=1e-5)
    assert np.array_equal(served["has_tumor"], passed)
    expected = (maps >= MASK_THRESHOLD) & passed[:, None, None]
    decided = np.abs(maps - MASK_THRESHOLD) > 1e-5  # rounding may tip the others either way
    assert decided.mean() > 0.999
    assert served["mask"].shape == expected.shape
    assert np.array_equal(served["mask"][decided], expected[decided].astype("uint8"))
    assert not served["mask"][~passed].any()


def test_the_saved_model_is_both_networks_composed_by_hand(saved, slices, stage_outputs, mixed_threshold):
    served = serve(saved, slices)
    check(served, *stage_outputs, mixed_threshold)
    assert served["has_tumor"].sum() == 2
    assert 0 < served["mask"][served["has_tumor"]].mean() < 1


@pytest.mark.parametrize(("threshold", "passing"), [(0.0, 5), (1.1, 0)])
def test_all_slices_may_pass_stage_1_or_none(threshold, passing, saved, slices, stage_outputs, with_threshold):
    with_threshold(threshold)
    served = serve(saved, slices)
    check(served, *stage_outputs, threshold)
    assert served["has_tumor"].sum() == passing
    assert served["mask"].any() == (passing > 0)


def test_single_slices_are_served_alike(saved, slices, stage_outputs, mixed_threshold):
    probability, maps = stage_outputs
    for index in range(len(slices)):
        one = slice(index, index + 1)
        check(serve(saved, slices[one]), probability[one], maps[one], mixed_threshold)


def test_a_slice_exactly_at_the_threshold_passes(saved, slices, with_threshold):
    probability = serve(saved, slices)["tumor_probability"]
    with_threshold(probability[1])
    assert np.array_equal(serve(saved, slices)["has_tumor"], probability >= probability[1])


def test_examples_give_the_same_as_slices(saved, slices, serialized):
    from_examples = saved.signatures["examples"](examples=tf.constant(serialized))
    from_slices = serve(saved, slices)
    assert set(from_examples) == set(from_slices)
    assert np.allclose(from_examples["tumor_probability"], from_slices["tumor_probability"], atol=1e-6)
    assert np.array_equal(from_examples["has_tumor"], from_slices["has_tumor"])
    assert (from_examples["mask"].numpy() != from_slices["mask"]).mean() < 0.001


def test_stages_run_both_networks_on_every_slice(saved, slices, stage_outputs, with_threshold):
    with_threshold(1.1)
    stages = saved.signatures["stages"](slices=tf.constant(slices))
    assert set(stages) == {"tumor_probability", "mask_probability"}
    assert np.allclose(stages["tumor_probability"], stage_outputs[0], atol=1e-5)
    assert np.allclose(stages["mask_probability"], stage_outputs[1], atol=1e-5)


def test_the_thresholds_can_be_chosen_before_saving(slice_classifier, segmenter, slices, stage_outputs):
    layered = Layered(slice_classifier, segmenter)
    assert (layered.tumor_threshold.numpy(), layered.mask_threshold.numpy()) == (0.5, 0.5)
    layered.tumor_threshold.assign(0.0)
    layered.mask_threshold.assign(MASK_THRESHOLD)
    served = {name: tensor.numpy() for name, tensor in layered.serve(tf.constant(slices)).items()}
    check(served, *stage_outputs, 0.0)
    layered.mask_threshold.assign(1.1)
    assert not layered.serve(tf.constant(slices))["mask"].numpy().any()


# Calibration: both stages' logits divided by a temperature each, inside the graph.

TEMPERATURES = {"tumor": 2.5, "mask": 0.4}


def scaled(probability: np.ndarray, temperature: float) -> np.ndarray:
    return expit(logit(probability.astype(float)) / temperature)


@pytest.fixture
def calibrated(saved):
    """The saved model with temperatures, for a test."""
    for name, value in TEMPERATURES.items():
        getattr(saved, f"{name}_temperature").assign(value)
    yield saved
    for name in TEMPERATURES:
        getattr(saved, f"{name}_temperature").assign(1.0)


def test_temperatures_divide_the_logits_of_their_own_stage(calibrated, slices, stage_outputs):
    stages = calibrated.signatures["stages"](slices=tf.constant(slices))
    probability, maps = stage_outputs
    assert np.allclose(stages["tumor_probability"], scaled(probability, TEMPERATURES["tumor"]), atol=1e-5)
    assert np.allclose(stages["mask_probability"], scaled(maps, TEMPERATURES["mask"]), atol=1e-5)
    assert np.abs(stages["mask_probability"] - maps).max() > 0.05


def test_thresholds_are_of_calibrated_probabilities(calibrated, slices, stage_outputs, with_threshold):
    probability = scaled(stage_outputs[0], TEMPERATURES["tumor"])
    ordered = np.sort(probability)
    for threshold, passing in ((ordered[2:4].mean(), 2), (ordered[0] - 0.01, 5), (ordered[-1] + 0.01, 0)):
        with_threshold(threshold)
        served = serve(calibrated, slices)
        check(served, probability, scaled(stage_outputs[1], TEMPERATURES["mask"]), threshold)
        assert served["has_tumor"].sum() == passing


def test_the_served_mask_is_what_the_stages_say_above_the_thresholds(calibrated, slices, with_threshold):
    stages = {
        name: value.numpy() for name, value in calibrated.signatures["stages"](slices=tf.constant(slices)).items()
    }
    threshold = float(np.sort(stages["tumor_probability"])[2:4].mean())
    with_threshold(threshold)
    check(serve(calibrated, slices), stages["tumor_probability"], stages["mask_probability"], threshold)


def test_a_temperature_of_one_changes_nothing_beyond_rounding():
    said = np.linspace(0, 1, 1001, dtype=np.float32)
    assert np.allclose(_cooled(tf.constant(said), 1.0), said, rtol=0, atol=3e-7)


def test_certainty_stays_a_number_at_any_temperature():
    certain = tf.constant([0.0, 1e-9, 0.5, 1 - 1e-9, 1.0])
    for temperature in (0.1, 1.0, 10.0):
        cooled = _cooled(certain, temperature).numpy()
        assert np.isfinite(cooled).all()
        assert (np.diff(cooled) >= 0).all()
        assert cooled[2] == 0.5


# A segmenter that sees a slice either side; the classifier sees the slice alone.


@pytest.fixture(scope="module")
def wide_slices(slices):
    """Each slice between its neighbours, the scan's ends repeated."""
    before, after = slices[[0, 0, 1, 2, 3]], slices[[1, 2, 3, 4, 4]]
    return np.concatenate([before, slices, after], axis=-1)


@pytest.fixture(scope="module")
def brightness():
    """A classifier by the slice's own mean, which spreads the five slices around a half."""
    head = keras.layers.Dense(1, activation="sigmoid")
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), head])
    head.set_weights([np.full((3, 1), 0.02), np.array([-4.5])])
    return network


@pytest.fixture(scope="module")
def wide(brightness, tmp_path_factory):
    keras.utils.set_random_seed(7)
    network = resunet((4, 8), size=32, neighbors=1, norm="instance")
    layered = Layered(brightness, network, mask_threshold=MASK_THRESHOLD)
    assert layered.neighbors == 1
    folder = tmp_path_factory.mktemp("wide")
    layered.save(folder)
    return tf.saved_model.load(str(folder)), network


def test_neighbours_reach_the_segmenter_and_the_middle_alone_the_classifier(wide, wide_slices, slices, brightness):
    saved, network = wide
    probability = brightness(preprocessing.to_grid(slices, 32)).numpy()[:, 0]
    assert 0 < (probability >= 0.5).sum() < 5
    maps = network(preprocessing.to_grid(wide_slices, 32), training=False)
    maps = tf.image.resize(maps, slices.shape[1:3]).numpy()[..., 0]
    stages = saved.signatures["stages"](slices=tf.constant(wide_slices))
    assert np.allclose(stages["tumor_probability"], probability, atol=1e-5)
    assert np.allclose(stages["mask_probability"], maps, atol=1e-5)
    check(serve(saved, wide_slices), probability, maps, 0.5)
    alone = np.concatenate([np.zeros_like(slices), slices, np.zeros_like(slices)], axis=-1)
    without = saved.signatures["stages"](slices=tf.constant(alone))
    assert np.array_equal(without["tumor_probability"], stages["tumor_probability"])
    assert np.abs(without["mask_probability"] - stages["mask_probability"]).max() > 0.01


def test_examples_with_neighbours_give_the_same_as_slices(wide, wide_slices, slices, masks, example_values):
    saved, _ = wide
    around = zip(slices[[0, 0, 1, 2, 3]], slices[[1, 2, 3, 4, 4]], strict=True)
    serialized = [
        examples.encode_example(example_values(picture, mask, neighbors=[before.tobytes(), after.tobytes()]))
        for picture, mask, (before, after) in zip(slices, masks, around, strict=True)
    ]
    from_examples = saved.signatures["examples"](examples=tf.constant(serialized))
    from_slices = serve(saved, wide_slices)
    assert from_slices["mask"].any()
    for name, value in from_slices.items():
        assert np.allclose(from_examples[name], value, atol=1e-6), name


def test_slices_without_the_neighbours_that_a_model_needs_are_refused(wide, slices):
    with pytest.raises((TypeError, ValueError, tf.errors.InvalidArgumentError)):
        wide[0].signatures["serving_default"](slices=tf.constant(slices))


@pytest.mark.parametrize(("of_classifier", "of_segmenter"), [(1, 0), (0, 1), (2, 1)])
def test_each_stage_sees_as_many_neighbours_as_it_was_trained_with(of_classifier, of_segmenter, tmp_path):
    keras.utils.set_random_seed(3)
    networks = (
        classifier("MobileNet", weights="none", size=32, neighbors=of_classifier),
        resunet((4, 8), size=32, neighbors=of_segmenter),
    )
    model = Layered(*networks, tumor_threshold=0.0)
    assert model.neighbors == max(of_classifier, of_segmenter)
    model.save(tmp_path)
    channels = 3 * (2 * model.neighbors + 1)
    slices = np.random.default_rng(2).integers(0, 256, (2, 32, 32, channels), dtype=np.uint8)
    said = tf.saved_model.load(str(tmp_path)).signatures["stages"](slices=tf.constant(slices))
    for network, output in zip(networks, ("tumor_probability", "mask_probability"), strict=True):
        out = (channels - network.input_shape[-1]) // 2
        expected = network(slices[..., out : channels - out].astype("float32"), training=False)
        assert np.allclose(said[output], np.squeeze(expected, -1), atol=1e-5)


def test_with_the_mirror_image_both_looks_count_the_same(slice_classifier, segmenter, slices, tmp_path):
    model = Layered(slice_classifier, segmenter, mirror=True)
    model.save(tmp_path)
    stages = tf.saved_model.load(str(tmp_path)).signatures["stages"]
    plain = Layered(slice_classifier, segmenter).stages
    one, other = (plain(tf.constant(look)) for look in (slices, slices[:, :, ::-1].copy()))
    found = stages(slices=tf.constant(slices))
    turned = stages(slices=tf.constant(slices[:, :, ::-1].copy()))
    for output, turn in (("tumor_probability", np.s_[:]), ("mask_probability", np.s_[:, :, ::-1])):
        assert np.allclose(found[output], (one[output] + other[output].numpy()[turn]) / 2, atol=1e-5)
        assert not np.allclose(found[output], one[output], atol=1e-3)
        assert np.allclose(found[output], turned[output].numpy()[turn], atol=1e-5)
