"""A NIfTI mask lies on its scan in every program, whichever form of the header (qform, sform or neither) it reads."""

from __future__ import annotations

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profiles import SHARED_FOLDER
from phantoms import phantom

from components.predict.mask_files import write_masks
from components.sources.inputs import open_input
from components.sources.reading import Options

OPTIONS = Options(size=40, spacing=6.0)
PLACEMENT = ("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")
PLACEMENT += ("srow_x", "srow_y", "srow_z", "xyzt_units")


def write_mask(path, out):
    """Write a mask for the scan at `path`; returns the scan, the mask, both files' headers and the mask's path."""
    with open_input(str(path)) as source:
        (patient,) = source.patients
        scan = source.read(patient, OPTIONS, masks=False).scan
        bright_mask = scan.image[..., 1] > 180
        write_masks(out, source, scan, bright_mask)
    (written,) = out.iterdir()
    return scan, bright_mask, raw_header(path), raw_header(written), written


def raw_header(path):
    """A header as nibabel's table of fields, without nibabel's repairs."""
    data = path.read_bytes()
    data = gzip.decompress(data) if path.name.endswith(".gz") else data
    kind = nib.Nifti2Header if data[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else nib.Nifti1Header
    return kind(data[: kind.template_dtype.itemsize], check=False)


def quaternion_affine(header):
    """The affine of the qform by the formula of the standard, without nibabel."""
    b, c, d = (float(header[f"quatern_{one}"]) for one in "bcd")
    a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * b * c - 2 * a * d, 2 * b * d + 2 * a * c],
            [2 * b * c + 2 * a * d, a * a + c * c - b * b - d * d, 2 * c * d - 2 * a * b],
            [2 * b * d - 2 * a * c, 2 * c * d + 2 * a * b, a * a + d * d - c * c - b * b],
        ]
    )
    sizes = np.asarray(header["pixdim"][1:4], float) * [1, 1, -1 if header["pixdim"][0] < 0 else 1]
    return np.column_stack([rotation * sizes, [float(header[f"qoffset_{one}"]) for one in "xyz"]])


def assert_same_place(mask, flair):
    for field in PLACEMENT:
        assert np.asarray(mask[field]).tobytes() == np.asarray(flair[field]).tobytes(), field
    assert mask["pixdim"][:4].tobytes() == flair["pixdim"][:4].tobytes()
    assert mask["dim"][1:4].tolist() == flair["dim"][1:4].tolist()
    np.testing.assert_array_equal(quaternion_affine(mask), quaternion_affine(flair))


def save_flair(folder, qcode, scode, qform=None, sform=None, kind=nib.Nifti1Image, name="P_flair.nii.gz", **fields):
    """Save FLAIR with these two forms, their codes, and further header fields."""
    subject = phantom()
    picture = kind(subject.volumes["flair"], subject.affine)
    picture.set_qform(subject.affine if qform is None else qform, qcode)
    picture.set_sform(subject.affine if sform is None else sform, scode)
    for field, value in fields.items():
        picture.header[field] = value
    folder.mkdir(parents=True)
    nib.save(picture, folder / name)
    return folder / name


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("scode", [0, 1, 2, 4])
@pytest.mark.parametrize("qcode", [0, 1, 2, 3])
def test_the_mask_has_the_forms_and_codes_of_flair(tmp_path, qcode, scode, kind):
    path = save_flair(tmp_path / "in", qcode, scode, kind=kind)
    _, bright_mask, flair, mask, written = write_mask(path, tmp_path / "out")
    assert_same_place(mask, flair)
    assert mask["intent_code"] == 1002
    assert nib.load(written).get_data_dtype() == np.uint8
    assert (float(mask["scl_slope"]), float(mask["scl_inter"])) == (1, 0)
    values = np.asarray(nib.load(written).dataobj)
    assert set(np.unique(values)) == {0, 1}
    assert bright_mask.any()


