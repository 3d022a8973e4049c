"""What people point at when they want a prediction: a whole set, one patient, one volume, one picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.errors import UserError
from components.scans.identity import file_name
from components.sources import Source, archive, dicom, kaggle_3m, nifti_names, open_source, pictures
from components.sources.formats import Entry
from components.tree import Tree


@contextmanager
def open_input(address: str) -> Iterator[Source]:
    """Open a set as `open_source` does, or a single patient: its folder, its 4-D NIfTI or DICOM file, or one picture.

    Raises:
        UserError: see `open_source`.
    """
    _must_exist(address)
    parent, name = _apart(address)
    if pictures.is_picture(name):
        yield _picture(parent, name)
    elif nifti_names.is_volume(name) or (not archive.is_archive(address) and _is_one_patient(address, name)):
        with open_source(parent, only=name) as source:
            yield source
    elif not archive.is_archive(address) and (single := _dicom_file(address, parent, name)):
        yield single
    else:
        with open_source(address) as source:
            yield source


def _apart(address: str) -> tuple[str, str]:
    """An address as the folder around it and its name there."""
    whole = address.rstrip("/") if "://" in address else os.path.abspath(address)  # noqa: PTH100  keeps links
    parent, _, name = whole.rpartition("/")
    return parent or "/", name


def _must_exist(address: str) -> None:
    if "://" not in address and not Path(address).exists():
        raise UserError(
            f"{address}: no such file or folder; give scans, a folder of them, an archive or a gs:// address"
        )


def _picture(parent: str, name: str) -> Source:
    patient = file_name(Path(name).stem)
    return Source([patient], False, [], Tree(parent, name), {patient: Entry(name, [name])}, pictures.read)


def _dicom_file(address: str, parent: str, name: str) -> Source | None:
    """One DICOM file as a patient; None where it is something else."""
    tree = Tree(parent, name)
    if ("://" not in address and not Path(address).is_file()) or tree.files != [name]:
        return None
    with tree.open(name) as file:
        identity = dicom.patient_id(file, "")
    if identity is None:
        return None
    if not identity:
        raise UserError(f"{address}: {dicom.NO_IDENTITY}; {dicom.GIVE_IDENTITY}")
    patient = file_name(identity)
    return Source([patient], False, [], tree, {patient: Entry(name, [name])}, dicom.read)


def _is_one_patient(address: str, name: str) -> bool:
    """Tell a patient's own folder from a folder of patients."""
    if "://" not in address and not Path(address).is_dir():
        return False
    tree = Tree(address)
    entries = tree.below("")
    files = [entry for entry, inside in entries.items() if not inside]
    if kaggle_3m.is_patient(name, files) or any(nifti_names.role(file, name) == "flair" for file in files):
        return True
    if any(_study(tree, file) for file in files):
        return True
    # A folder a series: several folders, and the same examination in each.
    studies = [
        next(filter(None, (_study(tree, f"{entry}/{file}") for file in inside)), None)
        for entry, inside in entries.items()
    ]
    return len(studies) > 1 and None not in studies and len(set(studies)) == 1


def _study(tree: Tree, path: str) -> str | None:
    """StudyInstanceUID of a DICOM file, None where it is none."""
    if nifti_names.is_volume(path) or pictures.is_picture(path):
        return None
    try:
        with tree.open(path) as file:
            return dicom.study(file)
    except UserError:  # a link to nowhere; its name may be a person's
        return None
