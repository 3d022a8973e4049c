from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from test_kaggle_3m import NAME, write_patient

from components.errors import UserError
from components.ingest import ingest, spread
from components.scan import image_path, mask_path, read_scan
from components.sources import open_source
from components.tables import read_manifest


def test_a_scan_survives_the_way_through_nifti(data, demo_source):
    source = open_source(demo_source)
    for name in source.patients[:3]:
        before, after = source.read(name), read_scan(data / "scans", name)
        np.testing.assert_array_equal(before.image, after.image)
        np.testing.assert_array_equal(before.mask, after.mask)
        assert before.spacing == after.spacing


def test_any_viewer_can_open_it(data, demo_source):
    name = open_source(demo_source).patients[0]
    picture, mask = nib.load(image_path(data / "scans", name)), nib.load(mask_path(data / "scans", name))
    assert picture.shape[:3] == mask.shape
    assert picture.shape[3] == 3
    assert np.linalg.det(picture.affine) > 0


def test_the_manifest_has_a_row_a_slice(data, demo_source):
    manifest = read_manifest(data / "manifest.csv")
    source = open_source(demo_source)
    assert sorted(manifest["patient"].unique()) == source.patients
    for name in source.patients:
        scan, rows = source.read(name), manifest[manifest["patient"] == name]
        assert rows["slice"].tolist() == list(range(1, len(scan.image) + 1))
        assert rows["tumor_pixels"].tolist() == scan.mask.sum(axis=(1, 2)).tolist()
        assert (rows["has_tumor"] == (rows["tumor_pixels"] > 0)).all()
        assert (rows["synthetic"] == 1).all()


def test_the_same_source_gives_the_same_bytes(tmp_path, demo_source, data):
    ingest(demo_source, tmp_path / "scans", tmp_path / "manifest.csv")
    for path in sorted(tmp_path.rglob("*.*")):
        assert path.read_bytes() == (data / path.relative_to(tmp_path)).read_bytes()


def test_a_broken_patient_leaves_nothing_behind(tmp_path):
    for number in range(4):
        write_patient(tmp_path / "source", name=f"{NAME[:-1]}{number}", slices=3)
    (tmp_path / "source" / f"{NAME[:-1]}3" / f"{NAME[:-1]}3_2_mask.tif").unlink()
    with pytest.raises(UserError, match="missing mask"):
        ingest(tmp_path / "source", tmp_path / "out" / "scans", tmp_path / "out" / "manifest.csv")
    assert list((tmp_path / "out").iterdir()) == []


def test_names_that_look_like_numbers_stay_names(tmp_path):
    for name in ("007", "1e5", "42"):
        write_patient(tmp_path / "source", name=name, slices=2)
    ingest(tmp_path / "source", tmp_path / "scans", tmp_path / "manifest.csv")
    assert sorted(read_manifest(tmp_path / "manifest.csv")["patient"].unique()) == ["007", "1e5", "42"]


def test_two_patients_are_too_few(tmp_path):
    for name in ("a", "b"):
        write_patient(tmp_path / "source", name=name, slices=2)
    with pytest.raises(UserError, match="3 or more"):
        ingest(tmp_path / "source", tmp_path / "scans", tmp_path / "manifest.csv")


@pytest.mark.parametrize(("count", "expected"), [(None, 10), (10, 10), (99, 10), (4, 4), (1, 1)])
def test_a_subset_is_spread_over_the_names(count, expected):
    names = [f"p{i}" for i in range(10)]
    picked = spread(names, count)
    assert len(set(picked)) == len(picked) == expected
    assert picked == sorted(picked)
    if count == 4:
        assert picked == ["p0", "p2", "p5", "p7"]


def test_a_blank_slice_has_no_hash(tmp_path):
    from components.ingest import manifest_rows
    from components.scan import Scan

    image = np.zeros((2, 4, 4, 3), np.uint8)
    image[1, 0, 0, 0] = 1
    rows = list(manifest_rows(Scan("p", "s", image, np.zeros((2, 4, 4), bool)), synthetic=False))
    assert rows[0]["pixel_hash"] == ""
    assert len(rows[1]["pixel_hash"]) == 16
