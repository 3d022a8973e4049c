"""Which series of an MR examination is which sequence: told from headers, because no tag says so outright.

What is written by hand (`words`) is held against what the scanner measured (`measured`). Where they contradict each other, or
nothing tells, that is said, and such a series is only taken where there is no better one, or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from components.sources.dicom import measured, words
from components.sources.dicom.measured import number

# Read without the pixels. None of these names a person but PatientID, the chosen identity.
TAGS = [
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "SOPInstanceUID", "ImageType"),
    *("SOPClassUID", "FrameOfReferenceUID", "InstanceNumber"),
    *("SeriesDescription", "ProtocolName", "SequenceName", "ContrastBolusAgent", "NumberOfFrames"),
    *("RepetitionTime", "EchoTime", "InversionTime", "ScanningSequence", "Rows", "Columns", "BitsStored"),
    *("ImageOrientationPatient", "ImagePositionPatient"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]
UNCLEAR, OTHER = "unclear", "other"


@dataclass(frozen=True)
class Told:
    """What headers tell about a series.

    Attributes:
        sequence: "pre", "flair", "post"; "other"; or "unclear" where it could be one of these, see `maybe`.
        doubt: what speaks against it, in words; "" where nothing does.
        maybe: sequences that an unclear series could be.
    """

    sequence: str
    doubt: str = ""
    maybe: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """Files of one series, and the headers of all of them.

    Attributes:
        protocol: ProtocolName; "" where that names the examination and not the series.
    """

    paths: Sequence[Path]
    headers: Sequence[Dataset]
    protocol: str | None = None

    @property
    def name(self) -> str:
        """How people find it again: its number, never its description, which may hold anything."""
        return f"series {self.headers[0].get('SeriesNumber') or '(no number)'}"

    @property
    def axial(self) -> bool:
        """Tell whether its slices are closer to axial than to any other plane; True where a header doesn't say."""
        try:
            told = measured.value(self.headers[0], "ImageOrientationPatient")
            cosines = np.array(told, float).reshape(2, 3)
        except (TypeError, ValueError):
            return True
        across = np.abs(np.cross(*cosines))
        return bool(across[2] == across.max())

    @property
    def told(self) -> Told:
        """What its first header tells."""
        return sequence_of(self.headers[0], self.protocol)


def sequence_of(header: Dataset, protocol: str | None = None) -> Told:
    """Tell the sequence of a series.

    SeriesDescription decides; where it is silent ProtocolName, then SequenceName, then the times. The times may contradict all
    of them. Contrast agent is told by the text that told the sequence, else by ContrastBolusAgent.

    Args:
        header: of one of its images.
        protocol: ProtocolName, where it is known to be about this series or not; default: the header's.
    """
    if measured.is_no_picture(header):
        return Told(OTHER)
    if protocol is None:
        protocol = str(header.get("ProtocolName") or "")
    description = str(header.get("SeriesDescription") or "")
    texts = (description, protocol, str(header.get("SequenceName") or ""))
    text, kind = next(((text, kind) for text in texts if (kind := words.weighting(text))), ("", ""))
    kind, doubt = _against_times(kind, header)
    if kind == UNCLEAR:
        return Told(UNCLEAR, doubt, ("flair", "pre", "post"))
    if kind not in (measured.T1, measured.FLAIR):
        return Told(OTHER)
    # A protocol's name speaks of this series where it names the same sequence; else of the whole examination.
    speaks = [description, *([protocol] if words.weighting(protocol) == kind else [])]
    said = next((said for said in map(words.contrast, speaks) if said), "")
    agent = words.agent(measured.value(header, "ContrastBolusAgent"))
    if kind == measured.FLAIR:
        with_agent = said == "present" or (not said and agent == "present")
        return Told("flair", doubt or ("it was taken after the contrast agent" if with_agent else ""))
    return _t1(said, agent, doubt)


def _against_times(kind: str, header: Dataset) -> tuple[str, str]:
    """Hold what words say against the times: the kind of sequence, and the doubt that remains."""
    likely, possible = measured.likely(header), measured.possible(header)
    if kind in ("t1", "flair"):
        name = {"t1": "T1", "flair": "FLAIR"}[kind]
        return (kind, "") if kind in possible else (UNCLEAR, f"it is called {name}, and its times are not those of one")
    if kind == "t2":  # FLAIR is weighted by T2, too
        if likely == measured.FLAIR:
            return likely, "it is called T2, and its times are those of a FLAIR"
        return OTHER, ""
    if kind in ("tirm", "several", ""):
        if likely:
            return likely, ""
        if kind == "tirm":
            return UNCLEAR, "it is called TIRM, which may be FLAIR or STIR, and its inversion time is missing"
        if kind == "several" or _is_silent(header):
            return UNCLEAR, "neither its description nor its times tell the sequence"
    return OTHER, ""


def _is_silent(header: Dataset) -> bool:
    """Tell a header with so little in it that the series could be anything, among those of a head's pictures."""
    return bool(number(header, "RepetitionTime") or number(header, "EchoTime"))


def _t1(said: str, agent: str, doubt: str) -> Told:
    """Tell T1 before from T1 after the agent by what words and ContrastBolusAgent say."""
    decided = agent if said in ("", "both") else said
    if said == "both" and not agent:
        return Told(UNCLEAR, "it may be T1 before or after the contrast agent, its headers don't tell", ("pre", "post"))
    if agent and decided != agent:
        there = "none" if agent == "absent" else "one"
        doubt = f"it is called T1 {'with' if decided == 'present' else 'without'} contrast agent, and names {there}"
    return Told("post" if decided == "present" else "pre", doubt)


def candidates(series: Sequence[Series]) -> dict[str, list[Series]]:
    """Series that fit each sequence, best first, and those that are "unclear".

    Those without doubt come first, then axial, then original ones, then by slice positions, then by number.
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
    return bool(one.told.doubt), not one.axial, measured.is_derived(first), -_positions(one), number(first, "SeriesNumber")


def _with_own_protocols(series: Sequence[Series]) -> list[Series]:
    """Leave out names of protocols that series of different sequences share: they are those of the examination."""
    kinds = defaultdict(set)
    for one in series:
        header = one.headers[0]
        kind = words.weighting(str(header.get("SeriesDescription") or "")) or measured.likely(header)
        kinds[header.get("ProtocolName")].add(kind)
    shared = {name for name, found in kinds.items() if len(found - {""}) > 1}
    return [replace(one, protocol="") if one.headers[0].get("ProtocolName") in shared else one for one in series]


def _positions(series: Series) -> int:
    """Slices at different places: a series over time has no more of them than one at one time."""
    places = {str(header.get("ImagePositionPatient")) for header in series.headers}
    return max(len(places), int(number(series.headers[0], "NumberOfFrames")))
