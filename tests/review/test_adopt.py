"""Adoption of reviewed masks into a source: in its own format, all or none, with their history in reviews.csv."""

from __future__ import annotations

import csv
import os
import shutil

import numpy as np
import pytest
from in_process import glioflow
from review_client import KINDS, reviewing, write_predictions, write_source

from components.adopt.adoption import adopt
from components.common.errors import UserError
from components.review.own_scan import OWN
from components.sources import open_source


def read_files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def make_review(folder, kind, names=("P1", "P2", "P3")):
    """Make a review in which the first patient of the list is corrected, the second accepted, the third rejected."""
    with reviewing(folder, kind, names) as client:
        mask = client.session.open(0).start.copy()
        mask[tuple(size // 2 for size in mask.shape)] ^= True
        assert client.decide("corrected", mask=mask).status_code == 200
        client.decide("accepted", 1)
        client.decide("rejected", 2, reason="unsure")
    return folder / "reviewed"


def read_masks(source):
    with open_source(source) as opened:
        return {patient: opened.read(patient, OWN).scan.mask for patient in opened.patients}


@pytest.mark.parametrize("kind", KINDS)
def test_masks_replace_those_of_the_source_in_its_format(tmp_path, kind):
    reviewed = make_review(tmp_path, kind)
    before, files = read_masks(tmp_path / "scans"), read_files(tmp_path / "scans")
    summary = adopt(reviewed, tmp_path / "scans")
    assert (summary.corrected, summary.accepted, summary.new, summary.train_only) == (1, 1, 0, 0)
    after = read_masks(tmp_path / "scans")
    assert (after["P3"] ^ before["P3"]).sum() == 5
    assert (after["P2"] ^ before["P2"]).sum() == 4
    np.testing.assert_array_equal(after["P1"], before["P1"])
    changed = {name for name, data in read_files(tmp_path / "scans").items() if files.get(name) != data}
    assert all(name == "reviews.csv" or "mask" in name or "seg" in name for name in changed)
    assert set(read_files(tmp_path / "scans")) == {*files, "reviews.csv"}


@pytest.mark.parametrize("kind", ["kaggle", "nifti", "dicom"])
@pytest.mark.parametrize("target_exists", [True, False])
def test_new_patients_are_added_with_their_scans_for_training_only(tmp_path, kind, target_exists):
    reviewed, target = make_review(tmp_path, kind), tmp_path / "source"
    if target_exists:
        write_source(target, kind, ["Q1"])
    summary = adopt(reviewed, target)
    assert (summary.new, summary.train_only) == (2, 2)
    with open_source(target) as opened:
        assert opened.patients == ["P2", "P3", *(["Q1"] if target_exists else [])]
        assert {name: one.train_only for name, one in opened.reviewed.items()} == {"P2": 1, "P3": 1}
        assert opened.reviewed["P3"].review == "corrected"
        assert opened.reviewed["P3"].review_by == f"{summary.name} Dr. Gold"
        assert [str(problem) for problem in opened.problems] == []


def test_new_patients_may_be_tested_on_if_asked(tmp_path):
    assert adopt(make_review(tmp_path, "kaggle"), tmp_path / "source", test_too=True).train_only == 0


def test_a_reviewed_reference_is_not_training_only(tmp_path):
    with reviewing(tmp_path, names=("P1", "P2")):
        pass
    scores = tmp_path / "crossval.csv"
    scores.write_text("patient,volume_dice,predicted_voxels\nP1,0.9,9\nP2,0.2,8\n")
    with reviewing(tmp_path, found=scores, references=True, out=tmp_path / "other") as client:
        client.decide("accepted")
    assert adopt(tmp_path / "other", tmp_path / "source").train_only == 0


def test_reviews_csv_holds_the_whole_history(tmp_path):
    reviewed = make_review(tmp_path, "kaggle")
    adopt(reviewed, tmp_path / "scans")
    with pytest.raises(UserError, match="holds no accepted or corrected mask"):
        adopt(reviewed, tmp_path / "scans")
    with reviewing(tmp_path) as client:
        client.decide("accepted", 2)
    adopt(reviewed, tmp_path / "scans")
    with (tmp_path / "scans" / "reviews.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["patient"], row["decision"], row["began"]) for row in rows] == [
        ("P2", "accepted", "model"), ("P3", "corrected", "model"), ("P1", "accepted", "model"),
    ]  # fmt: skip
    assert rows[0]["review"] == rows[1]["review"] != rows[2]["review"]


def replace_scan(folder):
    shutil.rmtree(folder / "scans" / "P3")
    other = write_source(folder / "other", "kaggle", ["P9"]) / "P9"
    for path in sorted(other.iterdir()):
        target = folder / "scans" / "P3" / path.name.replace("P9", "P3")
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)


def replace_mask(folder):
    masks = sorted((folder / "reviewed" / "revisions").glob("*/0001/mask.nii.gz"))
    shutil.copy(masks[0], masks[1])


def replace_by_a_link(folder):
    (folder / "scans" / "P3").rename(folder / "elsewhere")
    (folder / "scans" / "P3").symlink_to(folder / "elsewhere")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (replace_scan, "P3 is not the scan that was reviewed"),
        (replace_mask, "not the mask that was decided on"),
        (replace_by_a_link, "P3: is a link to another place"),
    ],
)
def test_a_mismatched_review_changes_nothing(tmp_path, damage, reason):
    reviewed = make_review(tmp_path, "kaggle")
    damage(tmp_path)
    before = read_files(tmp_path / "scans")
    with pytest.raises(UserError, match=reason):
        adopt(reviewed, tmp_path / "scans")
    assert read_files(tmp_path / "scans") == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_source_of_another_format_is_refused(tmp_path):
    reviewed = make_review(tmp_path, "kaggle")
    write_source(tmp_path / "other", "nifti", ["Q1"])
    with pytest.raises(UserError, match="is in a different format"):
        adopt(reviewed, tmp_path / "other")


