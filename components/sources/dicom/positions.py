"""Whether the headers of a series' slices describe a stack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from pydicom.dataset import Dataset

from components.sources.dicom.measured import number
from components.sources.dicom.refused import RefusedError

EVEN = 0.05  # tolerance as a fraction of the slice distance: scanner tables don't stop to the micrometre
APART = 2e-3  # tolerance between orientations of one series, enough for those written with three digits
SHEAR = 0.05  # tolerance for the in-plane offset between consecutive slices, as a fraction of their distance
_ORIENTATION, _POSITION = "ImageOrientationPatient", "ImagePositionPatient"
NEEDED = {_ORIENTATION: 6, _POSITION: 3}


def check_positions(headers: Sequence[Dataset]) -> None:
    """Refuse slices that do not form an even, untilted stack.

    Args:
        headers: one per slice, in any order.

    Raises:
        RefusedError: of kind "series" (no positions, several orientations, two slices at one position, gantry tilt) or
            "gap" (slices are missing between others).
    """
    for name, count in NEEDED.items():
        if any(len(header.get(name) or []) != count for header in headers):
            raise RefusedError(
                "series",
                f"slices without a position in the patient ({name})",
                f"export the images as the scanner made them, with {name}, no screenshots",
            )
    orientations = np.array([header.ImageOrientationPatient for header in headers], float)
    if np.abs(orientations - orientations[0]).max() > APART:
        raise RefusedError(
            "series",
            "slices of different orientations",
            "give each plane a series of its own, or take those of the other planes out",
        )
    positions = np.array([header.ImagePositionPatient for header in headers], float)
    depths = positions @ np.cross(orientations[0, :3], orientations[0, 3:])
    order = np.argsort(depths)
    steps = np.diff(depths[order])
    doubles = int((steps < 1e-3).sum())
    if doubles:
        raise RefusedError(
            "series",
            f"{doubles} pairs of slices at one position, as of two acquisitions",
            "leave one acquisition (echo, phase, repetition) of this series in the folder",
        )
    if (np.abs(steps - np.median(steps)) > EVEN * np.median(steps)).any():
        raise RefusedError("gap", f"slices are {steps.min():.1f} to {steps.max():.1f} mm apart: one may be missing")
    _check_numbers(headers, float(np.median(steps)))
    beside = np.diff(positions[order], axis=0) @ orientations[0].reshape(2, 3).T
    if np.abs(beside).max() > SHEAR * np.median(steps):
        raise RefusedError(
            "series",
            "its slices are not stacked at a right angle (gantry tilt)",
            "resample it, e.g. with dcm2niix, which writes a copy ending in _Tilt",
        )


def frames_of(image: Dataset) -> list[Dataset]:
    """Where each frame of a multi-frame image lies, as data sets like the headers of single slices.

    Raises:
        RefusedError: the image has more or fewer frames than it describes.
    """
    shared = (image.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    groups = list(image.get("PerFrameFunctionalGroupsSequence") or [])
    if len(groups) != int(image.get("NumberOfFrames") or 1):
        what = f"NumberOfFrames is {image.get('NumberOfFrames')}, and it describes {len(groups)} frames"
        raise RefusedError("unreadable", what, "copy it again from its source, or export one file per slice")
    frames = []
    for group in groups:
        frame = Dataset()
        for sequence, name in (("PlaneOrientationSequence", _ORIENTATION), ("PlanePositionSequence", _POSITION)):
            found = group.get(sequence) or shared.get(sequence) or []
            if found and name in found[0]:
                setattr(frame, name, found[0].get(name))
        frames.append(frame)
    return frames


def _check_numbers(headers: Sequence[Dataset], step: float) -> None:
    """Refuse a series of every other slice: numbers are left out evenly, and distances are larger than headers say."""
    numbers = sorted({int(header.get("InstanceNumber") or 0) for header in headers})
    if len(numbers) < 2:
        return
    between = np.diff(numbers)
    stated = float(headers[0].get("SpacingBetweenSlices") or 0) or float(headers[0].get("SliceThickness") or 0)
    if len(numbers) == len(headers) and between.min() > 1 and np.ptp(between) == 0 and step > 1.5 * stated > 0:
        what = f"its slices are {step:.1f} mm apart, {stated:.1f} mm by their headers, and their numbers leave some out"
        raise RefusedError("gap", what)


def missing_at_an_end(headers: Sequence[Dataset], others: Iterable[Sequence[Dataset]]) -> str | None:
    """What the headers of an even stack say about slices missing at one of its ends, in words; None if nothing.

    Args:
        headers: the series' own.
        others: those of the examination's other series; careless software counts images through all of them.
    """
    if len(headers) < 2:  # a multi-frame file is whole, or can't be read
        return None
    stated = round(number(headers[0], "ImagesInAcquisition"))
    if len(headers) < stated:
        return f"holds {len(headers)} images where its headers count {stated} (ImagesInAcquisition)"
    first = min(_numbers(headers))
    before = {max(_numbers(other)) for other in others}
    if first > 1 and first - 1 not in before:
        return f"holds images whose numbers begin with {first} (InstanceNumber)"
    return None


def _numbers(headers: Sequence[Dataset]) -> list[int]:
    return [round(number(header, "InstanceNumber")) for header in headers]


def check_alike(slices: Sequence[Dataset]) -> None:
    """Refuse slices whose frames of reference or pixel sizes differ by more than rounding.

    Raises:
        RefusedError: of kind "position" (frames of reference), "unreadable" (no PixelSpacing) or "shape" (PixelSpacing
            differs).
    """
    if len({str(one.get("FrameOfReferenceUID") or "") for one in slices}) > 1:
        raise RefusedError(
            "position",
            "slices of several frames of reference (FrameOfReferenceUID)",
            "de-identify all files of an examination in one go, so that identifiers stay the same",
        )
    if "PerFrameFunctionalGroupsSequence" in slices[0]:
        return
    spacings = [one.get("PixelSpacing") for one in slices]
    if any(spacing is None or len(spacing) != 2 for spacing in spacings):
        raise RefusedError(
            "unreadable", "slices without PixelSpacing", "export the images with PixelSpacing (0028,0030)"
        )
    values = np.array(spacings, float)
    if np.abs(values - values[0]).max() > 1e-3 * values.max():
        raise RefusedError(
            "shape", "slices of different PixelSpacing", "take the slices of another series out of this one"
        )
