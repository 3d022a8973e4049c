"""Catalogue of broken DICOM patients: each kind has its own message, and none reveals who the patient is."""

from __future__ import annotations

import gzip
import re

import pytest
from bad_sources import PATIENTS, assert_refused, write_a_good_patient_and, write_three_good_patients_and
from conftest import ingest_into
from pydicom import dcmread
from pydicom.uid import MPEG2MPML, JPEGExtended12Bit, JPEGLosslessSV1, JPEGLSLossless, generate_uid
from scan_writers import make_scan, segmentation, write_dicom, write_series

from components.sources import open_source
from components.sources.reading import Options

NAME = PATIENTS[-1]


def files(folder, channel="flair"):
    return sorted((folder / channel).iterdir())


def edit(folder, change, channel="flair", which=slice(None)):
    for path in files(folder, channel)[which]:
        data = dcmread(path)
        change(data)
        data.save_as(path)


def set_tags(**tags):
    def change(data):
        for name, value in tags.items():
            setattr(data, name, value)

    return change


def drop_tags(*names):
    def change(data):
        for name in names:
            delattr(data, name)

    return change


def shrink(data):
    data.Rows = data.Columns = 8
    data.PixelData = bytes(64)


def colour(data):
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.PixelData = bytes(3 * len(data.PixelData))


def tilt(data):
    data.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def compressed_as(syntax):
    def change(data):
        data.compress(JPEGLSLossless)
        data.file_meta.TransferSyntaxUID = syntax

    return change


def twelve_bits(data):
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelData = bytes(2 * len(data.PixelData))
    compressed_as(JPEGExtended12Bit)(data)


def shifted_mask(folder):
    scan = make_scan(NAME)
    slices = [dcmread(path) for path in files(folder)]
    for data in slices:
        data.ImagePositionPatient = [500 + data.ImagePositionPatient[0], *data.ImagePositionPatient[1:]]
    segmentation(scan, slices[::-1]).save_as(folder / "seg.dcm")


def another_mask(folder):
    data = dcmread(folder / "seg.dcm")
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.save_as(folder / "seg2.dcm")


def second_acquisition(folder):
    for number, path in enumerate(files(folder)):
        data = dcmread(path)
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.save_as(path.with_name(f"again{number}.dcm"))


