"""Scores of predictions.csv against known masks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scan_writers import make_scan, write_kaggle

from components.common.errors import UserError
from components.predict.score import score
from components.scans import rle
from pipelines import predicting

NAMES = ("TCGA_DU_0001_19990101", "TCGA_DU_0002_19990101")
HEADER = "patient,slice,tumor_probability,has_tumor,EncodedPixels"


@pytest.fixture
def truth(tmp_path):
    for name in NAMES:
        write_kaggle(tmp_path / "in", make_scan(name))
    return str(tmp_path / "in")


def write_table(path, masks, probability=0.9):
    """Write predictions.csv; slices with an empty mask get the probability 1 - `probability`."""
    lines = [HEADER]
    for name, mask in masks.items():
        for number, slice_mask in enumerate(mask, start=1):
            p = probability if slice_mask.any() else 1 - probability
            lines.append(f"{name},{number},{p},{int(slice_mask.any())},{rle.encode(slice_mask)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_reference_itself_scores_one(truth, tmp_path):
    found = score(write_table(tmp_path / "p.csv", {name: make_scan(name).mask for name in NAMES}), truth)
    assert found["layered"]["volume_dice_mean"] == 1
    assert (found["classifier"]["auroc"], found["classifier"]["sensitivity"]) == (1, 1)
    assert found["unscored"] == {"without_truth": 0, "without_prediction": 0}


def test_scores_equal_those_computed_by_hand(truth, tmp_path):
    half = make_scan(NAMES[0]).mask.copy()
    half[:, :, 10:] = False  # four of eight columns
    masks = {NAMES[0]: half, NAMES[1]: np.zeros_like(half)}
    found = score(write_table(tmp_path / "p.csv", masks), truth)
    by_name = {one["patient"]: one for one in found["patients"]}
    assert by_name[NAMES[0]]["volume_dice"] == pytest.approx(2 / 3)
    assert by_name[NAMES[1]]["volume_dice"] == 0
    assert found["layered"]["volume_dice_mean"] == pytest.approx(1 / 3)
    assert found["layered"]["missed_patients"] == 1
    assert found["classifier"]["sensitivity"] == 0.5
    assert found["classifier"]["specificity"] == 1


def test_patients_without_truth_or_prediction_are_counted(truth, tmp_path):
    masks = {name: make_scan(name).mask for name in (NAMES[0], "somebody_else")}
    found = score(write_table(tmp_path / "p.csv", masks), truth)
    assert found["unscored"] == {"without_truth": 1, "without_prediction": 1}
    assert [one["patient"] for one in found["patients"]] == [NAMES[0]]


def test_the_printed_scores_are_json(truth, tmp_path):
    path = write_table(tmp_path / "predictions.csv", {name: make_scan(name).mask for name in NAMES})
    assert path.parent == tmp_path
    assert json.loads(predicting.score(str(tmp_path), truth, None))["layered"]["patients"] == 2


BROKEN = {
    "other columns": ("patient,slice\nx,1\n", "its columns are not"),
    "words": (f"{HEADER}\n{NAMES[0]},one,0.5,1,\n", "not readable as a table"),
    "probability": (f"{HEADER}\n{NAMES[0]},1,1.5,1,\n", "probabilities must be 0 to 1"),
    "NaN": (f"{HEADER}\n{NAMES[0]},1,nan,1,\n", "probabilities must be 0 to 1"),
    "too few slices": (f"{HEADER}\n{NAMES[0]},1,0.5,1,\n", "are not those of slices 1 to 6"),
    "nobody": (f"{HEADER}\nx,1,0.5,1,\n", "holds none of the patients"),
    "runs": (
        HEADER + "".join(f"\n{NAMES[0]},{i},0.5,1,9999 2" for i in range(1, 7)),
        "EncodedPixels: a run outside of",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_table_is_refused_in_one_line(truth, tmp_path, kind):
    text, message = BROKEN[kind]
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        score(tmp_path / "p.csv", truth)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="not readable as a table"):
        score(tmp_path / "nothing.csv", truth)
