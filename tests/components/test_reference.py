"""The model that comes with the project, and how it becomes a layered model."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from components import reference
from components.assemble import write
from components.errors import UserError
from components.prediction import Predictor
from components.registry.resolve import model_folder
from models.layered import Layered
from models.storage import build, halve, load_network, save_network

SHAPES = {
    "classifier": {"name": "MobileNet", "weights": "none", "size": 32, "strategy": "finetune", "pooling": "avg"},
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


def test_it_becomes_a_layered_model_with_its_choices_once(shipped, tmp_path):
    place = reference.reference_model(shipped, tmp_path / "models")
    predictor = Predictor(place)
    assert predictor.record == CHOSEN
    slices = np.random.default_rng(1).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    by_hand = tmp_path / "by_hand"
    networks = (load_network(shipped / name) for name in reference.NETWORKS)
    write(Layered(*networks, mirror=True), CHOSEN, by_hand)
    for output, value in Predictor(by_hand).stages(slices).items():
        assert np.allclose(predictor.stages(slices)[output], value, atol=1e-6)
    before = place.stat().st_mtime_ns
    assert reference.reference_model(shipped, tmp_path / "models") == place
    assert place.stat().st_mtime_ns == before


def test_other_weights_are_another_model(shipped, tmp_path):
    other = shutil.copytree(shipped, tmp_path / "other")
    (other / reference.CHOICES).write_text(json.dumps(CHOSEN | {"mask_threshold": 0.5}))
    places = {reference.reference_model(folder, tmp_path / "models") for folder in (shipped, other)}
    assert len(places) == 2


def test_without_weights_or_with_damaged_ones_it_says_what_to_do(shipped, tmp_path):
    with pytest.raises(UserError, match="no reference model there; check the project out anew"):
        reference.reference_model(tmp_path / "nowhere", tmp_path / "models")
    damaged = shutil.copytree(shipped, tmp_path / "damaged")
    weights = damaged / "segmenter" / "network.weights.h5"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged reference model; restore it with `git checkout reference`"):
        reference.reference_model(damaged, tmp_path / "models")
    assert not list((tmp_path / "models").glob("reference-*"))


def test_the_projects_own_is_small_knows_its_patients_by_fingerprint_and_has_a_card(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [path for path in reference.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20e6
    record = json.loads((reference.FOLDER / reference.CHOICES).read_text())
    for network in reference.NETWORKS:
        people = record["made_from"][network]["people"]
        assert len(people) >= 70
        assert all(len(one) == 16 and int(one, 16) >= 0 for one in people)
    card = (reference.FOLDER / "README.md").read_text()
    assert "Not a medical device" in card
    predictor = Predictor(model_folder("reference"))
    channels = 3 * (2 * record["neighbors"] + 1)
    served = predictor.serve(np.zeros((1, 256, 256, channels), np.uint8))
    assert not served["has_tumor"].any()
    assert not served["mask"].any()
