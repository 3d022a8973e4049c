"""The masks of a prediction, read back in whichever format they were written."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from components.common.errors import UserError
from components.predict.results import read_record
from components.scans.geometry import Geometry, resample_mask
from components.scans.own_voxels import own_geometry, scan_hash, to_own
from components.scans.scan import Scan
from components.scans.scan_files import mask_path
from components.sources import Source, kaggle_3m
from components.sources.dicom.datasets import silent
from components.sources.dicom.seg_mask import read_segmentation
from components.sources.reading import DAMAGE, Options, Reading


def check_scan(found: Path, source: Source, patient: str) -> None:
    """Refuse a scan that has taken the name of the one that was predicted.

    Args:
        found: folder of the prediction.
        source: opened scans.
        patient: name of the examination.

    Raises:
        UserError: the scan is another one; records of earlier versions don't tell.
    """
    record = read_record(found, patient)
    if "scan" not in record or record["files"] == source.hash(patient):
        return
    reading = source.read(patient, Options(**record["read_with"]), masks=False)  # the files of a mask may have changed
    if reading.scan is None or scan_hash(reading.scan) != record["scan"]:
        raise UserError(f"{patient}: is not the scan that was predicted; predict it again, with --resume")


def read_outline(folder: Path, source: Source, scan: Scan) -> np.ndarray:
    """Read the mask that `components.predict.mask_files.write_masks` wrote into `folder` for a scan.

    Returns:
        bool, in the source's own axes.

    Raises:
        UserError: there is none, it can't be read, or it is of another scan.
    """
    volume, segmentation = mask_path(folder, scan.patient), folder / f"{scan.patient}_seg.dcm"
    try:
        if volume.is_file():
            mask = _of_volume(volume, scan)
        elif segmentation.is_file():
            mask = _of_segmentation(segmentation, scan)
        else:
            mask = _of_pictures(folder, source, scan)
    except DAMAGE as error:
        raise UserError(
            f"{scan.patient}: its predicted mask can't be read ({type(error).__name__}); predict again"
        ) from error
    if mask.shape != own_geometry(scan).shape:
        raise UserError(f"{scan.patient}: its predicted mask is of another scan; give the scans that were predicted")
    return mask


def read_held_out(path: Path, scan: Scan) -> np.ndarray:
    """Read the mask that a cross-validation has written for a scan, on the slices that its models saw.

    Returns:
        bool, in the source's own axes.

    Raises:
        UserError: it can't be read any more.
    """
    try:
        picture = nib.load(path)
        found = Geometry(picture.shape, picture.affine)
        return resample_mask(np.asarray(picture.dataobj) > 0, found, own_geometry(scan))
    except DAMAGE as error:
        raise UserError(
            f"{scan.patient}: its held-out prediction can't be read ({type(error).__name__}); cross-validate again"
        ) from error


def _of_volume(path: Path, scan: Scan) -> np.ndarray:
    picture = nib.load(path)
    found, own = Geometry(picture.shape[:3], picture.affine), own_geometry(scan)
    if not found.same_as(own):
        raise UserError(f"{scan.patient}: its predicted mask lies elsewhere; give the scans that were predicted")
    return np.asarray(picture.dataobj).reshape(found.shape) > 0


@silent()
def _of_segmentation(path: Path, scan: Scan) -> np.ndarray:
    found = read_segmentation(path)
    return resample_mask(found.data > 0, found.geometry, own_geometry(scan))


def _of_pictures(folder: Path, source: Source, scan: Scan) -> np.ndarray:
    """Masks of images: one for each of a patient's, in a folder of its own, or the single one."""
    files = source.entries[scan.patient].files
    paths = [folder / scan.patient / f"{Path(file).stem}_mask.tif" for file in kaggle_3m.pictures_of(files)]
    if not paths:
        paths = sorted(folder.glob(f"{scan.patient}_mask.*"))
    masks = [kaggle_3m.read_picture(path, Reading(scan.patient), channels=1) for path in paths if path.is_file()]
    sound = [mask for mask in masks if mask is not None and mask.shape == scan.image.shape[1:3]]
    if len(sound) != len(scan.image):
        raise UserError(
            f"{scan.patient}: {len(scan.image) - len(sound)} of its predicted masks are missing; predict again"
        )
    return to_own(scan, np.stack(sound).astype(np.uint8)) > 0
