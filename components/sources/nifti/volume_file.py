"""One NIfTI file: its voxels and its position, checked."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.volumeutils import apply_read_scaling

from components.scans.geometry import Geometry, is_usable
from components.sources.nifti import header_position, length_unit, unloadable, wrapped_values
from components.sources.reading import DAMAGE, MAX_VOXELS, Reading
from components.sources.volumes.position import is_unset, shift
from components.sources.volumes.volume import Volume


def load(path: Path, where: str, reading: Reading) -> Volume | None:
    """Load a file.

    Args:
        path: file.
        where: name of the file in problems.
        reading: reading that records problems: of kind "unreadable", "type" (not one number per voxel) or "not_finite",
            after which there is no volume; "choice" (sform, qform and pixdim contradict each other, or lengths are not
            in millimetres); or "intensities" (values lost their sign).

    Returns:
        The volume; None if the file is unusable.
    """
    try:
        picture = nib.load(path)
        if int(np.prod(picture.shape, dtype=np.int64)) > MAX_VOXELS or 0 in picture.shape:
            what = f"its header claims {' x '.join(map(str, picture.shape))} voxels"
            reading.add("unreadable", where, what, "its header is damaged: convert it again")
            return None
        kind = picture.get_data_dtype()
        if kind.fields is not None or kind.kind == "c":
            remedy = "export it as numbers, one per voxel"
            reading.add("type", where, f"holds {_words(kind)} where one number per voxel is expected", remedy)
            return None
        _check_gzip(path)
        data = _values(picture, where, reading)
        affine = length_unit.to_millimetres(picture, where, reading)
    except DAMAGE as error:
        what, remedy = unloadable.wrong_suffix(path) or (f"not a readable NIfTI file ({type(error).__name__})", "")
        reading.add("unreadable", where, what, remedy)
        return None
    if data is None:
        return None
    if not is_usable(affine):
        reading.add("unreadable", where, *unloadable.unusable_affine(affine))
        return None
    if not np.isfinite(data).all():
        reading.add("not_finite", where, f"{int((~np.isfinite(data)).sum())} voxels are NaN or infinite")
        return None
    data = _squeezed(data)
    geometry = Geometry(data.shape[:3], affine)
    # If both codes are 0, the header holds no position, and the affine is a guess.
    lacks_position = not header_position.codes(picture) or is_unset(affine)
    qform = header_position.qform_geometry(picture, geometry)
    if qform is not None:
        what = f"sform and qform of its header place it {shift(qform, geometry):.1f} voxels apart; sform is taken"
        reading.add("choice", where, what, "make the two equal if programs disagree about where it lies")
    if contradiction := header_position.sizes_differ(picture, geometry):
        reading.add("choice", where, contradiction, "volumes in ml depend on it: convert it again from its source")
    return Volume(data, geometry, header_position.space(picture), lacks_position, qform, header_position.block(picture))


def _values(picture: Any, where: str, reading: Reading) -> np.ndarray | None:
    """Read the voxels; None if nobody can know what their values mean."""
    raw = wrapped_values.unwrap(picture.dataobj.get_unscaled(), where, reading)
    scale = picture.dataobj.slope, picture.dataobj.inter
    return None if raw is None else np.asarray(apply_read_scaling(raw, *map(np.asanyarray, scale)))


def _words(kind: np.dtype) -> str:
    return "colours" if kind.fields is not None else str(kind)


def _squeezed(data: np.ndarray) -> np.ndarray:
    """Remove axes of length 1 behind the third: ITK writes channels as (x, y, z, 1, channel)."""
    further = tuple(axis for axis in range(3, data.ndim) if data.shape[axis] == 1)
    return np.squeeze(data, further)


def _check_gzip(path: Path) -> None:
    """Read a gzipped file to its end, where its checksum is: nibabel stops before it."""
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass
