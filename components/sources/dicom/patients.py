"""Patients of a folder of DICOM files, by the PatientID in the files of each folder in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from components.common.errors import TransientError, UserError
from components.common.problems import Problem
from components.io.storage import Storage
from components.scans.identity import REPEATED, file_name
from components.sources import leftovers
from components.sources.dicom.folder_owners import examinations, persons
from components.sources.dicom.identity_tags import birth_date_and_sex
from components.sources.entry import Entry

NO_IDENTITY = "the DICOM files in it have no PatientID, or can't be read"
GIVE_IDENTITY = "write a PatientID into them, a pseudonym is enough: `dcmodify -i PatientID=P001 FILES`"

OWN_IDENTITY = "give each person a PatientID of its own: `dcmodify -m PatientID=P001 FILES`"
OTHER_PERSON = "has the PatientID of another folder, and another birth date or sex"
NOBODY = "has the PatientID of another folder, and that is no name but what programs write in its place"
# What de-identification writes into PatientID: "ANONYMOUS", "xxxx", "0".
_PLACEHOLDER = re.compile(
    r"(an[oó]n\w*|de-?ident\w*|unknown|none|null|nil|n/?a|no ?(name|id)|removed|redacted|deleted|hidden|blank|empty"
    r"|test|patient ?(id)?|subject ?(id)?|default|x+|0+|-+|\.+|\*+|\?+)",
    re.IGNORECASE,
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
    others = any(entry.files and name not in leftovers.IGNORED_FOLDERS for name, entry in entries.items())
    for number, (name, entry) in enumerate(sorted(entries.items()), start=1):
        if others and name in leftovers.IGNORED_FOLDERS:
            continue
        for identity, path, folder in persons(tree, entry):
            where = f"folder {number} of {len(entries)}"
            if not identity:
                problems.append(Problem("identity", "", where, NO_IDENTITY, GIVE_IDENTITY, lost=True))
                reported += folder.files
                continue
            if identity in seen and _PLACEHOLDER.fullmatch(identity):
                problems.append(Problem("identity", "", where, NOBODY, OWN_IDENTITY))
            elif not _same_person(tree, path, seen_in.setdefault(identity, path)):
                problems.append(Problem("identity", "", where, OTHER_PERSON, OWN_IDENTITY))
            for one in examinations(tree, folder):
                seen[identity] += 1
                count = seen[identity]
                patients[file_name(identity) + (f"{REPEATED}{count}" if count > 1 else "")] = one
    return patients, problems, reported


def _same_person(tree: Storage, one: str, other: str) -> bool:
    """Return whether birth date and sex in two files of one PatientID agree, as far as they are there."""
    if one == other:
        return True
    try:
        with tree.open(one) as file, tree.open(other) as first:
            pairs = zip(birth_date_and_sex(file), birth_date_and_sex(first), strict=True)
            return all(mine == theirs or not (mine and theirs) for mine, theirs in pairs)
    except TransientError:
        raise
    except UserError:  # vanished, which the reader reports
        return True
