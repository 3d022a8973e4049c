"""Which sequence a series is: inferred from headers, because no tag says so outright.

Text entered by hand (`words`, `agent`) is checked against the scanner's parameters (`measured`). If they contradict
each other, or neither decides, the series is reported as unclear rather than guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from components.sources.dicom import measured
from components.sources.dicom.measured import FLAIR, T1
from components.sources.words.contrast_agent import mentioned_agent, stated_agent
from components.sources.words.sequences import weighting

UNCLEAR, OTHER = "unclear", "other"


@dataclass(frozen=True)
class Inference:
    """What headers say about a series.

    Attributes:
        sequence: "pre", "flair", "post"; "other"; or "unclear" if it could be one of `maybe`.
        doubt: evidence against it, in words; "" if there is none.
        maybe: sequences that an unclear series could be.
        unstated: a T1 of which no header says whether a contrast agent was given.
    """

    sequence: str
    doubt: str = ""
    maybe: tuple[str, ...] = ()
    unstated: bool = False


def sequence_of(header: Dataset, protocol: str | None = None, *, own_agent: bool = True) -> Inference:
    """Determine the sequence of a series.

    SeriesDescription decides; if it says nothing, ProtocolName, then SequenceName, then the times. The times may
    contradict all of them. Contrast agent is inferred from the same texts, else from ContrastBolusAgent.

    Args:
        header: header of one of its images.
        protocol: ProtocolName, or "" if that names the whole examination; defaults to the header's.
        own_agent: whether ContrastBolusAgent is about this series; not if the console wrote it into every series.
    """
    if measured.is_no_picture(header):
        return Inference(OTHER)
    if protocol is None:
        protocol = str(header.get("ProtocolName") or "")
    description = str(header.get("SeriesDescription") or "")
    texts = (description, protocol, str(measured.value(header, "SequenceName", "PulseSequenceName") or ""))
    kind, doubt = _against_times(next(filter(None, map(weighting, texts)), ""), header)
    if kind == UNCLEAR:
        return Inference(UNCLEAR, doubt, ("flair", "pre", "post"))
    if kind not in (T1, FLAIR):
        return Inference(OTHER)
    contrast = mentioned_agent(description) or _protocol_contrast(kind, protocol)
    bolus = stated_agent(measured.contrast_agent(header))
    if kind == FLAIR:
        given = (contrast or bolus) == "present"
        return Inference("flair", doubt or ("it was taken after the contrast agent" if given else ""))
    if not own_agent and not contrast:
        return Inference("pre", "ContrastBolusAgent is in all series, and no word of this one says that it was given")
    inferred = _t1(contrast, bolus, doubt)
    if inferred.doubt or weighting(description):
        return inferred
    if measured.is_derived(header):
        return replace(inferred, doubt="it was computed from other images, and its description doesn't say how")
    return replace(inferred, doubt="no header says whether contrast agent was given" if inferred.unstated else "")


def _protocol_contrast(kind: str, protocol: str) -> str:
    """What a protocol's name says of the agent, if it is this series' own: it names its sequence, and one state."""
    contrast = mentioned_agent(protocol) if weighting(protocol) == kind else ""
    return "" if contrast == "both" else contrast


def _against_times(kind: str, header: Dataset) -> tuple[str, str]:
    """Check the words against the times: returns the kind of sequence, and the remaining doubt."""
    by_times = measured.sequence_from_timing(header)
    if kind in (T1, FLAIR):
        if kind in measured.compatible_sequences(header):
            return kind, ""
        return UNCLEAR, f"it is called {kind.upper()}, but its times are not those of one"
    if kind == "t2":  # FLAIR is T2-weighted, too
        doubt = "it is called T2, but its times are those of a FLAIR"
        return (FLAIR, doubt) if by_times == FLAIR else (OTHER, "")
    if kind == OTHER or by_times:
        return (OTHER if kind == OTHER else by_times), ""
    if kind == "tirm":
        return UNCLEAR, "it is called TIRM, which may be FLAIR or STIR, and its inversion time is missing"
    if kind == "several" or measured.has_times(header):
        return UNCLEAR, "neither its description nor its times identify the sequence"
    return OTHER, ""


def _t1(contrast: str, bolus: str, doubt: str) -> Inference:
    """Distinguish T1 before and after the agent by words and ContrastBolusAgent."""
    if contrast == "both" and not bolus:
        return Inference(
            UNCLEAR, "it may be T1 before or after the contrast agent, its headers don't say", ("pre", "post")
        )
    decided = bolus if contrast in ("", "both") else contrast
    if bolus and decided != bolus:
        with_or = "with" if decided == "present" else "without"
        doubt = f"it is called T1 {with_or} contrast agent, but its ContrastBolusAgent says otherwise"
    return Inference("post" if decided == "present" else "pre", doubt, unstated=not decided)
