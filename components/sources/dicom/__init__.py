"""Reader of DICOM: one folder of MR series per patient, masks as DICOM SEG or as NIfTI in the same folder.

The patient is PatientID, whatever the folder's name. No other header that names a person is kept or shown, and messages
never name folders, because exports often name them after the patient.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pydicom import config

from components.scans.identity import site_of
from components.sources.dicom.datasets import read_headers, silent
from components.sources.dicom.exact_positions import orthonormalise
from components.sources.dicom.folder import names, sort_files
from components.sources.dicom.pixel_data import stack_series
from components.sources.dicom.positions import missing_at_an_end
from components.sources.dicom.refused import RefusedError
from components.sources.dicom.seg_mask import read_segmentation, slice_distances
from components.sources.dicom.sequence import UNCLEAR
from components.sources.dicom.series import Series, candidates
from components.sources.dicom.tumour_outlines import CONTOURS
from components.sources.dicom.tumour_outlines import masks as masks_among
from components.sources.nifti import file_names, volume_file
from components.sources.nifti.mask_labels import check_mask
from components.sources.reading import DAMAGE, Options, Reading
from components.sources.volumes import LACKING, build_scan
from components.sources.volumes.volume import Volume


@silent()
def flair_headers(place: Path, patient: str) -> list[Any]:
    """Return the headers, without pixels, of the FLAIR images that `read` makes the slices from, in no set order."""
    try:
        fitting = candidates(sort_files(place, Reading(patient))[0]).get("flair", [])
    except RefusedError:  # by now, the folder holds files of several persons
        return []
    for one in fitting:
        if len(fitting) == 1 or _load(stack_series, one, "", Reading(patient)) is not None:
            return _orthonormal_headers(one)
    return []


def _orthonormal_headers(series: Series) -> list[Any]:
    try:
        headers = read_headers(series.paths)
        orthonormalise(headers)
    except (RefusedError, *DAMAGE):  # changed since it was read
        return []
    return headers


@silent()
def read(place: Path, patient: str, options: Options, masks: bool = True) -> Reading:
    """Read one patient; see `kaggle_3m.read` for the arguments, but `options` sets the size and spacing of the slices.

    Problems are recorded, not raised: of kind "identity" (files of several persons), "series" (no FLAIR, several
    examinations or masks), "choice" (a sequence is uncertain), "gap", "missing_mask", "unknown" (ignored segments),
    those of `check_positions`, `check_alike` and `stack_series`, and those of `build_scan`.
    """
    reading = Reading(patient)
    config.settings.reading_validation_mode = config.IGNORE  # values of no interest here often violate the standard
    try:
        series, outlines = sort_files(place, reading)
    except RefusedError as refusal:
        reading.add(refusal.kind, patient, refusal.what, refusal.remedy)
        return reading
    fitting = candidates(series)
    unclear = fitting.pop(UNCLEAR, [])
    volumes, taken = {}, []
    for name, found in fitting.items():
        sound = _first_sound(name, found, reading)
        if sound is not None:
            volumes[name] = sound[1]
            taken.append(sound[0])
    for one in unclear:
        if any(name not in volumes for name in one.inferred.maybe):
            reading.add("choice", patient, f"{one.name} is not used: {one.inferred.doubt}")
    if (
        "pre" in volumes
        and "post" not in volumes
        and all(one.inferred.unstated and not one.inferred.doubt for one in fitting["pre"])
    ):
        what = f"{names(fitting['pre'])}: used as T1 before the contrast agent, because no header mentions one"
        reading.add("choice", patient, what, "where one was given, write it into ContrastBolusAgent")
    mask = _mask(outlines, series, reading) if masks else None
    if "flair" in volumes:
        build_scan(reading, site_of(patient), patient, volumes, mask, options)
        _note_missing_ends(taken, series, reading)
    elif not reading.has(*LACKING, "series"):
        what = (
            f"no FLAIR sequence, which is the one that shows the tumour's extent, among {names(series) or 'its files'}"
        )
        reading.add("series", patient, what, "add it, or write FLAIR into its SeriesDescription")
    return reading


def _note_missing_ends(taken: list[Series], series: list[Series], reading: Reading) -> None:
    for one in taken:
        others = [other.headers for other in series if other is not one]
        if gap := missing_at_an_end(one.headers, others):
            where = f"{reading.patient}: {one.name}"
            reading.add("gap", where, gap, "add the missing slices, if there are any")


def _first_sound(name: str, fitting: list[Series], reading: Reading) -> tuple[Series, Volume] | None:
    """Stack the first usable series; if there is none, record the first one's problem."""
    trials = []
    for one in fitting:
        trial = Reading(reading.patient)
        volume = _load(stack_series, one, f"{reading.patient}: {one.name}", trial)
        trials.append(trial)
        if volume is not None:
            if len(fitting) > 1:
                others = names([other for other in fitting if other is not one])
                reading.add("choice", reading.patient, f"{one.name} is used as {name}, not {others}")
            if one.inferred.doubt:
                reading.add("choice", reading.patient, f"{one.name} is used as {name}, though {one.inferred.doubt}")
            return one, volume
    reading.problems += trials[0].problems
    return None


def _load(make: Callable[[Any], Volume], of: Any, where: str, reading: Reading) -> Volume | None:
    """Make a volume; any failure becomes a problem, without the libraries' messages, which may quote headers."""
    try:
        return make(of)
    except RefusedError as refusal:
        reading.add(refusal.kind, where, refusal.what, refusal.remedy)
    except DAMAGE as error:
        remedy = "copy it again from its source, or export it again there"
        reading.add("unreadable", where, f"its headers or pixels can't be decoded ({type(error).__name__})", remedy)
    return None


def _mask(outlines: list[Path], series: list[Series], reading: Reading) -> Volume | None:
    """The single mask among DICOM SEG and NIfTI files."""
    found, contours = masks_among(outlines)
    if len(found) != 1:
        if found:
            what = f"{len(found)} masks (DICOM SEG or NIfTI) where one is expected"
            reading.add("series", reading.patient, what, "leave the one reference mask in the folder")
        else:
            also = f"; its contours ({CONTOURS}) are not read" if contours else ""
            remedy = "convert them to DICOM SEG or NIfTI, e.g. with 3D Slicer" if contours else ""
            reading.add("missing_mask", reading.patient, f"no reference mask (DICOM SEG or NIfTI){also}", remedy)
        return None
    where = f"{reading.patient}: mask"
    if file_names.is_volume(found[0].name):
        volume = volume_file.load(found[0], where, reading)
        return volume and check_mask(volume, where, reading)
    note = partial(reading.add, "unknown", where, remedy="check that the tumour's segment is not among them")
    make = partial(read_segmentation, distances=slice_distances(series), note=note)
    return _load(make, found[0], where, reading)
