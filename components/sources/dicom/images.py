"""highdicom, made to look up once for all files of a kind what it would look up for each of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType


@functools.cache
def highdicom() -> ModuleType:
    """Import highdicom, which is slow, and which only DICOM needs.

    For every file it searches the standard's tables for the attributes that its kind may have: 10 ms of the 20 that a
    slice takes. What it finds depends on the arguments alone.
    """
    import highdicom

    try:
        from highdicom import _standard_utils as tables

        search = tables.is_attribute_in_iod
    except (ImportError, AttributeError):  # a release that keeps it elsewhere: slower, but correct
        return highdicom

    @functools.cache
    def known(attribute: str, kind: str, excluded: tuple[str, ...] | None) -> bool:
        return search(attribute, kind, excluded)

    def found(attribute: str, sop_class_uid: str, exclude_path_elements: Sequence[str] | None = None) -> bool:
        excluded = exclude_path_elements
        return known(attribute, str(sop_class_uid), None if excluded is None else tuple(excluded))

    tables.is_attribute_in_iod = found
    return highdicom
