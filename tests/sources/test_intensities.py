"""Intensities that somebody has rescaled: mapped to what the scanner's own would have given, or reported."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from phantoms import phantom
from PIL import Image
from scan_writers import make_scan, write_kaggle

from components.predict.checked_reading import read_one
from components.sources import open_source
from components.sources.inputs import open_input
from components.sources.reading import Options
from components.sources.volumes import intensities

OPTIONS = Options(size=40, spacing=6.0)


def inside(volume):
    return volume[volume > 0]


def scaled(volume):
    return (volume - volume.min()) / (volume.max() - volume.min())


# Common changes of scanner units; the background of the phantom is 0.
LINEAR = {
    "0 to 1": lambda v: v / v.max(),
    "-1 to 1": lambda v: 2 * v / v.max() - 1,
    "standardised as a whole": lambda v: (v - v.mean()) / v.std(),
    "float64": lambda v: v.astype(np.float64),
}
INSIDE = {
    "standardised inside": lambda v: np.where(v > 0, (v - inside(v).mean()) / inside(v).std(), 0),
    "by the median": lambda v: np.where(v > 0, v / np.median(inside(v)) - 1, 0),
    "background far below": lambda v: np.where(v > 0, (v - inside(v).mean()) / inside(v).std(), -1000),
    "standardised, then 0 to 1": lambda v: scaled(INSIDE["standardised inside"](v)),
    "standardised, then 0 to 4095": lambda v: np.round(4095 * scaled(INSIDE["standardised inside"](v))),
    "cut at 5": lambda v: np.clip(np.where(v > 0, (v - inside(v).mean()) / inside(v).std(), 0), -5, 5),
}


def read(tmp_path, change, roles=("flair", "t1", "t1ce")):
    """A scan whose volumes were changed, as prediction reads it."""
    made = phantom()
    for role in roles:
        made.volumes[role] = np.asarray(change(made.volumes[role].astype(float)), np.float32)
    made.write(tmp_path / "P", roles=("flair", "t1", "t1ce"))
    with open_source(tmp_path) as source:
        return read_one((0, "P"), [source], OPTIONS)


def original(tmp_path):
    return read(tmp_path / "own", lambda volume: volume).scan.image.astype(int)


@pytest.mark.parametrize("kind", LINEAR)
def test_a_linear_rescaling_of_all_voxels_changes_nothing(tmp_path, kind):
    found = read(tmp_path, LINEAR[kind])
    assert np.abs(found.scan.image.astype(int) - original(tmp_path)).max() <= 2
    assert "intensities" not in {problem.kind for problem in found.problems}


def test_negative_values_from_interpolation_are_not_reported(tmp_path):
    def ringing(volume):
        edge = np.roll(volume, 1, 0) != volume
        return np.where((volume == 0) & edge, -15, volume)

    found = read(tmp_path, ringing)
    assert "intensities" not in {problem.kind for problem in found.problems}
    assert np.abs(found.scan.image.astype(int) - original(tmp_path)).mean() < 5


@pytest.mark.parametrize("kind", INSIDE)
def test_standardisation_around_a_background_is_undone_and_reported(tmp_path, kind):
    found, before = read(tmp_path, INSIDE[kind]), original(tmp_path)
    image = found.scan.image.astype(int)
    assert (image[before == 0] <= 2).all()
    assert np.abs(image - before).mean() < 8
    bright = before[..., 1] > 200
    assert (image[..., 1][bright] > 180).mean() > 0.95
    assert [problem.kind for problem in found.problems if problem.kind != "blank"] == ["intensities"] * 3


def test_a_grey_background_of_8_bits_becomes_black():
    volume = phantom().volumes["flair"].astype(float)
    grey = np.round(255 * scaled(INSIDE["standardised inside"](volume))).astype(np.uint8)
    assert grey[volume == 0].min() > 20
    assert intensities.to_uint8(grey)[volume == 0].max() == 0
    assert "standardised" in intensities.oddity(grey)


@pytest.mark.parametrize("value", [0, 7, -1.5])
def test_a_constant_flair_is_refused(tmp_path, value):
    found = read(tmp_path, lambda volume: volume * 0 + value, roles=("flair",))
    assert found.scan is None
    (problem,) = found.problems
    assert problem.kind == "blank"
    assert "everywhere" in problem.what


def test_a_constant_t1_counts_as_missing(tmp_path):
    found = read(tmp_path, lambda volume: volume * 0, roles=("t1",))
    assert found.scan.missing_sequences() == {"pre": True, "post": False}
    assert "pre has the value 0.0 everywhere; FLAIR stands in for it" in {problem.what for problem in found.problems}


def test_an_8_bit_image_with_few_levels_is_reported(tmp_path):
    made = phantom()
    made.volumes["flair"] = (made.volumes["flair"] // 100).astype(np.uint8)
    made.write(tmp_path / "P", roles=("flair",))
    with open_source(tmp_path) as source:
        kinds = [problem.kind for problem in read_one((0, "P"), [source], OPTIONS).problems]
    assert "intensities" in kinds


def test_scanner_units_are_scaled_as_the_models_expect():
    volume = np.concatenate([np.zeros(1000), np.linspace(1, 800, 999), [5000]]).reshape(20, 10, 10)
    scaled = intensities.to_uint8(volume)
    assert (scaled.min(), scaled.max()) == (0, 255)
    assert scaled.ravel()[1499] == pytest.approx(255 * 400 / np.percentile(volume[volume > 0], 99.5), abs=1)


def test_prediction_runs_the_slice_checks_of_ingest(tmp_path):
    scan = make_scan()
    scan.image[1] = 9
    scan.image[4] = scan.image[3]
    write_kaggle(tmp_path, scan)
    with open_source(tmp_path) as source:
        found = read_one((0, scan.patient), [source], Options())
    assert {problem.kind: problem.what for problem in found.problems} == {
        "blank": "nothing on slice 2",
        "duplicate_slice": "slices 4 and 5 have the same pixels",
    }


def write_16_bit_tif(path, pixels):
    """Write colours of 16 bits, which Pillow can't."""
    height, width, _ = pixels.shape
    data = pixels.astype("<u2").tobytes()
    start = 8 + 2 + 12 * 10 + 4
    tags = [(256, 3, width), (257, 3, height), (258, 3, start), (259, 3, 1), (262, 3, 2), (273, 4, start + 6)]
    tags += [(277, 3, 3), (278, 3, height), (279, 4, len(data)), (284, 3, 1)]
    written = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, kind, value in tags:
        count, packed = (3, struct.pack("<I", value)) if tag == 258 else (1, struct.pack("<I", value))
        written += struct.pack("<HHI", tag, kind, count) + packed
    path.write_bytes(written + struct.pack("<I3H", 0, 16, 16, 16) + data)


def write_16_bit_png(path, pixels):
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@pytest.mark.parametrize(("suffix", "write"), [(".tif", write_16_bit_tif), (".png", write_16_bit_png)])
def test_colours_of_more_than_8_bits_are_refused_and_not_truncated(tmp_path, suffix, write):
    pixels = np.random.default_rng(0).integers(0, 4096, (16, 12, 3))
    path = tmp_path / f"x{suffix}"
    write(path, pixels)
    with Image.open(path) as picture:
        assert np.asarray(picture).max() < 16  # Pillow reads it, but keeps four of twelve bits
    with open_input(str(path)) as source:
        reading = source.read("x", masks=False)
    assert reading.scan is None
    (problem,) = reading.problems
    assert (problem.kind, problem.what) == ("type", "more than 8 bits a colour")
    assert "8 bits" in problem.advice
