"""Drawings and masks belong to a scan: none is shown on another of the same name."""

from __future__ import annotations

import shutil

import nibabel as nib
import numpy as np
import pytest
from review_client import reviewing, write_predictions


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
