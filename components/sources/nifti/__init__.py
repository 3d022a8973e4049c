"""Reader of NIfTI volumes: one 3-D file per sequence, or one 4-D file; `file_roles` identifies the files.

Masks are whole numbers, and every label but 0 counts as tumour.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np

from components.io.storage import walk
from components.scans.geometry import Geometry, is_usable
from components.scans.identity import site_of
from components.sources.nifti import file_roles, header_position
from components.sources.nifti.file_names import is_volume, pair, stem
from components.sources.reading import DAMAGE, MAX_VOXELS, Options, Reading
from components.sources.volumes import build_scan
from components.sources.volumes.position import is_unset, shift
from components.sources.volumes.volume import Volume

ROUNDED = 0.01
LABELS = 16  # no tumour mask has more labels


def read(
    place: Path, patient: str, options: Options, masks: bool = True, files: Sequence[Path] | None = None
) -> Reading:
    """Read one patient from a folder, from one 4-D file and the mask beside it, or from `files`.

    See `kaggle_3m.read` for the other arguments; `options` also sets the size and spacing of the slices, and the
    channels of a 4-D file. Problems are recorded, not raised: those of `file_roles.sort`, `load`, `check_mask` and
    `build_scan`; "shape" of a file that is not 3-D; "missing_mask".
    """
    reading = Reading(patient)
    found = file_roles.sort(_files(place, files), place if files is None else None, options, reading, masks)
    if reading.has("identity"):
        return reading
    volumes = {
        name: volume for name, path in found.items() if (volume := load(path, _where(path, place), reading)) is not None
    }
    if "stack" in volumes:
        volumes |= _channels(volumes.pop("stack"), found["stack"], options, reading)
    mask = volumes.pop("mask", None)
    for name, volume in volumes.items():
        if volume.data.ndim != 3:
            what = f"{volume.data.ndim} dimensions where 3 are expected"
            reading.add(
                "shape", _where(found[name], place), what, "export one volume per file, or one 4-D file per patient"
            )
    if masks and "mask" not in found:
        reading.add("missing_mask", patient, "no reference mask")
    if mask is not None:
        mask = check_mask(mask, _where(found["mask"], place), reading)
    build_scan(reading, site_of(patient), patient, volumes, mask, options)
    return reading


def _files(place: Path, files: Sequence[Path] | None) -> list[Path]:
    """A patient's NIfTI files, sorted."""
    if files is not None:
        return sorted(path for path in files if is_volume(path.name))
    if place.is_file():
        return [
            place.parent / file for file in pair([path.name for path in place.parent.iterdir()])[0][stem(place.name)]
        ]
    return [Path(path) for path in walk(place) if is_volume(path)]


def load(path: Path, where: str, reading: Reading) -> Volume | None:
    """Load a file.

    Args:
        path: file.
        where: name of the file in problems.
        reading: reading that records problems: of kind "unreadable", "type" (not one number per voxel) or "not_finite",
            after which there is no volume; or "choice" (sform, qform and pixdim contradict each other).

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
        data = np.asarray(picture.dataobj)
        affine = np.asarray(picture.affine, np.float64)
    except DAMAGE as error:
        reading.add("unreadable", where, f"not a readable NIfTI file ({type(error).__name__})")
        return None
    if not is_usable(affine):
        remedy = "its sform, qform or pixdim are broken: convert it again"
        reading.add("unreadable", where, "its header gives no usable orientation and spacing", remedy)
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


def check_mask(mask: Volume, where: str, reading: Reading) -> Volume | None:
    """Check a mask's values and shape.

    Args:
        mask: volume from the file.
        where: name of the file in problems.
        reading: reading that records problems: of kind "shape" or "mask_values".

    Returns:
        The mask, with whole numbers if a scale factor only rounded them; None if it is not 3-D.
    """
    if mask.data.ndim != 3:
        what = f"a mask of {mask.data.ndim} dimensions where 3 are expected"
        reading.add("shape", where, what, "give one 3-D mask; of several labels, all but 0 count as tumour")
        return None
    whole = np.round(mask.data)
    # Stored with a scale factor, unless that makes the tumour itself so small.
    if np.abs(mask.data - whole).max() <= ROUNDED and (whole.any() or not mask.data.any()):
        mask = replace(mask, data=whole)
    if (mask.data < 0).any() or (mask.data != whole).any():
        reading.add("mask_values", where, "a mask with negative or broken numbers")
    elif len(np.unique(mask.data)) > LABELS or (mask.data > 0).mean() > 0.5:
        what = "looks like an image, not a mask: many values, or more than half of all voxels set"
        reading.add("mask_values", where, what, "give the tumour's mask: 0 and 1, or a few labels")
    return mask


def _channels(stack: Volume, path: Path, options: Options, reading: Reading) -> dict[str, Volume]:
    """Split a 4-D volume into its channels."""
    if stack.data.ndim != 4 or stack.data.shape[3] != len(options.channels):
        shape = " x ".join(map(str, stack.data.shape))
        expected = f"4-D with {len(options.channels)} channels ({', '.join(options.channels)}; ingest.channels)"
        what = f"{shape} where {expected}, or a sequence in the file's name, is expected"
        reading.add("shape", path.name, what, _channels_remedy(stack, path, options))
        return {}
    return {
        name: replace(stack, data=stack.data[..., i])
        for i, name in enumerate(options.channels)
        if name in ("pre", "flair", "post")
    }


def _channels_remedy(stack: Volume, path: Path, options: Options) -> str:
    """What to do about a file whose number of channels differs from `ingest.channels`."""
    if stack.data.ndim == 3:
        return f"if it is FLAIR, call it {stem(path.name)}_flair.nii.gz"
    if stack.data.ndim == 4 and stack.data.shape[0] == len(options.channels):
        return "channels are its first axis: make them the last"
    if stack.data.ndim == 4:
        named = "name what its last axis holds, e.g. ingest.channels=[flair,pre,post,t2]"
        return f"lay the Medical Decathlon's dataset.json beside its folders, {named}, or save one file per sequence"
    return "make it one 3-D file per sequence"


def _where(path: Path, place: Path) -> str:
    """A file's name relative to the parent of the patient's folder, or its own."""
    return path.relative_to(place.parent).as_posix() if path.is_relative_to(place) else path.name
