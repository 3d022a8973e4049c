"""Random damage: a reader returns a scan or reports what is wrong; it never raises anything else."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profiles import SHARED_FOLDER
from scan_writers import NAME, make_scan, write_dicom, write_kaggle, write_nifti

from components.common.errors import UserError
from components.sources import open_source
from components.sources.reading import Options

WRITERS = {"tif": write_kaggle, "nifti": write_nifti, "dicom": write_dicom}
VICTIMS = {
    "tif": (f"{NAME}_2.tif", f"{NAME}_2_mask.tif"),
    "nifti": (f"{NAME}_flair.nii.gz", f"{NAME}_seg.nii.gz"),
    "dicom": ("flair/IM0002.dcm", "seg.dcm"),
}


@pytest.fixture(scope="module", params=WRITERS)
def written(request, tmp_path_factory):
    """A format, and a folder with one good patient in it."""
    root = tmp_path_factory.mktemp(request.param)
    WRITERS[request.param](root, make_scan(slices=3, size=16))
    return request.param, root


@st.composite
def damages(draw):
    """Draw a function that damages bytes, mostly where the headers are."""
    kind = draw(st.sampled_from(["cut", "flip", "zero", "insert", "repeat"]))
    at = draw(st.one_of(st.integers(0, 1200), st.integers(0, 20_000)))
    junk = draw(st.binary(min_size=1, max_size=24))
    return {
        "cut": lambda data: data[: at % (len(data) + 1)],
        "flip": lambda data: data[: at % len(data)] + junk + data[at % len(data) + len(junk) :],
        "zero": lambda data: data[: at % len(data)] + bytes(len(junk)) + data[at % len(data) + len(junk) :],
        "insert": lambda data: data[: at % len(data)] + junk + data[at % len(data) :],
        "repeat": lambda data: data[: at % len(data)] + data,
    }[kind]


def assert_reported_or_read(root):
    """Read a source; only scans, one-line problems or a UserError may result."""
    readings, messages = [], []
    try:
        with open_source(root) as source:
            readings = [source.read(patient, Options(size=16)) for patient in source.patients]
    except UserError as error:
        messages.append(str(error))
    for reading in readings:
        assert reading.scan is not None or reading.problems
        if reading.scan is not None:
            assert reading.scan.image.dtype == "uint8"
            assert reading.scan.image.shape[3] == 3
        messages += map(str, reading.problems)
    assert all("\n" not in line for line in messages)


@pytest.mark.filterwarnings("default")  # libraries warn about damage; only the outcome matters here
@settings(max_examples=30, suppress_health_check=SHARED_FOLDER)
@given(damage=damages(), mask=st.booleans(), packed=st.booleans())
def test_damage_never_ends_in_a_traceback(written, tmp_path_factory, damage, mask, packed):
    form, good = written
    root = tmp_path_factory.mktemp("damaged") / "in"
    shutil.copytree(good, root)
    victim = root / NAME / VICTIMS[form][mask]
    data = victim.read_bytes()
    # Damage to compressed bytes would only ever fail the checksum.
    inside = form == "nifti" and not packed
    victim.write_bytes(gzip.compress(damage(gzip.decompress(data))) if inside else damage(data))
    assert_reported_or_read(root)
    shutil.rmtree(root.parent)


@pytest.mark.parametrize("suffix", ["zip", "gztar"])
@settings(max_examples=30, suppress_health_check=SHARED_FOLDER)
@given(damage=damages())
def test_a_damaged_archive_never_ends_in_a_traceback(tmp_path_factory, suffix, damage):
    folder = tmp_path_factory.mktemp("packed")
    write_kaggle(folder / "in", make_scan(slices=3, size=16))
    packed = Path(shutil.make_archive(str(folder / "scans"), suffix, folder / "in"))
    packed.write_bytes(damage(packed.read_bytes()))
    assert_reported_or_read(packed)
    shutil.rmtree(folder)
