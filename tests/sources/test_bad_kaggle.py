"""Catalogue of broken kaggle_3m patients: each kind has its own message."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from bad_sources import PATIENTS, assert_refused, write_three_good_patients_and
from conftest import ingest_into
from PIL import Image
from scan_writers import write_kaggle

NAME = PATIENTS[-1]


def tif(folder, number, mask=False):
    return folder / f"{NAME}_{number}{'_mask' if mask else ''}.tif"


def save(path, pixels):
    Image.fromarray(pixels).save(path)


def claim_size(path, side):
    """Overwrite width and height, tags 256 and 257 of type LONG, in the directory of a TIFF file."""
    data = bytearray(path.read_bytes())
    for tag in (256, 257):
        at = data.index(struct.pack("<HHI", tag, 4, 1))
        data[at + 8 : at + 12] = struct.pack("<I", side)
    path.write_bytes(bytes(data))


def copy_slice(folder, source, target):
    for mask in (False, True):
        tif(folder, target, mask).write_bytes(tif(folder, source, mask).read_bytes())


BROKEN = {
    "truncated": (lambda f: tif(f, 1).write_bytes(tif(f, 1).read_bytes()[:400]), "_1.tif: not a readable image"),
    "cut header": (lambda f: tif(f, 1).write_bytes(b"II*\0"), "_1.tif: not a readable image"),
    "empty file": (lambda f: tif(f, 2).write_bytes(b""), "_2.tif: not a readable image"),
    "text": (lambda f: tif(f, 2).write_text("hello", encoding="utf-8"), "_2.tif: not a readable image"),
    "truncated mask": (lambda f: tif(f, 2, True).write_bytes(b"II*\0\x08"), "_2_mask.tif: not a readable image"),
    "bomb": (lambda f: claim_size(tif(f, 1), 60_000), "claims more pixels than any scan has"),
    "16 bits": (
        lambda f: save(tif(f, 1), np.zeros((32, 32), np.uint16)),
        r"uint16 with 1 channel\(s\) where uint8 with 3",
    ),
    "floats": (lambda f: save(tif(f, 1), np.full((32, 32), np.nan, np.float32)), "float32 with 1 channel"),
    "one channel": (lambda f: save(tif(f, 1), np.zeros((32, 32), np.uint8)), "uint8 with 1 channel"),
    "four channels": (lambda f: save(tif(f, 1), np.zeros((32, 32, 4), np.uint8)), "uint8 with 4 channel"),
    "colour mask": (lambda f: save(tif(f, 1, True), np.zeros((32, 32, 3), np.uint8)), "where uint8 with 1 is expected"),
    "grey mask": (lambda f: save(tif(f, 1, True), np.full((32, 32), 7, np.uint8)), "values other than 0 and 255"),
    "another size": (lambda f: save(tif(f, 1), np.zeros((8, 9, 3), np.uint8)), "are 9 x 8 and 32 x 32 pixels"),
    "mask of another size": (
        lambda f: save(tif(f, 1, True), np.zeros((8, 8), np.uint8)),
        "are 8 x 8 and 32 x 32 pixels",
    ),
    "no mask": (lambda f: tif(f, 3, True).unlink(), "_3.tif: no mask beside it"),
    "no masks": (lambda f: [tif(f, i, True).unlink() for i in range(1, 7)], "no reference masks"),
    "masks only": (lambda f: [tif(f, i).unlink() for i in range(1, 7)], "no images in it"),
    "a slice twice": (
        lambda f: (f / f"{NAME}_01.tif").write_bytes(tif(f, 1).read_bytes()),
        "a second file for slice 1",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_patient_is_refused_with_name_and_reason(tmp_path, kind):
    damage, message = BROKEN[kind]
    damage(write_three_good_patients_and(write_kaggle, tmp_path / "in"))
    assert_refused(tmp_path, tmp_path / "in", f"{NAME}.*{message}")


NOTED = {
    "gap": (lambda f: [tif(f, 2).unlink(), tif(f, 2, True).unlink()], "gap", "slice 2 of 1-6 is missing"),
    "extra mask": (lambda f: tif(f, 6).unlink(), "extra_mask", "_6_mask.tif: a mask without its image"),
    "blank": (lambda f: save(tif(f, 1), np.full((32, 32, 3), 9, np.uint8)), "blank", "nothing on slice 1"),
    "duplicate": (lambda f: copy_slice(f, 2, 5), "duplicate_slice", "slices 2 and 5 have the same pixels"),
}


@pytest.mark.parametrize("kind", NOTED)
def test_an_oddity_is_noted_refused_or_quarantined_by_policy(tmp_path, kind, capsys):
    damage, name, message = NOTED[kind]
    damage(write_three_good_patients_and(write_kaggle, tmp_path / "in"))
    manifest = ingest_into(tmp_path / "noted", tmp_path / "in")
    assert NAME in set(manifest["patient"])
    assert f"warn: {NAME}" in capsys.readouterr().out
    assert_refused(tmp_path, tmp_path / "in", message, policy={name: "refuse"})
    manifest = ingest_into(tmp_path / "left out", tmp_path / "in", policy={name: "quarantine"})
    assert NAME not in set(manifest["patient"])


def test_all_broken_patients_are_reported_at_once(tmp_path, capsys):
    folder = write_three_good_patients_and(write_kaggle, tmp_path / "in")
    BROKEN["truncated"][0](folder)
    BROKEN["no mask"][0](folder)
    (folder.parent / PATIENTS[0] / f"{PATIENTS[0]}_1.tif").write_bytes(b"")
    assert_refused(tmp_path, tmp_path / "in", r"and 2 more, all in .*problems\.csv")
    refusals = [line for line in capsys.readouterr().out.splitlines() if line.startswith("refuse: ")]
    assert len(refusals) == 3
