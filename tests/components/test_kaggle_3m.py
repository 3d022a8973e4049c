from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from components.errors import UserError
from components.sources import kaggle_3m, open_source

NAME = "TCGA_DU_0001_19990101"


def write_patient(folder, name=NAME, slices=12, size=16, mask_value=255):
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (slices, size, size, 3), dtype=np.uint8)
    masks = np.zeros((slices, size, size), np.uint8)
    masks[:, 4:8, 4:8] = mask_value
    (folder / name).mkdir(parents=True)
    for i in range(slices):
        Image.fromarray(images[i]).save(folder / name / f"{name}_{i + 1}.tif")
        Image.fromarray(masks[i]).save(folder / name / f"{name}_{i + 1}_mask.tif")
    return images, masks


def test_slices_come_in_the_order_of_their_numbers(tmp_path):
    images, masks = write_patient(tmp_path)  # 12 slices, so that "10" sorts before "2" as text
    scan = kaggle_3m.read_patient(tmp_path, NAME)
    np.testing.assert_array_equal(scan.image, images)
    np.testing.assert_array_equal(scan.mask, masks > 0)
    assert (scan.patient, scan.site) == (NAME, "DU")


def test_tables_beside_the_folders_are_not_patients(tmp_path):
    write_patient(tmp_path)
    (tmp_path / "data.csv").write_text("Patient\nTCGA_XX_9999\n", encoding="utf-8")
    (tmp_path / "notes").mkdir()
    assert open_source(tmp_path).patients == [NAME]


def first(folder, mask=False):
    return folder / NAME / f"{NAME}_1{'_mask' if mask else ''}.tif"


def truncate(folder):
    path = first(folder)
    path.write_bytes(path.read_bytes()[:40])


def not_a_picture(folder):
    first(folder).write_text("hello", encoding="utf-8")


def sixteen_bit(folder):
    Image.fromarray(np.zeros((16, 16), np.uint16)).save(first(folder))


def grey_mask(folder):
    Image.fromarray(np.full((16, 16), 7, np.uint8)).save(first(folder, mask=True))


def another_size(folder):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(first(folder))


def no_mask(folder):
    first(folder, mask=True).unlink()


def colour_mask(folder):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(first(folder, mask=True))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (truncate, "not a readable picture"),
        (not_a_picture, "not a readable picture"),
        (sixteen_bit, "uint16"),
        (grey_mask, "other than 0 and 255"),
        (another_size, "size differs"),
        (no_mask, "missing mask"),
        (colour_mask, "1 channel"),
    ],
)
def test_a_broken_file_is_named_with_its_reason(tmp_path, harm, says):
    write_patient(tmp_path)
    harm(tmp_path)
    with pytest.raises(UserError, match=says) as error:
        kaggle_3m.read_patient(tmp_path, NAME)
    assert NAME in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["nowhere", "empty", "file"])
def test_a_source_without_scans_is_refused(tmp_path, kind):
    path = tmp_path / kind
    if kind == "empty":
        path.mkdir()
    elif kind == "file":
        path.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=str(path)):
        open_source(path)
