"""Decisions through the API of the page: what is kept, what is refused, and that nothing is overwritten."""

from __future__ import annotations

import csv
import gzip
import shutil

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from review_client import KINDS, SIZE, reviewing, write_predictions, write_source

from components.common.errors import UserError
from components.review.own_scan import as_nifti
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


def draw(client, number=0):
    """Draw on a patient without deciding; returns the mask."""
    mask = ~client.session.open(number).start
    sent = {"content": client.nifti(mask, number), "headers": {"content-type": "application/octet-stream"}}
    scan = {"scan": client.details(number)["scan"]}
    assert client("PUT", f"/patients/{number}/draft", params=scan, **sent).status_code == 200
    return mask


def drawn_on(client, number=0):
    picture = nib.Nifti1Image.from_bytes(client("GET", f"/patients/{number}/layers/drawn").content)
    return np.asarray(picture.dataobj) > 0


def exchange_images(folder, predict=True):
    """Give each of the two patients the images of the other, whose size is the same, and predict them anew."""
    for one in sorted((folder / "scans" / "P1").glob("P1_*[0-9].tif")):
        other = folder / "scans" / "P2" / one.name.replace("P1", "P2")
        pixels = one.read_bytes(), other.read_bytes()
        one.write_bytes(pixels[1])
        other.write_bytes(pixels[0])
    if predict:
        shutil.rmtree(folder / "found")
        write_predictions(folder / "found", folder / "scans")


def test_a_drawing_is_kept_but_not_shown_on_another_scan_of_that_name(tmp_path):
    with reviewing(tmp_path) as client:
        drawing = draw(client)
        assert client.details()["note"] == ""
    (kept,) = (tmp_path / "reviewed" / "drafts").rglob("*.nii.gz")
    exchange_images(tmp_path)
    with reviewing(tmp_path) as client:
        start = client.session.open(0).start
        np.testing.assert_array_equal(drawn_on(client), start)
        assert not client.details()["draft"]
        assert kept.name in client.details()["note"]
        assert not client("GET", "/patients").json()["patients"][0]["draft"]
        client("DELETE", "/patients/0/draft")
        client.decide("accepted")
    exchange_images(tmp_path)
    with reviewing(tmp_path) as client:  # the first scan is back
        np.testing.assert_array_equal(drawn_on(client), drawing)
        assert client.details()["draft"]
        assert "another scan of this name" in client.details()["note"]  # the decision
    kept.rename(kept.parent.with_suffix(".nii.gz"))  # as earlier versions named it: of an unknown scan
    with reviewing(tmp_path) as client:
        np.testing.assert_array_equal(drawn_on(client), start)
        assert "drafts/P2.nii.gz" in client.details()["note"]


def test_a_corrected_mask_is_not_shown_on_another_scan_of_that_name(tmp_path):
    with reviewing(tmp_path) as client:
        mask = ~client.session.open(0).start
        client.decide("corrected", mask=mask)
        np.testing.assert_array_equal(drawn_on(client), mask)
    exchange_images(tmp_path)
    with reviewing(tmp_path) as client:
        np.testing.assert_array_equal(drawn_on(client), client.session.open(0).start)
        assert "another scan of this name" in client.details()["note"]


def test_a_scan_that_replaced_the_predicted_one_is_not_shown_with_its_mask(tmp_path):
    with reviewing(tmp_path):
        pass
    exchange_images(tmp_path, predict=False)
    with reviewing(tmp_path) as client:
        answer = client("GET", "/patients/0")
        assert answer.status_code == 422
        assert "is not the scan that was predicted; predict it again" in answer.json()["error"]


@pytest.mark.parametrize("kind", ["kaggle", "oblique", "dicom"])
def test_a_change_of_reference_masks_leaves_the_scan_what_it_was(tmp_path, kind):
    with reviewing(tmp_path, kind):
        pass
    masks = [path for path in (tmp_path / "scans").rglob("*.*") if "mask" in path.name or "seg" in path.name]
    assert masks
    for path in masks:
        path.unlink()
    with reviewing(tmp_path, kind) as client:
        assert client("GET", "/patients/0").status_code == 200


