"""Reader of the LGG MRI Segmentation layout (kaggle_3m).

`<folder>/<patient>/<patient>_<n>.tif` (height x width x 3, uint8: pre-contrast, FLAIR, post-contrast) and
`<patient>_<n>_mask.tif` (0/255) beside it, n = 1..N. The patient is the folder's name; tables that lie beside the
folders are never read for identity, because the ones in circulation name the wrong patients.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from components.errors import UserError
from components.scan import Scan


def site_of(patient: str) -> str:
    """Site code of a TCGA-style name: "DU" of "TCGA_DU_7298_19910324"; "unknown" where there is none."""
    parts = patient.split("_")
    return parts[1] if len(parts) >= 3 and parts[1].isalnum() else "unknown"


def patients(folder: Path) -> list[str]:
    """Names of the patients below `folder`, sorted: every sub-folder that holds a `<name>_<n>.tif`."""
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and any(entry.glob(f"{entry.name}_*.tif")))


def read_patient(folder: Path, patient: str) -> Scan:
    """Read one patient; raises UserError on a missing mask, an unreadable file or a shape that does not fit."""
    here = folder / patient
    numbered = re.compile(re.escape(patient) + r"_(\d+)\.tif")
    found = {int(match[1]): path for path in here.iterdir() if (match := numbered.fullmatch(path.name))}
    slices = [found[n] for n in sorted(found)]
    images, masks = [], []
    for path in slices:
        mask_path = path.with_name(f"{path.stem}_mask.tif")
        if not mask_path.exists():
            raise UserError(f"{mask_path}: missing mask; every slice needs one beside it, or take the patient out")
        images.append(_read(path, channels=3))
        masks.append(_read(mask_path, channels=1))
        if images[-1].shape[:2] != masks[-1].shape or images[-1].shape != images[0].shape:
            raise UserError(f"{path}: its size differs from its mask's or from slice {min(found)}'s; export it again")
    mask = np.stack(masks)
    if not np.isin(mask, (0, 255)).all():
        raise UserError(f"{here}: masks hold values other than 0 and 255; export them as binary pictures")
    return Scan(patient, site_of(patient), np.stack(images), mask > 0)


def _read(path: Path, channels: int) -> np.ndarray:
    """Read a picture as uint8 [height, width, 3], or [height, width] for one channel."""
    try:
        # Pillow only warns about some damage, and about pictures large enough to exhaust the memory.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path) as picture:
                pixels = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not a readable picture; copy it again from its source") from error
    if pixels.dtype != np.uint8 or pixels.shape[2:] != ((3,) if channels == 3 else ()):
        raise UserError(f"{path}: {pixels.dtype} {pixels.shape} where uint8 with {channels} channel(s) is expected")
    return pixels
