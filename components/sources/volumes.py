"""From the volumes of one examination to its scan: every sequence on one grid, as slices of 0..255."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from components.scans.geometry import Geometry, model_grid, resample, resample_mask, voxels_outside
from components.scans.scan import CHANNELS, Scan
from components.sources.reading import Options, Reading, to_uint8

# After one of these a volume is missing, and the scan would not be what was handed over.
LACKING = ("unreadable", "type", "not_finite", "shape", "gap")


@dataclass(frozen=True)
class Volume:
    """One sequence, or a mask.

    Attributes:
        data: numbers, three axes.
        geometry: where they lie.
        frame: what positions are relative to: the kind of file and its name for it; None where nothing is known.
    """

    data: np.ndarray
    geometry: Geometry
    frame: tuple[str, str] | None = None


def build_scan(
    reading: Reading, site: str, where: str, volumes: Mapping[str, Volume], mask: Volume | None, options: Options
) -> None:
    """Put the scan into `reading`, unless there is no FLAIR or a problem forbids it.

    FLAIR's slices decide the grid (`model_grid`); the other sequences and the mask are brought there by their
    positions in the patient. A missing sequence is a copy of FLAIR, as in kaggle_3m.
    """
    if "flair" not in volumes and not reading.has(*LACKING):
        reading.add("series", where, "no FLAIR sequence, which is the one that shows the tumour's extent")
    if reading.has(*LACKING, "series"):
        return
    source = volumes["flair"].geometry
    for name, volume in [*volumes.items(), *([("its mask", mask)] if mask else [])]:
        if not _same_frame(volume, volumes["flair"]):
            reading.add("position", where, f"{name} is placed in another frame of reference than FLAIR, or in none")
    grid = model_grid(source, options.size, options.spacing)
    planes = {}
    for name in CHANNELS:
        volume = volumes.get(name, volumes["flair"])
        planes[name] = _slices(to_uint8(volume.data), volume.geometry, grid)
        if volume.data.any() and not planes[name].any():
            reading.add("series", where, f"{name} and FLAIR lie in different places, they share no voxel")
    if reading.has("series"):
        return
    truth = None if mask is None else _on_grid(mask, grid, where, reading)
    if mask is not None and truth is None:
        return
    image = np.stack([planes[name] for name in CHANNELS], axis=-1)
    reading.scan = Scan(reading.patient, site, image, truth, grid.affine, source)


def _on_grid(mask: Volume, grid: Geometry, where: str, reading: Reading) -> np.ndarray | None:
    """Bring a mask to the grid: bool [slices, height, width]; None where some or all of its tumour would be lost."""
    tumor = mask.data > 0
    lost = voxels_outside(tumor, mask.geometry, grid)
    if lost:
        reading.add("shape", where, f"{lost} voxels of its mask lie outside the field of view of FLAIR")
        return None
    truth = resample_mask(tumor, mask.geometry, grid).transpose(2, 1, 0)
    if tumor.any() and not truth.any():
        reading.add("mask_lost", where, "its tumour is too thin to show on any slice of FLAIR")
        return None
    return truth


def _same_frame(one: Volume, other: Volume) -> bool:
    """Tell whether positions can be compared; of files of two kinds there is nothing to tell it by."""
    return not one.frame or not other.frame or one.frame[0] != other.frame[0] or one.frame == other.frame


def _slices(volume: np.ndarray, source: Geometry, grid: Geometry) -> np.ndarray:
    """Bring uint8 `volume` to the grid: uint8 [slices, height, width]."""
    moved = resample(volume, source, grid)
    return np.clip(np.round(moved), 0, 255).astype(np.uint8).transpose(2, 1, 0)
