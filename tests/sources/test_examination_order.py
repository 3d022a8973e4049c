"""T1 series are classified by their place in the examination: those before the contrast agent lack it."""

from __future__ import annotations

import numpy as np
import pytest
from scan_writers import make_scan, write_series
from test_dicom import OPTIONS, read

from components.sources import open_source

PRE, FLAIR, POST = 0, 1, 2
AFTER_CONTRAST = "acquired after a series with contrast agent"
UNSTATED = "no header says whether contrast agent was given"
IN_ALL_SERIES = "ContrastBolusAgent is in all series"


def read_examination(folder, scan, *series):
    """Write series given as (channel, number, tags), and read the examination."""
    for channel, number, tags in series:
        write_series(folder / "P" / str(number), scan, channel, series=str(number), SeriesNumber=number, **tags)
    return read(folder)


def notes(reading):
    return " | ".join(problem.what for problem in reading.problems)


def test_an_unlabelled_t1_after_a_contrast_series_is_doubted(tmp_path):
    unlabelled = {"SeriesDescription": "COR T1"}
    reading = read_examination(tmp_path, make_scan(), ("flair", 3, {}), ("post", 6, {}), ("pre", 8, unlabelled))
    assert AFTER_CONTRAST in notes(reading)


def test_an_unlabelled_t1_before_a_contrast_series_is_not_doubted(tmp_path):
    unlabelled = {"SeriesDescription": "AX T1"}
    reading = read_examination(tmp_path, make_scan(), ("pre", 2, unlabelled), ("flair", 3, {}), ("post", 6, {}))
    assert AFTER_CONTRAST not in notes(reading)


def test_acquisition_times_take_precedence_over_series_numbers(tmp_path):
    unlabelled = {"SeriesDescription": "AX T1", "AcquisitionTime": "100000"}
    given = {"AcquisitionTime": "101500"}
    reading = read_examination(tmp_path, make_scan(), ("pre", 20, unlabelled), ("flair", 3, {}), ("post", 6, given))
    assert AFTER_CONTRAST not in notes(reading)


@pytest.mark.parametrize("description", ["AX T1", ""])
def test_the_earlier_of_two_unlabelled_t1_is_taken_and_noted(tmp_path, description):
    scan, longer = make_scan(), make_scan(slices=8, seed=5)
    tags = {"SeriesDescription": description, "RepetitionTime": "500", "EchoTime": "10"}
    write_series(tmp_path / "P" / "2", scan, "pre", series="2", SeriesNumber=2, **tags)
    write_series(tmp_path / "P" / "3", scan, "flair", series="3")
    write_series(tmp_path / "P" / "8", longer, "post", series="8", SeriesNumber=8, **tags)
    reading = read(tmp_path)
    np.testing.assert_array_equal(reading.scan.image[..., PRE], scan.image[..., PRE])
    assert "series 2 is used as pre, not series 8" in notes(reading)


def test_a_t1_without_description_or_agent_is_noted(tmp_path):
    tags = {"SeriesDescription": "", "RepetitionTime": "500", "EchoTime": "10"}
    assert UNSTATED in notes(read_examination(tmp_path, make_scan(), ("flair", 3, {}), ("pre", 2, tags)))


def test_without_descriptions_a_later_agent_marks_the_first_t1_as_pre(tmp_path):
    scan = make_scan()
    tags = {"SeriesDescription": "", "RepetitionTime": "500", "EchoTime": "10"}
    given = tags | {"ContrastBolusAgent": "Dotarem"}
    reading = read_examination(tmp_path, scan, ("pre", 2, tags), ("flair", 3, {}), ("post", 6, given))
    np.testing.assert_array_equal(reading.scan.image, scan.image)
    assert [problem.kind for problem in reading.problems] == ["missing_mask"]


def test_an_agent_in_every_series_does_not_make_a_plain_t1_post(tmp_path):
    scan, agent = make_scan(), {"ContrastBolusAgent": "Gadovist"}
    plain = agent | {"SeriesDescription": "AX T1"}
    reading = read_examination(tmp_path, scan, ("pre", 2, plain), ("flair", 3, agent), ("post", 6, agent))
    np.testing.assert_array_equal(reading.scan.image, scan.image)
    assert IN_ALL_SERIES in notes(reading)


def test_the_sop_class_identifies_mr_despite_another_modality(tmp_path):
    scan = make_scan()
    tags = {"Modality": "OT"}
    reading = read_examination(tmp_path, scan, ("pre", 2, tags), ("flair", 3, tags), ("post", 6, tags))
    np.testing.assert_array_equal(reading.scan.image, scan.image)


def test_a_patient_id_shared_by_two_persons_is_reported(tmp_path):
    for name, date in (("A", "19600229"), ("B", "19710101")):
        write_series(tmp_path / name, make_scan(seed=len(date)), "flair", PatientBirthDate=date)
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert problem.kind == "identity"
    assert "another birth date or sex" in problem.what
    assert "19" not in str(problem)


@pytest.mark.parametrize("identity", ["Anonymous", "ANON", "0000", "xxx", "deidentified"])
def test_a_placeholder_shared_by_several_folders_is_no_person(tmp_path, identity):
    for name in ("A", "B"):
        write_series(tmp_path / name, make_scan(identity, seed=len(name)), "flair", PatientBirthDate="")
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert (problem.kind, problem.where) == ("identity", "folder 2 of 2")
    assert "no name but what programs write" in problem.what


def test_a_placeholder_of_a_single_folder_is_accepted(tmp_path):
    write_series(tmp_path / "A", make_scan("Anonymous"), "flair")
    write_series(tmp_path / "B", make_scan("P2"), "flair")
    with open_source(tmp_path) as source:
        assert source.problems == []


@pytest.mark.parametrize("date", ["", "00000000", "19600229"])
def test_a_removed_or_equal_birth_date_is_not_reported(tmp_path, date):
    write_series(tmp_path / "A", make_scan(), "flair")
    write_series(tmp_path / "B", make_scan(), "flair", PatientBirthDate=date)
    with open_source(tmp_path) as source:
        assert source.problems == []


def test_a_folder_per_examination_gives_several_examinations(tmp_path):
    scan = make_scan()
    for number in range(2):
        for channel in ("pre", "flair", "post"):
            place = tmp_path / "set" / scan.patient / f"0{number}-01-1999-BRAIN" / channel
            write_series(place, scan, channel, StudyInstanceUID=f"1.2.{number + 1}")
    with open_source(tmp_path) as source:
        assert source.patients == [scan.patient, f"{scan.patient}_exam2"]
        for patient in source.patients:
            np.testing.assert_array_equal(source.read(patient, OPTIONS).scan.image, scan.image)