def test_adoption_during_a_review_is_refused(tmp_path):
    reviewed = make_review(tmp_path, "kaggle")
    with reviewing(tmp_path), pytest.raises(UserError, match=r"Dr\. Gold is reviewing there"):
        adopt(reviewed, tmp_path / "scans")


def test_a_test_patient_gets_no_mask_that_began_as_a_models_outline(tmp_path):
    reviewed = make_review(tmp_path, "kaggle")
    with pytest.raises(UserError, match="P3: this person is in test"):
        adopt(reviewed, tmp_path / "source", splits={"P3": "test"})
    assert not (tmp_path / "source").exists()


def test_files_are_replaced_rather_than_written_in_place(tmp_path):
    """Hard links to files of the old version, as DVC's cache may have them, keep the old bytes."""
    reviewed = make_review(tmp_path, "nifti")
    kept = tmp_path / "cache"
    shutil.copytree(tmp_path / "scans", kept, copy_function=os.link)
    before = read_files(kept)
    adopt(reviewed, tmp_path / "scans")
    assert read_files(kept) == before


def test_predictions_for_scans_without_a_reference_can_be_adopted(tmp_path):
    source = write_source(tmp_path / "scans", "nifti", ["P1", "P2"])
    write_predictions(tmp_path / "found", source)
    for path in source.rglob("*seg*"):
        path.unlink()
    with reviewing(tmp_path, "nifti") as client:
        assert not client.details()["reference"]
        client.decide("accepted")
    adopt(tmp_path / "reviewed", source)
    assert [path.name for path in source.rglob("*seg*")] == ["P2_seg.nii.gz"]


@pytest.mark.parametrize("kind", ["kaggle", "nifti", "dicom"])
def test_an_outline_of_a_patient_without_a_reference_is_for_training_only(tmp_path, kind):
    reviewed, target = make_review(tmp_path, kind), write_source(tmp_path / "source", kind, ["P2", "P3"])
    for path in [path for path in target.rglob("*") if "mask" in path.name or "seg" in path.name]:
        if "P3" in str(path):
            path.unlink()
    done = adopt(reviewed, target)
    assert (done.new, done.train_only) == (0, 1)
    with open_source(target) as opened:
        assert {name: one.train_only for name, one in opened.reviewed.items()} == {"P2": 0, "P3": 1}


def test_an_outline_of_a_tested_person_without_a_reference_is_refused(tmp_path):
    reviewed, target = make_review(tmp_path, "kaggle"), write_source(tmp_path / "source", "kaggle", ["P2", "P3"])
    for path in (target / "P3").glob("*_mask.tif"):
        path.unlink()
    before = read_files(target)
    with pytest.raises(UserError, match="P3: this person is in test"):
        adopt(reviewed, target, splits={"P2": "test", "P3": "test"})
    assert read_files(target) == before


def test_replaced_references_of_test_patients_are_counted(tmp_path):
    make_review(tmp_path, "kaggle")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "splits.csv").write_text(
        "patient,subject,site,split,fold\nP1,P1,x,test,0\nP2,P2,x,train,0\nP3,P3,x,test,0\n"
    )
    found = glioflow("adopt", "reviewed", "--into", "scans", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "warn: references of 1 test patients were replaced" in found.stdout
    with reviewing(tmp_path, "kaggle") as client:
        number = [row.patient for row in client.session.rows].index("P1")
        client.decide("accepted", number)
    found = glioflow("adopt", "reviewed", "--into", "scans", cwd=tmp_path)
    assert "warn: references of 1 test patients were replaced" in found.stdout
    with reviewing(tmp_path, "kaggle") as client:
        client.decide("accepted", number)  # the same mask once more
    found = glioflow("adopt", "reviewed", "--into", "scans", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "replaced" not in found.stdout
