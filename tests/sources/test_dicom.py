"""DICOM as scanners and archives write it."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import LGG
from highdicom import _standard_utils as tables
from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import MediaStorageDirectoryStorage
from scan_writers import (
    DESCRIPTIONS,
    NAME,
    dataset_with,
    make_scan,
    multi_frame,
    write_dicom,
    write_nifti,
    write_series,
)

from components.sources import open_source
from components.sources.dicom.cached_highdicom import highdicom
from components.sources.dicom.sequence import sequence_of
from components.sources.reading import Options

OPTIONS = Options(size=32, spacing=1.0)


def read(folder):
    with open_source(folder) as source:
        (patient,) = source.patients
        return source.read(patient, OPTIONS)


def usage(administered):
    """Tags by which a multi-frame file says whether the agent had been given when its frames were acquired."""
    of_frames = dataset_with(ContrastBolusUsageSequence=[dataset_with(ContrastBolusAgentAdministered=administered)])
    return {"SharedFunctionalGroupsSequence": [of_frames]}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"SeriesDescription": "AX T2 FLAIR"}, "flair"),
        ({"SeriesDescription": "t2_tirm_tra_dark-fluid"}, "flair"),
        ({"ProtocolName": "FLAIR_longTR"}, "flair"),
        ({"SeriesDescription": "Ax T1 FLAIR"}, "pre"),
        ({"SeriesDescription": "t1_mprage_sag"}, "pre"),
        ({"SeriesDescription": "t1_mprage_sag", "ContrastBolusAgent": "Gadovist"}, "post"),
        ({"SeriesDescription": "t1_mprage_sag", "ContrastBolusAgent": "NONE"}, "pre"),
        ({"SeriesDescription": "t1_mprage_sag", "ContrastBolusAgent": "Gadovist", **usage("YES")}, "post"),
        ({"SeriesDescription": "t1_mprage_sag", "ContrastBolusAgent": "Gadovist", **usage("NO")}, "pre"),
        ({"SeriesDescription": "AX", "InversionTimes": [2500, 2600], "EchoTime": 120, "RepetitionTime": 9000}, "flair"),
        ({"SeriesDescription": "T1 PRE", "ContrastBolusAgent": "Gadovist"}, "pre"),
        ({"SeriesDescription": "AX T1 +C"}, "post"),
        ({"SeriesDescription": "AX T1 POST GD"}, "post"),
        ({"SeriesDescription": "T1 without contrast"}, "pre"),
        ({"SeriesDescription": "AX T2 TSE"}, "other"),
        ({"SeriesDescription": "t2_spc_da-fl_irprep"}, "flair"),
        ({"SeriesDescription": "AX T1 posterior fossa"}, "pre"),
        ({"SeriesDescription": "AX T1 POST SUB"}, "other"),
        ({"SeriesDescription": "AX T1 DYNAMIC +C"}, "other"),
        ({"SeriesDescription": "T1 W/WO CONTRAST", "ContrastBolusAgent": "Gadovist"}, "post"),
        ({"SeriesDescription": "T1", "ContrastBolusAgent": "no contrast"}, "pre"),
        ({"SeriesDescription": "Ax FLAIR perfect"}, "flair"),
        ({"SeriesDescription": "ep2d_diff_3scan_trace"}, "other"),
        ({"SeriesDescription": "3-plane localizer T1"}, "other"),
        ({"SeriesDescription": "FLAIR", "ImageType": ["DERIVED", "SECONDARY", "SUBTRACTION"]}, "other"),
        ({"SeriesDescription": "AX", "InversionTime": 2500, "EchoTime": 120, "RepetitionTime": 9000}, "flair"),
        ({"SeriesDescription": "AX", "EchoTime": 10, "RepetitionTime": 550}, "pre"),
        ({"SeriesDescription": "AX", "EchoTime": 10, "RepetitionTime": 550, "ContrastBolusAgent": "Gd"}, "post"),
        ({"SeriesDescription": "SAG", "EchoTime": 3, "RepetitionTime": 2300, "InversionTime": 900}, "pre"),
        ({"SeriesDescription": "AX", "EchoTime": 100, "RepetitionTime": 5000}, "other"),
        ({}, "other"),
    ],
)
def test_sequences_are_recognised_by_words_then_by_timing(tags, expected):
    assert sequence_of(dataset_with(**tags)).sequence == expected


def test_a_nifti_mask_beside_dicom_is_read(tmp_path):
    scan = make_scan()
    folder = write_dicom(tmp_path / "in", scan, mask=False)
    (write_nifti(tmp_path / "elsewhere", scan) / f"{NAME}_seg.nii.gz").rename(folder / "outline.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "in").scan.mask, scan.mask)


def test_a_mask_on_a_single_slice_stays_on_that_slice(tmp_path):
    scan = make_scan()
    scan.mask[:] = False
    scan.mask[4, 3:9, 20:31] = True
    write_dicom(tmp_path, scan)
    np.testing.assert_array_equal(read(tmp_path).scan.mask, scan.mask)


def test_a_missing_sequence_is_a_copy_of_flair(tmp_path):
    write_dicom(tmp_path, make_scan(), channels=("flair", "post"))
    reading = read(tmp_path)
    assert reading.problems == []
    assert reading.scan.missing_sequences() == {"pre": True, "post": False}


@pytest.mark.parametrize(
    ("channels", "words", "agent", "noted"),
    [
        (("flair", "pre"), "AX T1", None, True),
        (("flair", "pre"), "AX T1", "NONE", False),
        (("flair", "pre"), "AX T1 PRE", None, False),
        (("flair", "pre", "post"), "AX T1", None, False),  # the other T1 states that it has the agent
    ],
)
def test_only_a_lone_t1_silent_about_contrast_is_noted(tmp_path, channels, words, agent, noted):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan, channels=[channel for channel in channels if channel != "pre"])
    extra = {} if agent is None else {"ContrastBolusAgent": agent}
    write_series(folder / "t1", scan, "pre", SeriesDescription=words, **extra)
    reading = read(tmp_path)
    assert ["used as T1 before" in str(problem) for problem in reading.problems] == [True] * noted
    assert not reading.scan.missing_sequences()["pre"]


def test_scanner_units_are_scaled_to_0_to_255(tmp_path):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan)
    for path in (folder / "flair").iterdir():
        data = dcmread(path)
        values = 4 * np.frombuffer(data.PixelData, np.uint8).astype(np.uint16)
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelData = 16, 12, 11, values.tobytes()
        data.save_as(path)
    image = read(tmp_path).scan.image
    np.testing.assert_allclose(image[..., 1].astype(int), scan.image[..., 1], atol=3)
    np.testing.assert_array_equal(image[..., 0], scan.image[..., 0])


def test_inverted_greyscale_is_corrected(tmp_path):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan)
    for path in (folder / "flair").iterdir():
        data = dcmread(path)
        data.PhotometricInterpretation = "MONOCHROME1"
        data.save_as(path)
    np.testing.assert_array_equal(read(tmp_path).scan.image[..., 1], 255 - scan.image[..., 1])


@pytest.mark.parametrize(
    "name",
    ["SliceThickness", "SpacingBetweenSlices", "EchoTime", "SeriesNumber", "InstanceNumber", "ImagesInAcquisition"],
)
@pytest.mark.parametrize("text", [b"5mm ", b"5,0 ", b"n/a "])
def test_text_in_an_optional_numeric_tag_does_not_lose_the_scan(tmp_path, name, text):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan)
    for path in folder.rglob("IM*.dcm"):
        data = dcmread(path)
        tag = Tag(name)
        data[tag] = RawDataElement(tag, dictionary_VR(tag), len(text), text, 0, False, True)
        data.save_as(path)
    reading = read(tmp_path)
    np.testing.assert_array_equal(reading.scan.image, scan.image)
    assert reading.problems == []


def test_multi_frame_files_are_read_like_series(tmp_path):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan)
    for channel in DESCRIPTIONS:
        for path in (folder / channel).iterdir():
            path.unlink()
        frames = multi_frame(scan, channel)
        frames.ImagesInAcquisition = len(scan.image)
        frames.save_as(folder / channel / "frames.dcm", enforce_file_format=True)
    reading = read(tmp_path)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image, scan.image)
    np.testing.assert_array_equal(reading.scan.mask, scan.mask)


def test_a_second_examination_of_a_patient_has_the_same_subject(tmp_path):
    first, second = make_scan("P1", seed=1), make_scan("P1", seed=2)
    write_dicom(tmp_path, first, place="2019")
    write_dicom(tmp_path, second, place="2021")
    write_dicom(tmp_path, make_scan("P2"), place="2022")
    with open_source(tmp_path) as source:
        scans = [source.read(patient, OPTIONS).scan for patient in source.patients]
    assert [(scan.patient, scan.subject) for scan in scans] == [("P1", "P1"), ("P1_exam2", "P1"), ("P2", "P2")]


def test_a_repeated_dated_patient_id_gives_two_examinations(tmp_path):
    for seed in (1, 2):
        write_dicom(tmp_path, make_scan(NAME, seed=seed), place=f"f{seed}")
    write_dicom(tmp_path, make_scan("P2"), place="f3")
    with open_source(tmp_path) as source:
        assert source.patients == ["P2", NAME, f"{NAME}_exam2"]
        assert source.read(f"{NAME}_exam2", OPTIONS).scan.subject == "TCGA_DU_0001"


def test_a_converted_volume_beside_the_series_is_not_a_mask(tmp_path):
    folder = write_dicom(tmp_path / "in", make_scan(), mask=False)
    (write_nifti(tmp_path / "other", make_scan()) / f"{NAME}_flair.nii.gz").rename(folder / "AX_T2_FLAIR.nii.gz")
    assert read(tmp_path / "in").has("missing_mask")


def test_a_series_that_can_not_be_stacked_yields_to_the_next(tmp_path):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan)
    for phase in range(2):
        write_series(folder / f"phase{phase}", scan, "post", series="timed", SeriesNumber=1)
        for number, path in enumerate(sorted((folder / f"phase{phase}").iterdir())):
            data = dcmread(path)
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.{phase + 1}.{number + 1}"
            data.save_as(path)
    reading = read(tmp_path)
    assert [str(problem).split(";")[0] for problem in reading.problems] == [
        f"{NAME}: series 4 is used as post, not series 1"
    ]
    np.testing.assert_array_equal(reading.scan.image, scan.image)


def test_duplicate_images_count_once_and_a_dicomdir_is_ignored(tmp_path):
    scan = make_scan()
    folder = write_dicom(tmp_path, scan)
    (folder / "again").mkdir()
    for path in (folder / "flair").iterdir():
        (folder / "again" / path.name).write_bytes(path.read_bytes())
    directory = dcmread(folder / "flair" / "IM0001.dcm", stop_before_pixels=True)
    for name in ("Modality", "PatientID", "SOPInstanceUID"):
        delattr(directory, name)
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.save_as(folder / "DICOMDIR")
    reading = read(tmp_path)
    assert reading.problems == []
    np.testing.assert_array_equal(reading.scan.image, scan.image)


def test_unsafe_patient_ids_become_distinct_safe_names(tmp_path):
    for i, name in enumerate(("A/1", "A 1", "A^1")):
        write_dicom(tmp_path, make_scan(name), place=str(i))
    with open_source(tmp_path) as source:
        assert len(set(source.patients)) == 3
        assert all(name.startswith("A-1-") for name in source.patients)


@pytest.mark.skipif(not LGG.is_dir(), reason="no real scans beside the project")
def test_a_real_patient_survives_a_round_trip_through_dicom(tmp_path):
    import subprocess
    import sys

    from components.scans.scan import Scan

    name = "TCGA_CS_4943_20000902"
    subprocess.run([sys.executable, LGG / "unpack.py", tmp_path / "tif", name], check=True, capture_output=True)
    with open_source(tmp_path / "tif") as source:
        scan = source.read(name).scan
    write_dicom(tmp_path / "dicom", Scan(name, scan.site, scan.image, scan.mask, make_scan().affine))
    with open_source(tmp_path / "dicom") as source:
        round_trip = source.read(name).scan
    np.testing.assert_array_equal(round_trip.image, scan.image)
    np.testing.assert_array_equal(round_trip.mask, scan.mask)


def test_each_lookup_in_the_dicom_standard_is_made_only_once(tmp_path, monkeypatch):
    write_dicom(tmp_path, make_scan("TCGA_DU_0001_19990101"))
    highdicom()
    original, lookups = tables.is_attribute_in_iod, []

    def recorded(*words, **extra):
        lookups.append(f"{words} {extra}")
        return original(*words, **extra)

    monkeypatch.setattr(tables, "is_attribute_in_iod", recorded)
    highdicom.cache_clear()
    assert read(tmp_path).scan is not None
    assert 0 < len(lookups) == len(set(lookups))
