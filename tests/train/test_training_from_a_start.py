"""Trainings that start from a trained network: what they begin with, record, and refuse as test patients."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from tiny_training import NO_AUGMENTATION, run_training, spotted_scan, tiny_training_params, with_changes, write_shards

from components.common.errors import UserError
from components.scans.identity import fingerprint
from components.studies.resumed_study import _made_from
from components.train.measured_model import build
from components.train.settings import network_arguments
from components.train.stage import run_fn
from components.train.starting_network import read_start
from models.networks.network_files import halve, save_network

pytestmark = pytest.mark.long

# Instance normalisation keeps no statistics, so nothing changes if the learning rate is almost 0.
RECIPE = {"norm": "instance", "epochs": 1, "augment": NO_AUGMENTATION}
NO_LEARNING = {**RECIPE, "learning_rate": 1e-12}


def record_of(folder):
    return json.loads((folder / "network.json").read_text(encoding="utf-8"))


def fingerprints(*names):
    return sorted(map(fingerprint, names))


def params_of(folder, start=None, **recipe):
    return with_changes(tiny_training_params(folder), "segmenter", start=start and str(start), **RECIPE | recipe)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A segmenter that was trained on two patients and validated on a third."""
    folder = tmp_path_factory.mktemp("before")
    write_shards(folder / "splits" / "Split-train", [spotted_scan("old1"), spotted_scan("old2")])
    write_shards(folder / "splits" / "Split-val", [spotted_scan("old3")])
    network = run_training("segmenter", params_of(folder), folder / "splits", folder / "run")
    return SimpleNamespace(network=network, folder=folder, run=folder / "run")


@pytest.fixture
def copy(earlier, tmp_path):
    """A copy of the earlier training's files, which a test may change."""
    return shutil.copytree(earlier.run, tmp_path / "copy")


@pytest.fixture
def own_slices(tmp_path):
    """Slices of a hospital's own patients; the start knows one of the validation patients and no test patient."""
    folder = tmp_path / "own"
    write_shards(folder / "Split-train", [spotted_scan("new1"), spotted_scan("new2")])
    write_shards(folder / "Split-val", [spotted_scan("new3"), spotted_scan("old3")])
    write_shards(folder / "Split-test", [spotted_scan("new4"), spotted_scan("new5")], shards=2)
    return folder


class Ended(BaseException):
    """Ends a training without any clean-up."""


@pytest.fixture
def initial_state(monkeypatch):
    """Stop a training before its first step, and return its initial weights and its checkpoint key."""
    states = []

    def stop_at_start(model, *, checkpoints, **_):
        states.append(SimpleNamespace(weights=model.network.get_weights(), key=checkpoints.key))
        raise Ended

    def start_training(train, *arguments):
        monkeypatch.setattr("components.train.stage.Loop", stop_at_start)
        with pytest.raises(Ended):
            train(*arguments)
        return states[-1]

    return start_training


def equal_arrays(one, other):
    return [np.array_equal(*pair) for pair in zip(one, other, strict=True)]


def test_training_begins_with_the_starts_predictions_and_adds_patients(earlier, own_slices, tmp_path, capsys):
    slices = spotted_scan("new4").image.astype(np.float32)
    expected, params = earlier.network(slices).numpy(), params_of(tmp_path, earlier.run, **NO_LEARNING)
    found = run_training("segmenter", params, own_slices, tmp_path / "run")
    np.testing.assert_allclose(found(slices).numpy(), expected, atol=1e-5)
    assert abs(build("segmenter", params_of(tmp_path), "float32").network(slices).numpy() - expected).max() > 1e-3
    made_from = record_of(tmp_path / "run")["made_from"]
    assert made_from["people"] == fingerprints("new1", "new2", "new3", "old1", "old2", "old3")
    assert made_from["started_from"] == [str(earlier.run)]
    assert made_from["start"] == read_start(params, "segmenter").digest
    assert made_from["validation_known_to_start"] == 1
    assert "was trained or chosen on 1 of the 2 validation patients" in capsys.readouterr().out


def test_without_a_start_none_is_recorded(earlier):
    made_from = record_of(earlier.run)["made_from"]
    assert (made_from["start"], made_from["started_from"]) == ("", [])
    assert made_from["people"] == fingerprints("old1", "old2", "old3")
    assert "validation_known_to_start" not in made_from


@pytest.mark.nightly
def test_a_resumed_training_continues_from_its_checkpoint_not_its_start(earlier, own_slices, tmp_path):
    whole = run_training(
        "segmenter", params_of(tmp_path / "whole", earlier.run, epochs=2), own_slices, tmp_path / "whole" / "run"
    )

    def end(epoch, row):
        raise Ended

    params = params_of(tmp_path / "halves", earlier.run, epochs=2)
    with pytest.raises(Ended):
        run_training("segmenter", params, own_slices, tmp_path / "halves" / "run", on_epoch=end)
    halves = run_training("segmenter", params, own_slices, tmp_path / "halves" / "run")
    assert all(equal_arrays(halves.get_weights(), whole.get_weights()))
    histories = [(tmp_path / name / "run" / "history.csv").read_bytes() for name in ("whole", "halves")]
    assert histories[0] == histories[1]


