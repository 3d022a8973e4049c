"""The masks that a review kept, checked against the hashes in its decisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np

from components.common.errors import UserError
from components.common.files import read_json
from components.review.claim import RECORD
from components.review.review_decision import ACCEPTED, CORRECTED, Decision
from components.review.revisions import Revisions
from components.scans.own_voxels import from_own, mask_hash, own_geometry, scan_hash
from components.scans.scan import Scan
from components.sources.reading import DAMAGE


def record_of(folder: Path) -> dict[str, str]:
    """What a review is about; raises UserError if the folder holds none."""
    if not (folder / RECORD).is_file():
        raise UserError(f"{folder}: not a folder of `glioflow review`; give one")
    return read_json(folder / RECORD)


def kept(revisions: Revisions, done: Iterable[Mapping[str, str]]) -> list[Decision]:
    """The last decision of each patient who was accepted or corrected, without those in `done`, by name.

    Args:
        revisions: the review.
        done: rows of the source's reviews.csv, i.e. decisions that were adopted before.
    """
    before = {(row["patient"], row.get("utc"), row.get("revision")) for row in done}
    latest = [several[-1] for _, several in sorted(revisions.decisions.items())]
    return [
        one
        for one in latest
        if one.decision in (ACCEPTED, CORRECTED) and (one.patient, one.utc, str(one.revision)) not in before
    ]


def name_of(decisions: Iterable[Decision]) -> str:
    """Name of a set of decisions: 12 hexadecimal digits that depend on all that was decided."""
    text = json.dumps([one.row() for one in decisions], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_scan(scan: Scan, decision: Decision, where: str) -> None:
    """Refuse a scan of the same name that is not the one that was reviewed."""
    if scan_hash(scan) != decision.scan:
        raise UserError(f"{where}: {decision.patient} is not the scan that was reviewed; nothing was adopted")


def mask_for(scan: Scan, path: Path, decision: Decision) -> np.ndarray:
    """Read the mask that was decided on, as bool [slices, height, width] of a scan in its own voxels.

    Raises:
        UserError: the file is missing, or not the one that was decided on.
    """
    try:
        voxels = np.asarray(nib.load(path).dataobj) > 0
    except DAMAGE as error:
        raise UserError(f"{path}: not readable as a mask ({type(error).__name__}); restore it") from error
    if voxels.shape != own_geometry(scan).shape or mask_hash(voxels) != decision.after:
        raise UserError(f"{path}: not the mask that was decided on; restore it")
    return from_own(scan, voxels.astype(np.uint8)) > 0
