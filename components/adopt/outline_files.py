"""Write a reference mask into a source, where its reader will look for it and in its own format."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from components.common.errors import UserError
from components.predict.mask_files import write_masks
from components.predict.nifti_mask import write_nifti_mask
from components.predict.segmentation import write_segmentation
from components.scans.scan import Scan
from components.sources import Source, dicom, kaggle_3m, nifti
from components.sources.dicom.folder import sort_files
from components.sources.nifti import file_roles, flat_folder, folder_names
from components.sources.nifti.file_names import is_volume, stem
from components.sources.reading import Options, Reading

OUTLINE = re.compile(rf"_\d+_mask{kaggle_3m.SUFFIX}$")
Writer = Callable[[Source, Scan, np.ndarray, Path], None]


def put_reference(source: Source, scan: Scan, mask: np.ndarray) -> None:
    """Replace, or add, a patient's reference mask in a local source.

    kaggle_3m: a tif beside each image. NIfTI: the file that is there, else one beside FLAIR. DICOM: a SEG, or NIfTI
    if the headers don't allow one.

    Args:
        source: source whose files may be replaced, but not written to.
        scan: the patient's scan in its own voxels.
        mask: bool [slices, height, width].

    Raises:
        UserError: there is no writer for this format, or the patient's folder is a link to another place.
    """
    writer = WRITERS.get(source.reader)
    if writer is None:
        raise UserError(f"{source.tree.address}: reviewed masks can't be written into this format; convert it to NIfTI")
    writer(source, scan, mask, Path(source.tree.root))


def _inside(root: Path, path: Path) -> Path:
    """Return `path`; refuses one that a link puts elsewhere, because that place would change at once."""
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{path.parent.name}: is a link to another place; adopt into that place, or copy it here")
    path.parent.mkdir(exist_ok=True)
    return path


def _pictures(source: Source, scan: Scan, mask: np.ndarray, root: Path) -> None:
    files = source.entries[scan.patient].files
    for file in files:
        if OUTLINE.search(file):
            _inside(root, root / file).unlink()
    places = {Path(file).stem: root / Path(file).parent for file in kaggle_3m.pictures_of(files)}
    with tempfile.TemporaryDirectory(dir=root, prefix=".part-") as part:
        write_masks(Path(part), source, scan, mask)
        for path in (Path(part) / scan.patient).iterdir():
            path.replace(_inside(root, places[path.stem.removesuffix("_mask")] / path.name))


def _volumes(source: Source, scan: Scan, mask: np.ndarray, root: Path) -> None:
    entry = source.entries[scan.patient]
    place = root / entry.path
    paths = sorted(root / file for file in entry.files if is_volume(file))
    options = Options(channels=entry.channels, from_source=True) if entry.channels else Options()
    found = file_roles.sort(paths, None if entry.scattered else place, options, Reading(scan.patient))
    flair = found.get("flair") or found.get("stack") or paths[0]  # nnU-Net's are told apart by number
    path = _inside(root, found.get("mask") or _beside(flair))
    path.unlink(missing_ok=True)
    write_nifti_mask(path, scan, mask)


def _beside(flair: Path) -> Path:
    """Where a reader looks for a mask of this FLAIR, or of this 4-D file."""
    folder, name = flair.parent, re.sub(r"_\d{4}$", "", stem(flair.name))
    if folder_names.holds_images(folder.name):  # imagesTr/P1_0000.nii.gz, labelsTr/P1.nii.gz
        return folder.with_name(folder.name.replace("images", "labels")) / f"{name}.nii.gz"
    person = flat_folder.person_of(flair.name)
    return folder / (f"{person}_seg.nii.gz" if person else "seg.nii.gz")


def _segmentation(source: Source, scan: Scan, mask: np.ndarray, root: Path) -> None:
    place = root / source.entries[scan.patient].path
    outlines = sort_files(place, Reading(scan.patient))[1]
    for path in outlines:
        _inside(root, path)
    folder = outlines[0].parent if outlines else place
    headers = dicom.flair_headers(place, scan.patient)
    target = next((path for path in outlines if not is_volume(path.name)), folder / f"{scan.patient}_seg.dcm")
    for path in outlines:
        path.unlink()
    try:
        write_segmentation(_inside(root, target), scan, mask, headers, reviewed=True)
    except UserError:  # the headers lack what a SEG has to repeat
        write_nifti_mask(folder / f"{scan.patient}_seg.nii.gz", scan, mask)


WRITERS: dict[Callable, Writer] = {kaggle_3m.read: _pictures, nifti.read: _volumes, dicom.read: _segmentation}
