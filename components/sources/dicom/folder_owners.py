"""Who a folder of DICOM files belongs to: one person, or several persons or examinations with a folder each."""

from __future__ import annotations

import os

from components.common.errors import TransientError, UserError
from components.io.storage import Storage
from components.sources.dicom.identity_tags import patient_id, study
from components.sources.entry import Entry

DOCUMENTS = (".csv", ".json", ".txt", ".md", ".pdf", ".xlsx", ".bval", ".bvec")
NOT_DICOM = (*DOCUMENTS, ".nii", ".gz", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")


def persons(tree: Storage, entry: Entry) -> list[tuple[str, str, Entry]]:
    """Split a folder of persons' folders, as of a site or a collection, at any depth.

    Returns:
        PatientID, a file that says so, and folder of each person or examination; PatientID is "" where there is none.
        Empty if no file is DICOM.
    """
    found = _identity(tree, entry)
    if found is None:
        return []
    folders = _folders(entry)
    owners = [owner for folder in folders if (owner := _identity(tree, folder))]
    if len({identity for identity, _ in owners if identity}) < 2:
        return [(*found, entry)]
    examinations = [(identity, study_of(tree, path)) for identity, path in owners]
    if len(set(examinations)) < len(examinations):  # folders of one examination, and somebody else's: for the reader
        return [(*found, entry)]
    return [one for folder in folders for one in persons(tree, folder)]


def examinations(tree: Storage, entry: Entry) -> list[Entry]:
    """Split a person's folder that holds a folder for each examination, with folders of series in it, as NBIA's do."""
    folders = _folders(entry)
    studies = [next(filter(None, (study_of(tree, path) for path in one.files[:3])), None) for one in folders]
    if len(folders) < 2 or len(set(studies)) < len(studies) or None in studies:
        return [entry]
    return folders


def _folders(entry: Entry) -> list[Entry]:
    """The folders in which all of a folder's files lie, except documents; empty if some lie in none."""
    below: dict[str, list[str]] = {}
    top = os.path.commonpath([os.path.dirname(path) for path in entry.files])  # noqa: PTH120  may be a bucket's
    for path in entry.files:
        name, _, rest = path.removeprefix(f"{top}/").partition("/")
        if rest:
            below.setdefault(name, []).append(path)
        elif not name.lower().endswith(DOCUMENTS):
            return []
    return [Entry(f"{top}/{name}", files) for name, files in sorted(below.items())]


def study_of(tree: Storage, path: str) -> str | None:
    """StudyInstanceUID of a DICOM file; None for another file, a broken link, or a file without that UID."""
    if path.lower().endswith(NOT_DICOM):
        return None
    try:
        with tree.open(path) as file:
            return study(file)
    except TransientError:
        raise
    except UserError:  # a broken link; its name may be a person's
        return None


def _identity(tree: Storage, entry: Entry) -> tuple[str, str] | None:
    """The first PatientID among the files of a folder, and its file; "" if none has one, None if none is DICOM."""
    found: tuple[str, str] | None = None
    for path in sorted(entry.files):
        if not path.lower().endswith(NOT_DICOM) and not path.upper().endswith("DICOMDIR"):
            try:
                with tree.open(path) as file:
                    identity = patient_id(file, path)
            except TransientError:
                raise
            except UserError:  # a broken link; its name may be a person's
                continue
            if identity:
                return identity, path
            found = (identity, path) if identity is not None else found
    return found
