"""Pixel values and stacks that mislead: padding, offsets, inverted images, missing or repeated slices."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scan_writers import dataset_with, make_scan, mr_slice, multi_frame
from test_dicom import read

from components.sources.volumes import intensities

SLICES = 6


def write_and_read(folder, change, numbers=range(SLICES), stored="<i2"):
    """Write FLAIR with 16 bits and read it; `change` may edit each slice and its pixels [height, width]."""
    scan = make_scan(slices=SLICES)
    (folder / "P").mkdir(parents=True)
    for number in numbers:
        data = mr_slice(scan, "flair", number, "flair")
        pixels = scan.image[number, ..., 1].astype(np.int32) * 4
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, int(stored == "<i2")
        change(data, pixels)
        data.PixelData = pixels.astype(stored).tobytes()
        data.save_as(folder / "P" / f"IM{number}.dcm", enforce_file_format=True)
    return read(folder)


def unchanged(*_):
    pass


@pytest.mark.parametrize(
    ("value", "stored", "kind"),
    [(-2000, "<i2", "SS"), (63536, "<u2", "US"), (-32768, "<i2", "SS"), (63536, "<i2", "US")],
)
def test_padding_is_read_as_black(tmp_path, value, stored, kind):
    def pad(data, pixels):
        pixels[:6] = value if stored == "<u2" else np.int16(np.uint16(value % 65536).view(np.int16))
        data.add_new("PixelPaddingValue", kind, value)

    def black(_, pixels):
        pixels[:6] = 0

    padded = write_and_read(tmp_path / "a", pad, stored=stored).scan.image[..., 1]
    np.testing.assert_array_equal(padded, write_and_read(tmp_path / "b", black, stored=stored).scan.image[..., 1])


def monochrome1(data):
    data.PhotometricInterpretation = "MONOCHROME1"


def inverse(data):
    data.PresentationLUTShape = "INVERSE"


def negative_slope(data):
    data.RescaleSlope, data.RescaleIntercept = -1, 4095


def doubly_inverted(data):
    monochrome1(data)
    negative_slope(data)


@pytest.mark.parametrize(
    ("invert", "darkest"), [(monochrome1, "max"), (inverse, "max"), (negative_slope, "max"), (doubly_inverted, "min")]
)
def test_padding_is_black_even_in_inverted_images(tmp_path, invert, darkest):
    def pad(data, pixels):
        invert(data)
        pixels[:6] = 63536
        data.add_new("PixelPaddingValue", "US", 63536)

    def black(data, pixels):
        invert(data)
        pixels[:6] = getattr(pixels[6:], darkest)()

    padded = write_and_read(tmp_path / "a", pad, stored="<u2").scan.image[..., 1]
    np.testing.assert_array_equal(padded, write_and_read(tmp_path / "b", black, stored="<u2").scan.image[..., 1])


def test_missing_every_other_slice_is_a_gap(tmp_path):
    reading = write_and_read(tmp_path, unchanged, numbers=range(0, SLICES, 2))
    assert reading.scan is None
    (problem,) = [problem for problem in reading.problems if problem.kind == "gap"]
    assert "10.0 mm apart, 5.0 mm by their headers" in problem.what


def test_distances_stated_by_the_headers_are_no_gap(tmp_path):
    def spaced(data, _):
        data.SpacingBetweenSlices = 10

    assert write_and_read(tmp_path, spaced, numbers=range(0, SLICES, 2)).scan is not None


def test_sheared_slices_are_reported_as_gantry_tilt(tmp_path):
    def tilt(data, _):
        place = [float(x) for x in data.ImagePositionPatient]
        data.ImagePositionPatient = [place[0], place[1] + 2.0 * data.InstanceNumber, place[2]]

    reading = write_and_read(tmp_path, tilt)
    assert reading.scan is None
    assert any("gantry tilt" in problem.what and "dcm2niix" in problem.advice for problem in reading.problems)


def second_stack(data):
    """Repeat all frames, like those of a second echo, or of phase beside magnitude."""
    frames = list(data.PerFrameFunctionalGroupsSequence)
    data.PerFrameFunctionalGroupsSequence = frames + copy.deepcopy(frames)
    data.NumberOfFrames, data.PixelData = 2 * len(frames), data.PixelData * 2


def other_plane(data):
    second_stack(data)
    del data.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    frames = data.PerFrameFunctionalGroupsSequence
    for number, frame in enumerate(frames):
        turn = [1, 0, 0, 0, 1, 0] if number < len(frames) / 2 else [0, 1, 0, 0, 0, -1]
        frame.PlaneOrientationSequence = [dataset_with(ImageOrientationPatient=turn)]


def one_frame_fewer(data):
    frames = list(data.PerFrameFunctionalGroupsSequence)
    size = len(data.PixelData) // len(frames)
    data.PerFrameFunctionalGroupsSequence = frames[:2] + frames[3:]
    data.NumberOfFrames, data.PixelData = len(frames) - 1, data.PixelData[: 2 * size] + data.PixelData[3 * size :]


def wrong_count(data):
    data.NumberOfFrames = 99


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        (second_stack, "series", "6 pairs of slices at one position"),
        (other_plane, "series", "slices of different orientations"),
        (one_frame_fewer, "gap", "one may be missing"),
        (wrong_count, "unreadable", "NumberOfFrames is 99, and it describes 6 frames"),
    ],
)
def test_a_multi_frame_file_that_is_not_one_stack_is_refused(tmp_path, change, kind, reason):
    data = multi_frame(make_scan(slices=SLICES), "flair")
    change(data)
    (tmp_path / "P").mkdir()
    data.save_as(tmp_path / "P" / "IM1.dcm", enforce_file_format=True)
    problems = [problem for problem in read(tmp_path).problems if problem.kind == kind]
    assert any(reason in problem.what for problem in problems)


def head():
    """A volume [40, 40, 10] with air of 0 to 20 around a head of 200 to 400."""
    rng = np.random.default_rng(0)
    volume = rng.integers(0, 20, (40, 40, 10)).astype(np.int16)
    volume[8:32, 8:32] = rng.integers(200, 400, (24, 24, 10))
    return volume


def test_an_intensity_offset_is_mapped_to_black_and_noted():
    volume = head()
    np.testing.assert_allclose(
        intensities.to_uint8(volume + 2048).astype(int), intensities.to_uint8(volume).astype(int), atol=6
    )
    assert "no value below 2048" in intensities.oddity(volume + 2048)
    assert intensities.oddity(volume) is None


def test_an_inverted_picture_is_noted():
    assert "brighter around the head" in intensities.oddity(400 - head())
