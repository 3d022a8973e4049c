"""All slices of a source on the networks' grid, decoded once: what every training of `train.py` reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from components.common.bars import bar
from components.common.files import atomic_folder
from components.scans.slice_features import describe
from components.sources import open_source
from components.split.assign import assign_splits
from components.split.rule import SplitRule
from components.train.training_slices import Slices
from models.networks import preprocessing

FOLDS = 5


@dataclass(frozen=True)
class Pack:
    """Slices in the order of patient and number.

    Attributes:
        images: uint8 [slices, size, size, 3].
        masks: tumour's share of each pixel in 255ths, uint8 [slices, size, size, 1].
        patients: one row a patient: patient, site, fold, first (its first slice), slices.
    """

    images: np.ndarray
    masks: np.ndarray
    patients: pd.DataFrame

    def rows(self, chosen: pd.DataFrame) -> np.ndarray:
        """Numbers of the slices of some patients, rows of `patients`."""
        spans = [np.arange(row.first, row.first + row.slices) for row in chosen.itertuples()]
        return np.concatenate([np.empty(0, int), *spans])

    def patients_of(self, slices: np.ndarray) -> list[str]:
        """Names of the patients of some slices, in order."""
        ends = self.patients["first"] + self.patients["slices"]
        numbers = np.unique(np.searchsorted(ends, slices, side="right"))
        return self.patients["patient"].iloc[numbers].tolist()

    def slices(self) -> Slices:
        """All slices, as a training takes them."""
        number = np.repeat(np.arange(len(self.patients)), self.patients["slices"])
        order = np.arange(len(number))
        return Slices(self.images, self.masks, order, patients=number, has_tumor=self.masks.any(axis=(1, 2, 3)))


def packed(source: Path, size: int, seed: int, place: Path, *, scaled_by_volume: bool = False) -> Pack:
    """Pack `source` for a grid of `size` pixels into a folder in `place`, or open what was packed before.

    With `scaled_by_volume`, the 10th and 99th percentile of each channel's non-zero voxels in the volume are mapped to
    40 and 220 (of 255), and values are clipped to 0..255.
    """
    place = place / f"pack-{size}{'-volume' if scaled_by_volume else ''}"
    if not place.is_dir():
        with atomic_folder(place) as part:
            _pack(source, size, seed, part, scaled_by_volume=scaled_by_volume)
    return Pack(
        np.load(place / "images.npy", mmap_mode="r"),
        np.load(place / "masks.npy", mmap_mode="r"),
        pd.read_csv(place / "patients.csv"),
    )


def _scaled(images: np.ndarray) -> np.ndarray:
    """Map the 10th and 99th percentile of each channel's non-zero voxels to 40 and 220, clipped to 0..255.

    Args:
        images: a volume, uint8 [slices, height, width, channels].

    Returns:
        uint8 of the same shape.
    """
    scaled = np.empty(images.shape, np.float32)
    for channel in range(images.shape[-1]):
        voxels = images[..., channel].astype(np.float32)
        low, high = np.percentile(voxels[voxels > 0], (10, 99)) if voxels.any() else (0, 1)
        scaled[..., channel] = 40 + (voxels - low) * (180 / max(high - low, 1))
    return np.rint(scaled.clip(0, 255)).astype(np.uint8)


def _pack(source: Path, size: int, seed: int, place: Path, *, scaled_by_volume: bool) -> None:
    images, masks, rows, first = [], [], [], 0
    manifest: list[dict] = []
    with open_source(source) as opened:
        for patient in bar(opened.patients, "pack", unit="patient"):
            scan = opened.read(patient).scan
            assert scan is not None
            assert scan.mask is not None
            manifest += describe(scan, opened.synthetic)
            image = _scaled(scan.image) if scaled_by_volume else scan.image
            images.append(np.asarray(preprocessing.to_grid(image, size), np.uint8))
            shares = np.asarray(preprocessing.mask_to_grid(scan.mask[..., None], size))
            masks.append(np.rint(255 * shares).astype(np.uint8))
            rows.append({"patient": patient, "site": scan.site, "first": first, "slices": len(scan.image)})
            first += len(scan.image)
    folds = assign_splits(pd.DataFrame(manifest), SplitRule(val=0.15, test=0.25, folds=FOLDS, seed=seed))
    np.save(place / "images.npy", np.concatenate(images))
    np.save(place / "masks.npy", np.concatenate(masks))
    pd.DataFrame(rows).merge(folds[["patient", "fold"]], on="patient", validate="1:1").to_csv(
        place / "patients.csv", index=False
    )