def bad_masks(opened_patient):
    """Files that are not a mask of this scan, by what is wrong with them."""
    good, affine = opened_patient.start.astype(np.uint8), opened_patient.geometry.affine
    moved = affine.copy()
    moved[0, 3] += 2
    two = good.copy()
    two[0, 0, 0] = 2
    broken = good.astype(np.float32)
    broken[0, 0, 0] = np.nan
    oversized = bytearray(as_nifti(good, affine))
    oversized[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    scaled = nib.Nifti1Image(good, affine)
    scaled.header.set_slope_inter(2, 0)
    return {
        "labels of 2": as_nifti(two, affine),
        "not a number": nib.Nifti1Image(broken, affine).to_bytes(),
        "elsewhere": as_nifti(good, moved),
        "another shape": as_nifti(good[:-1], affine),
        "claims 27 billion voxels": bytes(oversized),
        "scaled": scaled.to_bytes(),
        "ends early": as_nifti(good, affine)[:-1],
        "a bomb": gzip.compress(bytes(1 << 24)),
        "damaged gzip": gzip.compress(as_nifti(good, affine))[:-40],
        "nothing of the kind": b"x" * 400,
        "empty header": bytes(400),
    }


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with reviewing(tmp_path_factory.mktemp("shared"), "oblique") as client:
        yield client


BAD_MASKS = ("labels of 2", "not a number", "elsewhere", "another shape", "claims 27 billion voxels", "scaled",
             "ends early", "a bomb", "damaged gzip", "nothing of the kind", "empty header")  # fmt: skip


@pytest.mark.parametrize("what", BAD_MASKS)
def test_an_invalid_mask_is_refused_in_one_line(client, what):
    answer = client.decide("corrected", mask=bad_masks(client.session.open(0))[what])
    assert answer.status_code == 422
    assert "saved" in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert client.session.revisions.decisions == {}


def test_a_mask_of_two_gigabytes_is_refused_by_its_length(client):
    size = {"content-type": "application/octet-stream", "content-length": str(2 << 30)}
    scan = client.details()["scan"]
    parameters = {"scan": scan, "base": 0, "seconds": 1}
    answer = client("POST", "/patients/0/decisions/corrected", params=parameters, headers=size, content=b"x")
    assert answer.status_code == 413


def test_a_mask_of_another_patient_of_the_same_shape_is_refused(client):
    other = client.details(1)["scan"]
    mask = ~client.session.open(0).start
    assert client.decide("corrected", mask=mask, scan=other).status_code == 409
    assert client.decide("accepted", scan=other).status_code == 409


@pytest.mark.parametrize(
    ("decision", "query"),
    [
        ("rejected", {}),
        ("rejected", {"reason": "ugly"}),
        ("accepted", {"reason": "unsure"}),
        ("corrected", {}),
        ("open", {}),
        ("accepted", {"seconds": -1}),
        ("accepted", {"seconds": 1e9}),
    ],
)
def test_incomplete_or_invalid_decisions_are_refused(client, decision, query):
    assert client.decide(decision, **query).status_code == 422
    assert client.session.revisions.decisions == {}


def test_a_correction_that_changes_nothing_is_refused(client):
    assert client.decide("corrected", mask=client.session.open(0).start).status_code == 422


def test_a_second_reviewer_is_refused_and_the_first_is_named(tmp_path):
    with (
        reviewing(tmp_path),
        pytest.raises(UserError, match=r"Dr\. Gold is reviewing there; wait"),
        reviewing(tmp_path),
    ):
        pass


def test_a_folder_that_is_not_a_review_is_left_alone(tmp_path):
    (tmp_path / "reviewed").mkdir()
    (tmp_path / "reviewed" / "thesis.tex").touch()
    with pytest.raises(UserError, match="holds something other than a review"), reviewing(tmp_path):
        pass


def test_a_review_of_another_model_needs_another_folder(tmp_path):
    with reviewing(tmp_path):
        pass
    run = tmp_path / "found" / "run.json"
    run.write_text(run.read_text().replace("d" * 64, "e" * 64))
    with pytest.raises(UserError, match="holds a review of other model"), reviewing(tmp_path):
        pass


@pytest.mark.parametrize("name", ["", "=cmd|' /C calc'!A0", "a\nb", "x" * 65])
def test_reviewer_names_unsafe_for_a_table_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="--reviewer"), reviewing(tmp_path, reviewer=name):
        pass


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
