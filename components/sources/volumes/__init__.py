"""From the volumes of one examination to its scan: every sequence on one grid, as slices of 0..255."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from components.scans.geometry import Geometry, model_grid, own_grid, resample, resample_mask, voxels_outside
from components.scans.scan import CHANNELS, Scan
from components.sources.reading import Options, Reading
from components.sources.volumes import axis_order, copies, coverage, field_of_view, intensities, placing, position
from components.sources.volumes.tumour_masks import can_be_a_tumour
from components.sources.volumes.volume import Volume

# After one of these a volume is missing, and the scan would differ from the one provided.
LACKING = ("unreadable", "type", "not_finite", "shape", "gap")


def build_scan(
    reading: Reading,
    site: str,
    where: str,
    volumes: Mapping[str, Volume],
    mask: Volume | None,
    options: Options,
    *,
    of_stack: bool = False,
) -> None:
    """Put the scan into `reading`, unless there is no FLAIR or a problem forbids it.

    FLAIR's slices determine the grid (`model_grid`); the other sequences and the mask are resampled to it by their
    positions in the patient. A missing or blank sequence is replaced with a copy of FLAIR, as in kaggle_3m; so are the
    slices that a sequence does not cover.

    Args:
        reading: reading that gets the scan, uint8 [slices, height, width, 3], and records problems.
        site: site of the patient.
        where: name of the patient in problems.
        volumes: sequences by name, "pre", "flair" and "post", three axes each.
        mask: reference mask, where every value above 0 is tumour; None if there is none.
        options: size and spacing of the slices.
        of_stack: whether the volumes are channels of one file.
    """
    if "flair" not in volumes and not reading.has(*LACKING, "series"):
        what = "no FLAIR sequence, which is the one that shows the tumour's extent"
        reading.add("series", where, what, "add it, or name its file so that it is recognised (flair, t2f, dark-fluid)")
    if reading.has(*LACKING, "series"):
        return
    volumes = {name: volume for name, volume in volumes.items() if _has_contents(name, volume, where, reading)}
    if "flair" not in volumes:
        return
    copies.check(volumes, where, reading, of_stack=of_stack)
    if reading.has("series"):
        return
    flair = volumes["flair"]
    placed = {name: placing.place(name, volume, flair, where, reading) for name, volume in volumes.items()}
    for name in ("pre", "post"):
        _check_order(name, placed.get(name), flair, where, reading)
    outline = None if mask is None else placing.place_mask(mask, volumes, placed, where, reading)
    if None in placed.values() or (mask is not None and outline is None):
        return
    if all(one.lacks_position for one in (*volumes.values(), mask or flair)):
        what = "no header of its files holds a position; they are taken voxel by voxel, and left may be right"
        reading.add("choice", where, what, position.EXPORT)
    field_of_view.check(flair.geometry, where, reading)
    size = options.size
    grid = model_grid(flair.geometry, size, options.spacing) if size else own_grid(flair.geometry)
    planes = _planes(placed, grid, where, reading)
    if planes is None:
        return
    truth = None if outline is None else _on_grid(outline, grid, where, reading)
    if outline is not None and (truth is None or not can_be_a_tumour(truth, planes["flair"], where, reading)):
        return
    image = np.stack([planes[name] for name in CHANNELS], axis=-1)
    reading.scan = Scan(reading.patient, site, image, truth, grid.affine, flair.geometry, flair.header)


def _planes(
    placed: Mapping[str, Volume | None], grid: Geometry, where: str, reading: Reading
) -> dict[str, np.ndarray] | None:
    """Every channel on the grid, FLAIR standing in for what is missing; None if one shares no voxel with FLAIR."""
    flair = placed["flair"]
    assert flair is not None
    planes = {}
    for name in CHANNELS:
        volume = placed.get(name) or flair
        planes[name] = _slices(intensities.to_uint8(volume.data), volume.geometry, grid)
        if not planes[name].any():
            reading.add("position", where, f"{name} and FLAIR share no voxel", position.EXPORT)
            return None
    for name in CHANNELS:
        if own := placed.get(name):
            covered = coverage.covered_slices(own.geometry, flair.geometry, grid)
            coverage.fill(name, planes[name], planes["flair"], covered, where, reading)
    return planes


def _check_order(name: str, volume: Volume | None, flair: Volume, where: str, reading: Reading) -> None:
    """Record an image that seems to be mirrored or turned; the scan is made as the headers say."""
    if volume is not None and volume.data.shape == volume.geometry.shape:
        order = axis_order.better_order(volume.data, volume.geometry, flair.data, flair.geometry)
        if order is not None:
            what = f"{name} fits FLAIR far better {order} than as it is stored"
            reading.add("position", where, what, "look at both: was it flipped or turned without its header?")


def _has_contents(name: str, volume: Volume, where: str, reading: Reading) -> bool:
    """Record what is unusual about a sequence's intensities; returns whether it has any contents."""
    if intensities.is_flat(volume.data):
        instead = "" if name == "flair" else "; FLAIR stands in for it"
        what = f"{name} has the value {volume.data.flat[0]} everywhere{instead}"
        reading.add("blank", where, what, "convert it again from its source")
        return False
    if odd := intensities.oddity(volume.data):
        reading.add("intensities", where, f"{name} {odd}")
    return True


def _on_grid(mask: Volume, grid: Geometry, where: str, reading: Reading) -> np.ndarray | None:
    """Resample a mask to the grid: bool [slices, height, width]; None if some or all of its tumour would be lost."""
    tumor = mask.data > 0
    lost = voxels_outside(tumor, mask.geometry, grid)
    if lost:
        what = f"{lost} of {int(tumor.sum())} voxels of its mask lie outside the field of view of FLAIR"
        reading.add("shape", where, what, "outline it on FLAIR, or enlarge ingest.size x ingest.spacing")
        return None
    truth = resample_mask(tumor, mask.geometry, grid).transpose(2, 1, 0)
    if tumor.any() and not truth.any():
        reading.add("mask_lost", where, "its tumour is too thin to show on any slice of FLAIR")
        return None
    return truth


def _slices(volume: np.ndarray, source: Geometry, grid: Geometry) -> np.ndarray:
    """Resample uint8 `volume` to the grid: uint8 [slices, height, width]."""
    moved = resample(volume, source, grid)
    return np.clip(np.round(moved), 0, 255).astype(np.uint8).transpose(2, 1, 0)
