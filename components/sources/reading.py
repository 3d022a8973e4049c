"""Input and output of every reader."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from pydicom.errors import BytesLengthException, InvalidDicomError

from components.common.problems import Problem
from components.scans.scan import CHANNELS, Scan

# No image of a head has more pixels; a header that claims more is damaged or meant to exhaust the memory.
MAX_VOXELS = 1024 * 1024 * 1024

# Exceptions of the libraries that decode images and headers, if those are damaged; random damage found each of them.
DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, struct.error, zlib.error, ImageFileError, HeaderDataError, InvalidDicomError),
    BytesLengthException,
)


@dataclass(frozen=True)
class Options:
    """How to resample volumes to slices.

    Attributes:
        size: height and width of the slices, pixels; None keeps FLAIR's own voxels.
        spacing: millimetres between pixels.
        channels: names of the channels along the last axis of a 4-D NIfTI; names other than `CHANNELS` are ignored.
        from_source: whether the channels come from the source itself.
    """

    size: int | None = 256
    spacing: float = 1.0
    channels: Sequence[str] = CHANNELS
    from_source: bool = False


@dataclass
class Reading:
    """One patient as far as it could be read: a scan, or None and the reasons; a scan may have problems, too.

    Attributes:
        files: `content_hash` of the patient's files before they were read, if that was requested; else "".
    """

    patient: str
    scan: Scan | None = None
    problems: list[Problem] = field(default_factory=list)
    files: str = ""

    def add(self, kind: str, where: str, what: str, remedy: str = "") -> None:
        """Record a problem; `remedy` replaces the kind's own where that does not fit."""
        self.problems.append(Problem(kind, self.patient, where, what, remedy))

    def has(self, *kinds: str) -> bool:
        """Return whether a problem of one of these kinds was recorded."""
        return any(problem.kind in kinds for problem in self.problems)
