"""Write the volumes of one phantom in the layout that a test needs, and read them back."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import phantom, write_nifti_volume

from components.sources import open_source
from components.sources.reading import Options

OPTIONS = Options(size=40, spacing=6.0)
VOLUMES = {"F": "flair", "T": "t1", "C": "t1ce", "B": "seg", "H": "head"}


def place_files(root, *files):
    """Write each "path=X" as a file, where X is F (FLAIR), T (T1), C (T1 with contrast agent), B (tumour) or H (head).

    All volumes come from the same phantom.
    """
    made = phantom()
    for file in files:
        path, _, what = file.partition("=")
        write_nifti_volume(root / path, made.volumes[VOLUMES[what]], made.affine)
    return root


def patient_files(folder, name, flair="flair", t1="t1", t1ce="t1ce", seg="seg"):
    """The files of one patient, for `place_files`, all in one folder."""
    return [f"{folder}/{name}_{one}.nii.gz={what}" for one, what in zip((flair, t1, t1ce, seg), "FTCB", strict=True)]


def read(root, opener=open_source, **arguments):
    """Readings of a source by patient, and the source's own problems."""
    with opener(str(root)) as source:
        return {name: source.read(name, OPTIONS, **arguments) for name in source.patients}, source.problems


def assert_complete(readings, *names):
    """Exactly these patients were read, each with all sequences, the tumour's mask and no problems."""
    made = phantom()
    tumor_volume = made.volumes["seg"].sum() * 5 * 6 * 11
    assert sorted(readings) == sorted(names)
    for reading in readings.values():
        assert [str(problem) for problem in reading.problems] == []
        assert not any(reading.scan.missing_sequences().values())
        assert reading.scan.mask.sum() * np.prod(reading.scan.spacing) == pytest.approx(tumor_volume, rel=0.25)
