"""The slices of a training set: new scans can be compared with them only if they are resampled in the same way."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError

from components.common.errors import UserError
from components.layered.record import read_record
from components.predict.work import options_of
from components.scans.scan_files import COMMENT, image_path
from components.sources.reading import Options


def options_like(scans: Path, patients: Iterable[str], model: Path | None, project: Options) -> Options:
    """Return how to read new scans: like the training set's volumes, or, if it has only 2-D images, like the model's.

    Args:
        scans: folder of the training set's scans, as ingest wrote them.
        patients: names of the training patients.
        model: layered model that is to predict; None if none is.
        project: what params.yaml says, for whatever neither scans nor model tell: it may have changed since.

    Raises:
        UserError: model and scans contradict each other, or no scan is there.
    """
    chosen = options_of(read_record(model)) if model else None
    paths = [path for name in patients if (path := image_path(scans, name)).exists()]
    if not paths:
        raise UserError(
            f"{scans}: holds none of the training patients, so nothing tells how volumes were resampled to slices; run "
            "`dvc checkout` there"
        )
    grid = next((grid for path in paths if (grid := _grid(path))), None)
    if grid is None:
        return chosen or project
    size, spacing = grid
    if chosen and not (chosen.size == size and math.isclose(chosen.spacing, spacing, abs_tol=1e-5)):
        raise UserError(
            f"{model}: was made for slices of {chosen.size} pixels of {chosen.spacing:g} mm, and those in {scans} have "
            f"{size} of {spacing:g} mm; give the data that it was trained on, or leave --model out"
        )
    return chosen or replace(project, size=size, spacing=spacing)


def _grid(path: Path) -> tuple[int, float] | None:
    """Size and spacing of the slices of a volume; None for 2-D images, which keep their own."""
    try:
        picture = nib.load(path)
    except (OSError, EOFError, ValueError, ImageFileError) as error:
        raise UserError(f"{path}: not readable as a scan; run `dvc repro ingest` again") from error
    if not any(extension.get_code() == COMMENT for extension in picture.header.extensions):
        return None
    return int(picture.shape[0]), round(float(voxel_sizes(picture.affine)[0]), 5)  # the file holds float32
