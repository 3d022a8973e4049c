"""Which format is it, and which of its entries are patients?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from components.errors import UserError
from components.problems import Problem
from components.scans.identity import REPEATED, file_name, subject_of
from components.sources import dicom, kaggle_3m, nifti, nifti_names
from components.sources.reading import Options, Reading
from components.tree import Tree

NOT_DICOM = (".nii", ".gz", ".tif", ".png", ".jpg", ".csv", ".json", ".txt", ".md", ".pdf", ".xlsx", ".bval", ".bvec")


@dataclass(frozen=True)
class Entry:
    """One patient's place in the tree: a folder or a file, and all files that belong to it."""

    path: str
    files: list[str]


@dataclass(frozen=True)
class Found:
    """Patients of one format, side by side in `folder`; `problems` are those of entries that are no patients.

    Attributes:
        told: files that the problems are about.
    """

    folder: str
    reader: Callable[[Path, str, Options, bool], Reading]
    entries: dict[str, Entry]
    problems: list[Problem] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def persons(self) -> int:
        """How many different people these are."""
        return len({subject_of(patient) for patient in self.entries})


def recognise(tree: Tree, folder: str = "") -> Found | None:
    """Find patients in `folder`, or further down where it holds one folder only, or one called kaggle_3m."""
    entries = tree.below(folder)
    found = _kaggle_3m(folder, entries) or _dicom(tree, folder, entries) or _nifti(folder, entries)
    folders = [name for name, files in entries.items() if files]
    inner = "kaggle_3m" if "kaggle_3m" in folders else folders[0] if len(folders) == 1 else None
    if inner is None or (found is not None and found.reader is kaggle_3m.read):
        return found
    deeper = recognise(tree, _join(folder, inner))
    # One folder may be a patient with a folder a series or a session, or the wrapper of a whole set.
    if found is None or deeper is None:
        return found or deeper
    sessions = all(name.startswith("ses-") for name in deeper.entries)
    return deeper if deeper.persons > 1 and not sessions else found


def skipped(tree: Tree, found: Found) -> list[Problem]:
    """Tell of folders whose files belong to no patient; unnamed where a name may be a person's."""
    taken = {file for entry in found.entries.values() for file in entry.files} | set(found.told)
    folders = {str(PurePosixPath(file).parent) for file in tree.files if file not in taken}
    beside = {str(place) for place in (PurePosixPath(found.folder), *PurePosixPath(found.folder).parents)}
    missed = sorted(folders - beside)
    if not missed:
        return []
    which = "" if found.reader is dicom.read else f": {', '.join(missed[:5])}" + (", ..." if len(missed) > 5 else "")
    what = f"{len(missed)} folder(s) hold no patient that can be recognised{which}"
    return [Problem("skipped", "", "the source", what)]


def _kaggle_3m(folder: str, entries: dict[str, list[str]]) -> Found | None:
    patients = {
        file_name(name): _entry(folder, name, files)
        for name, files in entries.items()
        if kaggle_3m.is_patient(name, files)
    }
    return Found(folder, kaggle_3m.read, patients) if patients else None


def _nifti(folder: str, entries: dict[str, list[str]]) -> Found | None:
    folders = {name: files for name, files in entries.items() if nifti_names.any_volume(files)}
    if folders and (len(folders) == 1 or any(nifti_names.is_complete(files, name) for name, files in folders.items())):
        patients = {}
        for name, files in folders.items():
            for session in sorted({match[0] for file in files if (match := re.match(r"ses-[^/]+(?=/)", file))}):
                inside = [file.removeprefix(f"{session}/") for file in files if file.startswith(f"{session}/")]
                patients[file_name(f"{name}_{session}")] = _entry(folder, f"{name}/{session}", inside)
            if not any(file.startswith("ses-") for file in files):
                patients[file_name(name)] = _entry(folder, name, files)
        return Found(folder, nifti.read, patients)
    pairs, strays = nifti_names.pair([name for name, files in entries.items() if not files])
    patients = {
        file_name(name): Entry(_join(folder, files[0]), [_join(folder, file) for file in files])
        for name, files in pairs.items()
    }
    problems = [Problem("extra_mask", "", name, "a mask without its picture") for name in strays]
    return Found(folder, nifti.read, patients, problems) if patients else None


def _dicom(tree: Tree, folder: str, entries: dict[str, list[str]]) -> Found | None:
    """Patients by the PatientID in each folder; nothing else tells who it is."""
    patients: dict[str, Entry] = {}
    seen: Counter[str] = Counter()
    problems: list[Problem] = []
    told: list[str] = []
    for number, (name, files) in enumerate(sorted(entries.items()), start=1):
        entry = _entry(folder, name, files)
        identity = _identity(tree, entry)
        if identity is None:
            continue
        if not identity:
            where = f"folder {number} of {len(entries)}"
            problems.append(Problem("identity", "", where, dicom.NO_IDENTITY, dicom.GIVE_IDENTITY, lost=True))
            told += entry.files
            continue
        seen[identity] += 1
        count = seen[identity]
        patients[file_name(identity) + (f"{REPEATED}{count}" if count > 1 else "")] = entry
    return Found(folder, dicom.read, patients, problems, told) if patients or problems else None


def _identity(tree: Tree, entry: Entry) -> str | None:
    """The first PatientID among the files of a folder; "" where none of them has one, None where none is DICOM."""
    found = None
    for path in sorted(entry.files):
        if not path.lower().endswith(NOT_DICOM) and not path.upper().endswith("DICOMDIR"):
            try:
                with tree.open(path) as file:
                    told = dicom.patient_id(file, path)
            except UserError:  # a link to nowhere; its name may be a person's
                continue
            if told:
                return told
            found = told if told is not None else found
    return found


def _entry(folder: str, name: str, files: list[str]) -> Entry:
    path = _join(folder, name)
    return Entry(path, [f"{path}/{file}" for file in files])


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
