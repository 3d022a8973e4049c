"""Masks, decisions and reviews that are refused, in one line, and change nothing."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest
from review_client import reviewing

from components.common.errors import UserError
from components.review.own_scan import as_nifti


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