BROKEN = {
    "truncated header": (
        lambda f: files(f)[0].write_bytes(files(f)[0].read_bytes()[:200]),
        "IM0001.dcm: its header has no Modality",
    ),
    "truncated pixels": (
        lambda f: files(f)[0].write_bytes(files(f)[0].read_bytes()[:-400]),
        "series 3: its headers or pixels can't be decoded",
    ),
    "text": (lambda f: files(f)[0].write_text("hello", encoding="utf-8"), "IM0001.dcm: not a readable DICOM file"),
    "no pixel data": (lambda f: edit(f, drop_tags("PixelData")), "series 3: slices without pixel data"),
    "too few pixels": (
        lambda f: edit(f, set_tags(PixelData=bytes(100))),
        "series 3: its headers or pixels can't be decoded",
    ),
    "no size": (lambda f: edit(f, drop_tags("Rows")), "series 3: slices without Rows and Columns"),
    "bomb": (lambda f: edit(f, set_tags(Rows=60000, Columns=60000)), "series 3: its headers claim more voxels"),
    "sizes mixed": (lambda f: edit(f, shrink, which=slice(2)), "series 3: slices of different sizes"),
    "colour": (lambda f: edit(f, colour), "series 3: colour images"),
    "unknown compression": (lambda f: edit(f, compressed_as(JPEGLosslessSV1)), "compressed as JPEG Lossless"),
    "no spacing": (lambda f: edit(f, drop_tags("PixelSpacing")), "series 3: slices without PixelSpacing"),
    "frames of reference mixed": (
        lambda f: edit(f, set_tags(FrameOfReferenceUID="1.2.3"), which=slice(2)),
        "series 3: slices of several frames of reference",
    ),
    "spacings mixed": (
        lambda f: edit(f, set_tags(PixelSpacing=[2, 2]), which=slice(2)),
        "series 3: slices of different PixelSpacing",
    ),
    "no position": (lambda f: edit(f, drop_tags("ImagePositionPatient")), "series 3: slices without a position"),
    "orientations mixed": (lambda f: edit(f, tilt, which=slice(2)), "series 3: slices of different orientations"),
    "positions twice": (second_acquisition, "series 3: 6 pairs of slices at one position"),
    "one slice": (
        lambda f: [path.unlink() for path in files(f)[1:]],
        "series 3: a single slice is not a complete series",
    ),
    "no FLAIR": (lambda f: [path.unlink() for path in files(f)], "no FLAIR sequence"),
    "patients mixed": (lambda f: edit(f, set_tags(PatientID="X1"), which=slice(2, 4)), "holds files of 2 patients"),
    "studies mixed": (lambda f: edit(f, set_tags(StudyInstanceUID="1.2.3"), "post"), "holds 2 examinations"),
    "infinite": (
        lambda f: edit(f, set_tags(RescaleSlope="1e308", RescaleIntercept="0")),
        "series 3: pixels that are NaN",
    ),
    "no mask": (lambda f: (f / "seg.dcm").unlink(), "no reference mask"),
    "two masks": (another_mask, "2 masks"),
    "a frame of its own": (
        lambda f: edit(f, set_tags(FrameOfReferenceUID="1.2.3"), "pre"),
        "pre is placed in another frame of reference than FLAIR",
    ),
    "truncated mask": (
        lambda f: (f / "seg.dcm").write_bytes((f / "seg.dcm").read_bytes()[:-300]),
        "mask: its headers or",
    ),
    "mask elsewhere": (shifted_mask, "its mask: it shares 0% of its field of view with FLAIR; export all files"),
    "T1 elsewhere": (
        lambda f: edit(
            f,
            lambda d: setattr(
                d, "ImagePositionPatient", [d.ImagePositionPatient[0] + 900, *d.ImagePositionPatient[1:]]
            ),
            "pre",
        ),
        "pre: it shares 0% of its field of view with FLAIR; export all files",
    ),
}


# Advice for each fault; the kind of problem alone would suggest something else.
REMEDIES = {
    "unknown compression": (compressed_as(JPEGLosslessSV1), r"1\.2\.840\.10008\.1\.2\.4\.70.*gdcmconv --raw.*dcmdjpeg"),
    "twelve bits of JPEG": (twelve_bits, r"1\.2\.840\.10008\.1\.2\.4\.51.*no decoder.*gdcmconv --raw.*dcmdjpeg"),
    "video": (compressed_as(MPEG2MPML), "MPEG2.*export uncompressed"),
    "sizes mixed": (shrink, "of another series"),
    "bomb": (set_tags(Rows=60000, Columns=60000), "export the series again"),
    "no position": (drop_tags("ImagePositionPatient"), "no screenshots"),
    "orientations mixed": (tilt, "a series of its own"),
    "colour": (colour, "no colour maps"),
    "no pixel data": (drop_tags("PixelData"), "not their headers alone"),
    "an identifier each": (
        lambda data: setattr(data, "StudyInstanceUID", f"1.2.{data.SeriesNumber}.{data.InstanceNumber}"),
        "de-identify all files of an examination in one go",
    ),
    "frames of reference": (
        lambda data: [
            setattr(data, n, f"1.2.{data.InstanceNumber}") for n in ("FrameOfReferenceUID", "SeriesInstanceUID")
        ],
        "de-identify all files of an examination in one go",
    ),
    "no spacing": (drop_tags("PixelSpacing"), "export the images with PixelSpacing"),
    "infinite": (set_tags(RescaleSlope="1e308", RescaleIntercept="0"), "RescaleSlope or RescaleIntercept"),
    "studies mixed": (set_tags(StudyInstanceUID="1.2.3"), "give each examination a folder of its own"),
}


