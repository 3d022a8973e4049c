"""Patients of a folder of DICOM files: each folder in it is one's, by the PatientID in its files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping

from components.common.errors import PassingError, UserError
from components.common.problems import Problem
from components.io.storage import Storage
from components.scans.identity import REPEATED, file_name
from components.sources import leftovers
from components.sources.dicom.identity_tags import born, patient_id, study
from components.sources.entry import Entry

NO_IDENTITY = "the DICOM files in it have no PatientID, or can't be read"
GIVE_IDENTITY = "write a PatientID into them, a pseudonym is enough: `dcmodify -i PatientID=P001 FILES`"

OWN_IDENTITY = "give each person a PatientID of its own: `dcmodify -m PatientID=P001 FILES`"
OTHER_PERSON = "has the PatientID of another folder, and another birth date or sex"
NOT_DICOM = (
    ".nii",
    ".gz",
    ".tif",
    ".tiff",
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".csv",
    ".json",
    ".txt",
    ".md",
    ".pdf",
    ".xlsx",
    ".bval",
    ".bvec",
)


def by_identity(tree: Storage, entries: Mapping[str, Entry]) -> tuple[dict[str, Entry], list[Problem], list[str]]:
    """Find patients by PatientID; nothing else identifies them.

    Returns:
        Examinations by name, problems, and the files that these are about.
    """
    patients: dict[str, Entry] = {}
    seen: Counter[str] = Counter()
    seen_in: dict[str, str] = {}
    problems: list[Problem] = []
    reported: list[str] = []
    # BIDS' folders beside the subjects, such as the original DICOM, are not patients.
    others = any(entry.files and name not in leftovers.PASSED for name, entry in entries.items())
    for number, (name, entry) in enumerate(sorted(entries.items()), start=1):
        found = None if others and name in leftovers.PASSED else _identity(tree, entry)
        if found is None:
            continue
        identity, path = found
        where = f"folder {number} of {len(entries)}"
        if not identity:
            problems.append(Problem("identity", "", where, NO_IDENTITY, GIVE_IDENTITY, lost=True))
            reported += entry.files
            continue
        if not _same_person(tree, path, seen_in.setdefault(identity, path)):
            problems.append(Problem("identity", "", where, OTHER_PERSON, OWN_IDENTITY))
        for one in _examinations(tree, entry):
            seen[identity] += 1
            count = seen[identity]
            patients[file_name(identity) + (f"{REPEATED}{count}" if count > 1 else "")] = one
    return patients, problems, reported


def _examinations(tree: Storage, entry: Entry) -> list[Entry]:
    """Split a patient's folder that holds a folder for each examination, with folders of series in it, as NBIA's do."""
    below: dict[str, list[str]] = {}
    top = os.path.commonpath([os.path.dirname(path) for path in entry.files])  # noqa: PTH120  may be a bucket's
    for path in entry.files:
        name, _, rest = path.removeprefix(f"{top}/").partition("/")
        if "/" not in rest:
            return [entry]
        below.setdefault(name, []).append(path)
    studies = [next(filter(None, (study_of(tree, path) for path in files[:3])), None) for files in below.values()]
    if len(below) < 2 or len(set(studies)) < len(studies) or None in studies:
        return [entry]
    return [Entry(f"{top}/{name}", files) for name, files in sorted(below.items())]


def study_of(tree: Storage, path: str) -> str | None:
    """StudyInstanceUID of a DICOM file, None for other files."""
    if path.lower().endswith(NOT_DICOM):
        return None
    try:
        with tree.open(path) as file:
            return study(file)
    except PassingError:
        raise
    except UserError:  # a broken link; its name may be a person's
        return None


def _same_person(tree: Storage, one: str, other: str) -> bool:
    """Return whether birth date and sex in two files of one PatientID agree, as far as they are there."""
    if one == other:
        return True
    try:
        with tree.open(one) as file, tree.open(other) as first:
            pairs = zip(born(file), born(first), strict=True)
            return all(mine == theirs or not (mine and theirs) for mine, theirs in pairs)
    except PassingError:
        raise
    except UserError:  # vanished, which the reader reports
        return True


def _identity(tree: Storage, entry: Entry) -> tuple[str, str] | None:
    """The first PatientID among the files of a folder, and its file; "" if none has one, None if none is DICOM."""
    found: tuple[str, str] | None = None
    for path in sorted(entry.files):
        if not path.lower().endswith(NOT_DICOM) and not path.upper().endswith("DICOMDIR"):
            try:
                with tree.open(path) as file:
                    identity = patient_id(file, path)
            except PassingError:
                raise
            except UserError:  # a broken link; its name may be a person's
                continue
            if identity:
                return identity, path
            found = (identity, path) if identity is not None else found
    return found
