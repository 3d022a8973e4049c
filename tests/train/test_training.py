"""Complete trainings of a tiny segmenter: what they depend on, what they save, and how they fail."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tiny_training import (
    LIGHT_AUGMENTATION,
    PATIENT_COUNTS,
    run_training,
    spotted_scan,
    tiny_training_params,
    with_changes,
    write_split_examples,
)

from components.common.errors import UserError
from components.scans.scan import neighborhood, stack_neighbors
from components.train import cache, settings
from components.train.checkpoints import Checkpoints
from components.train.epoch_validation import Validator
from components.train.kept_state import forget
from components.train.stage import run_fn
from models.networks.network_files import load_network

pytestmark = pytest.mark.long


def history_of(run_dir):
    return pd.read_csv(run_dir / "history.csv", float_precision="round_trip")


def made_from_of(run_dir):
    record = json.loads((run_dir / "network.json").read_text(encoding="utf-8"))
    assert record["network"] == "segmenter"
    return record["made_from"]


def differences(run_dir, trained):
    """Names of the inputs in which two trainings differ."""
    one, other = made_from_of(run_dir), made_from_of(trained.run_dir)
    assert set(one) == set(other)
    return {name for name in one if one[name] != other[name]}


def equal_weights(one, other):
    return [np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, split_examples):
    """A training of three epochs: its parameters, network, and folders."""
    folder = tmp_path_factory.mktemp("trained")
    params, reported = tiny_training_params(folder), []
    network = run_training(
        "segmenter", params, split_examples, folder / "run", on_epoch=lambda epoch, row: reported.append((epoch, row))
    )
    return SimpleNamespace(params=params, network=network, folder=folder, run_dir=folder / "run", reported=reported)


@pytest.mark.nightly  # by day, the test of averaged weights compares the steps
def test_the_same_parameters_give_the_same_weights(tmp_path, split_examples, trained):
    again = run_training("segmenter", tiny_training_params(tmp_path), split_examples, tmp_path / "again")
    assert all(equal_weights(again, trained.network))
    assert (tmp_path / "again" / "history.csv").read_bytes() == (trained.run_dir / "history.csv").read_bytes()
    assert differences(tmp_path / "again", trained) == set()


class StoppedAtStart(Exception):  # noqa: N818 - no error
    """Ends a training before its first step."""


def test_another_seed_changes_weights_batches_draws_and_checkpoint_key(tmp_path, split_examples, monkeypatch):
    def stop_at_start(model, *, batches, checkpoints, **_):
        images, _ = next(iter(batches(0)))
        raise StoppedAtStart(
            model.network.get_weights()[0], images.numpy(), model.augmenter_seeds.state.numpy(), checkpoints.key
        )

    def initial_state(params):
        with pytest.raises(StoppedAtStart) as stop:
            run_training("segmenter", params, split_examples, tmp_path / "run")
        return stop.value.args

    monkeypatch.setattr("components.train.stage.Loop", stop_at_start)
    one, again, other = (initial_state(with_changes(tiny_training_params(tmp_path), seed=seed)) for seed in (1, 1, 2))
    assert [np.array_equal(*pair) for pair in zip(one, again, strict=True)] == [True] * 4
    assert [np.array_equal(*pair) for pair in zip(one, other, strict=True)] == [False] * 4


def test_the_weights_of_the_best_epoch_are_kept(split_examples, trained):
    history, cache_folder = history_of(trained.run_dir), trained.folder / "cache" / "glioflow-segmenter" / "val"
    files = cache.example_files([f"{split_examples}/Split-val/*"])
    before = (cache_folder / cache.IMAGES).stat().st_ino
    slices = cache.cached(files, cache.data_hash(files), 32, cache_folder, lambda: None)
    assert (cache_folder / cache.IMAGES).stat().st_ino == before  # reuses the training's cache
    loss = settings.loss_of(trained.params, "segmenter")
    options = {"batch": 8, "neighbors": 0, "xla": False, "check": lambda: None}
    best = history.loc[history["val_volume_dice"].idxmax()]
    assert best["epoch"] < history["epoch"].max()
    for network in (trained.network, load_network(trained.run_dir)):
        scores = Validator(network, slices, with_masks=True, loss=loss, **options)()
        assert scores["val_volume_dice"] == pytest.approx(best["val_volume_dice"], abs=1e-9)
        assert scores["val_loss"] == pytest.approx(best["val_loss"], abs=1e-6)


def test_every_epoch_is_reported_and_written(trained):
    history = history_of(trained.run_dir)
    assert list(history) == ["epoch", "loss", "pooled_dice", "val_loss", "val_volume_dice"]
    assert history["epoch"].tolist() == [0, 1, 2]
    assert [epoch for epoch, _ in trained.reported] == [0, 1, 2]
    assert [row["val_volume_dice"] for _, row in trained.reported] == history["val_volume_dice"].tolist()


def test_the_network_records_what_it_was_made_from(split_examples, trained):
    made_from = made_from_of(trained.run_dir)
    assert made_from["precision"] == "float32"
    for split_name in PATIENT_COUNTS:
        assert made_from[split_name] == cache.data_hash(cache.example_files([f"{split_examples}/Split-{split_name}/*"]))
    assert made_from["train"] != made_from["val"]
    assert {"code", "parameters"} <= set(made_from)


def test_forget_removes_checkpoints_and_decoded_slices(tmp_path, trained):
    shutil.copytree(trained.folder, tmp_path, dirs_exist_ok=True)

    def kept():
        return [path.name for name in ("cache", "checkpoints") for path in (tmp_path / name).rglob("*.*")]

    assert {"images.uint8", "step-000000018.npz"} < set(kept())
    for _ in "again":
        forget("segmenter", tiny_training_params(tmp_path))
        assert kept() == []
    assert (tmp_path / "run" / "network.weights.h5").exists()


def test_averaged_weights_are_validated_and_kept_without_changing_steps(tmp_path, split_examples, trained):
    params = with_changes(tiny_training_params(tmp_path), "segmenter", average=0.9)
    kept = run_training("segmenter", params, split_examples, tmp_path / "run")
    assert not equal_weights(kept, trained.network)[0]
    steps = ["epoch", "loss", "pooled_dice"]
    assert history_of(tmp_path / "run")[steps].equals(history_of(trained.run_dir)[steps])
    files = cache.example_files([f"{split_examples}/Split-val/*"])
    slices = cache.cached(files, cache.data_hash(files), 32, tmp_path / "cache/glioflow-segmenter/val", lambda: None)
    loss = settings.loss_of(params, "segmenter")
    score = Validator(kept, slices, with_masks=True, loss=loss, batch=8, neighbors=0, xla=False, check=lambda: None)()
    assert score["val_volume_dice"] == pytest.approx(history_of(tmp_path / "run")["val_volume_dice"].max(), abs=1e-9)


def assert_single_precision(network):
    assert {layer.dtype_policy.name for layer in network.layers} == {"float32"}
    assert {str(weight.dtype) for weight in network.weights} == {"float32"}
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


@pytest.mark.nightly  # on every change, the training with neighbours tests half precision
@pytest.mark.parametrize(
    ("precision", "recipe"),
    [
        ("mixed_bfloat16", {"tumor_share": 1.0}),
        ("mixed_float16", {"tumor_share": None, "accumulate": 2, "norm": "instance"}),
    ],
)
def test_half_precision_trains_and_leaves_a_float32_network(
    tmp_path, training_params, split_examples, trained, precision, recipe
):
    params = with_changes(
        training_params, "segmenter", precision=precision, epochs=1, augment=LIGHT_AUGMENTATION, **recipe
    )
    assert_single_precision(run_training("segmenter", params, split_examples, tmp_path / "run"))
    assert np.isfinite(history_of(tmp_path / "run")).all(axis=None)
    assert differences(tmp_path / "run", trained) == {"parameters", "precision"}


def test_divergence_is_reported_and_the_last_good_checkpoint_is_kept(tmp_path, training_params, split_examples, capsys):
    diverging = {"learning_rate": 1.0, "precision": "mixed_float16", "filters": [8, 8], "augment": LIGHT_AUGMENTATION}
    params = with_changes(training_params, "segmenter", epochs=9, **diverging, training={"checkpoint_steps": 1})
    with pytest.raises(UserError) as error:
        run_training("segmenter", params, split_examples, tmp_path / "run")
    message = str(error.value)
    assert message.startswith("training diverged: not finite at step ")
    assert message.endswith("lower learning_rate, or set precision to float32, in params.yaml")
    assert "\n" not in message
    assert not (tmp_path / "run").exists()
    (newest,) = sorted((tmp_path / "checkpoints" / "segmenter").iterdir())[-1:]
    with np.load(newest, allow_pickle=False) as columns:
        state = json.loads(columns["state"].tobytes())
    found, arrays = Checkpoints(str(newest.parent), state["key"]).latest()
    step = int(re.findall(r"step (\d+)", message)[0])
    assert found.step in (step - 1, step)  # the weights of a step may be finite although their outputs are not
    assert all(np.isfinite(array).all() for array in arrays["model"])


def test_a_network_with_neighbours_trains_in_half_and_serves_in_single(tmp_path, training_params, trained):
    write_split_examples(tmp_path / "splits", neighbors=1)
    params = with_changes(
        training_params, "segmenter", neighbors=1, epochs=1, precision="mixed_bfloat16", augment=LIGHT_AUGMENTATION
    )
    fn_args = SimpleNamespace(
        custom_config={"network": "segmenter", "params": params.model_dump(mode="json")},
        train_files=[f"{tmp_path}/splits/Split-train/*"],
        eval_files=[f"{tmp_path}/splits/Split-val/*"],
        model_run_dir=str(tmp_path / "run"),
        serving_model_dir=str(tmp_path / "serving"),
    )
    run_fn(fn_args)
    served = tf.saved_model.load(str(tmp_path / "serving")).signatures
    image = spotted_scan("val0").image
    wide = stack_neighbors(image[neighborhood(len(image), 1)])
    found = served["serving_default"](slices=tf.constant(wide))["mask_probability"].numpy()
    network = load_network(tmp_path / "run")
    assert_single_precision(network)
    assert np.isfinite(history_of(tmp_path / "run")).all(axis=None)
    expected = network(wide).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    (records,) = tf.data.TFRecordDataset(cache.example_files(fn_args.eval_files)[:1], "GZIP").batch(8).take(1)
    from_examples = served["examples"](examples=records)["mask_probability"].numpy()
    np.testing.assert_allclose(from_examples, expected, atol=1e-5)
    assert differences(tmp_path / "run", trained) == {"parameters", "precision", "train", "val"}


def test_a_batch_size_not_divisible_by_the_devices_is_refused(tmp_path, training_params, split_examples, monkeypatch):
    class ThreeReplicas:
        num_replicas_in_sync = 3

    monkeypatch.setattr("components.train.devices.strategy", lambda devices: ThreeReplicas())
    pattern = r"^params\.yaml: segmenter\.batch_size 8 can't be shared evenly by 3 devices; take a multiple$"
    with pytest.raises(UserError, match=pattern):
        run_training("segmenter", training_params, split_examples, tmp_path / "run")
