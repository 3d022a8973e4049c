"""Which segments of a DICOM SEG can be a tumour's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydicom.dataset import Dataset

from components.sources.dicom.refused import RefusedError
from components.sources.nifti import mask_words
from components.sources.words.plain_text import spaced

_CATEGORY, _TYPE = "SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence"
_ANATOMY = {"91723000", "123037004", "T-D000A"}  # SNOMED's codes for "Anatomical Structure", old and new


def tumour_segments(data: Any, note: Callable[[str], None]) -> list[int]:
    """Numbers of the segments that can be a tumour's: some readers also outline parts of the brain.

    Args:
        data: DICOM SEG.
        note: function that records how many others are ignored.

    Raises:
        RefusedError: all are of anatomy.
    """
    # Label 0 of a label map is what is outside all segments.
    segments = [one for one in data.get("SegmentSequence") or [] if int(one.SegmentNumber)]
    anatomy = {int(one.SegmentNumber) for one in segments if _is_of_anatomy(one)}
    numbers = [int(one.SegmentNumber) for one in segments if int(one.SegmentNumber) not in anatomy]
    if segments and not numbers:
        what = "its segments are of anatomy, not of a tumour"
        raise RefusedError("mask_values", what, "give the tumour's mask, and say so in SegmentLabel")
    if anatomy:
        note(f"{len(anatomy)} of its {len(segments)} segments are ignored: by their headers, they are no tumour")
    return numbers


def _is_of_anatomy(segment: Any) -> bool:
    """Return whether a segment is of healthy anatomy, by its category or label, and its words name no tumour."""
    category, kind = (next(iter(segment.get(name) or []), Dataset()) for name in (_CATEGORY, _TYPE))
    label = " ".join(str(segment.get(name) or "") for name in ("SegmentLabel", "SegmentDescription"))
    if mask_words.names_a_tumour(spaced(f"{label} {kind.get('CodeMeaning') or ''}")):
        return False
    coded = category.get("CodeValue") in _ANATOMY
    return coded or mask_words.is_of_anatomy(spaced(label))
