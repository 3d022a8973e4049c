"""Which series of an MR examination is which sequence: told from headers, because no tag says so outright."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

# Read without the pixels. None of these names a person but PatientID, the chosen identity.
TAGS = [
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "SOPInstanceUID", "ImageType"),
    "FrameOfReferenceUID",
    *("SeriesDescription", "ProtocolName", "SequenceName", "ContrastBolusAgent", "NumberOfFrames"),
    *("RepetitionTime", "EchoTime", "InversionTime", "Rows", "Columns", "BitsStored"),
    *("ImageOrientationPatient", "ImagePositionPatient"),
]
_OTHER = re.compile(
    r"localizer|scout|survey|\badc\b|dwi|diff|trace|\bdti|\bperf\b|perfusion|\basl\b|\bswi|t2\*|bold|angio|\btof|\bmra\b"
    r"|\bsub\b|subtract|\bmip\b|dynamic|\bdce\b"
)
_T1 = re.compile(r"t1|mp-?rage|spgr|bravo|\btfl|vibe")
_FLAIR = re.compile(r"flair|dark.?fluid|tirm|da-fl")
_BOTH = re.compile(r"w/?\s*(and|/)?\s*w/?o|with and without")
_WITHOUT = re.compile(r"\bpre\b|non.?contrast|without|\bw/?o\b|nativ")
_WITH = re.compile(r"\bpost(?!er)|gad|\bgd\b|\+ ?c\b|\bc\+|\bce\b|contrast|\bkm\b")
_DERIVED = {"LOCALIZER", "PROJECTION IMAGE", "SUBTRACTION", "ADC", "TRACEW", "FA"}


@dataclass(frozen=True)
class Series:
    """Files of one series and the header of the first of them."""

    paths: Sequence[Path]
    headers: Sequence[Dataset]

    @property
    def name(self) -> str:
        """How people find it again: its number, never its description, which may hold anything."""
        return f"series {self.headers[0].get('SeriesNumber') or '(no number)'}"

    @property
    def axial(self) -> bool:
        """Tell whether its slices are closer to axial than to any other plane; True where a header doesn't say."""
        try:
            cosines = np.array(self.headers[0].get("ImageOrientationPatient"), float).reshape(2, 3)
        except (TypeError, ValueError):
            return True
        across = np.abs(np.cross(*cosines))
        return bool(across[2] == across.max())


def sequence_of(header: Dataset) -> str:
    """Tell "pre", "flair", "post" or "other".

    The words of the description decide; where they say nothing, the timing does: FLAIR inverts long (TI from 1500 ms)
    and echoes late (TE from 60 ms), T1 weighting echoes early (TE to 30 ms) after a short repetition (TR to 1000 ms) or
    an inversion below 1500 ms (MPRAGE). Contrast agent is taken from the words, else from ContrastBolusAgent.
    """
    if _DERIVED & {str(word).upper() for word in header.get("ImageType") or []}:
        return "other"
    names = ("SeriesDescription", "ProtocolName", "SequenceName")
    text = " ".join(str(header.get(name) or "") for name in names).lower().replace("_", " ")
    text = _BOTH.sub(" ", text)  # of the examination, and says nothing about the series
    if _OTHER.search(text):
        return "other"
    t1, flair = bool(_T1.search(text)), bool(_FLAIR.search(text))
    if not t1 and not flair and not re.search(r"t2|\bpd\b", text):
        echo, repeat, invert = (_number(header, f"{name}Time") for name in ("Echo", "Repetition", "Inversion"))
        flair = invert >= 1500 and echo >= 60
        t1 = 0 < echo <= 30 and (0 < repeat <= 1000 or 0 < invert < 1500)
    if t1:  # "T1 FLAIR" is a T1
        if _WITHOUT.search(text):
            return "pre"
        agent = str(header.get("ContrastBolusAgent") or "no").strip().lower()
        return "post" if _WITH.search(text) or not re.match(r"(no|none)\b|$", agent) else "pre"
    return "flair" if flair else "other"


def candidates(series: Sequence[Series]) -> dict[str, list[Series]]:
    """Series that fit each sequence, best first: axial before others, then by slice positions, then by number."""
    fitting: dict[str, list[Series]] = {}
    for one in series:
        fitting.setdefault(sequence_of(one.headers[0]), []).append(one)
    fitting.pop("other", None)
    for found in fitting.values():
        found.sort(key=lambda one: (not one.axial, -_positions(one), _number(one.headers[0], "SeriesNumber")))
    return fitting


def _positions(series: Series) -> int:
    """Slices at different places: a series over time has no more of them than one at one time."""
    places = {str(header.get("ImagePositionPatient")) for header in series.headers}
    return max(len(places), int(_number(series.headers[0], "NumberOfFrames")))


def _number(header: Dataset, name: str) -> float:
    """A number from a header, 0 where there is none."""
    try:
        return float(header.get(name) or 0)
    except (TypeError, ValueError):
        return 0.0