@settings(max_examples=25, deadline=None, suppress_health_check=SHARED_FOLDER)
@given(
    angles=st.tuples(*[st.floats(-40, 40)] * 3),
    shift=st.tuples(*[st.floats(-80, 80)] * 3),
    codes=st.sampled_from([(1, 1), (1, 0), (0, 1), (0, 0), (2, 4)]),
    flip=st.booleans(),
)
def test_mask_voxels_lie_where_they_were_drawn_in_the_patient(tmp_path_factory, angles, shift, codes, flip):
    folder = tmp_path_factory.mktemp("turned")
    rotated = phantom().affine
    for axis, angle in enumerate(np.radians(angles)):
        plane = np.eye(4)
        one, other = (axis + 1) % 3, (axis + 2) % 3
        plane[[one, one, other, other], [one, other, one, other]] = (
            np.cos(angle),
            -np.sin(angle),
            np.sin(angle),
            np.cos(angle),
        )
        rotated = plane @ rotated
    rotated[:3, 3] += shift
    if flip:
        rotated[:, 0] *= -1
    path = save_flair(folder / "in", *codes, qform=rotated, sform=rotated)
    _, _, flair, mask, written = write_mask(path, folder / "out")
    assert_same_place(mask, flair)
    values, bright = np.asarray(nib.load(written).dataobj) > 0, phantom().volumes["flair"] > 600
    # The mask marks the bright blob of FLAIR, so it holds FLAIR's bright voxels, index by index.
    assert (values & bright).sum() > 0.8 * bright.sum()
    assert (values & ~bright).sum() < 0.3 * bright.sum()


def test_contradictory_forms_are_copied_unchanged(tmp_path):
    other = phantom().affine
    other[:3, 3] += 30
    path = save_flair(tmp_path / "in", 1, 2, qform=other)
    _, _, flair, mask, _ = write_mask(path, tmp_path / "out")
    assert_same_place(mask, flair)


@pytest.mark.parametrize("change", [{0: 0.0}, {1: -5.0}, {0: -1.0, 2: -6.0}], ids=str)
def test_an_invalid_header_is_not_repaired_in_the_mask_alone(tmp_path, change):
    """Programs read such a header in different ways, so it has to be the same in both files."""
    path = save_flair(tmp_path / "in", 0, 1, name="P_flair.nii")
    data = bytearray(path.read_bytes())
    for index, value in change.items():
        data[76 + 4 * index : 80 + 4 * index] = struct.pack("<f", value)  # pixdim
    path.write_bytes(bytes(data))
    _, _, flair, mask, _ = write_mask(path, tmp_path / "out")
    assert_same_place(mask, flair)


def test_personal_data_and_flair_only_fields_are_left_out(tmp_path):
    texts = {"descrip": b"DOE JANE", "db_name": b"DOE JANE", "aux_file": b"doe.txt", "intent_name": b"doe"}
    path = save_flair(tmp_path / "in", 1, 1, **texts, cal_max=900)
    picture = nib.load(path)
    picture.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"DOE JANE"))
    nib.save(picture, path)
    *_, mask, written = write_mask(path, tmp_path / "out")
    assert b"doe" not in gzip.decompress(written.read_bytes()).lower()
    assert float(mask["cal_max"]) == 1


@pytest.mark.parametrize("shape", [(40, 32, 12, 3), (40, 32, 12, 1, 3)], ids=["4-D", "ITK's 5-D"])
def test_a_multi_channel_file_gets_a_mask_of_three_axes_in_its_place(tmp_path, shape):
    subject = phantom()
    stack = np.stack([subject.volumes[role] for role in ("t1", "flair", "t1ce")], -1).reshape(shape)
    picture = nib.Nifti1Image(stack, subject.affine)
    picture.set_qform(subject.affine, 1)
    picture.header["intent_code"] = 1007
    (tmp_path / "in").mkdir()
    nib.save(picture, tmp_path / "in" / "P.nii.gz")
    _, _, flair, mask, written = write_mask(tmp_path / "in" / "P.nii.gz", tmp_path / "out")
    assert nib.load(written).shape == (40, 32, 12)
    assert_same_place(mask, flair)
