"""Whether a folder of NIfTI files is one person's, and which folder is that person's own."""

from __future__ import annotations

from collections.abc import Mapping

from components.sources.nifti import flat_folder, folder_names
from components.sources.nifti.file_names import flair_folders, is_volume, role


def is_one_person(name: str, entries: Mapping[str, list[str]]) -> bool:
    """Return whether a folder is one person's, rather than of several, by its name, entries and files below each."""
    if folder_names.SUBJECT.fullmatch(name) or folder_names.SESSION.fullmatch(name):
        return any(is_volume(file) for entry, files in entries.items() for file in (files or [entry]))
    direct = [
        entry for entry, files in entries.items() if not files and role(entry, "") == "flair" and is_volume(entry)
    ]
    if direct:
        return len({flat_folder.person_of(file) for file in direct}) == 1
    inner = [entry for entry, files in entries.items() if any(map(is_volume, files))]
    kinds = [entry for entry in inner if folder_names.is_kind(entry) or folder_names.holds_masks(entry)]
    if inner and len(kinds) == len(inner):
        names = {file.rpartition("/")[2] for entry in inner for file in entries[entry]}
        flairs = {flat_folder.person_of(file) for file in names if is_volume(file) and role(file, "") == "flair"}
        return len(flairs) == 1  # several belong to several persons: images/P1_flair.nii.gz, images/P2_flair.nii.gz
    nobodys = folder_names.is_group(name) or folder_names.is_kind(name)
    visits = [entry for entry in inner if folder_names.is_visit(entry) and len(flair_folders(entries[entry])) < 2]
    return bool(inner) and not nobodys and len(visits) == len(inner)


def home_of(parent: str, name: str) -> tuple[str, str]:
    """Return where to open a person's folder: the folder around it, and the path there.

    For `sub-01/ses-2/anat` or `P1/nifti` the person's folder is further up, because the last name is not a person's.
    """
    inside = name
    while _is_below(inside.split("/")[0]) and parent.count("/") > 1 + ("://" in parent):
        parent, _, above = parent.rpartition("/")
        inside = f"{above}/{inside}"
    return parent, inside


def _is_below(name: str) -> bool:
    return bool(folder_names.SESSION.fullmatch(name)) or folder_names.is_kind(name)
