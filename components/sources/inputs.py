"""Inputs of a prediction: a whole set, one patient, one volume, one image."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.common.errors import UserError
from components.common.files import must_exist
from components.io.storage import Storage
from components.scans.identity import file_name
from components.sources import Source, archive, dicom, formats, loose_pictures, nifti, open_source
from components.sources.dicom.folder_owners import study_of
from components.sources.dicom.identity_tags import patient_id
from components.sources.dicom.patients import GIVE_IDENTITY, NO_IDENTITY
from components.sources.entry import Entry
from components.sources.nifti import file_names, file_roles, flat_folder
from components.sources.nifti.person_folder import home_of, is_one_person
from components.sources.reading import Reading

LACKING = "FLAIR is needed: give the patient's folder, with all files in it"


@contextmanager
def open_input(address: str) -> Iterator[Source]:
    """Open a set as `open_source` does, or one patient: its folder, a 4-D or FLAIR NIfTI, a DICOM file, an image.

    Raises:
        UserError: see `open_source`.
    """
    must_exist(address)
    parent, name = _apart(address)
    if loose_pictures.is_picture(name):
        yield _alone(parent, name, file_name(Path(name).stem), loose_pictures.read)
    elif file_names.is_volume(name) and (person := _person(parent, name)):
        yield _alone(parent, name, file_name(person), nifti.read)
    elif file_names.is_volume(name):
        with open_source(parent, only=name) as source:
            yield source
    elif not archive.is_archive(address) and (single := _dicom_file(address, parent, name)):
        yield single
    elif not archive.is_archive(address) and _is_one_patient(address, name):
        above, inside = home_of(parent, name)
        with open_source(above, only=inside) as source:
            yield source
    else:
        with open_source(address) as source:
            yield source


def _apart(address: str) -> tuple[str, str]:
    """Split an address into the surrounding folder and its name there."""
    whole = address.rstrip("/") if "://" in address else os.path.abspath(address)  # noqa: PTH100  keeps links
    parent, _, name = whole.rpartition("/")
    return parent or "/", name


def _alone(parent: str, name: str, patient: str, reader: Callable[..., Reading]) -> Source:
    """A single file as a source of one patient."""
    entry = Entry(name, [name], scattered=reader is nifti.read)
    return Source([patient], False, [], Storage(parent, name), {patient: entry}, reader)


def _person(parent: str, name: str) -> str | None:
    """Return the patient of a 3-D file by its name, or by its folder's if it is called "flair.nii.gz"; None for 4-D.

    Raises:
        UserError: by its name, the file is another sequence, or a mask.
    """
    what = file_names.role(name, "")
    if what != "flair":
        if file_names.pair([name])[0]:
            return None
        raise UserError(f"{parent}/{name}: {file_roles.ROLE_NAMES.get(what or '', 'no FLAIR')} by its name; {LACKING}")
    return flat_folder.person_of(name) or home_of(*_apart(parent))[1].split("/")[0]


def _dicom_file(address: str, parent: str, name: str) -> Source | None:
    """Open a DICOM file as a patient; None if it is something else."""
    tree = Storage(parent, name)
    if ("://" not in address and not Path(address).is_file()) or tree.files != [name]:
        return None
    with tree.open(name) as file:
        identity = patient_id(file, "")
    if identity is None:
        return None
    if not identity:
        raise UserError(f"{address}: {NO_IDENTITY}; {GIVE_IDENTITY}")
    return _alone(parent, name, file_name(identity), dicom.read)


def _is_one_patient(address: str, name: str) -> bool:
    """Return whether a folder is one patient's rather than a folder of patients."""
    if "://" not in address and not Path(address).is_dir():
        return False
    tree = Storage(address)
    entries = tree.below("")
    files = [entry for entry, inside in entries.items() if not inside]
    if formats.is_patient(name, files) or is_one_person(name, entries):
        return True
    if any(study_of(tree, file) for file in files):
        return True
    # One folder per series: several folders, with the same examination in each.
    studies = [
        next(filter(None, (study_of(tree, f"{entry}/{file}") for file in inside)), None)
        for entry, inside in entries.items()
    ]
    return len(studies) > 1 and None not in studies and len(set(studies)) == 1
