"""Volumes of one phantom, laid out in files as a test wants them, and what is read of them."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import phantom, put

from components.sources import open_source
from components.sources.reading import Options

OPTIONS = Options(size=40, spacing=6.0)
VOLUMES = {"F": "flair", "T": "t1", "C": "t1ce", "B": "seg", "H": "head"}


def lay(root, *files):
    """Write files "path=F": FLAIR, T1, T1 with contrast agent, blob, head; all of one patient's have one seed."""
    made = phantom()
    for file in files:
        path, _, what = file.partition("=")
        put(root / path, made.volumes[VOLUMES[what]], made.affine)
    return root


def full(folder, name, flair="flair", t1="t1", t1ce="t1ce", seg="seg"):
    """The files of one patient, a folder for all."""
    return [f"{folder}/{name}_{one}.nii.gz={what}" for one, what in zip((flair, t1, t1ce, seg), "FTCB", strict=True)]


def read(root, opener=open_source, **arguments):
    """Patients of a source to what they were read as, and the source's own problems."""
    with opener(str(root)) as source:
        return {name: source.read(name, OPTIONS, **arguments) for name in source.patients}, source.problems


def assert_whole(readings, *names):
    """All of these patients, and no others, have all sequences, the tumour's mask, and no problem."""
    made = phantom()
    blob = made.volumes["seg"].sum() * 5 * 6 * 11
    assert sorted(readings) == sorted(names)
    for reading in readings.values():
        assert [str(problem) for problem in reading.problems] == []
        assert not any(reading.scan.missing_sequences().values())
        assert reading.scan.mask.sum() * np.prod(reading.scan.spacing) == pytest.approx(blob, rel=0.25)
