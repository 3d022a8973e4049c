"""Decisions through the API of the page: what is kept, the order of the patients, and that nothing is overwritten."""

from __future__ import annotations

import csv
import gzip

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from review_client import KINDS, SIZE, reviewing, write_source

from components.scans.own_voxels import mask_hash, to_own
from components.scans.scan_files import mask_path, write_mask
from components.sources.inputs import open_input
from components.sources.reading import Options


def read_table(folder):
    with (folder / "reviewed" / "reviews.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", KINDS)
def test_a_corrected_mask_is_stored_where_it_was_drawn(tmp_path, kind):
    """Its voxels have the world coordinates of those of the scan, in the source's own axes."""
    with reviewing(tmp_path, kind) as client:
        opened_patient = client.session.open(0)
        mask = opened_patient.start.copy()
        mask[tuple(size // 2 for size in mask.shape)] ^= True
        assert client.decide("corrected", mask=mask).json() == {"state": "corrected", "revision": 1, "note": ""}
        flair = nib.Nifti1Image.from_bytes(client("GET", "/patients/0/layers/flair").content)
    kept = nib.load(tmp_path / "reviewed" / "revisions" / opened_patient.scan.patient / "0001" / "mask.nii.gz")
    assert kept.shape == flair.shape == mask.shape
    np.testing.assert_allclose(kept.affine, flair.affine, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(kept.dataobj), mask)
    if kind not in ("kaggle", "dicom"):
        own = nib.load(next(tmp_path.glob(f"scans/{opened_patient.scan.patient}/*flair*")))
        np.testing.assert_allclose(kept.affine, own.affine, atol=1e-4)
        assert kept.shape == own.shape


@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_shown_first_is_that_of_the_model(tmp_path, kind):
    with reviewing(tmp_path, kind, names=("P1",)) as client:
        opened_patient = client.session.open(0)
        assert opened_patient.reference is not None
        assert opened_patient.start.sum() == opened_patient.reference.sum() + 4
        assert (opened_patient.start | ~opened_patient.reference).all()


@pytest.mark.parametrize("kind", ["kaggle", "turned", "dicom"])
def test_the_probability_map_lies_over_the_mask(tmp_path, kind):
    """The map's grid may have other axes, so positions in the patient are compared."""
    with reviewing(tmp_path, kind, names=("P1",)) as client:
        assert client.details()["probability"]
        probability = nib.Nifti1Image.from_bytes(client("GET", "/patients/0/layers/probability").content)
        mask = nib.Nifti1Image.from_bytes(client("GET", "/patients/0/layers/start").content)
    places = [
        sorted(map(tuple, np.round(apply_affine(one.affine, np.argwhere(np.asarray(one.dataobj) > 200)), 2)))
        for one in (probability, nib.Nifti1Image(255 * (np.asarray(mask.dataobj) > 0).astype(np.uint8), mask.affine))
    ]
    assert places[0] == places[1]
    assert np.asarray(probability.dataobj).max() == round(0.9 * 255)


def test_the_list_starts_with_the_most_doubtful_and_shows_states(tmp_path):
    with reviewing(tmp_path, names=("P1", "P2", "P3")) as client:
        assert client.decide("accepted", 1).status_code == 200
        assert client.decide("rejected", 2, reason="unsure").status_code == 200
        listed = client("GET", "/patients").json()
    assert [(row["patient"], row["state"]) for row in listed["patients"]] == [
        ("P3", "open"), ("P2", "accepted"), ("P1", "rejected"),
    ]  # fmt: skip
    assert listed["patients"][0]["doubt"] == pytest.approx(0.3)
    assert listed["position"] == 2


def test_a_row_records_reviewer_decision_scan_and_mask_change(tmp_path):
    with reviewing(tmp_path) as client:
        opened_patient = client.session.open(0)
        mask = np.zeros_like(opened_patient.start)
        mask[0, 0, 0] = True
        client.decide("corrected", mask=mask)
    (row,) = read_table(tmp_path)
    assert row["utc"].endswith("Z")
    kept = {name: row[name] for name in row if name != "utc"}
    assert kept == {
        "patient": "P2", "revision": "1", "decision": "corrected", "reviewer": "Dr. Gold", "seconds": "3.5",
        "reason": "", "scan": opened_patient.hash, "model": "d" * 64,
        "before": mask_hash(opened_patient.start), "after": mask_hash(mask), "dice": "0.0",
    }  # fmt: skip


def test_a_second_decision_is_a_second_revision_and_the_first_is_kept(tmp_path):
    with reviewing(tmp_path) as client:
        client.decide("accepted")
        first = (tmp_path / "reviewed" / "revisions" / "P2" / "0001" / "decision.json").read_bytes()
        mask = client.session.open(0).start.copy()
        mask[0, 0, 0] = True
        assert client.decide("corrected", mask=mask).json()["revision"] == 2
    with reviewing(tmp_path) as client:  # after a restart, too
        assert client.decide("rejected", reason="not a brain").json()["revision"] == 3
        assert client.session.revisions.latest("P2").reason == "not a brain"
    assert (tmp_path / "reviewed" / "revisions" / "P2" / "0001" / "decision.json").read_bytes() == first
    assert [row["decision"] for row in read_table(tmp_path)] == ["accepted", "corrected", "rejected"]


def test_an_outdated_page_is_refused(tmp_path):
    with reviewing(tmp_path) as client:
        client.decide("accepted")
        answer = client.decide("rejected", reason="unsure", base=0)
        assert answer.status_code == 409
        assert len(read_table(tmp_path)) == 1


def test_a_draft_survives_a_restart_and_ends_with_the_decision(tmp_path):
    with reviewing(tmp_path) as client:
        mask = client.session.open(0).start.copy()
        mask[1, 2, 3] ^= True
        kind = {"content-type": "application/octet-stream"}
        sent = gzip.compress(client.nifti(mask))
        scan = {"scan": client.details()["scan"]}
        assert client("PUT", "/patients/0/draft", content=sent, headers=kind, params=scan).status_code == 200
    with reviewing(tmp_path) as client:
        assert client("GET", "/patients").json()["patients"][0]["draft"]
        drawn = nib.Nifti1Image.from_bytes(client("GET", "/patients/0/layers/drawn").content)
        np.testing.assert_array_equal(np.asarray(drawn.dataobj), mask)
        client.decide("corrected", mask=mask)
        assert not client.details()["draft"]


@pytest.mark.parametrize("kind", ["kaggle", "nifti", "oblique", "dicom"])
def test_the_held_out_prediction_is_shown_beside_a_reference(tmp_path, kind):
    """The mask to edit is the reference; a cross-validation stored the prediction, on the slices of data/scans."""
    source = write_source(tmp_path / "scans", kind, ("P1", "P2"))
    with open_input(str(source)) as opened:
        scan = opened.read("P1", Options(size=SIZE, spacing=1.0)).scan
    prediction = np.roll(scan.mask, 3, axis=2)
    (tmp_path / "folds" / "fold-1").mkdir(parents=True)
    write_mask(mask_path(tmp_path / "folds" / "fold-1", "P1"), prediction, scan.affine)
    scores = tmp_path / "crossval.csv"
    scores.write_text("patient,volume_dice,predicted_voxels,fold\nP1,0.2,8,1\nP2,0.9,8,0\n")
    task = {"found": scores, "references": True, "folds": tmp_path / "folds"}
    with reviewing(tmp_path, **task) as client:
        assert [client.details(number)["prediction"] for number in (0, 1)] == [True, False]
        shown = nib.Nifti1Image.from_bytes(client("GET", "/patients/0/layers/prediction").content)
        assert client("GET", "/patients/1/layers/prediction").status_code == 404
        opened_patient = client.session.open(0)
        np.testing.assert_allclose(shown.affine, opened_patient.geometry.affine, atol=1e-4)
        expected = to_own(opened_patient.scan, np.roll(opened_patient.scan.mask, 3, axis=2).astype(np.uint8)) > 0
        np.testing.assert_array_equal(np.asarray(shown.dataobj) > 0, expected)
        np.testing.assert_array_equal(client.session.open(0).start, opened_patient.reference)
        mask_path(tmp_path / "folds" / "fold-1", "P1").write_bytes(b"no volume")
        answer = client("GET", "/patients/0/layers/prediction")
        assert "held-out prediction can't be read" in answer.json()["error"]


def test_references_are_ordered_by_disagreement_with_predictions(tmp_path):
    with reviewing(tmp_path, names=("P1", "P2", "P3")):
        pass
    scores = tmp_path / "crossval.csv"
    scores.write_text(
        "patient,volume_dice,reference_ml,reference_voxels,predicted_voxels\nP1,0.9,1.5,1500,9\nP2,0.2,2,2000,8\n"
        "P3,,0,0,7\n"
    )
    with reviewing(tmp_path, found=scores, references=True, out=tmp_path / "other") as client:
        listed = client("GET", "/patients").json()
        assert listed["references"]
        assert [row["patient"] for row in listed["patients"]] == ["P3", "P2", "P1"]
        opened_patient = client.session.open(1)
        np.testing.assert_array_equal(opened_patient.start, opened_patient.reference)
        assert client.decide("accepted", 1).json()["state"] == "accepted"
        assert client.session.revisions.latest("P2").model == ""
