"""Which pairs of patients the audit tells, whatever their names, sides, and order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.split import leakage
from components.split.leakage import find_leaks, find_look_alikes

RANDOM = np.random.default_rng(0).integers(0, 2, (3, 256))


def look(picture, flipped=0):
    """Perceptual hash of one of a few pictures, with so many bits flipped."""
    bits = RANDOM[picture].copy()
    bits[:flipped] ^= 1
    return np.packbits(bits).tobytes().hex()


def tables(*rows):
    """Manifest and splits of (patient, side, pixels, look), a slice each; "a1" is an examination of "a"."""
    manifest = pd.DataFrame(
        [{"patient": p, "slice": n, "pixel_hash": x, "perceptual_hash": y} for n, (p, _, x, y) in enumerate(rows, 1)]
    )
    splits = pd.DataFrame([{"patient": p, "split": side} for p, side, *_ in rows]).drop_duplicates(ignore_index=True)
    for table in (manifest, splits):
        table["subject"] = table["patient"].str[0]
    return manifest, splits


@pytest.mark.parametrize("sides", [("train", "test"), ("test", "train"), ("val", "train"), ("test", "val")])
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_pair_is_told_once_whichever_side_either_is_on(sides, names):
    rows = [(name, side, "x", look(0)) for name, side in zip(names, sides, strict=True)]
    (told,) = find_leaks(*tables(*rows, ("c", "train", "z", look(2))))
    slices = dict(zip(names, (1, 2), strict=True))
    side = dict(zip(names, sides, strict=True))
    assert told == (
        f"the same pixels are in two splits, 1 slice(s): a slice {slices['a']} ({side['a']}), "
        f"b slice {slices['b']} ({side['b']})"
    )
    assert find_look_alikes(*tables(*rows), near=0) == []  # told already
    for pixels in (("x", "y"), ("y", "x")):
        rows = [(n, s, x, look(1)) for n, s, x in zip(names, sides, pixels, strict=True)]
        assert len(find_look_alikes(*tables(*rows), near=0)) == 1
        assert find_leaks(*tables(*rows)) == []


def test_the_same_pixels_on_one_side_are_no_leak():
    assert find_leaks(*tables(("a", "train", "x", ""), ("b", "train", "x", ""), ("c", "test", "y", ""))) == []


def test_slices_of_a_pair_are_counted_and_the_first_is_named():
    rows = [("a", "train", f"x{n}", "") for n in range(3)] + [("b", "test", f"x{n}", "") for n in (1, 2, 3)]
    (told,) = find_leaks(*tables(*rows, ("c", "val", "x9", "")))
    assert told == "the same pixels are in two splits, 2 slice(s): a slice 2 (train), b slice 4 (test)"


def test_every_person_on_two_or_three_sides_is_told_by_name():
    told = find_leaks(*tables(*[(f"a{n}", side, "", "") for n, side in enumerate(("val", "train", "test"))]))
    assert told == ["patient a is in test and train and val"]
    rows = [("a1", "train", "", ""), ("a2", "train", "", ""), ("b1", "test", "", ""), ("b2", "val", "", "")]
    assert find_leaks(*tables(*rows)) == ["patient b is in test and val"]


def test_an_examination_on_two_sides_is_told_once():
    manifest, splits = tables(("a", "train", "x", ""), ("b", "test", "y", ""))
    splits.loc[len(splits)] = {"patient": "a", "split": "val", "subject": "a"}
    assert find_leaks(manifest, splits) == ["patient a is in train and val"]


def test_a_person_s_own_pictures_may_look_the_same():
    assert find_look_alikes(*tables(("a1", "train", "x", look(0)), ("a2", "test", "y", look(0))), near=0) == []


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_pair_of_patients_the_closest_pictures_are_shown(order):
    rows = [("a", "train", "x1", look(0, 9)), ("a", "train", "x2", look(0, 3)), ("a", "train", "x3", look(0, 6))]
    found = find_look_alikes(*tables(*rows[::order], ("b", "test", "y", look(0))), near=9)
    assert found == ["pictures in two splits look the same (3 of 256 bits differ): b slice 4 (test), a slice 2 (train)"]


def test_pictures_are_looked_through_in_parts(monkeypatch):
    rows = [(f"{'ab'[n % 2]}{n}", ("train", "test")[n % 2], f"x{n}", look(n // 2 % 3, n)) for n in range(14)]
    whole = find_look_alikes(*tables(*rows), near=5)
    assert len(whole) > 6
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(leakage, "CHUNK", size)
        assert sorted(find_look_alikes(*tables(*rows), near=5)) == sorted(whole)


def test_a_mirror_image_is_a_look_alike():
    mirrored = RANDOM[0].copy()
    mirrored[1::2] ^= 1  # odd horizontal frequencies change their sign
    other = np.packbits(mirrored).tobytes().hex()
    found = find_look_alikes(*tables(("a", "train", "x", look(0)), ("b", "test", "y", other)), near=0)
    assert len(found) == 1
    assert "(0 of 256 bits differ)" in found[0]
