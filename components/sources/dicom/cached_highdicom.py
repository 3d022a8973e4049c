"""highdicom, with its attribute look-ups cached per SOP class."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType


@functools.cache
def highdicom() -> ModuleType:
    """Import highdicom on first use, because importing it is slow and only DICOM needs it.

    For every file, highdicom searches the standard's tables for the attributes its SOP class allows: 10 of the 20 ms
    that a slice takes. The result depends only on the arguments, so it is cached.
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
