"""Inputs that somebody made to do harm, or that are damaged: told in one line, and nothing lies where it should not."""

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
from written_scans import made_up_scan, write_dicom, write_kaggle, write_nifti

from components.common.errors import UserError
from pipelines import predicting

NOTHING = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}
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


def not_numbers(folder):
    path = sorted(folder.rglob("*flair*"))[0]
    shape = nib.load(path).shape
    nib.save(nib.Nifti1Image(np.full(shape, np.nan, np.float32), np.eye(4)), path)


def cut(suffix):
    def harm(folder):
        for path in sorted(folder.rglob(f"*{suffix}")):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])

    return harm


@pytest.mark.parametrize(
    ("write", "harms"),
    [
        (write_kaggle, [tif_bomb, cut(".tif")]),
        (write_nifti, [nifti_bomb, not_numbers, cut(".gz")]),
        (write_dicom, [cut(".dcm")]),
    ],
    ids=["tif", "nifti", "dicom"],
)
def test_patients_fail_in_words_and_the_other_is_predicted(tmp_path, model, capsys, write, harms):
    bad = [f"TCGA_DU_00{number}_19990101" for number in range(10, 10 + len(harms))]
    for name in (GOOD, *bad):
        write(tmp_path / "in", made_up_scan(name))
    for name, harm in zip(bad, harms, strict=True):
        harm(next(path for path in sorted((tmp_path / "in").iterdir()) if path.name.startswith(name)))
    out = tmp_path / "out"
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **NOTHING) == 1
    said = capsys.readouterr().out
    assert "1 patients predicted" in said
    failed = sorted(line for line in said.splitlines() if line.startswith("failed: "))
    assert [name for line, name in zip(failed, bad, strict=True) if name not in line] == []
    (written,) = (out / "masks").iterdir()
    assert written.name.startswith(GOOD)


def test_scans_that_belong_to_nobody_are_told_and_the_status_is_1(tmp_path, model, capsys):
    write_nifti(tmp_path / "in", made_up_scan(GOOD))
    write_nifti(tmp_path / "in", made_up_scan(BAD))
    assert predicting.run((str(tmp_path / "in"),), str(model), str(tmp_path / "whole"), **NOTHING) == 0
    (tmp_path / "in" / "third.mha").write_bytes(b"x")
    assert predicting.run((str(tmp_path / "in"),), str(model), str(tmp_path / "out"), **NOTHING) == 1
    said = capsys.readouterr().out
    assert "failed: unnamed-1: the source: 1 file(s) beside the patients belong to none of them: third.mha" in said
    assert "2 patients predicted" in said


def zip_out_of_the_folder(path):
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("../../escaped.tif", b"x")


def zip_bomb(path):
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("scan/a_1.tif", "w", force_zip64=True) as file,
    ):
        for _ in range(1024):
            file.write(bytes(2**20))


def tar_link(path):
    with tarfile.open(path, "w") as packed:
        link = tarfile.TarInfo("kaggle_3m/a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        packed.addfile(link)
        file = tarfile.TarInfo("kaggle_3m/a/passwd")
        file.size = 1
        packed.addfile(file, io.BytesIO(b"x"))


@pytest.mark.parametrize("pack", [zip_out_of_the_folder, zip_bomb, tar_link])
def test_an_archive_that_means_harm_is_refused(tmp_path, model, pack):
    path = tmp_path / ("scans.tar" if pack is tar_link else "scans.zip")
    pack(path)
    before = sorted(tmp_path.parent.iterdir())
    with pytest.raises(UserError) as error:
        predicting.run((str(path),), str(model), str(tmp_path / "out"), **NOTHING)
    assert "\n" not in str(error.value)
    assert "scans." in str(error.value)
    assert not (tmp_path / "out").exists()
    assert sorted(tmp_path.parent.iterdir()) == before


def test_a_name_that_is_a_path_stays_inside(tmp_path, model):
    write_dicom(tmp_path / "in", made_up_scan("../../../escaped"), place=tmp_path / "in" / "scan")
    out = tmp_path / "deep" / "out"
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **NOTHING) == 0
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


def test_a_patient_whom_nothing_identifies_fails_and_the_others_are_predicted(tmp_path, model, capsys):
    for name in (GOOD, BAD, "P3"):
        write_dicom(tmp_path / "in", made_up_scan(name), mask=False)
    edit_dicom(tmp_path / "in" / BAD, lambda data: delattr(data, "PatientID"))
    out = tmp_path / "out"
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **NOTHING) == 1
    rows = table(out)
    assert {name: row["status"] for name, row in rows.items()} == {GOOD: "done", "P3": "done", "unnamed-1": "failed"}
    assert "PatientID" in rows["unnamed-1"]["notes"]
    said = capsys.readouterr().out
    assert "2 patients predicted" in said
    assert "1 FAILED" in said
    # Mended, and gone on with, the failure is one no more.
    edit_dicom(tmp_path / "in" / BAD, lambda data: setattr(data, "PatientID", BAD))
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **(NOTHING | {"resume": True})) == 0
    assert {row["status"] for row in table(out).values()} == {"done"}


def test_numbers_are_kept_where_headers_allow_no_segmentation(tmp_path, model):
    write_dicom(tmp_path / "in", made_up_scan(GOOD), mask=False)
    edit_dicom(tmp_path / "in", lambda data: delattr(data, "FrameOfReferenceUID"))
    out = tmp_path / "out"
    assert predicting.run((str(tmp_path / "in"),), str(model), str(out), **NOTHING) == 0
    row = table(out)[GOOD]
    assert row["status"] == "done"
    assert row["tumor_ml"]
    assert "its mask is NIfTI: no DICOM SEG without FrameOfReferenceUID (0020,0052)" in row["notes"]
    assert [path.name for path in (out / "masks").iterdir()] == [f"{GOOD}_mask.nii.gz"]
