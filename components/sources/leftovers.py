"""Files of a source that belong to no patient: reported, so that no scan is missed silently."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from components.common.errors import TransientError, UserError
from components.common.problems import Problem
from components.io.storage import Storage
from components.sources import packed, unread_formats
from components.sources.dicom.datasets import HEAD, is_dicom, is_named_as_dicom
from components.sources.entry import Entry
from components.sources.nifti import file_names, layouts

# Formats of head images, readable here or not.
SCANS = (".nii", ".nii.gz", ".dcm", ".dicom", ".ima", ".tif", ".tiff", *unread_formats.SUFFIXES)
# BIDS' folders beside the subjects: derivatives, and the original data.
IGNORED_FOLDERS = ("derivatives", "sourcedata", "code", "stimuli")
SHOWN = 5


def find(
    tree: Storage, folder: str, entries: Iterable[Entry], *, reported: Iterable[str], named: bool
) -> list[Problem]:
    """Report folders, and files beside them, that belong to no patient.

    Args:
        tree, folder: source, and the folder in it where the patients lie side by side.
        entries: locations of the patients.
        reported: files that were already reported.
        named: whether names may be shown; not if they may be a person's.
    """
    entries = list(entries)
    taken = {file for entry in entries for file in entry.files}.union(reported)
    # A patient's own folder, and everything below it, is left to the reader.
    homes = {entry.path for entry in entries if not entry.scattered} | {_parent(file) for file in taken}
    above = {folder or ".", *_parents(folder)}
    left = [path for path in tree.files if path not in taken and not _is_ignored(path, folder)]
    loose = [path for path in left if _parent(path) in above]
    homes -= above
    below = [path for path in left if _parent(path) not in above and homes.isdisjoint(_parents(path))]
    inside = set(tree.files).difference(loose, below)
    return [
        *_folders(tree, below, named),
        *_files(tree, loose, named),
        *_unread(inside, folder),
        *_empty(tree, folder, named),
    ]


def _empty(tree: Storage, folder: str, named: bool) -> list[Problem]:
    """Report folders without files beside the patients, as an interrupted copy leaves them."""
    place = Path(tree.root, folder)
    if tree.remote or tree.only or not place.is_dir():
        return []
    filled = tree.below(folder)
    folders = [path for path in place.iterdir() if path.is_dir() and not path.is_symlink()]  # links may lead in circles
    empty = sorted(path.name for path in folders if path.name not in filled and not _holds_files(path))
    what = f"{len(empty)} folder(s) beside the patients are empty{_listed(empty, named)}"
    return [Problem("skipped", "", "the source", what, "copy them again, or remove them")] if empty else []


def _holds_files(folder: Path) -> bool:
    """Return whether there is any file, if only what an operating system leaves."""
    return any(not path.is_dir() for path in folder.rglob("*"))


def _unread(paths: Iterable[str], folder: str) -> list[Problem]:
    """Report files in patients' folders whose format is not read: one may be a sequence that is then missing."""
    found = unread_formats.what_and_remedy(path for path in paths if not _is_ignored(path, folder))
    return [Problem("unknown", "", "the source", f"in patients' folders, {found[0]}", found[1])] if found else []


def _folders(tree: Storage, paths: list[str], named: bool) -> list[Problem]:
    first = {_parent(path): path for path in sorted(paths, reverse=True)}
    missed = sorted(first)
    if not missed:
        return []
    lost = any(_is_named_as_scan(tree, path) for path in paths) or any(_is_dicom(tree, path) for path in first.values())
    what = f"{len(missed)} folder(s) hold no patient that can be recognised{_listed(missed, named)}"
    return [_skipped(what, paths, lost=lost)]


def _files(tree: Storage, paths: list[str], named: bool) -> list[Problem]:
    lost = [path for path in paths if _is_scan(tree, path)]
    if not lost:
        return []
    what = f"{len(lost)} file(s) beside the patients belong to none of them{_listed(lost, named)}"
    return [_skipped(what, lost, "put each into its patient's folder", lost=True)]


def _skipped(what: str, paths: Iterable[str], remedy: str = "", *, lost: bool) -> Problem:
    """Make a problem of files that belong to nobody; their format counts for more than where they lie."""
    paths = list(paths)
    unread = unread_formats.what_and_remedy(paths)
    if unread:
        what, remedy = f"{what}; {unread[0]}", unread[1]
    elif any(packed.is_packed(path) for path in paths):
        remedy = packed.UNPACK
    return Problem("skipped", "", "the source", what, remedy, lost=lost)


def _is_scan(tree: Storage, path: str) -> bool:
    """Return whether a file may be an image of a head; masks without images are reported elsewhere."""
    name = PurePosixPath(path).name
    if file_names.is_volume(name):
        return file_names.role(name, "") != "mask"
    return _is_named_as_scan(tree, path) or _is_dicom(tree, path)


def _is_named_as_scan(tree: Storage, path: str) -> bool:
    name = PurePosixPath(path).name
    return name.lower().endswith(SCANS) or is_named_as_dicom(name) or packed.may_hide_scans(tree, path, SCANS)


def _is_dicom(tree: Storage, path: str) -> bool:
    """Return whether a file is DICOM, by its content: many exports use no suffix, or UIDs ("1.2.840.113619.2.5")."""
    try:
        with tree.open(path) as file:
            return PurePosixPath(path).name.upper() != "DICOMDIR" and is_dicom(file.read(HEAD))
    except TransientError:
        raise
    except UserError:  # a broken link
        return False


def _is_ignored(path: str, folder: str) -> bool:
    start = f"{folder}/" if folder else ""
    return path.startswith(start) and path.removeprefix(start).split("/")[0] in IGNORED_FOLDERS


def _listed(names: list[str], named: bool) -> str:
    return f": {', '.join(names[:SHOWN])}" + (", ..." if len(names) > SHOWN else "") if named else ""


def _parent(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _parents(path: str) -> set[str]:
    return {str(place) for place in PurePosixPath(path).parents}


def hint(tree: Storage) -> str:
    """What to do about a source in which nothing was recognised."""
    if sets := layouts.set_folders(tree.files):
        return f"it holds separate data sets, {', '.join(sets)}; give one of them"
    if any(map(file_names.is_volume, tree.files)):
        return "no NIfTI file's name says that it is a FLAIR: call it NAME_flair.nii.gz, in one folder per patient"
    if unread := unread_formats.what_and_remedy(tree.files):
        return f"{unread[0]}; {unread[1]}, one folder per patient"
    if archives := [path for path in tree.files if packed.is_packed(path)]:
        return f"unpack the {len(archives)} archive(s) in it first, one folder per patient"
    return "expected folders of patients, side by side, of tif, NIfTI or DICOM files"
