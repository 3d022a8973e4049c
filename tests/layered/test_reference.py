"""The project's reference model, and the layered model for TensorFlow that is built from its weights."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from small_backbone import Small

from components.common.errors import UserError
from components.common.files import write_json
from components.common.layout import LAYERED, LITERT
from components.layered import reference
from components.layered.litert_files import ENTRY, described, read_litert
from components.layered.predictor import Predictor
from components.layered.record import read_record
from components.layered.writer import write_assets
from components.registry.resolve import model_folder
from models.networks.network_files import build, halve, load_network, save_network
from models.serving.layered_model import Layered
from models.serving.litert_export import litert

SHAPES = {
    "classifier": {"name": Small.__name__, "weights": "none", "size": 32, "strategy": "finetune", "pooling": "avg"},
    "segmenter": {"filters": [2, 2], "size": 32, "normalization": "unit"},
}
CHOICES = {
    "neighbors": 0,
    "mirror": True,
    "slices": {},
    "tumor_temperature": 1.5,
    "mask_temperature": 2.0,
    "tumor_threshold": 0.25,
    "mask_threshold": 0.75,
    "processing": {"largest": False, "min_ml": 0.0},
    "refer_at_doubt": 0.5,
    "made_from": {"classifier": {"people": []}, "segmenter": {"people": []}},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with weights of tiny networks, laid out like the project's own."""
    folder = tmp_path_factory.mktemp("weights")
    for name, arguments in SHAPES.items():
        save_network(folder / "whole" / name, build(name, arguments), arguments)
        halve(folder / "whole" / name, folder / name)
    shutil.rmtree(folder / "whole")
    return folder


@pytest.fixture(scope="module")
def shipped(weights, tmp_path_factory):
    """A reference model like the project's own, made from those weights."""
    folder = tmp_path_factory.mktemp("shipped") / "reference"
    files = {name: litert(load_network(weights / name), batch=2, half=True) for name in LITERT}
    write_assets(folder, CHOICES | {ENTRY: described(files)}, files)
    return folder


@pytest.fixture(scope="module")
def saved_model(shipped, weights, tmp_path_factory):
    """The layered model that was written for TensorFlow."""
    return reference.reference_saved_model(shipped, weights, tmp_path_factory.mktemp("written") / "models")


@pytest.mark.nightly
def test_the_layered_model_for_tensorflow_is_equal_and_written_only_once(shipped, weights, saved_model):
    predictor = Predictor(saved_model)
    assert predictor.engine.name == "tensorflow"
    assert predictor.record == CHOICES
    slices = np.random.default_rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    by_hand = Layered(*(load_network(weights / name) for name in LITERT), mirror=True)
    for name in ("tumor_temperature", "mask_temperature"):
        getattr(by_hand, name).assign(CHOICES[name])
    light = Predictor(reference.reference_model(shipped)).stages(slices)
    for output, value in by_hand.stages(slices).items():
        assert np.allclose(predictor.stages(slices)[output], value, atol=1e-6)
        assert np.allclose(light[output], value, atol=0.01)  # its weights were merged before they were rounded
    before = saved_model.stat().st_mtime_ns
    assert reference.reference_saved_model(shipped, weights, saved_model.parent) == saved_model
    assert saved_model.stat().st_mtime_ns == before


def test_a_missing_model_or_missing_weights_are_reported_with_a_remedy(shipped, tmp_path):
    with pytest.raises(UserError, match="no reference model there; check the project out again"):
        reference.reference_model(tmp_path / "nowhere")
    with pytest.raises(UserError, match="which only a checkout of the project has; leave --engine out"):
        reference.reference_saved_model(shipped, tmp_path / "nowhere", tmp_path / "models")


@pytest.mark.nightly
@pytest.mark.parametrize("file", ["segmenter/network.weights.h5", "classifier/network.json"])
def test_damaged_weights_are_reported_and_not_confused_with_earlier_ones(shipped, weights, saved_model, tmp_path, file):
    damaged = shutil.copytree(weights, tmp_path / "damaged")
    (damaged / file).write_bytes((damaged / file).read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged reference model; restore it with `git checkout`"):
        reference.reference_saved_model(shipped, damaged, saved_model.parent)
    assert list(saved_model.parent.iterdir()) == [saved_model]


@pytest.mark.nightly
def test_other_choices_make_another_model_folder(shipped, weights, saved_model, tmp_path):
    other = shutil.copytree(shipped, tmp_path / "other")
    write_json(other / LAYERED, read_record(other) | {"mask_threshold": 0.6})
    assert reference.reference_saved_model(other, weights, tmp_path / "models").name != saved_model.name


def test_the_reference_is_small_and_has_fingerprints_and_a_model_card():
    files = [path for path in reference.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20e6
    record = json.loads((reference.FOLDER / LAYERED).read_text())
    for network in LITERT:
        people = record["made_from"][network]["people"]
        assert len(people) >= 70
        assert all(len(one) == 16 and int(one, 16) >= 0 for one in people)
    card = (reference.FOLDER / "README.md").read_text()
    assert "Not a medical device" in card


def test_the_reference_loads_by_name_and_finds_nothing_in_empty_slices():
    folder = model_folder("reference")
    assert set(read_litert(folder, read_record(folder))) == set(LITERT)
    predictor = Predictor(folder)
    channels = 3 * (2 * predictor.record["neighbors"] + 1)
    served = predictor.serve(np.zeros((1, 256, 256, channels), np.uint8))
    assert not served["has_tumor"].any()
    assert not served["mask"].any()


@pytest.mark.nightly
def test_the_reference_weights_match_its_litert_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    predictors = Predictor(model_folder("reference")), Predictor(model_folder("reference", "tensorflow"))
    rng = np.random.default_rng(1)
    slices = rng.integers(0, 256, (2, 32, 32, 9), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    outputs = [predictor.stages(slices) for predictor in predictors]
    for name, value in outputs[0].items():
        assert np.abs(value - outputs[1][name]).mean() < 0.005, name