def test_checkpoints_and_trials_of_another_start_are_not_resumed(copy, own_slices, tmp_path, initial_state):
    params = params_of(tmp_path, copy)
    patterns = [[f"{own_slices}/Split-{split_name}/*"] for split_name in ("train", "val")]
    first = (
        initial_state(run_training, "segmenter", params, own_slices, tmp_path / "run"),
        _made_from("segmenter", params, {}, patterns),
    )
    again = (
        initial_state(run_training, "segmenter", params, own_slices, tmp_path / "run"),
        _made_from("segmenter", params, {}, patterns),
    )
    with h5py.File(copy / "network.weights.h5", "r+") as file:
        file[array_paths(file)[0]][...] *= 2
    other = (
        initial_state(run_training, "segmenter", params, own_slices, tmp_path / "run"),
        _made_from("segmenter", params, {}, patterns),
    )
    assert (first[0].key, first[1]) == (again[0].key, again[1])
    assert first[0].key != other[0].key
    assert first[1] != other[1]
    assert not all(equal_arrays(first[0].weights, other[0].weights))


def test_a_start_that_knows_a_test_patient_is_refused_before_decoding(earlier, own_slices, tmp_path, initial_state):
    write_shards(own_slices / "Split-test", [spotted_scan("new4"), spotted_scan("old2"), spotted_scan("new5")])
    with pytest.raises(UserError) as error:
        run_training("segmenter", params_of(tmp_path, earlier.run), own_slices, tmp_path / "run")
    assert str(error.value) == (
        f"params.yaml: segmenter.start: {earlier.run} was trained or chosen on 1 of the 3 test patients, whose scores "
        "would be worthless; let split.file put them into train, leave them out of the source, or take another start"
    )
    assert not any((tmp_path / name).exists() for name in ("run", "cache", "checkpoints"))
    # Without the start, the same test patients are accepted.
    initial_state(run_training, "segmenter", params_of(tmp_path), own_slices, tmp_path / "run")


def test_another_architecture_is_refused_before_decoding(earlier, own_slices, tmp_path):
    params = params_of(tmp_path, earlier.run, filters=[2, 4])
    with pytest.raises(UserError, match=r"is another network: filters is \[2,2\] there and \[2,4\] here; ") as error:
        run_training("segmenter", params, own_slices, tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "cache").exists()


def array_paths(file):
    """Paths of all arrays in an open weights file."""
    found = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def truncate(file):
    file.write_bytes(file.read_bytes()[:-200])


def empty(file):
    file.write_bytes(b"")


def drop_an_array(file):
    with h5py.File(file, "r+") as opened:
        del opened[array_paths(opened)[-1]]


def widen_an_array(file):
    with h5py.File(file, "r+") as opened:
        name = array_paths(opened)[0]
        shape = opened[name].shape
        del opened[name]
        opened[name] = np.zeros((*shape[:-1], shape[-1] + 1), np.float32)


@pytest.mark.parametrize("damage", [truncate, empty, drop_an_array, widen_an_array])
def test_damaged_weights_are_reported_in_one_line(copy, tmp_path, damage):
    damage(copy / "network.weights.h5")
    with pytest.raises(UserError) as error:
        build("segmenter", params_of(tmp_path, copy), "float32")
    assert str(error.value) == (
        f"params.yaml: segmenter.start: {copy}: network.weights.h5 is damaged, or of another network; copy the folder "
        "again"
    )


def test_half_precision_weights_are_accepted(earlier, tmp_path):
    halve(earlier.run, tmp_path / "half")
    model = build("segmenter", params_of(tmp_path, tmp_path / "half"), "mixed_bfloat16")
    for one, other in zip(model.network.get_weights(), earlier.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-6)
    assert {str(weight.dtype) for weight in model.network.weights} == {"float32"}


def test_the_tfx_trainer_starts_from_its_base_model(earlier, own_slices, tmp_path, initial_state):
    """On Kubeflow, the parameter names a folder that no pod has."""
    params = params_of(tmp_path, "own/weights/not-here")
    fn_args = SimpleNamespace(
        custom_config={"network": "segmenter", "params": params.model_dump(mode="json")},
        train_files=[f"{own_slices}/Split-train/*"],
        eval_files=[f"{own_slices}/Split-val/*"],
        base_model=f"{earlier.run}/Format-Serving",
        model_run_dir=str(tmp_path / "run"),
    )
    assert all(equal_arrays(initial_state(run_fn, fn_args).weights, earlier.network.get_weights()))


def test_only_the_head_of_a_starting_classifier_can_be_trained(own_slices, tmp_path):
    params = with_changes(tiny_training_params(tmp_path), "classifier", epochs=1, start=str(tmp_path / "first"))
    first = build("classifier", with_changes(params, "classifier", start=None), "float32").network
    save_network(tmp_path / "first", first, network_arguments(params, "classifier"), {"people": fingerprints("old1")})
    recipe = {"strategy": "frozen", "learning_rate": 1e-2, "dropout": 0.5}
    after = run_training("classifier", with_changes(params, "classifier", **recipe), own_slices, tmp_path / "run")
    same = equal_arrays(first.get_weights(), after.get_weights())
    assert same == [True] * (len(same) - 2) + [False] * 2
    assert record_of(tmp_path / "run")["arguments"]["dropout"] == 0.5
