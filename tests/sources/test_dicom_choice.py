"""Which of an examination's DICOM series is taken for which sequence."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_edits import edit
from pydicom import dcmread
from pydicom.uid import generate_uid
from scan_writers import NAME, make_scan, write_dicom, write_series
from test_dicom import OPTIONS

from components.sources import open_source
from components.sources.reading import Options


def write_examination(folder, *series):
    """Write series given as (channel of the scan, tags), numbered from 1, and return the scan."""
    scan = make_scan()
    for number, (channel, tags) in enumerate(series, start=1):
        write_series(folder / str(number), scan, channel, series=str(number), SeriesNumber=number, **tags)
        for path in (folder / str(number)).iterdir():
            data = dcmread(path)
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            data.save_as(path)
    return scan


def write_and_read(tmp_path, *series):
    scan = write_examination(tmp_path / "in" / "x", *series)
    with open_source(tmp_path / "in") as source:
        reading = source.read(NAME, Options(size=32, spacing=1.0), masks=False)
    return scan, reading


EXAMINATION_PROTOCOL = {"ProtocolName": "BRAIN W/WO CONTRAST", "Manufacturer": "GE MEDICAL SYSTEMS"}

SERIES_PROTOCOL = {"ProtocolName": "AX T1 POST GAD", "Manufacturer": "GE MEDICAL SYSTEMS"}


@pytest.mark.parametrize("protocol", [EXAMINATION_PROTOCOL, SERIES_PROTOCOL], ids=["both", "one of its series"])
def test_a_protocol_name_shared_by_all_series_is_ignored(tmp_path, protocol):
    scan, reading = write_and_read(
        tmp_path,
        ("pre", {"SeriesDescription": "Ax T1", **protocol}),
        ("flair", {"SeriesDescription": "Ax T2 FLAIR", **protocol}),
        ("post", {"SeriesDescription": "Ax T1 +C", **protocol}),
    )
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image, scan.image)


@pytest.mark.parametrize(
    ("before", "after"),
    [("AX T1 PRECONTRAST", "AX T1 POSTCONTRAST"), ("t1_tse_tra_ohne_KM", "t1_tse_tra_KM"), ("T1 NO GAD", "T1 GAD")],
)
def test_words_for_no_contrast_do_not_count_as_contrast(tmp_path, before, after):
    scan, reading = write_and_read(
        tmp_path,
        ("pre", {"SeriesDescription": before}),
        ("flair", {"SeriesDescription": "t2_tirm_tra_dark-fluid"}),
        ("post", {"SeriesDescription": after}),
    )
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image, scan.image)


@pytest.mark.parametrize(
    "times", [{"InversionTime": 160, "EchoTime": 60, "RepetitionTime": 4000}, {}], ids=["TI", "silent"]
)
def test_a_stir_series_is_not_taken_for_flair(tmp_path, times):
    flair_tags = {"SeriesDescription": "AX FLAIR"}
    scan, reading = write_and_read(
        tmp_path, ("flair", flair_tags), ("pre", {"SeriesDescription": "t2_tirm_tra_fs_orbita", **times})
    )
    np.testing.assert_array_equal(reading.scan.image[..., 1], scan.image[..., 1])
    assert reading.scan.missing_sequences() == {"pre": True, "post": True}
    assert [problem.kind for problem in reading.problems] == ([] if times else ["choice"])


def test_an_ambiguous_series_is_left_out_and_reported(tmp_path):
    _, reading = write_and_read(
        tmp_path, ("flair", {"SeriesDescription": "AX FLAIR"}), ("pre", {"SeriesDescription": "T1 W/WO CONTRAST"})
    )
    (problem,) = reading.problems
    assert problem.kind == "choice"
    assert "series 2 is not used" in str(problem)
    assert reading.scan.missing_sequences() == {"pre": True, "post": True}


def test_an_unambiguous_series_is_preferred(tmp_path):
    scan, reading = write_and_read(
        tmp_path,
        ("pre", {"SeriesDescription": "AX FLAIR +C"}),
        ("flair", {"SeriesDescription": "AX FLAIR"}),
    )
    np.testing.assert_array_equal(reading.scan.image[..., 1], scan.image[..., 1])
    assert [str(problem).split(";")[0] for problem in reading.problems] == [
        f"{NAME}: series 2 is used as flair, not series 1"
    ]


def test_a_flair_after_the_contrast_agent_is_taken_with_a_note(tmp_path):
    _, reading = write_and_read(tmp_path, ("flair", {"SeriesDescription": "AX FLAIR +C"}))
    assert reading.scan is not None
    (problem,) = reading.problems
    assert "used as flair, though it was taken after the contrast agent" in str(problem)


def test_an_examination_of_another_modality_is_reported(tmp_path):
    folder = write_dicom(tmp_path, make_scan(), mask=False)

    def to_ct(data, _):
        data.Modality = "CT"

    edit(folder, to_ct)
    with open_source(tmp_path) as source:
        (problem,) = source.read(NAME, OPTIONS, masks=False).problems
    assert "no MR images; Modality is CT" in str(problem)


@pytest.mark.parametrize("description", ["AX FLAIR THIN", "AX FLAIR FS ORBITS"])
def test_a_slab_with_more_slices_does_not_replace_the_whole_head(tmp_path, description):
    scan = write_examination(
        tmp_path / "in" / "x", ("pre", {}), ("flair", {"SeriesDescription": "AX T2 FLAIR"}), ("post", {})
    )
    thin = make_scan(slices=12, seed=4, affine=scan.affine @ np.diag([1, 1, 0.2, 1]))
    write_series(tmp_path / "in" / "x" / "9", thin, "flair", "9", SeriesNumber=9, SeriesDescription=description)
    with open_source(tmp_path / "in") as source:
        reading = source.read(NAME, Options(size=32, spacing=1.0), masks=False)
    assert ["series 2 is used as flair, not series 9" in problem.what for problem in reading.problems] == [True]
    np.testing.assert_array_equal(reading.scan.image, scan.image)
