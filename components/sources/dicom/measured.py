"""What the scanner measured, whatever the series is called: times, kind of sequence, kind of image."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

T1, FLAIR, OTHER = "t1", "flair", "other"

# Words of ImageType for images that are computed from a series, or don't show the head's tissue.
NO_PICTURE = set(
    """
    LOCALIZER, PROJECTION IMAGE, MIP, MNIP, MINIP, MAX IP, MIN IP, MAXIP, VRT, SCREEN SAVE, SUBTRACTION, SUB, SUBTRACT,
    ADC, EADC, TRACEW, TRACE, FA, COLFA, DIFFUSION, TENSOR, ISOTROPIC, PERFUSION, ASL, CBF, CBV, RCBF, RCBV, MTT, TTP,
    TMAX, PBP, GBP, SWI, VELOCITY, FLOW, PHASE, PHASE MAP, PHASE CONTRAST M, PCA, T1 MAP, T2 MAP, T2_STAR MAP, R2 MAP,
    F, FAT, FF, IN_PHASE, OUT_PHASE, OPP_PHASE, IP, OP,
    R2_STAR MAP, FIELD_MAP, B0 MAP, B1 MAP, FMRI, T_TEST, SPECTROSCOPY
    """.replace("\n    ", " ")
    .strip()
    .split(", ")
)


def value(header: Dataset, *names: str) -> object:
    """The first of these tags that has a value, in the header or in the functional groups of a multi-frame file."""
    for place in itertools.chain((header,), _groups(header)):
        for name in names:
            found = place.get(name)
            if found not in (None, ""):
                return found
    return None


def _groups(header: Dataset) -> Iterator[Dataset]:
    """The functional groups shared by all frames, then those of the first frame."""
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(header.get(name) or [])[:1]:
            for element in group:
                if element.VR == "SQ" and element.value:
                    yield element.value[0]


def number(header: Dataset, *names: str) -> float:
    """A number from a header, 0 if there is none."""
    found = value(header, *names)
    try:
        return float(found[0] if isinstance(found, (list, MultiValue)) else found)  # type: ignore[arg-type]
    except (TypeError, ValueError, IndexError):
        return 0.0


def words(header: Dataset, name: str) -> set[str]:
    """The values of a tag as upper-case words."""
    found = header.get(name) or []
    return {str(word).strip().upper() for word in ([found] if isinstance(found, str) else found)}


def is_derived(header: Dataset) -> bool:
    """Return whether an image was computed from others, as reformatted planes are."""
    return "DERIVED" in words(header, "ImageType")


def is_no_picture(header: Dataset) -> bool:
    """Return whether ImageType rules out FLAIR and T1, whatever the description says."""
    kinds = words(header, "ImageType")
    parts = list(header.get("ImageType") or [])
    # Of a complex image: phase, real or imaginary part.
    return bool(NO_PICTURE & kinds) or (len(parts) > 2 and bool(re.match("[PRI](_|$)", str(parts[2]).strip().upper())))


def compatible_sequences(header: Dataset) -> set[str]:
    """Sequences compatible with the times, within generous bounds; always includes "other".

    Inversion times null fat at 120 to 300 ms (STIR), and water at 1300 to 3600 ms (FLAIR, 0.06 to 7 T); T1 weighting
    inverts between the two. FLAIR echoes late, after a long repetition; T1 echoes early.
    """
    repeat, echo, invert = _times(header)
    kinds = _kinds(header)
    found = {T1, FLAIR, OTHER}
    plane_echo = "EP" in kinds and "IR" not in kinds
    gradient = "GR" in kinds and "SE" not in kinds
    if echo > 45 or plane_echo or (invert >= 1300 and echo > 30) or (0 < invert < 300 and echo > 8):
        found.discard(T1)
    if (repeat > 3500 and echo > 6 and not invert and "IR" not in kinds) or (gradient and echo > 12):
        found.discard(T1)
    if 0 < echo < 50 or plane_echo or 0 < invert < 1200 or 0 < repeat < 2500 or gradient:
        found.discard(FLAIR)
    return found


def sequence_from_timing(header: Dataset) -> str:
    """The sequence by its times alone; "" if they don't decide.

    T1 without inversion is recognised by a repetition time of up to 1000 ms. Below 100 ms T1, vessels and localizers
    look alike.
    """
    repeat, echo, invert = _times(header)
    compatible = compatible_sequences(header)
    if FLAIR in compatible and invert >= 1300 and echo >= 60:
        return FLAIR
    # Without inversion and kind, a gradient echo's T2* is indistinguishable from a spin echo's T1 after 18 ms.
    early = 0 < echo <= (40 if invert or _kinds(header) else 18)
    if T1 in compatible and early and (300 <= invert < 1600 or 100 <= repeat <= 1000):
        return T1
    if T1 in compatible and (0 < echo <= 10 or not echo) and 0 < repeat < 100:
        return ""
    return "" if compatible == {T1, FLAIR, OTHER} or (T1 in compatible and 100 <= repeat <= 1000) else OTHER


def _kinds(header: Dataset) -> set[str]:
    """ScanningSequence, or its equivalent in multi-frame files."""
    kinds = words(header, "ScanningSequence")
    kinds |= {"SPIN": {"SE"}, "GRADIENT": {"GR"}, "BOTH": {"SE", "GR"}}.get(
        str(value(header, "EchoPulseSequence")), set()
    )
    for name, kind in (("InversionRecovery", "IR"), ("EchoPlanarPulseSequence", "EP")):
        kinds |= {kind} if value(header, name) == "YES" else set()
    return kinds


def contrast_agent(header: Dataset) -> object:
    """The contrast agent by name or code; its volume if only that is given; "none" if it was not given yet."""
    if value(header, "ContrastBolusAgentAdministered") == "NO":  # in a frame's ContrastBolusUsageSequence
        return "none"
    agent = value(header, "ContrastBolusAgent")
    codes = header.get("ContrastBolusAgentSequence") or []
    agent = agent or next((code.get("CodeMeaning") for code in codes), None)
    volume = number(header, "ContrastBolusVolume")
    return agent or (f"{volume:g} ml of contrast" if volume > 0 else None)


def _times(header: Dataset) -> tuple[float, float, float]:
    """Repetition, echo and inversion time, milliseconds, 0 if not given."""
    return (
        number(header, "RepetitionTime"),
        number(header, "EchoTime", "EffectiveEchoTime"),
        number(header, "InversionTime", "InversionTimes"),
    )


def has_times(header: Dataset) -> bool:
    """Return whether a header gives any times; those of reports and screenshots don't."""
    return any(_times(header))
