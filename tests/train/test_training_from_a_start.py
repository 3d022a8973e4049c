"""Trainings that go on from a trained network: what they begin with, what they record, and whom they refuse to test."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from tiny_training import NO_AUGMENTATION, changed, run, spotted_scan, tiny, write_shards

from components.common.errors import UserError
from components.scans.identity import fingerprint
from components.studies.resumed_study import _made_from
from components.train.measured_model import build
from components.train.settings import network_arguments
from components.train.stage import run_fn
from components.train.starting_network import read_start
from models.networks.network_files import halve, save_network

pytestmark = pytest.mark.long

# Instance normalisation keeps no statistics of its own, so that nothing moves where the learning rate is next to 0.
RECIPE = {"norm": "instance", "epochs": 1, "augment": NO_AUGMENTATION}
STILL = {**RECIPE, "learning_rate": 1e-12}


def record_of(folder):
    return json.loads((folder / "network.json").read_text(encoding="utf-8"))


def people(*names):
    return sorted(map(fingerprint, names))


def params_of(folder, start=None, **recipe):
    return changed(tiny(folder), "segmenter", start=start and str(start), **RECIPE | recipe)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A segmenter that was trained on two patients and chosen on a third."""
    folder = tmp_path_factory.mktemp("before")
    write_shards(folder / "sides" / "Split-train", [spotted_scan("old1"), spotted_scan("old2")])
    write_shards(folder / "sides" / "Split-val", [spotted_scan("old3")])
    network = run("segmenter", params_of(folder), folder / "sides", folder / "run")
    return SimpleNamespace(network=network, folder=folder, run=folder / "run")


@pytest.fixture
def copy(before, tmp_path):
    """A copy of its files that a test may change."""
    return shutil.copytree(before.run, tmp_path / "copy")


@pytest.fixture
def own(tmp_path):
    """Slices of a hospital's own patients, of whom the start knows one validation patient, and no test patient."""
    folder = tmp_path / "own"
    write_shards(folder / "Split-train", [spotted_scan("new1"), spotted_scan("new2")])
    write_shards(folder / "Split-val", [spotted_scan("new3"), spotted_scan("old3")])
    write_shards(folder / "Split-test", [spotted_scan("new4"), spotted_scan("new5")], shards=2)
    return folder


class Ended(BaseException):
    """Ends a training without a last word."""


@pytest.fixture
def begun(monkeypatch):
    """What a training begins with: its network and the key of its checkpoints; it ends before its first step."""
    seen = []

    def begin(model, *, checkpoints, **_):
        seen.append(SimpleNamespace(weights=model.network.get_weights(), key=checkpoints.key))
        raise Ended

    def of(train, *arguments):
        monkeypatch.setattr("components.train.stage.Loop", begin)
        with pytest.raises(Ended):
            train(*arguments)
        return seen[-1]

    return of


def equal(one, other):
    return [np.array_equal(*pair) for pair in zip(one, other, strict=True)]


def test_next_to_no_learning_rate_leaves_the_predictions_of_the_start_and_adds_its_patients(
    before, own, tmp_path, capsys
):
    slices = spotted_scan("new4").image.astype(np.float32)
    expected, params = before.network(slices).numpy(), params_of(tmp_path, before.run, **STILL)
    found = run("segmenter", params, own, tmp_path / "run")
    np.testing.assert_allclose(found(slices).numpy(), expected, atol=1e-5)
    assert abs(build("segmenter", params_of(tmp_path), "float32").network(slices).numpy() - expected).max() > 1e-3
    made_from = record_of(tmp_path / "run")["made_from"]
    assert made_from["people"] == people("new1", "new2", "new3", "old1", "old2", "old3")
    assert made_from["started_from"] == [str(before.run)]
    assert made_from["start"] == read_start(params, "segmenter").digest
    assert made_from["validation_known_to_start"] == 1
    assert "was trained or chosen on 1 of the 2 validation patients" in capsys.readouterr().out


def test_without_a_start_none_is_recorded(before):
    made_from = record_of(before.run)["made_from"]
    assert (made_from["start"], made_from["started_from"]) == ("", [])
    assert made_from["people"] == people("old1", "old2", "old3")
    assert "validation_known_to_start" not in made_from


@pytest.mark.nightly
def test_interrupted_it_goes_on_from_its_checkpoint_and_not_from_the_start(before, own, tmp_path):
    whole = run("segmenter", params_of(tmp_path / "whole", before.run, epochs=2), own, tmp_path / "whole" / "run")

    def end(epoch, row):
        raise Ended

    params = params_of(tmp_path / "halves", before.run, epochs=2)
    with pytest.raises(Ended):
        run("segmenter", params, own, tmp_path / "halves" / "run", on_epoch=end)
    halves = run("segmenter", params, own, tmp_path / "halves" / "run")
    assert all(equal(halves.get_weights(), whole.get_weights()))
    histories = [(tmp_path / name / "run" / "history.csv").read_bytes() for name in ("whole", "halves")]
    assert histories[0] == histories[1]


