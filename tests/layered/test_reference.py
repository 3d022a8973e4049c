"""The model that comes with the project, and how it becomes a layered model."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from small_backbone import Small

from components.common.errors import UserError
from components.layered import reference
from components.layered.predictor import Predictor
from components.registry.resolve import model_folder
from models.networks.network_files import build, halve, load_network, save_network
from models.serving.layered_model import Layered

SHAPES = {
    "classifier": {"name": Small.__name__, "weights": "none", "size": 32, "strategy": "finetune", "pooling": "avg"},
    "segmenter": {"filters": [2, 2], "size": 32, "normalization": "unit"},
}
CHOSEN = {
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
def shipped(tmp_path_factory):
    """A folder like the project's own, of tiny networks."""
    folder = tmp_path_factory.mktemp("shipped")
    for name, arguments in SHAPES.items():
        save_network(folder / "whole" / name, build(name, arguments), arguments)
        halve(folder / "whole" / name, folder / name)
    (folder / reference.CHOICES).write_text(json.dumps(CHOSEN))
    shutil.rmtree(folder / "whole")
    return folder


@pytest.fixture(scope="module")
def place(shipped, tmp_path_factory):
    """The layered model of those networks, as it is written."""
    return reference.reference_model(shipped, tmp_path_factory.mktemp("written") / "models")


def test_it_becomes_a_layered_model_with_its_choices_once(shipped, place):
    predictor = Predictor(place)
    assert predictor.record == CHOSEN
    slices = np.random.default_rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    networks = (load_network(shipped / name) for name in reference.NETWORKS)
    by_hand = Layered(*networks, mirror=True)
    for name in ("tumor_temperature", "mask_temperature"):
        getattr(by_hand, name).assign(CHOSEN[name])
    for output, value in by_hand.stages(slices).items():
        assert np.allclose(predictor.stages(slices)[output], value, atol=1e-6)
    before = place.stat().st_mtime_ns
    assert reference.reference_model(shipped, place.parent) == place
    assert place.stat().st_mtime_ns == before


def test_without_weights_it_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="no reference model there; check the project out anew"):
        reference.reference_model(tmp_path / "nowhere", tmp_path / "models")


@pytest.mark.parametrize("file", ["segmenter/network.weights.h5", "classifier/network.json", reference.CHOICES])
def test_other_files_are_not_taken_for_the_model_of_before_and_damaged_ones_are_told(shipped, place, tmp_path, file):
    damaged = shutil.copytree(shipped, tmp_path / "damaged")
    (damaged / file).write_bytes((damaged / file).read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged reference model; restore it with `git checkout reference`"):
        reference.reference_model(damaged, place.parent)
    assert list(place.parent.iterdir()) == [place]


def test_the_projects_own_is_small_knows_its_patients_by_fingerprint_and_has_a_card():
    files = [path for path in reference.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20e6
    record = json.loads((reference.FOLDER / reference.CHOICES).read_text())
    for network in reference.NETWORKS:
        people = record["made_from"][network]["people"]
        assert len(people) >= 70
        assert all(len(one) == 16 and int(one, 16) >= 0 for one in people)
    card = (reference.FOLDER / "README.md").read_text()
    assert "Not a medical device" in card


def test_the_projects_own_networks_are_whole_and_see_nothing_where_nothing_is():
    record = json.loads((reference.FOLDER / reference.CHOICES).read_text())
    networks = (load_network(reference.FOLDER / name) for name in reference.NETWORKS)
    choices = {name: record[name] for name in ("tumor_threshold", "mask_threshold", "mirror")}
    served = Layered(*networks, **choices).serve(np.zeros((1, 256, 256, 3 * (2 * record["neighbors"] + 1)), np.uint8))
    assert not served["has_tumor"].numpy().any()
    assert not served["mask"].numpy().any()


@pytest.mark.nightly
def test_the_projects_own_is_unpacked_and_answers_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    predictor = Predictor(model_folder("reference"))
    channels = 3 * (2 * predictor.record["neighbors"] + 1)
    served = predictor.serve(np.zeros((1, 256, 256, channels), np.uint8))
    assert not served["has_tumor"].any()
    assert not served["mask"].any()
