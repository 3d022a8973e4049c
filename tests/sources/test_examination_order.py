"""T1 series are told apart by the examination around them: what came before the contrast agent is without it."""

from __future__ import annotations

import numpy as np
import pytest
from test_dicom import OPTIONS, read
from written_scans import made_up_scan, write_series

from components.sources import open_source

PRE, FLAIR, POST = 0, 1, 2
AFTER = "acquired after a series with contrast agent"
SILENT = "no header says whether contrast agent was given"
EVERYWHERE = "ContrastBolusAgent is in all series"


def examination(folder, scan, *series):
    """Write series as (channel, number, tags)."""
    for channel, number, tags in series:
        write_series(folder / "P" / str(number), scan, channel, series=str(number), SeriesNumber=number, **tags)
    return read(folder)


def notes(reading):
    return " | ".join(problem.what for problem in reading.problems)


def test_a_silent_t1_after_one_with_contrast_agent_is_doubted(tmp_path):
    silent = {"SeriesDescription": "COR T1"}
    reading = examination(tmp_path, made_up_scan(), ("flair", 3, {}), ("post", 6, {}), ("pre", 8, silent))
    assert AFTER in notes(reading)


def test_a_silent_t1_before_one_with_contrast_agent_is_not(tmp_path):
    silent = {"SeriesDescription": "AX T1"}
    reading = examination(tmp_path, made_up_scan(), ("pre", 2, silent), ("flair", 3, {}), ("post", 6, {}))
    assert AFTER not in notes(reading)


def test_times_come_before_numbers(tmp_path):
    silent = {"SeriesDescription": "AX T1", "AcquisitionTime": "100000"}
    given = {"AcquisitionTime": "101500"}
    reading = examination(tmp_path, made_up_scan(), ("pre", 20, silent), ("flair", 3, {}), ("post", 6, given))
    assert AFTER not in notes(reading)


@pytest.mark.parametrize("description", ["AX T1", ""])
def test_of_two_silent_t1_the_earlier_is_taken_and_noted(tmp_path, description):
    scan, longer = made_up_scan(), made_up_scan(slices=8, seed=5)
    tags = {"SeriesDescription": description, "RepetitionTime": "500", "EchoTime": "10"}
    write_series(tmp_path / "P" / "2", scan, "pre", series="2", SeriesNumber=2, **tags)
    write_series(tmp_path / "P" / "3", scan, "flair", series="3")
    write_series(tmp_path / "P" / "8", longer, "post", series="8", SeriesNumber=8, **tags)
    reading = read(tmp_path)
    np.testing.assert_array_equal(reading.scan.image[..., PRE], scan.image[..., PRE])
    assert "series 2 is taken for pre, and not series 8" in notes(reading)


def test_without_descriptions_a_t1_of_which_nothing_speaks_of_an_agent_is_noted(tmp_path):
    tags = {"SeriesDescription": "", "RepetitionTime": "500", "EchoTime": "10"}
    assert SILENT in notes(examination(tmp_path, made_up_scan(), ("flair", 3, {}), ("pre", 2, tags)))


def test_without_descriptions_the_agent_of_a_later_series_tells_that_the_first_is_without(tmp_path):
    scan = made_up_scan()
    tags = {"SeriesDescription": "", "RepetitionTime": "500", "EchoTime": "10"}
    given = tags | {"ContrastBolusAgent": "Dotarem"}
    reading = examination(tmp_path, scan, ("pre", 2, tags), ("flair", 3, {}), ("post", 6, given))
    np.testing.assert_array_equal(reading.scan.image, scan.image)
    assert [problem.kind for problem in reading.problems] == ["missing_mask"]


def test_an_agent_that_the_console_wrote_into_every_series_does_not_make_t1_post(tmp_path):
    scan, agent = made_up_scan(), {"ContrastBolusAgent": "Gadovist"}
    plain = agent | {"SeriesDescription": "AX T1"}
    reading = examination(tmp_path, scan, ("pre", 2, plain), ("flair", 3, agent), ("post", 6, agent))
    np.testing.assert_array_equal(reading.scan.image, scan.image)
    assert EVERYWHERE in notes(reading)


def test_the_image_class_tells_that_an_image_is_mr(tmp_path):
    scan = made_up_scan()
    tags = {"Modality": "OT"}
    reading = examination(tmp_path, scan, ("pre", 2, tags), ("flair", 3, tags), ("post", 6, tags))
    np.testing.assert_array_equal(reading.scan.image, scan.image)


def test_one_patient_id_of_two_persons_is_reported(tmp_path):
    for name, date in (("A", "19600229"), ("B", "19710101")):
        write_series(tmp_path / name, made_up_scan(seed=len(date)), "flair", PatientBirthDate=date)
    with open_source(tmp_path) as source:
        (problem,) = source.problems
    assert problem.kind == "identity"
    assert "another birth date or sex" in problem.what
    assert "19" not in str(problem)


@pytest.mark.parametrize("date", ["", "00000000", "19600229"])
def test_a_birth_date_that_was_removed_or_is_the_same_is_not(tmp_path, date):
    write_series(tmp_path / "A", made_up_scan(), "flair")
    write_series(tmp_path / "B", made_up_scan(), "flair", PatientBirthDate=date)
    with open_source(tmp_path) as source:
        assert source.problems == []


def test_a_patients_folder_with_a_folder_for_each_examination_is_read_as_several(tmp_path):
    scan = made_up_scan()
    for number in range(2):
        for channel in ("pre", "flair", "post"):
            place = tmp_path / "set" / scan.patient / f"0{number}-01-1999-BRAIN" / channel
            write_series(place, scan, channel, StudyInstanceUID=f"1.2.{number + 1}")
    with open_source(tmp_path) as source:
        assert source.patients == [scan.patient, f"{scan.patient}_exam2"]
        for patient in source.patients:
            np.testing.assert_array_equal(source.read(patient, OPTIONS).scan.image, scan.image)
