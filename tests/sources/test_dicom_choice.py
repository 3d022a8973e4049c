"""Which of an examination's DICOM series is taken for which sequence."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_edits import edit
from pydicom import dcmread
from pydicom.uid import generate_uid
from test_dicom import OPTIONS
from written_scans import NAME, made_up_scan, write_dicom, write_series

from components.sources import open_source
from components.sources.reading import Options


def examination(folder, *series):
    """Series as (channel to draw from, tags), numbered from 1; the scan."""
    scan = made_up_scan()
    for number, (channel, tags) in enumerate(series, start=1):
        write_series(folder / str(number), scan, channel, series=str(number), SeriesNumber=number, **tags)
        for path in (folder / str(number)).iterdir():
            data = dcmread(path)
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            data.save_as(path)
    return scan


def chosen(tmp_path, *series):
    scan = examination(tmp_path / "in" / "x", *series)
    with open_source(tmp_path / "in") as source:
        reading = source.read(NAME, Options(size=32, spacing=1.0), masks=False)
    return scan, reading


WHOLE = {"ProtocolName": "BRAIN W/WO CONTRAST", "Manufacturer": "GE MEDICAL SYSTEMS"}

SHARED = {"ProtocolName": "AX T1 POST GAD", "Manufacturer": "GE MEDICAL SYSTEMS"}


@pytest.mark.parametrize("protocol", [WHOLE, SHARED], ids=["both", "one of its series"])
def test_the_name_of_the_whole_examination_says_nothing_about_a_series(tmp_path, protocol):
    scan, reading = chosen(
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
def test_words_for_no_contrast_agent_are_no_contrast_agent(tmp_path, before, after):
    scan, reading = chosen(
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
def test_a_stir_is_no_flair_even_with_more_slices(tmp_path, times):
    short = {"SeriesDescription": "AX FLAIR"}
    scan, reading = chosen(tmp_path, ("flair", short), ("pre", {"SeriesDescription": "t2_tirm_tra_fs_orbita", **times}))
    np.testing.assert_array_equal(reading.scan.image[..., 1], scan.image[..., 1])
    assert reading.scan.missing_sequences() == {"pre": True, "post": True}
    assert [problem.kind for problem in reading.problems] == ([] if times else ["choice"])


def test_a_series_that_may_be_two_things_is_left_out_and_told(tmp_path):
    _, reading = chosen(
        tmp_path, ("flair", {"SeriesDescription": "AX FLAIR"}), ("pre", {"SeriesDescription": "T1 W/WO CONTRAST"})
    )
    (problem,) = reading.problems
    assert problem.kind == "choice"
    assert "series 2 is not used" in str(problem)
    assert reading.scan.missing_sequences() == {"pre": True, "post": True}


def test_a_series_without_doubt_is_taken_before_one_with(tmp_path):
    scan, reading = chosen(
        tmp_path,
        ("pre", {"SeriesDescription": "AX FLAIR +C"}),
        ("flair", {"SeriesDescription": "AX FLAIR"}),
    )
    np.testing.assert_array_equal(reading.scan.image[..., 1], scan.image[..., 1])
    assert [str(problem).split(";")[0] for problem in reading.problems] == [
        f"{NAME}: series 2 is taken for flair, and not series 1"
    ]


def test_a_flair_after_the_agent_is_taken_with_a_note(tmp_path):
    _, reading = chosen(tmp_path, ("flair", {"SeriesDescription": "AX FLAIR +C"}))
    assert reading.scan is not None
    (problem,) = reading.problems
    assert "taken for flair, though it was taken after the contrast agent" in str(problem)


def test_an_examination_of_another_kind_is_told_by_its_modality(tmp_path):
    folder = write_dicom(tmp_path, made_up_scan(), mask=False)

    def to_ct(data, _):
        data.Modality = "CT"

    edit(folder, to_ct)
    with open_source(tmp_path) as source:
        (problem,) = source.read(NAME, OPTIONS, masks=False).problems
    assert "no MR images; Modality is CT" in str(problem)
