"""The series of an MR examination, sorted by sequence, the best one first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from components.sources.dicom import header_words, measured
from components.sources.dicom.measured import number
from components.sources.dicom.sequence import OTHER, Told, sequence_of

# Read without the pixels. None of these identifies a person except PatientID, the chosen identity.
TAGS = [
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "SOPInstanceUID", "ImageType"),
    *("SOPClassUID", "FrameOfReferenceUID", "InstanceNumber"),
    *("SeriesDescription", "ProtocolName", "SequenceName", "ContrastBolusAgent", "NumberOfFrames"),
    *("RepetitionTime", "EchoTime", "InversionTime", "ScanningSequence", "Rows", "Columns", "BitsStored"),
    *("ImageOrientationPatient", "ImagePositionPatient"),
    *("ContrastBolusAgentSequence", "ContrastBolusVolume", "PulseSequenceName"),
    *("EchoPulseSequence", "InversionRecovery", "EchoPlanarPulseSequence"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]


@dataclass(frozen=True)
class Series:
    """Files of one series, and the headers of all of them.

    Attributes:
        protocol: ProtocolName; "" if it names the examination rather than the series.
    """

    paths: Sequence[Path]
    headers: Sequence[Dataset]
    protocol: str | None = None

    @property
    def name(self) -> str:
        """Name by which people find it: its number, never its description, which may hold anything."""
        return f"series {self.headers[0].get('SeriesNumber') or '(no number)'}"

    @property
    def axial(self) -> bool:
        """Return whether its slices are closer to axial than to any other plane; True if a header doesn't say."""
        try:
            orientation = measured.value(self.headers[0], "ImageOrientationPatient")
            cosines = np.array(orientation, float).reshape(2, 3)
        except (TypeError, ValueError):
            return True
        across = np.abs(np.cross(*cosines))
        return bool(across[2] == across.max())

    @property
    def told(self) -> Told:
        """What its first header says."""
        return sequence_of(self.headers[0], self.protocol)


def candidates(series: Sequence[Series]) -> dict[str, list[Series]]:
    """Series that fit each sequence, best first, and those that are "unclear".

    Series without doubt come first, then axial, then original ones, then by slice positions, then by number.
    """
    fitting: dict[str, list[Series]] = {}
    for one in _with_own_protocols(series):
        fitting.setdefault(one.told.sequence, []).append(one)
    fitting.pop(OTHER, None)
    for found in fitting.values():
        found.sort(key=_rank)
    return fitting


def _rank(one: Series) -> tuple[bool, bool, bool, int, float]:
    first = one.headers[0]
    return (
        bool(one.told.doubt),
        not one.axial,
        measured.is_derived(first),
        -_positions(one),
        number(first, "SeriesNumber"),
    )


def _with_own_protocols(series: Sequence[Series]) -> list[Series]:
    """Drop protocol names shared by series of different sequences: they name the examination."""
    kinds = defaultdict(set)
    for one in series:
        header = one.headers[0]
        kind = header_words.weighting(str(header.get("SeriesDescription") or "")) or measured.likely(header)
        kinds[header.get("ProtocolName")].add(kind)
    shared = {name for name, found in kinds.items() if len(found - {""}) > 1}
    return [replace(one, protocol="") if one.headers[0].get("ProtocolName") in shared else one for one in series]


def _positions(series: Series) -> int:
    """Number of distinct slice positions, so that a time series has no more of them than a single scan."""
    places = {str(header.get("ImagePositionPatient")) for header in series.headers}
    return max(len(places), int(number(series.headers[0], "NumberOfFrames")))
