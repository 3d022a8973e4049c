"""Positions of slices as headers give them, made exact: orientations are rounded, identifiers repeated or left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pydicom.valuerep import DSfloat

from components.sources.dicom.refused import RefusedError

EVEN = 0.05  # share of the slice distance by which distances may differ: tables don't stop to the micrometre
SKEW = 0.02  # by which row and column may miss the right angle, and length 1: as much as rounding to two digits does
APART = 2e-3  # by which orientations of one series may differ: those written with three digits do
NEEDED = {"ImageOrientationPatient": 6, "ImagePositionPatient": 3}


def check_positions(headers: Sequence[Dataset]) -> None:
    """Refuse slices without positions, of several orientations, at one position, or with a hole between them."""
    for name, count in NEEDED.items():
        if any(len(header.get(name) or []) != count for header in headers):
            raise RefusedError(
                "series",
                f"slices without a position in the patient ({name})",
                f"export the images as the scanner made them, with {name}, no screen shots",
            )
    turns = np.array([header.ImageOrientationPatient for header in headers], float)
    if np.abs(turns - turns[0]).max() > APART:
        raise RefusedError(
            "series",
            "slices of different orientations",
            "give each plane a series of its own, or take those of the other planes out",
        )
    positions = np.array([header.ImagePositionPatient for header in headers], float)
    steps = np.diff(np.sort(positions @ np.cross(turns[0, :3], turns[0, 3:])))
    doubles = int((steps < 1e-3).sum())
    if doubles:
        raise RefusedError(
            "series",
            f"{doubles} pairs of slices at one position, as of two acquisitions",
            "leave one acquisition (echo, phase, repetition) of this series in the folder",
        )
    if (np.abs(steps - np.median(steps)) > EVEN * np.median(steps)).any():
        raise RefusedError("gap", f"slices are {steps.min():.1f} to {steps.max():.1f} mm apart, one is missing between")


def make_exact(slices: Sequence[Dataset]) -> None:
    """Make the slices of one series alike, in memory, in what rounding and de-identification have changed.

    Row and column get length 1 and a right angle between them; one spacing, one SeriesInstanceUID, and a frame of
    reference where none is given, because no library stacks slices without.

    Raises:
        RefusedError: they differ by more than rounding, or an orientation is none.
    """
    _check_alike(slices)
    first = slices[0]
    for one in slices:
        one.SeriesInstanceUID = first.get("SeriesInstanceUID") or generate_uid(entropy_srcs=["series"])
        one.FrameOfReferenceUID = first.get("FrameOfReferenceUID") or generate_uid(entropy_srcs=["frame"])
        if "PixelSpacing" in first:
            one.PixelSpacing = first.PixelSpacing
    straighten(slices)


def _check_alike(slices: Sequence[Dataset]) -> None:
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


def _orientations(one: Dataset) -> Iterator[Dataset]:
    """All data sets in which an image says how it is turned."""
    if "ImageOrientationPatient" in one:
        yield one
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in one.get(name) or []:
            yield from group.get("PlaneOrientationSequence") or []


def straighten(images: Sequence[Dataset]) -> None:
    """Give every orientation length 1 and right angles; those that differ by rounding alone become one.

    Raises:
        RefusedError: an orientation is none.
    """
    places = [place for one in images for place in _orientations(one)]
    turns = np.array([place.ImageOrientationPatient for place in places], float).reshape(-1, 2, 3)
    if not len(turns):
        return
    if (np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(2)) > SKEW).any() or not np.isfinite(turns).all():
        raise RefusedError(
            "unreadable",
            "its headers give no usable orientation",
            "export the series again, with ImageOrientationPatient",
        )
    if np.abs(turns - turns[0]).max() <= APART:
        turns[:] = turns.mean(axis=0)
    # The nearest right angles to both, instead of keeping one and turning the other.
    u, _, v = np.linalg.svd(turns, full_matrices=False)
    for place, turn in zip(places, (u @ v).reshape(-1, 6), strict=True):
        place.ImageOrientationPatient = [DSfloat(float(x), auto_format=True) for x in turn]