@pytest.mark.parametrize("kind", REMEDIES)
def test_the_advice_fits_the_fault(tmp_path, kind):
    change, remedy = REMEDIES[kind]
    folder = write_dicom(tmp_path, make_scan(NAME))
    for channel in ("pre", "flair", "post") if kind == "an identifier each" else ("flair",):
        edit(folder, change, channel, which=slice(2) if "mixed" in kind else slice(None))
    with open_source(tmp_path) as source:
        reported = [str(problem) for problem in source.read(NAME, Options(size=32, spacing=1.0)).problems]
    assert any(re.search(remedy, line) for line in reported), reported


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_patient_is_refused_with_id_and_reason(tmp_path, kind, capsys):
    damage, message = BROKEN[kind]
    damage(write_a_good_patient_and(write_dicom, tmp_path / "in"))
    assert_refused(tmp_path, tmp_path / "in", f"{NAME}: .*{message}")
    assert "DOE" not in capsys.readouterr().out


def test_a_patient_with_a_missing_slice_is_quarantined(tmp_path, capsys):
    files(write_three_good_patients_and(write_dicom, tmp_path / "in"))[2].unlink()
    manifest = ingest_into(tmp_path / "kept", tmp_path / "in")
    assert sorted(manifest["patient"].unique()) == PATIENTS[:-1]
    assert f"quarantine: {NAME}: series 3: slices are 5.0 to 10.0 mm apart" in capsys.readouterr().out
    assert_refused(tmp_path, tmp_path / "in", "one may be missing", policy={"gap": "refuse"})


def test_a_folder_without_a_patient_id_is_reported_by_its_position(tmp_path):
    folder = write_three_good_patients_and(write_dicom, tmp_path / "in")
    for channel in ("pre", "flair", "post"):
        edit(folder, set_tags(PatientID=""), channel)
    (folder / "seg.dcm").unlink()
    folder.rename(folder.with_name("DOE JANE 1960"))
    assert_refused(tmp_path, tmp_path / "in", r"folder 1 of 4: the DICOM files in it have no PatientID")


def test_only_the_patient_id_leaves_the_source(tmp_path, capsys):
    """Names, birth dates and folder names stay in the source, whether it is refused or not."""
    secrets = ("DOE", "JANE", "19600229", "A77", "WHO")
    for name in PATIENTS:
        write_dicom(tmp_path / "in", make_scan(name), place=f"DOE_JANE_{name[8:12]}")
        edit(tmp_path / "in" / f"DOE_JANE_{name[8:12]}", set_tags(OtherPatientNames="DOE", PatientAge="JANE"))
    ingest_into(tmp_path / "out", tmp_path / "in")
    victim = tmp_path / "in" / f"DOE_JANE_{NAME[8:12]}"
    edit(victim, drop_tags("PixelData"))
    (victim / "flair" / "DOE_JANE.dcm").write_bytes(b"hello")
    assert_refused(tmp_path / "again", tmp_path / "in", "slices without pixel data|not a readable DICOM")
    reported = "".join(capsys.readouterr())
    written = [path for path in tmp_path.glob("*out*/**/*") if path.is_file()]
    written += [path for path in (tmp_path / "again").rglob("*") if path.is_file()]
    assert len(written) > len(PATIENTS)
    for secret in secrets:
        assert secret not in reported
        for path in written:
            data = path.read_bytes()
            assert secret.encode() not in (gzip.decompress(data) if path.suffix == ".gz" else data), path
            assert secret not in path.name


def test_series_are_classified_by_headers_and_the_better_one_is_taken(tmp_path, capsys):
    for name in PATIENTS:
        scan = make_scan(name)
        folder = write_dicom(tmp_path / "in", scan)
        short = make_scan(name, slices=3)
        write_series(folder / "short", short, "flair", series="short", SeriesNumber=12)
        write_series(folder / "t2", scan, "flair", series="t2", SeriesNumber=13, SeriesDescription="AX T2 TSE")
        write_series(folder / "scout", scan, "pre", series="scout", SeriesDescription="3-plane localizer")
    ingest_into(tmp_path / "out", tmp_path / "in")
    reported = capsys.readouterr().out
    assert f"warn: {NAME}: series 3 is used as flair, not series 12" in reported
    assert reported.count("is used as") == len(PATIENTS)
