"""How folders in the layout of kaggle_3m are read."""

from __future__ import annotations

import numpy as np
import pytest
from scan_writers import NAME, make_scan, write_kaggle

from components.common.errors import UserError
from components.sources import open_source


def test_slices_are_sorted_by_number(tmp_path):
    scan = make_scan(slices=12)  # so that "10" sorts before "2" as text
    write_kaggle(tmp_path, scan)
    with open_source(tmp_path) as source:
        read = source.read(NAME).scan
    np.testing.assert_array_equal(read.image, scan.image)
    np.testing.assert_array_equal(read.mask, scan.mask)


def test_tables_and_other_folders_are_not_patients(tmp_path):
    write_kaggle(tmp_path, make_scan())
    (tmp_path / "data.csv").write_text("Patient\nTCGA_XX_9999\n", encoding="utf-8")
    (tmp_path / "notes").mkdir()
    with open_source(tmp_path) as source:
        assert source.patients == [NAME]
        assert [problem.what for problem in source.problems] == ["1 folder(s) beside the patients are empty: notes"]


def test_a_nested_set_is_found(tmp_path):
    write_kaggle(tmp_path / "lgg" / "kaggle_3m", make_scan())
    with open_source(tmp_path) as source:
        assert source.patients == [NAME]
        assert source.read(NAME).problems == []


def test_pictures_can_be_read_without_masks(tmp_path):
    folder = write_kaggle(tmp_path, make_scan())
    for mask in folder.glob("*_mask.tif"):
        mask.unlink()
    with open_source(tmp_path) as source:
        reading = source.read(NAME, masks=False)
    assert reading.problems == []
    assert reading.scan.mask is None


@pytest.mark.parametrize("kind", ["nowhere", "empty", "file"])
def test_a_source_without_scans_is_refused(tmp_path, kind):
    path = tmp_path / kind
    if kind == "empty":
        path.mkdir()
    elif kind == "file":
        path.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=str(path)), open_source(path):
        pass


def test_other_spellings_of_the_suffix_are_read(tmp_path):
    folder = write_kaggle(tmp_path, make_scan())
    for path in folder.iterdir():
        path.rename(path.with_suffix(".TIF" if "mask" in path.name else ".tiff"))
    with open_source(tmp_path) as source:
        assert source.read(NAME).problems == []
