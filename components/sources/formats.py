"""Recognises the format of a source, and which of its entries are patients."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from components.common.errors import UserError
from components.common.problems import Problem
from components.io.storage import Storage
from components.scans.identity import file_name, subject_of
from components.sources import dicom, kaggle_3m, leftovers, nifti
from components.sources.dicom.patients import by_identity
from components.sources.entry import Entry
from components.sources.nifti import file_names, folder_names, layouts, person_folder
from components.sources.reading import Reading

# Formats recognised by file names: `is_patient(name, files)` says whether a folder is a patient's, `read` reads it.
# The first that finds patients takes them all; what no format here finds may be DICOM or NIfTI.
BY_NAMES = (kaggle_3m,)


@dataclass(frozen=True)
class Found:
    """Patients of one format, side by side in `folder`; `problems` are those of entries that are not patients.

    Attributes:
        reported: files that the problems are about.
    """

    folder: str
    reader: Callable[..., Reading]
    entries: dict[str, Entry]
    problems: list[Problem] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)

    @property
    def persons(self) -> int:
        """Number of different persons."""
        return len({subject_of(patient) for patient in self.entries})


def recognise(tree: Storage, folder: str = "") -> Found | None:
    """Find patients in `folder`, or further down if it holds a single folder, or one called kaggle_3m."""
    entries = tree.below(folder)
    found = _by_names(folder, entries) or _dicom(tree, folder, entries)
    if found is None or not found.entries:  # DICOM files without an identity
        others = _nifti(tree, folder, entries)
        if others and found:
            others = replace(others, problems=[*others.problems, *found.problems], reported=found.reported)
        found = others or found
    folders = [name for name, files in entries.items() if files]
    inner = "kaggle_3m" if "kaggle_3m" in folders else folders[0] if len(folders) == 1 else None
    if inner is None or (found is not None and found.reader in [one.read for one in BY_NAMES]):
        return found
    deeper = recognise(tree, _join(folder, inner))
    # A single folder may be a patient with one folder per series or session, or the wrapper of a whole set.
    if found is None or deeper is None:
        return found or deeper
    if deeper.reader is nifti.read:
        of_one = person_folder.is_one_person(inner, tree.below(_join(folder, inner)))
    else:  # several persons' DICOM files give several entries, unless they are mixed up in one examination
        of_one = found.reader is dicom.read and len(found.entries) == 1
    return deeper if deeper.persons > 1 and not of_one else found


def skipped(tree: Storage, found: Found) -> list[Problem]:
    """Report files that belong to no patient, without names that may be a person's."""
    named = found.reader is not dicom.read
    return leftovers.find(tree, found.folder, found.entries.values(), reported=found.reported, named=named)


def is_patient(name: str, files: list[str]) -> bool:
    """Return whether a folder called `name` with these files in it is one patient's, by their names."""
    return any(one.is_patient(name, files) for one in BY_NAMES)


def _by_names(folder: str, entries: dict[str, list[str]]) -> Found | None:
    for one in BY_NAMES:
        patients = {
            file_name(name): _entry(folder, name, files)
            for name, files in entries.items()
            if one.is_patient(name, files)
        }
        if patients:
            return Found(folder, one.read, patients)
    return None


def _nifti(tree: Storage, folder: str, entries: dict[str, list[str]]) -> Found | None:
    name = PurePosixPath(folder or tree.root).name
    layout = layouts.find(entries, name)
    channels = _channels(tree, _join(folder, "dataset.json"))
    if not folder and folder_names.holds_images(name) and not channels:
        above = Storage(tree.address.rstrip("/").rpartition("/")[0] or "/", "dataset.json")
        channels = _channels(above, "dataset.json")
    patients = layout.entries(folder, channels)
    return Found(folder, nifti.read, patients, layout.problems) if patients else None


def _channels(tree: Storage, path: str) -> tuple[str, ...]:
    """Meaning of the channels, by the file beside the folders of the Medical Segmentation Decathlon and nnU-Net."""
    try:
        if path not in tree.files:
            return ()
        with tree.open(path) as file:
            dataset = json.load(file)
        names = dataset.get("channel_names") or dataset["modality"]
        ordered = [str(names[key]) for key in sorted(names, key=int)] if isinstance(names, dict) else map(str, names)
    except (ValueError, KeyError, TypeError, AttributeError, UserError):  # ingest.channels says the same
        return ()
    return tuple(file_names.role(name, "") or "other" for name in ordered)


def _dicom(tree: Storage, folder: str, entries: dict[str, list[str]]) -> Found | None:
    patients, problems, reported = by_identity(
        tree, {name: _entry(folder, name, files) for name, files in entries.items()}
    )
    return Found(folder, dicom.read, patients, problems, reported) if patients or problems else None


def _entry(folder: str, name: str, files: list[str]) -> Entry:
    path = _join(folder, name)
    return Entry(path, [f"{path}/{file}" for file in files])


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
