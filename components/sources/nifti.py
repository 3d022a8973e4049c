"""Reader of NIfTI volumes: one 3-D file a sequence, or one 4-D file; `nifti_names` tells which file is what.

Masks are whole numbers, and every label but 0 counts as tumour.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from components.scans.geometry import Geometry, is_usable
from components.scans.identity import site_of
from components.sources.nifti_names import is_volume, pair, role, stem
from components.sources.reading import DAMAGE, MAX_VOXELS, Options, Reading
from components.sources.volumes import Volume, build_scan
from components.tree import walk

LABELS = 16  # no outline of a tumour has more


def read(place: Path, patient: str, options: Options, masks: bool = True) -> Reading:
    """Read one patient from a folder, or from one 4-D file and the mask beside it; see `kaggle_3m.read`."""
    reading = Reading(patient)
    found = _files(place, reading)
    if not masks:
        found.pop("mask", None)
    volumes = {
        name: volume for name, path in found.items() if (volume := load(path, _where(path, place), reading)) is not None
    }
    if "stack" in volumes:
        volumes |= _channels(volumes.pop("stack"), found["stack"], options, reading)
    mask = volumes.pop("mask", None)
    for name, volume in volumes.items():
        if volume.data.ndim != 3:
            reading.add("shape", _where(found[name], place), f"{volume.data.ndim} dimensions where 3 are expected")
    if masks and "mask" not in found:
        reading.add("missing_mask", place.name, "no reference mask")
    if mask is not None:
        mask = check_mask(mask, _where(found["mask"], place), reading)
    build_scan(reading, site_of(patient), place.name, volumes, mask, options)
    return reading


def _files(place: Path, reading: Reading) -> dict[str, Path]:
    """Files by role; "stack" is a file without any word in its name, taken for a 4-D one."""
    name = stem(place.name)
    if place.is_file():
        paths = [place.parent / file for file in pair([path.name for path in place.parent.iterdir()])[0][name]]
    else:
        paths = [Path(path) for path in walk(place) if is_volume(path)]
    found: dict[str, Path] = {}
    for path in sorted(paths):
        what = role(path.name, name) or "stack"
        if what == "other":
            continue
        if what in found:
            reading.add("series", _where(path, place), f"a second file for {what}, beside {found[what].name}")
        found.setdefault(what, path)
    return found


def load(path: Path, where: str, reading: Reading) -> Volume | None:
    """Load a file; records what is wrong under the name `where`, and returns None where nothing can be done with it."""
    try:
        picture = nib.load(path)
        if int(np.prod(picture.shape, dtype=np.int64)) > MAX_VOXELS or 0 in picture.shape:
            reading.add("unreadable", where, f"its header claims {' x '.join(map(str, picture.shape))} voxels")
            return None
        kind = picture.get_data_dtype()
        if kind.fields is not None or kind.kind == "c":
            reading.add("type", where, f"holds {kind} where one number a voxel is expected")
            return None
        _check_gzip(path)
        data = np.asarray(picture.dataobj)
        affine = np.asarray(picture.affine, np.float64)
    except DAMAGE as error:
        reading.add("unreadable", where, f"not a readable NIfTI file ({type(error).__name__})")
        return None
    if not is_usable(affine):
        reading.add("unreadable", where, "its header gives no usable orientation and spacing")
        return None
    if not np.isfinite(data).all():
        reading.add("not_finite", where, f"{int((~np.isfinite(data)).sum())} voxels are NaN or infinite")
        return None
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    # With both codes 0 there is no position in the header, and the affine is a guess.
    placed = any(int(picture.header[code]) for code in ("sform_code", "qform_code") if code in picture.header)
    return Volume(data, Geometry(data.shape[:3], affine), ("nifti", "placed" if placed else "unplaced"))


def _check_gzip(path: Path) -> None:
    """Read a gzipped file to its end, where its checksum stands: nibabel stops before it."""
    if path.name.endswith(".gz"):
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass


def check_mask(mask: Volume, where: str, reading: Reading) -> Volume | None:
    """Check a mask's values and shape."""
    if mask.data.ndim != 3:
        reading.add("shape", where, f"a mask of {mask.data.ndim} dimensions where 3 are expected")
        return None
    if (mask.data < 0).any() or (mask.data != np.round(mask.data)).any():
        reading.add("mask_values", where, "a mask with negative or broken numbers")
    elif len(np.unique(mask.data)) > LABELS or (mask.data > 0).mean() > 0.5:
        reading.add("mask_values", where, "looks like a picture: many values, or more than half of all voxels set")
    return mask


def _channels(stack: Volume, path: Path, options: Options, reading: Reading) -> dict[str, Volume]:
    """Take a 4-D volume apart."""
    if stack.data.ndim != 4 or stack.data.shape[3] != len(options.channels):
        shape = " x ".join(map(str, stack.data.shape))
        expected = f"4-D with {len(options.channels)} channels ({', '.join(options.channels)}; ingest.channels)"
        reading.add("shape", path.name, f"{shape} where {expected}, or a sequence in the file's name, is expected")
        return {}
    return {
        name: Volume(stack.data[..., i], stack.geometry, stack.frame)
        for i, name in enumerate(options.channels)
        if name in ("pre", "flair", "post")
    }


def _where(path: Path, place: Path) -> str:
    return path.relative_to(place.parent).as_posix()