def test_checkpoints_and_trials_of_another_start_are_not_gone_on_with(copy, own, tmp_path, begun):
    params = params_of(tmp_path, copy)
    patterns = [[f"{own}/Split-{side}/*"] for side in ("train", "val")]
    first = begun(run, "segmenter", params, own, tmp_path / "run"), _made_from("segmenter", params, {}, patterns)
    again = begun(run, "segmenter", params, own, tmp_path / "run"), _made_from("segmenter", params, {}, patterns)
    with h5py.File(copy / "network.weights.h5", "r+") as file:
        file[arrays(file)[0]][...] *= 2
    other = begun(run, "segmenter", params, own, tmp_path / "run"), _made_from("segmenter", params, {}, patterns)
    assert (first[0].key, first[1]) == (again[0].key, again[1])
    assert first[0].key != other[0].key
    assert first[1] != other[1]
    assert not all(equal(first[0].weights, other[0].weights))


def test_a_start_that_knows_a_test_patient_is_refused_before_anything_is_decoded(before, own, tmp_path, begun):
    write_shards(own / "Split-test", [spotted_scan("new4"), spotted_scan("old2"), spotted_scan("new5")])
    with pytest.raises(UserError) as error:
        run("segmenter", params_of(tmp_path, before.run), own, tmp_path / "run")
    assert str(error.value) == (
        f"params.yaml: segmenter.start: {before.run} was trained or chosen on 1 of the 3 test patients, whose scores "
        "would be worthless; let split.file put them into train, leave them out of the source, or take another start"
    )
    assert not any((tmp_path / name).exists() for name in ("run", "cache", "checkpoints"))
    begun(run, "segmenter", params_of(tmp_path), own, tmp_path / "run")  # without the start, nobody is known


def test_another_architecture_ends_before_anything_is_decoded(before, own, tmp_path):
    params = params_of(tmp_path, before.run, filters=[2, 4])
    with pytest.raises(UserError, match=r"is another network: filters is \[2,2\] there and \[2,4\] here; ") as error:
        run("segmenter", params, own, tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "cache").exists()


def arrays(file):
    """Paths of all arrays in an open file of weights."""
    found = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def truncate(file):
    file.write_bytes(file.read_bytes()[:-200])


def empty(file):
    file.write_bytes(b"")


def drop_an_array(file):
    with h5py.File(file, "r+") as opened:
        del opened[arrays(opened)[-1]]


def widen_an_array(file):
    with h5py.File(file, "r+") as opened:
        name = arrays(opened)[0]
        shape = opened[name].shape
        del opened[name]
        opened[name] = np.zeros((*shape[:-1], shape[-1] + 1), np.float32)


@pytest.mark.parametrize("damage", [truncate, empty, drop_an_array, widen_an_array])
def test_damaged_weights_are_one_line(copy, tmp_path, damage):
    damage(copy / "network.weights.h5")
    with pytest.raises(UserError) as error:
        build("segmenter", params_of(tmp_path, copy), "float32")
    assert str(error.value) == (
        f"params.yaml: segmenter.start: {copy}: network.weights.h5 is damaged, or of another network; copy the folder "
        "again"
    )


def test_weights_in_half_precision_will_do(before, tmp_path):
    halve(before.run, tmp_path / "half")
    model = build("segmenter", params_of(tmp_path, tmp_path / "half"), "mixed_bfloat16")
    for one, other in zip(model.network.get_weights(), before.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-6)
    assert {str(weight.dtype) for weight in model.network.weights} == {"float32"}


def test_a_trainer_of_tfx_takes_the_network_that_it_is_given(before, own, tmp_path, begun):
    """On Kubeflow: the parameter names a folder that no pod has."""
    params = params_of(tmp_path, "own/weights/not-here")
    fn_args = SimpleNamespace(
        custom_config={"network": "segmenter", "params": params.model_dump(mode="json")},
        train_files=[f"{own}/Split-train/*"],
        eval_files=[f"{own}/Split-val/*"],
        base_model=f"{before.run}/Format-Serving",
        model_run_dir=str(tmp_path / "run"),
    )
    assert all(equal(begun(run_fn, fn_args).weights, before.network.get_weights()))


def test_of_a_classifier_the_head_alone_can_learn_on(own, tmp_path):
    params = changed(tiny(tmp_path), "classifier", epochs=1, start=str(tmp_path / "first"))
    first = build("classifier", changed(params, "classifier", start=None), "float32").network
    save_network(tmp_path / "first", first, network_arguments(params, "classifier"), {"people": people("old1")})
    recipe = {"strategy": "frozen", "learning_rate": 1e-2, "dropout": 0.5}
    after = run("classifier", changed(params, "classifier", **recipe), own, tmp_path / "run")
    same = equal(first.get_weights(), after.get_weights())
    assert same == [True] * (len(same) - 2) + [False] * 2
    assert record_of(tmp_path / "run")["arguments"]["dropout"] == 0.5
