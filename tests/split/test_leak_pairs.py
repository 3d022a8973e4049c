"""Which pairs of patients the leak audit reports, whatever their names, splits and order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.split import leakage
from components.split.leakage import find_leaks, find_look_alikes

RANDOM = np.random.default_rng(0).integers(0, 2, (3, 256))


def hash_of(picture, flipped=0):
    """Perceptual hash of one of three random pictures, with `flipped` bits inverted."""
    bits = RANDOM[picture].copy()
    bits[:flipped] ^= 1
    return np.packbits(bits).tobytes().hex()


def tables(*rows):
    """Manifest and splits of (patient, split, pixel hash, perceptual hash), one slice each.

    "a1" is an examination of person "a".
    """
    manifest = pd.DataFrame(
        [{"patient": p, "slice": n, "pixel_hash": x, "perceptual_hash": y} for n, (p, _, x, y) in enumerate(rows, 1)]
    )
    splits = pd.DataFrame([{"patient": p, "split": split_name} for p, split_name, *_ in rows]).drop_duplicates(
        ignore_index=True
    )
    for table in (manifest, splits):
        table["subject"] = table["patient"].str[0]
    return manifest, splits


@pytest.mark.parametrize("split_names", [("train", "test"), ("test", "train"), ("val", "train"), ("test", "val")])
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_pair_is_reported_once_whichever_splits_it_is_in(split_names, names):
    rows = [(name, split_name, "x", hash_of(0)) for name, split_name in zip(names, split_names, strict=True)]
    (reported,) = find_leaks(*tables(*rows, ("c", "train", "z", hash_of(2))))
    slices = dict(zip(names, (1, 2), strict=True))
    split_name = dict(zip(names, split_names, strict=True))
    assert reported == (
        f"the same pixels are in two splits, 1 slice(s): a slice {slices['a']} ({split_name['a']}), "
        f"b slice {slices['b']} ({split_name['b']})"
    )
    assert find_look_alikes(*tables(*rows), near=0) == []  # already reported as a leak
    for pixels in (("x", "y"), ("y", "x")):
        rows = [(n, s, x, hash_of(1)) for n, s, x in zip(names, split_names, pixels, strict=True)]
        assert len(find_look_alikes(*tables(*rows), near=0)) == 1
        assert find_leaks(*tables(*rows)) == []


def test_the_same_pixels_within_one_split_are_no_leak():
    assert find_leaks(*tables(("a", "train", "x", ""), ("b", "train", "x", ""), ("c", "test", "y", ""))) == []


def test_slices_of_a_pair_are_counted_and_the_first_is_named():
    rows = [("a", "train", f"x{n}", "") for n in range(3)] + [("b", "test", f"x{n}", "") for n in (1, 2, 3)]
    (reported,) = find_leaks(*tables(*rows, ("c", "val", "x9", "")))
    assert reported == "the same pixels are in two splits, 2 slice(s): a slice 2 (train), b slice 4 (test)"


def test_a_person_in_two_or_three_splits_is_reported_by_name():
    reported = find_leaks(
        *tables(*[(f"a{n}", split_name, "", "") for n, split_name in enumerate(("val", "train", "test"))])
    )
    assert reported == ["patient a is in test and train and val"]
    rows = [("a1", "train", "", ""), ("a2", "train", "", ""), ("b1", "test", "", ""), ("b2", "val", "", "")]
    assert find_leaks(*tables(*rows)) == ["patient b is in test and val"]


def test_an_examination_in_two_splits_is_reported_once():
    manifest, splits = tables(("a", "train", "x", ""), ("b", "test", "y", ""))
    splits.loc[len(splits)] = {"patient": "a", "split": "val", "subject": "a"}
    assert find_leaks(manifest, splits) == ["patient a is in train and val"]


def test_images_of_one_person_may_look_alike():
    assert find_look_alikes(*tables(("a1", "train", "x", hash_of(0)), ("a2", "test", "y", hash_of(0))), near=0) == []


@pytest.mark.parametrize("order", [1, -1])
def test_the_closest_images_of_two_patients_are_reported(order):
    rows = [
        ("a", "train", "x1", hash_of(0, 9)),
        ("a", "train", "x2", hash_of(0, 3)),
        ("a", "train", "x3", hash_of(0, 6)),
    ]
    found = find_look_alikes(*tables(*rows[::order], ("b", "test", "y", hash_of(0))), near=9)
    assert found == ["images in two splits look the same (3 of 256 bits differ): b slice 4 (test), a slice 2 (train)"]


def test_the_chunk_size_does_not_change_what_is_found(monkeypatch):
    rows = [(f"{'ab'[n % 2]}{n}", ("train", "test")[n % 2], f"x{n}", hash_of(n // 2 % 3, n)) for n in range(14)]
    whole = find_look_alikes(*tables(*rows), near=5)
    assert len(whole) > 6
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(leakage, "CHUNK", size)
        assert sorted(find_look_alikes(*tables(*rows), near=5)) == sorted(whole)


def test_a_mirror_image_is_a_look_alike():
    mirrored = RANDOM[0].copy()
    mirrored[1::2] ^= 1  # mirroring flips the sign of odd horizontal frequencies
    other = np.packbits(mirrored).tobytes().hex()
    found = find_look_alikes(*tables(("a", "train", "x", hash_of(0)), ("b", "test", "y", other)), near=0)
    assert len(found) == 1
    assert "(0 of 256 bits differ)" in found[0]
