"""Malicious and damaged inputs: they are reported in one line, and nothing is written outside the output folder."""

from __future__ import annotations

import csv
import gzip
import io
import struct
import tarfile
import zipfile

import nibabel as nib
import numpy as np
import pydicom
import pytest
from layered_models import write_layered
from prediction_runs import NO_OPTIONS
from scan_writers import make_scan, write_dicom, write_kaggle, write_nifti

from components.common.errors import UserError
from pipelines import predicting

GOOD, BAD = "TCGA_CS_0001_19990101", "TCGA_DU_0002_19990101"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_layered(folder)
    return folder


def tif_bomb(folder):
    """A tif that claims 60,000 x 60,000 pixels."""
    path = sorted(folder.rglob("*_1.tif"))[0]
    data = bytearray(path.read_bytes())
    for tag in (256, 257):
        at = data.index(struct.pack("<HHI", tag, 4, 1))
        data[at + 8 : at + 12] = struct.pack("<I", 60_000)
    path.write_bytes(bytes(data))


def nifti_bomb(folder):
    """A volume that claims 20,000 slices of 20,000 x 20,000 voxels."""
    path = sorted(folder.rglob("*flair*"))[0]
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[42:48] = struct.pack("<3h", 20_000, 20_000, 20_000)
    path.write_bytes(gzip.compress(bytes(data)))


def fill_with_nan(folder):
    path = sorted(folder.rglob("*flair*"))[0]
    shape = nib.load(path).shape
    nib.save(nib.Nifti1Image(np.full(shape, np.nan, np.float32), np.eye(4)), path)


def truncate(suffix):
    def damage(folder):
        for path in sorted(folder.rglob(f"*{suffix}")):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])

    return damage


@pytest.mark.parametrize(
    ("write", "damages"),
    [
        (write_kaggle, [tif_bomb, truncate(".tif")]),
        (write_nifti, [nifti_bomb, fill_with_nan, truncate(".gz")]),
        (write_dicom, [truncate(".dcm")]),
    ],
    ids=["tif", "nifti", "dicom"],
)
def test_bad_patients_fail_with_a_reason_and_the_good_one_is_predicted(tmp_path, model, capsys, write, damages):
    bad = [f"TCGA_DU_00{number}_19990101" for number in range(10, 10 + len(damages))]
    for name in (GOOD, *bad):
        write(tmp_path / "in", make_scan(name))
    for name, damage in zip(bad, damages, strict=True):
        damage(next(path for path in sorted((tmp_path / "in").iterdir()) if path.name.startswith(name)))
    out = tmp_path / "out"
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **NO_OPTIONS) == 1
    output = capsys.readouterr().out
    assert "1 patients predicted" in output
    failed = sorted(line for line in output.splitlines() if line.startswith("failed: "))
    assert [name for line, name in zip(failed, bad, strict=True) if name not in line] == []
    (written,) = (out / "masks").iterdir()
    assert written.name.startswith(GOOD)


def test_files_of_no_patient_are_reported_and_the_exit_status_is_1(tmp_path, model, capsys):
    write_nifti(tmp_path / "in", make_scan(GOOD))
    write_nifti(tmp_path / "in", make_scan(BAD))
    assert predicting.run((str(tmp_path / "in"),), str(model), str(tmp_path / "whole"), **NO_OPTIONS) == 0
    (tmp_path / "in" / "third.mha").write_bytes(b"x")
    assert predicting.run((str(tmp_path / "in"),), str(model), str(tmp_path / "out"), **NO_OPTIONS) == 1
    output = capsys.readouterr().out
    assert "failed: unnamed-1: the source: 1 file(s) beside the patients belong to none of them: third.mha" in output
    assert "2 patients predicted" in output


def zip_with_a_path_outside(path):
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("../../escaped.tif", b"x")


def zip_bomb(path):
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("scan/a_1.tif", "w", force_zip64=True) as file,
    ):
        for _ in range(1024):
            file.write(bytes(2**20))


def tar_with_a_link(path):
    with tarfile.open(path, "w") as packed:
        link = tarfile.TarInfo("kaggle_3m/a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        packed.addfile(link)
        file = tarfile.TarInfo("kaggle_3m/a/passwd")
        file.size = 1
        packed.addfile(file, io.BytesIO(b"x"))


@pytest.mark.parametrize("pack", [zip_with_a_path_outside, zip_bomb, tar_with_a_link])
def test_a_malicious_archive_is_refused(tmp_path, model, pack):
    path = tmp_path / ("scans.tar" if pack is tar_with_a_link else "scans.zip")
    pack(path)
    before = sorted(tmp_path.parent.iterdir())
    with pytest.raises(UserError) as error:
        predicting.run((str(path),), str(model), str(tmp_path / "out"), **NO_OPTIONS)
    assert "\n" not in str(error.value)
    assert "scans." in str(error.value)
    assert not (tmp_path / "out").exists()
    assert sorted(tmp_path.parent.iterdir()) == before


def test_a_patient_id_with_a_path_stays_inside_the_output_folder(tmp_path, model):
    write_dicom(tmp_path / "in", make_scan("../../../escaped"), place=tmp_path / "in" / "scan")
    out = tmp_path / "deep" / "out"
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **NO_OPTIONS) == 0
    assert not list(tmp_path.glob("escaped*"))
    assert {path.name for path in tmp_path.iterdir()} == {"in", "deep"}


def edit_dicom(folder, change):
    for path in sorted(folder.rglob("*.dcm")):
        data = pydicom.dcmread(path)
        change(data)
        data.save_as(path)


def table(out):
    with (out / "patients.csv").open(encoding="utf-8") as file:
        return {row["patient"]: row for row in csv.DictReader(file)}


def test_a_scan_without_a_patient_id_fails_and_others_are_predicted(tmp_path, model, capsys):
    for name in (GOOD, BAD, "P3"):
        write_dicom(tmp_path / "in", make_scan(name), mask=False)
    edit_dicom(tmp_path / "in" / BAD, lambda data: delattr(data, "PatientID"))
    out = tmp_path / "out"
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **NO_OPTIONS) == 1
    rows = table(out)
    assert {name: row["status"] for name, row in rows.items()} == {GOOD: "done", "P3": "done", "unnamed-1": "failed"}
    assert "PatientID" in rows["unnamed-1"]["notes"]
    output = capsys.readouterr().out
    assert "2 patients predicted" in output
    assert "1 FAILED" in output
    # Once repaired, the patient is predicted by a resumed run.
    edit_dicom(tmp_path / "in" / BAD, lambda data: setattr(data, "PatientID", BAD))
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **(NO_OPTIONS | {"resume": True})) == 0
    assert {row["status"] for row in table(out).values()} == {"done"}


def test_without_a_segmentation_the_mask_is_nifti_and_numbers_are_kept(tmp_path, model):
    write_dicom(tmp_path / "in", make_scan(GOOD), mask=False)
    edit_dicom(tmp_path / "in", lambda data: delattr(data, "FrameOfReferenceUID"))
    out = tmp_path / "out"
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **NO_OPTIONS) == 0
    row = table(out)[GOOD]
    assert row["status"] == "done"
    assert row["tumor_ml"]
    assert "its mask is NIfTI: a DICOM SEG needs FrameOfReferenceUID (0020,0052)" in row["notes"]
    assert [path.name for path in (out / "masks").iterdir()] == [f"{GOOD}_mask.nii.gz"]
