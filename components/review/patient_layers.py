"""What the page shows of a patient: facts about it, and its volumes as NIfTI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from components.predict.probability_maps import map_path
from components.review.outlines import read_held_out
from components.review.own_scan import Opened, as_nifti
from components.review.review_decision import CORRECTED, OPEN
from components.review.review_errors import ReviewError
from components.review.session import Session
from components.scans.scan import CHANNELS


def details(session: Session, number: int) -> dict[str, Any]:
    """What the page has to know to show a patient.

    Raises:
        ReviewError: there is no such patient, or its scan can't be read.
    """
    row, seen = session.row(number), session.open(number)
    latest = session.revisions.latest(row.patient)
    geometry = seen.geometry
    missing = seen.scan.missing_sequences()
    return {
        "id": number,
        "patient": row.patient,
        "scan": seen.hash,
        "shape": list(geometry.shape),
        "voxel_ml": abs(float(np.linalg.det(geometry.affine[:3, :3]))) / 1000 if seen.scan.source else None,
        "sequences": [name for name in CHANNELS if not missing.get(name)],
        "reference": seen.reference is not None and session.found is not None,
        "prediction": row.patient in session.held_out,
        "probability": _probability(session, row.patient) is not None,
        "draft": session.revisions.draft(row.patient, seen.hash).exists(),
        "decisions": [one.row() for one in session.revisions.decisions.get(row.patient, [])],
        "state": latest.decision if latest else OPEN,
        "revision": latest.revision if latest else 0,
        "note": " ".join(_set_aside(session, row.patient, seen)),
    }


def layer(session: Session, number: int, name: str) -> bytes:
    """A layer as NIfTI: a sequence, "start", "reference", "prediction", "probability", or "drawn".

    "prediction" is the mask of a cross-validation's model that has not seen the patient. "drawn" is what the page draws
    on: the draft, else the last decision's mask, else the start.

    Raises:
        ReviewError: there is no such patient, or it has no such layer.
    """
    row, seen = session.row(number), session.open(number)
    affine = seen.geometry.affine
    if name in CHANNELS:
        return as_nifti(seen.sequence(name), affine)
    if name == "start":
        return as_nifti(seen.start, affine)
    if name == "drawn":
        return as_nifti(_drawn(session, row.patient, seen), affine)
    if name == "reference" and (reference := seen.reference) is not None:
        return as_nifti(reference, affine)
    if name == "prediction" and (file := session.held_out.get(row.patient)):
        return as_nifti(read_held_out(file, seen.scan), affine)
    if name == "probability" and (path := _probability(session, row.patient)):
        picture = nib.load(path)
        return as_nifti(np.asarray(picture.dataobj), picture.affine)
    raise ReviewError(404, "the patient has no such layer")


def _drawn(session: Session, patient: str, seen: Opened) -> np.ndarray:
    """What the page draws on; see `_set_aside` for what belongs to another scan."""
    latest = session.revisions.latest(patient)
    path = session.revisions.draft(patient, seen.hash)
    if not path.exists() and latest and latest.decision == CORRECTED and latest.scan == seen.hash:
        path = session.revisions.mask_of(latest)
    return np.asarray(nib.load(path).dataobj) > 0 if path.exists() else seen.start


def _set_aside(session: Session, patient: str, seen: Opened) -> list[str]:
    """What was drawn or decided on another scan, which this one has replaced under the same name; all of it is kept."""
    revisions = session.revisions
    others = [path for path in revisions.drafts(patient) if path != revisions.draft(patient, seen.hash)]
    latest = revisions.latest(patient)
    notes = [
        f"A drawing that is not known to be of this scan is not shown; it is in {path.relative_to(revisions.folder)}."
        for path in others
    ]
    if latest and latest.scan != seen.hash:
        notes.append("The last decision is about another scan of this name and can't be adopted; decide again.")
    return notes


def _probability(session: Session, patient: str) -> Path | None:
    path = None if session.found is None else map_path(session.found, patient)
    return path if path and path.is_file() else None
