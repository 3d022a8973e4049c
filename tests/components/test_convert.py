from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.convert import convert
from components.errors import UserError
from components.scan import read_scan
from components.tables import read_splits
from models.examples import FEATURES


def records(folder, side):
    files = sorted(str(path) for path in (folder / f"Split-{side}").iterdir())
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        yield {name: value.numpy() for name, value in tf.io.parse_single_example(record, FEATURES).items()}


@pytest.mark.parametrize("side", ["train", "val", "test"])
def test_every_slice_arrives_on_its_side_unchanged(data, side):
    splits = read_splits(data / "splits.csv").query(f"split == '{side}'")
    scans = {name: read_scan(data / "scans", name) for name in splits["patient"]}
    found = Counter()
    for record in records(data / "examples", side):
        name, at = record["patient"].decode(), int(record["slice"]) - 1
        found[name] += 1
        image, mask = scans[name].image[at], scans[name].mask[at]
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(record["image"]))), image)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(record["mask"]))) > 0, mask)
        assert record["tumor_pixels"] == mask.sum()
        assert record["has_tumor"] == mask.any()
        assert record["mean_flair"] == pytest.approx(image[..., 1].mean())
        assert record["std_post"] == pytest.approx(image[..., 2].std())
        assert record["missing_pre"] == scans[name].missing_sequences()["pre"]
    assert found == {name: len(scan.image) for name, scan in scans.items()}


def test_the_number_of_workers_does_not_change_a_byte(tmp_path, data):
    convert(
        data / "scans",
        data / "splits.csv",
        tmp_path / "examples",
        shards=2,
        beam_args=["--runner=DirectRunner", "--direct_num_workers=2", "--direct_running_mode=multi_processing"],
    )
    one = {path.relative_to(data / "examples"): path for path in (data / "examples").rglob("*.gz")}
    two = {path.relative_to(tmp_path / "examples"): path for path in (tmp_path / "examples").rglob("*.gz")}
    assert sorted(one) == sorted(two)
    assert all(one[name].read_bytes() == two[name].read_bytes() for name in one)


def test_a_missing_scan_is_named_and_leaves_nothing(tmp_path, data):
    splits = read_splits(data / "splits.csv")
    splits.loc[0, "patient"] = "nobody"
    splits.to_csv(tmp_path / "splits.csv", index=False)
    with pytest.raises((UserError, RuntimeError), match=r"nobody\.nii\.gz: not readable as a scan"):
        convert(
            data / "scans",
            tmp_path / "splits.csv",
            tmp_path / "out" / "examples",
            shards=1,
            beam_args=["--runner=DirectRunner"],
        )
    assert list((tmp_path / "out").iterdir()) == []
