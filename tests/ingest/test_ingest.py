"""Stage ingest: the scans and the manifest that it writes, and which patients it refuses or quarantines."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import ingest_into
from scan_writers import NAME, make_scan, write_kaggle

from components.common.errors import UserError
from components.common.tables import read_manifest
from components.ingest.stage import evenly_spaced
from components.scans.scan_files import image_path, mask_path, read_scan
from components.scans.slice_features import describe
from components.sources import open_source


def write_patients(folder, names):
    for name in names:
        write_kaggle(folder, make_scan(name))


@pytest.fixture
def three_patients(tmp_path):
    """A source of three patients, and their names."""
    names = [f"{NAME[:-1]}{number}" for number in range(3)]
    write_patients(tmp_path / "source", names)
    return tmp_path / "source", names


def problems_in(folder):
    return pd.read_csv(folder / "problems.csv")


def test_a_scan_survives_a_round_trip_through_nifti(data, demo_source):
    with open_source(demo_source) as source:
        pairs = [(source.read(name).scan, read_scan(data / "scans", name)) for name in source.patients[:3]]
    for before, after in pairs:
        np.testing.assert_array_equal(before.image, after.image)
        np.testing.assert_array_equal(before.mask, after.mask)
        assert before.spacing == after.spacing


def test_ingested_scans_are_plain_nifti_files(data, demo_source):
    with open_source(demo_source) as source:
        name = source.patients[0]
    picture, mask = nib.load(image_path(data / "scans", name)), nib.load(mask_path(data / "scans", name))
    assert picture.shape[:3] == mask.shape
    assert picture.shape[3] == 3
    assert np.linalg.det(picture.affine) > 0


def test_the_manifest_has_one_row_per_slice(data, demo_source):
    manifest = read_manifest(data / "manifest.csv")
    with open_source(demo_source) as source:
        scans = {name: source.read(name).scan for name in source.patients}
    assert sorted(manifest["patient"].unique()) == list(scans)
    for name, scan in scans.items():
        rows = manifest[manifest["patient"] == name]
        assert rows["slice"].tolist() == list(range(1, len(scan.image) + 1))
        assert rows["tumor_pixels"].tolist() == scan.mask.sum(axis=(1, 2)).tolist()
        assert (rows["has_tumor"] == (rows["tumor_pixels"] > 0)).all()
        assert (rows["synthetic"] == 1).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_source_gives_the_same_bytes(tmp_path, demo_source, data, workers):
    ingest_into(tmp_path, demo_source, workers=workers)
    written = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) > 2
    for path in written:
        assert path.read_bytes() == (data / path.relative_to(tmp_path)).read_bytes()


def test_a_refused_source_leaves_only_its_problems(tmp_path, three_patients):
    source, names = three_patients
    (source / names[2] / f"{names[2]}_2_mask.tif").unlink()
    (source / names[1] / f"{names[1]}_3.tif").write_bytes(b"II*")
    with pytest.raises(UserError, match=r"not a readable image .* \(and 1 more, all in .*problems.csv\)"):
        ingest_into(tmp_path / "out", source)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["problems.csv"]
    found = problems_in(tmp_path / "out")
    assert list(zip(found["kind"], found["patient"], found["action"], strict=True)) == [
        ("unreadable", names[1], "refuse"),
        ("missing_mask", names[2], "refuse"),
    ]


def test_a_refused_source_leaves_earlier_output_untouched(tmp_path, three_patients):
    source, names = three_patients
    ingest_into(tmp_path / "out", source)
    before = {path: path.read_bytes() for path in (tmp_path / "out" / "scans").iterdir()}
    (source / names[2] / f"{names[2]}_2_mask.tif").unlink()
    with pytest.raises(UserError):
        ingest_into(tmp_path / "out", source)
    assert {path: path.read_bytes() for path in (tmp_path / "out" / "scans").iterdir()} == before
    assert read_manifest(tmp_path / "out" / "manifest.csv")["patient"].nunique() == 3


def test_quarantine_leaves_the_patient_out(tmp_path, three_patients):
    source, names = three_patients
    write_patients(source, ["extra"])
    (source / names[1] / f"{names[1]}_2_mask.tif").unlink()
    manifest = ingest_into(tmp_path / "out", source, policy={"missing_mask": "quarantine"})
    assert sorted(manifest["patient"].unique()) == sorted([names[0], names[2], "extra"])
    assert not image_path(tmp_path / "out" / "scans", names[1]).exists()
    assert problems_in(tmp_path / "out")["action"].tolist() == ["quarantine"]


def test_warn_keeps_a_patient_that_still_gives_a_scan(tmp_path, three_patients):
    source, names = three_patients
    (source / names[0] / f"{names[0]}_2.tif").unlink()
    (source / names[0] / f"{names[0]}_2_mask.tif").unlink()
    manifest = ingest_into(tmp_path / "out", source)
    assert (manifest["patient"] == names[0]).sum() == 5
    (found,) = problems_in(tmp_path / "out").to_dict("records")
    assert (found["kind"], found["action"]) == ("gap", "warn")
    assert "slice 2 of 1-6 is missing" in found["what"]


def test_the_same_pictures_under_two_names_are_refused(tmp_path, three_patients):
    source, names = three_patients
    copy = make_scan(names[0])
    write_kaggle(source, type(copy)("someone_else", "x", copy.image, copy.mask))
    with pytest.raises(UserError, match="would leak between train and test"):
        ingest_into(tmp_path / "out", source)
    manifest = ingest_into(tmp_path / "out", source, policy={"duplicate_patient": "quarantine"})
    assert sorted(manifest["patient"].unique()) == names


def test_a_copy_of_a_quarantined_patient_is_kept(tmp_path, three_patients):
    source, names = three_patients
    copy = make_scan(names[0])
    write_kaggle(source, type(copy)("someone_else", "x", copy.image, copy.mask))
    (source / names[0] / f"{names[0]}_2_mask.tif").write_bytes(b"")
    write_patients(source, ["extra"])
    manifest = ingest_into(tmp_path / "out", source, policy={"unreadable": "quarantine"})
    assert sorted(manifest["patient"].unique()) == sorted([*names[1:], "someone_else", "extra"])


def test_names_that_look_like_numbers_stay_names(tmp_path):
    write_patients(tmp_path / "source", ["007", "1e5", "NA"])
    ingest_into(tmp_path, tmp_path / "source")
    assert sorted(read_manifest(tmp_path / "manifest.csv")["patient"].unique()) == ["007", "1e5", "NA"]


def test_two_patients_are_too_few(tmp_path):
    write_patients(tmp_path / "source", ["a", "b"])
    with pytest.raises(UserError, match="3 or more"):
        ingest_into(tmp_path, tmp_path / "source")


@pytest.mark.parametrize(("count", "expected"), [(None, 10), (10, 10), (99, 10), (4, 4), (1, 1)])
def test_a_subset_is_spread_over_the_names(count, expected):
    names = [f"p{i}" for i in range(10)]
    picked = evenly_spaced(names, count)
    assert len(set(picked)) == len(picked) == expected
    assert picked == sorted(picked)
    if count == 4:
        assert picked == ["p0", "p2", "p5", "p7"]


def test_a_blank_slice_has_no_hash():
    scan = make_scan(slices=2)
    scan.image[0] = 7
    rows = list(describe(scan, synthetic=False))
    assert (rows[0]["pixel_hash"], len(rows[1]["pixel_hash"])) == ("", 32)
    scan.image[1, ..., 1] = 3
    assert list(describe(scan, synthetic=False))[1]["perceptual_hash"] == ""
