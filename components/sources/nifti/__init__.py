"""Reader of NIfTI volumes: one 3-D file per sequence, or one 4-D file; `file_roles` identifies the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from components.io.storage import walk
from components.scans.identity import site_of
from components.scans.scan import CHANNELS
from components.sources.nifti import default_channels, file_roles
from components.sources.nifti.file_names import is_volume, pair, stem
from components.sources.nifti.mask_labels import check_mask
from components.sources.nifti.volume_file import load
from components.sources.reading import Options, Reading
from components.sources.volumes import build_scan
from components.sources.volumes.volume import Volume


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
    build_scan(reading, site_of(patient), patient, volumes, mask, options, of_stack="stack" in found)
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


def _channels(stack: Volume, path: Path, options: Options, reading: Reading) -> dict[str, Volume]:
    """Split a 4-D volume into its channels."""
    if stack.data.ndim != 4 or stack.data.shape[3] != len(options.channels):
        shape = " x ".join(map(str, stack.data.shape))
        expected = f"4-D with {len(options.channels)} channels ({', '.join(options.channels)}; ingest.channels)"
        what = f"{shape} where {expected}, or a sequence in the file's name, is expected"
        reading.add("shape", path.name, what, _channels_remedy(stack, path, options))
        return {}
    twice = [name for name in CHANNELS if list(options.channels).count(name) > 1]
    if twice:
        what = f"several of its channels ({', '.join(options.channels)}) are {', '.join(twice)}"
        reading.add("series", path.name, what, "tell them apart in dataset.json or in ingest.channels")
        return {}
    if stack.data.dtype != np.uint8:  # as ingest writes them, in this order
        default_channels.note("its channels", options, reading)
    return {
        name: replace(stack, data=stack.data[..., i]) for i, name in enumerate(options.channels) if name in CHANNELS
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
