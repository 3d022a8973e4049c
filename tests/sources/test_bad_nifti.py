"""Catalogue of broken NIfTI patients: each kind has its own message."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest
from bad_sources import PATIENTS, assert_refused, write_a_good_patient_and
from scan_writers import write_nifti

NAME = PATIENTS[-1]


def path(folder, role="flair"):
    return folder / f"{NAME}_{role}.nii.gz"


def rewrite(folder, role="flair", change=lambda data: data, affine=None):
    picture = nib.load(path(folder, role))
    data = change(np.asarray(picture.dataobj).copy())
    nib.save(nib.Nifti1Image(data, picture.affine if affine is None else affine), path(folder, role))


def set_voxel(value, dtype=np.float32):
    def change(data):
        data = data.astype(dtype)
        data[3, 3, 3] = value
        return data

    return change


def edit_header(folder, role="flair", **fields):
    """Set fields of the raw header, which nibabel itself would refuse to write."""
    raw = bytearray(gzip.decompress(path(folder, role).read_bytes()))
    header = np.frombuffer(raw, nib.nifti1.header_dtype, 1).copy()
    for name, value in fields.items():
        header[name] = value
    path(folder, role).write_bytes(gzip.compress(header.tobytes() + bytes(raw[348:])))


def cut(folder, size):
    path(folder).write_bytes(path(folder).read_bytes()[:size])


def flip_bytes(folder):
    data = bytearray(path(folder).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    path(folder).write_bytes(bytes(data))


def far_away():
    return np.array([[-1.0, 0, 0, 900], [0, -1, 0, 900], [0, 0, 5, 900], [0, 0, 0, 1]])


RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
BROKEN = {
    "truncated": (lambda f: cut(f, 3000), "_flair.nii.gz: not a readable NIfTI file"),
    "cut header": (lambda f: cut(f, 40), "_flair.nii.gz: not a readable NIfTI file"),
    "empty file": (lambda f: cut(f, 0), "_flair.nii.gz: not a readable NIfTI file"),
    "text": (lambda f: path(f).write_text("hello", encoding="utf-8"), "_flair.nii.gz: not a readable NIfTI file"),
    "damaged gzip": (flip_bytes, "_flair.nii.gz: not a readable NIfTI file"),
    "damaged mask": (lambda f: path(f, "seg").write_bytes(b"\x1f\x8b"), "_seg.nii.gz: not a readable NIfTI file"),
    "not compressed": (
        lambda f: path(f).write_bytes(gzip.decompress(path(f).read_bytes())),
        "it is not compressed, though its name ends in .gz; rename it to .*_flair.nii",
    ),
    "compressed": (
        lambda f: path(f).rename(f / f"{NAME}_flair.nii"),
        "it is compressed .gzip., though its name doesn't end in .gz; rename it to .*_flair.nii.gz",
    ),
    "no such type": (lambda f: edit_header(f, datatype=999), "_flair.nii.gz: not a readable NIfTI file"),
    "bomb": (lambda f: edit_header(f, dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]), "claims 30000 x 30000 x 30000 voxels"),
    "no voxels": (lambda f: edit_header(f, dim=[3, 32, 32, 0, 1, 1, 1, 1]), "claims 32 x 32 x 0 voxels"),
    "NaN": (lambda f: rewrite(f, change=set_voxel(np.nan)), "1 voxels are NaN or infinite"),
    "infinite": (lambda f: rewrite(f, "t1", set_voxel(np.inf)), "_t1.nii.gz: 1 voxels are NaN or infinite"),
    "complex": (lambda f: rewrite(f, change=lambda d: d.astype(np.complex64)), "holds complex64"),
    "colour": (lambda f: rewrite(f, change=lambda d: np.zeros(d.shape, RGB)), "one number per voxel is expected"),
    "flat affine": (
        lambda f: edit_header(f, srow_x=[0, 0, 0, 0], srow_y=[0, 0, 0, 0], srow_z=[0, 0, 0, 0]),
        "no usable orientation",
    ),
    "two dimensions": (lambda f: rewrite(f, change=lambda d: d[..., 0]), "2 dimensions where 3 are expected"),
    "four dimensions": (
        lambda f: rewrite(f, change=lambda d: np.stack([d, d], -1)),
        "4 dimensions where 3 are expected",
    ),
    "no FLAIR": (lambda f: path(f).unlink(), "no FLAIR sequence"),
    "two FLAIR": (lambda f: path(f, "flair_b").write_bytes(path(f).read_bytes()), "several files for flair"),
    "no mask": (lambda f: path(f, "seg").unlink(), "no reference mask"),
    "broken numbers": (lambda f: rewrite(f, "seg", set_voxel(0.4)), "negative or broken numbers"),
    "negative labels": (lambda f: rewrite(f, "seg", set_voxel(-1, np.int16)), "negative or broken numbers"),
    "flat mask": (lambda f: rewrite(f, "seg", lambda d: d[..., 0]), "a mask of 2 dimensions"),
    "a picture for a mask": (
        lambda f: path(f, "seg").write_bytes(path(f).read_bytes()),
        "looks like an image, not a mask",
    ),
    "no position": (
        lambda f: edit_header(f, "seg", sform_code=0, qform_code=0),
        "its mask: its header holds no position",
    ),
    "mask elsewhere": (lambda f: rewrite(f, "seg", affine=far_away()), "its mask: it shares 0% of its field of view"),
    "T1 elsewhere": (lambda f: rewrite(f, "t1", affine=far_away()), "pre: it shares 0% of its field of view"),
}


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # from nibabel, when a test writes NaN
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_patient_is_refused_with_name_and_reason(tmp_path, kind):
    damage, message = BROKEN[kind]
    damage(write_a_good_patient_and(write_nifti, tmp_path / "in"))
    assert_refused(tmp_path, tmp_path / "in", f"{NAME}.*{message}")


def test_a_tumour_too_thin_for_the_slices_is_refused(tmp_path):
    folder = write_a_good_patient_and(write_nifti, tmp_path / "in")
    fine = np.zeros((32, 32, 30), np.uint8)
    fine[8:16, 8:16, 12:13] = 1  # one millimetre thick, between two slices 5 mm apart
    affine = nib.load(path(folder)).affine
    affine[:3, 2] /= 5
    nib.save(nib.Nifti1Image(fine, affine), path(folder, "seg"))
    assert_refused(tmp_path, tmp_path / "in", "too thin to show on any slice of FLAIR")


@pytest.mark.parametrize("channels", [2, 4])
def test_a_4d_file_with_a_wrong_number_of_channels_is_refused(tmp_path, channels):
    for name in PATIENTS:
        (tmp_path / "in").mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(np.ones((8, 8, 4, channels), np.uint8), np.eye(4)), tmp_path / "in" / f"{name}.nii.gz")
    assert_refused(tmp_path, tmp_path / "in", f"8 x 8 x 4 x {channels} where 4-D with 3 channels .pre, flair, post")
