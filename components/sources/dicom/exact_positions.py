"""Exact slice positions from headers: orientations are rounded, identifiers repeated or missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pydicom.valuerep import DSfloat

from components.sources.dicom.positions import APART, check_alike
from components.sources.dicom.refused import RefusedError

ORTHOGONALITY_TOLERANCE = 0.02  # tolerance for right angles and for length 1 of row and column: rounding to two digits


def normalise_geometry(slices: Sequence[Dataset]) -> None:
    """Undo, in memory, what rounding and de-identification changed between the slices of one series.

    Rows and columns get length 1 and a right angle between them; all slices get one spacing, one SeriesInstanceUID,
    and, if there is none, a frame of reference, because no library stacks slices without one.

    Raises:
        RefusedError: the slices differ by more than rounding, or an orientation is invalid.
    """
    check_alike(slices)
    first = slices[0]
    for one in slices:
        one.SeriesInstanceUID = first.get("SeriesInstanceUID") or generate_uid(entropy_srcs=["series"])
        one.FrameOfReferenceUID = first.get("FrameOfReferenceUID") or generate_uid(entropy_srcs=["frame"])
        if "PixelSpacing" in first:
            one.PixelSpacing = first.PixelSpacing
    orthonormalise(slices)


def _orientations(one: Dataset) -> Iterator[Dataset]:
    """All data sets in which an image records its orientation."""
    if "ImageOrientationPatient" in one:
        yield one
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in one.get(name) or []:
            yield from group.get("PlaneOrientationSequence") or []


def orthonormalise(images: Sequence[Dataset]) -> None:
    """Make every orientation orthonormal; those that differ only by rounding become equal.

    Raises:
        RefusedError: an orientation is invalid.
    """
    places = [place for one in images for place in _orientations(one)]
    orientations = np.array([place.ImageOrientationPatient for place in places], float).reshape(-1, 2, 3)
    if not len(orientations):
        return
    if (
        np.abs(orientations @ orientations.transpose(0, 2, 1) - np.eye(2)) > ORTHOGONALITY_TOLERANCE
    ).any() or not np.isfinite(orientations).all():
        raise RefusedError(
            "unreadable",
            "its headers give no usable orientation",
            "export the series again, with ImageOrientationPatient",
        )
    if np.abs(orientations - orientations[0]).max() <= APART:
        orientations[:] = orientations.mean(axis=0)
    # The nearest right angle to both axes, instead of keeping one and rotating the other.
    u, _, v = np.linalg.svd(orientations, full_matrices=False)
    for place, orientation in zip(places, (u @ v).reshape(-1, 6), strict=True):
        place.ImageOrientationPatient = [DSfloat(float(x), auto_format=True) for x in orientation]
