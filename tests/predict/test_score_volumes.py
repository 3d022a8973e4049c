"""Volumes are scored on the slices that they were predicted from, or not at all."""

from __future__ import annotations

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from layered_models import write_layered
from prediction_runs import NO_OPTIONS
from scan_writers import write_nifti

from components.common.errors import UserError
from components.sources import open_source
from pipelines import predicting

SLICES = {"size": 48, "spacing": 1.5, "channels": ["pre", "flair", "post"]}
MODELS = {"usual": SLICES, "same slices": SLICES, "other slices": SLICES | {"size": 64}}


@pytest.fixture(scope="module")
def place(demo_source, tmp_path_factory):
    """A folder with scans in `in`, a model for each of `MODELS`, and a prediction by the usual one in `out`."""
    folder = tmp_path_factory.mktemp("volumes")
    with open_source(demo_source) as source:
        write_nifti(folder / "in", source.read(source.patients[0]).scan)
    for cut, (name, slices) in enumerate(MODELS.items(), start=30):
        write_layered(folder / name, cut=float(cut), slices=slices)
    predicting.run((str(folder / "in"),), str(folder / "usual"), str(folder / "out"), **NO_OPTIONS)
    return folder


@pytest.fixture
def unrecorded(place, tmp_path):
    """The same prediction as an earlier version wrote it."""
    shutil.copytree(place / "out", tmp_path / "out")
    (record,) = (tmp_path / "out" / "patients").glob("*.json")
    known = json.loads(record.read_text(encoding="utf-8"))
    del known["read_with"]
    record.write_text(json.dumps(known), encoding="utf-8")
    return tmp_path / "out"


def dice(predictions, place, model=None):
    scores = predicting.score(str(predictions), str(place / "in"), model and str(model))
    return json.loads(scores)["layered"]["volume_dice_mean"]


def test_a_prediction_is_scored_on_the_slices_it_was_made_from(place):
    found = dice(place / "out", place)
    assert 0.5 < found < 1
    for predictions in (place / "out", place / "out" / "predictions.csv"):
        for model in (None, place / "usual", place / "same slices"):
            assert dice(predictions, place, model) == found


def test_a_model_for_other_slices_than_those_predicted_is_refused(place):
    with pytest.raises(UserError, match=r"slices of 64 pixels of 1.5 mm.* from slices of 48 pixels.*leave --model out"):
        dice(place / "out", place, place / "other slices")


def test_an_older_prediction_of_volumes_needs_the_model_that_made_it(place, unrecorded, tmp_path):
    shutil.copy(unrecorded / "predictions.csv", tmp_path / "of_another_program.csv")
    for predictions in (unrecorded, unrecorded / "predictions.csv", tmp_path / "of_another_program.csv"):
        with pytest.raises(UserError, match=r"does not record how volumes were resampled.*name the model") as error:
            dice(predictions, place)
        assert "\n" not in str(error.value)
        assert dice(predictions, place, place / "usual") == dice(place / "out", place)


@pytest.mark.parametrize("model", ["same slices", "other slices"])
def test_an_older_prediction_is_not_scored_as_another_models(place, unrecorded, model):
    with pytest.raises(UserError, match="is not the model that predicted"):
        dice(unrecorded, place, place / model)


def test_scans_other_than_those_predicted_are_counted_and_said(place, tmp_path, capsys):
    assert json.loads(predicting.score(str(place / "out"), str(place / "in"), None))["other_scans"] == 0
    assert capsys.readouterr().err == ""
    shutil.copytree(place / "in", tmp_path / "in")
    (flair,) = (tmp_path / "in").rglob("*flair.nii.gz")
    found = nib.load(flair)
    nib.save(nib.Nifti1Image(np.asarray(found.dataobj)[::-1], found.affine), flair)
    assert json.loads(predicting.score(str(place / "out"), str(tmp_path / "in"), None))["other_scans"] == 1
    assert "not, voxel by voxel, those that were predicted: 1;" in capsys.readouterr().err
