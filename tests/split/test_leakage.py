"""The leakage audit: persons, pixels and look-alike slices shared by two splits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from components.common.errors import UserError
from components.common.tables import read_manifest, read_splits
from components.scans.scan import Scan
from components.scans.slice_features import describe
from components.sources import open_source
from components.split.assign import assign_splits
from components.split.leakage import find_leaks, find_look_alikes
from components.split.rule import SplitRule
from components.split.stage import NEAR, split

RULE = SplitRule(0.2, 0.2, 3, seed=1)


def tables(*rows):
    """Manifest and splits of (patient, split, pixel hash, perceptual hash), one slice each."""
    manifest = pd.DataFrame(
        [
            {"patient": p, "subject": p, "slice": i, "pixel_hash": pixels, "perceptual_hash": perceptual_hash}
            for i, (p, _, pixels, perceptual_hash) in enumerate(rows, start=1)
        ]
    )
    splits = pd.DataFrame(
        [{"patient": p, "subject": p, "split": split_name} for p, split_name, *_ in rows]
    ).drop_duplicates()
    return manifest, splits


def test_a_person_in_two_splits_is_found():
    manifest, splits = tables(("a1", "train", "x", ""), ("a2", "test", "y", ""), ("b", "val", "z", ""))
    assert find_leaks(manifest, splits) == []
    splits["subject"] = ["a", "a", "b"]
    assert find_leaks(manifest, splits) == ["patient a is in test and train"]


def test_pixels_shared_by_two_splits_are_found_and_blank_slices_ignored():
    manifest, splits = tables(
        ("a", "train", "x", ""),
        ("b", "test", "x", ""),
        ("c", "train", "y", ""),
        ("a", "train", "", ""),
        ("b", "test", "", ""),
    )
    (leak,) = find_leaks(manifest, splits)
    assert leak == "the same pixels are in two splits, 1 slice(s): a slice 1 (train), b slice 2 (test)"


@pytest.mark.parametrize(("bits", "leaks"), [(0, 1), (NEAR, 1), (NEAR + 1, 0), (128, 0)])
def test_look_alikes_are_found_up_to_a_distance(bits, leaks):
    perceptual_hash = np.random.default_rng(0).integers(0, 2, 256)
    other = perceptual_hash.copy()
    other[np.random.default_rng(1).choice(256, bits, replace=False)] ^= 1
    one, two = (np.packbits(hashed).tobytes().hex() for hashed in (perceptual_hash, other))
    manifest, splits = tables(("a", "train", "x", one), ("b", "test", "y", two), ("c", "val", "z", ""))
    found = find_look_alikes(manifest, splits, NEAR)
    assert len(found) == leaks
    if found:
        assert f"({bits} of 256 bits differ): " in found[0]
        assert {"b slice 2 (test)", "a slice 1 (train)"} <= set(found[0].split(": ")[1].split(", "))


ALTERED = {
    "resized": lambda image, rng: np.asarray(Image.fromarray(image).resize((60, 60)).resize((64, 64))),
    "brighter": lambda image, rng: image * 1.1 + 3,
    "noise": lambda image, rng: image + rng.normal(0, 3, image.shape),
    "cropped": lambda image, rng: np.asarray(Image.fromarray(image).crop((2, 1, 63, 62)).resize((64, 64))),
    "shifted": lambda image, rng: np.roll(image, 2, axis=1),
    "mirrored": lambda image, rng: image[:, ::-1],
}


@pytest.mark.parametrize("kind", ALTERED)
def test_an_altered_copy_is_found_among_all_patients(data, demo_source, kind):
    """A test patient returns under another name, with altered pixels."""
    manifest, splits = read_manifest(data / "manifest.csv"), read_splits(data / "splits.csv")
    assert find_look_alikes(manifest, splits, NEAR) == []
    victim = splits.loc[splits["split"] == "test", "patient"].iloc[0]
    with open_source(demo_source) as source:
        scan = source.read(victim).scan
    rng = np.random.default_rng(0)
    copies = [np.clip(ALTERED[kind](image, rng), 0, 255).astype(np.uint8) for image in scan.image]
    copy = Scan("stranger", scan.site, np.stack(copies), scan.mask)
    manifest = pd.concat([manifest, pd.DataFrame(describe(copy, synthetic=True))])
    splits = pd.concat([splits, pd.DataFrame([{"patient": "stranger", "subject": "stranger", "split": "train"}])])
    (leak,) = find_look_alikes(manifest, splits, NEAR)
    assert "look the same" in leak
    assert "stranger" in leak
    assert victim in leak


def test_a_leak_stops_the_stage_and_nothing_is_written(tmp_path, data, capsys):
    manifest = read_manifest(data / "manifest.csv")
    assigned = assign_splits(manifest, RULE).set_index("patient")["split"]
    train, test = assigned[assigned == "train"].index[0], assigned[assigned == "test"].index[0]
    leaked_hash = manifest.loc[manifest["patient"] == train, "pixel_hash"].iloc[4]
    manifest.loc[manifest.index[manifest["patient"] == test][4], "pixel_hash"] = leaked_hash
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UserError, match="same pixels are in two splits"):
        split(tmp_path / "manifest.csv", tmp_path / "splits.csv", tmp_path / "ledger.csv", RULE)
    assert "leak: the same pixels" in capsys.readouterr().out
    assert not (tmp_path / "splits.csv").exists()


def test_look_alikes_can_be_downgraded_to_a_warning(tmp_path, data, capsys):
    manifest = read_manifest(data / "manifest.csv")
    assigned = assign_splits(manifest, RULE).set_index("patient")["split"]
    train, test = (manifest["patient"] == assigned[assigned == split_name].index[0] for split_name in ("train", "test"))
    perceptual_hash = manifest.loc[train & (manifest["perceptual_hash"] != ""), "perceptual_hash"].iloc[0]
    manifest.loc[manifest.index[test][4], "perceptual_hash"] = perceptual_hash
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    paths = [tmp_path / name for name in ("manifest.csv", "splits.csv", "ledger.csv")]
    with pytest.raises(UserError, match="look the same"):
        split(*paths, RULE)
    split(*paths, RULE, look_alikes="warn")
    assert "leak: images in two splits look the same (0 of 256 bits differ)" in capsys.readouterr().out
    assert (tmp_path / "splits.csv").exists()
