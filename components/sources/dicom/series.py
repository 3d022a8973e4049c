"""The series of an MR examination, sorted by sequence, the best one first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from components.sources.dicom import measured
from components.sources.dicom.measured import number
from components.sources.dicom.sequence import OTHER, Inference, sequence_of
from components.sources.dicom.slabs import are_slabs
from components.sources.words.contrast_agent import stated_agent
from components.sources.words.sequences import weighting

# Read without the pixels. None of these identifies a person except PatientID, the chosen identity.
TAGS = [
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "SOPInstanceUID", "ImageType"),
    *("SOPClassUID", "FrameOfReferenceUID", "InstanceNumber"),
    *("SeriesDescription", "ProtocolName", "SequenceName", "ContrastBolusAgent", "NumberOfFrames"),
    *("AcquisitionTime", "PhotometricInterpretation", "SpacingBetweenSlices", "SliceThickness"),
    "ImagesInAcquisition",
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
        own_agent: whether its ContrastBolusAgent is its own, and not that of the examination.
        after_agent: whether the examination's first series with contrast agent was acquired before it; None if there is
            none.
    """

    paths: Sequence[Path]
    headers: Sequence[Dataset]
    protocol: str | None = None
    own_agent: bool = True
    after_agent: bool | None = None

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
    def inferred(self) -> Inference:
        """What its first header says, and its place in the examination."""
        inferred = sequence_of(self.headers[0], self.protocol, own_agent=self.own_agent)
        if not inferred.unstated or self.after_agent is None:
            return inferred
        after = "it was acquired after a series with contrast agent, and no header of its own mentions one"
        if self.after_agent:
            return replace(inferred, doubt=after)
        return inferred if measured.is_derived(self.headers[0]) else replace(inferred, doubt="")

    @property
    def acquired_at(self) -> tuple[float, float]:
        """AcquisitionTime (HHMMSS, 0 if no header gives it) and number, to order the series of an examination."""
        times = [number(header, "AcquisitionTime") for header in self.headers]
        return min(times), number(self.headers[0], "SeriesNumber")


def candidates(series: Sequence[Series]) -> dict[str, list[Series]]:
    """Series that fit each sequence, best first, and those that are "unclear".

    Series without doubt come first, then those whose contrast is stated, then those of the whole head, then axial,
    then original ones, then those with more slice positions, then lower numbers. Among T1 whose headers don't
    mention contrast agent, the lower number comes first: the agent is given later.
    """
    fitting: dict[str, list[Series]] = {}
    for one in _with_own_agents(_with_own_protocols(series)):
        fitting.setdefault(one.inferred.sequence, []).append(one)
    fitting.pop(OTHER, None)
    return {what: _sorted(found) for what, found in fitting.items()}


def _sorted(series: Sequence[Series]) -> list[Series]:
    slabs = are_slabs([(one.headers, one.axial) for one in series])
    ranks = {id(one): _rank(one, slab) for one, slab in zip(series, slabs, strict=True)}
    return sorted(series, key=lambda one: ranks[id(one)])


def _rank(one: Series, slab: bool) -> tuple[bool, bool, bool, bool, bool, float, float]:
    first, inferred = one.headers[0], one.inferred
    return (
        bool(inferred.doubt),
        inferred.unstated,
        slab,
        not one.axial,
        measured.is_derived(first),
        number(first, "SeriesNumber") if inferred.unstated else -_positions(one),
        number(first, "SeriesNumber"),
    )


def _with_own_protocols(series: Sequence[Series]) -> list[Series]:
    """Drop protocol names shared by series of different sequences: they name the examination."""
    kinds = defaultdict(set)
    for one in series:
        header = one.headers[0]
        kind = weighting(str(header.get("SeriesDescription") or "")) or measured.sequence_from_timing(header)
        kinds[header.get("ProtocolName")].add(kind)
    shared = {name for name, found in kinds.items() if len(found - {""}) > 1}
    return [replace(one, protocol="") if one.headers[0].get("ProtocolName") in shared else one for one in series]


def _with_own_agents(series: Sequence[Series]) -> list[Series]:
    """Compare the series of one examination: which of them were acquired after the contrast agent?

    A console may write ContrastBolusAgent into every series. Where words tell which T1 is after the agent, they decide.
    """
    post_series = [one for one in series if one.inferred.sequence == "post" and not one.inferred.doubt]
    everywhere = len(series) > 2 and all(
        stated_agent(measured.contrast_agent(one.headers[0])) == "present" for one in series
    )
    named_post = [
        one for one in post_series if sequence_of(one.headers[0], one.protocol, own_agent=False).sequence == "post"
    ]
    first = min((one.acquired_at for one in (named_post if everywhere else post_series)), default=None)
    if first is None:
        return list(series)
    return [
        replace(one, own_agent=not everywhere or first < one.acquired_at, after_agent=first < one.acquired_at)
        for one in series
    ]


def _positions(series: Series) -> int:
    """Number of distinct slice positions, so that a time series has no more of them than a single scan."""
    places = {str(header.get("ImagePositionPatient")) for header in series.headers}
    return max(len(places), int(number(series.headers[0], "NumberOfFrames")))
